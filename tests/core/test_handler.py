"""The one door: every outcome, and commit before publish."""

import asyncio
from collections.abc import Callable
from datetime import datetime
import json
from pathlib import Path
import sqlite3
import threading
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.filament_slots.core import event_jobs
from custom_components.filament_slots.core.engine import job_queue
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.slot_state import PrinterSlots
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
    read_failed_events,
)
from custom_components.filament_slots.core.tables.row_writer import RowWriter

from .conftest import (
    count,
    fresh_handler,
    identifiers,
    inserted,
    new_handler,
    new_store,
    register,
    removed,
    slot,
    state,
    unit,
    unknown,
)

TABLES = (
    "ams_units",
    "slots",
    "slot_assignments",
    "slot_events",
    "event_slots",
    "spools",
)
# The objects of the meta of a spool event about which nothing is known.
NOTHING_KNOWN: dict[str, Any] = {
    "filament": {},
    "unit": {},
    "assigned": {},
    "previous_slot": {},
}


class Listener:
    """A subscriber that keeps the events it receives."""

    def __init__(self, handler: EventHandler, printer_id: int = 1) -> None:
        """Subscribe."""
        self.received: list[tuple[dict[str, Any], PrinterSlots]] = []
        self.stop = handler.subscribe(
            printer_id, lambda *args: self.received.append(args)
        )

    @property
    def ids(self) -> list[str]:
        """The ids of the events."""
        return [event["event_id"] for event, _ in self.received]


async def history(store: Store) -> list[dict[str, Any]]:
    """Return all events, oldest first."""
    return list(
        (
            await read_events(store, EventFilter(), limit=10_000, newest_first=False)
        ).events
    )


async def test_an_event_is_stored_and_then_published(
    handler: EventHandler, store: Store
) -> None:
    """As plain JSON, with an id, times in UTC and all keys of slot and identifiers."""
    listener = Listener(handler)
    event = inserted(1, 2, tag="A", meta={"source": "live"}) | {
        "event_at": "2026-01-01T02:00:00+02:00"
    }
    assert await handler.handle_printer_event(event) is Outcome.STORED
    [(published, slots)] = listener.received
    assert len(published["event_id"]) == 26
    assert published == event | {
        "event_id": published["event_id"],
        "event_at": "2026-01-01T00:00:00+00:00",
        "meta": {"source": "live", **NOTHING_KNOWN},
    }
    assert json.loads(json.dumps(published)) == published
    assert slots is handler.slots(1)
    assert slots.slots["u1", 2].present is True
    assert await history(store) == [published]
    wanted = EventFilter(printer_id=1, slot=("u1", 2))
    assert (await read_events(store, wanted, limit=1)).events == (published,)


async def test_an_event_is_published_after_its_commit(
    handler: EventHandler, path: Path
) -> None:
    """Another connection sees the row at the moment of publishing."""
    found = []

    def look(event: dict[str, Any], slots: PrinterSlots) -> None:
        with sqlite3.connect(path) as db:
            found.append(db.execute("SELECT count(*) FROM slot_events").fetchone()[0])
        db.close()

    handler.subscribe(1, look)
    await handler.handle_printer_event(inserted(1, 1))
    assert found == [1]


async def test_an_ams_state_that_changes_nothing_is_unchanged(
    handler: EventHandler, store: Store
) -> None:
    """No row, no transaction, nothing published."""
    await handler.handle_printer_event(state(unit(1, slot(1, True))))
    listener = Listener(handler)
    before = handler.slots(1)
    changes = await store.write(lambda db: db.total_changes)
    outcome = await handler.handle_printer_event(
        state(unit(1, slot(1, True)), second=5)
    )
    assert outcome is Outcome.UNCHANGED
    assert await store.write(lambda db: db.total_changes) == changes
    assert handler.slots(1) is before
    assert not listener.received


