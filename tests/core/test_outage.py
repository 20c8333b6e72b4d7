"""Database outages: nothing is lost or published twice, and the problem is known."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
import errno
from pathlib import Path
import shutil
import sqlite3
import threading
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core import event_jobs
from custom_components.filament_slots.core.engine import outage as engine_outage, writer
from custom_components.filament_slots.core.engine.errors import StoreError, StoreState
from custom_components.filament_slots.core.engine.job_queue import JobQueue
from custom_components.filament_slots.core.engine.proof import Proof
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.expectations import Assigned, Expectation
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.maintenance import Retried
from custom_components.filament_slots.core.printer_state import MAX_RECENT, Printers
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.library import (
    SpoolFilter,
    read_spools,
)
from custom_components.filament_slots.core.tables.row_writer import RowWriter

from .conftest import (
    count,
    fresh_handler,
    inserted,
    maintenance,
    new_store,
    register,
    removed,
    slot,
    state,
    unit,
)
from .outages import OUTAGES, Full, Locked, Outage


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try again, and look again, sooner."""
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01, 0.01, 0.01)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        yield


class Published:
    """What the subscribers of a printer received."""

    def __init__(self, handler: EventHandler, printer_id: int = 1) -> None:
        """Subscribe."""
        self.events: list[dict[str, Any]] = []
        handler.subscribe(printer_id, lambda event, _: self.events.append(event))

    @property
    def unsaved(self) -> list[str]:
        """The ids of those published unstored."""
        return [
            event["event_id"]
            for event in self.events
            if event["meta"].get("persisted") is False
        ]

    @property
    def ids(self) -> list[str]:
        """The ids of all."""
        return [event["event_id"] for event in self.events]


async def stored(store: Store) -> list[str]:
    """Return the ids in history, oldest first."""
    page = await read_events(store, EventFilter(), limit=20_000, newest_first=False)
    return [event["event_id"] for event in page.events]


async def until_well(store: Store) -> None:
    """Wait until the store has written what it owed."""
    async with asyncio.timeout(20):
        while store.writer.state.problem is not None or store.writer.buffered:
            await asyncio.sleep(0.02)


@pytest.fixture(params=OUTAGES)
async def outage(
    request: pytest.FixtureRequest, store: Store, path: Path
) -> tuple[str, Outage]:
    """Return each kind of outage."""
    return request.param, OUTAGES[request.param](store, path)


async def test_events_are_counted_as_waiting_while_writing_them_is_tried(
    handler: EventHandler, store: Store
) -> None:
    waiting: list[int] = []

    def refuse(*args: Any) -> Any:
        waiting.append(store.writer.buffered)
        err = sqlite3.OperationalError("refused")
        err.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise err

    with patch.object(writer, "run_all", refuse):
        await handler.handle_printer_event(inserted(1, 1, event_id="E0"))
        async with asyncio.timeout(20):
            while len(waiting) < 6:
                await asyncio.sleep(0.01)
    # Four attempts to write the event itself, then two to write the buffer.
    assert waiting[:6] == [0, 0, 0, 0, 1, 1]
    await until_well(store)

    assert await stored(store) == ["E0"]


