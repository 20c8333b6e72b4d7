"""Writes what an event changed, and remembers the row ids of what comes again and again."""

from collections.abc import Sequence
import sqlite3
from typing import Any, Final

from ...model import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    Identifiers,
    SpoolEvent,
    StoredSlot,
)
from ..slot_state import EventRow, PrinterSlots, Row, SlotKey, SlotRow, UnitRow
from .codec import (
    CONTEXT_META,
    HISTORIC_UNIT_KEYS,
    STATE_KEYS,
    TYPE_NUMBERS,
    standard_event,
)
from .packing import pack_id, pack_json, pack_time
from .printers import UNIT_FIELDS, put_progress
from .spools import find_or_make_spool, find_spool

_MAX_CACHED: Final = 20_000

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
        updated_at, identifiable
    ) VALUES (
        :slot_id, :present, :active, :rfid_uid, :external_id, :vendor_tag,
        :assigned_external_id, :assigned_label, :filament, :unknown_reported,
        :inserted_at, :updated_at, :identifiable
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
        identifiable = excluded.identifiable
"""
FIND_SLOT: Final = """
    SELECT id FROM slots
    WHERE printer_id = :printer_id AND slot_no = :slot_no AND ifnull(unit_id, 0) = ifnull(
        (SELECT id FROM ams_units WHERE printer_id = :printer_id AND key = :unit_key), 0
    )
"""
# A failed event keeps its place in history until it is replayed.
_PUT_EVENT: Final = """
    INSERT INTO slot_events (
        id, event_id, printer_id, sequence, event_type, event_at, spool_id, rfid_uid,
        vendor_tag, correlation_id, context_id, filament_id, body
    ) VALUES (
        ifnull(:place, 1 + max(
            ifnull((SELECT max(id) FROM slot_events), 0),
            ifnull((SELECT max(place) FROM failed_events WHERE place IS NOT NULL), 0),
            ifnull((SELECT max(after) FROM history_begins), 0)
        )),
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
        self._spool_ids: dict[tuple[str | None, str | None], int] = {}
        self._unwritten: dict[int, StoredSlot] = {}

    def forget(self) -> None:
        """Drop the row ids: some of the rows may have gone."""
        self._slot_ids.clear()
        self._labels.clear()
        self._fragment_ids.clear()
        self._spool_ids.clear()

    def roll_back(self) -> None:
        """Drop what was done in a transaction that is undone, and is still to be done."""
        self.forget()
        self._unwritten.clear()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what is in the slots now; the last thing in a transaction.

        Of a slot that changes a hundred times in one, only the last is worth it.
        """
        if self._unwritten:
            db.executemany(
                _PUT_ASSIGNMENT,
                [
                    _assignment(slot_id, slot)
                    for slot_id, slot in self._unwritten.items()
                ],
            )
            self._unwritten.clear()

    def record(
        self,
        db: sqlite3.Connection,
        printer_id: int,
        slots: PrinterSlots,
        changes: Sequence[Row],
    ) -> None:
        """Write what one event changed; `slots` are those after it.

        What is in them now waits for `flush`.
        """
        told_by_event = False
        for row in changes:
            match row:
                case UnitRow(unit, holds_number):
                    db.execute(
                        _PUT_UNIT,
                        {name: getattr(unit, name) for name in UNIT_FIELDS}
                        | {"printer_id": printer_id, "holds_number": holds_number},
                    )
                case SlotRow(slot):
                    self._put_slot(db, printer_id, slot)
                case EventRow():
                    self.put_event(db, slots.sequence, row)
                    told_by_event = True
        if not told_by_event:
            put_progress(db, printer_id, slots)

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
        self._unwritten[slot_id] = slot

    def put_event(
        self,
        db: sqlite3.Connection,
        sequence: int,
        row: EventRow,
        place: int | None = None,
        *,
        moves: bool = True,
    ) -> None:
        """Write an entry of history.

        place: where it belongs when it comes late; without it is the latest.
        moves: whether it says where the spools are now.
        """
        event = row.event
        # A spool that moved is often seen in its new slot before it leaves the old one.
        moves = moves and event.event_type is not EventType.SPOOL_REMOVED
        spool_ids: dict[int, int | None] = {}
        for key, identifiers in row.spools.items():
            slot_id = self._slot_id(db, event.printer_id, key)
            spool_ids[slot_id] = self._put_spool(db, slot_id, identifiers, moves=moves)
        meta = dict(event.meta or {})
        correlation_id = None
        if isinstance(meta.get("correlation_id"), str):
            correlation_id = pack_id(meta.pop("correlation_id"))
        match event:
            case SpoolEvent():
                (spool_id,) = spool_ids.values()
                told = self._spool_columns(db, event, meta, spool_id)
            case AmsStateEvent():
                told = _state_columns(event, meta)
        event_row = db.execute(
            _PUT_EVENT,
            {
                "place": place,
                "event_id": pack_id(event.event_id),
                "printer_id": event.printer_id,
                "sequence": sequence,
                "event_type": TYPE_NUMBERS[event.event_type],
                "event_at": pack_time(event.event_at),
                "correlation_id": correlation_id,
                **told,
            },
        ).lastrowid
        for slot_id, spool_id in spool_ids.items():
            db.execute(
                _PUT_EVENT_SLOT,
                {"slot_id": slot_id, "event": event_row, "spool_id": spool_id},
            )

    def _spool_columns(
        self,
        db: sqlite3.Connection,
        event: SpoolEvent,
        meta: dict[str, Any],
        spool_id: int | None,
    ) -> dict[str, Any]:
        """Return the columns of a spool event; what repeats is taken out of its meta."""
        context = {
            "slot": vars(event.slot),
            "meta": {key: meta.pop(key) for key in CONTEXT_META if key in meta},
        }
        filament_id = None
        if meta.get("filament") is not None:
            filament_id = self._fragment_id(db, meta.pop("filament"))
        said = event.identifiers or NO_IDENTIFIERS
        return {
            "context_id": self._fragment_id(db, context),
            "filament_id": filament_id,
            "spool_id": spool_id if said.external_id else None,
            "rfid_uid": pack_id(said.rfid_uid),
            "vendor_tag": said.vendor_tag,
            "body": pack_json(meta) if meta else None,
        }

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
        known_as = (identifiers.external_id, identifiers.rfid_uid)
        spool_id = self._spool_ids.get(known_as)
        if spool_id is None:
            spool_id = find_or_make_spool(db, slot_id, identifiers)
            if len(self._spool_ids) >= _MAX_CACHED:
                self._spool_ids.clear()
            self._spool_ids[known_as] = spool_id
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
        known_as = (identifiers.external_id, identifiers.rfid_uid)
        spool_id = self._spool_ids.get(known_as) or find_spool(db, identifiers)
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


def _assignment(slot_id: int, slot: StoredSlot) -> dict[str, Any]:
    return {
        "slot_id": slot_id,
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
    }


def _state_columns(event: AmsStateEvent, meta: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of an `ams_state`: what is of the moment is no history."""
    body = standard_event(event) | {"meta": meta}
    for unit in body["ams_units"]:
        for key in unit.keys() - HISTORIC_UNIT_KEYS:
            del unit[key]
    return {
        "context_id": None,
        "filament_id": None,
        "spool_id": None,
        "rfid_uid": None,
        "vendor_tag": None,
        "body": pack_json({key: body[key] for key in STATE_KEYS}),
    }


def whole_state(slots: PrinterSlots) -> tuple[Row, ...]:
    """Return rows for all that is known of a printer."""
    units = (
        UnitRow(unit, slots.holders.get(unit.ams_unit_no) == key)
        for key, unit in slots.units.items()
    )
    return (*units, *(SlotRow(slot) for slot in slots.slots.values()))
