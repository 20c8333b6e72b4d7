"""History grows old and goes, in small steps; what is true now stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.retention import Keep

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
from .test_outage import stored

NOW = datetime(2026, 11, 1, tzinfo=UTC)
USUAL = Keep(timedelta(days=365), timedelta(days=30))


def days_ago(event: dict[str, Any], days: float) -> dict[str, Any]:
    """Return the event as one of that day."""
    return event | {"event_at": (NOW - timedelta(days=days)).isoformat()}


async def test_history_is_kept_for_the_time_of_its_kind(
    handler: EventHandler, store: Store
) -> None:
    """The last event of a slot stays, however old, and the state of the slots."""
    other = await register(handler, "OTHER")
    events = [
        days_ago(inserted(1, 1, tag="A", event_id="OLD"), 400),
        days_ago(inserted(1, 2, tag="B", event_id="LAST OF 2"), 400),
        days_ago(state(unit(1, slot(3, True)), event_id="OLD STATE"), 31),
        days_ago(removed(1, 1, tag="A", event_id="KEPT"), 100),
        days_ago(inserted(1, 1, tag="B", event_id="OF OTHER"), 400)
        | {"printer_id": other},
        days_ago(inserted(1, 1, event_id="LAST OF OTHER"), 1) | {"printer_id": other},
        days_ago(state(unit(1, slot(1, True, tag="C")), event_id="STATE"), 29),
        days_ago(inserted(1, 3, event_id="NEW"), 1),
        days_ago(removed(1, 1, event_id="NEWEST"), 0),
    ]
    for event in events:
        await handler.handle_printer_event(event)
    slots = handler.slots(1)

    purged = await maintenance(handler).purge(NOW, {1: USUAL})

    assert purged.events == 2
    gone = {"OLD", "OLD STATE"}
    assert await stored(store) == [
        event["event_id"] for event in events if event["event_id"] not in gone
    ]
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == slots
    [last] = (
        await read_events(store, EventFilter(printer_id=1, slot=("u1", 2)), limit=1)
    ).events
    assert last["event_id"] == "LAST OF 2"
    nothing = Keep(timedelta(0), timedelta(0))
    await maintenance(handler).purge(
        NOW + timedelta(days=1), {1: nothing, other: nothing}
    )
    assert await stored(store) == ["LAST OF 2", "LAST OF OTHER", "NEW", "NEWEST"]
    assert await count(store, "event_slots") == 4
    # Nothing is left over, and what is needed again is there again.
    assert await count(store, "fragments") <= 8
    assert await count(store, "calendar") == 3
    await handler.handle_printer_event(events[0] | {"event_id": "AGAIN"})
    assert (await stored(store))[-1] == "AGAIN"


async def test_a_store_that_is_too_large_loses_its_oldest_and_becomes_smaller(
    handler: EventHandler, store: Store
) -> None:
    """The file itself, while events are being written, and none waits long for it."""
    total = 12_000
    for number in range(total):
        handler.put(
            inserted(
                1, number % 4 + 1, tag="A", event_id=f"E{number}", meta={"n": "x" * 300}
            )
        )
    await handler.drain()
    size = handler.health()["database_bytes"]
    assert size is not None
    written = 0

    async def write_meanwhile() -> None:
        nonlocal written
        while True:
            await handler.handle_printer_event(inserted(2, 1, event_id=f"N{written}"))
            written += 1
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(write_meanwhile())
    purged = await maintenance(handler).purge(NOW, {}, max_bytes=size // 2)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)

    assert purged.database_bytes <= size * 0.6
    left = [event for event in await stored(store) if event.startswith("E")]
    assert left == [f"E{number}" for number in range(total - len(left), total)]
    assert 0 < purged.events < total
    # One that waited for the end would be the only one.
    assert written > 5
    assert (await maintenance(handler).purge(NOW, {}, max_bytes=size)).events == 0


async def test_a_slot_that_fills_the_store_costs_no_other_slot_its_history(
    handler: EventHandler, store: Store
) -> None:
    """The fullest slot loses its oldest events, those of another printer stay."""
    other = await register(handler, "OTHER")
    for number in range(800):
        event = inserted(1, number % 4 + 1, tag="A", event_id=f"O{number}")
        handler.put(event | {"printer_id": other})
    for number in range(3_000):
        handler.put(inserted(2, 1, event_id=f"F{number}", meta={"n": "x" * 1_800}))
    await handler.drain()

    purged = await maintenance(handler).purge(NOW, {}, max_bytes=5_000_000)

    assert purged.database_bytes <= 5_000_000
    left = await stored(store)
    assert left[:800] == [f"O{number}" for number in range(800)]
    flapped = left[800:]
    assert 1_000 < len(flapped) < 3_000
    assert flapped == [f"F{n}" for n in range(3_000 - len(flapped), 3_000)]


async def test_each_slot_keeps_its_last_events_however_large_the_store_is(
    handler: EventHandler, store: Store
) -> None:
    """A share of half the cap, at 400 bytes an event; no more than 200 of them."""
    for number in range(900):
        event = inserted(1, number % 3 + 1, event_id=f"E{number}")
        handler.put(event | {"meta": {"n": "x" * 1_500}})
    for number in range(3):
        handler.put(inserted(1, 4, event_id=f"FEW{number}"))
    await handler.drain()

    # Events as large as these do not fit into it: all go that may.
    await maintenance(handler).purge(NOW, {}, max_bytes=4 * 250 * 800)
    assert await count(store, "slot_events") == 603
    await maintenance(handler).purge(NOW, {}, max_bytes=4 * 50 * 800)

    assert await stored(store) == [
        *(f"E{number}" for number in range(900 - 150, 900)),
        *(f"FEW{number}" for number in range(3)),
    ]


async def test_an_event_about_several_slots_stays_as_long_as_one_of_them_keeps_it(
    handler: EventHandler, store: Store
) -> None:
    """An `ams_state` among the last events of a quiet slot, and a busy one."""
    both = state(unit(1, slot(1, True), slot(2, True)), event_id="BOTH")
    await handler.handle_printer_event(both)
    await handler.handle_printer_event(
        state(unit(1, slot(1, False)), event_id="ONE", second=1)
    )
    for number in range(5):
        await handler.handle_printer_event(inserted(1, 1, event_id=f"E{number}"))

    await maintenance(handler).purge(NOW, {}, max_bytes=1)

    assert await stored(store) == ["BOTH", "E4"]


async def test_refused_events_go_before_history_does(
    handler: EventHandler, store: Store
) -> None:
    """What a driver gone mad sends must not cost years of history."""
    for number in range(8):
        handler.put(inserted(1, number % 4 + 1, event_id=f"E{number}"))
    for _ in range(120):
        handler.put({"printer_id": 1, "junk": "x" * 20_000})
    await handler.drain()

    purged = await maintenance(handler).purge(NOW, {}, max_bytes=1_000_000)

    assert purged.events == 0
    assert purged.database_bytes <= 1_000_000
    assert len(await stored(store)) == 8
    assert 0 < await count(store, "failed_events") < 120


async def test_what_cannot_go_stays_even_if_the_store_is_too_large(
    handler: EventHandler, store: Store
) -> None:
    """There is an end to it."""
    for number in range(20):
        await handler.handle_printer_event(inserted(1, number % 4 + 1, tag="A"))
    await maintenance(handler).purge(NOW, {}, max_bytes=1)
    assert await count(store, "slot_events") == 4


async def test_a_purge_takes_nothing_from_an_event_of_the_same_transaction(
    handler: EventHandler, store: Store
) -> None:
    """The caches it empties are not the rows still to be written."""
    await store.writer.hold(60)
    event = asyncio.ensure_future(handler.handle_printer_event(inserted(1, 1, tag="A")))
    deleting = asyncio.create_task(store.write(lambda db: handler._state.rows.forget()))
    await asyncio.sleep(0)
    store.writer.release()
    await asyncio.gather(event, deleting)
    assert handler.health()["commits"] == 2
    again = fresh_handler(store)
    await register(again)
    assert again.slots(1) == handler.slots(1)
