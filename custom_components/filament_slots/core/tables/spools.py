"""The spools ever identified or assigned: rows found, made and kept up to date."""

from datetime import datetime
import sqlite3
from typing import Any, Final, TypedDict

from ...model import Filament, Identifiers
from .chips import see_chip
from .codec import pack_id, pack_json, pack_time
from .printers import BEING_DELETED

_FIND_SPOOL: Final = """
    SELECT id FROM spools WHERE external_id = :external_id
    UNION ALL
    SELECT spool_id FROM spool_chips WHERE rfid_uid = :rfid_uid AND :external_id IS NULL
"""
_PUT_SPOOL: Final = """
    INSERT INTO spools (external_id, last_slot_id) VALUES (:external_id, :slot_id)
    RETURNING id
"""
# What was seen last is believed; what was seen before it fills in what is not known. A
# failing card may have damaged what is stored.
_SEE_SPOOL: Final = """
    UPDATE spools SET
        filament = iif(
            :at >= ifnull(last_seen_at, :at),
            json_patch(iif(json_valid(filament), filament, '{}'), :filament),
            json_patch(:filament, iif(json_valid(filament), filament, '{}'))
        ),
        label = iif(
            :at >= ifnull(last_seen_at, :at), ifnull(:label, label), ifnull(label, :label)
        ),
        remaining_at = iif(:remaining_at >= ifnull(remaining_at, :remaining_at),
            :remaining_at, remaining_at),
        remaining_slot_id = iif(:remaining_at >= ifnull(remaining_at, :remaining_at),
            :slot_id, remaining_slot_id),
        first_seen_at = min(ifnull(first_seen_at, :at), :at),
        last_seen_at = iif(
            :changed, max(ifnull(last_seen_at, :at), :at), ifnull(last_seen_at, :at)
        ),
        last_slot_id = iif(:moves, :slot_id, last_slot_id)
    WHERE id = :spool_id
"""
# Known together: where one of them is reported, what was known of the others is outdated.
_TOGETHER: Final = (
    ("color_hex", "colors"),
    ("remaining_percent", "remaining_g"),
    ("nozzle_min_c", "nozzle_max_c"),
)
_REMAINING: Final = _TOGETHER[1]
_LAST_SLOT: Final = f"""
    SELECT slots.printer_id, ams_units.ams_unit_no, slots.slot_no, slots.label
    FROM spools
    JOIN slots ON slots.id = spools.last_slot_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    WHERE spools.id = :spool_id AND slots.printer_id NOT IN ({BEING_DELETED})
"""  # noqa: S608


class PreviousSlot(TypedDict):
    """Where a spool was before, as `meta.previous_slot` of its insertion."""

    printer_id: int
    is_ams_slot: bool
    ams_unit_no: int | None
    slot_no: int
    slot_label: str | None


def find_spool(db: sqlite3.Connection, identifiers: Identifiers) -> int | None:
    """Find a spool by its stable identity; only where there is none by its chip."""
    found = db.execute(
        _FIND_SPOOL,
        {
            "external_id": identifiers.external_id,
            "rfid_uid": pack_id(identifiers.rfid_uid),
        },
    ).fetchone()
    return None if found is None else found[0]


def find_or_make_spool(
    db: sqlite3.Connection, slot_id: int, identifiers: Identifiers
) -> int:
    """Return the row of a spool, made where it is new."""
    spool_id = find_spool(db, identifiers)
    if spool_id is None:
        (spool_id,) = db.execute(
            _PUT_SPOOL, {"external_id": identifiers.external_id, "slot_id": slot_id}
        ).fetchone()
    if identifiers.rfid_uid is not None:
        see_chip(db, identifiers, spool_id)
    return int(spool_id)


def last_slot(db: sqlite3.Connection, spool_id: int) -> PreviousSlot | None:
    """Return the slot in which a spool was seen last; None: its printer is being deleted."""
    found = db.execute(_LAST_SLOT, {"spool_id": spool_id}).fetchone()
    if found is None:
        return None
    printer_id, unit_no, slot_no, label = found
    return {
        "printer_id": printer_id,
        "is_ams_slot": unit_no is not None,
        "ams_unit_no": unit_no,
        "slot_no": slot_no,
        "slot_label": label,
    }


def see_spool(
    db: sqlite3.Connection,
    spool_id: int,
    slot_id: int,
    at: datetime,
    *,
    filament: Filament | None = None,
    label: str | None = None,
    changed: bool = True,
    moves: bool = False,
) -> None:
    """Write that a spool was seen in or leaving a slot, and what was reported of it.

    label: the name that a user gave it. changed: whether the content of the slot changed,
    which is when it was last seen. moves: whether it is in the slot now.
    """
    reported = filament.as_dict() if filament else {}
    for keys in _TOGETHER:
        if not reported.keys().isdisjoint(keys):
            reported = dict[str, Any].fromkeys(keys) | reported
    db.execute(
        _SEE_SPOOL,
        {
            "spool_id": spool_id,
            "slot_id": slot_id,
            "at": pack_time(at),
            "filament": pack_json(reported),
            "label": label,
            "remaining_at": (
                None if reported.keys().isdisjoint(_REMAINING) else pack_time(at)
            ),
            "changed": changed,
            "moves": moves,
        },
    )
