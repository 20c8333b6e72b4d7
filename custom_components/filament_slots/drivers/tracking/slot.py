"""One tracked slot: its confirmed state, and the changes that are not confirmed yet.

All rules about a single slot are here (docs/architecture.md, "Tracker rules"). A slot
reads no clock: its methods take the current time, and decide() returns when to call
it again.
"""

from dataclasses import replace

from ...model import NO_IDENTIFIERS, EventType, Filament, Identifiers, StoredSlot
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .identity import read_from_tag, same_tag, with_assigned_id
from .runout import Runout
from .tag_reads import TagReads
from .types import Gap, PendingChange, PossibleSwap, SlotChange, Timestamp, UnitActivity


class TrackedSlot:
    """The confirmed state of one slot, and its pending changes.

    The public attributes are confirmed: `present` (None: not known yet),
    `identifiers`, `filament`, `active`, `label`. `gap` is set while the slot is not
    observed and until the first report after that has been compared.
    """

    def __init__(self, timings: Timings, gap: Gap | None) -> None:
        """Create a slot of which nothing is known."""
        self._timings = timings
        self.label: str | None = None
        self.has_sensor = True
        self.identifiable = True
        self.present: bool | None = None
        self.identifiers = NO_IDENTIFIERS
        self.filament: Filament | None = None
        self.active: bool | None = None
        self.gap = gap
        self._reported: Slot | None = None
        self._reads = TagReads(timings)
        self._runout = Runout()
        self._inlet_since: Timestamp | None = None
        self._pending_insertion: PendingChange | None = None
        self._pending_removal: PendingChange | None = None
        self._possible_swap: PossibleSwap | None = None
        self._pending_identity: tuple[Identifiers, Timestamp] | None = None
        self._pending_unknown = False
        self._last_insertion: PendingChange | None = None

    def restore(self, stored: StoredSlot) -> None:
        """Start from the state in the store."""
        self.label = stored.label
        self.identifiable = stored.identifiable
        self.present = stored.present
        self.identifiers = stored.identifiers
        self.filament = stored.filament
        self.active = stored.active
        self._pending_unknown = (
            bool(stored.present)
            and not stored.identifiers.known
            and stored.inserted_at is not None
            and not stored.unknown_reported
        )

    def suspend(self, gap: Gap) -> None:
        """Discard all pending changes: the slot is not observed from now on.

        The first gap counts, also that of a removal which was found after it and is
        still pending. One gap in which the unit dried makes the whole gap a drying
        one, as the filament is still retracted.
        """
        removal = self._pending_removal
        first = self.gap or (removal.gap if removal else None) or gap
        self.gap = replace(first, drying=first.drying or gap.drying)
        self._reads.suspend(
            self._reported, possibly_swapped=self._possible_swap is not None
        )
        self._reported = None
        self._inlet_since = None
        self._pending_insertion = None
        self._pending_removal = None
        self._possible_swap = None
        self._pending_identity = None

    def observe(self, slot: Slot, unit: UnitActivity, now: Timestamp) -> None:
        """Take in what the printer reports about the slot."""
        before, self._reported = self._reported, slot
        self.label = slot.label
        self.active = slot.active
        self.has_sensor = slot.has_sensor
        self.identifiable = slot.identifiable
        if not slot.has_sensor:
            self.identifiers = slot.identifiers
            self.filament = slot.filament
            return
        self._reads.observe(before, slot, now)
        self._runout.observe(before, slot, unit)
        present, since = self._presence(slot, now)
        if present is None:
            self._pending_removal = None
            self._discard_unsettled_insertion(since)
        elif unit.drying and not self._counts_while_drying(present):
            pass
        elif self.gap is not None:
            self._reconcile(slot, present, since)
        elif present:
            self._observe_present(since)
        else:
            self._observe_absent(slot, since)

    def decide(
        self, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Confirm the pending changes that have held long enough.

        Returns the confirmed changes, and at which monotonic second to call this
        again (NEVER: not before the next report).
        """
        slot = self._reported
        if slot is None or not self.has_sensor:
            return [], NEVER
        if slot.present is None and slot.inlet and self._inlet_since:
            settled = self._inlet_since.monotonic + self._timings.inlet_settle
            if now.monotonic < settled:
                return [], settled
            self.observe(slot, unit, now)
        if self._pending_removal is not None:
            return self._decide_removal(self._pending_removal, unit, now)
        if self._pending_insertion is not None:
            return self._decide_insertion(self._pending_insertion, slot, unit, now)
        if not self.present or self.gap is not None:
            return [], NEVER
        changes, due = self._decide_identity(slot, unit, now)
        self._update_filament(slot)
        unknown, unknown_due = self._decide_unknown(slot, unit, now)
        return changes + unknown, min(due, unknown_due)

    # What the printer reports.

    def _presence(self, slot: Slot, now: Timestamp) -> tuple[bool | None, Timestamp]:
        """Return presence and since when; an inlet that holds counts as present."""
        if slot.present is not None or not slot.inlet:
            self._inlet_since = None
            return slot.present, now
        if self._inlet_since is None:
            self._inlet_since = now
        # The same sum as in decide(): a difference could round to just below it.
        if now.monotonic < self._inlet_since.monotonic + self._timings.inlet_settle:
            return None, now
        return True, self._inlet_since

    def _counts_while_drying(self, present: bool) -> bool:
        """Presence counts while drying, but is not compared with before a gap."""
        return present and (self.gap is None or self.present is None)

    def _reconcile(self, slot: Slot, present: bool, now: Timestamp) -> None:
        """Compare the first report after a gap with the last confirmed state."""
        gap, self.gap = self.gap, None
        if self.present is None:
            self.present = present
            self._reads.departed = NO_IDENTIFIERS if present else slot.identifiers
            if present:
                self.identifiers = slot.identifiers
                self.filament = slot.filament
        elif present and self.present:
            self._reads.departed = self.identifiers
            if self.identifiers.known:
                self._possible_swap = PossibleSwap(gap=gap)
        elif present:
            self._pending_insertion = PendingChange(time=now, gap=gap)
        elif self.present:
            self._reads.departed = slot.identifiers
            self._pending_removal = PendingChange(time=now, gap=gap)

    def _observe_present(self, now: Timestamp) -> None:
        removal, self._pending_removal = self._pending_removal, None
        if removal is not None:
            if self.present and self.identifiers.known:
                swap = self._possible_swap
                self._possible_swap = PossibleSwap(
                    gap=removal.gap or (swap.gap if swap else None),
                    removed_at=removal.time,
                    inserted_at=now,
                )
        elif not self.present and self._pending_insertion is None:
            self._pending_insertion = PendingChange(time=now, gap=None)

    def _observe_absent(self, slot: Slot, now: Timestamp) -> None:
        self._reads.departed = slot.identifiers
        self._pending_identity = None
        if self._discard_unsettled_insertion(now):
            return
        present = self.present or self._pending_insertion is not None
        if present and self._pending_removal is None:
            self._pending_removal = PendingChange(
                time=now, gap=None, runout=self._runout.explains_absence
            )

    def _discard_unsettled_insertion(self, now: Timestamp) -> bool:
        """Discard a pending insertion that has not settled; return whether it was."""
        insertion = self._pending_insertion
        if insertion is None or now.monotonic >= self._settled_at(insertion):
            return False
        self._pending_insertion = None
        return True

    def _settled_at(self, insertion: PendingChange) -> float:
        return insertion.time.monotonic + self._timings.insert_settle

    # Removals and insertions.

    def _decide_removal(
        self, removal: PendingChange, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        due = removal.time.monotonic + self._timings.removal_confirm
        if removal.gap is not None and removal.gap.drying:
            due = (
                max(removal.time.monotonic, unit.still_since)
                + self._timings.still_after_drying
            )
        if now.monotonic < due:
            return [], due
        changes = []
        if self._pending_insertion is not None:
            # It settled, and was removed while its identity was still awaited.
            changes.append(self._insert(self._pending_insertion, NO_IDENTIFIERS, None))
        changes.append(
            SlotChange(
                event_type=EventType.SPOOL_REMOVED,
                time=removal.time,
                identifiers=self.identifiers,
                gap=removal.gap,
                filament=self.filament,
                reason="runout" if removal.runout or self._runout.reported else None,
            )
        )
        self.present = False
        self.identifiers = NO_IDENTIFIERS
        self.filament = None
        self._pending_removal = None
        self._possible_swap = None
        return changes, NEVER

    def _decide_insertion(
        self, insertion: PendingChange, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        settled_at = self._settled_at(insertion)
        if now.monotonic < settled_at:
            return [], settled_at
        departed = self._reads.names_departed(slot)
        identifiers = NO_IDENTIFIERS if departed else slot.identifiers
        if not identifiers.known:
            deadline = self._reads.deadline(insertion, slot, unit, now)
            if now.monotonic < deadline:
                return [], deadline
        filament = None if departed else slot.filament
        changes = [self._insert(insertion, identifiers, filament)]
        unknown, due = self._decide_unknown(slot, unit, now)
        if unit.drying:
            # Its filament is retracted next, as that of all others was.
            self.gap = Gap(since=now.at, drying=True)
        return changes + unknown, due

    def _insert(
        self,
        insertion: PendingChange,
        identifiers: Identifiers,
        filament: Filament | None,
    ) -> SlotChange:
        self.present = True
        self.identifiers = identifiers
        self.filament = filament
        self._pending_insertion = None
        self._possible_swap = None
        self._last_insertion = insertion
        self._runout.reported = False
        self._pending_unknown = not identifiers.known
        return SlotChange(
            event_type=EventType.SPOOL_INSERTED,
            time=insertion.time,
            identifiers=identifiers,
            gap=insertion.gap,
            filament=filament,
        )

    # The identity of a spool that is present.

    def _decide_identity(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Accept the reported identity, keep the confirmed one, or confirm a swap."""
        if self._reads.names_departed(slot):
            return [], NEVER
        reported = slot.identifiers
        confirmed = self.identifiers = with_assigned_id(self.identifiers, slot)
        if not slot.reads_tags or not read_from_tag(confirmed, slot).known:
            self._accept_identity(reported)
            return [], NEVER
        if not read_from_tag(reported, slot).known:
            self._pending_identity = None
            return self._decide_lost_identity(slot, unit, now)
        if same_tag(reported, confirmed, slot):
            if reported.external_id is None:  # the chip alone does not clear the id
                reported = reported.model_copy(
                    update={"external_id": confirmed.external_id}
                )
            self._accept_identity(reported)
            return [], NEVER
        return self._decide_other_identity(reported, slot, now)

    def _accept_identity(self, reported: Identifiers) -> None:
        self.identifiers = reported
        self._pending_identity = None
        self._possible_swap = None
        if reported.known:
            self._pending_unknown = False

    def _decide_lost_identity(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Keep the identity, unless a possibly swapped spool was read without a tag."""
        swap, ended = self._possible_swap, self._reads.ended
        if swap is None or slot.reading or ended is None or not unit.reading_enabled:
            return [], NEVER
        due = ended.monotonic + self._timings.identity_settle
        if now.monotonic < due:
            return [], due
        return self._swap(NO_IDENTIFIERS, slot, swap, ended), NEVER

    def _decide_other_identity(
        self, reported: Identifiers, slot: Slot, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Confirm another tag when it holds, sooner after a short absence."""
        pending = self._pending_identity
        if pending is None or not same_tag(reported, pending[0], slot):
            pending = self._pending_identity = (reported, now)
        since = pending[1]
        swap = self._possible_swap or PossibleSwap(gap=None)
        due = since.monotonic + (
            self._timings.insert_settle
            if swap.inserted_at is not None
            else self._timings.identity_settle
        )
        if now.monotonic < due:
            return [], due
        return self._swap(reported, slot, swap, since), NEVER

    def _swap(
        self, identifiers: Identifiers, slot: Slot, swap: PossibleSwap, since: Timestamp
    ) -> list[SlotChange]:
        """Report a spool exchanged for another one without a confirmed absence."""
        removed = SlotChange(
            event_type=EventType.SPOOL_REMOVED,
            time=swap.removed_at or since,
            identifiers=self.identifiers,
            gap=swap.gap,
            filament=self.filament,
        )
        self._pending_identity = None
        insertion = PendingChange(time=swap.inserted_at or since, gap=swap.gap)
        return [removed, self._insert(insertion, identifiers, slot.filament)]

    def _update_filament(self, slot: Slot) -> None:
        """Accept the filament data, unless an unfinished read left it blank."""
        if self._pending_identity is not None:
            return
        kept = self.identifiers.known and not slot.identifiers.known
        unread = slot.reads_tags and (slot.reading or slot.read_done is False)
        if slot.filament is None and (kept or unread):
            return
        self.filament = slot.filament

    def _decide_unknown(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Report once per insertion that the spool cannot be identified."""
        if not self._pending_unknown or not slot.identifiable or unit.feeding:
            return [], NEVER
        time, insertion = now, self._last_insertion
        if unit.reading_enabled and self._reads.readable(slot):
            ended, ask_again = self._reads.ended_without_tag(slot, now)
            if ended and self._reads.ended:
                time = self._reads.ended
            else:
                began = insertion.time.monotonic if insertion else unit.idle_since
                due = max(began, unit.idle_since) + self._timings.unknown_after_idle
                if now.monotonic < due:
                    return [], min(due, ask_again)
        self._pending_unknown = False
        if insertion is not None:
            # Part of the insertion's message; its tag may be read before it settles.
            time = replace(insertion.time, at=max(time.at, insertion.time.at))
        return [
            SlotChange(
                event_type=EventType.UNKNOWN_SPOOL_DETECTED,
                time=time,
                identifiers=NO_IDENTIFIERS,
                gap=insertion.gap if insertion else None,
                filament=self.filament,
            )
        ], NEVER
