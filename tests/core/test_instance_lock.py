"""The lock of the folder: one process at a time uses the database."""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import fcntl
from pathlib import Path
import shutil
import subprocess
import sys
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine import writer
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.instance_lock import InstanceLock
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler

from .conftest import count, inserted, new_handler, new_store, register, removed

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock_path(path: Path) -> Path:
    """Return where the lock file is."""
    return path.with_suffix(".lock")


@contextmanager
def another_process(lock_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock, until it is killed or the block ends."""
    lock_path.parent.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def content(path: Path) -> dict[str, tuple[bytes, int]]:
    """Return the files of the folder with their content and time of change."""
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in path.parent.iterdir()
    }


async def test_a_second_store_is_refused_and_changes_nothing(
    store: Store, path: Path
) -> None:
    """The first one goes on."""
    handler = new_handler(store)
    await register(handler)
    before = content(path)

    second = new_store(path)
    with pytest.raises(StoreError) as raised:
        await second.open()

    assert raised.value.code is Problem.IN_USE
    assert content(path) == before
    assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.STORED


async def test_the_database_is_not_touched_while_another_process_has_the_lock(
    path: Path, lock_path: Path
) -> None:
    """Not even created; once that process was killed, the store opens."""
    with another_process(lock_path) as process:
        store = new_store(path)
        with pytest.raises(StoreError, match="another process") as raised:
            await store.open()
        assert raised.value.code is Problem.IN_USE
        assert [*content(path)] == [lock_path.name]
        process.kill()
        process.wait()
        store = new_store(path)
        await store.open()
        assert await count(store, "printers") == 0
        await store.close()


async def test_a_closed_store_can_be_opened_by_another(
    store: Store, path: Path
) -> None:
    """Closing releases the lock."""
    await store.close()
    second = new_store(path)
    await second.open()
    await second.close()


async def test_a_folder_that_another_process_has_made_again_is_left_to_it(
    store: Store, handler: EventHandler, path: Path, lock_path: Path
) -> None:
    """Events wait in memory as long as it runs."""
    with patch.object(writer, "_LOOK_AGAIN", (0.01, 0.01)):
        shutil.rmtree(path.parent)
        with another_process(lock_path):
            assert await handler.handle_printer_event(inserted(1, 1))
            while store.writer.state.problem is not Problem.IN_USE:
                await handler.handle_printer_event(removed(1, 1))
                await handler.handle_printer_event(inserted(1, 1))
            assert [*content(path)] == [lock_path.name]
        while store.writer.buffered or store.writer.state.problem:
            await handler.handle_printer_event(inserted(1, 2))
    assert await count(store, "slot_events")


def test_a_file_system_without_locks_is_used_without_one(lock_path: Path) -> None:
    """Some network file systems have none."""
    lock = InstanceLock(lock_path)
    with patch.object(fcntl, "flock", side_effect=OSError(errno.ENOLCK, "no locks")):
        lock.acquire()
    lock.release()
    lock.release()
