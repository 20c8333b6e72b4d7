"""Judges the events of all slots at each checkpoint, and names what is wrong."""

from dataclasses import dataclass
from itertools import pairwise

from .belief import Belief
from .facts import Facts, Leniency
from .naming import UNKNOWN
from .product import Emitted, Place, Shown
from .reading import Run
from .record import Record, Stay


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What the product got wrong about one slot."""

    kind: str
    place: Place
    detail: str


_TRIES = (
    ("wrongly live or late", Leniency(lateness=True)),
    ("too late or too early", Leniency(time=True, lateness=True, dates=True)),
    ("wrong reason", Leniency(reason=True)),
    ("wrong time of the event", Leniency(dates=True)),
    ("wrong filament", Leniency(filament=True)),
    ("wrong unknown", Leniency(unknown=True, lateness=True, time=True, dates=True)),
    (
        "wrong identity",
        Leniency(identity=True, lateness=True, time=True, dates=True, filament=True),
    ),
    (
        "wrong identity and unknown",
        Leniency(
            identity=True,
            unknown=True,
            lateness=True,
            time=True,
            reason=True,
            dates=True,
            filament=True,
        ),
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
        for place, colour in self._record.holders.items():
            if place in shown and shown[place].colour != colour:
                detail = f"shown {shown[place]}, entered {colour}"
                return Disagreement("wrong filament", place, detail)
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
            after = self._explain(row, events, beliefs, last, now, Leniency())
            if not after:
                return self._name(place, row, events, beliefs, last, now)
            self._beliefs[place] = after
            self._from[place] = len(stays) - 1
            row[-1].gaps.clear()
            row[-1].silences.clear()
            events.clear()
        return None

    def _explain(
        self,
        row: list[Stay],
        events: list[Emitted],
        beliefs: set[Belief],
        last: Shown,
        now: float,
        lenient: Leniency,
    ) -> set[Belief]:
        run = Run(self._facts, row, events, last, now, self._record, lenient)
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
            f"happened {_row(row)}; before {sorted(map(str, beliefs))}"
        )
        for kind, lenient in _TRIES:
            if self._explain(row, events, beliefs, last, now, lenient):
                return Disagreement(kind, place, detail)
        spool_events = [event for event in events if event.kind != UNKNOWN]
        needed = sum(
            (before.reel is not None) + (after.reel is not None)
            for before, after in pairwise(row)
            if before.reel is not after.reel
        )
        kinds = [(event.kind, event.identity) for event in spool_events]
        if len(spool_events) < needed:
            return Disagreement("missed", place, detail)
        if any(a == b for a, b in pairwise(kinds)):
            return Disagreement("doubled", place, detail)
        return Disagreement("false", place, detail)


def _texts(events: list[Emitted]) -> str:
    return (
        "["
        + ", ".join(
            f"{event.at:.1f} {event.kind} at {event.dated:.1f}"
            f"{' ' + event.identity[-6:] if event.identity else ''}"
            f"{' late' if event.late else ''}{' ' + event.reason if event.reason else ''}"
            f"{' ' + event.colour if event.colour else ''}"
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
