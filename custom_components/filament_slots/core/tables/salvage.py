"""Salvage of what is still readable in a damaged file."""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields, replace
import logging
from pathlib import Path
import sqlite3
from typing import Any, Final

from ...model import Identifiers, parse_event
from ..engine.errors import DATABASE_ERRORS, raising_store_errors
from .codec import decode_event, rows, unpack_id
from .printers import Registration, load_slots, restore_printer, whole_state
from .row_writer import RowWriter, of_spool
from .spools import find_or_make_spool, see_spool

_LOGGER = logging.getLogger(__name__)

# After all places that a damaged file may hold, where it does not say itself.
_FAR_ON: Final = 2**40
_CHUNK: Final = 200
_SMALLEST_ROW_BYTES: Final = 50

_EVENTS: Final = """
    SELECT
        e.*, context.json AS context, filament.json AS filament,
        spools.external_id AS external_id
    FROM slot_events AS e NOT INDEXED
    LEFT JOIN fragments AS context ON context.id = e.context_id
    LEFT JOIN fragments AS filament ON filament.id = e.filament_id
    LEFT JOIN spools ON spools.id = e.spool_id
    WHERE e.id BETWEEN :first AND :last ORDER BY e.id
"""
_NEXT: Final = "SELECT min(id) FROM slot_events NOT INDEXED WHERE id >= :after"
_ABOUT: Final = """
    SELECT about.event, about.unit_id, spools.external_id AS external_id, (
        SELECT rfid_uid FROM spool_chips WHERE spool_id = spools.id
    ) AS rfid_uid
    FROM event_slots AS about LEFT JOIN spools ON spools.id = about.spool_id
    WHERE about.slot_id = :slot_id AND about.event BETWEEN :first AND :last
"""
_FIND_SLOT: Final = """
    SELECT slots.id FROM slots
    JOIN printers ON printers.id = slots.printer_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    WHERE printers.identity = :identity AND slots.slot_no = :slot_no
        AND ifnull(ams_units.key, '') = ifnull(:unit_key, '')
"""
_MAKE_SLOT: Final = """
    INSERT INTO slots (printer_id, unit_id, slot_no, label)
    SELECT printers.id, ams_units.id, :slot_no, :label FROM printers
    LEFT JOIN ams_units
        ON ams_units.printer_id = printers.id AND ams_units.key = :unit_key
    WHERE printers.identity = :identity
    RETURNING id
"""
_IS_WANTED: Final = """
    SELECT 1 FROM printers WHERE identity = :identity
        AND NOT EXISTS (SELECT 1 FROM slot_events WHERE event_id = :event_id)
"""
_OLD_SLOTS: Final = """
    SELECT slots.*, printers.identity AS identity, ams_units.key AS unit_key
    FROM slots JOIN printers ON printers.id = slots.printer_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    WHERE slots.id = :id
"""
_OLD_CHIPS: Final = "SELECT * FROM spool_chips WHERE spool_id = :id"
_PUT_EVENT: Final = """
    INSERT INTO slot_events (
        id, event_id, printer_id, sequence, event_type, event_at, spool_id, rfid_uid,
        vendor_tag, correlation_id, context_id, filament_id, body
    ) VALUES (
        :place, :event_id, (SELECT id FROM printers WHERE identity = :identity),
        :sequence, :event_type, :event_at, :new_spool_id, :rfid_uid, :vendor_tag,
        :correlation_id, (SELECT id FROM fragments WHERE json = :context),
        (SELECT id FROM fragments WHERE json = :filament), :body
    )
"""
_PUT_ABOUT: Final = """
    INSERT INTO event_slots (slot_id, event, unit_id, spool_id)
    VALUES (:slot_id, :event, (SELECT unit_id FROM slots WHERE id = :slot_id), :spool_id)
"""


@dataclass(frozen=True, slots=True)
class _About:
    """A slot and a spool that an event is about."""

    slot: dict[str, Any]
    spool: Identifiers


@dataclass(slots=True)
class Salvaged:
    """Some rows of the damaged file, and where to continue; None at the end."""

    events: list[dict[str, Any]] = field(default_factory=list)
    about: dict[int, list[_About]] = field(default_factory=dict)
    cursor: int | None = None


