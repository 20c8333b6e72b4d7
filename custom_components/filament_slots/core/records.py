"""How slots and events become rows, and rows become slots and events again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
import re
import sqlite3
from typing import Any, Final

import orjson
from ulid_transform import bytes_to_ulid, ulid_to_bytes

from ..events import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    Filament,
    Identifiers,
    SpoolEvent,
    StandardEvent,
    StoredSlot,
    StoredUnit,
)
from .ams_slots import EventRow, PrinterSlots, Row, SlotKey, SlotRow, UnitRow

# Kept for the time an event may be sent again.
SEEN_EVENTS_KEPT: Final = 10_000
# A driver gone mad must not fill the disk.
REJECTED_KEPT: Final = 1_000
_MAX_CACHED: Final = 20_000

TYPE_NUMBERS: Final = {
    EventType.SPOOL_INSERTED: 1,
    EventType.SPOOL_REMOVED: 2,
    EventType.AMS_STATE: 3,
    EventType.UNKNOWN_SPOOL_DETECTED: 4,
}
_TYPES: Final = {number: kind for kind, number in TYPE_NUMBERS.items()}

# What repeats from event to event of a slot; the filament does on its own.
_CONTEXT_META: Final = (
    "source",
    "detected_late",
    "reason",
    "unit",
    "slot_label",
    "previous_slot",
)
_STATE_KEYS: Final = ("ams_units", "direct_slots", "meta")
_HISTORIC_UNIT_KEYS: Final = {
    "ams_unit_no",
    "slots_total",
    "serial",
    "model",
    "label",
    "slots",
}

_ULID: Final = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX: Final = re.compile("([0-9A-F]{2})+")
_ULID_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_FIELDS: Final = tuple(field.name for field in fields(StoredUnit))

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
        updated_at
    ) VALUES (
        :slot_id, :present, :active, :rfid_uid, :external_id, :vendor_tag,
        :assigned_external_id, :assigned_label, :filament, :unknown_reported,
        :inserted_at, :updated_at
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
        updated_at = excluded.updated_at
"""
FIND_SLOT: Final = """
    SELECT id FROM slots
    WHERE printer_id = :printer_id AND slot_no = :slot_no AND ifnull(unit_id, 0) = ifnull(
        (SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit_key), 0
    )
"""
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
_PUT_EVENT: Final = """
    INSERT INTO slot_events (
        event_id, printer_id, sequence, event_type, event_at, spool_id, rfid_uid,
        vendor_tag, correlation_id, context_id, filament_id, body
    ) VALUES (
        :event_id, :printer_id, :sequence, :event_type, :event_at, :spool_id, :rfid_uid,
        :vendor_tag, :correlation_id, :context_id, :filament_id, :body
    )
"""
_PUT_EVENT_SLOT: Final = """
    INSERT INTO event_slots (slot_id, event, unit_id, spool_id)
    VALUES (
        :slot_id, :event, (SELECT unit_id FROM slots WHERE id = :slot_id), :spool_id
    )
"""
_PUT_FRAGMENT: Final = """
    INSERT INTO fragments (json) VALUES (:json)
    ON CONFLICT (json) DO UPDATE SET json = json RETURNING id
"""
_IS_KNOWN: Final = """
    SELECT 1 FROM slot_events WHERE event_id = :id
    UNION ALL
    SELECT 1 FROM seen_events WHERE event_id = :id
"""
_PROGRESS: Final = """
    SELECT
        max(printers.sequence, ifnull(e.sequence, 0)) AS sequence,
        nullif(max(ifnull(last_seen_at, 0), ifnull(event_at, 0)), 0) AS last_seen_at
    FROM printers
    LEFT JOIN slot_events AS e ON e.id = (
        SELECT max(id) FROM slot_events WHERE printer_id = :printer_id
    )
    WHERE printers.id = :printer_id
"""
_LAST_SLOT: Final = """
    SELECT slots.printer_id, ams_units.ams_unit_no, slots.slot_no, slots.label
    FROM spools
    JOIN slots ON slots.id = spools.last_slot_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    WHERE spools.id = :spool_id
"""


