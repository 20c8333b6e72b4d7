"""The tables, and how a file of an earlier version becomes one of today.

Times are microseconds since 1970 UTC. Ids that are hex or ULIDs are kept as bytes,
others as text (`codec.py`), so that years of history fit an SD card.
"""

from collections.abc import Sequence
from pathlib import Path
import sqlite3

from ..engine.database_file import Tables, private_file
from .codec import pack_id
from .salvage import take_over

_VERSION_1 = """
CREATE TABLE printers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL UNIQUE,
    entry_id TEXT,
    name TEXT NOT NULL,
    driver_key TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    deleted_at INTEGER,
    sequence INTEGER NOT NULL DEFAULT 0,
    last_seen_at INTEGER
) STRICT;

CREATE TABLE ams_units (
    id INTEGER PRIMARY KEY,
    printer_id INTEGER NOT NULL REFERENCES printers,
    key TEXT NOT NULL,
    ams_unit_no INTEGER NOT NULL,
    holds_number INTEGER NOT NULL,
    slots_total INTEGER NOT NULL,
    serial TEXT,
    model TEXT,
    label TEXT,
    online INTEGER,
    drying INTEGER,
    humidity_percent REAL,
    humidity_index INTEGER,
    temperature_c REAL,
    drying_minutes_left INTEGER,
    UNIQUE (printer_id, key)
) STRICT;

CREATE TABLE slots (
    id INTEGER PRIMARY KEY,
    printer_id INTEGER NOT NULL REFERENCES printers,
    unit_id INTEGER REFERENCES ams_units,
    slot_no INTEGER NOT NULL,
    label TEXT
) STRICT;
-- A direct slot has no unit, and NULLs are never equal.
CREATE UNIQUE INDEX slots_by_place ON slots (printer_id, ifnull(unit_id, 0), slot_no);

CREATE TABLE slot_assignments (
    slot_id INTEGER PRIMARY KEY REFERENCES slots,
    present INTEGER,
    active INTEGER,
    rfid_uid TEXT,
    external_id TEXT,
    vendor_tag TEXT,
    assigned_external_id TEXT,
    assigned_label TEXT,
    filament TEXT,
    unknown_reported INTEGER NOT NULL,
    inserted_at INTEGER,
    updated_at INTEGER
) STRICT;

-- One row an identity, and the chips it was seen with.
CREATE TABLE spools (
    id INTEGER PRIMARY KEY,
    external_id TEXT UNIQUE,
    last_slot_id INTEGER NOT NULL REFERENCES slots
) STRICT;
CREATE TABLE spool_chips (
    rfid_uid ANY PRIMARY KEY,
    spool_id INTEGER NOT NULL REFERENCES spools
) STRICT, WITHOUT ROWID;

-- JSON that repeats from event to event, kept once.
CREATE TABLE fragments (
    id INTEGER PRIMARY KEY,
    json TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE slot_events (
    id INTEGER PRIMARY KEY,
    event_id ANY NOT NULL UNIQUE,
    printer_id INTEGER NOT NULL REFERENCES printers,
    sequence INTEGER NOT NULL,
    event_type INTEGER NOT NULL,
    event_at INTEGER NOT NULL,
    spool_id INTEGER REFERENCES spools,
    rfid_uid ANY,
    vendor_tag TEXT,
    correlation_id ANY,
    context_id INTEGER REFERENCES fragments,
    filament_id INTEGER REFERENCES fragments,
    body TEXT
) STRICT;
CREATE INDEX slot_events_by_printer ON slot_events (printer_id);
CREATE INDEX slot_events_by_type ON slot_events (event_type);
CREATE INDEX slot_events_by_printer_type ON slot_events (printer_id, event_type);
CREATE INDEX slot_events_by_time ON slot_events (event_at);
CREATE INDEX slot_events_by_printer_time ON slot_events (printer_id, event_at);

-- Which slots and spools an event is about: one for a spool event, any number for
-- an ams_state.
CREATE TABLE event_slots (
    slot_id INTEGER NOT NULL REFERENCES slots,
    event INTEGER NOT NULL,
    unit_id INTEGER REFERENCES ams_units,
    spool_id INTEGER REFERENCES spools,
    PRIMARY KEY (slot_id, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_slots_by_unit ON event_slots (unit_id, event)
    WHERE unit_id IS NOT NULL;
CREATE INDEX event_slots_by_spool ON event_slots (spool_id, event)
    WHERE spool_id IS NOT NULL;

-- The ids of events that made no history; the oldest are forgotten.
CREATE TABLE seen_events (
    id INTEGER PRIMARY KEY,
    event_id ANY NOT NULL UNIQUE
) STRICT;

CREATE TABLE failed_events (
    id INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL,
    printer_id INTEGER,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX failed_events_by_outcome ON failed_events (outcome);
"""

