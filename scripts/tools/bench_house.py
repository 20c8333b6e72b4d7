"""Benchmark: a hundred Bambu printers, and stopping them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
import socket
import sys
import threading
from time import perf_counter, process_time, thread_time

import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.driver import (
    Driver as BambuDriver,
)
from custom_components.filament_slots.drivers.base import Driver
from tests.drivers.fake_host import FakeHost
from tests.printers.bambu import HOST, BambuPrinter
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import X1C, Kind, bambu_spool

from .bench_rig import announce, elsewhere, messages, paced, running, start_requested

_PRINTERS = 100
_SECONDS = 12.0
# Seconds between two checks of the event loop.
_BEAT = 0.001


async def house(reports: str) -> dict[str, float]:
    """Return the cost of printers that send a report a second each.

    reports: `delta` or `full`. core_percent: of one core. stall_ms: the longest the
    event loop did not get round, which on a busy machine is others' doing too;
    busy_ms: what it worked in one go. threads: more than without them.
    stop_ms: until all drivers were stopped.
    """
    async with elsewhere(__name__, reports) as printers:
        fake_host = FakeHost()
        threads = _threads()
        drivers: list[Driver] = [
            BambuDriver(number, config, fake_host.emitter, fake_host.services)
            for number, config in enumerate(printers.config)
        ]
        async with running(drivers):
            await printers.talk()
            emitted = len(fake_host.events)
            before, began, worked = messages(drivers), perf_counter(), process_time()
            await asyncio.sleep(_SECONDS)
            worked, took = process_time() - worked, perf_counter() - began
            taken = messages(drivers) - before
            # Measured apart: the frequent checks cost more than all the printers.
            async with watched() as pauses:
                await asyncio.sleep(_SECONDS)
            assert len(fake_host.events) == emitted, "a slot changed"
            threads = _threads() - threads
            stop = await _stop(drivers)
    return {
        "per_s": taken / took,
        "core_percent": worked / took * 100,
        "cpu_us": worked / taken * 1e6,
        "stall_ms": max(pause for pause, _ in pauses) * 1000,
        "busy_ms": max(busy for _, busy in pauses) * 1000,
        "threads": threads,
        "stop_ms": stop,
    }


async def silent() -> float:
    """Return the time in ms to stop drivers that wait for an answer."""
    fake_host = FakeHost()
    with socket.create_server((HOST, 0), backlog=_PRINTERS) as server:
        config = BambuPrinter(printer_with_two_units()).config | {
            "port": server.getsockname()[1]
        }
        drivers: list[Driver] = [
            BambuDriver(number, config, fake_host.emitter, fake_host.services)
            for number in range(_PRINTERS)
        ]
        for driver in drivers:
            await driver.start()
        await asyncio.sleep(2)
        assert not any(driver.health()["attempts"] for driver in drivers)
        return await _stop(drivers)


def _threads() -> int:
    """Count the threads, but for those of the event loop's pool."""
    return sum(
        not thread.name.startswith("asyncio_") for thread in threading.enumerate()
    )


async def _stop(drivers: list[Driver]) -> float:
    began = perf_counter()
    await asyncio.gather(*(driver.stop() for driver in drivers))
    return (perf_counter() - began) * 1000


@asynccontextmanager
async def watched() -> AsyncIterator[list[tuple[float, float]]]:
    """Record the delays of the event loop, and how long it worked meanwhile."""
    pauses: list[tuple[float, float]] = []

    async def watch() -> None:
        while True:
            began, worked = perf_counter(), thread_time()
            await asyncio.sleep(_BEAT)
            pauses.append((perf_counter() - began - _BEAT, thread_time() - worked))

    watching = asyncio.create_task(watch())
    try:
        yield pauses
    finally:
        watching.cancel()


def printer_with_two_units(number: int = 0) -> VirtualBambu:
    """Return an X1C with two full units."""
    printer = VirtualBambu(X1C, f"00M09A{number:09d}")
    for unit in range(2):
        printer.add_unit(
            Kind.PRO, unit, *(bambu_spool(unit * 4 + tray) for tray in range(4))
        )
    return printer


async def _talk(reports: str) -> None:
    """Run a hundred virtual printers that start sending on request."""
    async with AsyncExitStack() as stack:
        printers = [
            BambuPrinter(printer_with_two_units(number)) for number in range(_PRINTERS)
        ]
        for printer in printers:
            await stack.enter_async_context(printer)
        announce([printer.config for printer in printers])
        await start_requested()
        for turn in count():
            async for number in paced(_PRINTERS, _PRINTERS):
                hardware = printers[number].hardware
                report = (
                    hardware.report_full() if reports == "full" else hardware.chatter()
                )
                report["print"]["sequence_id"] = str(turn)
                printers[number].publish_raw(orjson.dumps(report))


if __name__ == "__main__":
    asyncio.run(_talk(sys.argv[1]))
