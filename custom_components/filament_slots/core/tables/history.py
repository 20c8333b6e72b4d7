"""Queries over the history of events, and over the failed ones.

The printer's sequence is the order of history. Rows are written in that order, so
the row's number stands for it and orders the events of several printers, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
import json
import logging
import sqlite3
from typing import Any, Final

from ...model import EventType
from ..engine.store import Store
from ..slot_state import SlotKey
from .codec import (
    DAY,
    TYPE_NUMBERS,
    completed,
    decode_event,
    pack_id,
    pack_time,
    rows,
    unpack_time,
)
from .printers import BEING_DELETED, FIND_SLOT

_LOGGER = logging.getLogger(__name__)

_FOUND: Final = """
    SELECT {distinct} {key} AS id FROM {source}
    WHERE {conditions}
    ORDER BY {key} {order} LIMIT :limit
"""
_ONE_OF: Final = "SELECT * FROM ({found})"
_TOGETHER: Final = "{found} ORDER BY id {order} LIMIT :limit"
_PAGE: Final = """
    WITH page AS ({found})
    SELECT e.*, spools.external_id, context.json AS context, filament.json AS filament
    FROM page
    JOIN slot_events AS e ON e.id = page.id
    LEFT JOIN spools ON spools.id = e.spool_id
    LEFT JOIN fragments AS context ON context.id = e.context_id
    LEFT JOIN fragments AS filament ON filament.id = e.filament_id
    ORDER BY page.id {order}
"""
# The condition of the index of assignments.
_ASSIGNMENT: Final = "e.event_type = 3 AND instr(e.body, '\"assigned\":') > 0"
# Columns of a failed event that only its retry needs.
_OF_REPLAY: Final = frozenset({"place", "sequence", "about"})
_UNIT: Final = "SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit"
_SPOOL: Final = "SELECT id FROM spools WHERE external_id = :external_id"
# All events of these days are between the two; those of other days only where a clock
# was wrong, or something was learnt late.
_FIRST: Final = "(SELECT min(first_event) FROM calendar WHERE {days})"
_LAST: Final = "(SELECT max(last_event) FROM calendar WHERE {days})"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; None or empty: any.

    unit, slot: by their keys, together with printer_id only.
    assignments: beside event_types, each `ams_state` by which a user assigned a spool.
    spool_id: its number in the library.
    correlation_id: of the events that one message of a printer caused.
    since, until: of `event_at`, the first included and the second not.
    """

    printer_id: int | None = None
    unit: str | None = None
    slot: SlotKey | None = None
    event_types: frozenset[EventType] = field(default_factory=frozenset)
    assignments: bool = False
    external_id: str | None = None
    spool_id: int | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the cursor that the next page begins after; None at the end."""

    events: tuple[dict[str, Any], ...]
    cursor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """An event that was rejected, or that could not be stored; `payload` as it came."""

    id: int
    outcome: str
    printer_id: int | None
    reason: str
    attempts: int
    first_at: datetime | None
    last_at: datetime | None
    payload: Any


async def read_events(
    store: Store,
    wanted: EventFilter,
    *,
    limit: int = 100,
    cursor: int | None = None,
    newest_first: bool = True,
) -> Page:
    """Return a page of events; one that a failing card has made unreadable is left out.

    Raises ValueError for a unit or slot without its printer, StoreError where the
    file cannot be read.
    """
    query, parameters = events_query(
        wanted, limit=limit, cursor=cursor, newest_first=newest_first
    )
    found = await store.read(lambda db: rows(db, query, parameters))
    return Page(
        tuple(_readable(found[:limit])),
        found[limit - 1]["id"] if len(found) > limit else None,
    )


async def read_failed_events(
    store: Store, *, limit: int = 100, cursor: int | None = None
) -> tuple[FailedEvent, ...]:
    """Return failed events, oldest first; the cursor is the last one's id."""
    found = await store.read(
        lambda db: rows(
            db,
            "SELECT * FROM failed_events WHERE id > :cursor ORDER BY id LIMIT :limit",
            {"cursor": cursor or 0, "limit": limit},
        )
    )
    return tuple(_failed_event(row) for row in found)


def events_query(
    wanted: EventFilter, *, limit: int, cursor: int | None, newest_first: bool
) -> tuple[str, dict[str, Any]]:
    """Return the query of a page and one event more, with its parameters.

    Raises ValueError for a unit or slot without its printer.
    """
    if (wanted.unit or wanted.slot) and wanted.printer_id is None:
        raise ValueError("a unit or a slot needs its printer")
    order = "DESC" if newest_first else "ASC"
    first, last = _range(wanted, cursor, newest_first=newest_first)
    found = [_found(part, first, last, order) for part in _apart(wanted)]
    if len(found) > 1:
        each = " UNION ALL ".join(_ONE_OF.format(found=one) for one in found)
        found = [_TOGETHER.format(found=each, order=order)]
    query = _PAGE.format(found=found[0], order=order)
    return query, {"limit": limit + 1, "cursor": cursor} | _parameters(wanted)


def _by_slot(wanted: EventFilter) -> bool:
    """Return whether what events are about leads to them."""
    return bool(wanted.slot or wanted.unit) or _by_spool(wanted)


def _by_spool(wanted: EventFilter) -> bool:
    return wanted.external_id is not None or wanted.spool_id is not None