_VERSION_2 = """
-- A fragment is deleted when nothing needs it any more; a foreign key would have
-- SQLite read all of history for each.
CREATE TABLE slot_events_2 (
    id INTEGER PRIMARY KEY,
    event_id ANY NOT NULL UNIQUE,
    printer_id INTEGER NOT NULL REFERENCES printers,
    sequence INTEGER NOT NULL,
    event_type INTEGER NOT NULL,
    event_at INTEGER NOT NULL,
    spool_id INTEGER REFERENCES spools,
    rfid_uid ANY,
    vendor_tag TEXT,
    correlation_id ANY,
    context_id INTEGER,
    filament_id INTEGER,
    body TEXT
) STRICT;
INSERT INTO slot_events_2 SELECT * FROM slot_events;
DROP TABLE slot_events;
ALTER TABLE slot_events_2 RENAME TO slot_events;
CREATE INDEX slot_events_by_printer ON slot_events (printer_id);
CREATE INDEX slot_events_by_type ON slot_events (event_type);
CREATE INDEX slot_events_by_printer_type ON slot_events (printer_id, event_type);
CREATE INDEX slot_events_by_time ON slot_events (event_at);
CREATE INDEX slot_events_by_printer_time ON slot_events (printer_id, event_at);
CREATE INDEX slot_events_by_correlation ON slot_events (correlation_id)
    WHERE correlation_id IS NOT NULL;

-- The place in history that a failed event takes when it is replayed: its row in
-- slot_events, its number in the printer's sequence, and the slots it is about.
ALTER TABLE failed_events ADD COLUMN place INTEGER;
ALTER TABLE failed_events ADD COLUMN sequence INTEGER;
ALTER TABLE failed_events ADD COLUMN about TEXT;
CREATE INDEX failed_events_by_place ON failed_events (place) WHERE place IS NOT NULL;
CREATE INDEX failed_events_by_sequence ON failed_events (outcome, sequence, id);

-- Whether the slot can carry an identity: one that cannot is not unidentified.
ALTER TABLE slot_assignments ADD COLUMN identifiable INTEGER NOT NULL DEFAULT 1;

-- Where a damaged file was replaced, its history may still come: it goes before.
CREATE TABLE history_begins (after INTEGER NOT NULL) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    user_id TEXT,
    action TEXT NOT NULL,
    details TEXT NOT NULL,
    result TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
"""

_VERSION_3 = """
-- Where in history a day may be found: events are numbered as they come, which is
-- nearly by time. A range of time so is a range of rows, in any index.
CREATE TABLE calendar (
    day INTEGER PRIMARY KEY,
    first_event INTEGER NOT NULL,
    last_event INTEGER NOT NULL
) STRICT;
INSERT INTO calendar
    SELECT event_at / 86400000000, min(id), max(id) FROM slot_events GROUP BY 1;
CREATE TRIGGER slot_events_into_calendar AFTER INSERT ON slot_events BEGIN
    INSERT INTO calendar (day, first_event, last_event)
    VALUES (new.event_at / 86400000000, new.id, new.id)
    ON CONFLICT (day) DO UPDATE SET
        first_event = min(first_event, excluded.first_event),
        last_event = max(last_event, excluded.last_event);
END;
DROP INDEX slot_events_by_time;
DROP INDEX slot_events_by_printer_time;
"""

_VERSION_4 = """
-- Spool events that are published when Home Assistant has started.
CREATE TABLE held_events (
    id INTEGER PRIMARY KEY,
    printer_id INTEGER NOT NULL REFERENCES printers,
    unit_key TEXT,
    slot_no INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX held_events_by_printer ON held_events (printer_id);
"""

_VERSION_5 = """
-- What a driver needs again after a restart, as JSON, and the identity of the spool that
-- left a slot last, which printers may keep reporting.
ALTER TABLE printers ADD COLUMN memory TEXT;
ALTER TABLE slot_assignments ADD COLUMN departed TEXT;
"""

_VERSION_6 = """
-- The few states that are an assignment by a user; `history.py` has the same condition.
CREATE INDEX slot_events_by_assignment ON slot_events (event_type)
    WHERE event_type = 3 AND instr(body, '"assigned":') > 0;
"""

