"""Benchmark: what the guard of drivers from other components costs."""

import logging
from typing import Any

import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from custom_components.filament_slots.drivers.bambulab_mqtt.report import ReportDecoder
from custom_components.filament_slots.drivers.guarded import GuardedDriver
from custom_components.filament_slots.drivers.registry import (
    known_driver,
    load_driver_now,
)
from tests.drivers.fake_host import FakeHost
from tests.printers.bambu import BambuPrinter

from .bench_house import printer_with_two_units
from .bench_rig import cost

# What the guard adds is less than what other work of the machine does.
_ROUNDS = 60


async def guard() -> dict[str, float]:
    """Return what a Bambu driver does, and what it costs under the guard, in µs.

    report, guarded_report: a full report that changes no slot, from its bytes on. health,
    guarded_health: a look at the health, whose answer the guard checks. Both take turns.
    """
    config = BambuPrinter(printer_with_two_units()).config | {"port": 8883}
    host, guarded_host = FakeHost(), FakeHost()
    driver = Driver(1, config, host.emitter, host.services)
    load_driver_now(Driver.driver_key)
    guarded = GuardedDriver(
        1,
        config,
        guarded_host.emitter,
        guarded_host.services,
        driver_key=Driver.driver_key,
        registered=known_driver(Driver.driver_key),
    )
    # The way of a report is within the driver, which the guard creates in a context.
    inner: Any = guarded._driver  # noqa: SLF001
    take, inner_take = driver._take, inner._take  # noqa: SLF001
    context = guarded._context  # noqa: SLF001
    report = orjson.dumps(printer_with_two_units().report_full())
    decoders = [ReportDecoder(logging.getLogger(__name__)) for _ in range(2)]
    with driver.connected(), inner.connected():
        plain_report, guarded_report, plain_health, guarded_health = cost(
            lambda: take(decoders[0], report),
            lambda: context.run(inner_take, decoders[1], report),
            driver.health,
            guarded.health,
            rounds=_ROUNDS,
        )
    assert len(host.events) == len(guarded_host.events)
    return {
        "report": plain_report * 1e6,
        "guarded_report": guarded_report * 1e6,
        "health": plain_health * 1e6,
        "guarded_health": guarded_health * 1e6,
    }