class Recorder:
    """Writes rows; remembers the row ids of what comes again and again."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        self._slot_ids: dict[tuple[int, SlotKey], int] = {}
        self._labels: dict[int, str | None] = {}
        self._fragment_ids: dict[str, int] = {}
        self._spool_ids: dict[Identifiers, int] = {}

    def forget(self) -> None:
        """Drop what is remembered: some of it may have been rolled back."""
        self._slot_ids.clear()
        self._labels.clear()
        self._fragment_ids.clear()
        self._spool_ids.clear()

    def record(
        self,
        db: sqlite3.Connection,
        printer_id: int,
        slots: PrinterSlots,
        changes: Sequence[Row],
    ) -> None:
        """Write what one event changed; `slots` are those after it."""
        for row in changes:
            match row:
                case UnitRow(unit, holds_number):
                    db.execute(
                        _PUT_UNIT,
                        {name: getattr(unit, name) for name in _UNIT_FIELDS}
                        | {"printer_id": printer_id, "holds_number": holds_number},
                    )
                case SlotRow(slot):
                    self._put_slot(db, printer_id, slot)
                case EventRow():
                    self._put_event(db, slots.sequence, row)
        if not any(isinstance(row, EventRow) for row in changes):
            _put_progress(db, printer_id, slots)

    def _put_slot(
        self, db: sqlite3.Connection, printer_id: int, slot: StoredSlot
    ) -> None:
        place = (printer_id, slot.key)
        slot_id = self._slot_ids.get(place)
        if slot_id is None or self._labels.get(slot_id) != slot.label:
            (slot_id,) = db.execute(
                _PUT_SLOT,
                {
                    "printer_id": printer_id,
                    "unit_key": slot.key[0],
                    "slot_no": slot.slot_no,
                    "label": slot.label,
                },
            ).fetchone()
            self._slot_ids[place] = slot_id
            self._labels[slot_id] = slot.label
        filament = slot.filament and slot.filament.as_dict()
        db.execute(
            _PUT_ASSIGNMENT,
            {
                "slot_id": slot_id,
                "present": slot.present,
                "active": slot.active,
                "rfid_uid": slot.identifiers.rfid_uid,
                "external_id": slot.identifiers.external_id,
                "vendor_tag": slot.identifiers.vendor_tag,
                "assigned_external_id": slot.assigned_external_id,
                "assigned_label": slot.assigned_label,
                "filament": pack_json(filament) if filament else None,
                "unknown_reported": slot.unknown_reported,
                "inserted_at": pack_time(slot.inserted_at),
                "updated_at": pack_time(slot.updated_at),
            },
        )

    def _put_event(self, db: sqlite3.Connection, sequence: int, row: EventRow) -> None:
        event = row.event
        # A spool that moved is often seen in its new slot before it leaves the old one.
        moves = event.event_type is not EventType.SPOOL_REMOVED
        spool_ids: dict[int, int | None] = {}
        for key, identifiers in row.spools.items():
            slot_id = self._slot_id(db, event.printer_id, key)
            spool_ids[slot_id] = self._put_spool(db, slot_id, identifiers, moves=moves)
        values: dict[str, Any] = {
            "event_id": pack_id(event.event_id),
            "printer_id": event.printer_id,
            "sequence": sequence,
            "event_type": TYPE_NUMBERS[event.event_type],
            "event_at": pack_time(event.event_at),
            "spool_id": None,
            "rfid_uid": None,
            "vendor_tag": None,
            "correlation_id": None,
            "context_id": None,
            "filament_id": None,
        }
        meta = dict(event.meta or {})
        if isinstance(meta.get("correlation_id"), str):
            values["correlation_id"] = pack_id(meta.pop("correlation_id"))
        match event:
            case SpoolEvent():
                context = {
                    "slot": event.slot.model_dump(),
                    "meta": {
                        key: meta.pop(key) for key in _CONTEXT_META if key in meta
                    },
                }
                values["context_id"] = self._fragment_id(db, context)
                if meta.get("filament") is not None:
                    values["filament_id"] = self._fragment_id(db, meta.pop("filament"))
                if (said := event.identifiers) is not None:
                    (spool_id,) = spool_ids.values()
                    values["spool_id"] = spool_id if said.external_id else None
                    values["rfid_uid"] = pack_id(said.rfid_uid)
                    values["vendor_tag"] = said.vendor_tag
                values["body"] = pack_json(meta) if meta else None
            case AmsStateEvent():
                body = standard_event(event) | {"meta": meta}
                for unit in body["ams_units"]:
                    for key in unit.keys() - _HISTORIC_UNIT_KEYS:
                        del unit[key]
                values["body"] = pack_json({key: body[key] for key in _STATE_KEYS})
        event_row = db.execute(_PUT_EVENT, values).lastrowid
        for slot_id, spool_id in spool_ids.items():
            db.execute(
                _PUT_EVENT_SLOT,
                {"slot_id": slot_id, "event": event_row, "spool_id": spool_id},
            )

    def _put_spool(
        self,
        db: sqlite3.Connection,
        slot_id: int,
        identifiers: Identifiers,
        *,
        moves: bool,
    ) -> int | None:
        """Return the row of a spool, made where it is new; None without identity."""
        if identifiers.external_id is None and identifiers.rfid_uid is None:
            return None
        spool_id = self._spool_ids.get(identifiers)
        if spool_id is None:
            spool_id = _find_or_make_spool(db, slot_id, identifiers)
            if len(self._spool_ids) >= _MAX_CACHED:
                self._spool_ids.clear()
            self._spool_ids[identifiers] = spool_id
        if moves:
            db.execute(
                "UPDATE spools SET last_slot_id = :slot_id"
                " WHERE id = :spool_id AND last_slot_id <> :slot_id",
                {"slot_id": slot_id, "spool_id": spool_id},
            )
        return spool_id

    def previous_slot(
        self, db: sqlite3.Connection, identifiers: Identifiers
    ) -> dict[str, Any] | None:
        """Return where a spool was last, or None for one never seen before."""
        spool_id = self._spool_ids.get(identifiers) or _find_spool(db, identifiers)
        if spool_id is None:
            return None
        printer_id, unit_no, slot_no, label = db.execute(
            _LAST_SLOT, {"spool_id": spool_id}
        ).fetchone()
        return {
            "printer_id": printer_id,
            "is_ams_slot": unit_no is not None,
            "ams_unit_no": unit_no,
            "slot_no": slot_no,
            "slot_label": label,
        }

    def _slot_id(self, db: sqlite3.Connection, printer_id: int, key: SlotKey) -> int:
        place = (printer_id, key)
        if place not in self._slot_ids:
            (self._slot_ids[place],) = db.execute(
                FIND_SLOT,
                {"printer_id": printer_id, "unit_key": key[0], "slot_no": key[1]},
            ).fetchone()
        return self._slot_ids[place]

    def _fragment_id(self, db: sqlite3.Connection, value: object) -> int:
        text = pack_json(value)
        if text not in self._fragment_ids:
            if len(self._fragment_ids) >= _MAX_CACHED:
                self._fragment_ids.clear()
            (self._fragment_ids[text],) = db.execute(
                _PUT_FRAGMENT, {"json": text}
            ).fetchone()
        return self._fragment_ids[text]


def standard_event(event: StandardEvent) -> dict[str, Any]:
    """Return the event as everybody gets it: plain JSON, times in UTC.

    A spool event has all keys of its slot and its identifiers; an `ams_state` those
    it was sent with, as an absent one says something else than null.
    """
    head = {
        "event_id": event.event_id,
        "event_type": str(event.event_type),
        "event_at": event.event_at.isoformat(),
        "printer_id": event.printer_id,
    }
    meta = {"meta": event.meta or {}}
    match event:
        case SpoolEvent():
            identifiers = event.identifiers or NO_IDENTIFIERS
            place = {
                "slot": event.slot.model_dump(),
                "identifiers": identifiers.model_dump(),
            }
            return head | place | meta
        case AmsStateEvent():
            pictures = event.model_dump(mode="json", exclude_unset=True)
            lists = {key: pictures.get(key, []) for key in _STATE_KEYS[:2]}
            return {**head, **lists, **meta}


def decode_event(row: sqlite3.Row) -> dict[str, Any]:
    """Return the standard event of a row that `history.py` has read."""
    kind = _TYPES[row["event_type"]]
    body = orjson.loads(row["body"] or "{}")
    head = {
        "event_id": unpack_id(row["event_id"]),
        "event_type": str(kind),
        "event_at": (_EPOCH + timedelta(microseconds=row["event_at"])).isoformat(),
        "printer_id": row["printer_id"],
    }
    own: dict[str, Any] = {}
    if row["correlation_id"] is not None:
        own["correlation_id"] = unpack_id(row["correlation_id"])
    if kind is EventType.AMS_STATE:
        return {**head, **body, "meta": body["meta"] | own}
    context = orjson.loads(row["context"])
    if row["filament"] is not None:
        own["filament"] = orjson.loads(row["filament"])
    identifiers = {
        "rfid_uid": unpack_id(row["rfid_uid"]),
        "external_id": row["external_id"],
        "vendor_tag": row["vendor_tag"],
    }
    return head | {
        "slot": context["slot"],
        "identifiers": identifiers,
        "meta": context["meta"] | body | own,
    }


def load_slots(db: sqlite3.Connection, printer_id: int) -> PrinterSlots:
    """Return the slots of a printer as they were last written."""
    parameters = {"printer_id": printer_id}
    units: dict[str, StoredUnit] = {}
    holders: dict[int, str] = {}
    unit_keys: dict[int | None, str | None] = {None: None}
    for row in rows(
        db, "SELECT * FROM ams_units WHERE printer_id = :printer_id", parameters
    ):
        values = {name: row[name] for name in _UNIT_FIELDS}
        for name in ("online", "drying"):
            values[name] = _unpack_bool(values[name])
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
            present=_unpack_bool(row["present"]),
            active=_unpack_bool(row["active"]),
            identifiers=Identifiers(
                rfid_uid=row["rfid_uid"],
                external_id=row["external_id"],
                vendor_tag=row["vendor_tag"],
            ),
            assigned_external_id=row["assigned_external_id"],
            assigned_label=row["assigned_label"],
            filament=(
                Filament.model_validate_json(row["filament"])
                if row["filament"]
                else None
            ),
            unknown_reported=bool(row["unknown_reported"]),
            inserted_at=unpack_time(row["inserted_at"]),
            updated_at=unpack_time(row["updated_at"]),
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


def _put_progress(db: sqlite3.Connection, printer_id: int, slots: PrinterSlots) -> None:
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


def put_printer(
    db: sqlite3.Connection,
    identity: str,
    name: str,
    driver_key: str,
    entry_id: str | None,
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
        {
            "identity": identity,
            "name": name,
            "driver_key": driver_key,
            "entry_id": entry_id,
        },
    ).fetchone()
    return printer_id, load_slots(db, printer_id)


def deactivate(db: sqlite3.Connection, printer_id: int) -> None:
    """Note that a printer's entry is disabled."""
    db.execute("UPDATE printers SET is_active = 0 WHERE id = :id", {"id": printer_id})


