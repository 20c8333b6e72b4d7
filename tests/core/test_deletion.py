"""A printer is deleted with all its history: nothing of it is left, nothing else goes."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine import writer
from custom_components.filament_slots.core.engine.errors import StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.expectations import Assigned
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.deletion import Deleted, _Deletion
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
    read_failed_events,
)
from custom_components.filament_slots.core.tables.library import (
    Spool,
    SpoolFilter,
    read_spools,
)
from custom_components.filament_slots.core.tables.links import SpoolLink
from custom_components.filament_slots.core.tables.locations import (
    SpoolLocation,
    put_location,
    read_pending,
)
from custom_components.filament_slots.core.tables.printers import printer_entries
from custom_components.filament_slots.model import Identifiers

from .conftest import (
    count,
    identifiers,
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
from .test_outage import stored, until_well
from .test_spools import break_an_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECRET = "only the first printer"
COMMON = {"name": "PLA Basic", "remaining_percent": 40.0}
CHIP_ONLY = {"rfid_uid": "E123456789ABCDEF", "external_id": None, "vendor_tag": None}


ORPHANS = (
    "SELECT * FROM event_slots WHERE event NOT IN (SELECT id FROM slot_events)",
    "SELECT * FROM slot_events WHERE id NOT IN (SELECT event FROM event_slots)",
    """SELECT * FROM fragments WHERE id NOT IN (
        SELECT context_id FROM slot_events WHERE context_id IS NOT NULL
        UNION SELECT filament_id FROM slot_events WHERE filament_id IS NOT NULL
    )""",
    """SELECT * FROM calendar WHERE NOT EXISTS (
        SELECT 1 FROM slot_events WHERE id BETWEEN first_event AND last_event
    )""",
    "SELECT * FROM printers WHERE id = 1 OR driver_key = ''",
    "SELECT * FROM spool_locations WHERE slot LIKE '[1,%'",
    """SELECT * FROM spools WHERE external_id IS NULL
        AND id NOT IN (SELECT spool_id FROM spool_chips)""",
)


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try again, and look again, sooner."""
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01, 0.01, 0.01)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        yield


async def fill(handler: EventHandler, store: Store) -> int:
    """Give printer 1 a history, and another one a part in it; return the other.

    Spool A was in both, B in the other only, C, E and one that was assigned in the first.
    """
    other = await register(handler, "OTHER")
    put = handler.handle_printer_event
    filament = {"name": SECRET}
    await put(state(unit(1, slot(1, False), slot(2, False)), direct=[slot(1, False)]))
    await put(inserted(1, 1, tag="A", event_id="OTHER A") | {"printer_id": other})
    await put(removed(1, 1, tag="A", event_id="OTHER GONE") | {"printer_id": other})
    await put(inserted(1, 2, tag="B", event_id="OTHER B") | {"printer_id": other})
    await put(inserted(1, 1, tag="A", second=9, meta={"filament": COMMON}))
    await put(inserted(1, 2, tag="C", second=9, meta={"filament": filament}))
    await put(inserted(1, 3, second=10, identifiers=CHIP_ONLY))
    await put(inserted(None, 1, second=11))
    await handler.assign(1, (None, 1), Assigned(external_id="local:1", label=SECRET))
    await put({"printer_id": 1, "junk": SECRET})
    with patch(
        "custom_components.filament_slots.core.event_jobs.apply",
        side_effect=RuntimeError(SECRET),
    ):
        assert await put(inserted(1, 1, event_id="FAILED")) is Outcome.FAILED
    handler.hold(True)
    await put(removed(1, 2, tag="C", second=20))
    handler.hold(False)
    for spool in (
        Identifiers(external_id=identifiers("B")["external_id"]),
        Identifiers(external_id=identifiers("C")["external_id"]),
        Identifiers(rfid_uid=CHIP_ONLY["rfid_uid"]),
    ):
        await handler.link(
            SpoolLink(spool=spool, inventory="i", inventory_spool_id=1, registered=NOW)
        )
    for number, name in ((1, '[1,"u1",1]'), (2, f'[{other},"u1",1]'), (3, None)):
        known = SpoolLocation(spool_id=number, registered=NOW, slot=name)
        await store.write(
            partial(put_location, entry_id="i", spool_id=number, known=known)
        )
    return other


