"""The queries: filters, order, pages, and an index for each."""

from datetime import UTC, datetime
import itertools
import re
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core import history
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.history import (
    EventFilter,
    events_query,
    last_event,
    read_events,
)
from custom_components.filament_slots.core.packing import rows
from custom_components.filament_slots.core.store import Store
from custom_components.filament_slots.events import EventType

from .conftest import (
    identifiers,
    inserted,
    register,
    removed,
    slot,
    state,
    unit,
    unknown,
)


def at(second: int) -> datetime:
    """Return the time of an event."""
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


@pytest.fixture
async def filled(handler: EventHandler, store: Store) -> Store:
    """Return a store with a small history; ids are letters in their order."""
    other = await register(handler, "OTHER")
    events = [
        state(
            unit(1, slot(1, True, tag="A"), slot(2, False), serial="S1"),
            unit(2, slot(1, False), serial="S2"),
            second=0,
        ),
        inserted(1, 2, tag="B", second=1),
        inserted(2, 1, second=2),
        unknown(2, 1, second=3),
        removed(1, 2, tag="B", second=4),
        inserted(1, 1, tag="B", second=5) | {"printer_id": other},
        inserted(None, 1, tag="A", second=6),
        removed(2, 1, second=2),
    ]
    for letter, event in zip("ABCDEFGH", events, strict=True):
        await handler.handle_printer_event(event | {"event_id": letter})
    return store


async def ids(store: Store, wanted: EventFilter, **how: Any) -> str:
    """Return the ids of the events found."""
    page = await read_events(store, wanted, **how)
    return "".join(event["event_id"] for event in page.events)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "HGFEDCBA"),
        ({"printer_id": 1}, "HGEDCBA"),
        ({"printer_id": 2}, "F"),
        ({"printer_id": 3}, ""),
        ({"printer_id": 1, "unit": "S1"}, "EBA"),
        ({"printer_id": 1, "unit": "S2"}, "HDCA"),
        ({"printer_id": 2, "unit": "S1"}, ""),
        ({"printer_id": 1, "slot": ("S1", 2)}, "EBA"),
        ({"printer_id": 1, "slot": ("S1", 1)}, "A"),
        ({"printer_id": 1, "slot": (None, 1)}, "G"),
        ({"printer_id": 1, "slot": (None, 2)}, ""),
        ({"printer_id": 1, "unit": "S1", "slot": ("S1", 2)}, "EBA"),
        ({"external_id": identifiers("A")["external_id"]}, "GA"),
        ({"external_id": identifiers("B")["external_id"]}, "FEB"),
        ({"external_id": identifiers("B")["external_id"], "printer_id": 1}, "EB"),
        (
            {
                "external_id": identifiers("A")["external_id"],
                "printer_id": 1,
                "slot": ("S1", 1),
            },
            "A",
        ),
        (
            {
                "external_id": identifiers("B")["external_id"],
                "printer_id": 1,
                "unit": "S1",
            },
            "EB",
        ),
        ({"external_id": "nobody:1"}, ""),
        ({"event_types": frozenset({EventType.SPOOL_REMOVED})}, "HE"),
        (
            {"event_types": frozenset({EventType.SPOOL_REMOVED, EventType.AMS_STATE})},
            "HEA",
        ),
        (
            {"event_types": frozenset({EventType.SPOOL_INSERTED}), "printer_id": 1},
            "GCB",
        ),
        (
            {
                "event_types": frozenset({EventType.SPOOL_INSERTED}),
                "printer_id": 1,
                "unit": "S1",
            },
            "B",
        ),
        ({"since": at(2), "until": at(5)}, "HEDC"),
        ({"since": at(5)}, "GF"),
        ({"until": at(1)}, "A"),
        ({"since": at(2), "printer_id": 2}, "F"),
        (
            {
                "since": at(2),
                "printer_id": 1,
                "slot": ("S2", 1),
                "event_types": frozenset({EventType.SPOOL_REMOVED}),
            },
            "H",
        ),
    ],
)
async def test_each_filter_finds_its_events_both_ways(
    filled: Store, wanted: dict[str, Any], found: str
) -> None:
    """In the order they were emitted, which a clock may not share."""
    assert await ids(filled, EventFilter(**wanted)) == found
    assert await ids(filled, EventFilter(**wanted), newest_first=False) == found[::-1]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "wanted", [{}, {"printer_id": 1, "unit": "S2"}, {"since": at(0)}]
)
async def test_pages_join_without_gap_or_overlap(
    filled: Store, newest_first: bool, wanted: dict[str, Any]
) -> None:
    """Up to the last, which has no cursor."""
    whole = await ids(filled, EventFilter(**wanted), newest_first=newest_first)
    found, cursor = "", None
    for _ in range(len(whole)):
        page = await read_events(
            filled,
            EventFilter(**wanted),
            limit=2,
            cursor=cursor,
            newest_first=newest_first,
        )
        found += "".join(event["event_id"] for event in page.events)
        if (cursor := page.cursor) is None:
            break
    assert found == whole
    assert cursor is None


