"""One tracked slot: what is confirmed about it, and when a change is decided.

All rules about a single slot are in it, in its presence and in its spool
(docs/architecture.md, "Tracker rules"). They read no clock: their methods take the
current time, and `due` is when to call decide() again.
"""

from datetime import datetime

from ...model import StoredSlot
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .presence import Presence
from .spool import TrackedSpool
from .types import Gap, SlotChange, Timestamp, UnitActivity


class TrackedSlot:
    """The confirmed state of one slot, and its pending changes.

    `label` and `active` are as last reported, `reported` is all of the last report
    (None while the slot is not observed), at `reported_at`.
    due: when the next pending change is decided, in monotonic seconds; NEVER: not
    before the next report.
    """

    def __init__(self, timings: Timings, gap: Gap) -> None:
        """Create a slot of which nothing is known; `gap`: not observed until now."""
        self.label: str | None = None
        self.has_sensor = True
        self.identifiable = True
        self.active: bool | None = None
        self.spool = TrackedSpool(timings)
        self.presence = Presence(timings, gap, self.spool)
        self.reported: Slot | None = None
        self.reported_at: datetime | None = None
        self.due = NEVER
        self._contradicted = False

    def restore(self, stored: StoredSlot) -> None:
        """Start from the state in the store."""
        self.label = stored.label
        self.identifiable = stored.identifiable
        self.active = stored.active
        self.presence.confirmed = stored.present
        self.spool.restore(stored)

    def suspend(self, gap: Gap) -> None:
        """Discard all pending changes: the slot is not observed from now on."""
        self.due = NEVER
        self.presence.suspend(gap)
        self.spool.suspend(self.reported)
        self.reported = None

    def observe(self, slot: Slot, unit: UnitActivity, now: Timestamp) -> None:
        """Take in what the printer reports about the slot.

        A polled one changed at some time since the last report, and a change counts
        once the next report is equal.
        """
        self._contradicted = unit.polled and self._is_contradicted_by(slot)
        if self._contradicted:
            self.suspend(Gap(since=self.reported_at))
        before, self.reported, self.reported_at = self.reported, slot, now.at
        self.label = slot.label
        self.active = slot.active
        self.has_sensor = slot.has_sensor
        self.identifiable = slot.identifiable
        if not slot.has_sensor:
            self.spool.identifiers = slot.identifiers
            self.spool.filament = slot.filament
            return
        self.spool.observe(before, slot, unit, now)
        self.presence.observe(slot, unit, now)

    def _is_contradicted_by(self, slot: Slot) -> bool:
        """Whether a report differs from the last one in what decides about the spool."""
        return self.reported is not None and self.reported.decisive != slot.decisive

    def decide(self, unit: UnitActivity, now: Timestamp) -> list[SlotChange]:
        """Confirm the pending changes that have held long enough, and set `due`."""
        changes, self.due = self._decide(unit, now)
        return changes

    def _decide(
        self, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        slot = self.reported
        if slot is None or not self.has_sensor:
            return [], NEVER
        if self._contradicted:
            return [], now.monotonic
        changes, due = self.presence.decide(slot, unit, now)
        if changes or due < NEVER:
            return changes, due
        if not self.presence.confirmed or self.presence.gap is not None:
            return [], NEVER
        return self.spool.decide(slot, unit, now)
