"""An open file that is damaged in place: noticed at the next commit, nothing is lost."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
import logging
import os
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine import proof, writer
from custom_components.filament_slots.core.engine.database_file import private_file
from custom_components.filament_slots.core.engine.errors import Problem, StoreState
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.expectations import Assigned
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.maintenance import Retried
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.core.tables.row_writer import RowWriter
from scripts.tools.faults import DAMAGES

from .conftest import (
    fresh_handler,
    inserted,
    maintenance,
    new_handler,
    new_store,
    register,
    removed,
    slot,
    state,
    unit,
)
from .outages import Locked
from .test_outage import Published, stored, until_well
from .test_retention import NOW

# After these the file is sound: it is used as it is.
SOUND = {name for name in DAMAGES if name.startswith("journal")}
# After these it is another file, which takes its place after the usual retries.
REPLACED = {name for name in DAMAGES if "replaced" in name}


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try again, and look again, sooner."""
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01, 0.01, 0.01)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        yield


async def put(handler: EventHandler, first: int, last: int) -> list[str]:
    """Store events one by one, each in a transaction of its own; return their ids."""
    ids = []
    for number in range(first, last):
        kind = inserted if number % 2 else removed
        event = kind(1, number // 2 % 4 + 1, tag="A", event_id=f"E{number}")
        await handler.handle_printer_event(event)
        ids.append(f"E{number}")
    return ids


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_noticed_at_the_next_commit_and_nothing_is_lost(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was reported is in the new file, under its ids, and not published again."""
    states: list[StoreState] = []
    store = new_store(path, states.append)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    published = Published(handler)
    ids = await put(handler, 0, 60)
    await stored(store)
    # asyncio warns of a callback that took long on a busy machine.
    assert not [record for record in caplog.records if record.name != "asyncio"]
    with caplog.at_level(logging.WARNING):
        await asyncio.to_thread(DAMAGES[damage], path)
        ids += await put(handler, 60, 62)
    await until_well(store)

    assert await stored(store) == ids == published.ids
    assert len(store.writer.state.set_aside) == (damage not in SOUND)
    expected = {None, Problem.MISSING} if damage in REPLACED else {None}
    assert {each.problem for each in states} <= expected
    assert bool(published.unsaved) is (damage in REPLACED)
    assert await handler.handle_printer_event(inserted(1, 4)) is Outcome.STORED
    again = fresh_handler(store)
    assert await register(again) == 1
    assert again.slots(1) == handler.slots(1)
    await handler.close()
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_after_the_last_event_is_noticed_when_the_store_is_closed(
    path: Path, damage: str
) -> None:
    """Home Assistant stops as usual, and the next start finds everything."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    ids = await put(handler, 0, 30)
    slots = handler.slots(1)
    await asyncio.to_thread(DAMAGES[damage], path)
    await handler.close()
    await store.close()

    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    assert await stored(store) == ids
    assert handler.slots(1).slots == slots.slots
    await store.close()


async def test_damage_that_the_system_does_not_show_is_noticed_at_the_next_checkpoint(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """A failing card changes neither the size nor the times of a file."""
    ids = await put(handler, 0, 20)
    store.writer.prove()
    ids += await put(handler, 20, 40)

    def overwrite() -> None:
        before = path.stat()
        DAMAGES["file overwritten behind its header"](path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    await asyncio.to_thread(overwrite)
    await put(handler, 40, 41)
    unnoticed = store.writer.state
    store.writer.prove()
    await put(handler, 41, 42)

    assert not unnoticed.set_aside
    assert len(store.writer.state.set_aside) == 1
    assert await stored(store) == [*ids[20:40], "E40", "E41"]


async def test_everything_that_makes_history_is_written_again(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Events of all kinds, those of an outage, assignments and retried ones."""
    published = Published(handler)
    await handler.handle_printer_event(state(unit(1, slot(1, True)), event_id="E1"))
    outage = Locked(store, path)
    outage.begin()
    await handler.handle_printer_event(inserted(1, 2, event_id="E2"))
    no_history = state(unit(1, temperature_c=20), event_id="WARM")
    await handler.handle_printer_event(no_history)
    outage.end()
    await until_well(store)
    await handler.assign(1, ("u1", 2), Assigned(external_id="spoolman:1"))
    await handler.assign(1, ("u1", 2), Assigned(external_id="spoolman:1"))
    before = (await history(store)).copy()

    await asyncio.to_thread(os.truncate, path, 0)
    await handler.handle_printer_event(removed(1, 1, event_id="E3"))

    assert (await history(store))[:-1] == before
    assert [each for each in published.ids if each != "WARM"] == [
        event["event_id"] for event in await history(store)
    ]
    with patch.object(RowWriter, "put_event", side_effect=sqlite3.IntegrityError):
        await handler.handle_printer_event(inserted(1, 3, event_id="E4"))
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    await handler.handle_printer_event(inserted(1, 4, event_id="E5"))
    assert [event["event_id"] for event in await history(store)][-2:] == ["E4", "E5"]


async def history(store: Store) -> list[dict[str, Any]]:
    """Return all of history, oldest first."""
    return list((await read_events(store, EventFilter(), newest_first=False)).events)


async def test_what_is_kept_until_it_is_proven_is_bounded(
    handler: EventHandler, store: Store
) -> None:
    """A checkpoint is forced; where a reader prevents it, the oldest are let go."""
    with patch.object(proof, "KEPT_JOBS", 40):
        for number in range(100):
            await put(handler, number, number + 1)
            assert store.writer.unproven <= 40
        reader = sqlite3.connect(store.path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM printers").fetchall()
        await put(handler, 100, 200)
        assert store.writer.unproven == 40
        reader.close()
        await put(handler, 200, 201)
        assert store.writer.unproven == 1
    with patch.object(proof, "KEPT_BYTES", 3_000):
        await put(handler, 201, 300)
        assert store.writer.unproven <= 4
    assert store.writer.state.set_aside == ()


async def test_a_backup_is_not_disturbed_by_a_checkpoint(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Until it has ended, the file does not change, whatever has to be proven."""
    await put(handler, 0, 10)
    await store.writer.hold(0)
    assert store.writer.unproven == 0
    copied = await asyncio.to_thread(path.read_bytes)
    with patch.object(proof, "KEPT_JOBS", 5):
        await put(handler, 10, 30)
        store.writer.prove()
        await put(handler, 30, 40)
        assert await asyncio.to_thread(path.read_bytes) == copied
        assert store.writer.unproven == 5
        store.writer.release()
        await put(handler, 40, 41)
    assert store.writer.unproven == 1
    assert await asyncio.to_thread(path.read_bytes) != copied


async def test_damage_that_a_backup_finds_is_dealt_with(
    handler: EventHandler, store: Store, path: Path
) -> None:
    ids = await put(handler, 0, 10)
    await asyncio.to_thread(os.truncate, path, 0)
    await store.writer.hold(0)
    store.writer.release()
    ids += await put(handler, 10, 11)
    assert await stored(store) == ids
    assert len(store.writer.state.set_aside) == 1


async def test_what_was_purged_is_not_missing(
    handler: EventHandler, store: Store
) -> None:
    """It was deleted since it was committed, and the file is sound."""
    await put(handler, 0, 20)
    nothing = Keep(timedelta(0), timedelta(0))
    await maintenance(handler).purge(NOW, {1: nothing})
    left = await stored(store)
    store.writer.prove()
    await store.write(lambda db: None)
    assert len(left) < 20
    assert await stored(store) == left
    assert store.writer.unproven == 0
    assert store.writer.state.set_aside == ()


async def test_a_file_that_another_program_has_written_is_checked_and_used(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Nothing was wrong with it."""
    ids = await put(handler, 0, 5)

    def write() -> None:
        db = sqlite3.connect(path)
        db.execute("UPDATE printers SET name = 'Other'")
        db.commit()
        db.close()

    await asyncio.to_thread(write)
    ids += await put(handler, 5, 10)
    assert await stored(store) == ids
    assert store.writer.state == StoreState()


async def test_an_event_that_cannot_be_written_again_is_kept_with_the_failed_ones(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """It can be retried, and never holds up the others."""
    ids = await put(handler, 0, 5)
    put_event = RowWriter.put_event

    def fail(self: RowWriter, db: Any, sequence: int, row: Any, *args: Any) -> None:
        if row.event.event_id == "E2":
            raise sqlite3.IntegrityError("no luck")
        put_event(self, db, sequence, row, *args)

    await asyncio.to_thread(os.truncate, path, 0)
    with patch.object(RowWriter, "put_event", fail):
        ids += await put(handler, 5, 6)
    assert await stored(store) == [each for each in ids if each != "E2"]
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert await stored(store) == ids


async def test_an_emptied_file_is_damaged_and_the_slots_are_known_from_their_copy(
    path: Path,
) -> None:
    """It is no new file: one that was there before left its copy."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler, "OTHER")
    assert await register(handler) == 2
    event = inserted(1, 1, tag="A", meta={"unit": {"serial": "S1"}}) | {"printer_id": 2}
    await handler.handle_printer_event(event)
    slots = handler.slots(2)
    await handler.close()
    await store.close()

    await asyncio.to_thread(os.truncate, path, 0)
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    assert len(store.writer.state.set_aside) == 1
    # The ids are those from before, in any order of registration.
    assert await register(handler) == 2
    assert handler.slots(2) == slots
    assert await register(handler, "OTHER") == 1
    await store.close()


async def test_an_empty_file_without_a_copy_is_a_new_one(path: Path) -> None:
    """As the first start leaves it, when it is interrupted."""
    await asyncio.to_thread(private_file, path)
    store = new_store(path)
    await store.open()
    assert store.writer.state.set_aside == ()
    await store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == [
        path.name,
        "filament_slots.lock",
    ]


async def test_the_slots_are_copied_while_the_store_is_open(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Once an hour; where it fails, the events do not."""
    copy = path.with_suffix(".slots.db")
    await put(handler, 0, 1)
    assert not copy.exists()
    with patch.object(writer, "_COPY_AFTER", (0.0, 0.0)):
        store.writer._copy_at = 0
        await put(handler, 1, 2)
        await put(handler, 2, 3)
        assert copy.stat().st_mode & 0o777 == 0o600
        copy.unlink()
        copy.mkdir()
        assert await handler.handle_printer_event(inserted(1, 4)) is Outcome.STORED
        assert await handler.handle_printer_event(removed(1, 4)) is Outcome.STORED
    copy.rmdir()
