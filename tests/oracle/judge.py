"""Judges the events of a slot by what physically happened and could be observed.

Between two checkpoints a slot had a row of stays. Those that were in sight for long
must be reported, those that were short or out of sight may be or must not be; the
events have to be those of one of the rows that remain. Nothing here knows how the
product comes to its conclusions: only facts of the hardware, and tolerances.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
import itertools

from .product import Emitted, Place, Shown
from .record import Record, Reel, Stay

INSERTED = "spool_inserted"
REMOVED = "spool_removed"
UNKNOWN = "unknown_spool_detected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What holds for the hardware, in seconds.

    absent_must, absent_may: an absence in sight for so long has to be, may be reported.
    present_must, present_may: the same for a presence.
    names_by: an identity read so soon after the insertion comes with it.
    removed_by, inserted_by: how long a change in sight may take to be reported.
    reads: a reader finds identities; otherwise software assigns them.
    unknown: spools without identity are reported.
    """

    absent_must: float = 16.0
    absent_may: float = 7.9
    present_must: float = 5.0
    present_may: float = 2.4
    names_by: float = 24.0
    removed_by: float = 25.0
    inserted_by: float = 135.0
    reads: bool = True
    unknown: bool = True


@dataclass(frozen=True, slots=True)
class Belief:
    """What the product can hold a slot for; `told`: the spool was called unknown."""

    reel: Reel | None
    identity: str | None
    inserted: bool = False
    told: bool = False
    stay: Stay | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What the product got wrong about one slot."""

    kind: str
    place: Place
    detail: str


@dataclass(frozen=True, slots=True)
class _Leniency:
    """What is overlooked, to find out what is wrong."""

    lateness: bool = False
    time: bool = False
    identity: bool = False
    reason: bool = False
    unknown: bool = False


_TRIES = (
    ("wrongly live or late", _Leniency(lateness=True)),
    ("too late or too early", _Leniency(time=True, lateness=True)),
    ("wrong reason", _Leniency(reason=True)),
    ("wrong unknown", _Leniency(unknown=True, lateness=True, time=True)),
    ("wrong identity", _Leniency(identity=True, lateness=True, time=True)),
    (
        "wrong identity and unknown",
        _Leniency(identity=True, unknown=True, lateness=True, time=True, reason=True),
    ),
)


class Judge:
    """Keeps what the product may believe from one checkpoint to the next."""

    def __init__(self, record: Record, facts: Facts) -> None:
        """Judge a history from its beginning."""
        self._record = record
        self._facts = facts
        self._beliefs: dict[Place, set[Belief]] = {}
        self._from: dict[Place, int] = {}

    def begin(self) -> None:
        """Take what is there at first as known."""
        for place, stays in self._record.stays.items():
            self._begin_place(place, stays)

    def _begin_place(self, place: Place, stays: list[Stay]) -> None:
        reel = stays[0].reel
        known = reel.identity if reel and stays[0].read is not None else None
        self._beliefs[place] = {Belief(reel, known)}
        self._from[place] = 0

    def check(self, shown: dict[Place, Shown], now: float) -> Disagreement | None:
        """Judge all that happened since the last checkpoint."""
        for place in self._record.events.keys() - self._record.stays.keys():
            events = self._record.events[place]
            return Disagreement("false", place, f"no such slot: {_texts(events)}")
        for place, stays in self._record.stays.items():
            if not self._record.in_sight(place):
                continue
            if place not in self._beliefs:
                self._begin_place(place, stays)
            events = self._record.events[place]
            first = self._from[place]
            beliefs = self._beliefs[place]
            last = shown.get(place, Shown(None, None))
            row = stays[first:]
            after = self._explain(row, events, beliefs, last, now, _Leniency())
            if not after:
                return self._name(place, row, events, beliefs, last, now)
            self._beliefs[place] = after
            self._from[place] = len(stays) - 1
            row[-1].gaps.clear()
            events.clear()
        return None

    def _explain(
        self,
        row: list[Stay],
        events: list[Emitted],
        beliefs: set[Belief],
        last: Shown,
        now: float,
        lenient: _Leniency,
    ) -> set[Belief]:
        run = _Run(self._facts, row, events, last, now, lenient)
        return {after for belief in beliefs for after in run.ends(0, 0, belief)}

    def _name(
        self,
        place: Place,
        row: list[Stay],
        events: list[Emitted],
        beliefs: set[Belief],
        last: Shown,
        now: float,
    ) -> Disagreement:
        detail = (
            f"events {_texts(events)}; shown {last}; "
            f"truth {_row(row)}; before {sorted(map(str, beliefs))}"
        )
        for kind, lenient in _TRIES:
            if self._explain(row, events, beliefs, last, now, lenient):
                return Disagreement(kind, place, detail)
        spool_events = [event for event in events if event.kind != UNKNOWN]
        needed = sum(
            (before.reel is not None) + (after.reel is not None)
            for before, after in itertools.pairwise(row)
            if before.reel is not after.reel
        )
        kinds = [(event.kind, event.identity) for event in spool_events]
        if len(spool_events) < needed:
            return Disagreement("missed", place, detail)
        if any(a == b for a, b in itertools.pairwise(kinds)):
            return Disagreement("doubled", place, detail)
        return Disagreement("false", place, detail)


class _Run:
    """Finds the ways in which the events can come of the stays."""

    def __init__(
        self,
        facts: Facts,
        row: list[Stay],
        events: list[Emitted],
        last: Shown,
        now: float,
        lenient: _Leniency,
    ) -> None:
        self._facts = facts
        self._row = row
        self._events = (
            [event for event in events if event.kind != UNKNOWN]
            if lenient.unknown
            else events
        )
        self._last = last
        self._now = now
        self._lenient = lenient

    def ends(self, i: int, j: int, belief: Belief) -> Iterator[Belief]:
        """Yield what can be believed at the end, with stay i taken and j events used."""
        events = self._events
        if (
            belief.reel is not None
            and belief.inserted
            and not belief.told
            and j < len(events)
            and events[j].kind == UNKNOWN
            and self._may_be_unknown(self._row[i], belief)
        ):
            yield from self.ends(i, j + 1, replace(belief, told=True))
        reel = belief.reel
        if (
            reel is not None
            and reel is self._row[i].reel
            and self._row[i].read is not None
            and belief.identity not in (None, reel.identity)
            and j + 1 < len(events)
            and (events[j].kind, events[j].identity) == (REMOVED, belief.identity)
            and (events[j + 1].kind, events[j + 1].identity)
            == (INSERTED, reel.identity)
        ):
            # It was taken for another one until its tag was read.
            found = Belief(reel, reel.identity, True, False, self._row[i])
            yield from self.ends(i, j + 2, found)
        if i + 1 == len(self._row):
            if j == len(events):
                yield from self._finish(belief)
            return
        for k in range(i + 1, len(self._row)):
            yield from self._take(i, k, j, belief)
            if self._must(k):
                return

    def _must(self, k: int) -> bool:
        """Whether stay k has to be reported."""
        stay = self._row[k]
        if k + 1 == len(self._row):
            return True
        if stay.seen is None or stay.ended is None:
            return False
        if stay.held or self._row[k - 1].held:
            return False
        if stay.reel is None:
            need = self._facts.absent_must
        else:
            need = self._facts.present_must
            if not (self._must(k - 1) and self._must(k + 1)):
                # Taken for the spool before until its tag says otherwise.
                if stay.read is None or stay.ended - stay.read < need + 5:
                    return False
        return stay.ended - stay.seen >= need and stay.unbroken(
            stay.seen, stay.ended + self._facts.absent_must
        )

    def _may(self, k: int) -> bool:
        """Whether stay k may be reported."""
        stay = self._row[k]
        if k + 1 == len(self._row):
            return True
        if stay.seen is None:
            return False
        length = (stay.ended or self._now) - stay.seen
        if stay.reel is None:
            return length >= self._facts.absent_may
        return length >= self._facts.present_may

    def _take(self, i: int, k: int, j: int, belief: Belief) -> Iterator[Belief]:
        """Go on with stay k, which follows stay i in what the product can know."""
        if not self._may(k):
            return
        stay, before = self._row[k], self._row[k - 1]
        if stay.reel is None:
            if belief.reel is None:
                yield from self.ends(k, j, belief)
            elif self._removal(j, belief, before, stay):
                yield from self.ends(k, j + 1, Belief(None, None))
            return
        if belief.reel is None:
            for identity in self._insertion(j, stay):
                yield from self.ends(
                    k, j + 1, Belief(stay.reel, identity, True, False, stay)
                )
            return
        if belief.reel is stay.reel:
            yield from self.ends(k, j, belief)
            return
        # Another spool without an absence that had to be reported.
        if self._removal(j, belief, before, stay, swap=True):
            for identity in self._insertion(j + 1, stay, swap=True):
                yield from self.ends(
                    k, j + 2, Belief(stay.reel, identity, True, False, stay)
                )
        if self._may_hide(belief, stay):
            yield from self.ends(
                k,
                j,
                Belief(stay.reel, belief.identity, belief.inserted, belief.told, stay),
            )

    def _may_hide(self, belief: Belief, stay: Stay) -> bool:
        """Whether nothing on the wire has to show that the spool is another one."""
        if belief.identity is None or stay.reel is None or not self._facts.reads:
            return True
        if (
            stay.reel.identity is None
            and self._row[self._row.index(stay) - 1].seen is None
        ):
            # An absence between two reports, and then a read that finds no tag.
            return True
        return stay.read is None or (
            stay.reel.identity is None and not (stay.seen and not stay.late)
        )

    def _removal(
        self, j: int, belief: Belief, before: Stay, stay: Stay, *, swap: bool = False
    ) -> bool:
        if j >= len(self._events):
            return False
        event, lenient = self._events[j], self._lenient
        if event.kind != REMOVED:
            return False
        if not lenient.identity and event.identity not in self._names_at_end(
            belief, before, stay
        ):
            return False
        if not lenient.reason and not swap:
            if before.runout is not None and before.runout != (
                event.reason == "runout"
            ):
                return False
        return self._in_time(
            event, stay, self._facts.removed_by, swap=swap, held=before.held
        )

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
                    and reading.read is not None
                    and stay.seen is not None
                    and stay.seen - reading.read > 8
                    and reading.unbroken(reading.read, stay.seen)
                ):
                    names.discard(None)
        return names

    def _insertion(self, j: int, stay: Stay, *, swap: bool = False) -> list[str | None]:
        """Return the identity that the next event inserts; nothing where it is wrong."""
        if j >= len(self._events):
            return []
        event, lenient = self._events[j], self._lenient
        if event.kind != INSERTED:
            return []
        assert stay.reel is not None
        if not lenient.identity and event.identity not in self._names_at_start(
            stay, swap=swap
        ):
            return []
        if not self._in_time(event, stay, self._facts.inserted_by, swap=swap):
            return []
        return [event.identity]

    def _names_at_start(self, stay: Stay, *, swap: bool) -> set[str | None]:
        assert stay.reel is not None
        identity = stay.reel.identity
        if identity is None or stay.read is None:
            return {None}
        if stay.seen is None or stay.unread_by_choice or stay.late is None:
            return {identity, None}
        soon = stay.read - stay.seen <= self._facts.names_by
        stayed = stay.ended is None or stay.ended > stay.read + 8
        if soon and stayed and stay.unbroken(stay.seen, stay.read + 8):
            return {identity}
        return {identity, None}

    def _in_time(
        self,
        event: Emitted,
        stay: Stay,
        within: float,
        *,
        swap: bool,
        held: bool = False,
    ) -> bool:
        lenient = self._lenient
        if stay.seen is None:
            return lenient.time
        if not lenient.time and event.at < stay.seen - 0.001:
            return False
        seen_live = stay.late is False and stay.unbroken(stay.seen, event.at)
        if swap or held:
            return True
        if stay.late is True and not event.late and not lenient.lateness:
            return False
        if seen_live:
            if event.late and not lenient.lateness:
                return False
            if not lenient.time and event.at > stay.seen + within:
                return False
        return True

    def _may_be_unknown(self, stay: Stay, belief: Belief) -> bool:
        if not self._facts.unknown:
            return False
        reel = belief.reel
        if reel is None:
            return False
        if reel.identity is None or stay.unread_by_choice:
            return True
        # Assigned by software, in its own time.
        return not self._facts.reads and belief.identity is None

    def _finish(self, belief: Belief) -> Iterator[Belief]:
        last, stay = self._last, self._row[-1]
        if last.present is not (belief.reel is not None):
            return
        if belief.reel is None:
            if last.identity is None or self._lenient.identity:
                yield Belief(None, None)
            return
        names = {belief.identity}
        if stay.reel is not None and stay.read is not None:
            if stay.reel.identity is not None:
                names = {stay.reel.identity}
            else:
                names.add(None)
        if last.identity not in names and not self._lenient.identity:
            return
        if (
            self._facts.unknown
            and belief.inserted
            and not belief.told
            and last.identity is None
            and not self._lenient.unknown
        ):
            return
        yield replace(belief, reel=stay.reel, identity=last.identity, stay=stay)


def _texts(events: list[Emitted]) -> str:
    return (
        "["
        + ", ".join(
            f"{event.at:.1f} {event.kind}"
            f"{' ' + event.identity[-6:] if event.identity else ''}"
            f"{' late' if event.late else ''}{' ' + event.reason if event.reason else ''}"
            for event in events
        )
        + "]"
    )


def _row(row: list[Stay]) -> str:
    return "; ".join(
        f"{'-' if stay.reel is None else f'#{stay.reel.number}'}"
        f"{'' if stay.reel is None or stay.reel.identity is None else ' ' + stay.reel.identity[-6:]}"
        f" from {stay.began:.1f} seen {_time(stay.seen)}-{_time(stay.ended)}"
        f"{' late' if stay.late else ''} read {_time(stay.read)}"
        f"{f' gaps {[round(gap, 1) for gap in stay.gaps]}' if stay.gaps else ''}"
        for stay in row
    )


def _time(at: float | None) -> str:
    return "never" if at is None else f"{at:.1f}"
