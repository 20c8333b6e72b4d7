"""What happened: the queries over the events that were kept.

The printer's sequence is the order of history. Rows are written in that order, so
the row's number stands for it and orders the events of several printers, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
import json
import logging
import sqlite3
from typing import Any, Final

from ..events import EventType
from .ams_slots import SlotKey
from .event_rows import TYPE_NUMBERS, decode_event
from .packing import pack_id, pack_time, rows, unpack_time
from .recorder import FIND_SLOT
from .store import Store

_LOGGER = logging.getLogger(__name__)

_PAGE: Final = """
    WITH page AS (
        SELECT {distinct} {key} AS id FROM {source}
        WHERE {conditions}
        ORDER BY {key} {order} LIMIT :limit
    )
    SELECT e.*, spools.external_id, context.json AS context, filament.json AS filament
    FROM page
    JOIN slot_events AS e ON e.id = page.id
    LEFT JOIN spools ON spools.id = e.spool_id
    LEFT JOIN fragments AS context ON context.id = e.context_id
    LEFT JOIN fragments AS filament ON filament.id = e.filament_id
    ORDER BY page.id {order}
"""
_COUNT: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM slot_events AS e {index} WHERE {conditions} LIMIT {limit}
    )
"""
# Sorted in a millisecond or two.
_LONG: Final = 2_000
# Columns of a failed event that only its replay needs.
_OF_REPLAY: Final = frozenset({"place", "sequence", "about"})
_UNIT: Final = "SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit"
_SPOOL: Final = "SELECT id FROM spools WHERE external_id = :external_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; what is None or empty does not matter.

    unit, slot: by their keys, together with printer_id only.
    correlation_id: what one message of a printer caused.
    since, until: of `event_at`, the first included and the second not.
    """

    printer_id: int | None = None
    unit: str | None = None
    slot: SlotKey | None = None
    event_types: frozenset[EventType] = field(default_factory=frozenset)
    external_id: str | None = None
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

    Raises ValueError for a unit or slot without its printer, sqlite3.Error where the
    file cannot be read.
    """

    def read(db: sqlite3.Connection) -> list[sqlite3.Row]:
        query, parameters = events_query(
            wanted,
            limit=limit,
            cursor=cursor,
            newest_first=newest_first,
            in_order=_is_long(db, wanted, newest_first=newest_first),
        )
        return rows(db, query, parameters)

    found = await store.read(read)
    return Page(
        tuple(_readable(found[:limit])),
        found[limit - 1]["id"] if len(found) > limit else None,
    )


async def last_event(
    store: Store, printer_id: int, slot: SlotKey
) -> dict[str, Any] | None:
    """Return the latest event about a slot, or None."""
    wanted = EventFilter(printer_id=printer_id, slot=slot)
    page = await read_events(store, wanted, limit=1)
    return page.events[0] if page.events else None


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
    wanted: EventFilter,
    *,
    limit: int,
    cursor: int | None,
    newest_first: bool,
    in_order: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Return the query of a page and one event more, with its parameters.

    in_order: go through history instead of sorting what a range of time holds.
    Raises ValueError for a unit or slot without its printer.
    """
    if (wanted.unit or wanted.slot) and wanted.printer_id is None:
        raise ValueError("a unit or a slot needs its printer")
    by_slot = bool(wanted.slot or wanted.external_id or wanted.unit)
    source = (
        "event_slots AS about CROSS JOIN slot_events AS e ON e.id = about.event"
        if by_slot
        else f"slot_events AS e {_index(wanted, in_order=in_order)}"
    )
    key = "about.event" if by_slot else "e.id"
    parameters = {"limit": limit + 1, "cursor": cursor} | _parameters(wanted)
    conditions = _conditions(wanted, by_slot=by_slot)
    if cursor is not None:
        conditions.append(f"{key} {'<' if newest_first else '>'} :cursor")
    query = _PAGE.format(
        key=key,
        # One ams_state may be about several slots of a unit.
        distinct="DISTINCT" if by_slot else "",
        source=source,
        conditions=" AND ".join(conditions) or "TRUE",
        order="DESC" if newest_first else "ASC",
    )
    return query, parameters


def _readable(found: Iterable[sqlite3.Row]) -> Iterator[dict[str, Any]]:
    for row in found:
        try:
            yield decode_event(row)
        except ValueError, TypeError, KeyError:
            _LOGGER.debug("Event %d of history cannot be read", row["id"])


def _is_long(
    db: sqlite3.Connection, wanted: EventFilter, *, newest_first: bool
) -> bool:
    """Whether a range of time, open where the page begins, holds very many events."""
    end, begin = wanted.since, wanted.until
    if not newest_first:
        end, begin = begin, end
    if end is None or begin is not None or wanted.correlation_id is not None:
        return False
    alone = EventFilter(
        printer_id=wanted.printer_id, since=wanted.since, until=wanted.until
    )
    query = _COUNT.format(
        index=_index(alone),
        conditions=" AND ".join(_conditions(alone, by_slot=False)),
        limit=_LONG,
    )
    (count,) = db.execute(query, _parameters(alone)).fetchone()
    return bool(count == _LONG)


def _index(wanted: EventFilter, *, in_order: bool = False) -> str:
    """Choose the index: SQLite can't know how many rows a filter leaves."""
    if wanted.correlation_id is not None:
        return "INDEXED BY slot_events_by_correlation"
    names = [] if wanted.printer_id is None else ["printer"]
    if (wanted.since or wanted.until) and not in_order:
        names.append("time")
    elif len(wanted.event_types) == 1:
        names.append("type")
    return f"INDEXED BY slot_events_by_{'_'.join(names)}" if names else "NOT INDEXED"


def _conditions(wanted: EventFilter, *, by_slot: bool) -> list[str]:
    """Return the conditions; those with a plus must not choose the index."""
    conditions = []
    if wanted.slot:
        conditions.append(f"about.slot_id = ({FIND_SLOT})")
    if wanted.external_id:
        plus = "+" if wanted.slot else ""
        conditions.append(f"{plus}about.spool_id = ({_SPOOL})")
    if wanted.unit:
        plus = "+" if wanted.slot or wanted.external_id else ""
        conditions.append(f"{plus}about.unit_id = ({_UNIT})")
    if wanted.printer_id is not None:
        conditions.append("e.printer_id = :printer_id")
    if wanted.correlation_id is not None:
        conditions.append("e.correlation_id = :correlation_id")
    if wanted.event_types:
        numbers = sorted(TYPE_NUMBERS[kind] for kind in wanted.event_types)
        conditions.append(f"e.event_type IN ({', '.join(map(str, numbers))})")
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
        "correlation_id": pack_id(wanted.correlation_id),
        "since": pack_time(wanted.since),
        "until": pack_time(wanted.until),
    }


def _failed_event(row: sqlite3.Row) -> FailedEvent:
    values = {name: row[name] for name in row.keys() if name not in _OF_REPLAY}  # noqa: SIM118
    for name in ("first_at", "last_at"):
        values[name] = unpack_time(values[name])
    values["payload"] = json.loads(values["payload"])
    return FailedEvent(**values)
