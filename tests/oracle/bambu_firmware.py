"""What a Bambu Lab printer does by itself: it reads tags, and remembers or forgets."""

import math
from typing import Any

from tests.printers.bambu_models import Bay, Kind, Unit

from .bambu_parts import UnitState, wire_of
from .bambu_wire import BambuWire
from .limits import Limit
from .record import READ, UNREAD, Reel, Stay


class BambuFirmware(BambuWire):
    """The printer with spools in it."""

    def _put(
        self, state: UnitState, tray: int, reel: Reel | None, **facts: Any
    ) -> None:
        """Note a physical change."""
        place = (state.unit.serial, tray + 1)
        stay = self.record.change(place, reel, self.now, **facts)
        stay.unread_by_choice = not self.printer.insert_flag or not (
            self.printer.power_on_flag or (self.powered and state.plugged)
        )
        if self.record.sighted.get(place, -math.inf) < state.back_at:
            stay.unread_by_choice = True
        stay.named = state.unit.bays[tray].known if reel is None else None
        state.stays[tray] += 1
        state.reels[tray] = reel
        state.shown[tray] = UNREAD
        state.hidden.discard(tray)
        state.back.discard(tray)
        if reel is not None and state.pulled:
            state.hidden.add(tray)
        self._shows = None

    def _place(self, pick: int, *, filled: bool) -> tuple[UnitState, int] | None:
        """Return a slot that is filled, or that is not."""
        slots = [
            (state, tray)
            for state in self.units
            for tray, reel in enumerate(state.reels)
            if (reel is not None) is filled
        ]
        return slots[pick % len(slots)] if slots else None

    def _last_stay(self, state: UnitState, tray: int) -> Stay:
        return self.record.stays[(state.unit.serial, tray + 1)][-1]

    def _insert(self, state: UnitState, tray: int, reel: Reel) -> None:
        bay = state.unit.bays[tray]
        bay.spool = wire_of(reel)
        bay.reading = bay.read_done = False
        bay.at_feeder = not state.pulled
        if not state.keeps_names:
            bay.known = None
        self._put(state, tray, reel)
        if self.printer.insert_flag and self.powered and state.plugged:
            self._want_read(state, tray)
        self.changed()

    def _remove(
        self, state: UnitState, tray: int, *, runout: bool | None = False
    ) -> None:
        bay = state.unit.bays[tray]
        active = (state.unit.number, tray + 1)
        if runout:
            pass
        elif (self.printer.printing and self.printer.active == active) or (
            self._fed_last == active and self.now < self._fed_until + 10.0
        ):
            runout = None
        drying = self.now < self._dries_until(state)
        # Filament that is pulled back is out of sight already.
        held = tray in state.back or self._may_be_pulled_back(state, tray)
        fed = self.printer.printing and self.printer.active == active
        if fed:
            # A slot that feeds cannot be pulled back.
            drying = held = False
        if fed or runout:
            self._ran_out_at = self.now
        bay.spool = None
        bay.at_feeder = bay.reading = bay.read_done = False
        self.hide_last(state)
        if not state.keeps_names:
            bay.known = None
        if self._reading == (state, tray):
            self._reading = None
            self.later(1.0, self._read_next, self._boot)
        self._queue = [one for one in self._queue if one != (state, tray)]
        self._put(state, tray, None, runout=runout, held=held)
        self._last_stay(state, tray).slow = drying
        self._clear_hms(state.unit, tray)
        self.changed()

    def _may_be_pulled_back(self, state: UnitState, tray: int) -> bool:
        """Whether a slot that clears looks like one whose unit pulls all filament back.

        Not where another one stays filled, none clears within a minute before or after,
        and the product has seen the drying begin.
        """
        together = self.clear(state, self._last_stay(state, tray))
        others = [bay for bay in state.unit.bays if bay is not state.unit.bays[tray]]
        place = (state.unit.serial, tray + 1)
        since = self.record.sighted.get(place, math.inf)
        if self._link is not None and not self.record.in_sight(place):
            # The first report of a new connection may show it as it was, and is on its way.
            since = math.inf
        return self.now < self._dries_until(state) and (
            together
            or not any(bay.at_feeder for bay in others)
            or since > state.dried_from - 5.0
        )

    def _dries_until(self, state: UnitState) -> float:
        """Return until when what it clears may look as if it dried.

        The same report may show the end of the drying, or the one before.
        """
        if state.unit.drying_minutes:
            return math.inf
        return state.dried_until + self._tick + 3.0

    def clear(self, state: UnitState, stay: Stay | None) -> bool:
        """Note a slot that clears; return whether another one did within a minute.

        What cleared while the unit dried, or just before that, may be held then. `stay`
        is that of the spool that leaves, if one does.
        """
        near = [(at, one) for at, one in state.cleared if at > self.now - 70.0]
        kept = [(at, one) for at, one in state.cleared if at > self.now - 150.0]
        state.cleared = [*kept, (self.now, stay)]
        until = self._dries_until(state)
        dried = [one for at, one in near if state.dried_from - 20.0 < at < until]
        for one in dried:
            if one is not None:
                one.held = True
        return bool(dried)

    def hide_last(self, state: UnitState) -> None:
        """Note a clear or a flicker in a drying unit.

        The first report a minute after another slot cleared may show that none is filled
        any more that was filled then, and only one that shows such a slot confirms that
        one alone was cleared.
        """
        if not state.unit.drying_minutes:
            return
        filled = [
            self._last_stay(state, tray).seen or self.now
            for tray, bay in enumerate(state.unit.bays)
            if bay.at_feeder
        ]
        for at, stay in state.cleared:
            unconfirmed = self._last_delivery < at + 62.0 or at > self.now - 70.0
            if stay is not None and at < self.now - 50.0 and unconfirmed:
                if min(filled, default=self.now) > at:
                    stay.held = Limit.DRYING.allows()

    def end_flicker(self, state: UnitState, opened: float) -> None:
        """Note a flicker that ends after the drying: as filament does that is fed back.

        What cleared within a minute looks as if all of it was pulled back.
        """
        if not state.unit.drying_minutes and opened < self._dries_until(state):
            for at, stay in state.cleared:
                if stay is not None and abs(at - opened) < 70.0:
                    stay.held = Limit.DRYING.allows()

    def hold_up(self, state: UnitState) -> None:
        """Note what was held up on its way until now of a unit that dries, or did.

        What left meanwhile seems to leave now: with the end of the drying, or together
        with others that did. A slot with a flicker seems to have been cleared, together
        with those that were.
        """
        drying = bool(state.unit.drying_minutes)
        if not drying:
            if state.dried_until + self._tick < self._stalled_at:
                return
            state.dried_until = self.now
        # The report of what left just before was not sent yet.
        since = self._stalled_at - self._tick
        held_up = [stay for at, stay in state.cleared if at > since]
        for stay in held_up:
            if stay is not None and (len(held_up) > 1 or not drying):
                stay.held = Limit.DRYING.allows()
        for opened, closed in state.flickers:
            if opened + 8.0 < self.now and closed + self._tick > self._stalled_at:
                for at, stay in state.cleared:
                    together = at < closed and abs(at - opened) < 70.0
                    if stay is not None and together:
                        stay.held = Limit.HELD_UP.allows()
        state.cleared = [
            (self.now if at > since else at, stay) for at, stay in state.cleared
        ]

    # Reading.

    def _want_read(self, state: UnitState, tray: int) -> None:
        if (state, tray) not in self._queue:
            self._queue.append((state, tray))
        self.later(self.rng.uniform(0.5, 2.5), self._read_next, self._boot)

    def _feeds(self, state: UnitState) -> bool:
        active = self.printer.active
        return (
            self.printer.printing
            and active is not None
            and active[0] == state.unit.number
        )

    def _readable(self, state: UnitState, tray: int) -> bool:
        return (
            state.plugged
            and self._listing
            and not self._loose
            and not self._feeds(state)
            and not state.unit.drying_minutes
            and state.unit.bays[tray].at_feeder
        )

    def _read_next(self, boot: int) -> None:
        if boot != self._boot or not self.powered or self._reading is not None:
            return
        for number, (state, tray) in enumerate(self._queue):
            if self._readable(state, tray):
                del self._queue[number]
                self._reading = (state, tray)
                state.unit.bays[tray].reading = True
                self.changed()
                seconds = self._read_seconds * self.rng.uniform(0.6, 1.4)
                self._reads += 1
                self.later(seconds, self._read_end, self._reads, state, tray)
                return

    def _read_end(self, number: int, state: UnitState, tray: int) -> None:
        # Not that of a read which was broken off.
        if number != self._reads or self._reading != (state, tray):
            return
        self._reading = None
        bay, reel = state.unit.bays[tray], state.reels[tray]
        bay.reading = False
        self._know(state, tray, bay, reel)
        if self._blanked is not None:
            # The report of what was read names them again.
            self.printer.note_sent(ams=self._blanked)
            self._blanked = None
        self.changed()
        self.later(self.rng.uniform(0.5, 2.0), self._read_next, self._boot)

    def _know(self, state: UnitState, tray: int, bay: Bay, reel: Reel | None) -> None:
        """Take in what a read has found."""
        state.shown[tray] = READ
        place = (state.unit.serial, tray + 1)
        if not self.record.in_sight(place) or self.record.silent_since < self.now:
            self._last_stay(state, tray).read_late = True
        tagged = reel is not None and reel.identity is not None
        bay.known = wire_of(reel) if tagged else None
        bay.read_done = tagged or self.printer.model.reads_untagged
        self._clear_hms(state.unit, tray, at_once=True)
        if reel is not None and reel.identity is None and wire_of(reel).uuid:
            self._set_hms(state.unit, tray)

    def _set_hms(self, unit: Unit, tray: int) -> None:
        """Report that a tag cannot be read, in one of the words there are (P21, 9)."""
        at = unit.id << 16 | tray << 8
        if unit.kind is Kind.LITE:
            messages = [(0x12003000 | tray << 8, 0x00020059)]
        elif unit.id >= 128:
            messages = [
                (0x18002000 | at, 0x00020057),
                (0x18002000 | at, 0x00020058),
                (0x18003000 | at, 0x00020002),
            ]
        else:
            messages = [
                (0x07002000 | at, 0x00020057),
                (0x07002000 | at, 0x00010081),
                (0x07003000 | at, 0x00020002),
                (0x05000400, 0x00020010 + unit.id * 4 + tray),
            ]
        attr, code = self.rng.choice(messages)
        entry = self._tag_messages[(unit.serial, tray)] = {"attr": attr, "code": code}
        self.printer.hms.append(entry)

    def _runout_message(self, unit: Unit, tray: int) -> dict[str, int]:
        family = 0x18 if unit.id >= 128 else 0x07
        attr = family << 24 | unit.id << 16 | 0x2000 | tray << 8
        return {"attr": attr, "code": 0x00020001}

    def _report_runout(self, unit: Unit, tray: int) -> None:
        if unit.kind is not Kind.LITE:
            entry = self._runout_message(unit, tray)
            self.printer.hms.append(entry)
            self.later(90.0, self._forget_runout, entry)

    def _forget_runout(self, entry: dict[str, int]) -> None:
        if entry in self.printer.hms:
            self.printer.hms.remove(entry)
            self.changed()

    def _clear_hms(self, unit: Unit, tray: int, *, at_once: bool = False) -> None:
        """Clear the message about a tag, now or with the next read."""
        if at_once or self.rng.random() < 0.5:
            entry = self._tag_messages.pop((unit.serial, tray), None)
            if entry in self.printer.hms:
                self.printer.hms.remove(entry)

    def _forget(self, state: UnitState, *, reads: bool) -> None:
        """Know no tag any more, and read all of them, or remember what was there."""
        for tray, bay in enumerate(state.unit.bays):
            bay.reading = False
            state.shown[tray] = UNREAD
            if reads:
                bay.known, bay.read_done = None, False
                # Also one whose switch is open for a moment.
                if bay.spool is not None and not state.pulled:
                    self._want_read(state, tray)
            else:
                # Nothing is read; what was known may be remembered.
                if not self._remembers:
                    bay.known = None
                bay.read_done = bay.at_feeder
                self.record.stays[(state.unit.serial, tray + 1)][
                    -1
                ].unread_by_choice = True
        self._shows = None