def mark_deleted(db: sqlite3.Connection, printer_id: int, at: datetime) -> None:
    """Note that a printer's entry is gone."""
    db.execute(
        "UPDATE printers SET is_active = 0, deleted_at = :at WHERE id = :id",
        {"id": printer_id, "at": pack_time(at)},
    )


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
) -> None:
    """Keep an event that was not taken; of rejected ones only the newest."""
    db.execute(
        """
        INSERT INTO failed_events (
            outcome, printer_id, reason, attempts, first_at, last_at, payload
        ) VALUES (
            :outcome, :printer_id, :reason, :attempts, :first_at, :last_at, :payload
        )
        """,
        {
            "outcome": outcome,
            "printer_id": printer_id,
            "reason": reason,
            "attempts": attempts,
            "first_at": pack_time(first_at),
            "last_at": pack_time(last_at),
            "payload": payload,
        },
    )
    db.execute(
        """
        DELETE FROM failed_events WHERE outcome = 'rejected' AND id <= (
            SELECT id FROM failed_events WHERE outcome = 'rejected'
            ORDER BY id DESC LIMIT 1 OFFSET :kept
        )
        """,
        {"kept": REJECTED_KEPT},
    )


def is_known(db: sqlite3.Connection, event_id: str | None) -> bool:
    """Return whether an event of this id has been taken before."""
    return db.execute(_IS_KNOWN, {"id": pack_id(event_id)}).fetchone() is not None


