"""The spool of one slot: which one it is, and what is not confirmed of that yet."""

from dataclasses import replace

from ...model import NO_IDENTIFIERS, EventType, Filament, Identifiers, StoredSlot
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .identity import read_from_tag, same_tag, with_assigned_id
from .runout import Runout
from .tag_reads import TagReads
from .types import Gap, PendingChange, PossibleSwap, SlotChange, Timestamp, UnitActivity


class TrackedSpool:
    """The confirmed identity of the spool in one slot, and its pending changes.

    `identifiers` and `filament` are confirmed; empty while no spool is present.
    possible_swap, pending_identity (another one, and since when), pending_unknown: pending.
    last_insertion: since the start.
    """

    def __init__(self, timings: Timings) -> None:
        """Create a spool of which nothing is known."""
        self._timings = timings
        self.identifiers = NO_IDENTIFIERS
        self.filament: Filament | None = None
        self.reads = TagReads(timings)
        self._runout = Runout()
        self._removed: tuple[Identifiers, Filament | None] = NO_IDENTIFIERS, None
        self._named_last: tuple[Identifiers, Filament | None] = NO_IDENTIFIERS, None
        self.possible_swap: PossibleSwap | None = None
        self.pending_identity: tuple[Identifiers, Timestamp] | None = None
        self.pending_unknown = False
        self.last_insertion: PendingChange | None = None

    def restore(self, stored: StoredSlot) -> None:
        """Start from the state in the store."""
        self.identifiers = stored.identifiers
        self.filament = stored.filament
        self.reads.departed = stored.departed
        self.pending_unknown = (
            bool(stored.present)
            and not stored.identifiers.known
            and stored.inserted_at is not None
            and not stored.unknown_reported
        )

    def suspend(self, reported: Slot | None) -> None:
        """Discard all pending changes: the slot is not observed from now on."""
        self.reads.suspend(reported, possibly_swapped=self.possible_swap is not None)
        self.possible_swap = None
        self.pending_identity = None

    def observe(
        self, before: Slot | None, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> None:
        """Take in what the printer reports about the slot."""
        if before is not None and before.filled:
            # Its name may be gone before it is.
            if before.identifiers.known or not self._named_last[0].known:
                self._named_last = self._named(before, now)
            # Another one that came after it is not the one whose insertion is pending.
            if not (slot.filled or self.removed_named):
                self._removed = self._named_last
        identified = self.identifiers.known
        self._observe_new_read(before, slot, now)
        self.reads.observe(before, slot, now, identified=identified)
        self._runout.observe(before, slot, unit)

    def _observe_new_read(
        self, before: Slot | None, slot: Slot, now: Timestamp
    ) -> None:
        """Forget when a spool may have been exchanged, if it is read for another reason.

        A slot is reported as unread within seconds of an absence, and its read begins
        within two minutes. What begins later is of a spool that was exchanged since, in an
        absence that was not reported.
        """
        swap = self.possible_swap
        if swap is None or swap.inserted_at is None or before is None:
            return
        since = now.monotonic - swap.inserted_at.monotonic
        unread = before.read_done and (slot.read_done is False or slot.reading)
        read = slot.reading and not before.reading
        exchanged = (unread and since > self._timings.identity_settle) or (
            read and since > self._timings.identity_wait_while_reading
        )
        if slot.present and before.present and exchanged:
            self.possible_swap = PossibleSwap(gap=swap.gap)

    @property
    def absence_is_runout(self) -> bool:
        """Whether an absence that begins now is a runout."""
        return self._runout.explains_absence

    def ran_out(self, removal: PendingChange) -> bool:
        """Whether the removal is a runout."""
        return removal.runout or self._runout.reported

    # What the presence of the slot means for it.

    def arrived(self) -> None:
        """Note that another one is inserted: nothing before was of it or its filament."""
        self._runout.reported = False
        self._removed = self._named_last = NO_IDENTIFIERS, None

    def found(self, slot: Slot, now: Timestamp) -> None:
        """Accept the spool that is present in the first report of all."""
        if not slot.identifiers.known or self.reads.names_present(slot, now)[0]:
            self.identifiers = slot.identifiers
            self.filament = slot.filament
        else:
            self.reads.departed = slot.identifiers

    def present_after_gap(self, gap: Gap, now: Timestamp) -> None:
        """Note that it may have been exchanged in the gap, or was shortly before it."""
        if self.identifiers.known:
            self.reads.departed = self.identifiers
            self.possible_swap = PossibleSwap(gap=gap)
            if self.reads.ended_before is not None:
                self.reads.ended = self.reads.ended or now

    def present_after_absence(self, absence: PendingChange, now: Timestamp) -> None:
        """Note that it may have been exchanged in an absence too short for a removal."""
        swap, reads = self.possible_swap, self.reads
        if swap is not None and reads.ended_before is not None:
            # Another one was there already, and this absence does not bring it back.
            reads.ended = reads.ended or reads.ended_before
        elif self.identifiers.known:
            self.possible_swap = PossibleSwap(
                gap=absence.gap or (swap.gap if swap else None),
                removed_at=absence.time,
                inserted_at=now,
            )

    def absent(self, slot: Slot) -> None:
        """Note which identity the printer may go on reporting of the empty slot."""
        for identifiers in (slot.identifiers, self.identifiers):
            if identifiers.known:
                self.reads.departed = identifiers
                break
        self.pending_identity = None

    def remove(self, removal: PendingChange) -> SlotChange:
        """Report its removal; none is present from now on."""
        change = SlotChange(
            event_type=EventType.SPOOL_REMOVED,
            time=removal.time,
            identifiers=self.identifiers,
            gap=removal.gap,
            filament=self.filament,
            reason="runout" if self.ran_out(removal) else None,
        )
        if not self.reads.departed.known:
            self.reads.departed = self.identifiers
        self.identifiers = NO_IDENTIFIERS
        self.filament = None
        self.possible_swap = None
        return change

    def insert(
        self,
        insertion: PendingChange,
        identifiers: Identifiers = NO_IDENTIFIERS,
        filament: Filament | None = None,
    ) -> SlotChange:
        """Report its insertion; it is the present one from now on."""
        self.identifiers = identifiers
        self.filament = filament
        self.possible_swap = None
        self.last_insertion = insertion
        self.pending_unknown = not identifiers.known
        if identifiers.known:
            self.reads.departed = NO_IDENTIFIERS
        return SlotChange(
            event_type=EventType.SPOOL_INSERTED,
            time=insertion.time,
            identifiers=identifiers,
            gap=insertion.gap,
            filament=filament,
        )

    @property
    def removed_named(self) -> bool:
        """Whether the spool was identified when it was there last."""
        return self._removed[0].known

    def insert_removed(self, insertion: PendingChange) -> SlotChange:
        """Report the insertion of a spool that is gone, with what was known of it."""
        return self.insert(insertion, *self._removed)

    def _named(self, slot: Slot, now: Timestamp) -> tuple[Identifiers, Filament | None]:
        """Return identity and filament, where they are those of the present spool."""
        if slot.identifiers.known and not self.reads.names_present(slot, now)[0]:
            return NO_IDENTIFIERS, None
        return slot.identifiers, slot.filament

    def decide_insertion(
        self, insertion: PendingChange, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Report a settled insertion, once its identity is known or waited for."""
        reported, filament = self._named(slot, now)
        if not reported.known:
            deadline = self.reads.deadline(insertion, slot, unit, now)
            if now.monotonic < deadline:
                return [], deadline
        changes = [self.insert(insertion, reported, filament)]
        unknown, due = self._decide_unknown(slot, unit, now)
        return changes + unknown, due

    # The identity of a spool that is present.

    def decide(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Confirm what has held long enough; returns also when to decide again."""
        named, ask_again = True, NEVER
        if slot.identifiers.known:
            named, ask_again = self.reads.names_present(slot, now)
        if named:
            changes, due = self._decide_identity(slot, unit, now)
        else:
            self.pending_identity = None
            changes, due = [], ask_again
        if named or same_tag(slot.identifiers, self.identifiers, slot):
            self._update_filament(slot)
        unknown, unknown_due = self._decide_unknown(slot, unit, now)
        return changes + unknown, min(due, unknown_due)

    def _decide_identity(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Accept the reported identity, keep the confirmed one, or confirm a swap."""
        reported = slot.identifiers
        confirmed = self.identifiers = with_assigned_id(self.identifiers, slot)
        if not slot.reads_tags or not read_from_tag(confirmed, slot).known:
            self._accept_identity(reported)
            return [], NEVER
        if not read_from_tag(reported, slot).known:
            self.pending_identity = None
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
        self.pending_identity = None
        self.possible_swap = None
        if reported.known:
            self.pending_unknown = False
            self.reads.departed = NO_IDENTIFIERS

    def _decide_lost_identity(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Keep the identity, unless a possibly swapped spool was read without a tag."""
        swap, ended = self.possible_swap, self.reads.ended
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
        pending = self.pending_identity
        if pending is None or not same_tag(reported, pending[0], slot):
            pending = self.pending_identity = (reported, now)
        since = pending[1]
        swap = self.possible_swap or PossibleSwap(gap=None)
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
        self.pending_identity = None
        self._runout.reported = False
        self.reads.departed = self.identifiers
        insertion = PendingChange(time=swap.inserted_at or since, gap=swap.gap)
        return [removed, self.insert(insertion, identifiers, slot.filament)]

    def _update_filament(self, slot: Slot) -> None:
        """Accept the filament data, unless an unfinished read left it blank."""
        if self.pending_identity is not None:
            return
        if self.identifiers.known and not slot.identifiers.known:
            return  # it is not that of the spool whose identity is kept
        unread = slot.reads_tags and (slot.reading or slot.read_done is False)
        if slot.filament is None and unread:
            return
        self.filament = slot.filament

    def _decide_unknown(
        self, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> tuple[list[SlotChange], float]:
        """Report once per insertion that the spool cannot be identified."""
        if not self.pending_unknown or not slot.identifiable or unit.feeding:
            return [], NEVER
        time, insertion = now, self.last_insertion
        if unit.reading_enabled and self.reads.readable(slot):
            ended, ask_again = self.reads.ended_without_tag(slot, now)
            if ended and self.reads.ended:
                time = self.reads.ended
            else:
                began = insertion.time.monotonic if insertion else unit.idle_since
                due = max(began, unit.idle_since) + self._timings.unknown_after_idle
                if now.monotonic < due:
                    return [], min(due, ask_again)
        self.pending_unknown = False
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
