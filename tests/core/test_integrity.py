"""A damaged file is set aside, a new one created, and what can be read of it salvaged."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
import shutil
import sqlite3
import stat
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine import database_file, errors, writer
from custom_components.filament_slots.core.engine.database_file import open_database
from custom_components.filament_slots.core.engine.errors import Problem
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.salvage import read_damaged
from custom_components.filament_slots.core.tables.schema import (
    MIGRATIONS,
    TABLES,
    migrate,
)

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
from .outages import overwrite
from .test_outage import Published, stored, until_well

STORES = Path(__file__).parents[1] / "stores"


async def filled(path: Path, events: int = 400) -> list[str]:
    """Make a file with a history of two printers; return the ids of its events."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    assert await register(handler) == 1
    assert await register(handler, "OTHER") == 2
    await handler.handle_printer_event(
        state(unit(1, slot(1, False)), unit(2, slot(1, False), serial="S2"))
    )
    # From now on its key is not what a new one would get.
    await handler.handle_printer_event(state(unit(1, serial="S1", online=True)))
    for number in range(events):
        make = removed if number % 2 else inserted
        event = make(
            number % 3 + 1, 1, tag="ABCD"[number // 2 % 4], event_id=f"E{number}"
        )
        handler.put(event | {"printer_id": number % 2 + 1})
    await handler.drain()
    ids = await stored(store)
    await handler.close()
    await store.close()
    return ids


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def truncate(path: Path) -> None:
    """Lose the second half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def garbage(path: Path) -> None:
    """Be no database at all."""
    path.write_bytes(b"this is no database, but it is long" * 50)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        lambda path: overwrite(path, 1),
        lambda path: overwrite(path, 2),
        lambda path: overwrite(path, 3),
        garbage,
    ],
    ids=["truncated", "overwritten 1", "overwritten 2", "overwritten 3", "garbage"],
)
async def test_a_damaged_file_is_set_aside_and_a_new_one_created(
    path: Path, damage: Callable[[Path], None]
) -> None:
    """Printers keep their ids, and salvage brings back only what was really there."""
    before = await filled(path)
    await asyncio.to_thread(damage, path)
    store = new_store(path)
    await store.open()
    [aside] = store.writer.state.set_aside
    assert aside.name.startswith("filament_slots.damaged-20")
    assert store.writer.state.problem is None
    handler = new_handler(store)
    await register(handler)
    assert (
        await handler.handle_printer_event(inserted(1, 1, event_id="NEW"))
        is Outcome.STORED
    )
    salvaged = await maintenance(handler).salvage(asyncio.to_thread)
    found = await stored(store)
    assert found[-1] == "NEW"
    assert len(found) == salvaged + 1
    assert set(found[:-1]) <= set(before)
    assert found[:-1] == [event for event in before if event in set(found)]
    store.writer.look_again()
    await store.write(lambda db: None)
    await asyncio.sleep(0)
    assert store.writer.state.set_aside == ()
    renamed = aside.with_name(aside.name.replace("damaged", "salvaged"))
    assert await asyncio.to_thread(renamed.exists)
    await handler.close()
    await store.close()
    assert await asyncio.to_thread(mode, path) == 0o600
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


async def test_all_of_a_file_that_can_be_read_is_salvaged_in_its_order(
    path: Path,
) -> None:
    """Ids, keys, sequence and spools go on as if nothing had happened."""
    before = await filled(path)
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    slots = handler.slots(1).slots
    await store.close()
    with patch.object(database_file, "_check", side_effect=[sqlite_error(), None]):
        store = new_store(path)
        await store.open()
    handler = new_handler(store)
    assert await register(handler, "OTHER") == 2
    assert await register(handler) == 1
    # What is in them is known from the copy of the slots.
    assert set(handler.slots(1).units) == {"u1", "S2", "u3"}
    assert handler.slots(1).units["u1"].serial == "S1"
    assert handler.slots(1).slots == slots
    sequence = handler.slots(1).sequence
    assert sequence >= 200
    assert await maintenance(handler).salvage(asyncio.to_thread) == len(before)
    await handler.handle_printer_event(inserted(1, 1, tag="A", event_id="NEW"))
    assert await stored(store) == [*before, "NEW"]
    assert handler.slots(1).sequence == sequence + 1
    page = await read_events(
        store, EventFilter(printer_id=1, slot=("u1", 1)), limit=1000
    )
    assert page.events[0]["meta"]["previous_slot"]["slot_no"] == 1
    assert len(page.events) > 50
    external_id = page.events[0]["identifiers"]["external_id"]
    page = await read_events(store, EventFilter(external_id=external_id), limit=1000)
    assert len(page.events) > 50
    # Again changes nothing.
    [salvaged] = list(path.parent.glob("*.salvaged-*.db"))
    salvaged.rename(salvaged.with_name(salvaged.name.replace("salvaged", "damaged")))
    store.writer.look_again()
    await store.write(lambda db: None)
    await asyncio.sleep(0)
    assert await maintenance(handler).salvage(asyncio.to_thread) == 0
    await handler.close()
    await store.close()


def sqlite_error() -> sqlite3.DatabaseError:
    """Return the error of SQLite for a damaged file."""
    err = sqlite3.DatabaseError("database disk image is malformed")
    err.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return err


def renumber_beside(path: Path, rowid: int) -> None:
    """Give a row a far too high number, at which a search ends without an error.

    It is the third to last of the page that holds `rowid`: how many rows a search misses
    depends on the place in the page, and that on how the events were batched.
    """
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        if data[page] != 0x0D:
            continue
        rows: list[tuple[int, int]] = []
        for cell in range(int.from_bytes(data[page + 3 : page + 5])):
            pointer = page + 8 + 2 * cell
            start = page + int.from_bytes(data[pointer : pointer + 2])
            # First comes the length of the row, then its number.
            at = start + (2 if data[start] & 0x80 else 1)
            if data[at] & 0x80:
                rows.append(((data[at] & 0x7F) << 7 | data[at + 1], at))
        if rowid in dict(rows[:-2]):
            data[rows[-3][1]] = 0xFF
    path.write_bytes(data)


async def test_a_search_that_ends_early_is_not_the_end_of_what_is_salvaged(
    path: Path,
) -> None:
    """All but the damaged row and the few that it hides comes back."""
    ids = await filled(path)
    await asyncio.to_thread(renumber_beside, path, 150)
    store = new_store(path)
    await store.open()
    salvaged = await maintenance(new_handler(store)).salvage(asyncio.to_thread)
    found = await stored(store)
    await store.close()
    assert len(ids) - 10 < salvaged == len(found) < len(ids)
    assert found == [each for each in ids if each in found]
    assert found[-1] == ids[-1]


async def test_damage_that_shows_while_running_is_dealt_with_at_once(
    path: Path, store: Store, handler: EventHandler
) -> None:
    """Slots, ids and publishing continue; only history begins again."""
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01,)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        published = Published(handler)
        for number in range(300):
            handler.put(inserted(1, number % 4 + 1, tag="A", event_id=f"E{number}"))
        await handler.drain()
        await store.writer.hold(0)
        await asyncio.to_thread(overwrite_whole, path)
        for number in range(300, 330):
            handler.put(inserted(1, number % 4 + 1, tag="B", event_id=f"E{number}"))
        await handler.drain()
        async with asyncio.timeout(10):
            while not store.writer.state.set_aside:
                with suppress(errors.StoreError):
                    await stored(store)
                await asyncio.sleep(0.02)
        await until_well(store)
    assert await handler.handle_printer_event(removed(1, 2)) is Outcome.STORED
    assert len(set(published.ids)) == len(published.ids)
    again = fresh_handler(store)
    assert await register(again) == 1
    assert again.slots(1) == handler.slots(1)


def overwrite_whole(path: Path) -> None:
    """Overwrite the file in place, as a dying card does."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        file.write(b"\xff" * size)
    for suffix in ("-wal",):
        with path.with_name(path.name + suffix).open("r+b") as file:
            file.truncate(0)


async def test_a_reader_that_finds_damage_has_the_file_looked_at(
    store: Store, handler: EventHandler
) -> None:
    """It may be the first to see it."""

    def fail(db: sqlite3.Connection) -> None:
        raise sqlite_error()

    with pytest.raises(errors.StoreError, match="malformed"):
        await store.read(fail)
    assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.STORED
    # Nothing was wrong.
    assert store.writer.state.set_aside == ()
    assert await stored(store)


async def test_of_damaged_files_only_the_last_few_are_kept(path: Path) -> None:
    """A card that is dying must not be filled with them."""
    path.parent.mkdir()
    for _ in range(5):
        await asyncio.to_thread(garbage, path)
        path.with_name(path.name + "-wal").write_bytes(b"journal")
        store = new_store(path)
        await store.open()
        await store.close()
    assert len(store.writer.state.set_aside) == 3
    assert len(list(path.parent.glob("*.damaged-*.db-wal"))) <= 3


async def test_of_salvaged_files_only_the_last_few_are_kept(path: Path) -> None:
    """They are salvaged; the user may still want to look at them."""
    for _ in range(5):
        path.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(garbage, path)
        store = new_store(path)
        await store.open()
        await maintenance(new_handler(store)).salvage(asyncio.to_thread)
        await store.close()
        assert not list(path.parent.glob("*.damaged-*"))
    # The last was renamed after the others were counted.
    assert len(list(path.parent.glob("*.salvaged-*.db"))) == 4


async def test_a_damaged_file_that_cannot_be_read_at_all_is_an_error(
    tmp_path: Path,
) -> None:
    """It is not reported as empty."""
    await asyncio.to_thread(garbage, tmp_path / "x.db")
    with pytest.raises(errors.StoreError, match="not a database"):
        await asyncio.to_thread(read_damaged, tmp_path / "x.db", None)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_a_file_of_every_earlier_version_becomes_one_of_today(
    path: Path, version: int
) -> None:
    """With all that is in it, and a copy of what it was beside it."""
    path.parent.mkdir()
    await asyncio.to_thread(shutil.copy, STORES / f"v{version}.db", path)
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    assert await register(handler, "01P00A000000001") == 1
    page = await read_events(store, EventFilter(), newest_first=False)
    assert [event["event_type"] for event in page.events] == [
        "ams_state",
        "spool_inserted",
        "unknown_spool_detected",
        "spool_removed",
    ]
    assert page.events[3]["identifiers"]["rfid_uid"] == "A123456789ABCDEF"
    at = datetime.fromisoformat(page.events[1]["event_at"])
    since = await read_events(store, EventFilter(since=at), newest_first=False)
    assert since.events == page.events[1:]
    assert page.events[1]["meta"]["filament"] == {"material": "PLA"}
    slots = handler.slots(1)
    assert slots.sequence == 4
    assert slots.slots["S1", 1].present is False
    assert slots.slots["S1", 2].unknown_reported
    assert await handler.handle_printer_event(inserted(1, 1, tag="A")) is Outcome.STORED
    await handler.close()
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
    copy = path.with_name(f"filament_slots.v{version}.db")
    assert await asyncio.to_thread(mode, copy) == 0o600
    old = sqlite3.connect(copy)
    assert old.execute("PRAGMA user_version").fetchone() == (version,)
    old.close()


def test_a_failing_migration_changes_nothing(tmp_path: Path) -> None:
    """Each step is a transaction of its own."""
    path = tmp_path / "slots.db"
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path)
    now = len(MIGRATIONS)
    steps = (
        *MIGRATIONS,
        "CREATE TABLE second (x)",
        "CREATE TABLE third (x); SELECT broken",
    )
    with pytest.raises(sqlite3.Error):
        migrate(db, path, steps)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    assert "second" in tables
    assert "third" not in tables
    assert db.execute("PRAGMA user_version").fetchone() == (now + 1,)
    migrate(db, path, (*steps[:-1], "CREATE TABLE third (x)"))
    assert db.execute("PRAGMA user_version").fetchone() == (now + 2,)
    db.close()
    assert (tmp_path / f"slots.v{now + 1}.db").exists()


