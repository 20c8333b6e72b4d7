"""Events that could not be stored, put where they belong in history after all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import sqlite3
from typing import Any, Final

import orjson

from ..model import StandardEvent, parse_event
from .printer_state import Ledger
from .slot_state import EventRow, apply
from .tables.failed_events import unpack_about
from .tables.packing import pack_time, rows
from .tables.row_writer import Recorder, whole_state
from .tables.seen_events import is_in_history

# What has failed more often than others lets them go first.
_FAILED: Final = """
    SELECT id, printer_id, payload, sequence, about, place FROM failed_events
    WHERE outcome = 'failed' ORDER BY attempts, sequence, id LIMIT :limit
"""
_FAILED_AGAIN: Final = """
    UPDATE failed_events
    SET attempts = attempts + 1, reason = :reason, last_at = :at WHERE id = :id
"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events are in history now, failed again, and are still to come."""

    replayed: int
    failed: int
    remaining: int


def replay_failed(
    db: sqlite3.Connection,
    recorder: Recorder,
    ledgers: Mapping[int, Ledger],
    batch_size: int,
) -> Replayed:
    """Write the first so many failed events into history, in the order of their sequence.

    Those that fail again come after the others the next time.
    The slots have followed them already: what is true now is not touched.
    """
    for ledger in ledgers.values():
        if ledger.stale:
            slots = ledger.known.slots
            recorder.record(db, ledger.printer_id, slots, whole_state(slots))
    recorder.flush(db)
    replayed = failed = 0
    for row in rows(db, _FAILED, {"limit": batch_size}):
        db.execute("SAVEPOINT replay")
        try:
            _replay(db, recorder, ledgers, row)
            db.execute("DELETE FROM failed_events WHERE id = :id", {"id": row["id"]})
            replayed += 1
        except Exception as err:  # noqa: BLE001 - one that fails never stops the next
            db.execute("ROLLBACK TO replay")
            recorder.forget()
            db.execute(
                _FAILED_AGAIN,
                {
                    "id": row["id"],
                    "reason": f"{type(err).__name__}: {err}",
                    "at": pack_time(datetime.now(UTC)),
                },
            )
            failed += 1
        db.execute("RELEASE replay")
    return Replayed(replayed, failed, count_failed(db))


def count_failed(db: sqlite3.Connection) -> int:
    """Return how many events wait to be replayed."""
    (count,) = db.execute(
        "SELECT count(*) FROM failed_events WHERE outcome = 'failed'"
    ).fetchone()
    return int(count)


def _replay(
    db: sqlite3.Connection,
    recorder: Recorder,
    ledgers: Mapping[int, Ledger],
    row: sqlite3.Row,
) -> None:
    event = _marked(parse_event(orjson.loads(row["payload"])))
    if is_in_history(db, event.event_id):
        return
    if row["about"] is not None:
        about = unpack_about(row["about"])
        if about:
            recorder.put_event(
                db, row["sequence"], EventRow(event, about), row["place"], moves=False
            )
        return
    # It never got as far as the slots, and has no place of its own.
    slots = ledgers[event.printer_id].known.slots
    for change in apply(slots, event)[1]:
        if isinstance(change, EventRow):
            recorder.put_event(db, slots.sequence, change, moves=False)


def _marked(event: StandardEvent) -> StandardEvent:
    meta: dict[str, Any] = {**(event.meta or {}), "replay": True}
    return event.model_copy(update={"meta": meta})