async def test_events_outlive_an_outage_of_the_database(
    handler: EventHandler, store: Store, outage: tuple[str, Outage]
) -> None:
    """Published at once and unstored, written in order afterwards, and not published again."""
    name, away = outage
    writing = store.writer
    assert writing is not None
    states: list[StoreState] = []
    writing._changed = states.append
    published = Published(handler)
    await handler.handle_printer_event(inserted(1, 1, tag="A", event_id="BEFORE"))
    await asyncio.to_thread(away.begin)
    events = [
        inserted(1, 2, tag="B", event_id="E0"),
        state(unit(1, slot(3, True, tag="C")), event_id="E1"),
        removed(1, 1, tag="A", event_id="E2"),
        removed(1, 2, tag="B", event_id="E3"),
        inserted(1, 1, tag="B", event_id="E4"),
    ]
    # So large that each needs a page of its own.
    events = [event | {"meta": {"note": "x" * 6000}} for event in events]
    outcomes = [await handler.handle_printer_event(event) for event in events]
    assert outcomes == [Outcome.FAILED] * 5
    assert published.unsaved == [f"E{n}" for n in range(5)]
    assert [each.problem for each in states] == [name]
    assert handler.health()["problem"] == name
    # With BEFORE, once the file was looked for again: nothing proves that it was kept.
    assert handler.health()["waiting_for_database"] in {5, 6}
    known = handler.slots(1)
    # One that is sent again is known, written or not.
    assert await handler.handle_printer_event(events[2]) is Outcome.DUPLICATE
    # No change is no event.
    assert (
        await handler.handle_printer_event(state(unit(1, slot(3, True, tag="C"))))
        is Outcome.UNCHANGED
    )

    await asyncio.to_thread(away.end)
    await until_well(store)

    assert await stored(store) == ["BEFORE", "E0", "E1", "E2", "E3", "E4"]
    assert published.ids == ["BEFORE", "E0", "E1", "E2", "E3", "E4"]
    assert states[-1] == StoreState()
    assert (
        await handler.handle_printer_event(inserted(1, 4, event_id="AFTER"))
        is Outcome.STORED
    )
    assert (await stored(store))[-1] == "AFTER"
    again = fresh_handler(store)
    assert await register(again) == 1
    assert again.slots(1) == handler.slots(1)
    assert known.sequence + 1 == again.slots(1).sequence
    assert await count(store, "failed_events") == 0


