"""An event that everybody has heard of, and that waits in memory for the database."""

from collections.abc import Hashable, Sequence
import sqlite3

from ..model import EventType, StandardEvent
from .engine.jobs import Failure
from .printer_state import Ledger
from .slot_state import EventRow, PrinterSlots, Row
from .tables.failed_events import keep_failed_event
from .tables.row_writer import Recorder, whole_state
from .tables.seen_events import is_known, remember


class LateRecording:
    """Writes what was worked into the slots while the database was away."""

    urgent = False

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        event: StandardEvent,
        slots: PrinterSlots,
        rows: Sequence[Row],
    ) -> None:
        """Take the event as it was told, the slots after it and what it changed."""
        assert event.event_id is not None
        self._ledger = ledger
        self._recorder = recorder
        self._event = event
        self._id = event.event_id
        self._slots = slots
        self._rows = rows
        ledger.late.add(self._id)

    @property
    def lane(self) -> Hashable:
        """The events of one printer keep their order."""
        return self._ledger.printer_id

    @property
    def dispensable(self) -> bool:
        """A later picture says it all again."""
        return self._event.event_type is EventType.AMS_STATE

    def run(self, db: sqlite3.Connection) -> None:
        """Write it, unless a commit that was reported as failed did."""
        rows: Sequence[Row] = self._rows
        if is_known(db, self._id):
            rows = [row for row in rows if not isinstance(row, EventRow)]
        if self._ledger.stale:
            # Rows of events between are missing: what is true now is written, and of
            # each event only that it happened.
            now = self._ledger.known.slots
            self._recorder.record(db, self._ledger.printer_id, now, whole_state(now))
            rows = [row for row in rows if isinstance(row, EventRow)]
        self._recorder.record(db, self._ledger.printer_id, self._slots, rows)
        if not any(isinstance(row, EventRow) for row in self._rows):
            remember(db, [self._id])
        self._ledger.late.discard(self._id)

    def complete(self, db: sqlite3.Connection) -> None:
        """Write what is in the slots now."""
        self._recorder.flush(db)

    def undo(self) -> None:
        """Wait on."""
        self._ledger.late.add(self._id)
        self._recorder.roll_back()

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep it with the failed ones."""
        self.drop()
        if db is not None:
            keep_failed_event(
                db, self._event, self._rows, self._slots.sequence, failure
            )

    def drop(self) -> None:
        """Let the slots be written as a whole, as this change of them never will be."""
        self._ledger.late.discard(self._id)
        self._ledger.stale = True

    def finish(self) -> None:
        """Everybody has been told already."""
