"""What the store survives: faults made on purpose, and what was lost (nothing).

Run it: `python -m scripts.tools.faults`. It prints a table: the fault, how often
it was tried, the events that were published as stored, those of them found in the file, and
those found twice.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
import multiprocessing
from multiprocessing.connection import Connection
import os
from pathlib import Path
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from typing import Any, Final
from unittest.mock import patch

from custom_components.filament_slots.core.engine import database_file, writer
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.codec import unpack_id

from .bench_store import open_store

_SLOTS = 4


@dataclass(slots=True)
class Tally:
    """How often, and what became of the events."""

    fault: str
    tries: int = 0
    published: int = 0
    found: int = 0
    twice: int = 0

    def add(self, published: set[str], path: Path) -> None:
        """Compare what was published as stored with what is in the file."""
        db = sqlite3.connect(path)
        ids = [
            unpack_id(row[0]) for row in db.execute("SELECT event_id FROM slot_events")
        ]
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.close()
        self.tries += 1
        self.published += len(published)
        self.found += len(published & set(ids))
        self.twice += len(ids) - len(set(ids))

    @property
    def good(self) -> bool:
        """Whether all is there, and once."""
        return 0 < self.published == self.found and not self.twice

    @property
    def row(self) -> str:
        """Return the line of the table."""
        numbers = (self.tries, self.published, self.found, self.twice)
        return f"| {self.fault} | " + " | ".join(f"{n:,}" for n in numbers) + " |"


def kills(rounds: int, seed: int = 1) -> Tally:
    """Kill a process at random moments while it stores as fast as it can."""
    chance = random.Random(seed)
    tally = Tally("killed at a random moment under load")
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.db"
            published = _killed(path, chance.uniform(0.02, 0.4))
            tally.add(published, path)
            # What is there must be taken up again, whatever was half done.
            asyncio.run(_opens(path))
    return tally


def _killed(path: Path, seconds: float) -> set[str]:
    """Return the ids that a process published as stored before it was killed."""
    # A process forked from one that has imported everything begins at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_store_until_killed, args=(path, its))
    process.start()
    its.close()
    published = {ours.recv_bytes().decode()}
    time.sleep(seconds)
    process.kill()
    # The last message may be cut off by the kill.
    with suppress(EOFError, OSError):
        while True:
            published.add(ours.recv_bytes().decode())
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return published


def _store_until_killed(path: Path, pipe: Connection) -> None:
    asyncio.run(_load(path, lambda event_id: pipe.send_bytes(event_id.encode())))


async def _opens(path: Path) -> None:
    store, _ = await _open(path)
    await store.close()


async def _load(path: Path, report: Callable[[str], object]) -> None:
    """Store events of three printers until the end."""
    _, handler = await _open(path, printers=3)

    def report_stored(event: dict[str, Any], _: object) -> None:
        if event["meta"].get("persisted", True):
            report(event["event_id"])

    for printer_id in (1, 2, 3):
        handler.subscribe(printer_id, report_stored)
    number = 0
    while True:
        for _ in range(60):
            number += 1
            handler.put(_event(number, printer_id=number % 3 + 1))
        await asyncio.sleep(0.001)


async def _open(path: Path, printers: int = 1) -> tuple[Store, EventHandler]:
    store, handler = await open_store(path)
    for number in range(printers):
        await handler.register_printer(
            f"SERIAL{number}", "Printer", "bambulab_mqtt", None
        )
    return store, handler


def _event(
    number: int, *, printer_id: int = 1, at: str = "2026-01-01T00:00:00+00:00"
) -> dict[str, Any]:
    return {
        "event_id": f"E{number}",
        "event_type": "spool_inserted" if number % 2 else "spool_removed",
        "event_at": at,
        "printer_id": printer_id,
        "slot": {
            "is_ams_slot": True,
            "ams_unit_no": 1,
            "slot_no": number // 2 % _SLOTS + 1,
            "slots_total": _SLOTS,
        },
        "meta": {"note": "x" * 200},
    }


async def _through(
    name: str,
    fall: Callable[[Store, Path], Awaitable[object]],
    mend: Callable[[Store, Path, Any], Awaitable[object]],
) -> Tally:
    """Store events before, through and after a fault; what was published must be there."""
    tally = Tally(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filament_slots" / "store.db"
        store, handler = await _open(path)
        published: set[str] = set()
        handler.subscribe(1, lambda event, _: published.add(event["event_id"]))
        for number in range(500):
            handler.put(_event(number))
        await handler.drain()
        outage = await fall(store, path)
        for number in range(500, 1500):
            handler.put(_event(number))
        await handler.drain()
        await mend(store, path, outage)
        for number in range(1500, 2000):
            handler.put(_event(number))
        await handler.drain()
        await _end(store, handler)
        tally.add(published, path)
    return tally


async def _end(store: Store, handler: EventHandler) -> None:
    """Close the store once it has written what waits."""
    async with asyncio.timeout(60):
        while store.writer.buffered or store.writer.state.problem:
            await asyncio.sleep(0.05)
    await handler.close()
    await store.close()


async def damaged(name: str, tries: int, seed: int = 1) -> Tally:
    """Damage the open file at random moments; nothing reports an error.

    Of what was published as stored before, that which the file had not proven to hold
    is counted: the rest may be in what was set aside.
    """
    chance = random.Random(seed)
    tally = Tally(f"{name} under us")
    for _ in range(tries):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.db"
            store, handler = await _open(path)
            published: list[str] = []

            def note(
                event: dict[str, Any], _: object, published: list[str] = published
            ) -> None:
                if event["meta"].get("persisted", True):
                    published.append(event["event_id"])

            handler.subscribe(1, note)
            before = chance.randrange(1, 2000)
            for number in range(before + 240):
                if number == before:
                    await handler.drain()
                    proven = len(published) - store.writer.unproven
                    del published[:proven]
                    await asyncio.to_thread(DAMAGES[name], path)
                handler.put(_event(number))
                if chance.random() < 0.02:
                    await handler.drain()
            await handler.drain()
            await _end(store, handler)
            tally.add(set(published), path)
    return tally


def _overwrite(path: Path, start: int = 0) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(start)
        file.write(random.Random(size).randbytes(max(0, size - start)))


def _replace(path: Path, content: bytes) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(content)
    other.replace(path)


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


# What is done to the open file, which SQLite does not notice.
DAMAGES: Final[Mapping[str, Callable[[Path], object]]] = {
    "file cut to half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "file cut to nothing": lambda path: os.truncate(path, 0),
    "file overwritten": _overwrite,
    "file overwritten behind its header": partial(_overwrite, start=4096),
    "file replaced by garbage": lambda path: _replace(path, b"garbage" * 9999),
    "file replaced by an empty one": lambda path: _replace(path, b""),
    "journal deleted": lambda path: _journal(path).unlink(),
    "journal cut to nothing": lambda path: os.truncate(_journal(path), 0),
    "journal overwritten": lambda path: _overwrite(_journal(path)),
}


async def locked(seconds: float) -> Tally:
    """Let another process hold the lock."""

    async def fall(_: Store, path: Path) -> Any:
        code = (
            "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1],"
            " isolation_level=None); db.execute('BEGIN IMMEDIATE'); print(1, flush=True);"
            " time.sleep(float(sys.argv[2]))"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            str(path),
            str(seconds),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        return process

    async def mend(_: Store, __: Path, process: Any) -> None:
        await process.wait()

    return await _through(f"lock held by another process for {seconds:g} s", fall, mend)


async def full() -> Tally:
    """Let the disk have no page left."""

    connections: list[sqlite3.Connection] = []
    connect = database_file.connect

    def note(path: Path) -> sqlite3.Connection:
        connections.append(connect(path))
        return connections[-1]

    async def limit(pages: int) -> None:
        connections[0].execute(f"PRAGMA max_page_count = {pages}").fetchall()

    async def fall(*_: object) -> None:
        await limit(1)

    async def mend(*_: object) -> None:
        await limit(2**30)

    with patch.object(database_file, "connect", note):
        return await _through("disk full", fall, mend)


async def gone() -> Tally:
    """Let the folder be deleted under the store."""

    async def fall(_: Store, path: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, path.parent)

    async def mend(*_: object) -> None:
        pass

    return await _through("folder deleted under us", fall, mend)


async def burst(events: int, printers: int) -> Tally:
    """Put many events at once, one printer of them sending garbage; stop in the middle."""
    tally = Tally(f"{events:,} events at once from {printers} printers, then stopped")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store, handler = await _open(path, printers)
        published: set[str] = set()
        for printer_id in range(1, printers + 1):
            handler.subscribe(
                printer_id, lambda event, _: published.add(event["event_id"])
            )
        for number in range(events):
            printer_id = number % printers + 1
            event = _event(number, printer_id=printer_id)
            handler.put({"printer_id": 1, "x": number} if printer_id == 1 else event)
        await asyncio.sleep(0)
        await handler.close()
        await store.close()
        assert len(published) == events - events // printers
        tally.add(published, path)
    return tally


async def clock() -> Tally:
    """Let the clock go backwards, and summer time begin and end."""
    tally = Tally("clock going backwards and across summer time")
    times = (
        "2026-03-29T01:59:59+01:00",
        "2026-03-29T03:00:01+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2025-01-01T00:00:00+00:00",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store, handler = await _open(path)
        published: list[str] = []
        handler.subscribe(1, lambda event, _: published.append(event["event_id"]))
        for number in range(500):
            handler.put(_event(number, at=times[number % len(times)]))
        await handler.close()
        await store.close()
        db = sqlite3.connect(path)
        ids = [
            unpack_id(row[0])
            for row in db.execute("SELECT event_id FROM slot_events ORDER BY id")
        ]
        db.close()
        assert ids == published == [f"E{number}" for number in range(500)]
        tally.add(set(published), path)
    return tally


async def others(lock_seconds: float, events: int, damages: int) -> list[Tally]:
    """Return all faults but the kills."""
    with patch.object(writer, "_LOOK_AGAIN", (0.2, 0.5)):
        return [
            *[await damaged(name, damages) for name in DAMAGES],
            await locked(lock_seconds),
            await full(),
            await gone(),
            await burst(events, 50),
            await clock(),
        ]


def main() -> int:
    """Print the table; return how many rows of it are not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, metavar="ROUNDS")
    parser.add_argument("--lock", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--burst", type=int, default=100_000, metavar="EVENTS")
    parser.add_argument("--damages", type=int, default=25, metavar="TRIES")
    how = parser.parse_args()
    print(
        "| fault | tries | published as stored | found | twice |\n|---|---|---|---|---|"
    )
    tallies = [kills(how.kills)]
    print(tallies[0].row, flush=True)
    for tally in asyncio.run(others(how.lock, how.burst, how.damages)):
        print(tally.row, flush=True)
        tallies.append(tally)
    return sum(not tally.good for tally in tallies)


if __name__ == "__main__":
    sys.exit(main())
