"""Writes what an event changed: units, slots, spools, history, known event ids."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
import sqlite3
from typing import Any, Final, TypedDict

from ...model import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    Filament,
    Identifiers,
    SpoolEvent,
    StandardEvent,
    StoredSlot,
)
from ..slot_state import (
    EventRow,
    PrinterSlots,
    Row,
    SlotKey,
    SlotRow,
    UnitRow,
    reported_filament,
    spool_in,
)
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
from .spools import PreviousSlot, find_or_make_spool, find_spool, last_slot, see_spool

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
# Kept for the time an event may be sent again.
SEEN_EVENTS_KEPT: Final = 10_000

_IS_KNOWN: Final = """
    SELECT 1 FROM slot_events WHERE event_id = :id
    UNION ALL
    SELECT 1 FROM seen_events WHERE event_id = :id
"""


class OfSpool(TypedDict):
    """What an event reports of its spool: its filament, and the name that a user gave it."""

    filament: Filament | None
    label: str | None


class RowWriter:
    """Writes rows, and caches the row ids of what recurs."""

    def __init__(self) -> None:
        """Create it with an empty cache."""
        self._slot_ids: dict[tuple[int, SlotKey], int] = {}
        self._labels: dict[int, str | None] = {}
        self._fragment_ids: dict[str, int] = {}
        # By the chip, else by the id: with the identity that was seen last with it, as a
        # chip that names another spool than before has to be noticed.
        self._spool_ids: dict[str, tuple[tuple[str | None, str | None], int]] = {}
        # With when its printer was last seen.
        self._unwritten: dict[int, tuple[StoredSlot, datetime | None]] = {}
        self._memories: dict[int, Mapping[str, Any]] = {}

    def forget(self) -> None:
        """Empty the cache: some of the rows may be deleted."""
        self._slot_ids.clear()
        self._labels.clear()
        self._fragment_ids.clear()
        self._spool_ids.clear()
        self._memories.clear()

    def roll_back(self) -> None:
        """Forget a transaction that was rolled back, with what it left to its end."""
        self.forget()
        self._unwritten.clear()

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the content of the slots that changed, at the end of a transaction.

        With what is known of their spools. A slot that changes a hundred times in one is
        written once.
        """
        if not self._unwritten:
            return
        put_assignments(
            db,
            {
                slot_id: (slot, self._see_spool_in(db, slot_id, slot, seen))
                for slot_id, (slot, seen) in self._unwritten.items()
            },
        )
        self._unwritten.clear()

    def _see_spool_in(
        self,
        db: sqlite3.Connection,
        slot_id: int,
        slot: StoredSlot,
        seen: datetime | None,
    ) -> int | None:
        """Write what is known of the spool in a slot; return its row."""
        spool_id = self._spool_id(db, slot_id, spool_in(slot))
        at = max(filter(None, (seen, slot.updated_at)), default=None)
        if spool_id is not None and at is not None:
            label = None if slot.identifiers.known else slot.assigned_label
            see_spool(
                db,
                spool_id,
                slot_id,
                at,
                filament=slot.filament,
                label=label,
                changed=False,
            )
        return spool_id

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
                    self._put_slot(db, printer_id, slot, slots.last_seen)
                case EventRow():
                    self.put_event(db, slots.sequence, row)
                    in_history = row.moves is None
        if not in_history or self._memories.get(printer_id, {}) != slots.memory:
            put_progress(db, printer_id, slots)
            self._memories[printer_id] = slots.memory

    def _put_slot(
        self,
        db: sqlite3.Connection,
        printer_id: int,
        slot: StoredSlot,
        seen: datetime | None,
    ) -> None:
        place = (printer_id, slot.key)
        slot_id = self._slot_ids.get(place)
        if slot_id is None or self._labels.get(slot_id) != slot.label:
            slot_id = put_slot(db, printer_id, slot)
            self._slot_ids[place] = slot_id
            self._labels[slot_id] = slot.label
        self._unwritten[slot_id] = (slot, seen)

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
            spool_id = spool_ids[slot_id] = self._spool_id(db, slot_id, identifiers)
            if spool_id is not None:
                known = of_spool(event)
                see_spool(db, spool_id, slot_id, event.event_at, **known, moves=moves)
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

    def _spool_id(
        self, db: sqlite3.Connection, slot_id: int, identifiers: Identifiers
    ) -> int | None:
        """Return the row of a spool, made where it is new; None without identity."""
        key = identifiers.rfid_uid or identifiers.external_id
        if key is None:
            return None
        if (spool_id := self._cached_spool(identifiers)) is None:
            spool_id = find_or_make_spool(db, slot_id, identifiers)
            if len(self._spool_ids) >= _MAX_CACHED:
                self._spool_ids.clear()
            self._spool_ids[key] = (_known_as(identifiers), spool_id)
        return spool_id

    def _cached_spool(self, identifiers: Identifiers) -> int | None:
        key = identifiers.rfid_uid or identifiers.external_id or ""
        known_as, spool_id = self._spool_ids.get(key, (None, None))
        return spool_id if known_as == _known_as(identifiers) else None

    def previous_slot(
        self, db: sqlite3.Connection, identifiers: Identifiers
    ) -> PreviousSlot | None:
        """Return where a spool was last, or None for a new one."""
        spool_id = self._cached_spool(identifiers) or find_spool(db, identifiers)
        return None if spool_id is None else last_slot(db, spool_id)

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


def _known_as(identifiers: Identifiers) -> tuple[str | None, str | None]:
    return identifiers.external_id, identifiers.rfid_uid


def of_spool(event: StandardEvent) -> OfSpool:
    """Return what an event reports of its spool, which may be gone when slots are written."""
    meta = event.meta or {}
    if event.event_type is EventType.AMS_STATE:
        return {"filament": None, "label": None}
    assigned = meta.get("assigned") or {}
    return {
        "filament": reported_filament(meta.get("filament")),
        "label": assigned.get("label"),
    }


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
