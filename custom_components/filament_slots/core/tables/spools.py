"""Spools: one row an identity, with the chips it was seen with.

They stay for good: they are few, and who a spool is outlives its history.
"""

import sqlite3
from typing import Final

from ...model import Identifiers
from .packing import pack_id

_FIND_SPOOL: Final = """
    SELECT id FROM spools WHERE external_id = :external_id
    UNION ALL
    SELECT spool_id FROM spool_chips WHERE rfid_uid = :rfid_uid AND :external_id IS NULL
"""
_PUT_SPOOL: Final = """
    INSERT INTO spools (external_id, last_slot_id) VALUES (:external_id, :slot_id)
    RETURNING id
"""
_PUT_CHIP: Final = """
    INSERT INTO spool_chips (rfid_uid, spool_id) VALUES (:rfid_uid, :spool_id)
    ON CONFLICT (rfid_uid) DO UPDATE SET spool_id = excluded.spool_id
    WHERE spool_id <> excluded.spool_id
"""


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
        db.execute(
            _PUT_CHIP,
            {"rfid_uid": pack_id(identifiers.rfid_uid), "spool_id": spool_id},
        )
    return int(spool_id)
