"""Whether a spool is in a slot: insertions and removals that are not confirmed yet."""

from dataclasses import replace

from ..snapshot import Slot
from ..timings import NEVER, Timings
from .spool import TrackedSpool
from .types import Gap, PendingChange, SlotChange, Timestamp, UnitActivity


class Presence:
    """The confirmed presence in one slot, and its pending changes.

    confirmed: None while it is not known.
    gap: set while the slot is not observed and until the first report after that has
    been compared.
    insertion, removal: pending. inlet_since: since when only the inlet detects filament.
    """

    def __init__(self, timings: Timings, gap: Gap, spool: TrackedSpool) -> None:
        """Create it unknown; `spool` is the one that is or is not present."""
        self._timings = timings
        self._spool = spool
        self.confirmed: bool | None = None
        self.gap: Gap | None = gap
        self.inlet_since: Timestamp | None = None
        self.insertion: PendingChange | None = None
        self.removal: PendingChange | None = None
        # The last one that was too short for a removal, and when it ended.
        self._absence: tuple[PendingChange, Timestamp] | None = None
        # The gap of an insertion that was discarded, or of a spool seen at the inlet, and
        # until when it counts (monotonic); NEVER: until the slot is compared.
        self._discarded: tuple[Gap | None, float] = None, -NEVER

    @property
    def pulled_back(self) -> bool:
        """Whether its filament may be pulled back, although its spool is there."""
        gap = self.removal.gap if self.removal else self.gap
        return bool(self.confirmed) and gap is not None and gap.drying

    def suspend(self, gap: Gap) -> None:
        """Discard all pending changes: the slot is not observed from now on.

        The first gap counts, also that of a change which was found after it and is
        still pending. One gap in which the unit dried makes the whole gap a drying
        one, as the filament is still retracted.
        """
        pending = self.removal or self.insertion
        first = self.gap or (pending.gap if pending else None) or gap
        if self.gap is None:
            self._discarded = first, NEVER if self.insertion else -NEVER
        self.gap = replace(first, drying=first.drying or gap.drying)
        self.inlet_since = None
        self.insertion = None
        self.removal = None

    def observe(self, slot: Slot, unit: UnitActivity, now: Timestamp) -> None:
        """Take in what the printer reports about the slot."""
        at_inlet = self.inlet_since is not None
        present, since = self._reported(slot, now)
        if present is None:
            self._await_presence(since)
        elif self.gap is not None:
            if at_inlet:
                self._discarded = self.gap, NEVER
            self._observe_after_gap(self.gap, slot, present, unit, since)
        elif present:
            self._observe_present(since)
        else:
            self._observe_absent(slot, since)

    def decide(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Confirm what has held long enough; returns also when to decide again."""
        if slot.present is None and slot.inlet and self.inlet_since:
            settled = self.inlet_since.monotonic + self._timings.inlet_settle
            if now.monotonic < settled:
                return [], settled
            self.observe(slot, unit, now)
        if self.removal is not None:
            return self._decide_removal(self.removal, slot, unit, now)
        if self.insertion is not None:
            return self._decide_insertion(self.insertion, slot, unit, now)
        return [], NEVER

    # What the printer reports.

    def _reported(self, slot: Slot, now: Timestamp) -> tuple[bool | None, Timestamp]:
        """Return presence and since when; an inlet that holds counts as present."""
        if slot.present is not None or not slot.inlet:
            self.inlet_since = None
            return slot.present, now
        if self.inlet_since is None:
            self.inlet_since = now
        # The same sum as in decide(): a difference could round to just below it.
        if now.monotonic < self.inlet_since.monotonic + self._timings.inlet_settle:
            return None, now
        return True, self.inlet_since

    def _observe_after_gap(
        self, gap: Gap, slot: Slot, present: bool, unit: UnitActivity, now: Timestamp
    ) -> None:
        """Compare the first report after a gap with the last confirmed state.

        What is missing may be pulled back: as long as the unit dries it is not compared,
        and a unit that can dry may have done so in the gap.
        """
        there = self.confirmed or self.insertion is not None
        if unit.can_dry:
            gap = replace(gap, drying=True)
        if unit.drying and not present and (there or self.confirmed is None):
            self.gap = gap
            return
        self.gap = None
        if now.monotonic < self._discarded[1]:
            # Its switch may only be open for a moment now.
            self._discarded = gap, now.monotonic + self._timings.removal_confirm
        if self.confirmed is None:
            self.confirmed = present
            if present:
                self._spool.found(slot, now)
            else:
                self._spool.absent(slot)
        elif present and there:
            self._spool.present_after_gap(gap, now)
        elif present:
            self._arrive(PendingChange(time=now, gap=gap))
        else:
            self._spool.absent(slot)
            if there:
                self.removal = PendingChange(time=now, gap=gap)

    def _observe_present(self, now: Timestamp) -> None:
        removal, self.removal = self.removal, None
        if removal is not None:
            if self.confirmed:
                self._spool.present_after_absence(removal, now)
            self._absence = removal, now
        elif not self.confirmed and self.insertion is None:
            gap, until = self._discarded
            late = now.monotonic < until
            self._arrive(PendingChange(time=now, gap=gap if late else None))

    def _arrive(self, insertion: PendingChange) -> None:
        self.insertion = insertion
        self._absence = None
        self._spool.arrived()

    def _observe_absent(self, slot: Slot, now: Timestamp) -> None:
        self._spool.absent(slot)
        if self._discard_unsettled_insertion(now):
            return
        present = self.confirmed or self.insertion is not None
        if present and self.removal is None:
            self.removal = PendingChange(
                time=now, gap=None, runout=self._spool.absence_is_runout
            )

    def _await_presence(self, now: Timestamp) -> None:
        """Discard what is pending; what was found after a gap is compared again."""
        removal, self.removal = self.removal, None
        insertion = self.insertion
        if self._discard_unsettled_insertion(now) and insertion is not None:
            self.gap = self.gap or insertion.gap
        if removal is not None:
            self.gap = self.gap or removal.gap

    def _discard_unsettled_insertion(self, now: Timestamp) -> bool:
        """Discard a pending insertion that has not settled; return whether it was."""
        insertion = self.insertion
        if insertion is None or now.monotonic >= self.settled_at(insertion):
            return False
        self.insertion = None
        until = now.monotonic + self._timings.removal_confirm
        self._discarded = insertion.gap, until
        return True

    def settled_at(self, insertion: PendingChange) -> float:
        """Return when presence has lasted, in monotonic seconds."""
        return insertion.time.monotonic + self._timings.insert_settle

    # Removals and insertions.

    def _decide_removal(
        self, removal: PendingChange, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        if self.insertion is not None and self._spool.removed_named:
            # It settled and was identified, and does not wait for what becomes of it.
            return [self._insert_removed(self.insertion)], NEVER
        timings, since = self._timings, removal.time.monotonic
        settled = since + timings.removal_confirm
        ran_out = self._spool.ran_out(removal)
        # What was cleared well before the drying is no longer among `cleared_at`.
        dried = since in self._cleared_near(since, unit) and not ran_out
        if removal.gap is None and dried and not self._single(since, unit):
            gap = Gap(since=removal.time.at, drying=True)
            if unit.drying:
                # Another one that is filled again by then was not cleared.
                together = self._cleared_near(since, unit)
                if len(together) > 1:
                    due = max(together) + timings.removal_confirm
                    if now.monotonic < due:
                        return [], due
                self.gap, self.removal = gap, None
                return self.decide(slot, unit, now)
            removal = self.removal = replace(removal, gap=gap)
        due = settled
        if removal.gap is not None and removal.gap.drying:
            due = max(since, unit.still_since) + timings.still_after_drying
        elif dried and unit.drying_until > since:
            due = since + timings.clear_while_drying
        if now.monotonic < due:
            if self.insertion is None or due == settled:
                return [], due
            changes, insertion_due = self._decide_insertion(
                self.insertion, slot, unit, now
            )
            return changes, min(due, insertion_due)
        changes = []
        if self.insertion is not None:
            # It settled, and was removed while its identity was still awaited.
            changes.append(self._insert_removed(self.insertion))
        changes.append(self._spool.remove(removal))
        self.confirmed = False
        self.removal = None
        return changes, NEVER

    def _insert_removed(self, insertion: PendingChange) -> SlotChange:
        self.confirmed = True
        self.insertion = None
        return self._spool.insert_removed(insertion)

    def _cleared_near(self, since: float, unit: UnitActivity) -> list[float]:
        """Return when slots of the unit were cleared around that time, this one too.

        What is cleared after the drying is not pulled back, unless that is reported just
        after it ended (docs/protocols/bambu.md P19).
        """
        near = self._timings.clear_while_drying
        until = unit.drying_until + self._timings.insert_settle
        return [at for at in unit.cleared_at if abs(at - since) <= near and at <= until]

    def _single(self, since: float, unit: UnitActivity) -> bool:
        """Whether a slot was cleared alone: a unit pulls back all its filament."""
        alone = len(self._cleared_near(since, unit)) <= 1
        return unit.drying_watched and alone and unit.filled_since <= since

    def _decide_insertion(
        self, insertion: PendingChange, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        settled_at = self.settled_at(insertion)
        if now.monotonic < settled_at:
            return [], settled_at
        if self.removal is None and self._absence and self._spool.removed_named:
            # It was identified before it left, and another one may be there now.
            change = self._insert_removed(insertion)
            self._spool.present_after_absence(*self._absence)
            return [change], NEVER
        changes, due = self._spool.decide_insertion(insertion, slot, unit, now)
        if changes:
            self.confirmed = True
            self.insertion = None
        return changes, due