def test_every_problem_is_recognised() -> None:
    """What is not the database's fault is none."""
    for code, problem in {
        sqlite3.SQLITE_BUSY_SNAPSHOT: Problem.LOCKED,
        sqlite3.SQLITE_READONLY_DBMOVED: Problem.MISSING,
        sqlite3.SQLITE_READONLY_ROLLBACK: Problem.READ_ONLY,
        sqlite3.SQLITE_IOERR_SHORT_READ: Problem.IO_ERROR,
        sqlite3.SQLITE_CONSTRAINT: None,
    }.items():
        err = sqlite3.OperationalError("x")
        err.sqlite_errorcode = code
        assert errors.problem_of(err) is problem
    assert errors.problem_of(errors.StoreError(Problem.NEWER)) is Problem.NEWER
    assert errors.problem_of(OSError()) is Problem.IO_ERROR
    assert errors.problem_of(ValueError()) is None


async def test_a_file_that_does_not_hold_what_it_should_is_damaged(path: Path) -> None:
    """SQLite can read it, and finds it wrong."""

    def make() -> None:
        path.parent.mkdir()
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("CREATE TABLE t (x TEXT)")
        db.execute("INSERT INTO t VALUES (NULL)")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (x TEXT NOT NULL)'")
        db.close()

    await asyncio.to_thread(make)
    store = new_store(path)
    await store.open()
    assert len(store.writer.state.set_aside) == 1
    await store.close()


