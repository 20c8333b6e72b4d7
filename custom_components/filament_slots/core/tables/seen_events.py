"""Whether an event has been taken before."""

from collections.abc import Iterable
import sqlite3
from typing import Final

from .packing import pack_id

# Kept for the time an event may be sent again.
SEEN_EVENTS_KEPT: Final = 10_000

_IS_KNOWN: Final = """
    SELECT 1 FROM slot_events WHERE event_id = :id
    UNION ALL
    SELECT 1 FROM seen_events WHERE event_id = :id
"""


def is_in_history(db: sqlite3.Connection, event_id: str | None) -> bool:
    """Return whether an event of this id has a row in history."""
    query = "SELECT 1 FROM slot_events WHERE event_id = :id"
    return db.execute(query, {"id": pack_id(event_id)}).fetchone() is not None


def is_known(db: sqlite3.Connection, event_id: str | None) -> bool:
    """Return whether an event of this id has been taken before."""
    return db.execute(_IS_KNOWN, {"id": pack_id(event_id)}).fetchone() is not None


def remember(db: sqlite3.Connection, event_ids: Iterable[str]) -> None:
    """Keep the ids of events that are not in history; forget the oldest."""
    db.executemany(
        "INSERT INTO seen_events (event_id) VALUES (:id) ON CONFLICT DO NOTHING",
        [{"id": pack_id(event_id)} for event_id in event_ids],
    )
    db.execute(
        "DELETE FROM seen_events WHERE id <= (SELECT max(id) FROM seen_events) - :kept",
        {"kept": SEEN_EVENTS_KEPT},
    )
