"""An identity that a user assigns to a slot: written and published like an event."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
import sqlite3
from typing import Any, override

from ulid_transform import ulid_now

from ..model import AmsStateEvent, SlotState, StoredSlot
from .engine.jobs import Failure, Job
from .expectations import Assigned
from .printer_state import Printers
from .slot_changes import about_slot
from .slot_state import EventRow, PrinterSlots, SlotKey, spool_in
from .tables.codec import standard_event
from .tables.printers import put_progress, whole_state
from .tables.row_writer import is_known
from .tables.stored_event import StoredEvent


class Refused(StrEnum):
    """Why an identity cannot be assigned."""

    SLOT_EMPTY = "slot_empty"
    SLOT_IDENTIFIED = "slot_identified"


class AssignmentRefusedError(Exception):
    """The slot has no spool that could take an identity, for the reason given."""

    def __init__(self, reason: Refused) -> None:
        """Take the reason."""
        super().__init__(str(reason))
        self.reason = reason


class Assignment(Job):
    """An identity for the spool in a slot, or its removal, to be written.

    event, slots: an `ams_state` that names the slot and its filament, and carries
    `meta.assigned` (`{external_id, label}`, null when it was taken back) and
    `meta.previously_assigned`, the same of before; and the slots after it. Once it is
    finished; no event where nothing changed.
    error: why nothing was assigned.
    """

    def __init__(
        self,
        printers: Printers,
        printer_id: int,
        slot: SlotKey,
        assigned: Assigned | None,
        finished: Callable[[Assignment], None],
    ) -> None:
        """Create the job; `finished` is called with it on the event loop."""
        # It keeps its place among the events of the printer.
        super().__init__(printer_id)
        self._printers = printers
        self._printer_id = printer_id
        self._slot = slot
        self._assigned = assigned
        self._finished = finished
        self._at = datetime.now(UTC)
        self._id = ulid_now()
        self.slots = PrinterSlots()
        self.event: dict[str, Any] | None = None
        self.error: Exception | None = None
        self._history: EventRow | None = None

    @override
    def run(self, db: sqlite3.Connection) -> None:
        """Write it, if the slot as it is now has a spool that can take it."""
        self.event = self.error = self._history = None
        known = self._printers.states[self._printer_id]
        slot = known.slots.slots.get(self._slot)
        if slot is None:
            self.error = KeyError(self._slot)
            return
        if self._assigned is not None and (reason := _refusal(slot)):
            self.error = AssignmentRefusedError(reason)
            return
        after = _with(slot, self._assigned)
        if after == slot:
            return
        after = replace(after, updated_at=self._at)
        self.slots = slots = replace(
            known.slots,
            slots={**known.slots.slots, self._slot: after},
            sequence=known.slots.sequence + 1,
        )
        event = self._event_about(slot)
        # What was taken back is about the spool that the slot had.
        spool = spool_in(after if self._assigned else slot)
        self._history = history = EventRow(event, {self._slot: spool})
        # A commit that was reported as failed may have worked nevertheless.
        if not is_known(db, self._id):
            # All slots, as the file may be behind; users do not do this often.
            rows = (*whole_state(slots), history)
            self._printers.rows.record(db, self._printer_id, slots, rows)
            # The printer itself was not seen: `last_seen` stays.
            put_progress(db, self._printer_id, slots)
        self._printers.update(self._printer_id, replace(known, slots=slots))
        self.event = standard_event(event)

    @override
    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep the error for the caller: what is not stored is not assigned."""
        self.event, self.error = None, failure.error
        # A commit that was reported as failed may have worked nevertheless.
        known = self._printers.states[self._printer_id]
        self._printers.update(self._printer_id, replace(known, stale=True))

    @override
    def again(self) -> StoredEvent | None:
        if self.event is None or self._history is None:
            return None
        rows, sequence = self._printers.rows, self.slots.sequence
        return StoredEvent(rows, self.event, self._history, sequence)

    @override
    def finish(self) -> None:
        self._finished(self)

    def _event_about(self, slot: StoredSlot) -> AmsStateEvent:
        filament = {} if slot.filament is None else {"filament": slot.filament}
        return about_slot(
            slot,
            SlotState(slot_no=slot.slot_no, label=slot.label, **filament),
            event_at=self._at,
            printer_id=self._printer_id,
            event_id=self._id,
            meta={
                "assigned": self._assigned and self._assigned.as_meta(),
                "previously_assigned": _assigned_to(slot),
            },
        )


def _refusal(slot: StoredSlot) -> Refused | None:
    """Return why a slot takes no identity.

    Without a sensor only the user knows whether it is empty.
    """
    if slot.present is False:
        return Refused.SLOT_EMPTY
    return Refused.SLOT_IDENTIFIED if slot.identifiers.known else None


def _assigned_to(slot: StoredSlot) -> dict[str, str | None] | None:
    if slot.assigned_external_id is None:
        return None
    return {"external_id": slot.assigned_external_id, "label": slot.assigned_label}


def _with(slot: StoredSlot, assigned: Assigned | None) -> StoredSlot:
    return replace(
        slot,
        assigned_external_id=assigned.external_id if assigned else None,
        assigned_label=assigned.label if assigned else None,
    )