async def test_a_file_that_is_locked_when_it_is_opened_is_only_locked(
    path: Path,
) -> None:
    """It is left where it is, and opening it raises."""
    path.parent.mkdir()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        store = new_store(path)
        with pytest.raises(errors.StoreError, match="locked"):
            await store.open()
        other.execute("COMMIT")
    other.close()
    assert list(path.parent.glob("*damaged*")) == []


def test_a_version_that_only_the_journal_knows_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    path = tmp_path / "x.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA user_version = 99")
    assert path.read_bytes()[60:64] != (99).to_bytes(4)
    with pytest.raises(errors.StoreError, match="version 99"):
        open_database(path, TABLES)
    db.close()


async def test_a_row_that_lost_a_part_is_not_salvaged(path: Path) -> None:
    """An event without its context is none, and would make history unreadable."""
    before = await filled(path, 20)

    def damage() -> None:
        with sqlite3.connect(path) as db:
            db.execute(
                "UPDATE slot_events SET context_id = 99999 WHERE event_type != 3"
                " AND id IN (SELECT id FROM slot_events ORDER BY id DESC LIMIT 5)"
            )
        db.close()

    await asyncio.to_thread(damage)
    kept: list[str] = []
    cursor: int | None = None
    while True:
        found = await asyncio.to_thread(read_damaged, path, cursor)
        kept += [event["event_id"] for event in found.events]
        if (cursor := found.cursor) is None:
            break
    assert len(kept) == len(before) - 5


