"""Printers, and their slots as they were last written."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
import sqlite3
from typing import Final

from pydantic import ValidationError

from ...model import Filament, Identifiers, StoredSlot, StoredUnit
from ..slot_state import PrinterSlots, SlotKey
from .packing import pack_time, rows, unpack_bool, unpack_time

UNIT_FIELDS: Final = tuple(field.name for field in fields(StoredUnit))
_PROGRESS: Final = """
    SELECT
        max(printers.sequence, ifnull(e.sequence, 0)) AS sequence,
        -- What was written of the printer last knows of the event, too.
        iif(
            printers.sequence >= ifnull(e.sequence, 0),
            last_seen_at,
            max(ifnull(last_seen_at, 0), event_at)
        ) AS last_seen_at
    FROM printers
    LEFT JOIN slot_events AS e ON e.id = (
        SELECT max(id) FROM slot_events WHERE printer_id = :printer_id
    )
    WHERE printers.id = :printer_id
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """What an entry says of its printer; `identity` is the printer's own."""

    identity: str
    name: str
    driver_key: str
    entry_id: str | None


def put_printer(
    db: sqlite3.Connection, known: Registration
) -> tuple[int, PrinterSlots]:
    """Make a printer active, new or known; return its id and its slots."""
    (printer_id,) = db.execute(
        """
        INSERT INTO printers (identity, name, driver_key, entry_id)
        VALUES (:identity, :name, :driver_key, :entry_id)
        ON CONFLICT (identity) DO UPDATE SET
            name = excluded.name,
            driver_key = excluded.driver_key,
            entry_id = excluded.entry_id,
            is_active = 1,
            deleted_at = NULL
        RETURNING id
        """,
        asdict(known),
    ).fetchone()
    return printer_id, load_slots(db, printer_id)


def restore_printer(
    db: sqlite3.Connection, printer_id: int, known: Registration
) -> None:
    """Put a printer into a file that does not know it, under the id that it has."""
    db.execute(
        """
        INSERT INTO printers (id, identity, name, driver_key, entry_id)
        VALUES (:id, :identity, :name, :driver_key, :entry_id)
        ON CONFLICT (identity) DO UPDATE SET is_active = 1, deleted_at = NULL
        """,
        {"id": printer_id, **asdict(known)},
    )


def put_last_seen(db: sqlite3.Connection, printer_id: int, at: datetime) -> None:
    """Note that a printer was heard of; never that it was not."""
    db.execute(
        "UPDATE printers SET last_seen_at = max(ifnull(last_seen_at, 0), :at)"
        " WHERE id = :id",
        {"id": printer_id, "at": pack_time(at)},
    )


def printer_entries(db: sqlite3.Connection) -> dict[int, str | None]:
    """Return the entry of every printer; None for one that was removed."""
    return dict(
        db.execute("SELECT id, iif(deleted_at IS NULL, entry_id, NULL) FROM printers")
    )


def deactivate(db: sqlite3.Connection, printer_id: int) -> None:
    """Note that a printer's entry is disabled."""
    db.execute("UPDATE printers SET is_active = 0 WHERE id = :id", {"id": printer_id})


def mark_deleted(db: sqlite3.Connection, printer_id: int, at: datetime) -> None:
    """Note that a printer's entry is gone."""
    db.execute(
        "UPDATE printers SET is_active = 0, deleted_at = :at WHERE id = :id",
        {"id": printer_id, "at": pack_time(at)},
    )


def load_slots(db: sqlite3.Connection, printer_id: int) -> PrinterSlots:
    """Return the slots of a printer as they were last written."""
    parameters = {"printer_id": printer_id}
    units: dict[str, StoredUnit] = {}
    holders: dict[int, str] = {}
    unit_keys: dict[int | None, str | None] = {None: None}
    for row in rows(
        db, "SELECT * FROM ams_units WHERE printer_id = :printer_id", parameters
    ):
        values = {name: row[name] for name in UNIT_FIELDS}
        for name in ("online", "drying"):
            values[name] = unpack_bool(values[name])
        unit = StoredUnit(**values)
        units[unit.key] = unit
        unit_keys[row["id"]] = unit.key
        if row["holds_number"]:
            holders[unit.ams_unit_no] = unit.key
    slots: dict[SlotKey, StoredSlot] = {}
    for row in rows(
        db,
        "SELECT * FROM slots JOIN slot_assignments ON slot_id = slots.id"
        " WHERE printer_id = :printer_id",
        parameters,
    ):
        key = unit_keys[row["unit_id"]]
        slot = StoredSlot(
            unit=None if key is None else units[key],
            slot_no=row["slot_no"],
            label=row["label"],
            present=unpack_bool(row["present"]),
            active=unpack_bool(row["active"]),
            identifiers=Identifiers(
                rfid_uid=row["rfid_uid"],
                external_id=row["external_id"],
                vendor_tag=row["vendor_tag"],
            ),
            assigned_external_id=row["assigned_external_id"],
            assigned_label=row["assigned_label"],
            filament=_filament(row["filament"]),
            unknown_reported=bool(row["unknown_reported"]),
            inserted_at=unpack_time(row["inserted_at"]),
            updated_at=unpack_time(row["updated_at"]),
            identifiable=bool(row["identifiable"]),
        )
        slots[slot.key] = slot
    (progress,) = rows(db, _PROGRESS, parameters)
    return PrinterSlots(
        units=units,
        slots=slots,
        holders=holders,
        sequence=progress["sequence"],
        last_seen=unpack_time(progress["last_seen_at"]),
    )


def _filament(text: str | None) -> Filament | None:
    """Return what is kept; nothing where a failing card has made nonsense of it."""
    if text is None:
        return None
    try:
        return Filament.model_validate_json(text)
    except ValidationError:
        return None


def put_progress(db: sqlite3.Connection, printer_id: int, slots: PrinterSlots) -> None:
    """Write how far a printer is; an event in history says it by itself."""
    db.execute(
        "UPDATE printers SET sequence = :sequence, last_seen_at = :last_seen_at"
        " WHERE id = :id",
        {
            "id": printer_id,
            "sequence": slots.sequence,
            "last_seen_at": pack_time(slots.last_seen),
        },
    )
