"""What physically happened to each slot, and when the product could see it."""

from dataclasses import dataclass, field
import math

from .limits import Limit
from .product import Emitted, Place

UNREAD, READING, READ = range(3)
# Seconds: longer than a switch that loses its spool stays open, with the report of it.
_FLICKER = 8.0
# Seconds: a spool that was in sight for so long is confirmed, if its tag was read, and
# if it was not.
_CONFIRMED = 4.0
_UNREAD_CONFIRMED = 135.0


@dataclass(frozen=True, slots=True, eq=False)
class Reel:
    """A spool. `identity`: what the printer comes to know of it, None for nothing.

    colour: of the filament, and of no other spool's; None where none is reported.
    """

    number: int
    identity: str | None
    wire: object = None
    colour: str | None = None


@dataclass(slots=True, eq=False)
class Stay:
    """The time that one reel, or none, is in a slot.

    began: when it physically began.
    edge: when the switch moved for the last time before that; `began` at the latest.
    opened: when the switch lost a spool that stayed, last. openings: all of them, also
    those in which its filament was pulled back.
    returned: when it was fed back, having been pulled back before it had settled.
    seen: when the first report that shows it was delivered; None where none did.
    ended: when the first report that shows what followed was delivered.
    read: when the first report was delivered that shows the result of reading it.
    late: the report that showed it first came after a gap; None: either is right.
    gaps: when the slot was out of sight since the stay was seen.
    silences: since when nothing arrived any more before these, where that was earlier.
    runout: it ended with a runout; None: the wire cannot tell.
    held: its end may be taken for filament that the unit pulled back.
    unread_by_choice: the printer does not read the tag, or is not known to.
    read_late: it was read out of sight, or the report that showed that first came after
    a gap.
    read_since_boot: it was read out of sight, after the printer was switched on.
    forgotten: the result of reading it may not have been confirmed before a gap.
    slow: it takes a minute to be sure of it.
    dries: its unit has a dryer.
    moved: its unit was connected in the place of another one meanwhile.
    named: no spool is there, and its slot is named as this one (as `Reel.wire`).
    """

    reel: Reel | None
    began: float
    edge: float = 0.0
    opened: float | None = None
    openings: list[float] = field(default_factory=list)
    returned: float = 0.0
    seen: float | None = None
    ended: float | None = None
    read: float | None = None
    late: bool | None = False
    gaps: list[float] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)
    runout: bool | None = None
    held: bool = False
    unread_by_choice: bool = False
    slow: bool = False
    dries: bool = False
    moved: bool = False
    named: object = None
    read_late: bool = False
    read_since_boot: bool = False
    forgotten: bool = False

    @property
    def lost(self) -> float:
        """Since when it was out of sight, or nothing arrived any more, last."""
        before = max(self.gaps[:-1], default=0.0)
        since = [at for at in self.silences if at > before]
        return min((*self.gaps[-1:], *since), default=math.inf)

    def unbroken(self, since: float, until: float) -> bool:
        """Whether the slot was in sight all the time between."""
        return not any(since <= at <= until for at in (*self.gaps, *self.silences))


# What a report shows of a slot: the number of its stay, and how far its tag is read.
type Shows = dict[Place, tuple[int, int]]


