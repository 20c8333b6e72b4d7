"""Writes what an event changed: units, slots, spools, history, known event ids."""

from collections.abc import Iterable, Mapping, Sequence
import sqlite3
from typing import Any, Final, TypedDict

from ...model import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    Identifiers,
    SpoolEvent,
    StandardEvent,
    StoredSlot,
)
from ..slot_state import EventRow, PrinterSlots, Row, SlotKey, SlotRow, UnitRow
from .codec import (
    CONTEXT_META,
    HISTORIC_UNIT_KEYS,
    STATE_KEYS,
    TYPE_NUMBERS,
    pack_id,
    pack_json,
    pack_time,
    standard_event,
)
from .printers import FIND_SLOT, put_assignments, put_progress, put_slot, put_unit

_MAX_CACHED: Final = 20_000

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
# Kept for the time an event may be sent again.
SEEN_EVENTS_KEPT: Final = 10_000

_IS_KNOWN: Final = """
    SELECT 1 FROM slot_events WHERE event_id = :id
    UNION ALL
    SELECT 1 FROM seen_events WHERE event_id = :id
"""
_LAST_SLOT: Final = """
    SELECT slots.printer_id, ams_units.ams_unit_no, slots.slot_no, slots.label
    FROM spools
    JOIN slots ON slots.id = spools.last_slot_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    WHERE spools.id = :spool_id
"""


class PreviousSlot(TypedDict):
    """Where a spool was before, as `meta.previous_slot` of its insertion."""

    printer_id: int
    is_ams_slot: bool
    ams_unit_no: int | None
    slot_no: int
    slot_label: str | None


class RowWriter:
    """Writes rows, and caches the row ids of what recurs."""

    def __init__(self) -> None:
        """Create it with an empty cache."""
        self._slot_ids: dict[tuple[int, SlotKey], int] = {}
        self._labels: dict[int, str | None] = {}
        self._fragment_ids: dict[str, int] = {}
        self._spool_ids: dict[tuple[str | None, str | None], int] = {}
        self._unwritten: dict[int, StoredSlot] = {}
        self._memories: dict[int, Mapping[str, Any]] = {}

    def forget(self) -> None:
        """Empty the cache: some of the rows may be deleted."""
        self._slot_ids.clear()
        self._labels.clear()
        self._fragment_ids.clear()
        self._spool_ids.clear()

    def roll_back(self) -> None:
        """Forget a transaction that was rolled back, with what it left to its end."""
        self.forget()
        self._unwritten.clear()
        self._memories.clear()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the content of the slots that changed, at the end of a transaction.

        A slot that changes a hundred times in one is written once.
        """
        if self._unwritten:
            put_assignments(db, self._unwritten)
            self._unwritten.clear()

    def record(
        self,
        db: sqlite3.Connection,
        printer_id: int,
        slots: PrinterSlots,
        changes: Sequence[Row],
    ) -> None:
        """Write what one event changed; `slots` are those after it.

        The content of slots waits for `flush`.
        """
        in_history = False
        for row in changes:
            match row:
                case UnitRow(unit, holds_number):
                    put_unit(db, printer_id, unit, holds_number=holds_number)
                case SlotRow(slot):
                    self._put_slot(db, printer_id, slot)
                case EventRow():
                    self.put_event(db, slots.sequence, row)
                    in_history = row.moves is None
        if not in_history or self._memories.get(printer_id, {}) != slots.memory:
            put_progress(db, printer_id, slots)
            self._memories[printer_id] = slots.memory

    def _put_slot(
        self, db: sqlite3.Connection, printer_id: int, slot: StoredSlot
    ) -> None:
        place = (printer_id, slot.key)
        slot_id = self._slot_ids.get(place)
        if slot_id is None or self._labels.get(slot_id) != slot.label:
            slot_id = put_slot(db, printer_id, slot)
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

        place: its id where one was kept for it; without, it is the latest.
        moves: whether it determines where the spools are now.
        """
        event = row.event
        # A spool that moved is often seen in its new slot before it leaves the old one.
        arrives = event.event_type is not EventType.SPOOL_REMOVED
        moves = moves and (arrives if row.moves is None else row.moves)
        spool_ids: dict[int, int | None] = {}
        for key, identifiers in row.spools.items():
            slot_id = self._slot_id(db, event.printer_id, key)
            spool_ids[slot_id] = self._put_spool(db, slot_id, identifiers, moves=moves)
        if row.moves is not None and put_summary(db, event, sequence):
            return
        meta = dict(event.meta or {})
        correlation_id = None
        if isinstance(meta.get("correlation_id"), str):
            correlation_id = pack_id(meta.pop("correlation_id"))
        match event:
            case SpoolEvent():
                (spool_id,) = spool_ids.values()
                columns = self._spool_columns(db, event, meta, spool_id)
            case AmsStateEvent():
                columns = _state_columns(event, meta)
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
                **columns,
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
        """Return the columns of a spool event; `meta` loses what repeats."""
        context = {
            "slot": vars(event.slot),
            "meta": {key: meta.pop(key) for key in CONTEXT_META if key in meta},
        }
        filament_id = None
        if meta.get("filament") is not None:
            filament_id = self._fragment_id(db, meta.pop("filament"))
        identifiers = event.identifiers or NO_IDENTIFIERS
        return {
            "context_id": self._fragment_id(db, context),
            "filament_id": filament_id,
            "spool_id": spool_id if identifiers.external_id else None,
            "rfid_uid": pack_id(identifiers.rfid_uid),
            "vendor_tag": identifiers.vendor_tag,
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
    ) -> PreviousSlot | None:
        """Return where a spool was last, or None for a new one."""
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


def _state_columns(event: AmsStateEvent, meta: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of an `ams_state`, without its momentary readings."""
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


def is_in_history(db: sqlite3.Connection, event_id: str | None) -> bool:
    """Return whether an event of this id has a row in history."""
    query = "SELECT 1 FROM slot_events WHERE event_id = :id"
    return db.execute(query, {"id": pack_id(event_id)}).fetchone() is not None


def put_summary(db: sqlite3.Connection, event: StandardEvent, sequence: int) -> bool:
    """Write what an entry of history counts; return False where there is no such entry.

    sequence: of the latest change that it counts; an earlier one changes nothing.
    """
    db.execute(
        """
        UPDATE slot_events
        SET body = json_set(body, '$.summary', json(:summary)), sequence = :sequence
        WHERE event_id = :id AND sequence < :sequence
        """,
        {
            "id": pack_id(event.event_id),
            "summary": pack_json((event.meta or {})["summary"]),
            "sequence": sequence,
        },
    )
    return is_in_history(db, event.event_id)


def is_known(db: sqlite3.Connection, event_id: str | None) -> bool:
    """Return whether an event of this id was handled before."""
    return db.execute(_IS_KNOWN, {"id": pack_id(event_id)}).fetchone() is not None


def remember(db: sqlite3.Connection, event_ids: Iterable[str]) -> None:
    """Write the ids of events that are not in history; delete the oldest."""
    db.executemany(
        "INSERT INTO seen_events (event_id) VALUES (:id) ON CONFLICT DO NOTHING",
        [{"id": pack_id(event_id)} for event_id in event_ids],
    )
    db.execute(
        "DELETE FROM seen_events WHERE id <= (SELECT max(id) FROM seen_events) - :kept",
        {"kept": SEEN_EVENTS_KEPT},
    )
