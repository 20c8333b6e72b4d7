"""Retries of failed events, and re-firing events of history."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core import (
    event_jobs,
    maintenance as core_maintenance,
)
from custom_components.filament_slots.core.engine import job_queue, jobs
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.maintenance import Retried
from custom_components.filament_slots.core.slot_state import PrinterSlots
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.core.tables.row_writer import RowWriter

from .conftest import (
    count,
    fresh_handler,
    inserted,
    maintenance,
    register,
    removed,
    slot,
    state,
    unit,
)
from .test_outage import Published, stored


@pytest.fixture
def poison() -> Iterator[set[str]]:
    """Let the events of these ids never be written."""
    ids: set[str] = set()
    put = RowWriter.put_event

    def fail(
        self: RowWriter, db: Any, sequence: int, row: Any, *args: Any, **how: Any
    ) -> None:
        if row.event.event_id in ids:
            raise sqlite3.IntegrityError("no luck")
        put(self, db, sequence, row, *args, **how)

    with (
        patch.object(RowWriter, "put_event", fail),
        patch.object(jobs, "RETRY_DELAYS", (0.01,)),
    ):
        yield ids


async def test_a_replayed_event_takes_its_place_and_touches_nothing_newer(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """In history at its place, marked; not published again; slots stay unchanged."""
    other = await register(handler, "OTHER")
    poison |= {"B", "D", "P"}
    for event in (
        inserted(1, 1, tag="A", event_id="A"),
        inserted(1, 2, tag="B", event_id="B"),
        inserted(1, 3, tag="C", event_id="C") | {"printer_id": other},
        state(unit(1, slot(2, True, tag="D")), event_id="D"),
        removed(1, 2, tag="D", event_id="E"),
        state(unit(1, humidity_percent=20), event_id="H"),
        inserted(None, 1, tag="E", event_id="P") | {"printer_id": other},
    ):
        await handler.handle_printer_event(event)
    published = Published(handler)
    before = handler.slots(1)
    assert await stored(store) == ["A", "C", "E"]
    assert await maintenance(handler).count_failed() == 3
    poison.remove("D")
    poison.remove("P")

    assert await maintenance(handler).retry_failed(2) == Retried(1, 1, 2)
    poison.clear()
    assert await maintenance(handler).retry_failed(500) == Retried(2, 0, 0)
    assert await maintenance(handler).retry_failed(500) == Retried(0, 0, 0)

    assert await stored(store) == ["A", "B", "C", "D", "E", "P"]
    page = await read_events(store, EventFilter(printer_id=1), newest_first=False)
    assert [event["meta"].get("replay") for event in page.events] == [
        None,
        True,
        True,
        None,
    ]
    sequences = await store.read(
        lambda db: db.execute(
            "SELECT sequence FROM slot_events WHERE printer_id = 1 ORDER BY id"
        ).fetchall()
    )
    assert [number for (number,) in sequences] == [1, 2, 3, 4]
    assert published.events == []
    assert handler.slots(1) is before
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == before
    await register(again, "OTHER")
    assert again.slots(other) == handler.slots(other)
    # Where the spools were last is what the newest events say.
    await handler.handle_printer_event(inserted(1, 4, tag="B", event_id="F"))
    assert (await stored(store))[-1] == "F"


async def test_a_failed_event_that_is_sent_again_is_not_published_again(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """It was published; only its retry is missing."""
    published = Published(handler)
    poison |= {"A"}
    event = inserted(1, 1, tag="A", event_id="A")
    assert await handler.handle_printer_event(event) is Outcome.FAILED
    poison.clear()
    assert await handler.handle_printer_event(event) is Outcome.DUPLICATE
    assert published.ids == ["A"]
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert await stored(store) == ["A"]


async def test_an_event_that_is_in_history_already_is_only_cleared(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """It was sent again, and that worked."""
    poison.add("A")
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    poison.clear()
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert await stored(store) == ["A"]


async def test_what_fails_again_lets_the_others_go_first(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """However small the batch, it never hides what could be stored."""
    poison |= {"A", "B"}
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await handler.handle_printer_event(inserted(1, 2, event_id="B"))
    poison.remove("B")
    assert await maintenance(handler).retry_failed(1) == Retried(0, 1, 2)
    assert await maintenance(handler).retry_failed(1) == Retried(1, 0, 1)
    assert await stored(store) == ["B"]


async def test_what_comes_back_to_history_waits_for_the_end_of_a_purge(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """The purge may just be about to delete what it needs, as nothing else did."""
    poison |= {"B"}
    meta = {"filament": {"material": "PLA"}}
    for event in (
        inserted(1, 1, event_id="A", meta=meta),
        inserted(1, 1, event_id="B", meta=meta),
        removed(1, 1, event_id="C"),
    ):
        await handler.handle_printer_event(event)
    poison.clear()
    over: list[str] = []
    nothing = Keep(timedelta(0), timedelta(0))
    work = maintenance(handler)
    purging = asyncio.create_task(work.purge(datetime.now(UTC), {1: nothing}))
    replaying = asyncio.create_task(work.retry_failed(10))
    purging.add_done_callback(lambda _: over.append("purge"))
    replaying.add_done_callback(lambda _: over.append("replay"))
    await asyncio.gather(purging, replaying)
    assert over == ["purge", "replay"]
    page = await read_events(store, EventFilter(), newest_first=False)
    assert [event["event_id"] for event in page.events] == ["B", "C"]
    assert page.events[0]["meta"]["filament"] == {"material": "PLA"}


async def test_an_event_the_slots_could_not_take_in_is_replayed_as_the_latest(
    handler: EventHandler, store: Store
) -> None:
    """What it changes is found out then; until that works it stays with the failed."""
    with patch.object(event_jobs, "apply", side_effect=RuntimeError):
        await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await handler.handle_printer_event(inserted(1, 1, event_id="B"))
    with patch.object(core_maintenance, "apply", side_effect=RuntimeError):
        assert await maintenance(handler).retry_failed(10) == Retried(0, 1, 1)
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert await stored(store) == ["B", "A"]


async def test_an_event_for_which_there_was_no_room_is_replayed_as_the_latest(
    handler: EventHandler, store: Store
) -> None:
    """It never got as far as the slots, and must not change them now."""
    await store.writer.hold(30)
    with patch.object(job_queue, "QUEUE_LIMIT", 3):
        outcomes = [
            handler.handle_printer_event(inserted(1, 1, event_id=f"E{number}"))
            for number in range(4)
        ]
    store.writer.release()
    assert await outcomes[3] is Outcome.FAILED
    await handler.drain()
    before = handler.slots(1)
    assert await maintenance(handler).retry_failed(10) == Retried(1, 0, 0)
    assert (await stored(store)) == ["E0", "E1", "E2", "E3"]
    assert handler.slots(1) is before


async def test_an_event_during_a_refire_is_published_once(
    handler: EventHandler,
) -> None:
    """As a new event, and not as one of history."""
    await handler.handle_printer_event(inserted(1, 1, event_id="A"))
    await handler.handle_printer_event(removed(1, 1, event_id="B"))
    published: list[tuple[str, bool]] = []

    def listen(event: dict[str, Any], _: PrinterSlots) -> None:
        published.append((event["event_id"], "replay" in event["meta"]))
        if len(published) == 1:
            now = datetime.now(UTC).isoformat()
            handler.put(inserted(1, 2, event_id="C") | {"event_at": now})

    handler.subscribe(1, listen)
    with patch("custom_components.filament_slots.core.maintenance._PAGE", 1):
        assert await maintenance(handler).refire(EventFilter()) == 2
    await handler.drain()
    assert sorted(published) == [("A", True), ("B", True), ("C", False)]


async def test_history_is_refired_to_subscribers_only(
    handler: EventHandler, store: Store
) -> None:
    """In its order and marked; it changes nothing."""
    for second in range(5):
        await handler.handle_printer_event(
            inserted(1, second + 1, second=second, event_id=f"E{second}")
        )
    published = Published(handler)
    slots = handler.slots(1)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = EventFilter(since=at.replace(second=1), until=at.replace(second=4))
    with patch("custom_components.filament_slots.core.maintenance._PAGE", 2):
        assert await maintenance(handler).refire(wanted) == 3
    assert published.ids == ["E1", "E2", "E3"]
    assert all(event["meta"]["replay"] is True for event in published.events)
    assert handler.slots(1) is slots
    assert await count(store, "slot_events") == 5
    # A printer without an entry has no subscribers.
    assert await maintenance(fresh_handler(store)).refire(wanted) == 0


async def test_last_seen_is_when_the_printer_reported_last(
    handler: EventHandler, store: Store
) -> None:
    """Not when something changed; it never goes back, and is no change itself."""
    await handler.handle_printer_event(inserted(1, 1, second=5))
    before = handler.slots(1)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    await handler.note_seen({1: (at, {})})
    await handler.note_seen({1: (datetime(2026, 1, 1, tzinfo=UTC), {})})
    assert handler.slots(1).last_seen == at
    assert handler.slots(1).slots is before.slots
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1).last_seen == at
    assert again.slots(1) == handler.slots(1)
    await store.close()
    await handler.note_seen({1: (at, {})})


async def test_what_one_message_caused_is_found_together(
    handler: EventHandler, store: Store
) -> None:
    """By its correlation id, an index of its own."""
    one, other = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"
    for event, cause in (
        (removed(1, 1, event_id="A"), one),
        (inserted(1, 1, event_id="B"), one),
        (inserted(1, 2, event_id="C"), other),
    ):
        await handler.handle_printer_event(event | {"meta": {"correlation_id": cause}})
    page = await read_events(store, EventFilter(correlation_id=one, printer_id=1))
    assert [event["event_id"] for event in page.events] == ["B", "A"]


async def test_the_health_of_the_pipeline_is_plain(handler: EventHandler) -> None:
    """What diagnostics and system health show."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.handle_printer_event({})
    health = handler.health()
    assert json.loads(json.dumps(health)) == health
    assert health | {"last_commit_at": 0, "last_commit_ms": 0, "database_bytes": 0} == {
        "queue_depth": 0,
        "waiting_for_database": 0,
        "stored": 1,
        "unchanged": 0,
        "duplicate": 0,
        "rejected": 1,
        "failed": 0,
        "retried": 0,
        "dropped": 0,
        "commits": 3,
        "last_commit_at": 0,
        "last_commit_ms": 0,
        "database_bytes": 0,
        "problem": None,
        "problem_since": None,
        "damaged_files": [],
    }
    assert (health["database_bytes"] or 0) > 4096
    assert (health["last_commit_ms"] or 0) > 0
