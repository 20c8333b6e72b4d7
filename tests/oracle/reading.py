"""The ways in which the events of a slot can come of what happened to it.

Between two checkpoints a slot had a row of stays. Those that were in sight for long
must be reported, those that were short or out of sight may be or must not be; the
events have to be those of one of the rows that remain. Nothing here knows how the
product comes to its conclusions: only facts of the hardware, and tolerances.
"""

from collections.abc import Iterator
from dataclasses import replace

from .belief import Belief
from .limits import Limit
from .naming import INSERTED, REMOVED, UNKNOWN
from .product import Emitted
from .record import Reel, Stay
from .settling import Settling


class Run(Settling):
    """Finds the ways in which the events can come of the stays."""

    def ends(self, i: int, j: int, belief: Belief) -> Iterator[Belief]:
        """Yield what can be believed at the end, with stay i taken and j events used."""
        events = self._events
        if (
            belief.reel is not None
            and belief.inserted
            and not belief.reported
            and j < len(events)
            and events[j].kind == UNKNOWN
            and self._may_be_unknown(self._row[i], belief, events[j])
            and self._dated_after_insertion(j)
        ):
            yield from self.ends(i, j + 1, replace(belief, reported=True))
        reel = belief.reel
        if (
            reel is not None
            and reel is self._row[i].reel
            and (self._row[i].read is not None or self._read_unseen(self._row[i]))
            and belief.identity not in (None, reel.identity)
            and j + 1 < len(events)
            and (events[j].kind, events[j].identity) == (REMOVED, belief.identity)
            and (events[j + 1].kind, events[j + 1].identity)
            == (INSERTED, reel.identity)
        ):
            # It was taken for another one until its tag was read.
            found = Belief(reel, reel.identity, True, False, self._row[i])
            yield from self.ends(i, j + 2, found)
        if reel is self._row[i].reel and self._held_up(self._row[i], j, belief):
            identity = self._events[j + 1].identity
            again = replace(belief, identity=identity, inserted=True, reported=False)
            yield from self.ends(i, j + 2, again)
        if i + 1 == len(self._row):
            if j == len(events):
                yield from self._finish(belief)
            return
        for k in range(i + 1, len(self._row)):
            yield from self._take(i, k, j, belief)
            if self._must(k):
                return

    def _read_unseen(self, stay: Stay) -> bool:
        """Whether it may have been read out of sight, before the printer was off."""
        return stay.unread_by_choice and stay.late is True

    def _take(self, i: int, k: int, j: int, belief: Belief) -> Iterator[Belief]:
        """Go on with stay k, which follows stay i in what the product can know."""
        stay = self._row[k]
        if self._may(k):
            yield from self._reported(i, k, j, belief)
        if (
            (stay.seen is not None or k + 1 == len(self._row))
            and belief.reel not in (None, stay.reel)
            and stay.reel is not None
            and self._may_hide(belief, stay)
        ):
            names = self._names_at_end(belief, self._row[k - 1], stay)
            if not self._facts.reads:
                # What software assigns follows at once, and it is no swap.
                names |= {None, stay.reel.identity}
            else:
                names |= self._names_remembered(stay)
                names |= {stay.reel.identity} - {None}
            for name in names:
                hidden = replace(
                    belief,
                    reel=stay.reel,
                    identity=name,
                    inserted=belief.inserted and self._facts.reads,
                    ran_out=belief.ran_out or bool(self._row[i].runout),
                    stay=stay,
                    unnamed=False,
                )
                yield from self.ends(k, j, hidden)

    def _reported(self, i: int, k: int, j: int, belief: Belief) -> Iterator[Belief]:
        """Go on with stay k by the events that report it, if there is any to report."""
        stay, before = self._row[k], self._row[k - 1]
        edge = self._row[i + 1].edge
        # What was there first decides, also where another spool took its place unnoticed;
        # and a spool that comes after one whose filament may be pulled back is found with
        # the end of that.
        late = any(
            one.late is not False or one.gaps for one in self._row[i + 1 : k]
        ) or any(one.held for one in self._row[max(0, i - 1) : k])
        if stay.reel is None:
            if belief.reel is None:
                yield from self.ends(k, j, belief)
            elif self._removal(j, belief, before, stay, edge):
                yield from self.ends(k, j + 1, Belief(None, None))
            return
        if belief.reel is None:
            for identity in self._insertion(j, stay, edge, late=late):
                yield from self.ends(
                    k, j + 1, Belief(stay.reel, identity, True, False, stay)
                )
            return
        if belief.reel is stay.reel:
            yield from self.ends(k, j, belief)
            return
        # Another spool without an absence that had to be reported.
        if self._removal(j, belief, before, stay, edge, swap=True):
            for identity in self._insertion(j + 1, stay, edge, late=late, swap=True):
                yield from self.ends(
                    k, j + 2, Belief(stay.reel, identity, True, False, stay)
                )

    def _may_hide(self, belief: Belief, stay: Stay) -> bool:
        """Whether nothing on the wire has to show that the spool is another one."""
        if belief.identity is None or stay.reel is None:
            return Limit.NO_IDENTITY.allows()
        if not self._facts.reads:
            return Limit.ASSIGNED.allows()
        if stay.read is None:
            return Limit.READING_OFF.allows()
        if belief.identity == stay.reel.identity:
            # The spool before was mistaken for this one, by one of the limits.
            return True
        if self._soon_off(stay):
            return True
        if stay.reel.identity is not None:
            return False
        if stay.unread_by_choice:
            return Limit.READING_OFF.allows()
        if self._row[self._row.index(stay) - 1].seen is None and not stay.late:
            return Limit.BETWEEN_REPORTS.allows()
        # Its result may be sent in two reports, and the switch open after the first.
        read_while_open = any(-2.5 < stay.read - at < 7.0 for at in stay.openings)
        if read_while_open and not self._facts.shows_untagged:
            return Limit.READ_WHILE_OPEN.allows()
        if stay.seen is None or stay.late or stay.read_late:
            return Limit.UNTAGGED_OUT_OF_SIGHT.allows()
        return False

    def _removal(
        self,
        j: int,
        belief: Belief,
        before: Stay,
        stay: Stay,
        edge: float,
        *,
        swap: bool = False,
    ) -> bool:
        if j >= len(self._events):
            return False
        event, lenient = self._events[j], self._lenient
        if event.kind != REMOVED:
            return False
        if not self._right_filament(event, belief.reel):
            return False
        if not lenient.identity and event.identity not in self._names_at_end(
            belief, before, stay
        ):
            return False
        earlier = self._row[: self._row.index(stay)]
        if any(
            one.reel is belief.reel and self._seemed_removed(one, event)
            for one in earlier
        ):
            # It was removed soon after that.
            return True
        live = stay.late is False and not event.late
        if not lenient.reason and not swap and live:
            if before.runout is None:
                Limit.RUNOUT.allows()
            elif before.runout != (ran_out := event.reason == "runout"):
                if not (ran_out and belief.ran_out):
                    return False
        late = self._late_before(self._row.index(stay))
        within = self._facts.removed_by
        # In a swap, `before` is the short absence after the spool that was pulled back.
        held = before.held or (swap and any(one.held for one in earlier[-2:]))
        held |= late and stay.dries and Limit.PULLED_BACK_UNSEEN.allows()
        return self._in_time(event, stay, edge, within, swap=swap, held=held, late=late)

    def _insertion(
        self, j: int, stay: Stay, edge: float, *, late: bool, swap: bool = False
    ) -> list[str | None]:
        """Return the identity that the next event inserts; nothing where it is wrong."""
        if j >= len(self._events):
            return []
        event, lenient = self._events[j], self._lenient
        if event.kind != INSERTED or not self._right_filament(event, stay.reel):
            return []
        assert stay.reel is not None
        if not lenient.identity and event.identity not in self._names_at_start(
            stay, swap=swap
        ):
            return []
        within = self._facts.inserted_by
        if not self._in_time(event, stay, edge, within, swap=swap, late=late):
            return []
        return [event.identity]

    def _in_time(
        self,
        event: Emitted,
        stay: Stay,
        edge: float,
        within: float,
        *,
        swap: bool,
        held: bool = False,
        late: bool = False,
    ) -> bool:
        lenient = self._lenient
        if stay.seen is None:
            return lenient.time
        earliest = stay.seen if stay.late is False else stay.began
        if not lenient.time and event.at < earliest - 0.001:
            return False
        seen_live = stay.late is False and stay.unbroken(stay.seen, event.at)
        latest = event.at
        begins = max(stay.seen, stay.returned)
        # A switch that opens for a moment makes it begin later, with its report.
        opened = stay.opened or 0.0
        held_up = self._record.stalled(opened, event.at) if opened else 0.0
        steady = max(begins, opened + 5.0 + held_up)
        if seen_live and not (swap or held):
            latest = min(latest, steady + self._facts.dated_by)
        if -0.5 <= opened - stay.seen < self._facts.settles_by:
            # It opens before the spool has settled, also while the report that shows it
            # first is on its way.
            begins = steady
        first = 0.0 if held else edge
        if not (lenient.dates or first - 0.001 <= event.dated <= latest + 0.001):
            return False
        if swap or held:
            return True
        # One that was fed back begins again.
        live = stay.returned or lenient.lateness
        if stay.late is True and not (event.late or live):
            return False
        if seen_live:
            if event.late and not (late or lenient.lateness):
                return False
            within += 75.0 if stay.slow else 0.0
            # It is confirmed by the next report, or by the answer to a request.
            within += 2.0 * self._record.stalled(stay.seen, event.at)
            by = max(begins + within, self._record.quiet_until + 0.5)
            if not lenient.time and event.at > by:
                return False
        return True

    def _right_filament(self, event: Emitted, reel: Reel | None) -> bool:
        """Whether the filament is that of the identity, or none of another spool's."""
        if self._lenient.filament or not self._record.owners:
            return True
        owner = self._record.owners.get(event.colour or "")
        if event.identity is not None:
            return owner == event.identity
        return owner is None or (reel is not None and owner == reel.identity)

    def _dated_after_insertion(self, j: int) -> bool:
        """Whether an unknown spool's own time is after that of its insertion."""
        event = self._events[j]
        before = [one for one in self._events[:j] if one.kind == INSERTED]
        return self._lenient.dates or (
            event.dated <= event.at + 0.001
            and (not before or before[-1].dated <= event.dated)
        )

    def _may_be_unknown(self, stay: Stay, belief: Belief, event: Emitted) -> bool:
        if not self._facts.unknown:
            return False
        reel = belief.reel
        if reel is None:
            return False
        if reel.identity is None or stay.unread_by_choice:
            return True
        if belief.identity is None and (
            self._named_since(stay)
            or self._read_held_up(stay)
            or self._unreported_read(stay)
        ):
            return True
        if stay.read is None and self._left_unseen(stay):
            # That its read was broken off looks like the end of it.
            return Limit.BETWEEN_REPORTS.allows()
        # Assigned by software, in its own time.
        return not self._facts.reads and belief.identity is None

    def _left_unseen(self, stay: Stay) -> bool:
        """Whether another one took its place and no report shows the empty slot."""
        after = self._row[self._row.index(stay) + 1 :]
        return len(after) > 1 and after[0].seen is None

    def _finish(self, belief: Belief) -> Iterator[Belief]:
        last, stay = self._last, self._row[-1]
        if last.present is not (belief.reel is not None):
            return
        if belief.reel is None:
            if last.identity is None or self._lenient.identity:
                yield Belief(None, None)
            return
        names = {belief.identity}
        if stay.reel is not None and stay.read is None:
            names.add(stay.reel.identity or belief.identity)
            opened = any(
                0 < gap - at < 8.0 for gap in stay.gaps for at in stay.openings
            )
            if opened and stay.unread_by_choice and Limit.READING_OFF.allows():
                # It seemed to be gone before the gap, and put in and read in it.
                names |= self._record.named_before(stay)
        elif stay.reel is not None:
            if stay.reel.identity is not None:
                names = {stay.reel.identity}
                if self._soon_off(stay):
                    names.add(belief.identity)
                if stay.unread_by_choice and belief.identity is None:
                    # It was read out of sight or just before, and forgotten.
                    names.add(None)
                if self._named_all_along(belief, stay):
                    names.add(None)
                if belief.identity is None and (
                    belief.unnamed
                    or self._named_since(stay)
                    or self._unreported_read(stay)
                ):
                    names.add(None)
            else:
                names.add(None)
        if last.identity not in names and not self._lenient.identity:
            return
        if (
            self._facts.unknown
            and belief.inserted
            and not belief.reported
            and last.identity is None
            and not self._lenient.unknown
        ):
            return
        named = last.identity is not None or stay.read is None
        unnamed = not named and stay.reel is not None and stay.reel.identity is not None
        yield replace(
            belief,
            reel=stay.reel,
            identity=last.identity,
            stay=stay,
            unnamed=unnamed,
        )