async def test_an_ams_state_of_current_state_alone_is_published_and_makes_no_history(
    handler: EventHandler, store: Store
) -> None:
    """Humidity is no event."""
    await handler.handle_printer_event(
        state(unit(1, slot(1, True), humidity_percent=20))
    )
    listener = Listener(handler)
    event = state(unit(1, humidity_percent=30))
    assert await handler.handle_printer_event(event) is Outcome.STORED
    assert await count(store, "slot_events") == 1
    assert listener.received[0][1].units["u1"].humidity_percent == 30


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (inserted(1, 1) | {"printer_id": 2}, "printer_id: no such printer"),
        (
            inserted(1, 1) | {"printer_id": True},
            "printer_id: Input should be a valid integer",
        ),
        (inserted(1, 0), "slot.slot_no: "),
        ({}, "event_type is missing"),
        (None, "must be an object"),
        ([1, 2], "must be an object"),
        ({"printer_id": 1, "x": object()}, "event_type is missing"),
    ],
)
async def test_a_bad_event_is_rejected_and_kept_with_the_reason(
    handler: EventHandler, store: Store, event: Any, reason: str
) -> None:
    """It never raises, changes nothing and is not published."""
    listener = Listener(handler)
    assert await handler.handle_printer_event(event) is Outcome.REJECTED
    [failed] = await read_failed_events(store)
    assert (failed.outcome, failed.attempts) == ("rejected", 1)
    assert reason in failed.reason
    assert isinstance(failed.first_at, datetime)
    if isinstance(event, dict) and "x" not in event:
        assert failed.payload == event
    assert not listener.received
    assert [await count(store, table) for table in TABLES] == [0] * len(TABLES)


@pytest.mark.parametrize(
    ("event", "kept"), [("loop", {"unreadable": True}), ("large", {"truncated": True})]
)
async def test_a_payload_that_cannot_be_kept_leaves_its_reason(
    handler: EventHandler, store: Store, event: str, kept: object
) -> None:
    """Garbage must not fill the disk."""
    bad: dict[str, Any] = {"x": "y" * 100_000}
    if event == "loop":
        bad["x"] = bad
    assert await handler.handle_printer_event(bad) is Outcome.REJECTED
    [failed] = await read_failed_events(store)
    assert failed.payload == kept


async def test_of_rejected_events_only_the_newest_are_kept(
    handler: EventHandler, store: Store
) -> None:
    """A driver gone mad must not fill the disk."""
    with patch(
        "custom_components.filament_slots.core.tables.failed_events.KEPT",
        {"rejected": 5},
    ):
        for number in range(12):
            await handler.handle_printer_event({"number": number})
    failed = await read_failed_events(store, limit=3)
    assert [event.payload["number"] for event in failed] == [7, 8, 9]
    assert len(await read_failed_events(store, cursor=failed[-1].id)) == 2


async def test_an_event_seen_before_changes_nothing(
    handler: EventHandler, store: Store
) -> None:
    """Whatever its content is now."""
    event = inserted(1, 1, event_id="X")
    assert await handler.handle_printer_event(event) is Outcome.STORED
    listener = Listener(handler)
    assert (
        await handler.handle_printer_event(removed(1, 1, event_id="X"))
        is Outcome.DUPLICATE
    )
    assert handler.slots(1).slots["u1", 1].present is True
    assert not listener.received
    assert await count(store, "slot_events") == 1


EVENTS = [
    state(
        unit(
            1, slot(1, True, tag="A"), slot(2, False), serial="S1", humidity_percent=20
        ),
        direct=[slot(1)],
    ),
    state(
        unit(
            1, slot(1, True, tag="A"), slot(2, False), serial="S1", humidity_percent=20
        ),
        direct=[slot(1)],
    ),
    state(unit(1, humidity_percent=25, serial="S1")),
    inserted(1, 2, meta={"unit": {"serial": "S1"}}),
    unknown(1, 2),
    state(
        unit(
            1,
            slot(
                1, True, tag="A", filament={"material": "PLA", "remaining_percent": 80}
            ),
        )
    ),
    state(
        unit(
            1,
            slot(
                1, True, tag="A", filament={"material": "PLA", "remaining_percent": 79}
            ),
        )
    ),
    removed(1, 2),
    state(
        unit(
            1, slot(1, True, tag="A"), slot(2, False), serial="S1", humidity_percent=25
        )
    ),
    removed(1, 1, tag="A"),
    inserted(1, 2, tag="A"),
    state(unit(2, slot(2, True, tag="A"), serial="S1", humidity_percent=20)),
    state(unit(2, slot(2, True, tag="A"), serial="S1", humidity_percent=20)),
    state(unit(2, slot(2, True, tag="B"), serial="S1")),
]
EVENTS = [event | {"event_id": f"EVENT{i}"} for i, event in enumerate(EVENTS)]


