"""Benchmark: printers that send ten thousand messages a second, or report ten thousand slots."""

import asyncio
from contextlib import suppress
from itertools import cycle
import sys
from time import perf_counter
from typing import Any

import aiohttp
import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.driver import (
    Driver as BambuDriver,
)
from custom_components.filament_slots.drivers.base import Driver
from custom_components.filament_slots.drivers.moonraker_filament.driver import (
    Driver as MoonrakerDriver,
)
from tests.drivers.fake_host import FakeHost
from tests.drivers.moonraker_filament.fake_moonraker import fake_moonraker
from tests.printers.bambu import BambuPrinter
from tests.printers.klippy import Status

from .bench_house import printer_with_two_units, watched
from .bench_rig import announce, elsewhere, messages, paced, start_requested

_PER_SECOND = 10_000
_SECONDS = 30.0
# Reports that are written before others are sent.
_AT_ONCE = 100
_SENSORS = 10_000


async def flood(kind: str) -> dict[str, float]:
    """Return what a flood does to the event loop, from the connection on.

    kind: `bambu` or `moonraker`: messages that each change a slot; `pings`: of a
    Moonraker's WebSocket. per_s: messages that were processed. busy_ms: the longest
    uninterrupted work.
    """
    async with (
        elsewhere(__name__, kind) as printers,
        aiohttp.ClientSession() as session,
    ):
        host = FakeHost(session=session)
        make = BambuDriver if kind == "bambu" else MoonrakerDriver
        driver: Driver = make(1, printers.config, host.emitter, host.services)
        async with watched() as pauses:
            await driver.start()
            await host.wait_for(
                lambda: driver.health()["status"] == "running", timeout=60
            )
            await printers.talk()
            before, began = messages([driver]), perf_counter()
            await asyncio.sleep(_SECONDS)
            taken, took = messages([driver]) - before, perf_counter() - began
            health = driver.health()
            assert health["counters"]["reconnects"] == 0, health["last_error"]
            await driver.stop()
    return {
        "per_s": taken / took,
        "busy_ms": max(busy for _, busy in pauses) * 1000,
        "events": len(host.events),
    }


async def _bambu() -> None:
    async with BambuPrinter(printer_with_two_units()) as printer:
        announce(printer.config)
        await start_requested()
        ams = printer.hardware.report_full()["print"]["ams"]
        bits = {name: value for name, value in ams.items() if name.endswith("_bits")}
        reports = [
            orjson.dumps(
                {
                    "print": {
                        "command": "push_status",
                        "msg": 1,
                        "ams": bits | {"tray_exist_bits": exist},
                    }
                }
            )
            for exist in ("ff", "fe")
        ]
        async for number in paced(10**9, _PER_SECOND):
            printer.publish_raw(reports[number % 2])
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


async def _moonraker(kind: str) -> None:
    status: Status = {
        f"filament_switch_sensor s{number}": {"filament_detected": True}
        for number in range(_SENSORS)
    }
    async with fake_moonraker(status) as moonraker:
        announce(moonraker.config)
        await start_requested()
        (peer,) = moonraker.peers
        updates = cycle(
            [
                orjson.dumps(_update(number, detected)).decode()
                for detected in (False, True)
                for number in range(8)
            ]
        )
        async for _ in paced(10**9, _PER_SECOND):
            if kind == "pings":
                await peer.socket.ping()
            else:
                await peer.socket.send_str(next(updates))


def _update(number: int, detected: bool) -> dict[str, Any]:
    sensor = {f"filament_switch_sensor s{number}": {"filament_detected": detected}}
    return {"jsonrpc": "2.0", "method": "notify_status_update", "params": [sensor, 1.0]}


async def _talk(kind: str) -> None:
    """Run the printer, which starts to flood on request."""
    with suppress(ConnectionError):  # when the driver has left
        await (_bambu() if kind == "bambu" else _moonraker(kind))


if __name__ == "__main__":
    asyncio.run(_talk(sys.argv[1]))
