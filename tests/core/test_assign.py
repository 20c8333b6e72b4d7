"""Identities given by a person: assigned to a slot, or expected of the next spool."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core import event_jobs
from custom_components.filament_slots.core.assignments import (
    AssignmentRefusedError,
    Refused,
)
from custom_components.filament_slots.core.engine.jobs import RETRY_DELAYS
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.expectations import (
    Announcement,
    Announcements,
    Assigned,
    Expectation,
)
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.slot_state import PrinterSlots
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
    read_failed_events,
)
from custom_components.filament_slots.core.tables.row_writer import RowWriter
from custom_components.filament_slots.model import SlotStatus, StoredSlot, parse_event

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

START = datetime(2026, 1, 1, tzinfo=UTC)
SPOOL = Assigned(external_id="spoolman:12", label="Galaxy black")
OTHER = Assigned(external_id="spoolman:13")
SPOOL_META = {"external_id": "spoolman:12", "label": "Galaxy black"}
OTHER_META = {"external_id": "spoolman:13", "label": None}
FIRST = ("u1", 1)

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def quick_retries() -> Iterator[None]:
    """Retry as often as in production, but without a delay."""
    with patch(
        "custom_components.filament_slots.core.engine.jobs.RETRY_DELAYS",
        (0.0,) * len(RETRY_DELAYS),
    ):
        yield


@pytest.fixture
def published(handler: EventHandler) -> list[dict[str, Any]]:
    """Return the published events of printer 1, which grow as they are published."""
    events: list[dict[str, Any]] = []

    def publish(event: dict[str, Any], slots: PrinterSlots) -> None:
        assert handler.slots(1) is slots
        events.append(event)

    handler.subscribe(1, publish)
    return events


def expect(
    handler: EventHandler,
    assigned: Assigned = SPOOL,
    printer_id: int | None = 1,
    *,
    since: int = 0,
    timeout: int = 60,
) -> None:
    """Expect a spool; since and timeout are seconds."""
    at = START + timedelta(seconds=since)
    handler.expect(
        Expectation(
            printer_id=printer_id,
            assigned=assigned,
            since=at,
            until=at + timedelta(seconds=timeout),
        )
    )


@contextmanager
def failing(times: int) -> Iterator[None]:
    """Let the writing of rows fail that often."""
    record, left = RowWriter.record, times

    def fail(self: RowWriter, *args: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            raise ValueError("broken")
        record(self, *args)

    with patch.object(RowWriter, "record", fail):
        yield


def first(handler: EventHandler) -> StoredSlot:
    """Return the first slot of the first unit."""
    return handler.slots(1).slots[FIRST]


async def history(store: Store, **wanted: Any) -> list[dict[str, Any]]:
    """Return the events, oldest first."""
    page = await read_events(store, EventFilter(**wanted), newest_first=False)
    return list(page.events)


# Assigned to a slot.


async def test_an_assigned_spool_makes_the_slot_identified(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """One `ams_state` is published and stored; reported identifiers stay."""
    await handler.handle_printer_event(inserted(1, 1))
    assert first(handler).status is SlotStatus.UNIDENTIFIED
    sequence = handler.slots(1).sequence
    await handler.assign(1, FIRST, SPOOL)
    after = first(handler)
    assert after.status is SlotStatus.IDENTIFIED
    assert (after.assigned_external_id, after.assigned_label) == (
        "spoolman:12",
        "Galaxy black",
    )
    assert not after.identifiers.known
    assert after.updated_at is not None
    assert after.updated_at > START
    assert handler.slots(1).sequence == sequence + 1
    [_, event] = published
    assert event["event_type"] == "ams_state"
    assert event["meta"] == {"assigned": SPOOL_META, "previously_assigned": None}
    [published_unit] = event["ams_units"]
    assert published_unit["slots"] == [{"slot_no": 1, "label": None}]
    assert await history(store, external_id="spoolman:12") == [event]


async def test_an_assignment_survives_a_restart(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """The printer was last seen when it sent its last message, not at the assignment."""
    await handler.handle_printer_event(inserted(1, 1, second=5))
    await handler.assign(1, FIRST, SPOOL)
    slots = handler.slots(1)
    await handler.close()
    await store.close()
    again = new_store(path)
    await again.open()
    handler = new_handler(again)
    await register(handler)
    assert handler.slots(1) == slots
    assert handler.slots(1).last_seen == START + timedelta(seconds=5)
    await handler.handle_printer_event(removed(1, 1, second=9))
    await handler.close()
    restarted = fresh_handler(again)
    await register(restarted)
    assert restarted.slots(1).last_seen == START + timedelta(seconds=9)
    await again.close()


async def test_assigning_the_same_again_changes_nothing(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """No second event is published."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    before = handler.slots(1)
    await handler.assign(1, FIRST, SPOOL)
    assert handler.slots(1) is before
    assert len(published) == await count(store, "slot_events") == 2