async def test_a_whole_list_of_events_fed_again_changes_nothing(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """In the same process, after a restart, and in part after a crash."""
    outcomes = [await handler.handle_printer_event(event) for event in EVENTS]
    assert outcomes.count(Outcome.UNCHANGED) == 3
    assert outcomes.count(Outcome.STORED) == len(EVENTS) - 3
    slots = handler.slots(1)
    rows = [await count(store, table) for table in TABLES]

    async def feed_again(handler: EventHandler, store: Store) -> None:
        for event in EVENTS:
            assert await handler.handle_printer_event(event) is Outcome.DUPLICATE
        assert handler.slots(1) == slots
        assert [await count(store, table) for table in TABLES] == rows

    await feed_again(handler, store)
    await handler.close()
    await store.close()
    again = new_store(path)
    await again.open()
    handler = new_handler(again)
    await register(handler)
    assert handler.slots(1) == slots
    await feed_again(handler, again)
    await again.close()


async def test_ids_of_silent_events_reach_the_disk_with_the_next_change(
    handler: EventHandler, path: Path, store: Store
) -> None:
    """So that after a crash, too, a silent event fed again changes nothing."""
    full, empty = unit(1, slot(1, True)), unit(1, slot(1, False))
    await handler.handle_printer_event(state(full))
    await handler.handle_printer_event(state(full, event_id="SILENT"))
    assert await count(store, "seen_events") == 0
    await handler.handle_printer_event(removed(1, 1))
    # As after a crash: this handler was never closed.
    handler = new_handler(store)
    await register(handler)
    assert (
        await handler.handle_printer_event(state(full, event_id="SILENT"))
        is Outcome.DUPLICATE
    )
    assert await handler.handle_printer_event(state(empty)) is Outcome.UNCHANGED


async def test_ids_of_silent_events_are_bounded_in_memory_and_on_disk(
    handler: EventHandler, store: Store
) -> None:
    """They reach the disk when there are many, and the oldest are forgotten."""
    with (
        patch.object(event_jobs, "MAX_SILENT", 3),
        patch(
            "custom_components.filament_slots.core.tables.row_writer.SEEN_EVENTS_KEPT",
            6,
        ),
    ):
        for number in range(13):
            await handler.handle_printer_event(state(event_id=f"E{number}"))
    assert await count(store, "seen_events") == 6
    assert (
        await handler.handle_printer_event(state(event_id="E12")) is Outcome.DUPLICATE
    )


async def test_a_spool_seen_before_carries_its_previous_slot(
    handler: EventHandler, store: Store
) -> None:
    """In the event as published and as stored; the removal may come after the insert."""
    other = await register(handler, "OTHER")
    listener = Listener(handler)
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", meta={"slot_label": "A1"}) | {"printer_id": other}
    )
    await handler.handle_printer_event(inserted(2, 3, tag="A"))
    await handler.handle_printer_event(removed(1, 1, tag="A") | {"printer_id": other})
    await handler.handle_printer_event(
        inserted(None, 1, identifiers={"rfid_uid": identifiers("A")["rfid_uid"]})
    )
    first, second = (event["meta"]["previous_slot"] for event, _ in listener.received)
    assert first == {
        "printer_id": other,
        "is_ams_slot": True,
        "ams_unit_no": 1,
        "slot_no": 1,
        "slot_label": "A1",
    }
    assert second == {
        "printer_id": 1,
        "is_ams_slot": True,
        "ams_unit_no": 2,
        "slot_no": 3,
        "slot_label": None,
    }
    assert [e["meta"]["previous_slot"] for e in await history(store)] == [
        {},
        first,
        {},
        second,
    ]


