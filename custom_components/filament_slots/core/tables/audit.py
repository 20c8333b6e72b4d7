"""Who changed what, when, and with what result."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import sqlite3
from typing import Any, Final

import orjson

from ..engine.store import Store
from .codec import pack_json, pack_time, rows, unpack_time

_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action; user_id is Home Assistant's, None for automations and the nightly purge."""

    at: datetime
    user_id: str | None
    action: str
    details: Any
    result: Any


async def write_audit(store: Store, entry: AuditEntry) -> None:
    """Write an entry, and delete those that are too old.

    Raises StoreError where it cannot be written.
    """
    await store.write(lambda db: _put(db, entry))


async def read_audit(store: Store, limit: int = 100) -> tuple[AuditEntry, ...]:
    """Return the latest entries, newest first."""
    found = await store.read(
        lambda db: rows(
            db,
            "SELECT at, user_id, action, details, result FROM audit"
            " ORDER BY id DESC LIMIT :limit",
            {"limit": limit},
        )
    )
    return tuple(_entry(row) for row in found)


def _put(db: sqlite3.Connection, entry: AuditEntry) -> None:
    db.execute(
        "INSERT INTO audit (at, user_id, action, details, result)"
        " VALUES (:at, :user_id, :action, :details, :result)",
        {
            "at": pack_time(entry.at),
            "user_id": entry.user_id,
            "action": entry.action,
            "details": pack_json(entry.details),
            "result": pack_json(entry.result),
        },
    )
    db.execute(
        "DELETE FROM audit WHERE at < :oldest", {"oldest": pack_time(entry.at - _KEPT)}
    )


def _entry(row: sqlite3.Row) -> AuditEntry:
    at = unpack_time(row["at"])
    assert at is not None
    return AuditEntry(
        at=at,
        user_id=row["user_id"],
        action=row["action"],
        details=orjson.loads(row["details"]),
        result=orjson.loads(row["result"]),
    )
