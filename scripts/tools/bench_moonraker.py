"""Benchmark: one update of a Klipper printer, and a minute of fifty printers."""

import asyncio
import logging
from pathlib import Path
from time import process_time
from typing import Any

import aiohttp
import orjson

from custom_components.filament_slots.drivers.base import Driver
from custom_components.filament_slots.drivers.moonraker_filament.driver import (
    Driver as MoonrakerDriver,
)
from custom_components.filament_slots.drivers.moonraker_filament.state import (
    MoonrakerDecoder,
)
from tests.drivers.fake_host import FakeHost
from tests.drivers.moonraker_filament.fake_moonraker import fake_moonraker
from tests.printers.klippy import Klippy, Status
from tests.printers.moonraker_scenarios import Afc, HappyHare, System

from .bench_rig import (
    announce,
    cost,
    elsewhere,
    messages,
    paced,
    running,
    start_requested,
)

_PRINTERS = 50
_SECONDS = 60
_PER_SECOND = 4
# How many times faster than real time the minute passes.
_HURRY = 10

# The spool of an AFC slot weighs a little less: AFC reports this throughout a print.
_WEIGHTS = [{"AFC_stepper lane1": {"weight": weight}} for weight in (999.9, 999.8)]
_UNREAD = [
    {"mmu": {"filament_position": position, "sync_drive": True}}
    for position in (385.98724999999996, 386.98724999999996)
]
# The action of Happy Hare changed, so that all gates are decoded again.
_BUSY = [{"mmu": {"filament_pos": position}} for position in (3, 4)]


def updates() -> dict[str, float]:
    """Return the cost of updates that change no slot, against parsing them.

    weight: the spool of an AFC slot weighs 0.1 g less. unread: values that no slot depends on.
    busy: one that all slots depend on.
    """
    return (
        _ratio("weight", Afc, _WEIGHTS)
        | _ratio("unread", HappyHare, _UNREAD)
        | _ratio("busy", HappyHare, _BUSY)
    )


async def minute() -> dict[str, float]:
    """Return CPU seconds for a minute of four updates a second from fifty printers.

    Over real connections to another process, in less than a minute.
    """
    async with elsewhere(__name__) as printers, aiohttp.ClientSession() as session:
        fake_host = FakeHost(session=session)
        drivers: list[Driver] = [
            MoonrakerDriver(
                number, {"host": printers.config}, fake_host.emitter, fake_host.services
            )
            for number in range(_PRINTERS)
        ]
        async with running(drivers):
            updates = _PRINTERS * _SECONDS * _PER_SECOND
            wanted = messages(drivers) + updates
            emitted = len(fake_host.events)
            began = process_time()
            await printers.talk()
            while messages(drivers) < wanted:
                await asyncio.sleep(0.2)
            took = process_time() - began
            assert len(fake_host.events) == emitted, "a slot changed"
    return {"cpu_s": took, "per_message_us": took / updates * 1e6}


def _update(change: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "jsonrpc": "2.0",
            "method": "notify_status_update",
            "params": [change, 2561.323790707],
        }
    )


def _ratio(
    name: str, kind: type[System], changes: list[dict[str, Any]]
) -> dict[str, float]:
    decoder = MoonrakerDecoder(logging.getLogger(__name__))
    for answer in _answers(kind):
        decoder.feed(answer)
    assert decoder.snapshot is not None
    first, second = map(_update, changes)
    parse, feed = cost(
        lambda: (orjson.loads(first), orjson.loads(second)),
        lambda: (
            decoder.feed(orjson.loads(first)),
            decoder.feed(orjson.loads(second)),
        ),
    )
    return {
        f"{name}_bytes": len(first),
        f"{name}_ratio": feed / parse,
        f"{name}_us": (feed - parse) / 2 * 1e6,
    }


def _answers(kind: type[System]) -> list[dict[str, Any]]:
    """Return the answers of a printer with this system."""
    status = _full(kind)
    return [
        {"result": {"klippy_state": "ready", "components": []}},
        {"result": {"objects": list(status)}},
        {"result": {"eventtime": 1.0, "status": status}},
    ]


def _full(kind: type[System]) -> Status:
    """Return the status of a printer with this system, a spool in every slot."""
    klippy = Klippy(Path("nowhere"), speed=1e9)
    system = kind(klippy)

    async def fill() -> None:
        for slot in range(1, 5):
            await system.insert(slot, slot)

    asyncio.run(fill())
    status: Status = orjson.loads(orjson.dumps(klippy.objects))
    return status | {"webhooks": {"state": "ready"}}


async def _talk(status: Status) -> None:
    """Run fifty virtual printers that start sending on request."""
    async with fake_moonraker(status) as moonraker:
        announce(moonraker.url)
        await start_requested()
        updates = [_update(change).decode() for change in _WEIGHTS]
        rate = _PRINTERS * _PER_SECOND * _HURRY
        async for number in paced(_PRINTERS * _PER_SECOND * _SECONDS, rate):
            turn, printer = divmod(number, _PRINTERS)
            await moonraker.peers[printer].send(updates[turn % 2])
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_talk(_full(Afc)))
