"""Printers, their units and slots: rows written and read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
import json
import sqlite3
from typing import Any, Final

from pydantic import ValidationError

from ...model import NO_IDENTIFIERS, Filament, Identifiers, StoredSlot, StoredUnit
from ..slot_state import PrinterSlots, Row, SlotKey, SlotRow, UnitRow
from .codec import pack_json, pack_time, rows, unpack_bool, unpack_time
from .held_events import forget_held

# Printers that are being deleted: what is left of them is shown nowhere. The identity is
# free at once, so that the same printer can be added again meanwhile, as a new one.
BEING_DELETED: Final = """
    SELECT id FROM printers
    WHERE identity >= '#' AND identity < '$' AND driver_key = ''
"""
_DELETE_LATER: Final = """
    UPDATE printers SET
        identity = '#' || id, driver_key = '', name = '', entry_id = NULL, memory = NULL,
        is_active = 0, deleted_at = ifnull(deleted_at, :at)
    WHERE id = :id AND (deleted_at IS NOT NULL OR entry_id = :entry_id)
"""
UNIT_FIELDS: Final = tuple(field.name for field in fields(StoredUnit))
_PUT_UNIT: Final = """
    INSERT INTO ams_units (
        printer_id, key, ams_unit_no, holds_number, slots_total, serial, model, label,
        online, drying, humidity_percent, humidity_index, temperature_c,
        drying_minutes_left
    ) VALUES (
        :printer_id, :key, :ams_unit_no, :holds_number, :slots_total, :serial, :model,
        :label, :online, :drying, :humidity_percent, :humidity_index, :temperature_c,
        :drying_minutes_left
    )
    ON CONFLICT (printer_id, key) DO UPDATE SET
        ams_unit_no = excluded.ams_unit_no,
        holds_number = excluded.holds_number,
        slots_total = excluded.slots_total,
        serial = excluded.serial,
        model = excluded.model,
        label = excluded.label,
        online = excluded.online,
        drying = excluded.drying,
        humidity_percent = excluded.humidity_percent,
        humidity_index = excluded.humidity_index,
        temperature_c = excluded.temperature_c,
        drying_minutes_left = excluded.drying_minutes_left
"""
_PUT_SLOT: Final = """
    INSERT INTO slots (printer_id, unit_id, slot_no, label)
    VALUES (
        :printer_id,
        (SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit_key),
        :slot_no,
        :label
    )
    ON CONFLICT (printer_id, ifnull(unit_id, 0), slot_no) DO UPDATE SET
        label = excluded.label
    RETURNING id
"""
_PUT_ASSIGNMENT: Final = """
    INSERT INTO slot_assignments (
        slot_id, present, active, rfid_uid, external_id, vendor_tag,
        assigned_external_id, assigned_label, filament, unknown_reported, inserted_at,
        updated_at, identifiable, departed, spool_id
    ) VALUES (
        :slot_id, :present, :active, :rfid_uid, :external_id, :vendor_tag,
        :assigned_external_id, :assigned_label, :filament, :unknown_reported,
        :inserted_at, :updated_at, :identifiable, :departed, :spool_id
    )
    ON CONFLICT (slot_id) DO UPDATE SET
        present = excluded.present,
        active = excluded.active,
        rfid_uid = excluded.rfid_uid,
        external_id = excluded.external_id,
        vendor_tag = excluded.vendor_tag,
        assigned_external_id = excluded.assigned_external_id,
        assigned_label = excluded.assigned_label,
        filament = excluded.filament,
        unknown_reported = excluded.unknown_reported,
        inserted_at = excluded.inserted_at,
        updated_at = excluded.updated_at,
        identifiable = excluded.identifiable,
        departed = excluded.departed,
        spool_id = excluded.spool_id
"""
FIND_SLOT: Final = """
    SELECT id FROM slots
    WHERE printer_id = :printer_id AND slot_no = :slot_no AND ifnull(unit_id, 0) = ifnull(
        (SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit_key), 0
    )
