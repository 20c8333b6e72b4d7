"""One event on its way through the writer: what becomes of it."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
import json
import logging
import sqlite3
from typing import Any

from ulid_transform import ulid_now

from ..events import EventType, StandardEvent
from . import records
from .ams_slots import EventRow, PrinterSlots, apply
from .store import Failure

_LOGGER = logging.getLogger(__name__)

# Only the core may say these.
_CORE_META = frozenset({"persisted", "replay", "previous_slot"})

MAX_SILENT = 200
_MAX_PAYLOAD = 64 * 1024


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Known:
    """What the writer knows of a printer, ahead of what has been told.

    silent: ids of events that changed nothing and are not on disk. They go there
    with the next change: until then the events would change nothing again.
    """

    slots: PrinterSlots
    silent: tuple[str, ...] = ()


@dataclass(slots=True)
class Ledger:
    """One printer as the writer thread knows it; nobody else changes it."""

    printer_id: int
    known: Known


class Recording:
    """A valid event, to be worked into its printer's slots and written.

    outcome, event, slots: what became of it, the event as it is to be told and the
    slots after it; once it is finished.
    """

    def __init__(
        self,
        ledger: Ledger,
        recorder: records.Recorder,
        event: StandardEvent,
        finished: Callable[[Recording], None],
    ) -> None:
        """Take the event; what only the core may say is taken out of it."""
        meta = {
            key: value
            for key, value in (event.meta or {}).items()
            if key not in _CORE_META
        }
        self.outcome = Outcome.UNCHANGED
        self._id = event.event_id or ulid_now()
        self._said = event.model_copy(update={"event_id": self._id, "meta": meta})
        self._event = self._said
        self._ledger = ledger
        self._recorder = recorder
        self._before = ledger.known
        self._finished = finished
        self.slots = ledger.known.slots

    @property
    def lane(self) -> Hashable:
        """The events of one printer keep their order."""
        return self._ledger.printer_id

    @property
    def event(self) -> dict[str, Any]:
        """The event as everybody gets it."""
        return records.standard_event(self._event)

    def run(self, db: sqlite3.Connection) -> None:
        """Write what the event changes."""
        self._before = known = self._ledger.known
        self._event = event = self._said
        self.slots = known.slots
        if self._id in known.silent or records.is_known(db, self._id):
            self.outcome = Outcome.DUPLICATE
            return
        if event.event_type is EventType.SPOOL_INSERTED and event.identifiers:
            previous = self._recorder.previous_slot(db, event.identifiers)
            if previous is not None:
                self._event = event = _with_meta(event, "previous_slot", previous)
        self.slots, rows = apply(known.slots, event)
        if rows:
            self.outcome = Outcome.STORED
            self._recorder.record(db, event.printer_id, self.slots, rows)
        else:
            self.outcome = Outcome.UNCHANGED
        silent = known.silent
        if not any(isinstance(row, EventRow) for row in rows):
            silent = (*silent, self._id)
        if silent and (rows or len(silent) > MAX_SILENT):
            records.remember(db, silent)
            silent = ()
        self._ledger.known = Known(self.slots, silent)

    def undo(self) -> None:
        """Go back to what was known before the last run."""
        self._ledger.known = self._before
        self._recorder.forget()

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Let the slots follow all the same, and keep the event with the failed ones."""
        self.outcome = Outcome.FAILED
        self._event = _with_meta(self._said, "persisted", False)
        known = self._ledger.known
        try:
            self.slots, _ = apply(known.slots, self._said)
        except Exception:
            _LOGGER.exception("An event could not be worked in")
            self.slots = known.slots
        self._ledger.known = Known(self.slots, known.silent)
        if db is not None:
            records.put_failed_event(
                db,
                printer_id=self._said.printer_id,
                outcome=self.outcome,
                reason=f"{type(failure.error).__name__}: {failure.error}",
                attempts=failure.attempts,
                first_at=failure.first_at,
                last_at=failure.last_at,
                payload=records.pack_json(records.standard_event(self._said)),
            )

    def finish(self) -> None:
        """Say that it is over."""
        self._finished(self)


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

    def run(self, db: sqlite3.Connection) -> None:
        """Write it down."""
        records.put_failed_event(
            db,
            printer_id=self._printer_id,
            outcome=self.outcome,
            reason=self._reason,
            attempts=1,
            first_at=self._at,
            last_at=self._at,
            payload=_payload(self._event),
        )

    def undo(self) -> None:
        """Nothing is held in memory."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Say so: it is refused all the same."""
        _LOGGER.debug("A refused event could not be stored: %s", failure.error)

    def finish(self) -> None:
        """Say that it is over."""
        self._finished(self)


def _with_meta(event: StandardEvent, key: str, value: object) -> StandardEvent:
    return event.model_copy(update={"meta": {**(event.meta or {}), key: value}})


def _payload(event: object) -> str:
    """Return an event as JSON that nobody has checked."""
    try:
        text = json.dumps(event, default=repr)
    except ValueError, TypeError, RecursionError:
        return '{"unreadable": true}'
    return text if len(text) <= _MAX_PAYLOAD else '{"truncated": true}'
