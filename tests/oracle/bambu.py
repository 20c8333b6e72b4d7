"""A Bambu Lab printer as a physical thing: cables, power, network.

The reports are those of the virtual printer (tests/printers); this adds what happens
in time: reads one after the other, delays, outages, and what is done meanwhile.
"""

from collections.abc import Mapping
import math
from typing import ClassVar

from tests.printers import bambu_wire as wire
from tests.printers.bambu_models import Kind

from .bambu_parts import Link, UnitState
from .bambu_spools import BambuSpools


class BambuWorld(BambuSpools):
    """One printer, its owner and its surroundings."""

    ACTIONS: ClassVar[Mapping[str, float]] = {
        "insert": 10,
        "remove": 10,
        "swap": 8,
        "flicker": 2,
        "start_print": 3,
        "switch": 2,
        "end_print": 2,
        "run_out": 2,
        "start_drying": 2,
        "end_drying": 1.5,
        "unplug": 1,
        "replug": 1.5,
        "loose_contact": 0.7,
        "power_off": 1.5,
        "power_on": 2,
        "restart_home_assistant": 2,
        "lose_network": 1.5,
        "stall": 1,
        "regain_network": 1.5,
        "preset": 0.7,
        "set_external": 0.7,
    }

    def do_unplug(self, pick: int, how: int) -> None:
        """Pull the cable of a unit."""
        plugged = [
            state
            for state in self.units
            if state.plugged and not state.unit.drying_minutes
        ]
        if not plugged or (self.printer.printing and self.powered):
            return
        state = plugged[pick % len(plugged)]
        state.plugged, state.unplugged_at = False, self.now
        self.printer.units.pop(state.unit.number)
        if self._reading and self._reading[0] is state:
            self._reading = None
            self.later(1.0, self._read_next, self._boot)
        self._queue = [one for one in self._queue if one[0] is not state]
        self.changed()

    def do_replug(self, pick: int, how: int) -> None:
        """Connect the units that are not, perhaps the other way round."""
        # A unit takes some seconds to start.
        since = self.now - 4.0
        away = [s for s in self.units if not s.plugged and s.unplugged_at < since]
        if not away:
            return
        same = [state for state in away if state.unit.id < 128]
        if how % 2 and len(same) > 1:
            ids = [state.unit.id for state in same]
            for state, unit_id in zip(same, [*ids[1:], ids[0]], strict=True):
                state.unit.id = unit_id
                for tray in range(len(state.stays)):
                    self._last_stay(state, tray).moved = True
        for state in away:
            self._plug(state)

    def _plug(self, state: UnitState) -> None:
        state.plugged = True
        self.printer.units[state.unit.number] = state.unit
        if self.powered:
            self._forget(state, reads=True)
            if not self.printer.power_on_flag:
                state.back_at = self.now
            if self._link is None or not self.network:
                self._read_unseen(state)
            self.changed()

    def _read_unseen(self, state: UnitState) -> None:
        """Note that its spools are read while nothing of that can be seen.

        Where the setting is that nothing is read then, that shows afterwards like
        what was read before (docs/protocols/bambu.md 9).
        """
        if not self.printer.power_on_flag:
            for tray in range(len(state.stays)):
                self._last_stay(state, tray).unread_by_choice = True

    def _lose_sight(self) -> None:
        """Note the units that were connected and not seen since."""
        for state in self.units:
            place = (state.unit.serial, 1)
            if self.record.sighted.get(place, -math.inf) < state.back_at:
                self._read_unseen(state)

    def do_loose_contact(self, pick: int, how: int) -> None:
        """Let all units be gone for a moment, with masks that are not repeated (9)."""
        if self._link is None or not self.powered or self._loose or not self._listing:
            return
        if any(not state.plugged or state.unit.drying_minutes for state in self.units):
            return
        if self.printer.printing or self._reading or self._queue or self._report_due:
            return
        if any(
            not bay.at_feeder for s in self.units for bay in s.unit.bays if bay.spool
        ):
            return
        self.printer.report_delta()
        head = self.printer.chatter()["print"]
        del head["wifi_signal"]
        gone = {
            "ams_exist_bits": "0",
            "tray_exist_bits": "0",
            "tray_read_done_bits": "0",
        }
        self._loose = True
        self.record.loose.append(self.now)
        self._send({"print": head | {"ams": gone}}, {})
        self.later((1.0, 8.0, 25.0)[how % 3], self._contact, self._boot)

    def _contact(self, boot: int) -> None:
        self._loose = False
        if boot != self._boot or not self.powered:
            return
        head = self.printer.chatter()["print"]
        del head["wifi_signal"]
        bits = wire.bits(self.printer)
        exist = {key: bits[key] for key in ("ams_exist_bits", "tray_exist_bits")}
        self.printer.note_sent(**exist)
        units = [
            unit | {"tray": [{"id": tray["id"]} for tray in unit["tray"]]}
            for unit in wire.unit_list(self.printer)
        ]
        blank = {"ams": units, **exist}
        # The product believes nothing before its next full report.
        self.record.doubt_until = self.now + 75.0
        if not self.printer.model.sparse:
            blank = bits | {"ams": units}
        self._send({"print": head | {"ams": blank}}, self._now_shown())
        self._blanked = units
        # What changed meanwhile follows, and what was put in is read only now.
        self.changed()
        self.later(1.0, self._read_next, boot)
        self.later(15.0, self._known_again, boot)

    def _known_again(self, boot: int) -> None:
        if boot == self._boot and self._report_due:
            # The bits of what changed are reported first.
            self.later(1.0, self._known_again, boot)
        elif boot == self._boot and self.powered and not self._loose:
            self._shows = None
            self._blanked = None
            head = self.printer.chatter()["print"]
            del head["wifi_signal"]
            fresh = {"ams": wire.unit_list(self.printer)}
            if not self.printer.model.sparse:
                fresh |= wire.bits(self.printer)
            # Some printers name no empty slot in it.
            if all(len(tray) > 2 for unit in fresh["ams"] for tray in unit["tray"]):
                self.record.named.append(self.now)
            self._send({"print": head | {"ams": fresh}}, self._now_shown())

    def do_power_off(self, pick: int, how: int) -> None:
        """Switch it off, or let the power fail."""
        if not self.powered or self._loose:
            return
        if any(state.unit.drying_minutes for state in self.units):
            return
        if how % 2:
            self._send(self.printer.report_shutdown(), {})
        link = self._link
        self.later(0.6, self._down, link, how % 3)
        self.later(0.5, self._dark)

    def _dark(self) -> None:
        self.powered = False
        self.record.cuts.append(self.now)
        self.record.silent_since = min(self.record.silent_since, self.now)
        self._boot += 1
        self._reading = None
        self._queue.clear()
        self._report_due = False
        self.printer.printing, self.printer.active = False, None
        for state in self.units:
            for bay in state.unit.bays:
                bay.reading = False

    def _down(self, link: Link | None, how: int) -> None:
        # Otherwise the connection is dead and the client does not learn it.
        if link is not None and how:
            link.break_off()

    def do_power_on(self, pick: int, how: int) -> None:
        """Switch it on."""
        if self.powered:
            return
        self.later(12.0, self._up, how)

    def _up(self, how: int) -> None:
        if self.powered:
            return
        if self._link is not None:
            self._link.break_off()
        self.powered = True
        self.record.boots.append(self.now)
        self._boot += 1
        self._loose = False
        self.printer.version = 0
        self.printer.hms.clear()
        self._listing = not self._lists_late
        self.later(self.rng.uniform(3.0, 15.0), self._list, self._boot)
        self.later(self._chatter, self._talk, self._boot)
        for state in self.units:
            if state.plugged:
                # Bits 28-29 of `info` (docs/protocols/bambu.md 9).
                state.unit.phase = 2 if state.unit.phase == 1 else state.unit.phase
                self._forget(state, reads=self.printer.power_on_flag)

    def _list(self, boot: int) -> None:
        if boot == self._boot and not self._listing:
            self._listing = True
            self._shows = None
            self.changed()
            self.later(1.0, self._read_next, boot)

    def do_restart_home_assistant(self, pick: int, how: int) -> None:
        """Restart Home Assistant."""
        self._lose_sight()
        self.restart((4.0, 20.0, 90.0)[how % 3])

    def do_lose_network(self, pick: int, how: int) -> None:
        """Lose the network: the client learns at once, or only by the silence."""
        if self.network:
            self._lose_sight()
            # What is sent into a dead connection arrives if it comes back in time.
            self.network, self._stalled = False, []
            self._stalled_at = self.now
            self.record.silent_since = min(self.record.silent_since, self.now)
            if how % 2 and self._link is not None:
                self._link.break_off()

    def do_stall(self, pick: int, how: int) -> None:
        """Let reports wait on their way for up to half a minute."""
        if not self.network or self._link is None:
            return
        self.network, self._stalled = False, []
        self._stalled_at = self.now
        self.later((5.0, 15.0, 30.0)[how % 3], self._flow)

    def _flow(self) -> None:
        waiting, self._stalled = self._stalled, None
        if waiting is None:
            return
        self.network = True
        self.record.stalls.append((self._stalled_at, self.now))
        for state in self.units:
            self.hold_up(state)
        link = self._link
        for payload, shows in waiting:
            if link is not None:
                self._deliver(link, payload, shows)
        requests, self._requests = self._requests, []
        if link is None or not link.open:
            self._shows = None
            return
        for request in requests:
            self.asked(link, request)

    def do_regain_network(self, pick: int = 0, how: int = 0) -> None:
        """Have the network again."""
        if self._stalled is not None:
            self._flow()
        self.network = True

    # The end of an episode.

    def calm(self) -> None:
        """Bring all to rest, so that everything must be known after a while."""
        self.do_power_on(0, 0)
        self.do_regain_network()
        self.later(15.0, self._calm_printer)

    def _calm_printer(self) -> None:
        self.do_end_print()
        self.do_end_drying(0, 0)
        self.do_replug(0, 0)

    def busy(self) -> bool:
        """Whether something is still going on."""
        return (
            not self.powered
            or not self.network
            or not self._listing
            or self._loose
            or self.printer.printing
            or self._link is None
            or self._reading is not None
            or any(self._readable(*one) for one in self._queue)
            or any(
                state.unit.drying_minutes or not state.plugged for state in self.units
            )
        )

    def rest(self) -> float:
        """Return how long everything has to be still before a checkpoint."""
        can_dry = any(state.unit.kind in (Kind.PRO, Kind.HT) for state in self.units)
        # Ten minutes until a late removal, a minute until its unit was idle for as long,
        # and a report after each.
        return 800.0 if can_dry else 145.0