"""
_PROGRESS: Final = """
    SELECT
        max(printers.sequence, ifnull(e.sequence, 0)) AS sequence,
        -- What was written of the printer last includes the event.
        iif(
            printers.sequence >= ifnull(e.sequence, 0),
            last_seen_at,
            max(ifnull(last_seen_at, 0), event_at)
        ) AS last_seen_at,
        memory
    FROM printers
    LEFT JOIN slot_events AS e ON e.id = (
        SELECT max(id) FROM slot_events WHERE printer_id = :printer_id
    )
    WHERE printers.id = :printer_id
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """A printer as its entry describes it; `identity` is the printer's own."""

    identity: str
    name: str
    driver_key: str
    entry_id: str | None


def put_printer(
    db: sqlite3.Connection, known: Registration
) -> tuple[int, PrinterSlots]:
    """Activate a printer, new or known; return its id and its slots."""
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
    """Write a printer into a new file, with the id that it has."""
    db.execute(
        """
        INSERT INTO printers (id, identity, name, driver_key, entry_id)
        VALUES (:id, :identity, :name, :driver_key, :entry_id)
        ON CONFLICT (identity) DO UPDATE SET is_active = 1, deleted_at = NULL
        """,
        {"id": printer_id, **asdict(known)},
    )


def put_last_seen(
    db: sqlite3.Connection, printer_id: int, at: datetime, memory: Mapping[str, Any]
) -> None:
    """Write when a printer was seen last, never an earlier time, and its memory."""
    db.execute(
        "UPDATE printers SET last_seen_at = max(ifnull(last_seen_at, 0), :at),"
        " memory = :memory WHERE id = :id",
        {"id": printer_id, "at": pack_time(at), "memory": _pack_memory(memory)},
    )


def printer_entries(db: sqlite3.Connection) -> dict[int, str | None]:
    """Return the entry of every printer; None for one that was removed."""
    return dict(
        db.execute("SELECT id, iif(deleted_at IS NULL, entry_id, NULL) FROM printers")
    )


def removed_printers(db: sqlite3.Connection) -> dict[int, str]:
    """Return the names of the printers that were removed."""
    return dict(
        db.execute(
            "SELECT id, name FROM printers"
            " WHERE deleted_at IS NOT NULL AND driver_key <> '' ORDER BY id"
        )
    )


def has_slots(db: sqlite3.Connection, printer_id: int) -> bool:
    """Return whether anything is known of a printer, as all of it is about its slots."""
    query = "SELECT 1 FROM slots WHERE printer_id = :id"
    return db.execute(query, {"id": printer_id}).fetchone() is not None


def deactivate(db: sqlite3.Connection, printer_id: int) -> None:
    """Write that a printer's entry is disabled."""
    db.execute("UPDATE printers SET is_active = 0 WHERE id = :id", {"id": printer_id})


def mark_deleted(db: sqlite3.Connection, printer_id: int, at: datetime) -> None:
    """Write that a printer's entry is removed, and that its events need not wait."""
    forget_held(db, printer_id)
    db.execute(
        "UPDATE printers SET is_active = 0, deleted_at = :at WHERE id = :id",
        {"id": printer_id, "at": pack_time(at)},
    )


def delete_later(
    db: sqlite3.Connection, printer_id: int, at: datetime, entry_id: str | None
) -> bool:
    """Write that a printer is to be deleted; return False where it has an entry.

    entry_id: of an entry that is known to be gone.
    """
    forget_held(db, printer_id)
    about = {"id": printer_id, "at": pack_time(at), "entry_id": entry_id}
    return db.execute(_DELETE_LATER, about).rowcount > 0


def is_known_printer(db: sqlite3.Connection, printer_id: int) -> bool:
    """Return whether there is such a printer that is not being deleted."""
    query = "SELECT 1 FROM printers WHERE id = :id AND driver_key <> ''"
    return db.execute(query, {"id": printer_id}).fetchone() is not None


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
            departed=_departed(row["departed"]),
        )
        slots[slot.key] = slot
    (progress,) = rows(db, _PROGRESS, parameters)
    return PrinterSlots(
        units=units,
        slots=slots,
        holders=holders,
        sequence=progress["sequence"],
        last_seen=unpack_time(progress["last_seen_at"]),
        memory=_memory(progress["memory"]),
    )


