"""The tag reads of one slot: when one ended, and which identity is out of date."""

from dataclasses import replace

from ...model import NO_IDENTIFIERS, Identifiers
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .types import PendingChange, Timestamp, UnitActivity


class TagReads:
    """Follows the tag reads of a slot in the printer's reports.

    ended: when the latest read of the present spool ended; None while none has.
    ended_before: the same of the spool that was there before an absence or a gap, where no
    tag was found.
    departed: the identity of a spool that has left; printers keep reporting it.
    """

    def __init__(self, timings: Timings) -> None:
        """Begin without any read."""
        self._timings = timings
        self.ended: Timestamp | None = None
        self.ended_before: Timestamp | None = None
        self.departed: Identifiers = NO_IDENTIFIERS
        self._nameless = False
        self._departed_before_absence: Identifiers | None = None
        self._absent_after_gap = False
        self._before_gap: Slot | None = None
        self._read_before_gap = NO_IDENTIFIERS
        self._done_before_gap = False
        self._named_at = self._named_until = -NEVER
        self._named_by_read = False
        self._unreadable = False
        self._read_in_absence = False

    def suspend(self, reported: Slot | None, *, possibly_swapped: bool) -> None:
        """Forget the running read, as its end will not be observed.

        A spool read without a tag before a gap is not taken for read in that gap,
        unless its read had ended and was about to decide on a possible swap. That counts
        as long as the printer does not report it as unread afterwards. A name that
        was about to count as it stays after a read counts if it is there after the gap.
        """
        undecided = possibly_swapped and self.ended is not None
        if reported is not None:
            read = self.ended is not None and reported.present
            self._read_before_gap = reported.identifiers if read else NO_IDENTIFIERS
            named = reported.identifiers.known
            self._nameless = self._nameless and not named
            self.ended_before = self.ended if undecided and not named else None
            self._done_before_gap = bool(reported.read_done)
            if not undecided and not named:
                self._before_gap = replace(reported, reading=False)
        self.ended = None

    def resume(self, reading: Slot) -> None:
        """Follow a read that was reported before the slot's unit was identified."""
        self._before_gap = reading

    def observe(
        self, before: Slot | None, slot: Slot, now: Timestamp, *, identified: bool
    ) -> None:
        """Note the end of a read; the start of one discards the end of the last.

        identified: the spool is known. A finished read without a tag that is reported
        together with the presence is no new one, as reading takes longer than that,
        unless one was running in the absence.
        """
        self._observe_unreadable(before, slot)
        found_tag = self._found_tag(before, slot, now)
        self._observe_naming(before, slot, now)
        seemed_gone = self._observe_return(before, slot)
        self._observe_name(before, slot)
        if before is None and self._done_before_gap and slot.read_done is False:
            self.ended_before = None
        if before is not None and before.identifiers.known:
            self._named_until = now.monotonic
        before, self._before_gap = before or self._before_gap, None
        was_reading = before is not None and before.reading
        before_stands = before is not None and before.read_stands
        was_absent = before is not None and before.present is False
        was_done = before is not None and before.read_done and not was_absent
        was_done = was_done and not before_stands
        if slot.present is False and before is not None and before.present:
            found = before.identifiers.known or self._lost_name(now)
            self.ended_before = None if found else self.ended
            self._read_in_absence = before.reading
        if slot.present is False and slot.reading:
            self._read_in_absence = True
        done = slot.present and slot.read_done and not slot.reading
        if done and not (slot.read_stands or slot.identifiers.known):
            self.departed = NO_IDENTIFIERS  # and what it reports next was read
        unread = not slot.present or slot.reading or slot.read_done is False
        if unread or (slot.identifiers.known and slot.read_done is not None):
            read, self._read_before_gap = self._read_before_gap, NO_IDENTIFIERS
            if done and read.known and slot.identifiers.same_spool(read):
                self.departed = NO_IDENTIFIERS
        if slot.reading or slot.present is False or found_tag:
            self.ended = None
        elif was_reading or (slot.read_done and not (was_done or slot.read_stands)):
            is_back = was_absent and identified and not slot.identifiers.known
            is_back = is_back and not seemed_gone
            self.ended = None if is_back and not self._read_in_absence else now
        elif was_done and (slot.read_stands or not slot.read_done):
            self.ended = None

    def _observe_return(self, before: Slot | None, slot: Slot) -> bool:
        """Note that a spool that seemed gone is back; return whether it was read in a gap.

        It is back where it is reported as read at once, as reading takes longer than that:
        it was read before, maybe in the gap, and the name of the empty slot is its own.
        """
        if before is None or (before.present and slot.present is False):
            self._departed_before_absence = None if slot.present else self.departed
            self._absent_after_gap = before is None
        elif slot.present:
            departed, self._departed_before_absence = (
                self._departed_before_absence,
                None,
            )
            if departed is not None and slot.read_done and not slot.reading:
                self.departed = departed
                return self._absent_after_gap
        return False

    def _observe_name(self, before: Slot | None, slot: Slot) -> None:
        """Note whether the slot is without a name, so that the next one was read.

        The name that is found on a slot not read yet is that of a spool before.
        """
        unread = slot.reading or slot.read_done is False
        if not slot.identifiers.known:
            read = slot.read_done and not slot.reading
            if (slot.present is False or read) and not slot.read_stands:
                self._nameless = True
        elif not slot.present:
            self._nameless = False
        elif unread and (before is None or not before.present):
            self._nameless = False
            if before is None:
                self.departed = slot.identifiers

    def _observe_naming(self, before: Slot | None, slot: Slot, now: Timestamp) -> None:
        """Note when the slot is named, and whether its name appeared in a read.

        A read that ended in a gap did so before its first report.
        """
        begins = slot.reading and before is not None and not before.reading
        if begins or not slot.present:
            self._named_by_read = False
        if slot.identifiers.known:
            self._named_at = now.monotonic
            unnamed = before is None or not before.identifiers.known
            if unnamed and (slot.reading or before is None or before.reading):
                self._named_by_read = True

    def _found_tag(self, before: Slot | None, slot: Slot, now: Timestamp) -> bool:
        """Whether the name that is gone now had stayed after the end of the read.

        That of the spool before has stayed where a report showed it then, or where it
        appeared in that read.
        """
        if self.ended is None or before is None or slot.identifiers.known:
            return False
        name, stayed = before.identifiers, now.monotonic
        if name.same_spool(self.departed) and not self._named_by_read:
            stayed = self._named_at
        confirmed = self.ended.monotonic + self._timings.insert_settle
        return name.known and stayed > confirmed

    def _lost_name(self, now: Timestamp) -> bool:
        """Whether the name is gone since a moment ago, but not as a read has ended.

        It may be gone a report before its spool is.
        """
        gone_at = self._named_until
        read = self.ended is not None and self.ended.monotonic >= gone_at
        return not read and now.monotonic < gone_at + self._timings.insert_settle

    def _observe_unreadable(self, before: Slot | None, slot: Slot) -> None:
        """Note a report that appears while the spool is there.

        One that was there before may be about the spool before, as printers keep it.
        """
        if before is None or not slot.unreadable or not slot.present:
            self._unreadable = False
        elif not before.unreadable:
            self._unreadable = True

    def readable(self, slot: Slot) -> bool:
        """Whether tags are read, and that of this spool is not reported as unreadable."""
        return slot.reads_tags and (slot.reading or not self._unreadable)

    def ended_without_tag(self, slot: Slot, now: Timestamp) -> tuple[bool, float]:
        """Return whether a read ended and no tag followed, else when to ask again."""
        if slot.reading or self.ended is None:
            return False, NEVER
        confirmed_at = self.ended.monotonic + self._timings.insert_settle
        return now.monotonic >= confirmed_at, confirmed_at

    def deadline(
        self, insertion: PendingChange, slot: Slot, unit: UnitActivity, now: Timestamp
    ) -> float:
        """Return until when an insertion waits for its identity; past: no longer."""
        timings, began = self._timings, insertion.time.monotonic
        if not slot.identifiable:
            return began
        if not slot.reads_tags:
            return began + timings.load_wait if unit.loading else began
        if not self.readable(slot) or not (unit.reading_enabled or slot.reading):
            return began
        ended, ask_again = self.ended_without_tag(slot, now)
        if ended:
            return began
        if ask_again < NEVER:
            return ask_again
        # A printer reads one tag after the other, with pauses in between.
        waits = max(began, unit.reading_until) + timings.identity_wait
        return min(waits, began + timings.identity_wait_while_reading)

    def names_present(self, slot: Slot, now: Timestamp) -> tuple[bool, float]:
        """Return whether the reported identity is the present spool's.

        Else with when to ask again. Until a slot has been read, it is reported with the
        identity of the spool before (docs/protocols/bambu.md P4). That one counts again
        only when it stays after the end of a read, as the two may be reported one after
        the other (P19).
        """
        if not slot.reads_tags:
            return True, NEVER
        if slot.reading or slot.read_done is False:
            return False, NEVER
        if self._nameless or not slot.identifiers.same_spool(self.departed):
            return True, NEVER
        if self.ended is None:
            return slot.read_done is None and not slot.read_stands, NEVER
        due = self.ended.monotonic + self._timings.insert_settle
        return now.monotonic >= due, due
