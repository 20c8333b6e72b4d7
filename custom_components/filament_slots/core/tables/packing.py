"""How times, ids and JSON are kept in columns, and read from them again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
import re
import sqlite3
from typing import Any, Final

import orjson
from ulid_transform import bytes_to_ulid, ulid_to_bytes

_ULID: Final = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
_HEX: Final = re.compile("([0-9A-F]{2})+")
_ULID_BYTES: Final = 16
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# In packed time; what a day of the calendar is.
DAY: Final = timedelta(days=1) // _MICROSECOND


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
    """Return the truth value that was packed."""
    return None if value is None else bool(value)
