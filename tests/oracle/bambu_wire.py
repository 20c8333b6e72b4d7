"""The wire of a Bambu Lab printer: when it reports what, and how that arrives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import math
from random import Random
from typing import Any

import orjson

from scripts.tools.package import load
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import (
    A2L_LITE_ID,
    PLAIN_SPOOL,
    PRESET_SPOOL,
    Kind,
    Spool,
    bambu_spool,
)

from .bambu_parts import Address, Link, Setup, UnitState, wire_of
from .facts import Facts
from .product import base
from .record import READ, READING, UNREAD, Record, Reel, Shows
from .world import World

driver = load("drivers.bambulab_mqtt.driver")

# Seconds between reports while nothing is done to the printer.
_AT_REST = 28.0


class BambuWire(World):
    """The printer's reports, on their way to the driver."""

    driver = driver.Driver

    def __init__(self, setup: Setup, rng: Random, record: Record) -> None:
        """Set it up, with spools in most of the slots."""
        super().__init__(rng, record)
        model = setup.model
        self.printer = VirtualBambu(model)
        self.printer.insert_flag = rng.random() > 0.08
        self.printer.power_on_flag = model.msg and rng.random() > 0.3
        # How far it had counted before: what is lower was reported since a restart.
        self.printer.version = rng.choice((1, 40, 3000))
        self._remembers = rng.random() < 0.5
        self._pulls_back = setup.pulls_back
        self._latency = rng.choice((0.05, 0.2))
        # What is still pending is confirmed by the next report.
        self._chatter = rng.choice((4.0, 9.0, 17.0))
        longest = 1.5 * self._chatter
        self.facts = Facts(
            absent_must=10.0 + longest,
            present_must=5.0 + longest,
            removed_by=12.0 + longest,
            inserted_by=135.0 + longest,
            untimed=True,
            shows_untagged=model.reads_untagged,
        )
        self._tick = 2.0 if model.sparse else 1.0
        self._full_every = rng.choice((0.0, 300.0))
        self._splits = model.sparse and rng.random() < 0.4
        self._reads_after_drying = rng.random() < 0.7
        self._read_seconds = rng.choice((5.0, 9.0, 20.0))
        self._lists_late = rng.random() < 0.3
        self.units: list[UnitState] = []
        for kind, unit_id in setup.units:
            self._add_unit(kind, unit_id)
        self._link: Link | None = None
        self._queue: list[tuple[UnitState, int]] = []
        self._reading: tuple[UnitState, int] | None = None
        self._reads = 0
        self._report_due = False
        # The second half of a report that is sent in two.
        self._second: tuple[dict[str, Any], Shows] | None = None
        self._boot = 0
        self._last_delivery = 0.0
        self._stalled: list[tuple[bytes, Shows | None]] | None = None
        # Requests that wait on their way as well.
        self._requests: list[str] = []
        self._shows: Shows | None = None
        self._listing = True
        self._loose = False
        # Which slots are filled, as far as that is believed; None where it is not known.
        self._exist_bits: str | None = None
        # The units without their names, as a loose contact left them.
        self._blanked: list[dict[str, Any]] | None = None
        self._tag_messages: dict[tuple[str, int], dict[str, int]] = {}
        self._fed_last: Address | None = None
        self._fed_until = 0.0
        self._fed_since = self._ran_out_at = -math.inf
        # When the next report is due that was planned at rest.
        self._resting_until = 0.0

    def config(self) -> dict[str, Any]:
        """Return the driver's configuration."""
        return {
            "host": "printer",
            "serial": self.printer.serial,
            "access_code": "12345678",
        }

    def start(self) -> None:
        """Switch it on."""
        self.later(self._chatter, self._talk, self._boot)

    def wake(self) -> None:
        """Report more again, after the report that is planned."""
        super().wake()
        self.record.quiet_until = self._resting_until

    # The wire.

    @asynccontextmanager
    async def open_session(
        self, config: Any, services: Any, take: Callable[[bytes], None]
    ) -> AsyncIterator[Link]:
        """Replace the driver's session."""
        await asyncio.sleep(0.3)
        if not (self.powered and self.network):
            await asyncio.sleep(4.0)
            raise base.DriverError(base.ErrorCode.CONNECTION_TIMEOUT, "no answer")
        link = self._link = Link(self.asked, take)
        self._requests.clear()
        self._stalled = None
        self._shown_before = {}
        self._hide_unseen()
        # A client that connects later does not receive earlier changes.
        self.printer.report_delta()
        try:
            yield link
        finally:
            link.open = False
            if self._link is link:
                self._link = None
            self.record.blind(self.now)

    def _hide_unseen(self) -> None:
        """Show what was put in and pulled back out of sight as it was before."""
        for state in self.units:
            for tray, bay in enumerate(state.unit.bays):
                stay = self.record.stays[(state.unit.serial, tray + 1)][-1]
                if bay.spool is not None and not bay.at_feeder and stay.seen is None:
                    state.hidden.add(tray)
                    self._shows = None

    def asked(self, link: Link, request: str) -> None:
        """Answer a request, if it arrives."""
        if link is not self._link or not self.powered:
            return
        if not self.network:
            if self._stalled is not None:
                self._requests.append(request)
            return
        pause = self.rng.uniform(0.1, 0.8)
        if "pushall" in request:
            self.later(pause, self._send_full, self._boot)
        elif "get_version" in request:
            self.later(pause + 0.2, self._send_versions, self._boot)

    def _send_full(self, boot: int) -> None:
        if boot == self._boot and self.powered and not self._loose:
            self._send_second(boot)
            report = self.printer.report_full()
            if not self._listing:
                report["print"]["ams"] |= {
                    "ams": [],
                    "ams_exist_bits": "0",
                    "tray_exist_bits": "0",
                    "tray_read_done_bits": "0",
                }
                self._send(report, {})
            else:
                self.record.named.append(self.now)
                self._send(report, self._now_shown())

    def _send_versions(self, boot: int) -> None:
        if boot == self._boot and self.powered:
            versions = self.printer.versions("0")
            if not self._listing:
                del versions["info"]["module"][1:]
            self._send(versions, None)

    def _talk(self, boot: int) -> None:
        if boot != self._boot:
            return
        pause = self._chatter if self.lively else _AT_REST
        pause *= self.rng.uniform(0.5, 1.5)
        self.later(pause, self._talk, boot)
        self._resting_until = self.now if self.lively else self.now + pause
        if self._link is None:
            return
        if self._full_every and self.rng.random() < self._chatter / self._full_every:
            self._send_full(boot)
        else:
            self._send(self.printer.chatter(), None)

    def changed(self) -> None:
        """Report what changed with the next report."""
        self._shows = None
        if not self._report_due:
            self._report_due = True
            self.later(self.rng.uniform(0.1, self._tick), self._report, self._boot)

    def _report(self, boot: int) -> None:
        self._report_due = False
        if boot != self._boot or not self.powered or self._link is None:
            return
        if not self._listing or self._loose:
            return
        before = self._shown_before
        report = self.printer.report_delta()
        ams = report["print"].get("ams")
        if self._splits and ams and "ams" in ams and len(ams) > 1:
            first = dict(report["print"])
            second = {
                key: value
                for key, value in first.items()
                if key in ("command", "msg", "sequence_id")
            }
            bits = {key: value for key, value in ams.items() if key != "ams"}
            trays = {"ams": ams["ams"]}
            shows = self._now_shown()
            half: Shows | None
            if self.rng.random() < 0.6:
                first["ams"], second["ams"] = bits, trays
                half = {
                    place: (
                        index,
                        knowledge
                        if before.get(place) == (index, knowledge)
                        else UNREAD,
                    )
                    for place, (index, knowledge) in shows.items()
                }
            else:
                first["ams"], second["ams"] = trays, bits
                half = None
            self._send({"print": first}, half)
            # The next report comes after the second half of this one.
            self._report_due = True
            self._second = {"print": second}, shows
            self.later(1.0, self._send_second, boot)
            return
        self._send(report, self._now_shown())

    def _send_second(self, boot: int) -> None:
        second, self._second = self._second, None
        if boot != self._boot or second is None:
            return
        report, shows = second
        self._report_due = False
        self._send(report, shows)
        if self._shows is not shows:
            self.changed()

    _shown_before: Shows = {}

    def _send(self, message: dict[str, Any], shows: Shows | None) -> None:
        link = self._link
        if link is None or not self.powered:
            return
        report, payload = message.get("print", {}), orjson.dumps(message)
        bits = report.get("ams", {}).get("tray_exist_bits", self._exist_bits)
        # That all units are gone is believed of a full report only (P1); it leaves bits
        # that it does not change as they are known.
        believed = shows != {} or report.get("msg") == 0 or bits == self._exist_bits
        self._exist_bits = bits if believed else None
        if shows and self._exist_bits is None:
            # The units are back, but the bits are only sent when they change (2).
            shows = None
        full = report.get("msg") != 1 and {"gcode_state", "hms"} <= report.keys()
        named = report.get("msg") == 0 and b'"tray_uuid"' in payload
        link.full |= (full or named) and shows is not None
        if shows and not link.full:
            shows = None
        shows = self._listed(link, report.get("ams", {}), shows)
        self._shown_before = shows or self._shown_before
        if not self.network:
            if self._stalled is not None:
                self._stalled.append((payload, shows))
            return
        # One after the other: the loop does not keep the order of equal times.
        after = math.nextafter(self._last_delivery, math.inf)
        at = max(self.now + self.rng.random() * self._latency, after)
        self._last_delivery = at
        self.loop.call_at(at, self._deliver, link, payload, shows)

    def _listed(
        self, link: Link, ams: dict[str, Any], shows: Shows | None
    ) -> Shows | None:
        """Return what a report shows of the units whose list its client has received."""
        serials = link.listed(ams, [state.unit for state in self.units])
        if not shows or all(place[0] in serials for place in shows):
            return shows
        return {
            place: seen for place, seen in shows.items() if place[0] in serials
        } or None

    def _deliver(self, link: Link, payload: bytes, shows: Shows | None) -> None:
        if not link.open:
            return
        # What was on its way as the network or the power was lost is the last to arrive.
        flows = self.powered and self.network
        self.record.silent_since = math.inf if flows else self.now
        if shows:
            back = {place for place in shows if not self.record.in_sight(place)}
            self.record.unidentified |= back
            self.record.delivered(shows, self.now)
        elif shows is not None:
            self.record.blind(self.now)
        elif b'"get_version"' in payload:
            named = {
                s.unit.serial for s in self.units if s.unit.serial.encode() in payload
            }
            self.record.identified(
                {place for place in self.record.unidentified if place[0] in named}
            )
        link.take(payload)
        if self.rng.random() < 0.02:
            link.take(payload)

    def _now_shown(self) -> Shows:
        """Return what a report made now shows; the same object while nothing changes."""
        if self._shows is None:
            shows: Shows = {}
            for state in self.units:
                if not state.plugged:
                    continue
                for tray, bay in enumerate(state.unit.bays):
                    knowledge = READ if state.shown[tray] == READ else UNREAD
                    if bay.reading:
                        knowledge = READING
                    stay = state.stays[tray] - (tray in state.hidden)
                    shows[(state.unit.serial, tray + 1)] = (stay, knowledge)
            self._shows = shows
        return self._shows

    # Spools.

    def _add_unit(self, kind: Kind, unit_id: int) -> None:
        slots = 1 if kind is Kind.HT else 4
        reels: list[Reel | None] = [
            self.new_reel() if self.rng.random() < 0.7 else None for _ in range(slots)
        ]
        unit = self.printer.add_unit(kind, unit_id, *(wire_of(reel) for reel in reels))
        state = UnitState(unit)
        if kind is Kind.LITE:
            unit.phase = 3 if unit_id == A2L_LITE_ID else 0
        else:
            unit.phase = self.rng.randrange(2)
        state.keeps_names = kind is Kind.HT or self.rng.random() < (
            0.6 if self.printer.model.states else 0.3
        )
        for tray, reel in enumerate(reels):
            dries = kind in (Kind.PRO, Kind.HT)
            place = (unit.serial, tray + 1)
            self.record.begin(place, reel, dries=dries)
            # It may not have been read since the printer was switched on.
            reads_on_start = self.printer.power_on_flag
            self.record.stays[place][0].unread_by_choice = not reads_on_start
            state.stays.append(0)
            state.reels.append(reel)
            state.shown.append(READ)
            bay = unit.bays[tray]
            if reel is not None and reel.identity is None:
                bay.known = PRESET_SPOOL if self.rng.random() < 0.3 else None
                bay.read_done = (
                    bay.known is not None or self.printer.model.reads_untagged
                )
        self.units.append(state)

    def new_reel(self) -> Reel:
        """Return a spool, tagged or not."""
        number = self.number()
        kind = self.rng.random()
        if kind < 0.6:
            colour = f"{number:06X}"
            spool = bambu_spool(number, colour=f"{colour}FF")
            return Reel(number, spool.external_id, spool, f"#{colour}")
        if kind < 0.67:
            # Its tag cannot be read.
            return Reel(number, None, Spool(uuid="0" * 31 + "F", material="PLA"))
        return Reel(number, None, PLAIN_SPOOL)