def take_over(old: Path, copy: Path, db: sqlite3.Connection) -> None:
    """Copy printers, what was last known of their slots, and links into a new file.

    old: the damaged file. copy: that of the last known slots. Never raises.
    """
    _save_identities(old, db)
    with suppress(*DATABASE_ERRORS), closing(_open_damaged(copy)) as known:
        _copy_links(known, db)
        for printer in rows(known, "SELECT * FROM printers", {}):
            with suppress(*DATABASE_ERRORS):
                _restore_slots(known, printer, db)


def _restore_slots(
    known: sqlite3.Connection, printer: sqlite3.Row, db: sqlite3.Connection
) -> None:
    printer_id = printer["id"]
    names = (field.name for field in fields(Registration))
    registration = Registration(**{name: printer[name] for name in names})
    restore_printer(db, printer_id, registration)
    slots = load_slots(known, printer_id)
    # The copy is older than the damaged file.
    sequence = max(slots.sequence, load_slots(db, printer_id).sequence)
    slots = replace(slots, sequence=sequence)
    row_writer = RowWriter()
    row_writer.record(db, printer_id, slots, whole_state(slots))
    row_writer.flush(db)


def _save_identities(old: Path, db: sqlite3.Connection) -> None:
    """Copy printers, units, slots and spools, as far as they can be read.

    Entities, devices and history refer to the ids and keys of the first two; what is
    known of spools that are in no slot is nowhere else.
    """
    with suppress(*DATABASE_ERRORS), closing(_open_damaged(old)) as damaged:
        db.execute(
            "INSERT INTO history_begins (after) VALUES (:after)",
            {"after": _after(damaged)},
        )
        for table in ("printers", "ams_units", "slots", "spools"):
            query = f"SELECT * FROM {table} NOT INDEXED WHERE id = :id"  # noqa: S608
            for row in _one_by_one(damaged, table, query):
                with suppress(*DATABASE_ERRORS):
                    _insert(db, table, dict(row))
        _copy_links(damaged, db)
        for chip in _one_by_one(damaged, "spools", _OLD_CHIPS):
            with suppress(*DATABASE_ERRORS):
                _insert(db, "spool_chips", dict(chip))
        for row in rows(
            damaged,
            "SELECT printer_id, max(sequence) AS sequence FROM slot_events"
            " GROUP BY printer_id",
            {},
        ):
            db.execute(
                "UPDATE printers SET sequence = max(sequence, :sequence)"
                " WHERE id = :printer_id",
                dict(row),
            )


def _copy_links(old: sqlite3.Connection, db: sqlite3.Connection) -> None:
    """Copy the links of spools that have none yet."""
    query = "SELECT * FROM spool_links NOT INDEXED WHERE id = :id"
    for link in _one_by_one(old, "spool_links", query):
        with suppress(*DATABASE_ERRORS):
            _insert(db, "spool_links", {**dict(link), "id": None})


def read_damaged(old: Path, cursor: int | None) -> Salvaged:
    """Read some events, the oldest first; what cannot be read is left out.

    Raises StoreError where nothing can be read at all.
    """
    with raising_store_errors(), closing(_open_damaged(old)) as damaged:
        identities = {
            row["id"]: row["identity"]
            for row in _one_by_one(
                damaged, "printers", "SELECT * FROM printers NOT INDEXED WHERE id = :id"
            )
        }
        first, last = _range(damaged, "slot_events")
        first = first if cursor is None else cursor
        found, after = _chunk(damaged, first, last)
        events = [
            dict(row) | {"identity": identities[row["printer_id"]]}
            for row in found
            if row["printer_id"] in identities and _makes_sense(row)
        ]
        result = Salvaged(events, cursor=after)
        if events:
            _read_about(damaged, result)
    return result


def write_salvaged(db: sqlite3.Connection, salvaged: Salvaged) -> int:
    """Write events into history, before all that happened since; return how many.

    Events that are there already are left out, and those of deleted printers.
    """
    written = 0
    for event in salvaged.events:
        wanted = db.execute(_IS_WANTED, event).fetchone()
        if wanted and (about := salvaged.about.get(event["id"])):
            _write(db, event, about)
            written += 1
    return written


def _makes_sense(row: sqlite3.Row) -> bool:
    """Return whether a row is still a valid event."""
    try:
        parse_event(decode_event(row))
    except Exception:  # noqa: BLE001 - and anything is what is caught
        return False
    return True