def left(path: Path) -> dict[str, list[Any]]:
    """Return what of printer 1 is in any table, and every row without its parent."""
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            )
        ]
        for table in tables:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            for column in columns:
                # What refers to it, and any text that it alone had.
                where = f"{column} = 1" if column == "printer_id" else "FALSE"
                query = f"SELECT * FROM {table} WHERE {where} OR instr({column}, :text)"  # noqa: S608
                rows = db.execute(query, {"text": SECRET}).fetchall()
                if rows:
                    found[f"{table}.{column}"] = rows
        # These have no foreign keys, as they would cost too much.
        for query in ORPHANS:
            if rows := db.execute(query).fetchall():
                found[query] = rows
        if rows := db.execute("PRAGMA foreign_key_check").fetchall():
            found["foreign keys"] = rows
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found


async def spools(store: Store) -> dict[str | None, Spool]:
    """Return the spools of the library by their ids."""
    found = await read_spools(store, SpoolFilter(), limit=100)
    return {spool.external_id: spool for spool in found.spools}


async def delete(handler: EventHandler) -> Deleted:
    """Remove printer 1 and delete it."""
    await handler.mark_deleted(1)
    deleted = await maintenance(handler).delete_printer(1)
    assert deleted is not None
    return deleted


async def test_nothing_of_a_deleted_printer_is_left_and_nothing_else_goes(
    handler: EventHandler, store: Store, path: Path
) -> None:
    other = await fill(handler, store)
    before = await spools(store)
    assert len(await read_failed_events(store)) == 2
    assert {f"{table}.printer_id" for table in ("held_events", "slot_events")} < {
        *await asyncio.to_thread(left, path)
    }
    kept = await read_events(store, EventFilter(printer_id=other))
    slots = handler.slots(other)

    deleted = await delete(handler)

    assert (deleted.events, deleted.spools) == (7, 3)
    assert await asyncio.to_thread(left, path) == {}
    assert await read_events(store, EventFilter()) == kept
    assert await read_failed_events(store) == ()
    assert await store.read(printer_entries) == {other: "entry"}
    # Spool A was seen by the other one, too, which saw it last now.
    now = await spools(store)
    spool_a, spool_b = (str(identifiers(tag)["external_id"]) for tag in "AB")
    assert now.keys() == {spool_a, spool_b}
    assert now[spool_b] == before[spool_b]
    assert before[spool_a].last_slot.printer_id == 1
    assert now[spool_a].last_slot.printer_id == other
    assert now[spool_a].remaining_slot is None
    assert now[spool_a].tag_ids == before[spool_a].tag_ids
    assert [link.spool.external_id for link in handler.links.values()] == [spool_b]
    pending = await store.read(lambda db: read_pending(db, "i"))
    assert pending.locations.keys() == {2, 3}
    assert handler.slots(other) == slots
    again = new_handler(store)
    assert await register(again, "OTHER") == other
    assert again.slots(other) == slots


