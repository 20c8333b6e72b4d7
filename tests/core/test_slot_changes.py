"""A slot that changes too often is counted, and one entry an hour counts its changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.slot_changes import (
    AllChanges,
    apply,
    flapping,
)
from custom_components.filament_slots.core.slot_state import EventRow, PrinterSlots
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.model import parse_event
from scripts.tools.faults import DAMAGES

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
    unknown,
)
from .outages import Locked
from .test_outage import Published, stored, until_well
from .test_replaying import poison

__all__ = ["poison"]

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=5.5)
COUNTS = ("spool_inserted", "spool_removed", "unknown_spool_detected")


def at(event: dict[str, Any], after: timedelta) -> dict[str, Any]:
    """Return the event at that time after the start."""
    return event | {"event_at": (START + after).isoformat()}


def flaps(
    times: int, *, first: int = 0, every: timedelta = EVERY, **more: Any
) -> Iterator[dict[str, Any]]:
    """Yield insertions and removals of one spool in slot 1, as fast as it gets."""
    for number in range(first, first + times):
        make = removed if number % 2 else inserted
        event = make(1, 1, event_id=f"E{number}", **{"tag": "A", **more})
        yield at(event, number * every)


async def put(handler: EventHandler, events: Iterator[dict[str, Any]]) -> None:
    """Handle the events."""
    for event in events:
        handler.put(event)
    await handler.drain()


async def summaries(store: Store) -> list[tuple[str, tuple[int, int, int]]]:
    """Return the id and the counts of each entry that counts changes, oldest first."""
    page = await read_events(store, EventFilter(), limit=20_000, newest_first=False)
    return [
        (event["event_id"], tuple(event["meta"]["summary"][name] for name in COUNTS))
        for event in page.events
        if "summary" in event["meta"]
    ]


async def test_from_the_sixtieth_change_in_an_hour_one_entry_counts_them(
    handler: EventHandler, store: Store
) -> None:
    """The slots follow each, in the file, too; all ids are known afterwards."""
    published = Published(handler)
    await put(handler, flaps(101))

    assert await stored(store) == [f"E{number}" for number in range(60)]
    assert await summaries(store) == [("E59", (21, 20, 0))]
    assert handler.slots(1).slots["u1", 1].present is True
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == handler.slots(1)
    assert [event["event_id"] for event in published.events] == [
        f"E{number}" for number in range(101)
    ]
    kinds = [event["event_type"] for event in published.events]
    assert "ams_state" not in kinds[:60]
    assert set(kinds[60:]) == {"ams_state"}
    assert published.events[59]["meta"]["summary"]["spool_removed"] == 0
    last = published.events[-1]
    assert last["meta"] == {
        "counted_in": "E59",
        "summary": dict(zip(COUNTS, (21, 20, 0), strict=True))
        | {"until": (START + 100 * EVERY).isoformat()},
    }
    assert last["ams_units"][0]["slots"][0]["present"] is True
    for handler_again in (handler, again):
        for event in flaps(101):
            outcome = await handler_again.handle_printer_event(event)
            assert outcome is Outcome.DUPLICATE


async def test_a_day_of_a_faulty_feeder_is_an_entry_an_hour() -> None:
    """All changes are in history, one by one or counted; little memory is used."""
    changes: AllChanges = {}
    slots = PrinterSlots()
    entries: dict[str | None, EventRow] = {}
    total = timedelta(days=1) // EVERY
    for event in flaps(total):
        applied = apply(changes, slots, parse_event(event))
        slots, changes = applied.slots, applied.changes
        for row in applied.rows:
            if isinstance(row, EventRow):
                entries[row.event.event_id] = row

    assert len(entries) == 59 + 24
    counted = [row.event.meta["summary"] for row in entries.values() if row.event.meta]
    assert (
        len(entries) + sum(each[name] for each in counted for name in COUNTS) == total
    )
    assert len(changes["u1", 1].minutes) <= 60
    now = START + total * EVERY
    assert 640 < flapping(changes, now)["u1", 1] <= 655
    assert flapping(changes, now + timedelta(minutes=58)) == {}


async def test_a_slot_that_flaps_costs_another_printer_nothing(
    handler: EventHandler, store: Store
) -> None:
    """Hours of it take a few rows beside the history of the other."""
    other = await register(handler, "OTHER")
    for number in range(300):
        event = inserted(1, number % 4 + 1, tag="A", event_id=f"O{number}")
        handler.put(event | {"printer_id": other})
    await put(handler, flaps(1_500))

    assert await count(store, "slot_events") == 300 + 59 + 3
    await maintenance(handler).purge(START, {}, max_bytes=300_000)
    assert (await stored(store))[:300] == [f"O{number}" for number in range(300)]


async def test_changes_are_events_again_once_they_are_few(
    handler: EventHandler, store: Store
) -> None:
    """And thirty an hour of a slot are no fault."""
    await put(handler, flaps(70))
    assert handler.flapping(1, START + 70 * EVERY) == {("u1", 1): 70}
    calm = timedelta(minutes=70)
    await handler.handle_printer_event(at(inserted(1, 1, event_id="NEXT"), calm))

    assert (await stored(store))[-1] == "NEXT"
    assert [event_id for event_id, _ in await summaries(store)] == ["E59"]
    assert handler.flapping(1, START + calm) == {}


async def test_other_slots_and_repeated_insertions_are_not_counted(
    handler: EventHandler, store: Store
) -> None:
    """A change is one of presence, of one slot."""
    for number in range(70):
        handler.put(at(inserted(1, 1, event_id=f"A{number}"), number * EVERY))
        handler.put(at(inserted(1, number + 2, event_id=f"B{number}"), number * EVERY))
    await handler.drain()

    assert await count(store, "slot_events") == 140
    assert await summaries(store) == []


async def test_a_swap_is_one_change(handler: EventHandler, store: Store) -> None:
    """Its removal and its insertion have the same time."""
    for number in range(40):
        for make in (inserted, removed):
            handler.put(
                at(make(1, 1, event_id=f"{make.__name__}{number}"), number * EVERY)
            )
    await handler.drain()

    assert await count(store, "slot_events") == 80
    assert handler.flapping(1, START + 40 * EVERY) == {("u1", 1): 40}


async def test_an_unknown_spool_is_counted_with_the_changes(
    handler: EventHandler, store: Store
) -> None:
    """It follows the insertions of a slot whose spool has no identity."""
    await put(handler, flaps(61, tag=None))
    await handler.handle_printer_event(at(unknown(1, 1), 61 * EVERY))

    assert await summaries(store) == [("E59", (1, 0, 1))]
    assert handler.slots(1).slots["u1", 1].unknown_reported


async def test_another_spool_is_an_entry_of_its_own(
    handler: EventHandler, store: Store
) -> None:
    """No identity is lost in a number."""
    await put(handler, flaps(64))
    await handler.handle_printer_event(
        at(inserted(1, 1, tag="B", event_id="OTHER"), 64 * EVERY)
    )
    await handler.handle_printer_event(at(removed(1, 1, tag="B"), 65 * EVERY))

    assert await summaries(store) == [("E59", (2, 2, 0)), ("OTHER", (0, 1, 0))]


async def test_a_spool_is_where_a_counted_insertion_put_it(
    handler: EventHandler,
) -> None:
    """As `previous_slot` of its next insertion shows; a removal puts it nowhere."""
    await put(handler, flaps(60))
    await handler.handle_printer_event(
        at(inserted(1, 2, tag="A"), timedelta(minutes=10))
    )
    published = Published(handler)

    async def previous_slot(minute: int) -> int:
        moved = at(inserted(1, 3, tag="A"), timedelta(minutes=minute))
        await handler.handle_printer_event(moved)
        return int(published.events[-1]["meta"]["previous_slot"]["slot_no"])

    await handler.handle_printer_event(at(removed(1, 1), timedelta(minutes=11)))
    assert await previous_slot(12) == 2
    await handler.handle_printer_event(
        at(inserted(1, 1, tag="A"), timedelta(minutes=13))
    )
    assert await previous_slot(14) == 1


async def test_a_clock_that_was_set_back_begins_a_new_hour(
    handler: EventHandler, store: Store
) -> None:
    """What was counted in the future of that clock is not of the last hour."""
    await put(handler, flaps(70))
    back = at(inserted(1, 1, tag="A", event_id="BACK"), -timedelta(hours=2))
    await handler.handle_printer_event(back)

    assert (await stored(store))[-1] == "BACK"
    assert handler.flapping(1, START - timedelta(hours=2)) == {}


async def test_changes_counted_in_an_outage_are_written_after_it(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """Together with their ids."""
    await put(handler, flaps(62))
    outage = Locked(store, path)
    outage.begin()
    await put(handler, flaps(10, first=62))
    outage.end()
    await until_well(store)

    assert await summaries(store) == [("E59", (6, 6, 0))]
    again = fresh_handler(store)
    await register(again)
    outcome = await again.handle_printer_event(next(flaps(1, first=71)))
    assert outcome is Outcome.DUPLICATE


async def test_what_was_counted_outlives_the_damage_of_the_file(
    handler: EventHandler, store: Store, path: Path
) -> None:
    """As what is not proven to be in the file is written into the new one."""
    await put(handler, flaps(70))
    DAMAGES["file cut to half"](path)
    await put(handler, flaps(2, first=70))
    await until_well(store)

    assert await summaries(store) == [("E59", (6, 6, 0))]


async def test_a_count_that_could_not_be_written_is_corrected_by_the_next_or_a_retry(
    handler: EventHandler, store: Store, poison: set[str]
) -> None:
    """An earlier count never replaces a later one."""
    await put(handler, flaps(61))
    poison.add("E59")
    await put(handler, flaps(2, first=61))
    assert await summaries(store) == [("E59", (1, 0, 0))]
    poison.clear()

    retried = await maintenance(handler).retry_failed(10)
    assert (retried.replayed, retried.failed) == (2, 0)
    assert await summaries(store) == [("E59", (2, 1, 0))]
    poison.add("E59")
    await put(handler, flaps(1, first=63))
    poison.clear()
    await put(handler, flaps(1, first=64))
    await maintenance(handler).retry_failed(10)
    assert await summaries(store) == [("E59", (3, 2, 0))]


async def test_a_counted_change_is_not_published_again_at_the_start(
    handler: EventHandler, store: Store
) -> None:
    """Before Home Assistant has started, only the entry itself waits."""
    handler.hold(True)
    await put(handler, flaps(70))
    assert await count(store, "held_events") == 60


async def test_a_state_of_the_printer_is_no_change(
    handler: EventHandler, store: Store
) -> None:
    """It does not end an hour in which changes are counted either."""
    await put(handler, flaps(61))
    await handler.handle_printer_event(
        at(state(unit(1, slot(1, False), slot(2, True)), event_id="S"), 61 * EVERY)
    )
    await put(handler, flaps(2, first=62))

    assert await summaries(store) == [("E59", (2, 1, 0))]
