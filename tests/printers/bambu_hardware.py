"""A Bambu Lab printer with its units and spools, as far as its reports show them.

No network and no clock: each thing done to the printer is a row of steps, each the
seconds to wait and the report that is sent then. Steps are made one by one: take
the next only when the one before was sent.
"""

from collections.abc import Iterator

from . import bambu_wire as wire
from .bambu_models import KINDS, PLAIN_SPOOL, Bay, Kind, Model, Spool, Unit
from .bambu_wire import Report

type Step = tuple[float, Report]
type Steps = Iterator[Step]


class VirtualBambu:
    """The printer: full and delta reports, and the things that can be done to it."""

    def __init__(self, model: Model, serial: str | None = None) -> None:
        """Make it without units."""
        self.model = model
        self.serial = serial or model.serial
        self.units: dict[int, Unit] = {}
        self.presets: dict[int, Spool] = dict.fromkeys(model.externals, PLAIN_SPOOL)
        self.printing = False
        self.insert_flag = True
        self.power_on_flag = True
        self.active: tuple[int, int] | None = None
        self.hms: list[Report] = []
        self._sent: Report = {}
        self._sequence = 0
        self.version = 1

    # Set up before anything is reported.

    def add_unit(self, kind: Kind, unit_id: int, *spools: Spool | None) -> Unit:
        """Attach a unit with these spools in its first slots, all of them read."""
        facts = KINDS[kind]
        unit = Unit(
            unit_id, kind, f"{facts.serial_prefix}00A{unit_id:03d}{self.serial[-6:]}"
        )
        slots = 1 if kind is Kind.HT else 4
        for spool in (*spools, *[None] * slots)[:slots]:
            bay = Bay(spool)
            unit.bays.append(bay)
            if spool is not None:
                bay.at_feeder = True
                _read(bay)
        self.units[unit.number] = unit
        return unit

    # Reports.

    def report_full(self) -> Report:
        """Return the full report that answers a pushall."""
        self._count_change()
        report = {
            "command": "push_status",
            "sequence_id": self._next_sequence(),
            "gcode_state": "RUNNING" if self.printing else "IDLE",
            "wifi_signal": "-47dBm",
            "ams": wire.bits(self) | {"ams": wire.unit_list(self)},
            "hms": list(self.hms),
            **wire.externals(self),
            **wire.extruders(self),
        }
        if self.model.msg:
            report["msg"] = 0
        self._sent = dict(report)
        return {"print": report}

    def report_delta(self) -> Report:
        """Return the next partial report: what changed since the last one."""
        current = {
            "gcode_state": "RUNNING" if self.printing else "IDLE",
            "hms": list(self.hms),
            **wire.externals(self),
            **wire.extruders(self),
        }
        report: Report = {
            key: value for key, value in current.items() if self._sent.get(key) != value
        }
        if holder := report.get("vt_tray"):
            known = self._sent.get("vt_tray", {}).items()
            report["vt_tray"] = dict(
                item for item in holder.items() if item not in known
            )
        self._count_change()
        bits, units = wire.bits(self), wire.unit_list(self)
        sent = self._sent.get("ams", {})
        changed = {key: value for key, value in bits.items() if sent.get(key) != value}
        if units != sent.get("ams"):
            changed["ams"] = wire.partial_unit_list(self, sent.get("ams", []))
        if changed:
            report["ams"] = changed if self.model.sparse else bits | changed
        self._sent = self._sent | current | {"ams": bits | {"ams": units}}
        return {"print": self._delta_head() | report}

    def _count_change(self) -> None:
        """Count on where something changed since the last report, received or not."""
        sent = self._sent.get("ams", {})
        if sent and any(
            sent.get(key) != value
            for key, value in wire.bits(self).items()
            if key != "version"
        ):
            self.version += 1

    def note_sent(self, **values: object) -> None:
        """Note values of `ams` that a report of another kind contained."""
        self._sent["ams"] = self._sent["ams"] | values

    def chatter(self) -> Report:
        """Return a report that mentions no slot."""
        self._sequence += 1
        return {
            "print": self._delta_head()
            | {"wifi_signal": f"-{46 + self._sequence % 3}dBm"}
        }

    def report_shutdown(self) -> Report:
        """Return the report that some printers send when they are switched off.

        See docs/protocols/bambu.md P1.
        """
        return {
            "print": self._delta_head()
            | {
                "ams": {
                    "ams_exist_bits": "0",
                    "tray_exist_bits": "0",
                    "insert_flag": False,
                    "power_on_flag": False,
                    "tray_now": "0",
                    "version": 0,
                }
            }
        }

    def versions(self, sequence_id: str = "0") -> Report:
        """Return the answer to get_version."""
        return wire.versions(self, sequence_id)

    # What can happen. Units and slots are counted as events count them.

    def insert(self, unit: int, slot: int, spool: Spool) -> Steps:
        """Push a filament into the feeder; the unit then turns the spool to read it."""
        bay = self._bay(unit, slot)
        # It is named as the spool before until its own tag is read (P4).
        bay.spool, bay.read_done = spool, False
        bay.at_feeder = True
        if not self._can_read(unit):
            yield 0.0, self.report_delta()
            return
        bay.reading = True
        yield 0.0, self.report_delta()
        yield 2.0, self.chatter()
        yield from self._finish_reading(bay, 5.0)

    def remove(self, unit: int, slot: int) -> Steps:
        """Pull a filament out of the feeder."""
        bay = self._bay(unit, slot)
        # X1, H2 and the HT go on naming the spool that left; only its bit goes (P4).
        named = self.model.states or self.units[unit].kind is Kind.HT
        known = bay.known if named else None
        self.units[unit].bays[slot - 1] = Bay(known=known)
        yield 0.0, self.report_delta()

    def swap(self, unit: int, slot: int, spool: Spool, pause: float = 3.0) -> Steps:
        """Change the spool quickly."""
        yield from self.remove(unit, slot)
        yield from _later(pause, self.insert(unit, slot, spool))

    def flicker(self, unit: int, slot: int, seconds: float = 1.0) -> Steps:
        """Let the switch in the feeder lose the filament for a moment."""
        bay = self._bay(unit, slot)
        bay.at_feeder = False
        yield 0.0, self.report_delta()
        bay.at_feeder = True
        yield seconds, self.report_delta()

    def start_drying(self, unit: int, minutes: int = 480) -> Steps:
        """Dry; a unit that turns its spools pulls all filament out before.

        See docs/protocols/bambu.md P2.
        """
        self.units[unit].drying_minutes = minutes
        yield 0.0, self.report_delta()
        if self.model.drops_bits_when_drying:
            for bay in self.units[unit].bays:
                bay.at_feeder = False
            yield 3.0, self.report_delta()

    def end_drying(self, unit: int) -> Steps:
        """Stop drying; the spools that are still there are fed again."""
        self.units[unit].drying_minutes = 0
        yield 0.0, self.report_delta()
        for bay in self.units[unit].bays:
            if bay.spool is not None and not bay.at_feeder:
                bay.at_feeder = True
                yield 4.0, self.report_delta()

    def take_out(self, unit: int, slot: int) -> Steps:
        """Lift a spool out while its filament is not in the feeder; nothing reports it."""
        self._bay(unit, slot).spool = None
        yield 0.0, self.chatter()

    def power_cycle(self, off: float = 20.0) -> Steps:
        """Switch the printer off and on; it then reads all tags one by one."""
        yield 0.0, self.report_shutdown()
        yield from _later(off, self.power_up())

    def power_up(self) -> Steps:
        """Start without any tag read, and read them one by one where that is enabled."""
        bays = [bay for unit in self.units.values() for bay in unit.bays if bay.spool]
        for bay in bays:
            bay.known, bay.read_done, bay.reading = None, False, False
        yield 0.0, self.report_full()
        if not self.power_on_flag:
            return
        for bay in bays:
            if bay.at_feeder:
                bay.reading = True
                yield 2.0, self.report_delta()
                yield from self._finish_reading(bay, 5.0)

    def unplug(self, *units: int) -> Steps:
        """Pull the cable of units."""
        for unit in units:
            del self.units[unit]
        yield 0.0, self.report_delta()

    def plug(self, *units: Unit) -> Steps:
        """Connect units at their present ids; their tags are read again."""
        for unit in units:
            self.units[unit.number] = unit
            for bay in unit.bays:
                bay.known, bay.read_done = None, False
        yield 0.0, self.report_delta()
        for bay in [bay for unit in units for bay in unit.bays if bay.spool]:
            bay.reading = True
            yield 2.0, self.report_delta()
            yield from self._finish_reading(bay, 5.0)

    def start_print(self, unit: int, slot: int) -> Steps:
        """Print from a slot."""
        self.printing, self.active = True, (unit, slot)
        yield 0.0, self.report_delta()

    def switch_slot(self, unit: int, slot: int) -> Steps:
        """Feed from another slot from now on."""
        self.active = (unit, slot)
        yield 0.0, self.report_delta()

    def end_print(self) -> Steps:
        """End the print; tags that could not be read are read now."""
        self.printing, self.active = False, None
        yield 0.0, self.report_delta()
        for unit in self.units.values():
            for bay in unit.bays:
                if bay.at_feeder and not bay.read_done:
                    bay.reading = True
                    yield 2.0, self.report_delta()
                    yield from self._finish_reading(bay, 5.0)

    def run_out(self, unit: int, slot: int, next_slot: int) -> Steps:
        """Run the active spool out, and feed the next one.

        See docs/protocols/bambu.md P16.
        """
        yield from self.remove(unit, slot)
        yield from _later(4.0, self.switch_slot(unit, next_slot))

    def set_reading(self, on: bool) -> Steps:
        """Switch the reading of tags on insertion on or off."""
        self.insert_flag = on
        yield 0.0, self.report_delta()

    def set_preset(self, unit: int, slot: int, preset: Spool) -> Steps:
        """Enter on the screen what an untagged spool is."""
        bay = self._bay(unit, slot)
        bay.known, bay.read_done = preset, True
        yield 0.0, self.report_delta()

    def set_external(self, holder: int, preset: Spool) -> Steps:
        """Enter the filament on an external holder (254, 255)."""
        self.presets[holder] = preset
        yield 0.0, self.report_delta()

    def _bay(self, unit: int, slot: int) -> Bay:
        return self.units[unit].bays[slot - 1]

    def _can_read(self, unit: int) -> bool:
        feeding = self.printing and self.active is not None and self.active[0] == unit
        return self.insert_flag and not feeding

    def _finish_reading(self, bay: Bay, seconds: float) -> Steps:
        bay.reading = False
        if bay.spool is not None:
            _read(bay)
            if bay.spool.uuid is None:
                bay.read_done = self.model.reads_untagged
        yield seconds, self.report_delta()

    def _next_sequence(self) -> str:
        self._sequence += 1
        return str(self._sequence) if self.model.sparse else "2021"

    def _delta_head(self) -> Report:
        head: Report = {"sequence_id": self._next_sequence()}
        if self.model.commands:
            head["command"] = "push_status"
        return head | ({"msg": int(not self.model.full)} if self.model.msg else {})


def _later(seconds: float, steps: Steps) -> Steps:
    """Delay the first of the steps."""
    yield from (
        (delay + (seconds if number == 0 else 0.0), report)
        for number, (delay, report) in enumerate(steps)
    )


def _read(bay: Bay) -> None:
    spool = bay.spool
    bay.read_done = True
    bay.known = spool if spool and (spool.uuid or spool.material) else None