class Record:
    """The stays of all slots of one history, and the events that came of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.stays: dict[Place, list[Stay]] = {}
        self.events: dict[Place, list[Emitted]] = {}
        self.changes = 0
        # By colour, the identity of the spool that has it.
        self.owners: dict[str, str] = {}
        # The colours that were entered for holders without a sensor.
        self.holders: dict[Place, str | None] = {}
        # Until then the product may hold what it sees for late.
        self.doubt_until = 0.0
        # Until then a switch may have read open at first, although it has a spool.
        self.open_until = 0.0
        # From when to when all switches may read open, as Klipper boots.
        self.booting = math.inf, -math.inf
        # Slots that are in sight, but whose presence is not known.
        self.unsure: set[Place] = set()
        # From when to when reports waited on their way.
        self.stalls: list[tuple[float, float]] = []
        # When all units were gone for a moment.
        self.loose: list[float] = []
        # When all slots were named, as a full report does.
        self.named: list[float] = []
        # When the printer was switched off, which its client may learn a minute later.
        self.cuts: list[float] = []
        # When it was switched on again.
        self.boots: list[float] = []
        # Since when nothing arrives any more, which its client may learn a minute later.
        self.silent_since = math.inf
        # Slots in sight whose units are not identified yet, or empty ones whose changer is
        # at work since. Nothing is compared until then, so that what changes meanwhile
        # may be found as after a gap.
        self.unidentified: set[Place] = set()
        # Since when a slot is in sight.
        self.sighted: dict[Place, float] = {}
        # Until then the printer reports as little as at rest.
        self.quiet_until = 0.0
        self._shown: Shows = {}
        self._blind: set[Place] = set()
        # Since when a slot is, or was last, out of sight.
        self._hidden: dict[Place, float] = {}
        self._last: Shows | None = None

    def begin(self, place: Place, reel: Reel | None, *, dries: bool = False) -> None:
        """Note what is in a slot at the beginning; `dries`: its unit has a dryer."""
        self.stays[place] = [Stay(reel, 0.0, dries=dries)]
        self._own(reel)
        self.events[place] = []
        self._blind.add(place)

    def _own(self, reel: Reel | None) -> None:
        if reel is not None and reel.colour and reel.identity:
            self.owners[reel.colour] = reel.identity

    def change(
        self,
        place: Place,
        reel: Reel | None,
        at: float,
        *,
        runout: bool | None = None,
        held: bool = False,
    ) -> Stay:
        """Note a physical change; return the stay that begins."""
        before = self.stays[place][-1]
        before.runout = runout
        before.held = held
        edge = at
        for opened in reversed(before.openings):
            # Between two, no report may have shown that it was closed.
            if edge < opened + _FLICKER:
                edge = opened
        booting_since, booting_until = self.booting
        if reel is None and at < booting_until:
            edge = min(edge, booting_since)
        stay = Stay(reel, at, edge, dries=before.dries)
        self._own(reel)
        self.stays[place].append(stay)
        self.changes += 1
        return stay

    def named_before(self, stay: Stay) -> set[str]:
        """Return the spool as which the empty slot was named before a stay, if as one."""
        before = self._before(stay)
        return {
            one.reel.identity
            for one in before
            if one.reel is not None
            and one.reel.identity is not None
            and one.reel.wire == before[-1].named
        }

    def read_before(self, stay: Stay) -> str | None:
        """Return the identity that was read last in the slot of a stay before it."""
        read = [
            one.reel.identity
            for one in self._before(stay)
            if one.reel is not None and one.read is not None
        ]
        return read[-1] if read else None

    def _before(self, stay: Stay) -> list[Stay]:
        stays = next(stays for stays in self.stays.values() if stay in stays)
        return stays[: stays.index(stay)]

    def emitted(self, event: Emitted) -> None:
        """Note an event of the product."""
        self.events.setdefault(event.place, []).append(event)

    def delivered(self, shows: Shows, at: float) -> None:
        """Note what a report that the product received shows."""
        if shows is self._last and not self._blind:
            return
        self._last = shows
        for place, seen in shows.items():
            if place in self._blind:
                self._blind.discard(place)
                self.sighted[place] = at
                self._see(place, seen, at, late=True)
                self._doubt(self.stays[place][seen[0]], at)
            elif self._shown[place] != seen:
                self._see(place, seen, at, late=False)
        for place in self._shown.keys() - shows.keys() - self._blind:
            self._hide(place, at)

    def blind(self, at: float) -> None:
        """Note that no slot is in sight any more."""
        for place in self.stays.keys() - self._blind:
            self._hide(place, at)

    def identified(self, places: set[Place]) -> None:
        """Note that units were identified, so that their slots are compared now.

        What was found late may look as if it came while in sight where its switch opened
        before.
        """
        for place in places & self.unidentified & self._shown.keys():
            stay = self.stays[place][self._shown[place][0]]
            if stay.late and (stay.opened or 0.0) > (stay.seen or 0.0) - 0.5:
                stay.late = None
        self.unidentified -= places

    def stalled(self, since: float, until: float) -> float:
        """Return for how many seconds of a time reports waited on their way."""
        return sum(
            max(0.0, min(until, end) - max(since, start)) for start, end in self.stalls
        )

    def reads(self, since: float, until: float) -> bool:
        """Return whether any tag was read in that time."""
        return any(
            stay.read is not None and since <= stay.read <= until
            for stays in self.stays.values()
            for stay in stays
        )

    def in_sight(self, place: Place) -> bool:
        """Whether the slot is in sight."""
        return place not in self._blind

    def _hide(self, place: Place, at: float) -> None:
        self._blind.add(place)
        self._hidden[place] = min(at, self.silent_since)
        if place in self._shown:
            stays = self.stays[place]
            shown = self._shown[place][0]
            stays[shown].gaps.append(at)
            if self.silent_since < at:
                stays[shown].silences.append(self.silent_since)

    def _doubt(self, stay: Stay, at: float) -> None:
        """Note that a spool that was found late may look as if it came while in sight.

        It does where it was not confirmed yet, and its switch reads open at first, or its
        filament was pulled back meanwhile.
        """
        if stay.reel is None or stay.seen is None or not stay.gaps:
            return
        opened = stay.dries and stay.openings and stay.openings[-1] > stay.gaps[-1]
        if at < self.open_until or (opened and Limit.PULLED_BACK_UNSEEN.allows()):
            since, need = max(stay.seen, stay.read or 0.0), _CONFIRMED
            if stay.read is None or stay.unread_by_choice:
                need = _UNREAD_CONFIRMED
            if stay.gaps[-1] < since + need + self.stalled(since, stay.gaps[-1]):
                stay.late = None

    def _see(
        self, place: Place, seen: tuple[int, int], at: float, *, late: bool
    ) -> None:
        index, knowledge = seen
        stays = self.stays[place]
        before = self._shown.get(place)
        self._shown[place] = seen
        stay = stays[index]
        if before is None or before[0] != index:
            if before is not None and stays[before[0]].ended is None:
                stays[before[0]].ended = at
            if stay.seen is None:
                stay.seen = at
                unsure = at < self.doubt_until or place in self.unsure
                unsure = unsure or (not late and place in self.unidentified)
                stay.late = None if unsure else late
        if knowledge == READ and stay.read is None:
            stay.read = at
            stay.read_late = stay.read_late or late
            hidden = self._hidden.get(place, at)
            stay.read_since_boot = late and any(boot > hidden for boot in self.boots)