def _filament(text: str | None) -> Filament | None:
    """Return what is stored; None where a failing card has damaged it."""
    if text is None:
        return None
    try:
        return Filament.model_validate_json(text)
    except ValidationError:
        return None


def _departed(text: str | None) -> Identifiers:
    if text is None:
        return NO_IDENTIFIERS
    try:
        return Identifiers.model_validate_json(text)
    except ValidationError:
        return NO_IDENTIFIERS


def _memory(text: str | None) -> dict[str, Any]:
    try:
        memory = json.loads(text or "{}")
    except ValueError:
        return {}
    return memory if isinstance(memory, dict) else {}


def _pack_memory(memory: Mapping[str, Any]) -> str | None:
    return pack_json(dict(memory)) if memory else None


def put_progress(db: sqlite3.Connection, printer_id: int, slots: PrinterSlots) -> None:
    """Write the sequence, the time and the memory of a printer.

    A row of history implies the first two.
    """
    db.execute(
        "UPDATE printers SET sequence = :sequence, last_seen_at = :last_seen_at,"
        " memory = :memory WHERE id = :id",
        {
            "id": printer_id,
            "sequence": slots.sequence,
            "last_seen_at": pack_time(slots.last_seen),
            "memory": _pack_memory(slots.memory),
        },
    )


def put_unit(
    db: sqlite3.Connection, printer_id: int, unit: StoredUnit, *, holds_number: bool
) -> None:
    """Write a unit, new or known."""
    db.execute(
        _PUT_UNIT,
        {name: getattr(unit, name) for name in UNIT_FIELDS}
        | {"printer_id": printer_id, "holds_number": holds_number},
    )


def put_slot(db: sqlite3.Connection, printer_id: int, slot: StoredSlot) -> int:
    """Write a slot, new or known, without its content; return its row id."""
    (slot_id,) = db.execute(
        _PUT_SLOT,
        {
            "printer_id": printer_id,
            "unit_key": slot.key[0],
            "slot_no": slot.slot_no,
            "label": slot.label,
        },
    ).fetchone()
    return int(slot_id)


def put_assignments(
    db: sqlite3.Connection, slots: Mapping[int, tuple[StoredSlot, int | None]]
) -> None:
    """Write the content of slots, by their row ids, each with the row of its spool."""
    db.executemany(
        _PUT_ASSIGNMENT,
        [
            _assignment(slot_id, slot, spool_id)
            for slot_id, (slot, spool_id) in slots.items()
        ],
    )


def whole_state(slots: PrinterSlots) -> tuple[Row, ...]:
    """Return the rows of all units and slots of a printer."""
    units = (
        UnitRow(unit, slots.holders.get(unit.ams_unit_no) == key)
        for key, unit in slots.units.items()
    )
    return (*units, *(SlotRow(slot) for slot in slots.slots.values()))


def _assignment(slot_id: int, slot: StoredSlot, spool_id: int | None) -> dict[str, Any]:
    return {
        "slot_id": slot_id,
        "spool_id": spool_id,
        "present": slot.present,
        "active": slot.active,
        "rfid_uid": slot.identifiers.rfid_uid,
        "external_id": slot.identifiers.external_id,
        "vendor_tag": slot.identifiers.vendor_tag,
        "assigned_external_id": slot.assigned_external_id,
        "assigned_label": slot.assigned_label,
        "filament": slot.filament and slot.filament.as_json(),
        "unknown_reported": slot.unknown_reported,
        "inserted_at": pack_time(slot.inserted_at),
        "updated_at": pack_time(slot.updated_at),
        "identifiable": slot.identifiable,
        "departed": (
            slot.departed.model_dump_json(exclude_none=True)
            if slot.departed.known
            else None
        ),
    }