async def test_no_text_of_a_deleted_printer_is_in_the_copy_of_the_slots(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Also where no printer is left: damage would bring it back."""
    await fill(handler, store)
    await delete(handler)
    # The copy is written before the next job.
    await store.write(lambda _: None)
    copy = path.with_name("filament_slots.slots.db")

    def printers() -> list[Any]:
        with closing(sqlite3.connect(copy)) as db:
            return db.execute("SELECT identity FROM printers").fetchall()

    assert await asyncio.to_thread(printers) == [("OTHER",)]
    await handler.mark_deleted(2)
    await maintenance(handler).delete_printer(2)
    await store.write(lambda _: None)
    assert await asyncio.to_thread(printers) == []


async def test_a_printer_with_an_entry_is_not_deleted(
    handler: EventHandler, store: Store
) -> None:
    """Unless that entry is known to be gone: the store was away when it was removed."""
    await handler.handle_printer_event(inserted(1, 1, event_id="E"))
    care = maintenance(handler)
    assert await care.delete_printer(1) is None
    assert await care.delete_printer(1, "another entry") is None
    assert await stored(store) == ["E"]
    deleted = await care.delete_printer(1, "entry")
    assert deleted is not None
    assert deleted.events == 1


async def test_a_printer_that_is_added_again_meanwhile_is_a_new_one(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Its events are not mixed up with those that are being deleted."""
    await fill(handler, store)
    added: list[int] = []
    delete_slots = _Deletion.delete_slots

    def add(deletion: _Deletion, db: sqlite3.Connection, ids: list[int]) -> None:
        if not added:
            added.append(0)
            asyncio.run_coroutine_threadsafe(add_again(), loop)
        delete_slots(deletion, db, ids)

    async def add_again() -> None:
        added[0] = await register(handler)
        event = inserted(1, 1, tag="C", event_id="NEW") | {"printer_id": added[0]}
        assert await handler.handle_printer_event(event) is Outcome.STORED

    loop = asyncio.get_running_loop()
    with patch.object(_Deletion, "delete_slots", add):
        await delete(handler)
    await handler.drain()

    assert added == [3]
    assert await asyncio.to_thread(left, path) == {}
    [event] = (await read_events(store, EventFilter(printer_id=3))).events
    assert event["event_id"] == "NEW"
    assert (await spools(store))[identifiers("C")["external_id"]].slots
    assert handler.slots(3).sequence == 1


async def test_an_event_that_comes_too_late_is_rejected(
    handler: EventHandler, store: Store, path: Path
) -> None:
    await fill(handler, store)
    await delete(handler)
    outcome = await handler.handle_printer_event(inserted(1, 1, event_id="LATE"))
    assert outcome is Outcome.REJECTED
    [failed] = await read_failed_events(store)
    assert failed.printer_id is None
    assert await asyncio.to_thread(left, path) == {}


STEPS = (
    "release_spools",
    "empty_slots",
    "delete_spools",
    "delete_slots",
    "delete_rest",
)


@pytest.mark.parametrize("step", STEPS)
async def test_a_deletion_that_is_cut_off_shows_nothing_and_is_finished_later(
    handler: EventHandler, store: Store, path: Path, step: str
) -> None:
    """As by a kill: what was committed is in the file, and nothing else."""
    other = await fill(handler, store)
    with (
        patch.object(_Deletion, step, side_effect=KeyError("killed")),
        pytest.raises(KeyError),
    ):
        await delete(handler)
    await handler.close()
    await store.close()

    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await handler.read_links()
    assert await register(handler, "OTHER") == other
    found = await read_events(store, EventFilter())
    assert {event["printer_id"] for event in found.events} == {other}
    # The last step leaves nothing to be done.
    orphans = [
        query for query in ORPHANS if "fragments" in query or "calendar" in query
    ]
    assert step != "delete_rest" or not {*await asyncio.to_thread(left, path)} & {
        *orphans
    }
    shown = await spools(store)
    places = [
        place for spool in shown.values() for place in (spool.last_slot, *spool.slots)
    ]
    assert {place.printer_id for place in places} == {other}
    # A spool that only the deleted one knew comes from nowhere.
    event = inserted(1, 4, tag="C", event_id="NEW") | {"printer_id": other}
    await handler.handle_printer_event(event)
    [new] = (await read_events(store, EventFilter(), limit=1)).events
    assert new["meta"]["previous_slot"] == {}

    await maintenance(handler).finish_deletions()

    # It was seen before its name was taken off the one that is being deleted.
    names = {"spools.filament"} if step == "release_spools" else set()
    assert (await asyncio.to_thread(left, path)).keys() == names
    assert len(await spools(store)) == 3
    assert await stored(store) == ["OTHER A", "OTHER GONE", "OTHER B", "NEW"]
    assert (await maintenance(handler).finish_deletions()) == Deleted(0, 0, 0)
    await handler.close()
    await store.close()


async def test_an_outage_ends_a_deletion_and_it_is_finished_after_it(
    handler: EventHandler, store: Store, path: Path
) -> None:
    await fill(handler, store)
    outage = Locked(store, path)

    async def each(deletion: _Deletion, query: str, work: Any) -> None:
        if work == deletion.delete_spools:
            outage.begin()
        await original(deletion, query, work)

    original = _Deletion.each
    with patch.object(_Deletion, "each", each), pytest.raises(StoreError):
        await delete(handler)
    outage.end()
    await until_well(store)
    assert await asyncio.to_thread(left, path) != {}
    assert {
        event["printer_id"]
        for event in (await read_events(store, EventFilter())).events
    } == {2}

    await maintenance(handler).finish_deletions()

    assert await asyncio.to_thread(left, path) == {}


async def test_a_file_that_is_damaged_afterwards_brings_nothing_back(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Neither what was not proven to be in it, nor what was readable in an older one."""
    await fill(handler, store)
    with patch.object(writer.Writer, "prove"):
        await delete(handler)
    assert store.writer.unproven
    await asyncio.to_thread(path.write_bytes, b"damaged" * 10_000)
    await handler.handle_printer_event(
        inserted(1, 3, event_id="AFTER") | {"printer_id": 2}
    )
    await until_well(store)

    assert store.writer.state.set_aside
    assert await stored(store) == ["OTHER A", "OTHER GONE", "OTHER B", "AFTER"]
    assert await asyncio.to_thread(left, path) == {}


async def test_a_salvage_brings_no_deleted_printer_back(path: Path) -> None:
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    await fill(handler, store)
    await handler.close()
    await store.close()
    await asyncio.to_thread(break_an_index, path)
    store = new_store(path)
    await store.open()
    assert store.writer.state.set_aside
    handler = new_handler(store)
    await handler.read_links()
    await register(handler, "OTHER")
    await delete(handler)

    assert await maintenance(handler).salvage(asyncio.to_thread) == 3

    assert await stored(store) == ["OTHER A", "OTHER GONE", "OTHER B"]
    assert await asyncio.to_thread(left, path) == {}
    await handler.close()
    await store.close()


async def test_events_written_meanwhile_do_not_wait_for_a_deletion(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """A long history and many spools go in steps."""
    other = await register(handler, "OTHER")
    for number in range(3_000):
        handler.put(
            inserted(
                1,
                number % 4 + 1,
                event_id=f"E{number}",
                identifiers=CHIP_ONLY | {"external_id": f"x:{number % 500}"},
                meta={"filament": {"name": f"{SECRET} {number}"}},
            )
        )
    await handler.drain()
    longest = 0.0
    write = Store.write

    async def timed(self: Store, work: Any, key: Any = None) -> Any:
        nonlocal longest

        def run(db: sqlite3.Connection) -> Any:
            nonlocal longest
            began = loop.time()
            try:
                return work(db)
            finally:
                longest = max(longest, loop.time() - began)

        return await write(self, run, key)

    loop = asyncio.get_running_loop()
    with patch.object(Store, "write", timed):
        deleting = asyncio.create_task(delete(handler))
        number = 0
        while not deleting.done():
            number += 1
            event = inserted(1, 1, event_id=f"N{number}") | {"printer_id": other}
            assert await handler.handle_printer_event(event) is Outcome.STORED
            await asyncio.sleep(0.001)
    deleted = await deleting

    assert (deleted.events, deleted.spools) == (3_000, 500)
    assert await asyncio.to_thread(left, path) == {}
    assert await count(store, "slot_events") == number
    # A step is made to last 5 ms; much less than deleting all of it at once.
    assert longest < 0.25
