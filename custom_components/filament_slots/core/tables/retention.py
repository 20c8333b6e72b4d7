"""Purge of old history; the present state and the last events of each slot stay."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import sqlite3
from typing import Any, Final

from ...model import EventType
from ..engine.store import Store
from .codec import DAY, TYPE_NUMBERS, pack_json, pack_time
from .steps import LARGEST_STEP, Steps

_FIRST_STEP: Final = 50
_PAGES_A_STEP: Final = 32
_FOUND_AT_ONCE: Final = 5_000
# Below the cap, so that it is not reached again at once.
_SHRINK_TO: Final = 0.95
# The cap leaves each slot as many of its last events, or an equal share of half the cap.
_SLOT_KEEPS: Final = 200
_BYTES_AN_EVENT: Final = 400

# What is not the last event of any slot never will be.
_TOO_OLD: Final = """
    SELECT id FROM slot_events INDEXED BY slot_events_by_printer
    WHERE printer_id = :printer_id AND id > :after
        AND id <= (SELECT max(last_event) FROM calendar WHERE day <= :newest / :day)
        AND event_at < iif(event_type = :snapshot, :snapshots, :events)
        AND id NOT IN (
            SELECT ifnull((SELECT max(event) FROM event_slots WHERE slot_id = slots.id), 0)
            FROM slots
        )
    ORDER BY id LIMIT :limit
"""
_OF_PRINTER: Final = """
    SELECT id FROM slot_events INDEXED BY slot_events_by_printer
    WHERE printer_id = :printer_id ORDER BY id LIMIT :limit
"""
_HELD_BY_SLOT: Final = """
    SELECT (SELECT count(*) FROM event_slots WHERE slot_id = slots.id) FROM slots
"""
# What is not among the latest events of any slot it is about, `level` of each.
_ABOVE: Final = """
    WITH full AS MATERIALIZED (
        SELECT id, printer_id, ifnull((
            SELECT event FROM event_slots WHERE slot_id = slots.id
            ORDER BY event DESC LIMIT 1 OFFSET :level
        ), 0) AS last_above
        FROM slots
    )
    SELECT DISTINCT above.event FROM full
    JOIN event_slots AS above
        ON above.slot_id = full.id AND above.event <= full.last_above
    WHERE NOT EXISTS (
        SELECT 1 FROM full AS other
        JOIN event_slots AS about
            ON about.slot_id = other.id AND about.event = above.event
        WHERE other.printer_id = full.printer_id AND other.last_above < above.event
    )
    ORDER BY above.event LIMIT :limit
"""
_FORGET_REFUSED: Final = """
    DELETE FROM failed_events WHERE id IN (
        SELECT id FROM failed_events WHERE outcome = 'rejected' ORDER BY id LIMIT :limit
    )
"""
_FORGET_ABOUT: Final = """
    DELETE FROM event_slots
    WHERE slot_id IN (
        SELECT id FROM slots
        WHERE printer_id IN (
            SELECT printer_id FROM slot_events
            WHERE id IN (SELECT value FROM json_each(:ids))
        )
    )
    AND event BETWEEN :first AND :last
    AND event IN (SELECT value FROM json_each(:ids))
"""
_FORGET_DAYS: Final = """
    DELETE FROM calendar
    WHERE NOT EXISTS (
        SELECT 1 FROM slot_events WHERE id BETWEEN first_event AND last_event
    )
"""
_UNUSED_FRAGMENTS: Final = """
    SELECT id FROM fragments
    EXCEPT SELECT context_id FROM slot_events
    EXCEPT SELECT filament_id FROM slot_events
"""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the history of a printer is kept."""

    events: timedelta
    snapshots: timedelta


@dataclass(frozen=True, slots=True)
class Purged:
    """How many events were deleted, and the size of the file now."""

    events: int
    database_bytes: int


async def purge(
    store: Store,
    now: datetime,
    keep: Mapping[int, Keep],
    max_bytes: int | None,
    forget: Callable[[], None],
) -> Purged:
    """Delete what is too old, and while the file is too large of the fullest slots.

    keep: by printer; the history of others stays. forget: called on the writer thread
    when rows are deleted that a `RowWriter` may have cached.
    In small steps, between which everything else is written. Raises StoreError.
    """
    purge = Purge(store)
    for printer_id, days in keep.items():
        await purge.too_old(printer_id, now, days)
    if max_bytes is not None:
        await purge.too_many(max_bytes)
    return await purge.finish(forget)


