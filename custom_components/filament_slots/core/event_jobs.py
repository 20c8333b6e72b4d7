"""One event on its way through the writer: what becomes of it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
import json
import logging
import sqlite3
from typing import Any

from ulid_transform import ulid_now

from ..model import EventType, SpoolEvent, StandardEvent
from .engine.jobs import Failure
from .expectations import Expectation, Expectations
from .late_recording import LateRecording
from .printer_state import Known, Ledger
from .slot_state import EventRow, PrinterSlots, Row, apply
from .tables.codec import standard_event
from .tables.failed_events import keep_failed_event, put_failed_event
from .tables.row_writer import Recorder, whole_state
from .tables.seen_events import is_known, remember

_LOGGER = logging.getLogger(__name__)

# Only the core may say these.
_CORE_META = frozenset({"persisted", "replay", "previous_slot", "assigned"})

MAX_SILENT = 200
_MAX_PAYLOAD = 64 * 1024


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


class Recording:
    """A valid event, to be worked into its printer's slots and written.

    outcome, event, slots: what became of it, the event as it is to be told and the
    slots after it; once it is finished.
    """

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        event: StandardEvent,
        expectations: Expectations,
        finished: Callable[[Recording], None],
    ) -> None:
        """Take the event; what only the core may say is taken out of it."""
        self.outcome = Outcome.UNCHANGED
        self._id = event.event_id or ulid_now()
        self._said = _own(event, self._id)
        self._event = self._said
        self._ledger = ledger
        self._recorder = recorder
        self._before = ledger.known
        self._was_stale = False
        self._written: StandardEvent | None = None
        self._expectations = expectations
        self._fulfilled: Expectation | None = None
        self._finished = finished
        self.slots = ledger.known.slots

    @property
    def lane(self) -> Hashable:
        """The events of one printer keep their order."""
        return self._ledger.printer_id

    @property
    def urgent(self) -> bool:
        """News overtakes the pictures of other printers."""
        return self._said.event_type is not EventType.AMS_STATE

    @property
    def event(self) -> dict[str, Any]:
        """The event as everybody gets it."""
        return standard_event(self._event)

    def run(self, db: sqlite3.Connection) -> None:
        """Write what the event changes."""
        ledger = self._ledger
        self._before = known = ledger.known
        self._was_stale = ledger.stale
        self._event = self._said
        self.slots = known.slots
        # Until it is known that it is none: what fails here has noted nothing.
        self.outcome = Outcome.DUPLICATE
        if self._id in known.silent or self._id in ledger.late:
            return
        if is_known(db, self._id):
            # A commit that was reported as failed may have worked all the same.
            if (event := self._written) is not None:
                self.outcome = Outcome.STORED
                if "assigned" in (event.meta or {}):
                    self._fulfilled = self._expectations.take(event)
                self.slots, rows = apply(known.slots, event)
                self._event = _told(event, rows)
                ledger.known = Known(self.slots, known.silent)
                ledger.note(self._id)
            return
        event = self._recognised()
        identifiers = (
            self._fulfilled.assigned.identifiers
            if self._fulfilled
            else event.identifiers
            if event.event_type is EventType.SPOOL_INSERTED
            else None
        )
        if identifiers is not None:
            previous = self._recorder.previous_slot(db, identifiers)
            if previous is not None:
                event = _with_meta(event, "previous_slot", previous)
        self.slots, rows = apply(known.slots, event)
        self._event = _told(event, rows)
        if rows:
            self.outcome = Outcome.STORED
            self._written = event
            if ledger.stale:
                rows = _whole(self.slots, rows)
                ledger.stale = False
            self._recorder.record(db, event.printer_id, self.slots, rows)
        else:
            self.outcome = Outcome.UNCHANGED
        silent = known.silent
        if not any(isinstance(row, EventRow) for row in rows):
            silent = (*silent, self._id)
        if silent and (rows or len(silent) > MAX_SILENT):
            remember(db, silent)
            silent = ()
        ledger.known = Known(self.slots, silent)
        ledger.note(self._id)

    def complete(self, db: sqlite3.Connection) -> None:
        """Write what is in the slots now."""
        self._recorder.flush(db)

    def undo(self) -> None:
        """Go back to what was known before the last run."""
        self._ledger.known = self._before
        self._ledger.stale = self._was_stale
        if self.outcome is not Outcome.DUPLICATE:
            self._ledger.recent.pop(self._id, None)
        self._recorder.roll_back()
        if self._fulfilled is not None:
            self._expectations.give_back(self._fulfilled)
            self._fulfilled = None

    def give_up(
        self, db: sqlite3.Connection | None, failure: Failure
    ) -> LateRecording | None:
        """Let the slots follow all the same.

        The event is kept with the failed ones; where the database is away it waits for it.
        """
        ledger, known = self._ledger, self._ledger.known
        if self._id in ledger.recent or self._id in ledger.late:
            self.outcome = Outcome.DUPLICATE
            return None
        event = self._recognised()
        try:
            self.slots, rows = apply(known.slots, event)
        except Exception:
            _LOGGER.exception("An event could not be worked in")
            self.slots, rows = known.slots, ()
        else:
            if not rows:
                # It changes nothing: there is nothing to write, and nothing to tell.
                self.outcome = Outcome.UNCHANGED
                silent = (*known.silent, self._id)[-MAX_SILENT:]
                ledger.known = Known(self.slots, silent)
                ledger.note(self._id)
                return None
        self.outcome = Outcome.FAILED
        told = _told(event, rows)
        self._event = _with_meta(told, "persisted", False)
        ledger.known = Known(self.slots, known.silent)
        ledger.note(self._id)
        if db is None:
            return LateRecording(ledger, self._recorder, told, self.slots, rows)
        ledger.stale = True
        keep_failed_event(db, told, rows, self.slots.sequence, failure)
        return None

    def finish(self) -> None:
        """Say that it is over."""
        self._finished(self)

    def _recognised(self) -> StandardEvent:
        """Return the event with the identity that was expected, if it takes one."""
        self._fulfilled = self._expectations.take(self._said)
        if self._fulfilled is None:
            return self._said
        return _with_meta(self._said, "assigned", self._fulfilled.assigned.as_meta())


class Refusal:
    """An event that is not taken: kept with its reason, if that can be written."""

    def __init__(
        self,
        event: Mapping[str, Any],
        printer_id: int | None,
        outcome: Outcome,
        reason: str,
        finished: Callable[[Refusal], None],
    ) -> None:
        """Take the event as it came, and why it is refused."""
        self.outcome = outcome
        self._event = event
        self._printer_id = printer_id
        self._reason = reason
        self._at = datetime.now(UTC)
        self._finished = finished

    @property
    def lane(self) -> Hashable:
        """Refusals need no order."""
        return self

    @property
    def urgent(self) -> bool:
        """Nobody waits for it."""
        return False

    def run(self, db: sqlite3.Connection) -> None:
        """Write it down."""
        put_failed_event(
            db,
            printer_id=self._printer_id,
            outcome=self.outcome,
            reason=self._reason,
            attempts=1,
            first_at=self._at,
            last_at=self._at,
            payload=_payload(self._event),
        )

    def complete(self, db: sqlite3.Connection) -> None:
        """Nothing is left."""

    def undo(self) -> None:
        """Nothing is held in memory."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Say so: it is refused all the same."""
        _LOGGER.debug("A refused event could not be stored: %s", failure.error)

    def finish(self) -> None:
        """Say that it is over."""
        self._finished(self)


