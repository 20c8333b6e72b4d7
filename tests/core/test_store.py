"""The file and its one writer: durable, in groups, off the event loop."""

import asyncio
from functools import partial
from pathlib import Path
import signal
import sqlite3
import stat
import sys
import threading
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.jobs import Call
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.codec import unpack_id
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.schema import MIGRATIONS

from .conftest import count, inserted, new_handler, new_store, register

ROOT = Path(__file__).parents[2]
# Writes events until it is killed, and prints the acknowledged ids.
LOADER = """
import asyncio, sys
from pathlib import Path
from tests.core.conftest import inserted, new_handler, new_store, register

async def main():
    store = new_store(Path(sys.argv[1]))
    await store.open()
    handler = new_handler(store)
    await register(handler)
    handler.subscribe(1, lambda event, slots: print(event["event_id"], flush=True))
    number = 0
    while True:
        for _ in range(50):
            number += 1
            handler.put(inserted(1, number % 4 + 1, tag="ABCD"[number % 4], event_id=f"E{number}"))
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


def _pragma(db: sqlite3.Connection, name: str) -> Any:
    """Return the value of a setting of the connection."""
    return db.execute(f"PRAGMA {name}").fetchone()


async def test_the_file_is_private_and_its_folder_is_made(
    store: Store, path: Path
) -> None:
    """No other user needs to read it; WAL, FULL and foreign keys are on."""
    assert _mode(path) == 0o600
    for name, value in {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "auto_vacuum": 2,
    }.items():
        assert await store.write(partial(_pragma, name=name)) == (value,)


async def test_the_database_is_never_touched_on_the_event_loop(path: Path) -> None:
    """Home Assistant's own detector does not see it."""
    threads = set()
    connect = sqlite3.connect

    def watch(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **kwargs)
        threads.add(threading.current_thread())
        db.set_trace_callback(lambda _: threads.add(threading.current_thread()))
        return db

    with patch("sqlite3.connect", watch):
        store = new_store(path)
        await store.open()
        handler = new_handler(store)
        await register(handler)
        await handler.handle_printer_event(inserted(1, 1))
        await handler.handle_printer_event({})
        await read_events(store, EventFilter())
        await handler.close()
        await store.close()
    assert len(threads) == 2
    assert threading.current_thread() not in threads


async def test_closing_leaves_no_thread_and_no_file_behind(path: Path) -> None:
    """Again is harmless, and nothing is taken afterwards."""
    before = set(threading.enumerate())
    store = new_store(path)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.read(lambda db: None)
    await store.open()
    await count(store, "printers")
    await store.close()
    await store.close()
    assert set(threading.enumerate()) == before
    assert _names(path) == [path.name, "filament_slots.lock"]
    with pytest.raises(StoreError, match="closed"):
        await store.write(lambda db: None)
    with pytest.raises(StoreError, match="closed"):
        await store.read(lambda db: None)


