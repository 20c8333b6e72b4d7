"""One slot under watch: what is confirmed of it, and what is waiting to be.

Every tracker rule about a single slot is here (docs/architecture.md "Tracker rules"). A watch has no clock: it is told
the moment, and says at which later moment it wants to be asked again.
"""

from dataclasses import dataclass, replace

from ...model import NO_IDENTIFIERS, EventType, Filament, Identifiers, StoredSlot
from ..snapshot import Slot
from ..timings import NEVER, Timings
from .types import Gap, Happening, Moment, Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """Presence changed, or another identity showed; waiting to hold long enough."""

    moment: Moment
    gap: Gap | None
    runout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    """The spool may have been changed: nobody looked, or it was out for a moment.

    left, came: the edges of a short absence; None where there was none.
    """

    gap: Gap | None
    left: Moment | None = None
    came: Moment | None = None


class SlotWatch:
    """The truth about one slot, and the changes of it that still wait.

    The confirmed part is public: `present` (None: not known yet), `identifiers`,
    `filament`, `active`, `label`.
    """

    def __init__(self, timings: Timings, gap: Gap | None) -> None:
        """Watch a slot nothing is known of."""
        self._timings = timings
        self.label: str | None = None
        self.has_sensor = True
        self.identifiable = True
        self.present: bool | None = None
        self.identifiers = NO_IDENTIFIERS
        self.filament: Filament | None = None
        self.active: bool | None = None
        self.gap = gap
        self._seen: Slot | None = None
        self._nameless: Slot | None = None
        self._inlet_since: Moment | None = None
        self._arrival: _Edge | None = None
        self._departure: _Edge | None = None
        self._doubt: _Doubt | None = None
        self._other: tuple[Identifiers, Moment] | None = None
        self._lingering = NO_IDENTIFIERS
        self._read_ended: Moment | None = None
        self._unknown_due = False
        self._arrived: _Edge | None = None

    def remember(self, stored: StoredSlot) -> None:
        """Start from what was known before."""
        self.label = stored.label
        self.identifiable = stored.identifiable
        self.present = stored.present
        self.identifiers = stored.identifiers
        self.filament = stored.filament
        self.active = stored.active
        self._unknown_due = (
            bool(stored.present)
            and not stored.identifiers.known
            and stored.inserted_at is not None
            and not stored.unknown_reported
        )

    def look_away(self, gap: Gap) -> None:
        """Stop watching: nothing that still waits is certain any more.

        The first gap counts, also of an absence that was found after it and still
        waits. A drying one outlives all others, as the filament is still pulled back.
        """
        first = self.gap or (self._departure.gap if self._departure else None) or gap
        self.gap = replace(first, drying=first.drying or gap.drying)
        weighed = self._doubt is not None and self._read_ended is not None
        if self._seen is not None and not self._seen.identifiers.known and not weighed:
            # Of a read that is going on nobody will see the end.
            self._nameless = replace(self._seen, reading=False)
        self._seen = None
        self._inlet_since = None
        self._arrival = None
        self._departure = None
        self._doubt = None
        self._other = None
        self._read_ended = None

    def see(self, slot: Slot, unit: Surroundings, moment: Moment) -> None:
        """Take in what the printer says of the slot now."""
        before, self._seen = self._seen, slot
        self.label = slot.label
        self.active = slot.active
        self.has_sensor = slot.has_sensor
        self.identifiable = slot.identifiable
        if not slot.has_sensor:
            self.identifiers = slot.identifiers
            self.filament = slot.filament
            return
        # A slot that was read and nameless before a gap has not been read in it.
        nameless, self._nameless = self._nameless, None
        self._note_read(before or nameless, slot, moment)
        present, moment = self._presence(slot, moment)
        if present is None:
            self._departure = None
            if self._arrival and not self._settled(self._arrival, moment):
                self._arrival = None
            return
        if unit.drying and not self._believed_while_drying(present):
            return
        if self.gap is not None:
            self._compare(slot, present, moment)
        elif present:
            self._see_present(moment)
        else:
            self._see_absent(slot, before, unit, moment)

    def judge(
        self, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        """Say what has become certain by now, and when to ask again (NEVER: not at all)."""
        slot = self._seen
        if slot is None or not self.has_sensor:
            return [], NEVER
        if slot.present is None and slot.inlet and self._inlet_since:
            ripe = self._inlet_since.seconds + self._timings.inlet_settle
            if moment.seconds < ripe:
                return [], ripe
            self.see(slot, unit, moment)
        if self._departure is not None:
            return self._judge_departure(self._departure, unit, moment)
        if self._arrival is not None:
            return self._judge_arrival(self._arrival, slot, unit, moment)
        if not self.present or self.gap is not None:
            return [], NEVER
        happenings, due = self._judge_identity(slot, unit, moment)
        self._follow_filament(slot)
        unknown, unknown_due = self._judge_unknown(slot, unit, moment)
        return happenings + unknown, min(due, unknown_due)

    # What the printer shows.

    def _presence(self, slot: Slot, moment: Moment) -> tuple[bool | None, Moment]:
        """Return presence and since when it shows; a held inlet counts as present."""
        if slot.present is not None or not slot.inlet:
            self._inlet_since = None
            return slot.present, moment
        if self._inlet_since is None:
            self._inlet_since = moment
        # Added as where it is waited for: a rounded difference may fall short of it.
        if moment.seconds < self._inlet_since.seconds + self._timings.inlet_settle:
            return None, moment
        return True, self._inlet_since

    def _believed_while_drying(self, present: bool) -> bool:
        """Set bits are believed, but not held against what was known before a gap."""
        return present and (self.gap is None or self.present is None)

    def _note_read(self, before: Slot | None, slot: Slot, moment: Moment) -> None:
        """Remember when a read of what is there ended; a new read forgets the last one."""
        if slot.reading or slot.present is False:
            self._read_ended = None
        elif (before and before.reading) or (
            slot.read_done and not (before and before.read_done)
        ):
            self._read_ended = moment
        elif not slot.read_done and before and before.read_done:
            self._read_ended = None

    def _compare(self, slot: Slot, present: bool, moment: Moment) -> None:
        """Hold the first word after a gap against the last known truth."""
        gap, self.gap = self.gap, None
        if self.present is None:
            self.present = present
            self._lingering = NO_IDENTIFIERS if present else slot.identifiers
            if present:
                self.identifiers = slot.identifiers
                self.filament = slot.filament
        elif present and self.present:
            self._lingering = self.identifiers
            if self.identifiers.known:
                self._doubt = _Doubt(gap=gap)
        elif present:
            self._arrival = _Edge(moment=moment, gap=gap)
        elif self.present:
            self._lingering = slot.identifiers
            self._departure = _Edge(moment=moment, gap=gap)

    def _see_present(self, moment: Moment) -> None:
        if self._departure is not None:
            left, self._departure = self._departure, None
            if self.present and self.identifiers.known:
                gap = left.gap or (self._doubt.gap if self._doubt else None)
                self._doubt = _Doubt(gap=gap, left=left.moment, came=moment)
        elif not self.present and self._arrival is None:
            self._arrival = _Edge(moment=moment, gap=None)

    def _see_absent(
        self, slot: Slot, before: Slot | None, unit: Surroundings, moment: Moment
    ) -> None:
        self._lingering = slot.identifiers
        self._other = None
        if self._arrival and not self._settled(self._arrival, moment):
            self._arrival = None
        elif (self.present or self._arrival) and self._departure is None:
            fed = slot.active or (before is not None and before.active)
            self._departure = _Edge(
                moment=moment,
                gap=None,
                runout=fed and unit.printing,
            )

    def _settled(self, arrival: _Edge, moment: Moment) -> bool:
        return moment.seconds >= arrival.moment.seconds + self._timings.insert_settle

    def _leftover(self, slot: Slot) -> bool:
        """Whether what the printer names is a spool that has left.

        Printers keep naming it (docs/protocols/bambu.md P4): the name from before counts again only
        when the slot has been read.
        """
        return (
            slot.reads_tags
            and slot.identifiers.known
            and slot.identifiers == self._lingering
            and slot.read_done is not None
            and (slot.reading or not slot.read_done)
        )

    def _read_without_tag(self, slot: Slot, moment: Moment) -> tuple[bool, float]:
        """Whether a read has ended and no tag followed it; else when to look again."""
        if slot.reading or self._read_ended is None:
            return False, NEVER
        ripe = self._read_ended.seconds + self._timings.insert_settle
        return moment.seconds >= ripe, ripe

    # What has become certain.

    def _judge_departure(
        self, departure: _Edge, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        due = departure.moment.seconds + self._timings.removal_confirm
        if departure.gap is not None and departure.gap.drying:
            due = (
                max(departure.moment.seconds, unit.still_since)
                + self._timings.still_after_drying
            )
        if moment.seconds < due:
            return [], due
        happenings = []
        if self._arrival is not None:
            # It was there long enough to count, and left before it could be named.
            happenings.append(self._insert(self._arrival, NO_IDENTIFIERS, None))
        happenings.append(
            Happening(
                event_type=EventType.SPOOL_REMOVED,
                moment=departure.moment,
                identifiers=self.identifiers,
                gap=departure.gap,
                filament=self.filament,
                reason="runout" if departure.runout else None,
            )
        )
        self.present = False
        self.identifiers = NO_IDENTIFIERS
        self.filament = None
        self._departure = None
        self._doubt = None
        self._unknown_due = False
        return happenings, NEVER

    def _judge_arrival(
        self, arrival: _Edge, slot: Slot, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        timings, began = self._timings, arrival.moment.seconds
        settled = began + timings.insert_settle
        if moment.seconds < settled:
            return [], settled
        leftover = self._leftover(slot)
        identifiers = NO_IDENTIFIERS if leftover else slot.identifiers
        if not identifiers.known:
            wait_until = self._wait_for_identity(slot, unit, began, moment)
            if moment.seconds < wait_until:
                return [], wait_until
        filament = None if leftover else slot.filament
        happenings = [self._insert(arrival, identifiers, filament)]
        unknown, due = self._judge_unknown(slot, unit, moment)
        if unit.drying:
            # Its filament is pulled back next, as that of all others was.
            self.gap = Gap(since=moment.at, drying=True)
        return happenings + unknown, due

    def _wait_for_identity(
        self, slot: Slot, unit: Surroundings, began: float, moment: Moment
    ) -> float:
        """Return until when an insertion waits for its identity; in the past: no more."""
        timings = self._timings
        if not slot.identifiable:
            return began
        if not slot.reads_tags:
            return began + timings.load_wait if unit.loading else began
        if slot.unreadable or not (unit.reading_enabled or slot.reading):
            return began
        ended, look_again = self._read_without_tag(slot, moment)
        if ended:
            return began
        if look_again < NEVER:
            return look_again
        if unit.reading:
            return began + timings.identity_wait_while_reading
        return began + timings.identity_wait

    def _insert(
        self, arrival: _Edge, identifiers: Identifiers, filament: Filament | None
    ) -> Happening:
        self.present = True
        self.identifiers = identifiers
        self.filament = filament
        self._arrival = None
        self._doubt = None
        self._arrived = arrival
        self._unknown_due = not identifiers.known
        return Happening(
            event_type=EventType.SPOOL_INSERTED,
            moment=arrival.moment,
            identifiers=identifiers,
            gap=arrival.gap,
            filament=filament,
        )

    def _judge_identity(
        self, slot: Slot, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        """Follow, hold or exchange the identity of the spool that is there."""
        if self._leftover(slot):
            return [], NEVER
        shown, known = slot.identifiers, self.identifiers
        if slot.external_assigned:
            # What software gives is followed; only what a tag says is weighed.
            known = known.model_copy(update={"external_id": shown.external_id})
        if not slot.reads_tags or not _tag(known, slot).known:
            self._follow_identity(shown)
            return [], NEVER
        self.identifiers = known
        if not _tag(shown, slot).known:
            self._other = None
            return self._judge_lost_identity(slot, unit, moment)
        if _tag(shown, slot).same_spool(_tag(known, slot)):
            if shown.external_id is None:  # a chip alone does not make it unknown again
                shown = shown.model_copy(update={"external_id": known.external_id})
            self._follow_identity(shown)
            return [], NEVER
        return self._judge_other(shown, slot, moment)

    def _follow_identity(self, shown: Identifiers) -> None:
        self.identifiers = shown
        self._other = None
        self._doubt = None
        if shown.known:
            self._unknown_due = False

    def _judge_lost_identity(
        self, slot: Slot, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        """Hold the identity, unless a doubtful slot has been read and had no tag."""
        doubt, ended = self._doubt, self._read_ended
        if doubt is None or slot.reading or ended is None or not unit.reading_enabled:
            return [], NEVER
        due = ended.seconds + self._timings.identity_settle
        if moment.seconds < due:
            return [], due
        return self._exchange(NO_IDENTIFIERS, slot, doubt, ended), NEVER

    def _judge_other(
        self, shown: Identifiers, slot: Slot, moment: Moment
    ) -> tuple[list[Happening], float]:
        """Another tag was read: certain when it stays, sooner after a short absence."""
        if self._other is None or not _tag(shown, slot).same_spool(
            _tag(self._other[0], slot)
        ):
            self._other = (shown, moment)
        since = self._other[1]
        doubt = self._doubt or _Doubt(gap=None)
        due = since.seconds + (
            self._timings.insert_settle
            if doubt.came is not None
            else self._timings.identity_settle
        )
        if moment.seconds < due:
            return [], due
        return self._exchange(shown, slot, doubt, since), NEVER

    def _exchange(
        self, identifiers: Identifiers, slot: Slot, doubt: _Doubt, shown_at: Moment
    ) -> list[Happening]:
        """One spool was taken for another without an absence that could be confirmed."""
        removed = Happening(
            event_type=EventType.SPOOL_REMOVED,
            moment=doubt.left or shown_at,
            identifiers=self.identifiers,
            gap=doubt.gap,
            filament=self.filament,
        )
        self._other = None
        arrival = _Edge(moment=doubt.came or shown_at, gap=doubt.gap)
        return [removed, self._insert(arrival, identifiers, slot.filament)]

    def _follow_filament(self, slot: Slot) -> None:
        """Take over the filament data, but not a blank that only means "not read yet"."""
        if self._other is not None:
            return
        held = self.identifiers.known and not slot.identifiers.known
        unread = slot.reads_tags and (slot.reading or slot.read_done is False)
        if slot.filament is None and (held or unread):
            return
        self.filament = slot.filament

    def _judge_unknown(
        self, slot: Slot, unit: Surroundings, moment: Moment
    ) -> tuple[list[Happening], float]:
        """Report a spool nobody can name, once per insertion, never too early."""
        if not self._unknown_due or not slot.identifiable or unit.feeding:
            return [], NEVER
        certain, arrived = moment, self._arrived
        if slot.reads_tags and not slot.unreadable and unit.reading_enabled:
            ended, look_again = self._read_without_tag(slot, moment)
            if ended and self._read_ended:
                certain = self._read_ended
            else:
                began = arrived.moment.seconds if arrived else unit.idle_since
                idle = max(began, unit.idle_since) + self._timings.unknown_after_idle
                if moment.seconds < idle:
                    return [], min(idle, look_again)
        self._unknown_due = False
        return [
            Happening(
                event_type=EventType.UNKNOWN_SPOOL_DETECTED,
                moment=_not_before(certain, arrived.moment) if arrived else certain,
                identifiers=NO_IDENTIFIERS,
                gap=arrived.gap if arrived else None,
                filament=self.filament,
            )
        ], NEVER


def _not_before(certain: Moment, inserted: Moment) -> Moment:
    """Return the moment, of the insertion's message; its tag may be read before it counts."""
    return replace(inserted, at=max(certain.at, inserted.at))


def _tag(identifiers: Identifiers, slot: Slot) -> Identifiers:
    """Return the part of an identity that was read from a tag."""
    if slot.external_assigned:
        return identifiers.model_copy(update={"external_id": None})
    return identifiers