def _own(event: StandardEvent, event_id: str) -> StandardEvent:
    """Return the event with its id, without what only the core may say."""
    meta = event.meta or {}
    if event.event_id is not None and _CORE_META.isdisjoint(meta):
        return event
    said = {key: value for key, value in meta.items() if key not in _CORE_META}
    return event.model_copy(update={"event_id": event_id, "meta": said})


def _whole(slots: PrinterSlots, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows of the whole state, and what is history."""
    history = (row for row in rows if isinstance(row, EventRow))
    return (*whole_state(slots), *history)


def _told(event: StandardEvent, rows: Sequence[Row]) -> StandardEvent:
    """Return the event as it is told: one about a spool as it is in history."""
    for row in rows:
        if isinstance(row, EventRow) and isinstance(row.event, SpoolEvent):
            return row.event
    return event


def _with_meta(event: StandardEvent, key: str, value: object) -> StandardEvent:
    return event.model_copy(update={"meta": {**(event.meta or {}), key: value}})


def _payload(event: object) -> str:
    """Return an event as JSON that nobody has checked."""
    try:
        text = json.dumps(event, default=repr)
    except ValueError, TypeError, RecursionError:
        return '{"unreadable": true}'
    return text if len(text) <= _MAX_PAYLOAD else '{"truncated": true}'
