"""What is written to inventories: where each spool is, and tags that wait to be linked."""

from dataclasses import dataclass
from datetime import datetime
import sqlite3
from typing import Any

import orjson

from .codec import pack_json, pack_time, rows, unpack_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A location that waits to be written.

    text: the location; None to put back the one of before. replaces: the locations that
    it may replace, the one known last first.
    """

    text: str | None
    replaces: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLocation:
    """What is known of the location of a spool of an inventory.

    spool_id, registered: the spool. slot: in which it was seen last; None once it left.
    wish: what waits. written: the location that was written last. before: the one that
    this replaced.
    """

    spool_id: int
    registered: datetime
    slot: str | None = None
    wish: Wish | None = None
    written: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class TagWish:
    """A tag that waits to be linked to a spool."""

    spool_id: int
    registered: datetime
    tag: str


@dataclass(slots=True)
class Pending:
    """All of an inventory: locations by the ids of their spools, tags by themselves."""

    locations: dict[int, SpoolLocation]
    tags: dict[str, TagWish]


def read_pending(db: sqlite3.Connection, entry_id: str) -> Pending:
    """Return what is stored for the entry of an inventory."""
    about = {"entry_id": entry_id}
    locations = rows(
        db, "SELECT * FROM spool_locations WHERE entry_id = :entry_id", about
    )
    tags = rows(
        db, "SELECT * FROM tag_wishes WHERE entry_id = :entry_id ORDER BY id", about
    )
    return Pending(
        {row["spool_id"]: _location(row) for row in locations},
        {row["tag"]: TagWish(row["spool_id"], _time(row), row["tag"]) for row in tags},
    )


def put_location(
    db: sqlite3.Connection, entry_id: str, spool_id: int, known: SpoolLocation | None
) -> None:
    """Write what is known of a spool; None deletes it."""
    if known is None:
        db.execute(
            "DELETE FROM spool_locations"
            " WHERE entry_id = :entry_id AND spool_id = :spool_id",
            {"entry_id": entry_id, "spool_id": spool_id},
        )
        return
    wish = known.wish
    db.execute(
        "INSERT OR REPLACE INTO spool_locations ("
        " entry_id, spool_id, registered, slot, wish, written, before"
        ") VALUES ("
        " :entry_id, :spool_id, :registered, :slot, :wish, :written, :before"
        ")",
        {
            "entry_id": entry_id,
            "spool_id": spool_id,
            "registered": pack_time(known.registered),
            "slot": known.slot,
            "wish": wish and pack_json({"text": wish.text, "replaces": wish.replaces}),
            "written": known.written,
            "before": known.before,
        },
    )


def put_tag(
    db: sqlite3.Connection, entry_id: str, tag: str, wish: TagWish | None
) -> None:
    """Write that a tag waits to be linked; None: no longer."""
    db.execute(
        "DELETE FROM tag_wishes WHERE entry_id = :entry_id AND tag = :tag",
        {"entry_id": entry_id, "tag": tag},
    )
    if wish is not None:
        db.execute(
            "INSERT INTO tag_wishes (entry_id, spool_id, registered, tag)"
            " VALUES (:entry_id, :spool_id, :registered, :tag)",
            {
                "entry_id": entry_id,
                "spool_id": wish.spool_id,
                "registered": pack_time(wish.registered),
                "tag": tag,
            },
        )


def forget_pending(db: sqlite3.Connection, entry_id: str) -> None:
    """Delete all of the entry of an inventory."""
    about = {"entry_id": entry_id}
    db.execute("DELETE FROM spool_locations WHERE entry_id = :entry_id", about)
    db.execute("DELETE FROM tag_wishes WHERE entry_id = :entry_id", about)


def _location(row: sqlite3.Row) -> SpoolLocation:
    wish = None
    if row["wish"] is not None:
        stored: dict[str, Any] = orjson.loads(row["wish"])
        wish = Wish(text=stored["text"], replaces=tuple(stored["replaces"]))
    return SpoolLocation(
        spool_id=row["spool_id"],
        registered=_time(row),
        slot=row["slot"],
        wish=wish,
        written=row["written"],
        before=row["before"],
    )


def _time(row: sqlite3.Row) -> datetime:
    at = unpack_time(row["registered"])
    assert at is not None
    return at
