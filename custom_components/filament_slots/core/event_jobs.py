"""One event in the writer: what it changes, and what becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
import json
import logging
import sqlite3
from typing import Any, Final, override

from ulid_transform import ulid_now

from ..model import (
    EventType,
    Identifiers,
    InvalidEventError,
    StandardEvent,
    parse_event,
)
from .engine.jobs import BufferedJob, Failure, Job
from .expectations import Expectation
from .printer_state import Printers, PrinterState
from .slot_changes import COUNT_META, Applied, apply
from .slot_state import EventRow, PrinterSlots, Row
from .tables.codec import completed, standard_event
from .tables.failed_events import keep_failed_event, named, put_failed_event
from .tables.printers import whole_state
from .tables.row_writer import is_known, remember
from .tables.stored_event import StoredEvent

_LOGGER = logging.getLogger(__name__)

# Set by the core alone.
_CORE_META: Final = COUNT_META.union(
    ("persisted", "replay", "previous_slot", "assigned", "previously_assigned")
)

MAX_SILENT: Final = 200
_MAX_PAYLOAD: Final = 64 * 1024


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


class EventJob(Job):
    """An event as it was received: validated, applied to its printer's slots, written.

    printer_id: of a known printer; None for any other, which is rejected.
    outcome, slots: what became of it, and the slots after it; once it is finished.
    """

    __slots__ = (
        "_event",
        "_finished",
        "_history",
        "_memory",
        "_parsed",
        "_plain",
        "_printers",
        "_published",
        "_reason",
        "_written",
        "expectation",
        "outcome",
        "printer_id",
        "slots",
    )

    slots: PrinterSlots
    _published: StandardEvent

    def __init__(
        self,
        printers: Printers,
        event: Mapping[str, Any],
        printer_id: int | None,
        finished: Callable[[EventJob], None],
        memory: Mapping[str, Any] | None,
    ) -> None:
        """Create the job; `finished` is called with it on the event loop.

        memory: of the driver; None where the event comes from none.
        """
        super().__init__(printer_id, dispensable=_is_snapshot(event))
        self.printer_id = printer_id
        self.outcome = Outcome.UNCHANGED
        # That the event fulfilled.
        self.expectation: Expectation | None = None
        self._printers = printers
        self._event = event
        self._finished = finished
        self._memory = memory
        self._parsed: StandardEvent | None = None
        self._written: StandardEvent | None = None
        self._history: EventRow | None = None
        self._plain: dict[str, Any] | None = None
        # Why it is rejected or refused.
        self._reason: str | None = None

    @property
    def published(self) -> dict[str, Any] | None:
        """The event as subscribers get it; None for one that is not published."""
        if self._reason is None and self.outcome in (Outcome.STORED, Outcome.FAILED):
            return completed(self._plain or standard_event(self._published))
        return None

    @override
    def run(self, db: sqlite3.Connection) -> None:
        self._history = None
        if self._reason is None and self._parsed is None:
            self._parse()
        if self._parsed is None:
            self._put_refused(db)
            return
        printers, event = self._printers, self._parsed
        event_id = event.event_id
        assert event_id is not None
        state = printers.states[event.printer_id]
        self.slots = state.slots
        # A commit that was reported as failed may have worked nevertheless.
        again = self._written
        known = printers.is_recent(event_id) or is_known(db, event_id)
        if known and again is None:
            self.outcome = Outcome.DUPLICATE
            return
        if not known:
            event = self._with_previous_slot(db, self._with_expected_identity())
        else:
            assert again is not None
            event = again
            if "assigned" in (event.meta or {}):
                printers.take(event)
        applied = apply(state.changes, self._before(state), event)
        self.slots, rows, changes = applied.slots, applied.rows, applied.changes
        self._history = _history_in(rows)
        self._published = applied.published
        self.outcome = Outcome.STORED if rows else Outcome.UNCHANGED
        printers.note(event_id)
        if known:
            state = replace(state, slots=self.slots, changes=changes)
            printers.update(event.printer_id, state)
            return
        if rows:
            self._written = event
            rows_now = _whole(self.slots, rows) if state.stale else rows
            printers.rows.record(db, event.printer_id, self.slots, rows_now)
        if self._history is not None:
            printers.hold(db, self._history)
        silent = state.silent if _is_new(self._history) else (*state.silent, event_id)
        if silent and (rows or len(silent) > MAX_SILENT):
            remember(db, silent)
            silent = ()
        stale = state.stale and not rows
        printers.update(
            event.printer_id,
            PrinterState(state.registration, self.slots, silent, stale, changes),
        )

    @override
    def give_up(
        self, db: sqlite3.Connection | None, failure: Failure
    ) -> BufferedEvent | None:
        """Apply it to the slots nevertheless.

        The event is kept with the failed ones; during an outage it is buffered.
        """
        if self._reason is None and self._parsed is None:
            self._parse()
        if self._parsed is None:
            _LOGGER.debug("A refused event could not be stored: %s", failure.error)
            return None
        printers = self._printers
        state = printers.states[self._parsed.printer_id]
        self.slots = state.slots
        event_id = self._parsed.event_id
        assert event_id is not None
        if printers.is_recent(event_id):
            self.outcome = Outcome.DUPLICATE
            return None
        event = self._with_expected_identity()
        self.outcome = Outcome.FAILED
        applied = Applied(state.slots, (), event, state.changes)
        try:
            applied = apply(state.changes, self._before(state), event)
        except Exception:
            _LOGGER.exception("An event could not be applied")
        else:
            if not applied.rows:
                self.outcome = Outcome.UNCHANGED
        self.slots, rows, changes = applied.slots, applied.rows, applied.changes
        printers.note(event_id)
        if self.outcome is Outcome.UNCHANGED:
            silent = (*state.silent, event_id)[-MAX_SILENT:]
            printers.update(event.printer_id, replace(state, silent=silent))
            return None
        event = applied.published
        self._published = _with_meta(event, "persisted", False)
        stale = state.stale or db is not None
        state = replace(state, slots=self.slots, stale=stale, changes=changes)
        printers.update(event.printer_id, state)
        if db is None:
            return BufferedEvent(printers, event, self.slots, rows)
        keep_failed_event(db, event, rows, self.slots.sequence, failure)
        return None

    @override
    def again(self) -> StoredEvent | None:
        if self._history is None:
            return None
        plain = standard_event(self._history.event)
        if self._history.event is self._published:
            self._plain = plain
        rows, sequence = self._printers.rows, self.slots.sequence
        return StoredEvent(rows, plain, self._history, sequence)

    @override
    def refuse(self) -> None:
        """Be kept with the failed events; other events need not wait for it."""
        self._refuse(Outcome.FAILED, "too many events are waiting")
        self.key = None

    @override
    def finish(self) -> None:
        self._finished(self)

    def _parse(self) -> None:
        try:
            event = parse_event(self._event)
        except InvalidEventError as err:
            _LOGGER.debug("Rejected %s: %s", named(self._event), err)
            self._refuse(Outcome.REJECTED, str(err))
            return
        if self.printer_id not in self._printers.states:
            self.printer_id = None
            self._refuse(Outcome.REJECTED, "printer_id: no such printer")
            return
        self._parsed = _own(event)

    def _refuse(self, outcome: Outcome, reason: str) -> None:
        self.outcome = outcome
        self._reason = reason
        self.first_at = datetime.now(UTC)

    def _put_refused(self, db: sqlite3.Connection) -> None:
        assert self._reason is not None
        put_failed_event(
            db,
            printer_id=self.printer_id,
            outcome=self.outcome,
            reason=self._reason,
            attempts=1,
            first_at=self.first_at,
            last_at=self.first_at,
            payload=_payload(self._event),
        )

    def _before(self, state: PrinterState) -> PrinterSlots:
        """Return the slots before the event, with the present memory of the driver."""
        if self._memory is None:
            return state.slots
        return replace(state.slots, memory=self._memory)

    def _with_expected_identity(self) -> StandardEvent:
        """Return the event with the identity that was expected, if it takes one."""
        assert self._parsed is not None
        self.expectation = expected = self._printers.take(self._parsed)
        if expected is None:
            return self._parsed
        return _with_meta(self._parsed, "assigned", expected.assigned.as_meta())

    def _with_previous_slot(
        self, db: sqlite3.Connection, event: StandardEvent
    ) -> StandardEvent:
        """Return an insertion with where its spool was before, if that is known."""
        if event.event_type is not EventType.SPOOL_INSERTED:
            return event
        identifiers = event.identifiers
        if (assigned := (event.meta or {}).get("assigned")) is not None:
            identifiers = Identifiers(external_id=assigned["external_id"])
        if identifiers is None:
            return event
        previous = self._printers.rows.previous_slot(db, identifiers)
        if previous is None:
            return event
        return _with_meta(event, "previous_slot", previous)


class BufferedEvent(BufferedJob):
    """An event that was published unwritten and waits for the end of an outage."""

    def __init__(
        self,
        printers: Printers,
        event: StandardEvent,
        slots: PrinterSlots,
        rows: Sequence[Row],
    ) -> None:
        """Take the event as it was published, the slots after it and what it changed."""
        # A later ams_state repeats everything.
        super().__init__(
            event.printer_id, dispensable=event.event_type is EventType.AMS_STATE
        )
        self._printers = printers
        self._event = event
        self._slots = slots
        self._rows = rows

    @override
    def run(self, db: sqlite3.Connection) -> None:
        """Write it, unless a commit that was reported as failed did."""
        event, record = self._event, self._printers.rows.record
        assert event.event_id is not None
        history = _history_in(self._rows)
        rows: Sequence[Row] = self._rows
        if is_known(db, event.event_id):
            rows = [row for row in rows if row is not history]
        elif history is not None:
            self._printers.hold(db, history)
        state = self._printers.states[event.printer_id]
        if state.stale:
            # Rows of events between are missing: the slots are written as they are now,
            # and of each event only its row of history.
            record(db, event.printer_id, state.slots, whole_state(state.slots))
            rows = [row for row in rows if row is history]
        record(db, event.printer_id, self._slots, rows)
        if not _is_new(history):
            remember(db, [event.event_id])

    @override
    def again(self) -> StoredEvent | None:
        if (row := _history_in(self._rows)) is None:
            return None
        rows, event = self._printers.rows, standard_event(row.event)
        return StoredEvent(rows, event, row, self._slots.sequence)

    @override
    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep it with the failed events."""
        self.drop()
        if db is not None:
            keep_failed_event(
                db, self._event, self._rows, self._slots.sequence, failure
            )

    @override
    def drop(self) -> None:
        """Let all slots be written with the next event, as this change never will be."""
        printer_id = self._event.printer_id
        state = self._printers.states[printer_id]
        self._printers.update(printer_id, replace(state, stale=True))


