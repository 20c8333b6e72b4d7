"""The queries: filters, order, pages, and an index for each."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
import itertools
from pathlib import Path
import re
import sqlite3
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.expectations import Assigned
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.codec import EPOCH, pack_time, rows
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    events_query,
    read_events,
)
from custom_components.filament_slots.core.tables.schema import migrate
from custom_components.filament_slots.model import EventType

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


def _plan(db: sqlite3.Connection, query: str, parameters: Any) -> list[str]:
    """Return the steps of SQLite's plan for a query."""
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", parameters)]


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
        ({"external_id": "unknown:1"}, ""),
        ({"spool_id": 1}, "GA"),
        ({"spool_id": 1, "printer_id": 1, "slot": ("S1", 1)}, "A"),
        ({"spool_id": 2, "printer_id": 1, "unit": "S1"}, "EB"),
        ({"spool_id": 99}, ""),
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


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "assigned removed assigned inserted"),
        ({"printer_id": 1}, "assigned removed assigned inserted"),
        ({"printer_id": 2}, ""),
        ({"printer_id": 1, "slot": ("u1", 1)}, "removed assigned inserted"),
        ({"printer_id": 1, "unit": "u1"}, "assigned removed assigned inserted"),
        ({"external_id": "spoolman:13"}, "assigned"),
        (
            {"event_types": frozenset({EventType.SPOOL_REMOVED})},
            "assigned removed assigned",
        ),
        ({"event_types": frozenset({EventType.AMS_STATE})}, "assigned assigned state"),
        ({"event_types": frozenset()}, "assigned removed assigned inserted state"),
    ],
)
async def test_assignments_are_found_beside_spool_events_without_other_states(
    handler: EventHandler, store: Store, wanted: dict[str, Any], found: str
) -> None:
    """Each once, in the order of history."""
    filled = slot(2, True, filament={"name": '"assigned":'})
    await handler.handle_printer_event(state(unit(1, filled)))
    await handler.handle_printer_event(inserted(1, 1, second=1))
    await handler.assign(1, ("u1", 1), Assigned(external_id="spoolman:12"))
    await handler.handle_printer_event(removed(1, 1, second=2))
    await handler.assign(1, ("u1", 2), Assigned(external_id="spoolman:13"))

    spools = frozenset(EventType) - {EventType.AMS_STATE}
    page = await read_events(
        store, EventFilter(**({"event_types": spools} | wanted), assignments=True)
    )

    assert found.split() == [
        "assigned"
        if "previously_assigned" in event["meta"]
        else event["event_type"].rpartition("_")[2]
        for event in page.events
    ]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"printer_id": 1, "unit": "S2"},
        {"since": at(0)},
        {"event_types": frozenset(EventType) - {EventType.AMS_STATE}},
    ],
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


# Before 1970 and after a wrong battery's 2099, midnights, and times close together.
TIMES = st.one_of(
    st.timedeltas(timedelta(days=-4_000), timedelta(days=47_500)),
    st.timedeltas(timedelta(days=20_540), timedelta(days=20_542)),
    st.sampled_from([timedelta(0), timedelta(days=20_541)]),
).map(lambda since: EPOCH + since)


@given(
    times=st.lists(TIMES, max_size=12),
    since=st.none() | TIMES,
    until=st.none() | TIMES,
    newest_first=st.booleans(),
    limit=st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_a_range_of_time_holds_what_happened_in_it_whatever_the_clock_did(
    times: list[datetime],
    since: datetime | None,
    until: datetime | None,
    newest_first: bool,
    limit: int,
) -> None:
    """Events come in any order of time; none is missed, on no page."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, Path())
    with closing(db):
        db.execute(
            "INSERT INTO printers (identity, name, driver_key) VALUES ('P', 'P', 'x')"
        )
        for number, moment in enumerate(times):
            db.execute(
                "INSERT INTO slot_events (event_id, printer_id, sequence, event_type,"
                " event_at) VALUES (?, 1, ?, 1, ?)",
                (number, number, pack_time(moment)),
            )
        found: list[int] = []
        cursor = None
        while True:
            query, parameters = events_query(
                EventFilter(printer_id=1, since=since, until=until),
                limit=limit,
                cursor=cursor,
                newest_first=newest_first,
            )
            page = rows(db, query, parameters)
            found += [row["event_id"] for row in page[:limit]]
            if len(page) <= limit:
                break
            cursor = page[limit - 1]["id"]
    wanted = [
        number
        for number, moment in enumerate(times)
        if (since is None or moment >= since) and (until is None or moment < until)
    ]
    assert found == (wanted[::-1] if newest_first else wanted)


async def test_the_last_event_of_a_slot_may_be_an_ams_state(filled: Store) -> None:
    """It names the slot then."""
    [last] = (
        await read_events(filled, EventFilter(printer_id=1, slot=("S1", 1)), limit=1)
    ).events
    assert last["event_type"] == "ams_state"
    assert last["ams_units"][0]["slots"][0]["present"] is True
    other = EventFilter(printer_id=1, slot=("S1", 4))
    assert (await read_events(filled, other)).events == ()


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
    """All combinations of filters, both ways; and nothing has to be sorted."""
    wanted = [
        EventFilter(**{name: CHOICES[name] for name in names})
        for size in range(len(CHOICES) + 1)
        for names in itertools.combinations(CHOICES, size)
        if "printer_id" in names or not {"unit", "slot"} & set(names)
    ]
    some = frozenset({EventType.SPOOL_REMOVED, EventType.UNKNOWN_SPOOL_DETECTED})
    wanted += [
        EventFilter(event_types=frozenset(EventType)),
        EventFilter(event_types=some),
        EventFilter(event_types=some, printer_id=1, since=at(0), until=at(5)),
        EventFilter(event_types=some, printer_id=1, slot=("S1", 1)),
        EventFilter(event_types=some, assignments=True),
        EventFilter(event_types=some, assignments=True, spool_id=1),
        EventFilter(spool_id=1, printer_id=1, slot=("S1", 1)),
        EventFilter(spool_id=1, printer_id=1, unit="S1", since=at(0)),
        EventFilter(event_types=some, assignments=True, printer_id=1, since=at(0)),
        EventFilter(event_types=some, assignments=True, printer_id=1, unit="S1"),
    ]
    for one, newest_first, cursor in itertools.product(
        wanted, (True, False), (None, 5)
    ):
        query, parameters = events_query(
            one, limit=10, cursor=cursor, newest_first=newest_first
        )
        plan = await filled.read(partial(_plan, query=query, parameters=parameters))
        scans = [
            step for step in plan if re.match(r"SCAN (?!page|e$|\(subquery)", step)
        ]
        assert scans == [], (one, plan)
        by_slot = one.unit or one.slot or one.external_id or one.spool_id
        if "SCAN e" in plan:
            assert not (by_slot or one.printer_id or one.since or one.until), (
                one,
                plan,
            )
        # Of several types, and of assignments, a page of each is put together.
        whole = len(one.event_types) in (0, 1, len(EventType)) or by_slot
        if whole and not one.assignments:
            assert not [step for step in plan if "TEMP B-TREE" in step], (one, plan)
