"""Benchmark: what the guard of drivers from other components costs."""

import asyncio
from statistics import median
from time import process_time
from typing import Any

from custom_components.filament_slots.drivers.base import Driver
from custom_components.filament_slots.drivers.guarded import GuardedDriver
from custom_components.filament_slots.drivers.registry import (
    known_driver,
    load_driver_now,
)
from tests.drivers.fake_host import FakeHost

from .bench_rig import cost, elsewhere, messages, running

_KEY = "bambulab_mqtt"
_ROUNDS = 8
_SECONDS = 12.0


async def guard() -> dict[str, float]:
    """Return the cost of a hundred Bambu printers under the guard, and without it.

    report_us, guarded_report_us: of the CPU for a full report, connection included; both
    take turns, and each is the median of its rounds. health_us, guarded_health_us: of a
    look at the health, whose answer the guard checks.
    """
    reports: dict[bool, list[float]] = {False: [], True: []}
    health: dict[bool, float] = {}
    load_driver_now(_KEY)
    async with elsewhere("scripts.tools.bench_house", "full") as printers:
        for number in range(_ROUNDS):
            # The second one of a pair is the first one of the next.
            guarded = number % 4 in (1, 2)
            drivers = [_driver(config, guarded) for config in printers.config]
            async with running(drivers):
                if number == 0:
                    await printers.talk()
                before, worked = messages(drivers), process_time()
                await asyncio.sleep(_SECONDS)
                worked = process_time() - worked
                reports[guarded].append(worked / (messages(drivers) - before))
                (health[guarded],) = cost(drivers[0].health)
    return {
        "report_us": median(reports[False]) * 1e6,
        "guarded_report_us": median(reports[True]) * 1e6,
        "health_us": health[False] * 1e6,
        "guarded_health_us": health[True] * 1e6,
    }


def _driver(config: dict[str, Any], guarded: bool) -> Driver:
    host = FakeHost()
    registered = known_driver(_KEY)
    assert registered is not None
    if guarded:
        return GuardedDriver(
            1,
            config,
            host.emitter,
            host.services,
            driver_key=_KEY,
            registered=registered,
        )
    return registered.driver(1, config, host.emitter, host.services)