def _is_snapshot(event: object) -> bool:
    return isinstance(event, Mapping) and event.get("event_type") == EventType.AMS_STATE


def _own(event: StandardEvent) -> StandardEvent:
    """Return the event with an id, without what is set by the core alone."""
    meta = event.meta or {}
    if event.event_id is not None and _CORE_META.isdisjoint(meta):
        return event
    kept = {key: value for key, value in meta.items() if key not in _CORE_META}
    event_id = event.event_id or ulid_now()
    return event.model_copy(update={"event_id": event_id, "meta": kept})


def _history_in(rows: Sequence[Row]) -> EventRow | None:
    return next((row for row in rows if isinstance(row, EventRow)), None)


def _whole(slots: PrinterSlots, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows of the whole state, and the row of history."""
    history = _history_in(rows)
    return (*whole_state(slots), *([history] if history else ()))


def _is_new(history: EventRow | None) -> bool:
    """Return whether the entry of history has the id of the event itself."""
    return history is not None and history.moves is None


def _with_meta(event: StandardEvent, key: str, value: object) -> StandardEvent:
    return event.model_copy(update={"meta": {**(event.meta or {}), key: value}})


def _payload(event: object) -> str:
    """Return an event that was not validated as JSON."""
    try:
        text = json.dumps(event, default=repr)
    except ValueError, TypeError, RecursionError:
        return '{"unreadable": true}'
    return text if len(text) <= _MAX_PAYLOAD else '{"truncated": true}'
