"""Events that were rejected or could not be stored, with the reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import sqlite3
from typing import Final

import orjson

from ...model import Identifiers, StandardEvent
from ..engine.jobs import Failure
from ..slot_state import EventRow, Row, SlotKey
from .codec import pack_json, pack_time, standard_event
from .row_writer import remember

# The length of a ULID.
_ID: Final = 26
# A faulty driver must not fill the disk.
KEPT: Final = {"rejected": 1_000, "failed": 10_000}

_PUT: Final = """
    INSERT INTO failed_events (
        outcome, printer_id, reason, attempts, first_at, last_at, payload, sequence,
        about, place
    ) VALUES (
        :outcome, :printer_id, :reason, :attempts, :first_at, :last_at, :payload,
        :sequence, :about,
        iif(:sequence IS NULL, NULL, 1 + max(
            ifnull((SELECT max(id) FROM slot_events), 0),
            ifnull((SELECT max(place) FROM failed_events WHERE place IS NOT NULL), 0),
            ifnull((SELECT max(after) FROM history_begins), 0)
        ))
    )
"""
_FORGET: Final = """
    DELETE FROM failed_events WHERE outcome = :outcome AND id <= (
        SELECT id FROM failed_events WHERE outcome = :outcome
        ORDER BY id DESC LIMIT 1 OFFSET :kept
    )
"""


def named(event: object) -> str:
    """Return an event that was not validated as the log names it, with its message."""
    match event:
        case {"event_id": str(event_id), "meta": {"correlation_id": str(about)}}:
            return f"event {event_id[:_ID]} [{about[:_ID]}]"
        case {"event_id": str(event_id)}:
            return f"event {event_id[:_ID]}"
    return "an event"


def put_failed_event(
    db: sqlite3.Connection,
    *,
    printer_id: int | None,
    outcome: str,
    reason: str,
    attempts: int,
    first_at: datetime,
    last_at: datetime,
    payload: str,
    sequence: int | None = None,
    about: str | None = None,
) -> None:
    """Write an event, and delete the oldest of too many.

    sequence, about: of an event that belongs into history: a place there is kept for
    it, and the slots and spools it is about.
    """
    db.execute(
        _PUT,
        {
            "outcome": outcome,
            "printer_id": printer_id,
            "reason": reason,
            "attempts": attempts,
            "first_at": pack_time(first_at),
            "last_at": pack_time(last_at),
            "payload": payload,
            "sequence": sequence,
            "about": about,
        },
    )
    db.execute(_FORGET, {"outcome": outcome, "kept": KEPT[outcome]})


def keep_failed_event(
    db: sqlite3.Connection,
    event: StandardEvent,
    rows: Sequence[Row],
    sequence: int,
    failure: Failure,
) -> None:
    """Write an event that failed; where it changed something, its place is kept.

    It was published: sent again, it is a duplicate.
    """
    assert event.event_id is not None
    remember(db, [event.event_id])
    history = next((row for row in rows if isinstance(row, EventRow)), None)
    put_failed_event(
        db,
        printer_id=event.printer_id,
        outcome="failed",
        reason=f"{type(failure.error).__name__}: {failure.error}",
        attempts=failure.attempts,
        first_at=failure.first_at,
        last_at=failure.last_at,
        payload=pack_json(standard_event(history.event if history else event)),
        sequence=sequence if rows else None,
        about=pack_about(history.spools if history else {}) if rows else None,
    )


def pack_about(spools: Mapping[SlotKey, Identifiers]) -> str:
    """Return which slots and spools an event is about, as text."""
    return pack_json(
        [[*key, identifiers.model_dump()] for key, identifiers in spools.items()]
    )


def unpack_about(about: str) -> dict[SlotKey, Identifiers]:
    """Return which slots and spools a failed event is about."""
    return {
        (unit, slot_no): Identifiers.model_validate(identifiers)
        for unit, slot_no, identifiers in orjson.loads(about)
    }