class Purge:
    """One purge; deleted: how many events so far."""

    def __init__(self, store: Store) -> None:
        """Start with small steps."""
        self._store = store
        self._steps = Steps(store, _FIRST_STEP)
        self._tidy = True
        self.deleted = 0

    async def all_of(self, printer_id: int) -> None:
        """Delete all events of a printer, the oldest first."""
        # A run that was interrupted may have deleted some.
        self._tidy = False
        while ids := await self._find(_OF_PRINTER, {"printer_id": printer_id}):
            await self._delete(ids)

    async def too_old(self, printer_id: int, now: datetime, keep: Keep) -> None:
        """Delete the events of a printer that are older than they are kept."""
        events, snapshots = (
            pack_time(now - keep.events),
            pack_time(now - keep.snapshots),
        )
        assert events is not None
        assert snapshots is not None
        limits = {
            "printer_id": printer_id,
            "snapshot": TYPE_NUMBERS[EventType.AMS_STATE],
            "events": events,
            "snapshots": snapshots,
            "newest": max(events, snapshots),
            "day": DAY,
        }
        after = 0
        while ids := await self._find(_TOO_OLD, limits | {"after": after}):
            await self._delete(ids)
            after = ids[-1]

    async def too_many(self, max_bytes: int) -> None:
        """Delete the oldest events of the fullest slots while the file is too large.

        Each slot keeps its last events, whatever the others do. Rejected events go
        first: they are no history, and cannot be retried.
        """
        if await self._store.read(_used) <= max_bytes:
            return
        down_to = int(max_bytes * _SHRINK_TO)
        while await self._store.write(_forget_refused):
            if await self._store.read(_used) <= down_to:
                return
        held = await self._store.read(
            lambda db: [count for (count,) in db.execute(_HELD_BY_SLOT)]
        )
        share = max_bytes // 2 // _BYTES_AN_EVENT // max(len(held), 1)
        least = max(min(_SLOT_KEEPS, share), 1)
        level = max(held, default=0)
        while level > least:
            level = _next_level([min(count, level) for count in held], least)
            ids = await self._find(_ABOVE, {"level": level})
            if await self._delete(ids, down_to):
                return

    async def finish(self, forget: Callable[[], None]) -> Purged:
        """Delete what no event needs any more, and make the file smaller."""
        if self.deleted or not self._tidy:
            await self._unused_fragments(forget)
            await self._store.write(lambda db: db.execute(_FORGET_DAYS))
        await self._give_space_back()
        return Purged(self.deleted, await self._store.read(_size))

    async def _unused_fragments(self, forget: Callable[[], None]) -> None:
        (newest,) = await self._store.read(
            lambda db: db.execute("SELECT max(id) FROM slot_events").fetchone()
        )
        unused = [
            number
            for (number,) in await self._store.read(
                lambda db: db.execute(_UNUSED_FRAGMENTS).fetchall()
            )
        ]
        for start in range(0, len(unused), LARGEST_STEP):
            some = unused[start : start + LARGEST_STEP]

            def delete(db: sqlite3.Connection, some: list[int] = some) -> None:
                # They may be needed again since it was looked.
                db.execute(
                    """
                    DELETE FROM fragments WHERE id IN (
                        SELECT value FROM json_each(:ids)
                        EXCEPT SELECT context_id FROM slot_events WHERE id > :newest
                        EXCEPT SELECT filament_id FROM slot_events WHERE id > :newest
                    )
                    """,
                    {"ids": pack_json(some), "newest": newest or 0},
                )
                forget()

            await self._store.write(delete)

    async def _give_space_back(self) -> None:
        """Make the file as small as what is in it."""
        while await self._store.read(_free_pages):
            before = await self._store.read(_free_pages)
            await self._store.write(
                lambda db: db.execute(
                    f"PRAGMA incremental_vacuum({_PAGES_A_STEP})"
                ).fetchall()
            )
            await asyncio.sleep(0)
            if await self._store.read(_free_pages) >= before:
                return

    async def _find(self, query: str, parameters: dict[str, Any]) -> list[int]:
        """Return the rows to delete, the oldest first, without blocking the writer."""
        found = await self._store.read(
            lambda db: db.execute(
                query, parameters | {"limit": _FOUND_AT_ONCE}
            ).fetchall()
        )
        return [number for (number,) in found]

    async def _delete(self, ids: list[int], down_to: int | None = None) -> bool:
        """Delete events, step by step; return whether the file is small enough."""
        async for deleted in self._steps.over(ids, _delete):
            self.deleted += deleted
            if down_to is not None and await self._store.read(_used) <= down_to:
                return True
        return False


def _next_level(held: list[int], least: int) -> int:
    """Return how many events the fullest slots are to keep, after a few were deleted."""

    def is_near(level: int) -> bool:
        above = sum(max(count - level, 0) for count in held)
        return above <= _FOUND_AT_ONCE

    return least + bisect_left(range(least, max(held) - 1), True, key=is_near)


def _delete(db: sqlite3.Connection, ids: list[int]) -> None:
    """Delete events."""
    some = {"ids": pack_json(ids), "first": ids[0], "last": ids[-1]}
    db.execute(_FORGET_ABOUT, some)
    db.execute(
        "DELETE FROM slot_events WHERE id IN (SELECT value FROM json_each(:ids))", some
    )


def _forget_refused(db: sqlite3.Connection) -> int:
    """Delete some refused events, the oldest; return how many."""
    return db.execute(_FORGET_REFUSED, {"limit": _FIRST_STEP}).rowcount


def _size(db: sqlite3.Connection) -> int:
    return _pragma(db, "page_count") * _pragma(db, "page_size")


def _used(db: sqlite3.Connection) -> int:
    return (_pragma(db, "page_count") - _free_pages(db)) * _pragma(db, "page_size")


def _free_pages(db: sqlite3.Connection) -> int:
    return _pragma(db, "freelist_count")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