def _apart(wanted: EventFilter) -> list[EventFilter]:
    """Return what has to be looked for on its own, each event in one of them.

    A type that is rare is found by its index only, which holds one type in order.
    """
    types = wanted.event_types
    if types == frozenset(EventType):
        types = frozenset()
    together = _by_slot(wanted) or wanted.correlation_id is not None or not types
    parts = [types] if together else [frozenset({kind}) for kind in sorted(types)]
    apart = [replace(wanted, event_types=part, assignments=False) for part in parts]
    if wanted.assignments and types and EventType.AMS_STATE not in types:
        apart.append(replace(wanted, event_types=frozenset()))
    return apart


def _found(wanted: EventFilter, first: str, last: str, order: str) -> str:
    """Return the query of the rows of a page."""
    by_slot = _by_slot(wanted)
    key = "about.event" if by_slot else "e.id"
    conditions = _conditions(wanted, by_slot=by_slot)
    if first:
        conditions.append(f"{key} >= {first}")
    if last:
        conditions.append(f"{key} <= {last}")
    return _FOUND.format(
        key=key,
        # One ams_state may be about several slots of a unit.
        distinct="DISTINCT" if by_slot else "",
        source=(
            "event_slots AS about CROSS JOIN slot_events AS e ON e.id = about.event"
            if by_slot
            else f"slot_events AS e {_index(wanted)}"
        ),
        conditions=" AND ".join(conditions),
        order=order,
    )


def _range(
    wanted: EventFilter, cursor: int | None, *, newest_first: bool
) -> tuple[str, str]:
    """Return between which rows to look; the order of the rows is that of the page.

    One condition each, as SQLite seeks by one only.
    """
    days = []
    if wanted.since:
        days.append("day >= :since / :day")
    if wanted.until:
        days.append("day <= :until / :day")
    first = last = ""
    if days:
        first = _FIRST.format(days=" AND ".join(days))
        last = _LAST.format(days=" AND ".join(days))
    if cursor is not None and newest_first:
        last = f"min({last}, :cursor - 1)" if last else ":cursor - 1"
    elif cursor is not None:
        first = f"max({first}, :cursor + 1)" if first else ":cursor + 1"
    return first, last


def _readable(found: Iterable[sqlite3.Row]) -> Iterator[dict[str, Any]]:
    for row in found:
        try:
            yield completed(decode_event(row))
        except ValueError, TypeError, KeyError:
            _LOGGER.debug("Event %d of history cannot be read", row["id"])


def _index(wanted: EventFilter) -> str:
    """Choose the index: SQLite can't know how many rows a filter leaves."""
    if wanted.correlation_id is not None:
        return "INDEXED BY slot_events_by_correlation"
    if wanted.assignments:
        return "INDEXED BY slot_events_by_assignment"
    names = [] if wanted.printer_id is None else ["printer"]
    if len(wanted.event_types) == 1:
        names.append("type")
    return f"INDEXED BY slot_events_by_{'_'.join(names)}" if names else "NOT INDEXED"


def _conditions(wanted: EventFilter, *, by_slot: bool) -> list[str]:
    """Return the conditions; those with a plus must not choose the index."""
    conditions = [f"+e.printer_id NOT IN ({BEING_DELETED})"]
    if wanted.slot:
        conditions.append(f"about.slot_id = ({FIND_SLOT})")
    if wanted.external_id is not None:
        plus = "+" if wanted.slot else ""
        conditions.append(f"{plus}about.spool_id = ({_SPOOL})")
    if wanted.spool_id is not None:
        plus = "+" if wanted.slot else ""
        conditions.append(f"{plus}about.spool_id = :spool_id")
    if wanted.unit:
        plus = "+" if wanted.slot or _by_spool(wanted) else ""
        conditions.append(f"{plus}about.unit_id = ({_UNIT})")
    if wanted.printer_id is not None:
        conditions.append("e.printer_id = :printer_id")
    if wanted.correlation_id is not None:
        conditions.append("e.correlation_id = :correlation_id")
    if wanted.event_types:
        numbers = sorted(TYPE_NUMBERS[kind] for kind in wanted.event_types)
        conditions.append(f"e.event_type IN ({', '.join(map(str, numbers))})")
    if wanted.assignments:
        conditions.append(_ASSIGNMENT)
    if wanted.since:
        conditions.append("e.event_at >= :since")
    if wanted.until:
        conditions.append("e.event_at < :until")
    return conditions


def _parameters(wanted: EventFilter) -> dict[str, Any]:
    unit_key, slot_no = wanted.slot or (None, None)
    return {
        "printer_id": wanted.printer_id,
        "unit": wanted.unit,
        "unit_key": unit_key,
        "slot_no": slot_no,
        "external_id": wanted.external_id,
        "spool_id": wanted.spool_id,
        "correlation_id": pack_id(wanted.correlation_id),
        "since": pack_time(wanted.since),
        "until": pack_time(wanted.until),
        "day": DAY,
    }


def _failed_event(row: sqlite3.Row) -> FailedEvent:
    values = {name: row[name] for name in row.keys() if name not in _OF_REPLAY}  # noqa: SIM118
    for name in ("first_at", "last_at"):
        values[name] = unpack_time(values[name])
    values["payload"] = json.loads(values["payload"])
    return FailedEvent(**values)