async def test_the_last_event_of_a_slot_may_be_a_picture(filled: Store) -> None:
    """It names the slot then."""
    last = await last_event(filled, 1, ("S1", 1))
    assert last is not None
    assert last["event_type"] == "ams_state"
    assert last["ams_units"][0]["slots"][0]["present"] is True
    assert await last_event(filled, 1, ("S1", 4)) is None


@pytest.mark.parametrize("wanted", [{"unit": "S1"}, {"slot": (None, 1)}])
async def test_a_unit_or_a_slot_needs_its_printer(
    filled: Store, wanted: dict[str, Any]
) -> None:
    """Alone it would mean nothing."""
    with pytest.raises(ValueError, match="needs its printer"):
        await read_events(filled, EventFilter(**wanted))


CHOICES: dict[str, Any] = {
    "printer_id": 1,
    "unit": "S1",
    "slot": ("S1", 1),
    "event_types": frozenset({EventType.SPOOL_REMOVED}),
    "external_id": identifiers("A")["external_id"],
    "since": at(0),
    "until": at(5),
}


async def test_every_query_uses_an_index(filled: Store) -> None:
    """All combinations of filters, both ways; and only a time range has to sort."""
    wanted = [
        EventFilter(**{name: CHOICES[name] for name in names})
        for size in range(len(CHOICES) + 1)
        for names in itertools.combinations(CHOICES, size)
        if "printer_id" in names or not {"unit", "slot"} & set(names)
    ]
    wanted.append(EventFilter(event_types=frozenset(EventType)))
    for one, newest_first, cursor in itertools.product(
        wanted, (True, False), (None, 5)
    ):
        query, parameters = events_query(
            one, limit=10, cursor=cursor, newest_first=newest_first
        )
        plan = await filled.read(
            lambda db, query=query, parameters=parameters: [
                row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", parameters)
            ]
        )
        scans = [step for step in plan if re.match(r"SCAN (?!page|e$)", step)]
        assert scans == [], (one, plan)
        by_slot = one.unit or one.slot or one.external_id
        if "SCAN e" in plan:
            assert not (by_slot or one.printer_id or one.since or one.until), (
                one,
                plan,
            )
        if by_slot or not (one.since or one.until):
            assert not [step for step in plan if "TEMP B-TREE" in step], (one, plan)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "more",
    [{}, {"printer_id": 1}, {"event_types": frozenset({EventType.SPOOL_REMOVED})}],
)
async def test_a_page_of_a_long_time_is_read_without_sorting_all_of_it(
    filled: Store, more: dict[str, Any], newest_first: bool
) -> None:
    """It holds the same as if it were; an event that came late included."""
    time = {"since": at(2)} if newest_first else {"until": at(3)}
    wanted = EventFilter(**time, **more)
    found = await ids(filled, wanted, newest_first=newest_first)
    queries: list[str] = []
    with (
        patch.object(history, "_LONG", 2),
        patch.object(
            history,
            "rows",
            lambda db, query, given: queries.append(query) or rows(db, query, given),
        ),
    ):
        assert await ids(filled, wanted, newest_first=newest_first) == found
    assert "H" in found
    assert "_time" not in queries[0]
