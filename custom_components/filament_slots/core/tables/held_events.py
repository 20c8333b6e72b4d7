"""Events that are stored and not published yet: they wait for Home Assistant's start."""

from dataclasses import dataclass
import sqlite3
from typing import Any

import orjson

from ...model import SpoolEvent
from ..slot_state import EventRow, SlotKey
from .codec import pack_json, rows, standard_event


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """A spool event as it will be published, and the slot that it was about then."""

    slot: SlotKey
    event: dict[str, Any]


def hold_event(db: sqlite3.Connection, row: EventRow) -> None:
    """Write that an event is not published yet, in the transaction that stores it."""
    if not isinstance(row.event, SpoolEvent):
        return
    ((unit_key, slot_no),) = row.spools
    db.execute(
        "INSERT INTO held_events (printer_id, unit_key, slot_no, payload)"
        " VALUES (:printer_id, :unit_key, :slot_no, :payload)",
        {
            "printer_id": row.event.printer_id,
            "unit_key": unit_key,
            "slot_no": slot_no,
            "payload": pack_json(standard_event(row.event)),
        },
    )


def read_held(db: sqlite3.Connection) -> dict[int, list[HeldEvent]]:
    """Return what was not published before, by printer, oldest first."""
    held: dict[int, list[HeldEvent]] = {}
    for row in rows(db, "SELECT * FROM held_events ORDER BY id", {}):
        slot = (row["unit_key"], row["slot_no"])
        event = HeldEvent(slot, orjson.loads(row["payload"]))
        held.setdefault(row["printer_id"], []).append(event)
    return held


def forget_held(db: sqlite3.Connection, printer_id: int) -> None:
    """Write that the events of a printer are published."""
    db.execute("DELETE FROM held_events WHERE printer_id = :id", {"id": printer_id})