async def test_the_retries_come_before_an_event_is_published_unstored(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """A short lock has no consequences."""
    published = Published(handler)
    outage = Locked(store, path)
    outage.begin()
    with patch.object(JobQueue, "pause", lambda *_: outage.end()):
        outcome = await handler.handle_printer_event(inserted(1, 1))
    assert outcome is Outcome.STORED
    assert published.unsaved == []
    assert handler.health()["retried"] >= 1


async def test_history_after_a_cursor_is_exact_while_events_are_written(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """A reader misses none and gets none twice, also of those written after an outage."""
    printers = [1, await register(handler, "OTHER"), await register(handler, "THIRD")]
    sent = 20
    found: list[str] = []
    lost = asyncio.Event()

    async def write(printer: int) -> None:
        for number in range(sent):
            if number == sent // 2:
                await lost.wait()
            change = removed if number % 2 else inserted
            event = change(1, number // 2 % 4 + 1, second=number)
            event_id = f"{printer}-{number}"
            await handler.handle_printer_event(
                event | {"printer_id": printer, "event_id": event_id}
            )

    async def lose_the_database() -> None:
        while len(found) < 6:
            await asyncio.sleep(0)
        away = Locked(store, path)
        away.begin()
        lost.set()
        while not store.writer.buffered:
            await asyncio.sleep(0.01)
        away.end()

    async def write_all() -> None:
        await asyncio.gather(lose_the_database(), *map(write, printers))
        await until_well(store)

    async with asyncio.timeout(60):
        writing = asyncio.create_task(write_all())
        cursor = None
        over = False
        while not over:
            over = writing.done()
            page = await read_events(
                store, EventFilter(), limit=3, cursor=cursor, newest_first=False
            )
            # The last page is read again until it has a cursor, or no event is to come.
            if page.cursor is not None or over:
                found.extend(event["event_id"] for event in page.events)
                cursor, over = page.cursor, over and page.cursor is None
        await writing

    assert found == await stored(store)
    for printer in printers:
        theirs = [each for each in found if each.startswith(f"{printer}-")]
        assert theirs == [f"{printer}-{number}" for number in range(sent)]


async def test_a_caller_gets_the_error_of_an_outage(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Notes without a caller are lost, and raise nothing."""
    outage = Full(store, path)
    outage.begin()
    with pytest.raises(StoreError, match="full"):
        await register(handler, "OTHER" * 2000)
    assert store.writer.state.problem == "full"
    await handler.deactivate(1)
    assert await handler.handle_printer_event({}) is Outcome.REJECTED
    outage.end()
    await until_well(store)
    assert await register(handler, "OTHER") > 1


async def test_of_too_many_buffered_events_the_oldest_ams_state_is_dropped_and_slots_stay_correct(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """The state in the file is the published one, whatever was dropped."""
    outage = Locked(store, path)
    outage.begin()
    with patch.object(engine_outage, "BUFFER_LIMIT", 3):
        for number, event in enumerate(
            [
                inserted(1, 1, tag="A"),
                state(unit(1, slot(2, True, tag="B"))),
                removed(1, 1, tag="A"),
                inserted(1, 3, tag="C"),
                inserted(1, 4, tag="D"),
                state(unit(1, slot(3, True, tag="E"))),
            ]
        ):
            await handler.handle_printer_event(event | {"event_id": f"E{number}"})
    assert handler.health()["dropped"] == 3
    outage.end()
    await until_well(store)
    assert await stored(store) == ["E0", "E2", "E3"]
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == handler.slots(1)
    await handler.handle_printer_event(removed(1, 4, tag="D", event_id="E9"))
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == handler.slots(1)


async def test_closing_in_an_outage_ends_and_logs_what_is_lost(
    handler: EventHandler,
    store: Store,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Home Assistant stops all the same."""
    outage = Locked(store, path)
    outage.begin()
    await handler.handle_printer_event(inserted(1, 1))
    await handler.close()
    await store.close()
    outage.end()
    assert "1 events were never written" in caplog.text


async def test_closing_writes_what_waited_for_the_database(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """If it is back by then."""
    outage = Locked(store, path)
    with patch.object(writer.Writer._begin_outage, "__defaults__", (60,)):
        outage.begin()
        await handler.handle_printer_event(inserted(1, 1, event_id="E"))
        outage.end()
        await handler.close()
        await store.close()
    again = new_store(path)
    await again.open()
    assert await stored(again) == ["E"]
    await again.close()


async def test_a_late_event_that_fails_by_itself_is_kept_with_the_failed_ones(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """And never stops the next."""
    record = RowWriter.record

    def fail(self: RowWriter, db: Any, printer_id: int, slots: Any, rows: Any) -> None:
        if any(
            getattr(row, "event", None) and row.event.event_id == "BAD" for row in rows
        ):
            raise sqlite3.IntegrityError("no luck")
        record(self, db, printer_id, slots, rows)

    outage = Locked(store, path)
    outage.begin()
    for event_id in ("E1", "BAD", "E2"):
        await handler.handle_printer_event(inserted(1, 1, event_id=event_id))
    with patch.object(RowWriter, "record", fail):
        outage.end()
        await until_well(store)
    assert await stored(store) == ["E1", "E2"]
    assert await maintenance(handler).count_failed() == 1
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert await stored(store) == ["E1", "BAD", "E2"]


async def test_a_commit_that_worked_but_was_reported_as_failed_is_published_once(
    handler: EventHandler, store: Store
) -> None:
    """The row is there, so the next try must neither write it again nor be silent."""
    published = Published(handler)
    err = sqlite3.OperationalError("disk I/O error")
    err.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with misreported(err):
        outcome = await handler.handle_printer_event(inserted(1, 1, event_id="E"))
    assert outcome is Outcome.STORED
    assert published.ids == ["E"]
    assert await stored(store) == ["E"]
    assert handler.slots(1).slots["u1", 1].present


@contextmanager
def misreported(error: Exception | None = None) -> Iterator[None]:
    """Let the next commit be reported as failed, although it worked."""
    broken = [error or OSError(errno.EIO, "stale handle")]
    committed = Proof.committed

    def lie(self: Proof, db: sqlite3.Connection) -> int:
        if broken:
            raise broken.pop()
        return committed(self, db)

    with patch.object(Proof, "committed", lie):
        yield


async def test_an_event_whose_file_could_not_be_looked_at_counts_once(
    handler: EventHandler, store: Store
) -> None:
    """It was committed before: its slots must not follow it a second time."""
    published = Published(handler)
    event = inserted(1, 1, event_id="E")
    with misreported():
        assert await handler.handle_printer_event(event) is Outcome.STORED
    assert await stored(store) == published.ids == ["E"]
    assert handler.slots(1).sequence == 1


async def test_an_assignment_whose_commit_was_misreported_is_published_and_stored_once(
    handler: EventHandler, store: Store
) -> None:
    """It is in history once, and published once."""
    await handler.handle_printer_event(inserted(1, 1, event_id="E"))
    published = Published(handler)
    with misreported():
        await handler.assign(1, ("u1", 1), Assigned(external_id="spoolman:12"))
    assert len(published.ids) == 1
    assert await stored(store) == ["E", *published.ids]
    assert handler.slots(1).sequence == 2
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1).slots == handler.slots(1).slots


async def test_an_event_whose_commit_was_misreported_is_published_as_it_was_written(
    handler: EventHandler, store: Store
) -> None:
    """With the previous slot, and without what was expected since."""
    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    published = Published(handler)

    def lie(*args: Any) -> int:
        healthy.start()
        handler.expect(
            Expectation(
                printer_id=1,
                assigned=Assigned(external_id="spoolman:12"),
                since=datetime(2026, 1, 1, tzinfo=UTC),
                until=datetime(2026, 1, 2, tzinfo=UTC),
            )
        )
        raise OSError(errno.EIO, "stale handle")

    healthy = patch.object(Proof, "committed", Proof.committed)
    for event in (inserted(1, 2), inserted(1, 3, tag="A")):
        with patch.object(Proof, "committed", lie):
            await handler.handle_printer_event(event)
            healthy.stop()
    page = await read_events(store, EventFilter(), limit=2)
    assert list(page.events) == published.events[::-1]
    assert published.events[0]["meta"]["assigned"] == {}
    assert published.events[1]["meta"]["previous_slot"]["slot_no"] == 1


async def test_a_refused_assignment_whose_commit_worked_is_taken_back(
    handler: EventHandler, store: Store
) -> None:
    """The result that the user got counts: the file matches it after the next event."""
    await handler.handle_printer_event(inserted(1, 1, event_id="E"))
    with (
        patch.object(Proof, "committed", side_effect=OSError(errno.EIO, "gone")),
        pytest.raises(StoreError, match="gone"),
    ):
        await handler.assign(1, ("u1", 1), Assigned(external_id="spoolman:12"))
    await until_well(store)
    await handler.handle_printer_event(inserted(1, 2))
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1).slots == handler.slots(1).slots
    assert again.slots(1).slots["u1", 1].assigned_external_id is None


async def test_a_deleted_file_is_noticed_and_created_again(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """SQLite itself would go on writing into nothing; ids and slots stay the same."""
    other = await register(handler, "OTHER")
    await handler.handle_printer_event(inserted(1, 1, tag="A", event_id="BEFORE"))
    published = Published(handler)
    await asyncio.to_thread(path.unlink)
    assert (
        await handler.handle_printer_event(inserted(1, 2, tag="B", event_id="E"))
        is Outcome.FAILED
    )
    await until_well(store)
    assert await stored(store) == ["BEFORE", "E"]
    assert published.unsaved == ["E"]
    again = fresh_handler(store)
    assert await register(again) == 1
    assert await register(again, "OTHER") == other
    assert again.slots(1) == handler.slots(1)


async def test_a_new_file_that_cannot_be_filled_is_filled_later(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """It knows the printers before the first event."""
    fill, tries = Printers.fill, [1, 1]

    def fail(self: Printers, db: sqlite3.Connection) -> None:
        if tries:
            tries.pop()
            raise sqlite3.OperationalError("not now")
        fill(self, db)

    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    await asyncio.to_thread(path.unlink)
    with patch.object(Printers, "fill", fail):
        await handler.handle_printer_event(inserted(1, 2, tag="B"))
        await until_well(store)
    assert not tries
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == handler.slots(1)


async def test_a_file_replaced_by_another_is_noticed(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """A restored copy takes its place: the next events are written there."""
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await store.writer.hold(0)
    copy = path.with_name("copy.db")

    def replace() -> None:
        shutil.copy(path, copy)
        copy.replace(path)
        path.with_name(path.name + "-wal").unlink()

    await asyncio.to_thread(replace)
    assert (
        await handler.handle_printer_event(inserted(1, 2, event_id="B"))
        is Outcome.FAILED
    )
    await until_well(store)
    assert await stored(store) == ["A", "B"]


async def test_a_late_event_whose_commit_was_misreported_is_there_once(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """As with every other."""
    outage = Locked(store, path)
    outage.begin()
    await handler.handle_printer_event(inserted(1, 1, event_id="E"))
    with misreported():
        outage.end()
        await until_well(store)
    assert await stored(store) == ["E"]


async def test_an_event_published_during_an_outage_is_a_duplicate_afterwards(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Even an `ams_state` that made no history and is outdated."""
    await handler.handle_printer_event(state(unit(1, slot(1, True))))
    warm = state(unit(1, temperature_c=30), event_id="WARM")
    outage = Locked(store, path)
    outage.begin()
    await handler.handle_printer_event(warm)
    outage.end()
    await until_well(store)
    await handler.handle_printer_event(state(unit(1, temperature_c=20)))
    assert await handler.handle_printer_event(warm) is Outcome.DUPLICATE
    assert handler.slots(1).units["u1"].temperature_c == 20


async def test_a_duplicate_is_recognised_while_the_file_cannot_be_read(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """The latest are remembered, and of them only so many."""
    published = Published(handler)
    events = [inserted(1, 1, event_id="A"), removed(1, 1, event_id="B")]
    for event in events:
        await handler.handle_printer_event(event)
    outage = Locked(store, path)
    outage.begin()
    for event in (*events, inserted(1, 2, event_id="C"), inserted(1, 2, event_id="C")):
        await handler.handle_printer_event(event)
    outage.end()
    await until_well(store)
    assert published.ids == await stored(store) == ["A", "B", "C"]
    assert published.unsaved == ["C"]
    assert not handler.slots(1).slots["u1", 1].present
    printers = Printers()
    printers.begin()
    for number in range(MAX_RECENT + 1):
        printers.note(str(number))
    printers.keep()
    assert not printers.is_recent("0")
    assert printers.is_recent("1")


async def test_a_duplicate_is_recognised_when_reading_the_file_fails(
    handler: EventHandler, store: Store
) -> None:
    """The first one stays remembered when the second fails."""
    published = Published(handler)
    event = inserted(1, 1, event_id="A")
    await handler.handle_printer_event(event)
    with patch.object(event_jobs, "is_known", side_effect=sqlite3.IntegrityError):
        assert await handler.handle_printer_event(event) is Outcome.DUPLICATE
    assert published.ids == ["A"]


async def test_a_failure_that_cannot_be_stored_either_is_published_nevertheless(
    handler: EventHandler, store: Store
) -> None:
    """The writer goes on."""
    published = Published(handler)
    with (
        patch.object(RowWriter, "record", side_effect=sqlite3.IntegrityError),
        patch.object(
            event_jobs, "keep_failed_event", side_effect=sqlite3.InternalError
        ),
    ):
        assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.FAILED
    assert len(published.unsaved) == 1
    assert await maintenance(handler).count_failed() == 0
    assert await handler.handle_printer_event(inserted(1, 2)) is Outcome.STORED


async def test_an_outage_between_savepoints_rolls_everything_back(
    store: Store,
) -> None:
    """And all that was not to blame is written by a retry."""
    gate = threading.Event()
    runs: list[str] = []

    def good(db: sqlite3.Connection) -> str:
        runs.append("good")
        return "good"

    def bad(db: sqlite3.Connection) -> None:
        raise ValueError("bad")

    def fails_once(db: sqlite3.Connection) -> str:
        runs.append("fails once")
        if runs.count("fails once") == 1:
            err = sqlite3.OperationalError("locked")
            err.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise err
        return "fails once"

    slow = asyncio.create_task(store.write(lambda db: gate.wait(10)))
    await asyncio.sleep(0.05)
    waiting = [
        asyncio.create_task(store.write(work)) for work in (good, bad, fails_once)
    ]
    await asyncio.sleep(0)
    gate.set()
    await slow
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[0] == "good"
    assert isinstance(results[1], ValueError)
    assert results[2] == "fails once"
    assert runs.count("good") > 1


async def test_what_is_remembered_of_rows_is_bounded(
    handler: EventHandler, store: Store
) -> None:
    """Years of spools must not fill the memory."""
    with patch(
        "custom_components.filament_slots.core.tables.row_writer._MAX_CACHED", 1
    ):
        for letter in "ABCA":
            await handler.handle_printer_event(
                inserted(1, 1, tag=letter, meta={"note": letter, "source": letter})
            )
    assert await count(store, "spools") == 3


async def test_cancelled_callers_disturb_nothing(store: Store) -> None:
    """Neither with a result nor with an error."""

    def fail(db: sqlite3.Connection) -> None:
        raise ValueError

    gate = threading.Event()
    slow = asyncio.create_task(store.write(lambda db: gate.wait(10)))
    tasks = [asyncio.create_task(store.write(work)) for work in (lambda db: None, fail)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    gate.set()
    await slow
    await asyncio.sleep(0.2)
    assert await store.write(lambda db: 1) == 1


async def test_a_rolled_back_event_leaves_the_whole_state_to_be_written(
    handler: EventHandler, store: Store
) -> None:
    """A failed event left the file behind; the next try must not write its own slot only."""
    with patch.object(RowWriter, "record", side_effect=sqlite3.IntegrityError):
        await handler.handle_printer_event(inserted(1, 1, tag="A"))
    flush, broken = RowWriter.flush, [1]

    def fail_once(self: RowWriter, db: sqlite3.Connection) -> None:
        if broken:
            broken.pop()
            raise sqlite3.IntegrityError
        flush(self, db)

    with patch.object(RowWriter, "flush", fail_once):
        outcome = await handler.handle_printer_event(inserted(1, 2, tag="B"))
    assert outcome is Outcome.STORED
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1).slots == handler.slots(1).slots
    assert again.slots(1).slots["u1", 1].present


async def test_ids_of_unchanged_events_are_bounded_during_an_outage(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Only the latest are kept to be written with the next change."""
    same = state(unit(1, slot(1, True)))
    await handler.handle_printer_event(same)
    outage = Locked(store, path)
    outage.begin()
    with patch.object(event_jobs, "MAX_SILENT", 5):
        for number in range(8):
            event = same | {"event_id": f"E{number}"}
            assert await handler.handle_printer_event(event) is Outcome.UNCHANGED
    silent = handler._state.states[1].silent
    outage.end()
    await until_well(store)
    assert silent == ("E3", "E4", "E5", "E6", "E7")
    await handler.handle_printer_event(inserted(1, 2))
    assert await count(store, "seen_events") == 5


async def test_a_spool_that_came_and_went_in_an_outage_is_in_the_library(
    handler: EventHandler, store: Store, path: Path
) -> None:
    outage = Locked(store, path)
    await asyncio.to_thread(outage.begin)
    filament = {"name": "PLA Basic", "material": "PLA"}
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": filament})
    )
    await handler.handle_printer_event(removed(1, 1, tag="A", second=5))
    await asyncio.to_thread(outage.end)
    await until_well(store)

    (spool,) = (await read_spools(store, SpoolFilter(), limit=9)).spools
    assert (spool.name, spool.slots) == ("PLA Basic", ())
    assert spool.filament.as_dict() == filament