async def test_closing_writes_what_waits(path: Path) -> None:
    """A burst, a retry and all."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    left = [2]

    def fail_twice(db: sqlite3.Connection) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise sqlite3.IntegrityError
        return "done"

    late = asyncio.create_task(store.write(fail_twice))
    events = [
        asyncio.ensure_future(handler.handle_printer_event(inserted(1, 1)))
        for _ in range(100)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*events) == [Outcome.STORED] * 100
    assert await late == "done"


async def test_what_waits_shares_a_transaction(store: Store) -> None:
    """Group commit."""
    statements: list[str] = []
    await store.write(lambda db: db.set_trace_callback(statements.append))
    # All others come while this one is being written.
    gate = threading.Event()
    slow = asyncio.create_task(store.write(lambda db: gate.wait(10)))
    others = [
        asyncio.create_task(store.write(lambda db: db.execute("SELECT 1").fetchone()))
        for _ in range(200)
    ]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(slow, *others)
    await store.write(lambda db: db.set_trace_callback(None))
    assert statements.count("SELECT 1") == 200
    assert statements.count("COMMIT") <= 4


async def test_a_failing_write_is_rolled_back_alone_and_raised_at_last(
    store: Store,
) -> None:
    """One try and three retries; its neighbours are committed at once."""
    tries = []

    def fail(db: sqlite3.Connection) -> None:
        tries.append(1)
        insert(db, "bad")
        raise ValueError("bad")

    def insert(db: sqlite3.Connection, identity: str = "good") -> None:
        db.execute(
            "INSERT INTO printers (identity, name, driver_key) VALUES (?, '', '')",
            (identity,),
        )

    bad = asyncio.create_task(store.write(fail))
    await store.write(insert)
    assert not bad.done()
    with pytest.raises(ValueError, match="bad"):
        await bad
    # The first run of a group that shares a transaction is not counted.
    assert len(tries) in (4, 5)
    assert await count(store, "printers") == 1


async def test_readers_cannot_write(store: Store) -> None:
    """Only the writer can."""
    with pytest.raises(StoreError, match="readonly") as refused:
        await store.read(lambda db: db.execute("DELETE FROM printers"))
    assert refused.value.code is Problem.READ_ONLY
    assert isinstance(refused.value.__cause__, sqlite3.OperationalError)


async def test_a_database_that_another_process_locks_for_a_moment_loses_nothing(
    store: Store, handler: EventHandler, path: Path
) -> None:
    """All that waits is charged together and written by a retry."""
    with sqlite3.connect(path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.4, other.execute, "COMMIT")
        outcomes = await asyncio.gather(
            *(
                handler.handle_printer_event(inserted(1, number + 1))
                for number in range(5)
            )
        )
    other.close()
    assert outcomes == [Outcome.STORED] * 5
    assert await count(store, "slot_events") == 5


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


async def test_a_file_of_a_newer_version_is_refused_and_left_untouched(
    path: Path,
) -> None:
    """Going back to an older release keeps the data."""
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE later (x)")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = await asyncio.to_thread(path.read_bytes)
    with pytest.raises(StoreError, match=f"version {len(MIGRATIONS)}") as refused:
        await new_store(path).open()
    assert refused.value.code is Problem.NEWER
    assert await asyncio.to_thread(path.read_bytes) == before
    assert _names(path) == [path.name, "filament_slots.lock"]


async def test_a_file_opened_again_keeps_its_tables(store: Store, path: Path) -> None:
    """Opening is no migration."""
    await store.close()
    again = new_store(path)
    await again.open()
    assert await count(again, "printers") == 0
    await again.close()
    assert _names(path) == [path.name, "filament_slots.lock"]


async def test_a_finish_that_fails_does_not_stop_the_others(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a job does when it is over."""

    class Bad(Call[None]):
        def finish(self) -> None:
            raise RuntimeError

    store.submit(Bad(lambda db: None, asyncio.get_running_loop().create_future()))
    assert await store.write(lambda db: 5) == 5
    assert "after a commit" in caplog.text


@pytest.mark.parametrize("seconds", [0.3, 0.7])
async def test_what_was_acknowledged_survives_a_kill(
    path: Path, seconds: float
) -> None:
    """Every published event is in the file, none twice, and the file is sound."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LOADER,
        str(path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    published = [await process.stdout.readline() for _ in range(101)]
    killer = asyncio.get_running_loop().call_later(
        seconds, process.send_signal, signal.SIGKILL
    )
    published += [line async for line in process.stdout]
    killer.cancel()
    assert await process.wait() == -signal.SIGKILL
    # The last line may be cut off by the kill.
    acknowledged = {line.decode().strip() for line in published if line.endswith(b"\n")}
    assert len(acknowledged) > 100
    db = sqlite3.connect(path)
    found = [
        unpack_id(packed)
        for (packed,) in db.execute("SELECT event_id FROM slot_events")
    ]
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
    assert len(set(found)) == len(found)
    assert acknowledged <= set(found)
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    assert handler.slots(1).sequence == len(found)
    await store.close()
