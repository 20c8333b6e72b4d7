"""Which stays have to be reported, and which may be: those that were in sight for long."""

from .belief import Belief
from .limits import Limit
from .naming import INSERTED, REMOVED, Names
from .product import Emitted
from .record import Stay


class Settling(Names):
    """A row of stays with its events, and how long each was in sight."""

    def _held_up(self, stay: Stay, j: int, belief: Belief) -> bool:
        """Whether the next events are of a flicker whose end was held up on its way.

        Its tag may have been read meanwhile, and a printer that does not read it may
        have forgotten its name before.
        """
        events = self._events[j : j + 2]
        if [event.kind for event in events] != [REMOVED, INSERTED]:
            return False
        removed, inserted = events
        names = {belief.identity}
        if stay.reel and stay.read is not None and stay.read >= removed.dated:
            names.add(stay.reel.identity)
        if stay.unread_by_choice and Limit.READING_OFF.allows():
            names.add(None)
        if self._unreported_read(stay):
            names.add(None)
        swapped = self._seemed_swapped(stay, removed)
        if swapped:
            names.add(None)
        return (
            removed.identity == belief.identity
            and inserted.identity in names
            and (swapped or self._seemed_removed(stay, removed))
        )

    def _seemed_swapped(self, stay: Stay, event: Emitted) -> bool:
        """Whether a spool was back and read, and its name was held up on its way."""
        before = self._row[: self._row.index(stay)][-1:]
        return self._read_held_up(stay) and any(
            one.reel is None and one.seen is not None and one.edge <= event.dated
            for one in before
        )

    def _seemed_removed(self, stay: Stay, event: Emitted) -> bool:
        """Whether a removal is that of a flicker whose end was held up on its way."""
        if not self._facts.untimed:
            return False
        return any(self._held_open(opened, event) for opened in stay.openings)

    def _held_open(self, opened: float, event: Emitted) -> bool:
        """Whether a switch that opened then looked open until reports flowed again."""
        found_at = event.at
        return (
            opened <= event.dated <= opened + self._facts.dated_by
            and any(
                start < opened + 8.0 < end <= found_at <= end + 1.0
                for start, end in self._record.stalls
            )
            and Limit.HELD_UP.allows()
        )

    def _first(self, k: int) -> Stay:
        """Return the stay with which that began which stay k shows.

        Stays of the same reel, or of none, look like one where what was between them
        was never seen.
        """
        first = k
        for earlier in range(k - 1, -1, -1):
            if self._row[earlier].seen is not None:
                if self._row[earlier].reel is not self._row[k].reel:
                    break
                first = earlier
        return self._row[first]

    def _until(self, k: int) -> float | None:
        """Return when something else was seen than stay k shows."""
        last = k
        for later in range(k + 1, len(self._row)):
            if self._row[later].seen is not None:
                if self._row[later].reel is not self._row[k].reel:
                    break
                last = later
        return self._row[last].ended

    def _must(self, k: int) -> bool:
        """Whether stay k has to be reported."""
        stay = self._row[k]
        if k + 1 == len(self._row):
            return True
        if stay.seen is None or stay.ended is None:
            return False
        first = self._row.index(self._first(k))
        # Also where what came between was never seen.
        before = self._row[k - 1], *self._row[first - 1 : first]
        if any(one.held for one in (stay, *before)) and Limit.DRYING.allows():
            return False
        late = {stay.late, self._first(k).late} != {False} or self._found_open(k)
        # It was found late where the slot was out of sight before it could be confirmed.
        late = late or self._soon_out_of_sight(self._first(k))
        if stay.reel is None and stay.dries and late:
            return not Limit.PULLED_BACK_UNSEEN.allows()
        if stay.reel is None:
            need = self._facts.absent_must + (60.0 if stay.slow else 0.0)
        else:
            need = self._facts.present_must
            if not (self._must(k - 1) and self._must(k + 1)):
                # The wait for its identity is longer while others are read.
                waits = 120.0 if self._record.reads(stay.seen, stay.ended) else 30.0
                soon = stay.ended - stay.seen < waits + need
                if soon and stay.reel.identity is None and not self._must(k + 1):
                    # The wait for its identity may go on with the next one.
                    return not Limit.NO_IDENTITY.allows()
                # Taken for the spool before until its tag shows otherwise.
                if stay.read is None or stay.ended - stay.read < need + 5:
                    return False
        # A report that is due after a rest comes later than others.
        seen = max(stay.seen, min(self._record.quiet_until - 8.0, stay.ended))
        for opened in stay.openings:
            # Its presence begins again where it has not settled before.
            if -0.5 <= opened - seen < self._facts.settles_by:
                seen = opened + 5.0
        settled = stay.ended + self._facts.absent_must
        need += 2.0 * self._record.stalled(stay.seen, settled)
        after = self._row[k + 1]
        # A spool that leaves while its switch is open changes nothing that is reported.
        ended = after.edge if after.edge < after.began else stay.ended
        return ended - seen >= need and all(
            one.unbroken(stay.seen, settled) for one in self._row
        )

    def _soon_out_of_sight(self, stay: Stay) -> bool:
        """Whether a slot was out of sight again before what it held was confirmed."""
        seen = stay.seen or 0.0
        return not stay.unbroken(seen, seen + self._facts.absent_must)

    def _found_open(self, k: int) -> bool:
        """Whether its switch may have been open in the first report after a gap."""
        return self._row[k].edge < self._row[k].began and bool(self._row[k - 1].gaps)

    def _late_before(self, k: int) -> bool:
        """Whether what stay k shows may have been found after a gap.

        Also where what came between was too short to be confirmed.
        """
        before = self._row[k - 2] if k > 1 else None
        if before and before.reel is self._row[k].reel and not self._must(k - 1):
            if before.gaps or before.late is not False:
                return True
        return self._found_open(k)

    def _may(self, k: int) -> bool:
        """Whether stay k may be reported."""
        stay = self._row[k]
        if k + 1 == len(self._row):
            return True
        if stay.seen is None:
            return False
        first = self._first(k)
        since = stay.seen if first.seen is None else first.seen
        if first.edge < first.began:
            # Its switch was open already when the spool left.
            since = min(since, first.edge)
        if stay.reel is not None and k > 1 and not self._may(k - 1):
            # It took the place of another one in an absence too short to be reported.
            since = min(since, self._row[k - 2].seen or since)
        length = (self._until(k) or self._now) - since
        if stay.reel is None:
            return length >= self._facts.absent_may
        return length >= self._facts.present_may