async def test_a_damaged_byte_hides_only_its_own_event(
    handler: EventHandler, store: Store
) -> None:
    """The check of the file does not notice it: nothing is set aside."""
    meta = {"filament": {"material": "PLA"}}
    for number in range(3):
        event = inserted(1, number + 1, event_id=f"E{number}", meta={"n": number})
        await handler.handle_printer_event(event)
    await handler.handle_printer_event(inserted(1, 4, event_id="E3", meta=meta))

    def spoil(db: sqlite3.Connection) -> None:
        bad_text = "CAST(CAST(replace({0}, '{{', '{1}') AS BLOB) || x'FF' AS TEXT)"
        for table, column in (
            ("slot_events", "body"),
            ("slot_assignments", "filament"),
        ):
            bad = bad_text.format(column, "[")
            where = "id = 2" if table == "slot_events" else "filament IS NOT NULL"
            db.execute(f"UPDATE {table} SET {column} = {bad} WHERE {where}")  # noqa: S608
        db.execute("UPDATE ams_units SET label = CAST(x'41FF' AS TEXT)")

    await store.write(spoil)
    page = await read_events(store, EventFilter(), newest_first=False)
    assert [event["event_id"] for event in page.events] == ["E0", "E2", "E3"]
    again = fresh_handler(store)
    assert await register(again) == 1
    assert again.slots(1).units["u1"].label == "A\ufffd"
    assert again.slots(1).slots["u1", 4].filament is None
    assert again.slots(1).slots["u1", 4].present
