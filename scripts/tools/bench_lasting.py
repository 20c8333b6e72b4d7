"""Benchmarks over time in a running Home Assistant: reloads, and reads during faults."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    nullcontext,
)
from dataclasses import dataclass, field
from pathlib import Path
import resource
import sqlite3
import time
from typing import Any

from tests.e2e.client import Client, HomeAssistantError
from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import DOMAIN, add_printer
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_models import bambu_spool
from tests.printers.box_turtle import KlipperPrinter

from .bench_house import printer_with_two_units
from .bench_scale import probed
from .soak.house import Gauge

# The first reloads fill caches.
_WARM_UP = 20
_RELOADS = 200
_CONNECT_TIMEOUT = 30.0
# A printer that was away is tried again after a minute at most.
_RETRY_TIMEOUT = 120.0
# Until what a reload has ended is gone.
_SETTLED = 10.0
_LOOK = 0.02

_FAULT_SECONDS = 20.0
_READ_EVERY = 0.05
# A card that waits for longer shows nothing.
_PATIENCE = 1.0
_SPEED = 4.0
_DAMAGE = 64 * 1024


async def reloads(kind: str) -> dict[str, float]:
    """Return how often a printer was set up again by a reload, and what that left behind.

    kind: `bambu`, or `klipper` behind a real Moonraker. ready: the reloads after which it
    was loaded, and connected within 30 s. tasks, threads, sockets, descriptors: more
    than before; kilobytes: of memory that Python needs more than before, caches included.
    Memory is traced, which makes everything slower.
    """
    printer = BambuPrinter(printer_with_two_units())
    machine: AbstractAsyncContextManager[Any] = (
        printer if kind == "bambu" else KlipperPrinter()
    )
    async with probed() as home_assistant, machine as running:
        client = home_assistant.client
        await client.call("bench_probe/memory", trace=True)
        entry_id = await add_printer(client, running)
        await _connected(client, entry_id)
        for _ in range(_WARM_UP):
            await _reload(client, entry_id)
        before = await _used(home_assistant)
        took: list[float] = []
        for _ in range(_RELOADS):
            began = time.monotonic()
            if await _reload(client, entry_id):
                took.append(time.monotonic() - began)
        after = await _used(home_assistant)
    return {
        "reloads": _RELOADS,
        "ready": len(took),
        "slowest_s": max(took),
        **{name: after[name] - before[name] for name in after},
    }


async def _reload(client: Client, entry_id: str) -> bool:
    """Reload an entry; return whether its printer was connected in time."""
    await client.post(f"config/config_entries/entry/{entry_id}/reload", {})
    try:
        await _connected(client, entry_id)
    except TimeoutError:
        return False
    return True


async def _connected(
    client: Client, entry_id: str, timeout: float = _CONNECT_TIMEOUT
) -> None:
    # No call is cut off: its answer would be one too many.
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        answer = await client.call(f"{DOMAIN}/printers")
        (entry,) = (each for each in answer["printers"] if each["entry_id"] == entry_id)
        if entry["connected"]:
            return
        await asyncio.sleep(_LOOK)
    raise TimeoutError


async def _used(home_assistant: HomeAssistant) -> dict[str, float]:
    """Return what the process uses once it is at rest."""
    await asyncio.sleep(_SETTLED)
    probe = await home_assistant.client.call("bench_probe/memory", trace=True)
    gauge = await asyncio.to_thread(Gauge.of, home_assistant.pid)
    return {
        "tasks": probe["tasks"],
        "threads": gauge.threads,
        "sockets": await asyncio.to_thread(_sockets, home_assistant.pid),
        "descriptors": gauge.descriptors,
        "kilobytes": probe["bytes"] / 1000,
    }


def _sockets(pid: int) -> int:
    files = Path("/proc", str(pid), "fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in files)


@dataclass(slots=True)
class Answered:
    """Reads of one kind during a fault: how many were answered, and the slowest answer."""

    asked: int = 0
    answered: int = 0
    slowest: float = 0.0

    @property
    def percent(self) -> float:
        """The share of the reads that were answered within a second."""
        return self.answered / self.asked * 100

    async def ask(self, client: Client, command: str) -> None:
        """Read once."""
        self.asked += 1
        began = time.monotonic()
        try:
            answer = await client.call(command)
        except HomeAssistantError:
            return
        took = time.monotonic() - began
        content = answer["slots" if "slots" in answer else "events"]
        self.answered += bool(content) and took < _PATIENCE
        self.slowest = max(self.slowest, took)


@dataclass(slots=True)
class Reads:
    """The reads during a fault: of what is in the slots, and of the history."""

    slots: Answered = field(default_factory=Answered)
    history: Answered = field(default_factory=Answered)


async def available() -> dict[str, Reads]:
    """Return by fault which of twenty reads a second were answered, within 20 s of each.

    The printer has eight spools, one of which is taken out and put back all the time. An
    answer without content does not count.
    """
    results: dict[str, Reads] = {}
    async with (
        BambuPrinter(printer_with_two_units(), chatter=1.0) as printer,
        probed() as home_assistant,
    ):
        client = home_assistant.client
        entry_id = await add_printer(client, printer)
        await _connected(client, entry_id)
        moving = asyncio.create_task(_move(printer))
        while not (await client.call(f"{DOMAIN}/events"))["events"]:
            await asyncio.sleep(_LOOK)
        store = home_assistant.folder / ".storage" / DOMAIN / f"{DOMAIN}.db"
        faults: dict[str, Callable[[], AbstractAsyncContextManager[None]]] = {
            "none": nullcontext,
            "the printer is off": lambda: _off(printer),
            "the printer sends nothing": lambda: _silent(printer),
            "another program locks the database": lambda: _locked(store),
            "no file can grow": lambda: _limited(home_assistant.pid, _size(store)),
            "no file can be written": lambda: _limited(home_assistant.pid, 0),
            "the database is overwritten": lambda: _damaged(store),
        }
        for name, fault in faults.items():
            async with fault():
                results[name] = await _read(client)
            await asyncio.sleep(_SETTLED)
            await _connected(client, entry_id, _RETRY_TIMEOUT)
        moving.cancel()
    return results


async def _read(client: Client) -> Reads:
    reads = Reads()
    until = time.monotonic() + _FAULT_SECONDS
    while time.monotonic() < until:
        await asyncio.gather(
            reads.slots.ask(client, f"{DOMAIN}/slots"),
            reads.history.ask(client, f"{DOMAIN}/events"),
            asyncio.sleep(_READ_EVERY),
        )
    return reads


async def _move(printer: BambuPrinter) -> None:
    """Take a spool out and put it back."""
    while True:
        await printer.play(printer.hardware.remove(1, 1), _SPEED)
        await asyncio.sleep(_SETTLED)
        await printer.play(printer.hardware.insert(1, 1, bambu_spool(0)), _SPEED)
        await asyncio.sleep(_SETTLED)


@asynccontextmanager
async def _off(printer: BambuPrinter) -> AsyncIterator[None]:
    port = printer.config["port"]
    await printer.power_off()
    yield
    await printer.power_on(port)


@asynccontextmanager
async def _silent(printer: BambuPrinter) -> AsyncIterator[None]:
    printer.silent = True
    yield
    printer.silent = False


@asynccontextmanager
async def _locked(store: Path) -> AsyncIterator[None]:
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def _size(store: Path) -> int:
    """Return the size of the larger one of the database and its log."""
    return max(
        file.stat().st_size for file in (store, store.with_name(f"{store.name}-wal"))
    )


@asynccontextmanager
async def _limited(pid: int, size: int) -> AsyncIterator[None]:
    """Let a process write no file beyond a size, as on a disk that is full or has failed.

    With 0 it writes none at all, and SQLite cannot even share what readers need.
    """
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def _damaged(store: Path) -> AsyncIterator[None]:
    """Overwrite the beginning of the database, once."""
    with store.open("r+b") as file:
        file.write(bytes(_DAMAGE))
    yield
