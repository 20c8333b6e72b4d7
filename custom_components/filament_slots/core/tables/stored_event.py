"""A row of history that is kept in memory until the file has proven to hold it."""

from collections.abc import Mapping
import sqlite3
from typing import Any, override

import orjson

from ...model import parse_event
from ..engine.jobs import CommittedJob, Failure
from ..slot_state import EventRow
from .codec import pack_id
from .failed_events import keep_failed_event, pack_about, unpack_about
from .printers import is_known_printer
from .row_writer import RowWriter, is_known

# Of the objects around the texts, about.
_OVERHEAD_BYTES = 500


class StoredEvent(CommittedJob):
    """An event with its place in the printer's sequence and its spools, as text."""

    __slots__ = (
        "_about",
        "_event_id",
        "_moves",
        "_payload",
        "_printer_id",
        "_rows",
        "_sequence",
    )

    def __init__(
        self, rows: RowWriter, event: Mapping[str, Any], row: EventRow, sequence: int
    ) -> None:
        """Take the row, and its event as plain JSON."""
        super().__init__(event["printer_id"])
        self._rows = rows
        self._printer_id: int = event["printer_id"]
        self._event_id: str = event["event_id"]
        self._payload = orjson.dumps(event)
        self._about = pack_about(row.spools)
        self._moves = row.moves
        self._sequence = sequence
        self.size = len(self._payload) + len(self._about) + _OVERHEAD_BYTES

    @override
    def run(self, db: sqlite3.Connection) -> None:
        if not is_known_printer(db, self._printer_id):
            # It was deleted since.
            return
        if self._moves is not None or not is_known(db, self._event_id):
            self._rows.put_event(db, self._sequence, self._row)

    @override
    def is_in(self, db: sqlite3.Connection) -> bool:
        # More than the index has, so that the row itself is read.
        query = "SELECT sequence FROM slot_events WHERE event_id = :id"
        found = db.execute(query, {"id": pack_id(self._event_id)}).fetchone()
        # It may count changes that came after this one.
        return found is not None and int(found[0]) >= self._sequence

    @override
    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep it with the failed events."""
        if db is not None:
            row = self._row
            keep_failed_event(db, row.event, [row], self._sequence, failure)

    @override
    def drop(self) -> None:
        """Accept that a damaged file has lost it."""

    @property
    def _row(self) -> EventRow:
        event = parse_event(orjson.loads(self._payload))
        return EventRow(event, unpack_about(self._about), self._moves)
