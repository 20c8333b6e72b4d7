"""What a spool may be called, by what the wire has shown of it."""

from .belief import Belief
from .facts import Facts, Leniency
from .limits import Limit
from .product import Emitted, Shown
from .record import Record, Stay

INSERTED = "spool_inserted"
REMOVED = "spool_removed"
UNKNOWN = "unknown_spool_detected"

# Seconds until what was read is confirmed by a later report, at most.
_CONFIRMED = 30.0


class Names:
    """A row of stays with its events, and the identities of its spools."""

    def __init__(
        self,
        facts: Facts,
        row: list[Stay],
        events: list[Emitted],
        last: Shown,
        now: float,
        record: Record,
        lenient: Leniency,
    ) -> None:
        self._facts = facts
        self._record = record
        self._row = row
        self._events = (
            [event for event in events if event.kind != UNKNOWN]
            if lenient.unknown
            else events
        )
        self._last = last
        self._now = now
        self._lenient = lenient

    def _names_at_end(
        self, belief: Belief, before: Stay, stay: Stay
    ) -> set[str | None]:
        """Return what a spool may be called when it is removed."""
        names = {belief.identity}
        if belief.reel is not None and belief.reel.identity is not None:
            since = self._row.index(belief.stay) if belief.stay in self._row else 0
            until = self._row.index(before)
            reading = next(
                (
                    one
                    for one in self._row[since : until + 1]
                    if one.reel is belief.reel and one.read is not None
                ),
                None,
            )
            if reading is not None:
                names.add(belief.reel.identity)
                if (
                    belief.identity is None
                    and not belief.unnamed
                    and reading.read is not None
                    and not (reading.unread_by_choice and Limit.READING_OFF.allows())
                    and stay.seen is not None
                    and stay.seen - reading.read > 8
                    and reading.unbroken(reading.read, stay.seen)
                    and not self._named_all_along(belief, reading)
                    and not self._named_over_loose_contact(reading)
                ):
                    names.discard(None)
        return names

    def _named_all_along(self, belief: Belief, stay: Stay) -> bool:
        """Whether the slot had this spool's name already before it was read out of sight.

        As it was read last, and held a spool since that was not read.
        """
        assert stay.reel is not None
        return (
            belief.identity is None
            and stay.read_late
            and self._record.read_before(stay) == stay.reel.identity
            and Limit.NO_IDENTITY.allows()
        )

    def _read_held_up(self, stay: Stay) -> bool:
        """Whether the name came later than the end of the read, as it was held up.

        Or the end of a flicker was, in which its read ended.
        """
        read = stay.read
        if read is None or not self._facts.untimed:
            return False
        opened = [at for at in stay.openings if at < read]
        return (
            any(
                start < read <= end + 1.0
                or any(start < at + 8.0 < end for at in opened)
                for start, end in self._record.stalls
            )
            and Limit.HELD_UP.allows()
        )

    def _unreported_read(self, stay: Stay) -> bool:
        """Whether no report shows that a spool which seems to be put back was read."""
        read = stay.read or 0.0
        unread = stay.read_since_boot or any(at > read for at in self._record.loose)
        return unread and Limit.HELD_UP.allows()

    def _named_since(self, stay: Stay) -> bool:
        """Whether that it was read does not show, as its slot was named as it before."""
        return self._named_over_restart(stay) or self._named_over_loose_contact(stay)

    def _named_over_loose_contact(self, stay: Stay) -> bool:
        """Whether the slot kept this spool's name over a loose contact, as it was read.

        That it was read again does not show where the slot was lost from sight before it
        was seen with its name again.
        """
        empty = self._named_empty(stay)
        return (
            empty is not None
            and stay.read_late
            and any(
                at <= empty.lost
                and not any(
                    at < named < empty.lost - 1.0 for named in self._record.named
                )
                for at in self._record.loose
            )
            and Limit.LOOSE_CONTACT.allows()
        )

    def _named_empty(self, stay: Stay) -> Stay | None:
        """Return the empty slot, named as this spool, that was seen last before it.

        Some printers do not report that it lost its name with the spool.
        """
        assert stay.reel is not None
        before = self._row[: self._row.index(stay)]
        seen = [one for one in before if one.seen is not None]
        if not seen or seen[-1].reel is not None:
            return None
        named = seen[-1].named
        same = self._record.read_before(stay) == stay.reel.identity
        return seen[-1] if named == stay.reel.wire or (not named and same) else None

    def _named_over_restart(self, stay: Stay) -> bool:
        """Whether the slot had this spool's name before a restart out of sight.

        As it was read last. That it took the place of one that was not read, and was read
        itself, does not show.
        """
        assert stay.reel is not None
        if self._named_over_unread_restart(stay):
            return Limit.RESTART_UNREAD.allows()
        before = self._row[: self._row.index(stay)]
        since = max((one.seen for one in before if one.seen is not None), default=0.0)
        return (
            stay.read_late
            and stay.seen is not None
            and any(since < at < stay.seen for at in self._record.cuts)
            and any(one.reel is not None and one.read is None for one in before)
            and self._record.read_before(stay) == stay.reel.identity
            and Limit.NO_IDENTITY.allows()
        )

    def _named_over_unread_restart(self, stay: Stay) -> bool:
        """Whether the empty slot had its name before a restart that read nothing.

        One that was put in before that, and not read, would look the same.
        """
        empty = self._named_empty(stay)
        if empty is None or not stay.read_late or stay.seen is None:
            return False
        unread = self._row[self._row.index(empty) : self._row.index(stay)]
        return any(one.unread_by_choice for one in unread) and any(
            empty.lost <= at < stay.seen for at in self._record.boots
        )

    def _names_remembered(self, stay: Stay) -> set[str]:
        """Return the spools before that the printer may still name."""
        if not ((stay.late or stay.gaps) and stay.unread_by_choice):
            return set()
        before = self._row[: self._row.index(stay)]
        names = {
            one.reel.identity
            for one in before
            if one.reel is not None and one.reel.identity and one.seen is None
        }
        cuts = sum(at < (stay.seen or 0.0) for at in self._record.cuts)
        moved = any(one.moved for one in (*before, stay))
        if before and (moved or len(before[-1].gaps) > 1 or cuts > 1):
            # What is remembered of the slot is another one's. Or it was off twice: that it
            # was filled in between looks like a read, as its counter of changes is not
            # lower than after the first time.
            names |= self._record.named_before(stay)
        return names if names and Limit.READING_OFF.allows() else set()

    def _soon_off(self, stay: Stay) -> bool:
        """Whether what was read was not confirmed, and may not be shown again."""
        read = stay.read
        if read is None or not (
            stay.unread_by_choice or stay.reel is None or stay.reel.identity is None
        ):
            return False
        if stay.gaps and any(
            read <= end <= read + _CONFIRMED
            for end in (*stay.gaps, *stay.silences, *self._record.cuts)
        ):
            stay.forgotten = True
        return stay.forgotten and Limit.SOON_OFF.allows()

    def _names_at_start(self, stay: Stay, *, swap: bool) -> set[str | None]:
        assert stay.reel is not None
        identity = stay.reel.identity
        if identity is None:
            return {None, *self._names_remembered(stay)}
        if stay.read is None:
            # It may have been read out of sight, or be read after it was gone for a moment.
            return {None, identity, *self._names_remembered(stay)}
        if stay.seen is None or stay.unread_by_choice or stay.late is None:
            return {identity, None}
        if self._read_held_up(stay):
            return {identity, None, self._record.read_before(stay)}
        if self._named_since(stay):
            return {identity, None}
        soon = stay.read - stay.seen <= self._facts.names_by
        # The next report confirms it.
        confirmed = stay.read + max(8.0, self._facts.present_must)
        stayed = stay.ended is None or stay.ended > confirmed
        # Its client may learn a minute later that the printer was switched off.
        stayed &= not any(stay.read <= at <= confirmed for at in self._record.cuts)
        if soon and stayed and stay.unbroken(stay.seen, confirmed):
            return {identity}
        return {identity, None}