async def test_what_only_the_core_may_say_is_taken_out(handler: EventHandler) -> None:
    """No driver can claim that an event was not stored."""
    listener = Listener(handler)
    meta = {"persisted": False, "replay": True, "previous_slot": 5, "reason": "runout"}
    await handler.handle_printer_event(removed(1, 1, meta=meta))
    assert listener.received[0][0]["meta"] == {"reason": "runout", **NOTHING_KNOWN}


@pytest.mark.parametrize("meta", [None, {}, {"filament": None}, {"unit": "AMS"}])
@pytest.mark.parametrize("make", [inserted, removed, unknown])
async def test_a_spool_event_has_every_object_of_its_meta(
    handler: EventHandler,
    store: Store,
    make: Callable[..., dict[str, Any]],
    meta: dict[str, Any] | None,
) -> None:
    """Empty where nothing is known: as published, and as stored by any version."""
    listener = Listener(handler)

    await handler.handle_printer_event(make(1, 1, meta=meta))

    assert listener.received[0][0]["meta"] == NOTHING_KNOWN
    (stored,) = await history(store)
    assert stored["meta"] == NOTHING_KNOWN


async def test_what_is_known_is_not_replaced_by_an_empty_object(
    handler: EventHandler,
) -> None:
    listener = Listener(handler)

    await handler.handle_printer_event(
        inserted(1, 1, meta={"filament": {"material": "PLA"}, "unit": {"label": "A"}})
    )

    meta = listener.received[0][0]["meta"]
    assert meta["filament"] == {"material": "PLA"}
    assert meta["unit"] == {"label": "A"}


