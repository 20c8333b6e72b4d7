"""A person says who is in a slot: written and told like an event of the printer."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
import sqlite3
from typing import Any

from ulid_transform import ulid_now

from ..model import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    EventType,
    SlotState,
    StoredSlot,
    UnitState,
)
from .engine.jobs import Failure
from .expectations import Assigned
from .printer_state import Known, Ledger
from .slot_state import EventRow, PrinterSlots, SlotKey
from .tables.codec import standard_event
from .tables.printers import put_progress
from .tables.row_writer import Recorder, whole_state
from .tables.seen_events import is_known


class Refused(StrEnum):
    """Why an identity cannot be assigned."""

    SLOT_EMPTY = "slot_empty"
    SLOT_IDENTIFIED = "slot_identified"


class AssignmentRefusedError(Exception):
    """The slot has no spool that could take an identity; `reason` says why."""

    def __init__(self, reason: Refused) -> None:
        """Say why."""
        super().__init__(str(reason))
        self.reason = reason


class Assignment:
    """An identity for the spool in a slot, or none any more, to be written.

    event, slots: an `ams_state` that names the slot and carries `meta.assigned`
    (`{external_id, label}`, null when it was taken back), and the slots after it; once
    it is finished. No event where nothing changed.
    error: why it came to nothing.
    """

    # A person waits for the answer.
    urgent = True

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        slot: SlotKey,
        assigned: Assigned | None,
        finished: Callable[[Assignment], None],
    ) -> None:
        """Take what is to be said of a slot."""
        self._ledger = ledger
        self._recorder = recorder
        self._key = slot
        self._assigned = assigned
        self._finished = finished
        self._at = datetime.now(UTC)
        self._id = ulid_now()
        self._before = ledger.known
        self.slots: PrinterSlots = ledger.known.slots
        self.event: dict[str, Any] | None = None
        self.error: Exception | None = None

    @property
    def lane(self) -> Hashable:
        """It keeps its place among the events of the printer."""
        return self._ledger.printer_id

    def run(self, db: sqlite3.Connection) -> None:
        """Write it, if the slot as it is now has a spool that can take it."""
        self._forget_result()
        self._before = known = self._ledger.known
        slot = known.slots.slots.get(self._key)
        if slot is None:
            self.error = KeyError(self._key)
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
            slots={**known.slots.slots, self._key: after},
            sequence=known.slots.sequence + 1,
        )
        event = self._event_about(after)
        spool = self._assigned.identifiers if self._assigned else NO_IDENTIFIERS
        printer_id = self._ledger.printer_id
        history = EventRow(event, {self._key: spool})
        # A commit that was reported as failed may have worked all the same.
        if not is_known(db, self._id):
            # All slots, as the file may be behind; a person does not do this often.
            rows = (*whole_state(slots), history)
            self._recorder.record(db, printer_id, slots, rows)
            # A person spoke, and not the printer: it was last seen when it was.
            put_progress(db, printer_id, slots)
        self._ledger.known = Known(slots, known.silent)
        self.event = standard_event(event)

    def complete(self, db: sqlite3.Connection) -> None:
        """Write what is in the slots now."""
        self._recorder.flush(db)

    def undo(self) -> None:
        """Go back to what was known before the last run."""
        self._ledger.known = self._before
        self._recorder.roll_back()
        self._forget_result()

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep the error for whoever asked: what is not stored is not assigned."""
        self.error = failure.error
        # A commit that was reported as failed may have worked all the same.
        self._ledger.stale = True

    def finish(self) -> None:
        """Say that it is over."""
        self._finished(self)

    def _forget_result(self) -> None:
        self.slots = self._ledger.known.slots
        self.event = None
        self.error = None

    def _event_about(self, slot: StoredSlot) -> AmsStateEvent:
        state = SlotState(slot_no=slot.slot_no, label=slot.label)
        pictures: dict[str, Any] = {"direct_slots": (state,)}
        if (unit := slot.unit) is not None:
            pictures = {
                "ams_units": (
                    UnitState(
                        ams_unit_no=unit.ams_unit_no,
                        slots_total=unit.slots_total,
                        serial=unit.serial,
                        model=unit.model,
                        label=unit.label,
                        slots=(state,),
                    ),
                )
            }
        return AmsStateEvent(
            event_type=EventType.AMS_STATE,
            event_at=self._at,
            printer_id=self._ledger.printer_id,
            event_id=self._id,
            meta={"assigned": self._assigned and self._assigned.as_meta()},
            **pictures,
        )


def _refusal(slot: StoredSlot) -> Refused | None:
    """Return why a slot takes no identity.

    Where nothing watches a slot, nobody but the person knows whether it is empty.
    """
    if slot.present is False:
        return Refused.SLOT_EMPTY
    return Refused.SLOT_IDENTIFIED if slot.identifiers.known else None


def _with(slot: StoredSlot, assigned: Assigned | None) -> StoredSlot:
    return replace(
        slot,
        assigned_external_id=assigned.external_id if assigned else None,
        assigned_label=assigned.label if assigned else None,
    )