def remember(db: sqlite3.Connection, event_ids: Iterable[str]) -> None:
    """Keep the ids of events that made no history; forget the oldest."""
    db.executemany(
        "INSERT INTO seen_events (event_id) VALUES (:id) ON CONFLICT DO NOTHING",
        [{"id": pack_id(event_id)} for event_id in event_ids],
    )
    db.execute(
        "DELETE FROM seen_events WHERE id <= (SELECT max(id) FROM seen_events) - :kept",
        {"kept": SEEN_EVENTS_KEPT},
    )


def _find_spool(db: sqlite3.Connection, identifiers: Identifiers) -> int | None:
    """Find a spool by its stable identity; only where there is none by its chip."""
    found = db.execute(
        _FIND_SPOOL,
        {
            "external_id": identifiers.external_id,
            "rfid_uid": pack_id(identifiers.rfid_uid),
        },
    ).fetchone()
    return None if found is None else found[0]


def _find_or_make_spool(
    db: sqlite3.Connection, slot_id: int, identifiers: Identifiers
) -> int:
    spool_id = _find_spool(db, identifiers)
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


@lru_cache(maxsize=1024)
def pack_id(text: str | None) -> str | bytes | None:
    """Return an id as bytes where it is a ULID or hex that comes back the same."""
    if text is None:
        return None
    if _ULID.fullmatch(text):
        return ulid_to_bytes(text)
    if _HEX.fullmatch(text) and len(text) != 2 * _ULID_BYTES:
        return bytes.fromhex(text)
    return text


def unpack_id(packed: str | bytes | None) -> str | None:
    """Return the id that was packed."""
    if not isinstance(packed, bytes):
        return packed
    return bytes_to_ulid(packed) if len(packed) == _ULID_BYTES else packed.hex().upper()


def pack_time(at: datetime | None) -> int | None:
    """Return a time as microseconds since 1970."""
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def unpack_time(packed: int | None) -> datetime | None:
    """Return the time that was packed."""
    return None if packed is None else _EPOCH + timedelta(microseconds=packed)


def pack_json(value: object) -> str:
    """Return compact JSON."""
    return orjson.dumps(value).decode()


def rows(
    db: sqlite3.Connection, query: str, parameters: Mapping[str, Any]
) -> list[sqlite3.Row]:
    """Return the rows of a query, with names."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, parameters).fetchall()


def _unpack_bool(value: int | None) -> bool | None:
    return None if value is None else bool(value)
