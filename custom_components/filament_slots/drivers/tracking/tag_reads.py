"""The tag reads of one slot: when one ended, and which identity is out of date."""

from dataclasses import replace

from ...model import NO_IDENTIFIERS, Identifiers
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .types import PendingChange, Timestamp, UnitActivity


class TagReads:
    """Follows the tag reads of a slot in the printer's reports.

    ended: when the latest read of the present spool ended; None while none has.
    departed: the identity of a spool that has left; printers keep reporting it.
    """

    def __init__(self, timings: Timings) -> None:
        """Begin without any read."""
        self._timings = timings
        self.ended: Timestamp | None = None
        self.departed: Identifiers = NO_IDENTIFIERS
        self._before_gap: Slot | None = None
        self._unreadable = False

    def suspend(self, reported: Slot | None, *, possibly_swapped: bool) -> None:
        """Forget the running read, as its end will not be observed.

        A spool read without a tag before a gap is not taken for read in that gap,
        unless its read had ended and was about to decide on a possible swap.
        """
        undecided = possibly_swapped and self.ended is not None
        if reported is not None and not reported.identifiers.known and not undecided:
            self._before_gap = replace(reported, reading=False)
        self.ended = None

    def observe(self, before: Slot | None, slot: Slot, now: Timestamp) -> None:
        """Note the end of a read; the start of one discards the end of the last."""
        self._observe_unreadable(before, slot)
        before, self._before_gap = before or self._before_gap, None
        was_reading = before is not None and before.reading
        was_done = before is not None and before.read_done
        if slot.reading or slot.present is False:
            self.ended = None
        elif was_reading or (slot.read_done and not was_done):
            self.ended = now
        elif was_done and not slot.read_done:
            self.ended = None

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
        if unit.reading:
            return began + timings.identity_wait_while_reading
        return began + timings.identity_wait

    def names_departed(self, slot: Slot) -> bool:
        """Whether the reported identity is that of a spool that has left.

        The same identity counts again only once the slot has been read
        (docs/protocols/bambu.md P4).
        """
        return (
            slot.reads_tags
            and slot.identifiers.known
            and slot.identifiers == self.departed
            and slot.read_done is not None
            and (slot.reading or not slot.read_done)
        )