async def test_an_empty_object_takes_no_room_in_the_file(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(inserted(1, 1, meta={"source": "live"}))

    fragments = await store.read(
        lambda db: [text for (text,) in db.execute("SELECT json FROM fragments")]
    )
    assert fragments
    assert not any(f'"{name}"' in text for text in fragments for name in NOTHING_KNOWN)


async def test_everything_in_meta_comes_back_from_the_store(
    handler: EventHandler, store: Store
) -> None:
    """Unknown keys as well."""
    listener = Listener(handler)
    meta = {
        "source": "reconcile",
        "detected_late": True,
        "offline_since": "2026-01-01T00:00:00+00:00",
        "filament": {"material": "PLA"},
        "unit": {"model": "AMS", "serial": "S1", "label": "A"},
        "slot_label": "A1",
        "correlation_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "note": {"any": ["thing", None, 1.5]},
    }
    for event in (
        inserted(1, 1, tag="A", meta=meta, event_id="01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        inserted(1, 2, meta={"correlation_id": 5, "filament": None}, event_id="ab"),
        unknown(None, 1, event_id="0123456789ABCDEF0123456789ABCDEF"),
        removed(
            1, 2, identifiers={"vendor_tag": "GFA00"}, meta={"correlation_id": "x"}
        ),
        state(unit(1, slot(1, False), serial="S1"), meta={"correlation_id": "AB"}),
    ):
        assert await handler.handle_printer_event(event) is Outcome.STORED
    assert await history(store) == [event for event, _ in listener.received]


async def test_events_of_one_printer_are_published_in_their_order(
    handler: EventHandler, store: Store
) -> None:
    """Put from another thread, sharing commits, with bad ones and retries in between."""
    listener = Listener(handler)
    ids = [f"E{number}" for number in range(1000)]
    events = [
        inserted(1, number % 4 + 1, event_id=event_id)
        for number, event_id in enumerate(ids)
    ]
    events[500] = {"printer_id": 1}

    def put_all() -> None:
        for event in events:
            handler.put(event)

    poison = failing(times=2, event_id="E700")
    with poison:
        thread = threading.Thread(target=put_all)
        thread.start()
        await asyncio.to_thread(thread.join)
        await handler.drain(1)
    del ids[500]
    assert listener.ids == ids
    assert [event["event_id"] for event in await history(store)] == ids
    sequences = await store.read(
        lambda db: db.execute("SELECT sequence FROM slot_events ORDER BY id").fetchall()
    )
    assert [number for (number,) in sequences] == list(range(1, 1000))


def failing(*, times: int, event_id: str, error: Exception | None = None) -> Any:
    """Let the writing of one event fail some times."""
    record, left = RowWriter.record, [times]

    def fail(
        self: RowWriter, db: sqlite3.Connection, printer_id: int, slots: Any, rows: Any
    ) -> None:
        record(self, db, printer_id, slots, rows)
        if (
            any(
                getattr(getattr(row, "event", None), "event_id", None) == event_id
                for row in rows
            )
            and left[0]
        ):
            left[0] -= 1
            raise error or sqlite3.IntegrityError("no luck")

    return patch.object(RowWriter, "record", fail)


async def test_an_event_that_fails_at_first_is_stored_by_a_retry(
    handler: EventHandler, store: Store
) -> None:
    """Three retries."""
    listener = Listener(handler)
    with failing(times=3, event_id="X"):
        assert (
            await handler.handle_printer_event(inserted(1, 1, event_id="X"))
            is Outcome.STORED
        )
    assert "persisted" not in listener.received[0][0]["meta"]
    assert await count(store, "slot_events") == 1
    assert await read_failed_events(store) == ()


async def test_an_event_that_cannot_be_stored_is_published_unstored_and_never_stops_the_next(
    handler: EventHandler, store: Store
) -> None:
    """The slots follow all the same, in order; other printers do not wait."""
    other = await register(handler, "OTHER")
    listener = Listener(handler)
    with failing(times=99, event_id="X"):
        bad = asyncio.ensure_future(
            handler.handle_printer_event(inserted(1, 1, tag="A", event_id="X"))
        )
        next_one = asyncio.ensure_future(
            handler.handle_printer_event(inserted(1, 2, event_id="Y"))
        )
        foreign = await handler.handle_printer_event(
            inserted(1, 1) | {"printer_id": other}
        )
        assert foreign is Outcome.STORED
        assert not bad.done()
        assert await bad is Outcome.FAILED
        assert await next_one is Outcome.STORED
    assert listener.ids == ["X", "Y"]
    assert listener.received[0][0]["meta"] == {"persisted": False, **NOTHING_KNOWN}
    slots = handler.slots(1)
    assert slots.slots["u1", 1].present is slots.slots["u1", 2].present is True
    [failed] = await read_failed_events(store)
    assert (failed.outcome, failed.attempts, failed.printer_id) == ("failed", 4, 1)
    assert failed.reason == "IntegrityError: no luck"
    assert failed.payload["event_id"] == "X"
    assert failed.first_at is not None
    assert failed.last_at is not None
    assert (failed.last_at - failed.first_at).total_seconds() >= 0.7
    stored = await count(store, "slot_events")
    assert stored == 2


async def test_an_event_that_cannot_be_applied_is_failed_too(
    handler: EventHandler, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours must not end the pipeline."""
    before = handler.slots(1)
    with patch.object(event_jobs, "apply", side_effect=RuntimeError):
        assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.FAILED
    assert handler.slots(1) == before
    assert "could not be applied" in caplog.text
    assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.STORED


async def test_a_refused_event_that_cannot_be_kept_is_still_rejected(
    handler: EventHandler,
) -> None:
    """The outcome is the same."""
    with patch.object(event_jobs, "put_failed_event", side_effect=RuntimeError):
        assert await handler.handle_printer_event({}) is Outcome.REJECTED


async def test_a_subscriber_that_fails_does_not_stop_the_others(
    handler: EventHandler, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the others nor the handler."""

    def fail(event: Any, slots: Any) -> None:
        raise ZeroDivisionError

    handler.subscribe(1, fail)
    listener = Listener(handler)
    assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.STORED
    assert len(listener.received) == 1
    assert "subscriber failed" in caplog.text


async def test_an_unsubscribed_callback_receives_no_more_events(
    handler: EventHandler,
) -> None:
    """Twice is harmless, and events of other printers are not received."""
    other = await register(handler, "OTHER")
    listener = Listener(handler)
    await handler.handle_printer_event(inserted(1, 1) | {"printer_id": other})
    listener.stop()
    listener.stop()
    await handler.handle_printer_event(inserted(1, 1))
    assert not listener.received


async def test_an_identity_finds_its_printer_again(
    handler: EventHandler, store: Store
) -> None:
    """With its slots, its history and the time it was last seen."""
    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    await handler.deactivate(1)
    await handler.mark_deleted(1)

    async def row() -> Any:
        return await store.read(
            lambda db: db.execute(
                "SELECT is_active, deleted_at FROM printers"
            ).fetchone()
        )

    assert (await row())[0] == 0
    assert (await row())[1] > 0
    again = fresh_handler(store)
    assert await register(again) == 1
    assert await row() == (1, None)
    assert again.slots(1) == handler.slots(1)
    assert again.slots(1).last_seen == datetime.fromisoformat(
        "2026-01-01T00:00:00+00:00"
    )
    assert await register(again) == 1


async def test_of_too_many_waiting_events_an_ams_state_is_refused_first(
    handler: EventHandler, store: Store
) -> None:
    """And where there is none, the newest."""
    await store.writer.hold(30)
    with patch.object(job_queue, "QUEUE_LIMIT", 3):
        waiting = [
            handler.handle_printer_event(event)
            for event in (
                inserted(1, 1),
                inserted(1, 2),
                state(unit(1, slot(4, True))),
                inserted(1, 3),
                inserted(1, 4),
            )
        ]
    store.writer.release()
    assert await asyncio.gather(*waiting) == [
        Outcome.STORED,
        Outcome.STORED,
        Outcome.FAILED,
        Outcome.STORED,
        Outcome.FAILED,
    ]
    assert [failed.reason for failed in await read_failed_events(store)] == [
        "too many events are waiting"
    ] * 2


async def test_after_the_end_events_are_dropped_without_an_error(
    handler: EventHandler, store: Store
) -> None:
    """A driver may be a little late."""
    await store.close()
    for _ in range(2000):
        handler.put(inserted(1, 1))
    await handler.drain(1)
    assert await handler.handle_printer_event(inserted(1, 1)) is Outcome.FAILED
    await handler.drain(99)


def test_an_event_for_a_loop_that_is_gone_is_dropped(path: Path) -> None:
    """A driver's thread may outlive us."""

    async def run() -> EventHandler:
        return new_handler(new_store(path))

    asyncio.run(run()).put(inserted(1, 1))


async def test_a_caller_that_gives_up_does_not_disturb_the_rest(
    handler: EventHandler, store: Store
) -> None:
    """The event is stored all the same."""
    task = asyncio.ensure_future(handler.handle_printer_event(inserted(1, 1)))
    await asyncio.sleep(0)
    task.cancel()
    await handler.drain()
    assert await count(store, "slot_events") == 1


_GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    [
        "event_type",
        "event_at",
        "printer_id",
        "slot",
        "identifiers",
        "ams_units",
        "surprise",
    ]
)


@given(
    _GARBAGE
    | st.dictionaries(_FIELDS, _GARBAGE, min_size=1).map(
        lambda more: inserted(1, 1) | more
    )
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_garbage_never_raises_and_changes_nothing(
    handler: EventHandler, event: Any
) -> None:
    """Whatever a driver gone mad sends."""
    before = handler.slots(1)
    outcome = await handler.handle_printer_event(event)
    if outcome is Outcome.REJECTED:
        assert handler.slots(1) is before
    else:
        assert outcome is Outcome.STORED
        assert event.get("identifiers") in (None, {})


async def test_a_slot_that_can_carry_no_identity_stays_so_over_a_restart(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(state(direct=[slot(1, True, identifiers=None)]))
    await handler.handle_printer_event(removed(None, 1, second=9))
    assert handler.slots(1).slots[None, 1].identifiable is False

    again = fresh_handler(store)
    await register(again)
    assert again.slots(1).slots == handler.slots(1).slots