async def test_an_assignment_can_be_undone(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """The slot is unidentified again; the event names the spool and its filament."""
    filament = {"material": "PLA"}
    await handler.handle_printer_event(inserted(1, 1, meta={"filament": filament}))
    await handler.assign(1, FIRST, SPOOL)
    await handler.assign(1, FIRST, None)
    assert first(handler).status is SlotStatus.UNIDENTIFIED
    assert first(handler).assigned_label is None
    undone = published[-1]
    assert undone["meta"] == {"assigned": None, "previously_assigned": SPOOL_META}
    assert undone["ams_units"][0]["slots"][0]["filament"] == filament
    assert await history(store, external_id="spoolman:12") == published[-2:]


async def test_an_empty_slot_accepts_no_identity(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """Undoing a missing assignment is no error."""
    await handler.handle_printer_event(removed(1, 1))
    with pytest.raises(AssignmentRefusedError) as refused:
        await handler.assign(1, FIRST, SPOOL)
    assert refused.value.reason is Refused.SLOT_EMPTY
    await handler.assign(1, FIRST, None)
    assert len(published) == await count(store, "slot_events") == 1


async def test_a_spool_identified_by_the_printer_accepts_no_identity(
    handler: EventHandler,
) -> None:
    """It would not be shown."""
    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    with pytest.raises(AssignmentRefusedError) as refused:
        await handler.assign(1, FIRST, SPOOL)
    assert refused.value.reason is Refused.SLOT_IDENTIFIED


async def test_a_slot_without_a_sensor_accepts_an_identity(
    handler: EventHandler,
) -> None:
    """Only the user knows the spool on an external holder."""
    await handler.handle_printer_event(state(direct=[slot(1)]))
    await handler.assign(1, (None, 1), SPOOL)
    holder = handler.slots(1).slots[None, 1]
    assert holder.assigned_external_id == "spoolman:12"
    assert holder.status is None


async def test_an_unknown_slot_is_an_error(handler: EventHandler) -> None:
    """So is an unknown printer."""
    with pytest.raises(KeyError):
        await handler.assign(1, FIRST, SPOOL)
    with pytest.raises(KeyError):
        await handler.assign(2, FIRST, SPOOL)


async def test_a_tag_supersedes_an_assignment(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """The only event is `ams_state`; a state without identifiers supersedes nothing."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    unidentified = slot(1, True, identifiers=dict.fromkeys(identifiers("A")))
    await handler.handle_printer_event(state(unit(1, unidentified), second=1))
    await handler.handle_printer_event(
        state(unit(1, slot(1, True, filament={"material": "PLA"})), second=2)
    )
    assert first(handler).assigned_external_id == "spoolman:12"
    await handler.handle_printer_event(state(unit(1, slot(1, True, tag="A")), second=3))
    assert first(handler).assigned_external_id is None
    assert first(handler).assigned_label is None
    assert first(handler).identifiers.external_id == identifiers("A")["external_id"]
    assert {event["event_type"] for event in published[1:]} == {"ams_state"}


async def test_the_history_of_an_assigned_spool_contains_the_events_of_its_slot(
    handler: EventHandler, store: Store
) -> None:
    """From the assignment to the removal, which carries the identity."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    await handler.handle_printer_event(
        state(unit(1, slot(1, True, filament={"material": "PLA"})), second=2)
    )
    await handler.handle_printer_event(removed(1, 1, second=3, **no_tag()))
    about = await history(store, external_id="spoolman:12")
    assert [event["event_type"] for event in about] == [
        "ams_state",
        "ams_state",
        "spool_removed",
    ]
    assert about[-1]["meta"]["assigned"] == SPOOL_META
    assert about[-1]["identifiers"] == dict.fromkeys(identifiers("A"))


async def test_a_removal_ends_the_assignment_and_carries_it(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """So that an automation knows which spool to put away."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    assert await handler.handle_printer_event(removed(1, 1)) is Outcome.STORED
    assert first(handler).assigned_external_id is None
    assert published[-1]["meta"]["assigned"] == SPOOL_META
    assert (await history(store))[-1] == published[-1]
    await handler.handle_printer_event(inserted(1, 1, second=1))
    await handler.handle_printer_event(removed(1, 1, second=2))
    assert published[-1]["meta"]["assigned"] == {}


async def test_an_assigned_spool_is_not_unknown(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """Nor if it is reported again after a restart; without an assignment it is."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    event = unknown(1, 1, event_id="UNKNOWN")
    assert await handler.handle_printer_event(event) is Outcome.UNCHANGED
    assert await handler.handle_printer_event(event) is Outcome.DUPLICATE
    assert len(published) == 2
    assert not first(handler).unknown_reported
    await handler.assign(1, FIRST, None)
    assert await handler.handle_printer_event(unknown(1, 1)) is Outcome.STORED
    assert published[-1]["event_type"] == "unknown_spool_detected"


async def test_an_assignment_that_cannot_be_stored_fails(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """The error is raised to the caller."""
    await handler.handle_printer_event(inserted(1, 1))
    with failing(99), pytest.raises(ValueError, match="broken"):
        await handler.assign(1, FIRST, SPOOL)
    assert first(handler).assigned_external_id is None
    assert len(published) == await count(store, "slot_events") == 1
    with failing(2):
        await handler.assign(1, FIRST, SPOOL)
    assert first(handler).assigned_external_id == "spoolman:12"
    assert len(published) == await count(store, "slot_events") == 2


async def test_an_assignment_also_stores_units_that_could_not_be_stored_before(
    handler: EventHandler, store: Store
) -> None:
    """A unit that could not be stored when it appeared is stored with the assignment."""
    with failing(99):
        await handler.handle_printer_event(state(unit(1, slot(1, True), slot(2))))
    await handler.assign(1, FIRST, SPOOL)
    slots = handler.slots(1)
    restarted = fresh_handler(store)
    await register(restarted)
    assert restarted.slots(1).slots == slots.slots
    assert restarted.slots(1).holders == slots.holders


async def test_an_assignment_whose_caller_was_cancelled_is_published(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """It is stored, so it is published."""
    await handler.handle_printer_event(inserted(1, 1))
    asking = asyncio.ensure_future(handler.assign(1, FIRST, SPOOL))
    await asyncio.sleep(0)
    asking.cancel()
    await handler.assign(1, FIRST, OTHER)
    assert [event["meta"] for event in published[1:]] == [
        {"assigned": SPOOL_META, "previously_assigned": None},
        {"assigned": OTHER_META, "previously_assigned": SPOOL_META},
    ]


async def test_an_assigned_spool_is_not_unknown_while_nothing_can_be_written(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """Nothing is published, and nothing is left to be written later."""
    await handler.handle_printer_event(inserted(1, 1))
    await handler.assign(1, FIRST, SPOOL)
    with patch.object(event_jobs, "is_known", side_effect=ValueError):
        outcome = await handler.handle_printer_event(unknown(1, 1))
    assert outcome is Outcome.UNCHANGED
    assert len(published) == 2
    assert not await read_failed_events(store)


# Expected spools.


async def test_the_next_unidentified_insertion_takes_the_expected_identity(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """In the same transaction; its event carries it, and reported identifiers stay."""
    expect(handler)
    await handler.handle_printer_event(inserted(1, 1, second=5, **no_tag()))
    after = first(handler)
    assert after.status is SlotStatus.IDENTIFIED
    assert after.assigned_label == "Galaxy black"
    [event] = published
    assert event["meta"]["assigned"] == SPOOL_META
    assert event["identifiers"] == dict.fromkeys(identifiers("A"))
    assert await history(store, external_id="spoolman:12") == published
    await handler.handle_printer_event(inserted(1, 2, second=6))
    assert published[-1]["meta"]["assigned"] == {}


async def test_an_insertion_with_an_expected_identity_is_not_unknown(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """The user has identified it by the scan."""
    expect(handler)
    await handler.handle_printer_event(inserted(1, 1))
    assert await handler.handle_printer_event(unknown(1, 1)) is Outcome.UNCHANGED
    assert len(published) == 1


async def test_an_expected_spool_seen_before_carries_its_previous_slot(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """As any identified spool does."""
    expect(handler)
    await handler.handle_printer_event(inserted(1, 1))
    await handler.handle_printer_event(removed(1, 1, second=1))
    expect(handler)
    await handler.handle_printer_event(inserted(1, 3, second=2))
    assert published[-1]["meta"]["previous_slot"]["slot_no"] == 1


@pytest.mark.parametrize(
    "other",
    [
        inserted(1, 1, tag="A"),
        removed(1, 1),
        unknown(1, 1),
        state(unit(1, slot(1, True))),
        inserted(1, 1, second=61),
        inserted(1, 1) | {"event_at": "2025-12-31T23:57:00+00:00"},
    ],
    ids=["tagged", "removed", "unknown", "state", "too late", "long before"],
)
async def test_only_an_unidentified_insertion_in_time_takes_an_expected_identity(
    handler: EventHandler, other: dict[str, Any]
) -> None:
    """The spool is still expected."""
    expect(handler)
    await handler.handle_printer_event(other)
    assert first(handler).assigned_external_id is None
    await handler.handle_printer_event(inserted(1, 1, second=60))
    assert first(handler).assigned_external_id == "spoolman:12"


async def test_a_spool_inserted_just_before_the_scan_takes_the_identity(
    handler: EventHandler,
) -> None:
    """Its tag was still being read, which takes up to two minutes."""
    expect(handler, since=100)
    await handler.handle_printer_event(inserted(1, 1, second=5))
    assert first(handler).assigned_external_id == "spoolman:12"


async def test_a_later_expectation_replaces_an_earlier_one_of_the_same_printer(
    handler: EventHandler,
) -> None:
    """One for the printer itself is used before one for any printer."""
    expect(handler, OTHER, None)
    expect(handler, Assigned(external_id="spoolman:1"))
    expect(handler, SPOOL)
    for number, wanted in ((1, "spoolman:12"), (2, "spoolman:13"), (3, None)):
        await handler.handle_printer_event(inserted(1, number, second=number))
        taken = handler.slots(1).slots["u1", number]
        assert taken.assigned_external_id == wanted


async def test_an_expectation_of_one_printer_is_not_met_by_another(
    handler: EventHandler,
) -> None:
    """One for any printer is."""
    assert await register(handler, "OTHER") == 2
    expect(handler)
    await handler.handle_printer_event(inserted(1, 1) | {"printer_id": 2})
    assert handler.slots(2).slots[FIRST].assigned_external_id is None
    expect(handler, OTHER, None)
    await handler.handle_printer_event(inserted(1, 2, second=1) | {"printer_id": 2})
    taken = handler.slots(2).slots["u1", 2]
    assert taken.assigned_external_id == "spoolman:13"


async def test_an_event_seen_twice_takes_no_second_identity(
    handler: EventHandler,
) -> None:
    """The expected identity waits for a new insertion."""
    expect(handler)
    event = inserted(1, 1, event_id="X")
    await handler.handle_printer_event(event)
    expect(handler, OTHER)
    assert await handler.handle_printer_event(event) is Outcome.DUPLICATE
    assert first(handler).assigned_external_id == "spoolman:12"
    await handler.handle_printer_event(inserted(1, 2, second=1))
    taken = handler.slots(1).slots["u1", 2]
    assert taken.assigned_external_id == "spoolman:13"


async def test_a_retried_insertion_takes_the_same_identity(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """Nothing is taken until it is written."""
    expect(handler)
    with failing(2):
        outcome = await handler.handle_printer_event(inserted(1, 1))
    assert outcome is Outcome.STORED
    assert published[-1]["meta"]["assigned"] == SPOOL_META


async def test_an_insertion_that_cannot_be_stored_takes_the_identity_as_well(
    handler: EventHandler, store: Store, published: list[dict[str, Any]]
) -> None:
    """It is published, so the identity is used up."""
    expect(handler)
    with failing(99):
        outcome = await handler.handle_printer_event(inserted(1, 1))
    assert outcome is Outcome.FAILED
    assert published[-1]["meta"]["assigned"] == SPOOL_META
    assert published[-1]["meta"]["persisted"] is False
    assert first(handler).assigned_external_id == "spoolman:12"
    await handler.handle_printer_event(inserted(1, 2, second=1))
    assert published[-1]["meta"]["assigned"] == {}
    assert await read_failed_events(store)


async def test_an_insertion_that_cannot_be_processed_is_published_unchanged(
    handler: EventHandler, published: list[dict[str, Any]]
) -> None:
    """With the identity it took."""
    expect(handler)
    with patch.object(event_jobs, "apply", side_effect=ValueError):
        outcome = await handler.handle_printer_event(inserted(1, 1))
    assert outcome is Outcome.FAILED
    assert published[-1]["meta"]["assigned"] == SPOOL_META
    assert published[-1]["meta"]["persisted"] is False


async def test_a_newer_expectation_replaces_one_that_is_given_back(
    handler: EventHandler,
) -> None:
    """The user has scanned another spool in the meantime."""
    expect(handler)
    taken = handler._state.expectations.take(parse_event(inserted(1, 1)))
    assert taken is not None
    expect(handler, OTHER)
    handler._state.expectations.give_back(taken)
    await handler.handle_printer_event(inserted(1, 1))
    assert first(handler).assigned_external_id == "spoolman:13"


async def test_an_announced_spool_is_shown_with_what_took_it(
    handler: EventHandler,
) -> None:
    """Until the next one; a subscriber is called for each step."""
    assert await register(handler, "OTHER") == 2
    shown: list[list[Announcement]] = []
    unsubscribe = handler.subscribe_announced(
        lambda: shown.append(handler.announced(1))
    )
    expect(handler, SPOOL, None)
    await handler.handle_printer_event(inserted(1, 4, tag="A"))
    event = inserted(1, 1, second=5, meta={"slot_label": "A1"}) | {"printer_id": 2}
    await handler.handle_printer_event(event)
    expect(handler, OTHER)
    await handler.handle_printer_event(inserted(1, 2, second=6))
    handler.withdraw(1)
    unsubscribe()
    handler.withdraw(None)

    def seen(announced: Announcement) -> tuple[str, int | None, str | None]:
        spool = announced.expectation.assigned.external_id
        return spool, announced.taken_by, announced.taken_in

    any_taken = ("spoolman:12", 2, "A1")
    assert [[seen(one) for one in step] for step in shown] == [
        [("spoolman:12", None, None)],
        [any_taken],
        [("spoolman:13", None, None), any_taken],
        [("spoolman:13", 1, "2"), any_taken],
        [any_taken],
    ]
    assert shown[1][0].taken_at == START + timedelta(seconds=5)
    assert handler.announced(1) == []


def test_a_spool_announced_meanwhile_is_not_shown_as_taken() -> None:
    """The insertion took the one before."""
    first, second = (
        Expectation(printer_id=1, assigned=assigned, since=START, until=START)
        for assigned in (SPOOL, OTHER)
    )
    announcements = Announcements()
    announcements.put(first)
    announcements.put(second)
    announcements.take(first, inserted(1, 1))
    assert announcements.of(1) == [Announcement(expectation=second)]
    announcements.withdraw(1)
    announcements.take(second, inserted(1, 1))
    assert announcements.of(1) == []


async def test_assignments_in_events_of_a_driver_are_ignored(
    handler: EventHandler,
) -> None:
    """Only the core sets them."""
    await handler.handle_printer_event(inserted(1, 1, meta={"assigned": SPOOL_META}))
    assert first(handler).assigned_external_id is None


async def test_an_insertion_and_its_identity_are_stored_together(
    handler: EventHandler, path: Path
) -> None:
    """Both are stored before the event is published."""
    found = []

    def look(event: dict[str, Any], slots: PrinterSlots) -> None:
        with sqlite3.connect(path) as db:
            found.append(
                db.execute(
                    "SELECT present, assigned_external_id FROM slot_assignments"
                ).fetchone()
            )
        db.close()

    handler.subscribe(1, look)
    expect(handler)
    await handler.handle_printer_event(inserted(1, 1))
    assert found == [(1, "spoolman:12")]


def no_tag() -> dict[str, Any]:
    """Return the event of a printer that looked for a tag and found none."""
    return {"identifiers": dict.fromkeys(identifiers("A"))}
