"""How ids, times, JSON and events are stored in columns, and read from them again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
import re
import sqlite3
from typing import Any, Final

import orjson
from ulid_transform import bytes_to_ulid, ulid_to_bytes

from ...model import NO_IDENTIFIERS, AmsStateEvent, EventType, SpoolEvent, StandardEvent

_ULID: Final = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX: Final = re.compile("([0-9A-F]{2})+")
_ULID_BYTES: Final = 16
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# A day of the calendar, in packed time.
DAY: Final = timedelta(days=1) // _MICROSECOND

TYPE_NUMBERS: Final = {
    EventType.SPOOL_INSERTED: 1,
    EventType.SPOOL_REMOVED: 2,
    EventType.AMS_STATE: 3,
    EventType.UNKNOWN_SPOOL_DETECTED: 4,
}
_TYPES: Final = {number: kind for kind, number in TYPE_NUMBERS.items()}

# What repeats from event to event of a slot; the filament does on its own.
CONTEXT_META: Final = (
    "source",
    "detected_late",
    "reason",
    "unit",
    "slot_label",
    "previous_slot",
)
# Objects in the meta of a spool event that users find there even if nothing is known.
_META_OBJECTS: Final = ("filament", "unit", "assigned", "previous_slot")
STATE_KEYS: Final = ("ams_units", "direct_slots", "meta")
HISTORIC_UNIT_KEYS: Final = {
    "ams_unit_no",
    "slots_total",
    "serial",
    "model",
    "label",
    "slots",
}


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
    return None if at is None else (at - EPOCH) // _MICROSECOND


def unpack_time(packed: int | None) -> datetime | None:
    """Return the time that was packed."""
    return None if packed is None else EPOCH + timedelta(microseconds=packed)


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


def unpack_bool(value: int | None) -> bool | None:
    """Return the boolean that was packed."""
    return None if value is None else bool(value)


def standard_event(event: StandardEvent) -> dict[str, Any]:
    """Return the event as it is published: plain JSON, times in UTC.

    A spool event has all keys of its slot and its identifiers; an `ams_state` those
    it was sent with, as an absent key means something else than null.
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
            # As `model_dump`, in a tenth of the time: they hold nothing but plain values.
            identifiers = event.identifiers or NO_IDENTIFIERS
            place = {
                "slot": vars(event.slot).copy(),
                "identifiers": vars(identifiers).copy(),
            }
            return head | place | meta
        case AmsStateEvent():
            lists_of = event.model_dump(mode="json", exclude_unset=True)
            lists = {key: lists_of.get(key, []) for key in STATE_KEYS[:2]}
            return {**head, **lists, **meta}


def completed(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as users get it: a spool event has all objects of its meta.

    Those of which nothing is known are empty, so that a template on one never fails;
    they are neither stored nor required of a driver.
    """
    if event["event_type"] == EventType.AMS_STATE:
        return event
    meta = event["meta"]
    missing: dict[str, Any] = {
        name: {} for name in _META_OBJECTS if not isinstance(meta.get(name), dict)
    }
    return {**event, "meta": meta | missing}


def decode_event(row: sqlite3.Row | Mapping[str, Any]) -> dict[str, Any]:
    """Return the standard event of a row that `history.py` has read."""
    kind = _TYPES[row["event_type"]]
    body = orjson.loads(row["body"] or "{}")
    head = {
        "event_id": unpack_id(row["event_id"]),
        "event_type": str(kind),
        "event_at": (EPOCH + timedelta(microseconds=row["event_at"])).isoformat(),
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
