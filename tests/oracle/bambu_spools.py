"""What is done with the spools of a Bambu Lab printer: changed, printed, dried."""

from dataclasses import replace
import math

from tests.printers.bambu_models import PLAIN_SPOOL, PRESET_SPOOL, Kind

from .bambu_firmware import BambuFirmware
from .bambu_parts import UnitState
from .record import READ, UNREAD


class BambuSpools(BambuFirmware):
    """The printer with its owner."""

    def do_insert(self, pick: int, how: int) -> None:
        """Put a spool into an empty slot."""
        found = self._place(pick, filled=False)
        if found and self._last_stay(*found).began < self.now - self._refill(*found):
            self._insert(*found, self.some_reel(how))

    def _refill(self, state: UnitState, tray: int) -> float:
        """Return for how long an empty slot takes no spool, in seconds.

        After a runout the end of the filament has to be drawn in first.
        """
        stays = self.record.stays[(state.unit.serial, tray + 1)]
        ran_out = len(stays) > 1 and stays[-2].runout
        return 10.0 if ran_out else 1.5

    def do_remove(self, pick: int, how: int) -> None:
        """Take a spool out."""
        if found := self._place(pick, filled=True):
            state, tray = found
            self.keep(state.reels[tray])
            self._remove(state, tray)

    def do_swap(self, pick: int, how: int) -> None:
        """Exchange a spool, quickly or not; perhaps for the same."""
        if found := self._place(pick, filled=True):
            state, tray = found
            old = state.reels[tray]
            assert old is not None
            new = old if how % 4 == 0 else self.some_reel(how)
            self._remove(state, tray)
            stays = state.stays[tray]
            pause = (2.0, 3.5, 5.0, 18.0, 40.0)[how // 4 % 5]

            def insert() -> None:
                if state.stays[tray] == stays:
                    self._insert(state, tray, new)

            self.later(pause, insert)

    def do_flicker(self, pick: int, how: int) -> None:
        """Let the switch in the feeder lose the filament for a moment."""
        found = self._place(pick, filled=True)
        if found is None or not found[0].unit.bays[found[1]].at_feeder:
            return
        state, tray = found
        if any(self.now < closed + 3.0 for _, closed in state.flickers):
            # It would seem to be open all the time, as no report comes in between.
            return
        bay, stays = state.unit.bays[tray], state.stays[tray]
        bay.at_feeder = False
        stay = self._last_stay(state, tray)
        stay.opened = self.now
        stay.openings.append(self.now)
        if self._unseen(state, tray):
            # What is reported first shows it as it was before.
            state.hidden.add(tray)
        self.hide_last(state)
        self.changed()
        opened = self.now

        def close() -> None:
            if state.stays[tray] == stays and not state.pulled:
                state.flickers.append((opened, self.now))
                self.end_flicker(state, opened)
                bay.at_feeder = True
                state.hidden.discard(tray)
                self.changed()
                self.later(1.0, self._read_next, self._boot)

        self.later((0.5, 2.0, 4.0)[how % 3], close)

    def do_set_external(self, pick: int, how: int) -> None:
        """Enter on the screen what an external holder holds; perhaps nothing."""
        if not self.powered:
            return
        holders = self.printer.model.externals
        number = pick % len(holders)
        colour = f"E{how:05X}" if how % 4 else None
        preset = replace(PRESET_SPOOL, colour=f"{colour}FF") if colour else PLAIN_SPOOL
        self.printer.presets[holders[number]] = preset
        place = ("direct", number + 1)
        self.record.holders[place] = f"#{colour}" if colour else None
        self.changed()

    def do_start_print(self, pick: int, how: int) -> None:
        """Print from a slot, or from an external holder."""
        if self.printer.printing or not self.powered:
            return
        if how % 8 == 0:
            holders = self.printer.model.externals
            self.printer.printing = True
            self.printer.active = (holders[pick % len(holders)], 1)
            self._fed_since = self.now
            self.changed()
            return
        found = self._place(pick, filled=True)
        if found is None or not self._can_feed(*found):
            return
        self.printer.printing = True
        self.printer.active = (found[0].unit.number, found[1] + 1)
        self._fed_since = self.now
        self.changed()

    def _can_feed(self, state: UnitState, tray: int) -> bool:
        return (
            state.plugged
            and not state.pulled
            and state.unit.bays[tray].at_feeder
            and self._reading is None
        )

    def do_switch(self, pick: int, how: int) -> None:
        """Feed from another slot from now on."""
        found = self._place(pick, filled=True)
        if self.printer.printing and found and self._can_feed(*found):
            self._fed_last, self._fed_until = self.printer.active, self.now
            self.printer.active = (found[0].unit.number, found[1] + 1)
            self._fed_since = self.now
            self.changed()
            self.later(2.0, self._read_next, self._boot)

    def do_end_print(self, pick: int = 0, how: int = 0) -> None:
        """Come to the end of the print; what could not be read is read now."""
        if self.now < self._ran_out_at + 4.0:
            # It pauses, as it does for a spool that is pulled out while it feeds, and is
            # not ended before that is reported.
            self.later(4.0, self.do_end_print)
        elif self.printer.printing:
            self._fed_last, self._fed_until = self.printer.active, self.now
            self.printer.printing, self.printer.active = False, None
            self.changed()
            self.later(2.0, self._read_next, self._boot)

    def do_run_out(self, pick: int, how: int) -> None:
        """Let the active spool come to its end, and another take over."""
        active = self.printer.active
        if not (self.printer.printing and active and self.powered):
            return
        if active[0] in self.printer.presets:
            return
        state = next(s for s in self.units if s.unit.number == active[0])
        tray = active[1] - 1
        if state.reels[tray] is None or self.now < self._fed_since + 4.0:
            # No report has shown yet that it feeds.
            return
        boot, stays = self._boot, state.stays[tray]
        # What is still reported about the spool before names this one no more.
        named = (
            state.unit.kind is not Kind.LITE
            and self._runout_message(state.unit, tray) not in self.printer.hms
        )

        def end() -> None:
            if boot == self._boot and state.stays[tray] == stays:
                self._remove(state, tray, runout=True)
                if how % 3 == 1 and not self.printer.model.vir_slots:
                    # The external holder is active in the report that clears the bit.
                    self.printer.active = (self.printer.model.externals[0], 1)
                self._report_runout(state.unit, tray)

        if how % 3 == 0 and named:
            # The active slot is given up a report before the bit clears; the health
            # message names the slot that ran out (docs/protocols/bambu.md 9).
            self._fed_last, self._fed_until = active, self.now
            self.printer.active = None
            self.changed()
            self.later(2.6, end)
        else:
            end()

        def take_over() -> None:
            if boot == self._boot:
                self.do_switch(pick, how)
                self.later(2.0, self._read_next, self._boot)

        self.later(6.0, take_over)

    def do_start_drying(self, pick: int, how: int) -> None:
        """Dry; some units pull their filament back first."""
        dryers = [
            state
            for state in self.units
            if state.unit.kind in (Kind.PRO, Kind.HT) and state.plugged
        ]
        if not dryers or not self.powered:
            return
        state = dryers[pick % len(dryers)]
        if state.unit.drying_minutes or (self._reading and self._reading[0] is state):
            return
        state.unit.drying_minutes = 480
        state.dried_from = self.now
        # It may dry for some seconds before the wire shows it.
        for tray in range(len(state.stays)):
            stays = self.record.stays[(state.unit.serial, tray + 1)]
            shown = stays[-1].seen or self.now
            if len(stays) > 1 and max(shown, stays[-1].began) > self.now - 20.0:
                stays[-2].held = True
        self.changed()
        if self._pulls_back and how % 2:
            self.later(3.0, self._pull_back, state)

    def _pull_back(self, state: UnitState) -> None:
        fed = self._fed_last is not None and self._fed_last[0] == state.unit.number
        if self._feeds(state) or (fed and self.now < self._fed_until + 10.0):
            # What fed is drawn in first.
            return
        if state.unit.drying_minutes and state.plugged and self.powered:
            state.pulled = True
            for tray, bay in enumerate(state.unit.bays):
                if bay.at_feeder:
                    self.clear(state, None)
                    state.back.add(tray)
                    stay = self._last_stay(state, tray)
                    stay.openings.append(self.now)
                    if stay.seen is None or self.now < stay.seen + 5.0:
                        # It has to settle again.
                        stay.returned = math.inf
                    if self._unseen(state, tray):
                        state.hidden.add(tray)
                bay.at_feeder = False
            self._shows = None
            self.changed()

    def _unseen(self, state: UnitState, tray: int) -> bool:
        """Whether no report has shown what is in a slot, and none is on its way."""
        # The second half of a report that is sent in two is on its way, too.
        shows = self._second[1] if self._second else self._shown_before
        sent, _ = shows.get((state.unit.serial, tray + 1), (None, None))
        on_its_way = self._link is not None and sent == state.stays[tray]
        return self._last_stay(state, tray).seen is None and not on_its_way

    def do_end_drying(self, pick: int, how: int) -> None:
        """Stop drying; the spools that are there are fed again, one by one."""
        for state in self.units:
            if state.unit.drying_minutes and state.plugged and self.powered:
                self._end_drying(state)

    def _end_drying(self, state: UnitState) -> None:
        state.unit.drying_minutes = 0
        state.dried_until = self.now
        self.changed()
        self.later(2.0, self._read_next, self._boot)
        if state.pulled:
            state.pulled = False
            for number, bay in enumerate(state.unit.bays):
                if bay.spool is not None:
                    self.later(5.0 * (number + 1), self._feed_back, state, number)

    def _feed_back(self, state: UnitState, tray: int) -> None:
        bay = state.unit.bays[tray]
        if bay.spool is None or bay.at_feeder or state.pulled:
            return
        bay.at_feeder = True
        stay = self._last_stay(state, tray)
        stay.returned = min(stay.returned, self.now)
        state.hidden.discard(tray)
        self.later(self._tick, self._shown_back, state, tray)
        self._shows = None
        if self.powered and state.plugged:
            self.changed()
            if self._reads_after_drying or state.shown[tray] != READ:
                bay.read_done = False
                state.shown[tray] = UNREAD
                self._want_read(state, tray)

    def _shown_back(self, state: UnitState, tray: int) -> None:
        """Note that a report has shown filament that was fed back."""
        if state.unit.bays[tray].at_feeder:
            state.back.discard(tray)

    def do_preset(self, pick: int, how: int) -> None:
        """Enter on the screen what an untagged spool is."""
        found = self._place(pick, filled=True)
        if found is None or not self.powered or not found[0].plugged:
            return
        state, tray = found
        reel, bay = state.reels[tray], state.unit.bays[tray]
        if reel and reel.identity is None and state.shown[tray] == READ:
            bay.known, bay.read_done = PRESET_SPOOL, True
            self.changed()