def _write(db: sqlite3.Connection, event: dict[str, Any], about: list[_About]) -> None:
    place = event["id"]
    parsed = parse_event(decode_event(event))
    spools = []
    for one in about:
        slot_id = _slot_id(db, one.slot)
        spool_id = None
        if one.spool.known:
            spool_id = find_or_make_spool(db, slot_id, one.spool)
            see_spool(db, spool_id, slot_id, parsed.event_at, **of_spool(parsed))
        spools.append({"slot_id": slot_id, "event": place, "spool_id": spool_id})
    for json in (event["context"], event["filament"]):
        if json is not None:
            db.execute(
                "INSERT INTO fragments (json) VALUES (:json) ON CONFLICT DO NOTHING",
                {"json": json},
            )
    by_identity = spools[0]["spool_id"] if event["external_id"] else None
    db.execute(_PUT_EVENT, event | {"place": place, "new_spool_id": by_identity})
    db.executemany(_PUT_ABOUT, spools)


def _slot_id(db: sqlite3.Connection, slot: dict[str, Any]) -> int:
    found = db.execute(_FIND_SLOT, slot).fetchone()
    (slot_id,) = found or db.execute(_MAKE_SLOT, slot).fetchone()
    return int(slot_id)


def _read_about(damaged: sqlite3.Connection, result: Salvaged) -> None:
    first, last = result.events[0]["id"], result.events[-1]["id"]
    for slot in _one_by_one(damaged, "slots", _OLD_SLOTS):
        where = {"slot_id": slot["id"], "first": first, "last": last}
        with suppress(*DATABASE_ERRORS):
            for row in rows(damaged, _ABOUT, where):
                spool = Identifiers(
                    external_id=row["external_id"], rfid_uid=unpack_id(row["rfid_uid"])
                )
                result.about.setdefault(row["event"], []).append(
                    _About(dict(slot), spool)
                )


def _chunk(
    damaged: sqlite3.Connection, first: int, last: int
) -> tuple[list[sqlite3.Row], int | None]:
    """Return readable events from the first on, and where to continue."""
    after: int | None = first + _CHUNK
    found: list[sqlite3.Row] = []
    with suppress(*DATABASE_ERRORS):
        found = rows(damaged, _EVENTS, {"first": first, "last": first + _CHUNK - 1})
    if len(found) < _CHUNK:
        # Damage may also end a search early, without a word.
        found = []
        for number in range(first, first + _CHUNK):
            with suppress(*DATABASE_ERRORS):
                found += rows(damaged, _EVENTS, {"first": number, "last": number})
    if not found:
        with suppress(*DATABASE_ERRORS):
            (after,) = damaged.execute(_NEXT, {"after": after}).fetchone()
    return found, after if after is not None and after <= last else None


def _one_by_one(
    damaged: sqlite3.Connection, table: str, query: str
) -> Iterator[sqlite3.Row]:
    """Yield the rows of a small table that can be read."""
    _, last = _range(damaged, table)
    for number in range(1, min(last, 10_000) + 1):
        with suppress(*DATABASE_ERRORS):
            yield from rows(damaged, query, {"id": number})


def _range(damaged: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Return the first and last id; a guess where they cannot be read."""
    last = _last(damaged, table)
    if last is None:
        (pages,) = damaged.execute("PRAGMA page_count").fetchone()
        (size,) = damaged.execute("PRAGMA page_size").fetchone()
        last = int(pages) * int(size) // _SMALLEST_ROW_BYTES
    with suppress(*DATABASE_ERRORS):
        (first,) = damaged.execute(
            f"SELECT min(id) FROM {table} NOT INDEXED"  # noqa: S608
        ).fetchone()
        return first or 1, last
    return 1, last


def _last(damaged: sqlite3.Connection, table: str) -> int | None:
    """Return the last id, 0 where there is none; None where it cannot be read."""
    with suppress(*DATABASE_ERRORS):
        (last,) = damaged.execute(
            f"SELECT max(id) FROM {table} NOT INDEXED"  # noqa: S608
        ).fetchone()
        return last or 0
    return None


def _after(damaged: sqlite3.Connection) -> int:
    last = _last(damaged, "slot_events")
    return _FAR_ON if last is None else last


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608


def _open_damaged(old: Path) -> sqlite3.Connection:
    """Open a damaged file for reading; one that is none fails at the first query."""
    db = sqlite3.connect(old, isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    # Else one damaged entry of the schema hides all of the file.
    db.execute("PRAGMA writable_schema = ON")
    return db