_VERSION_7 = """
-- What is known of a spool, as it was seen last: the name that a user gave it, its filament
-- as JSON, and when and where what is left on it was reported.
ALTER TABLE spools ADD COLUMN label TEXT;
ALTER TABLE spools ADD COLUMN filament TEXT;
ALTER TABLE spools ADD COLUMN remaining_at INTEGER;
ALTER TABLE spools ADD COLUMN remaining_slot_id INTEGER REFERENCES slots;
ALTER TABLE spools ADD COLUMN first_seen_at INTEGER;
ALTER TABLE spools ADD COLUMN last_seen_at INTEGER;

-- The spool that is in a slot.
ALTER TABLE slot_assignments ADD COLUMN spool_id INTEGER REFERENCES spools;
CREATE INDEX slot_assignments_by_spool ON slot_assignments (spool_id)
    WHERE spool_id IS NOT NULL;
UPDATE slot_assignments SET spool_id = coalesce(
    (SELECT id FROM spools WHERE external_id = slot_assignments.external_id),
    (SELECT spool_id FROM spool_chips WHERE rfid_uid = pack_id(slot_assignments.rfid_uid)),
    (SELECT id FROM spools WHERE external_id = slot_assignments.assigned_external_id)
);

UPDATE spools SET
    first_seen_at = (
        SELECT event_at FROM slot_events WHERE id = (
            SELECT min(event) FROM event_slots WHERE spool_id = spools.id
        )
    ),
    last_seen_at = (
        SELECT event_at FROM slot_events WHERE id = (
            SELECT max(event) FROM event_slots WHERE spool_id = spools.id
        )
    ),
    label = (
        SELECT CAST(coalesce(
            json_extract(e.body, '$.assigned.label'),
            json_extract(e.body, '$.meta.assigned.label')
        ) AS TEXT)
        FROM event_slots AS about JOIN slot_events AS e ON e.id = about.event
        WHERE about.spool_id = spools.id AND instr(e.body, '"assigned":{') > 0
            AND json_valid(e.body)
        ORDER BY about.event DESC LIMIT 1
    ),
    filament = (
        SELECT fragments.json
        FROM event_slots AS about
        JOIN slot_events AS e ON e.id = about.event
        JOIN fragments ON fragments.id = e.filament_id
        WHERE about.spool_id = spools.id
        ORDER BY about.event DESC LIMIT 1
    );
UPDATE spools SET filament = json_patch(
    iif(json_valid(spools.filament), spools.filament, '{}'), now.filament
)
FROM slot_assignments AS now
WHERE now.spool_id = spools.id AND json_valid(now.filament);
"""

_VERSION_8 = """
-- Which spool of an inventory a spool of ours is: known by its external_id, else by its
-- chip. It is no part of history, and outlives what is known of the spool.
CREATE TABLE spool_links (
    id INTEGER PRIMARY KEY,
    external_id TEXT UNIQUE,
    rfid_uid ANY UNIQUE,
    inventory TEXT NOT NULL,
    inventory_spool_id INTEGER NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT;
"""

_VERSION_9 = """
-- Of the entry of an inventory: where its spools are, what waits to be written there, and
-- what was written last; and the tags that wait to be linked.
CREATE TABLE spool_locations (
    entry_id TEXT NOT NULL,
    spool_id INTEGER NOT NULL,
    registered INTEGER NOT NULL,
    slot TEXT,
    wish TEXT,
    written TEXT,
    before TEXT,
    PRIMARY KEY (entry_id, spool_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE tag_wishes (
    id INTEGER PRIMARY KEY,
    entry_id TEXT NOT NULL,
    spool_id INTEGER NOT NULL,
    registered INTEGER NOT NULL,
    tag TEXT NOT NULL
) STRICT;
"""

_VERSION_10 = """
-- A spool is deleted with the only printer that knew it; without an index its foreign key
-- would have SQLite read all of history for each.
CREATE INDEX slot_events_by_spool ON slot_events (spool_id) WHERE spool_id IS NOT NULL;
"""

_VERSION_11 = """
-- The spool that a chip names, where it was another's: it stays the other's until a user
-- chooses. kept: the user chose the other.
CREATE TABLE chip_claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rfid_uid ANY NOT NULL UNIQUE,
    spool_id INTEGER NOT NULL REFERENCES spools,
    kept INTEGER NOT NULL DEFAULT 0
) STRICT;
"""

# Never changed once released; the next version is one more.
MIGRATIONS: tuple[str, ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
    _VERSION_10,
    _VERSION_11,
)


def migrate(
    db: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Bring the file to the newest version, keeping a copy before each step.

    The connection must be in autocommit mode. Raises sqlite3.Error when a step fails;
    the file then is as before the step.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.create_function("pack_id", 1, pack_id, deterministic=True)
    for number, script in enumerate(migrations[version:], version + 1):
        if version > 0:
            _keep_copy(db, path.with_suffix(f".v{number - 1}{path.suffix}"))
        try:
            db.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT"
            )
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _keep_copy(db: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    private_file(copy)
    db.execute("VACUUM INTO :path", {"path": str(copy)})


TABLES = Tables(version=len(MIGRATIONS), migrate=migrate, take_over=take_over)
