"""The slot tracker: where two snapshots are compared and where time matters.

It takes the snapshots of one printer and emits the four standard events by the rules
of docs/architecture.md "Tracker rules": a change is confirmed before it is reported, reported once, with the
identity of the spool, and marked where it was learnt of late.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid_transform import ulid_now

from ...model import StoredSlot, iso_utc
from ..base import Clock, EventEmitter, TimerHandle
from ..snapshot import Snapshot, Unit
from ..timings import NEVER, Timings
from .slot import SlotWatch
from .state_report import Picture, PictureChange
from .types import Gap, Happening, Moment
from .unit import TrackedUnit

DEFAULT_TIMINGS = Timings()


@dataclass(slots=True)
class _Port:
    """A unit number in use, since when, and the unit found behind it."""

    since: float
    unit: TrackedUnit | None = None

    def holds_another_than(self, unit: Unit) -> bool:
        """Whether another unit has taken the number without leaving it empty first."""
        return (
            self.unit is not None
            and unit.confirmed
            and None not in (unit.serial, self.unit.serial)
            and unit.serial != self.unit.serial
        )


class SlotTracker:
    """Turns the snapshots of one printer into standard events.

    observe() for every new snapshot, disconnected() when the connection is lost,
    stop() at the end. All on the event loop; what has to wait, waits on the clock.
    """

    def __init__(
        self,
        printer_id: int,
        emitter: EventEmitter,
        clock: Clock,
        stored: Iterable[StoredSlot] = (),
        last_seen: datetime | None = None,
        timings: Timings = DEFAULT_TIMINGS,
    ) -> None:
        """Start from the slots as they were last known."""
        self._printer_id = printer_id
        self._emitter = emitter
        self._clock = clock
        self._timings = timings
        self._units: list[TrackedUnit] = []
        self._direct = TrackedUnit(None, timings)
        self._direct.named = self._direct.here = True
        self._ports: dict[int, _Port] = {}
        self._snapshot: Snapshot | None = None
        self._timer: TimerHandle | None = None
        self._rearranged = False
        self._remember(stored, Gap(since=last_seen))
        self._known = bool(self._units or self._direct.slots)
        self._picture = Picture(timings, self._units, self._direct)

    def observe(self, snapshot: Snapshot) -> None:
        """Take in what the printer says is so now."""
        if not snapshot.complete:
            return
        moment = self._moment()
        if snapshot.frozen:
            self._look_away(moment)
            return
        self._snapshot = snapshot
        self._see_units(snapshot, moment)
        self._direct.see(snapshot.direct_slots, snapshot, moment)
        self._judge(snapshot, moment)

    def disconnected(self) -> None:
        """Conclude nothing more from this connection; what comes after it is late."""
        self._look_away(self._moment())

    def stop(self) -> None:
        """Conclude nothing more."""
        self._snapshot = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Units: which one is behind which number.

    def _remember(self, stored: Iterable[StoredSlot], gap: Gap) -> None:
        units: dict[str, TrackedUnit] = {}
        for slot in stored:
            unit = self._direct
            if slot.unit is not None:
                unit = units.get(slot.unit.key) or TrackedUnit(None, self._timings)
                units[slot.unit.key] = unit
                unit.number = slot.unit.ams_unit_no
                unit.serial = slot.unit.serial
                unit.online = slot.unit.online
                unit.description = slot.unit
                unit.named = True
            drying = slot.unit is not None and bool(slot.unit.drying)
            watch = SlotWatch(
                self._timings,
                Gap(since=gap.since, drying=drying and bool(slot.present)),
            )
            watch.remember(slot)
            unit.slots[slot.slot_no] = watch
        self._units.extend(units.values())

    def _see_units(self, snapshot: Snapshot, moment: Moment) -> None:
        shown = {unit.ams_unit_no: unit for unit in snapshot.units if unit.online}
        for number, port in list(self._ports.items()):
            unit = shown.get(number)
            if unit is None or port.holds_another_than(unit):
                del self._ports[number]
                if port.unit is not None:
                    self._see_leave(port.unit, moment)
        # Those with a serial choose first: the others take what is left.
        for unit in sorted(shown.values(), key=lambda unit: unit.serial is None):
            port = self._ports.setdefault(unit.ams_unit_no, _Port(moment.seconds))
            waited = moment.seconds >= port.since + self._timings.serial_wait
            if port.unit is None:
                port.unit = self._recognise(unit, waited=waited)
            if port.unit is not None:
                self._see_unit(port.unit, unit, moment, waited=waited)
                port.unit.see(unit.slots, snapshot, moment)
        bound = self._bound()
        for known in self._units:
            if id(known) not in bound and known.away_since is None:
                known.away_since = moment.seconds

    def _bound(self) -> set[int]:
        return {id(port.unit) for port in self._ports.values()}

    def _recognise(self, unit: Unit, *, waited: bool) -> TrackedUnit | None:
        """Find the unit behind a number; None while it may still turn out to be another.

        By its serial once that is confirmed, else, after a while, by the number.
        """
        bound = self._bound()
        free = [known for known in self._units if id(known) not in bound]
        if free and not (unit.confirmed or waited):
            return None
        serial = unit.serial if unit.confirmed else None
        for known in free:
            if serial is not None and known.serial == serial:
                return known
        for known in free:
            if known.number == unit.ams_unit_no and None in (known.serial, serial):
                return known
        new = TrackedUnit(unit.ams_unit_no, self._timings)
        self._units.append(new)
        return new

    def _see_unit(
        self, known: TrackedUnit, unit: Unit, moment: Moment, *, waited: bool
    ) -> None:
        named = known.named or unit.confirmed or waited
        if (known.number, known.named) != (unit.ams_unit_no, named):
            self._rearranged = True
        known.number = unit.ams_unit_no
        known.named = named
        known.here = known.online = True
        known.away_since = None
        known.description = unit
        if unit.confirmed and unit.serial is not None:
            known.serial = unit.serial

    def _see_leave(self, unit: TrackedUnit, moment: Moment) -> None:
        unit.away_since = moment.seconds
        unit.look_away(Gap(since=moment.at))

    def _look_away(self, moment: Moment) -> None:
        if self._snapshot is None:
            return
        gap = Gap(since=moment.at)
        for unit in [*self._units, self._direct]:
            unit.look_away(gap)
            unit.away_since = None
        self._ports.clear()
        self.stop()

    # What has become certain, and when to look again.

    def _wake(self) -> None:
        self._timer = None
        if self._snapshot is not None:
            moment = self._moment()
            self._see_units(self._snapshot, moment)
            self._judge(self._snapshot, moment)

    def _judge(self, snapshot: Snapshot, moment: Moment) -> None:
        if self._rearranged or not self._known:
            # Whoever listens learns of a unit before anything happens in it.
            self._judge_picture(moment)
        due = min(
            self._judge_ports(),
            self._judge_away(moment),
            *(
                self._judge_slots(unit, snapshot, moment)
                for unit in (*self._units, self._direct)
                if unit.named and unit.here and not self._first_picture_waits()
            ),
        )
        due = min(due, self._judge_picture(moment))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due < NEVER:
            self._timer = self._clock.call_at(due, self._wake)

    def _judge_ports(self) -> float:
        return min(
            (
                port.since + self._timings.serial_wait
                for port in self._ports.values()
                if port.unit is None or not port.unit.named
            ),
            default=NEVER,
        )

    def _judge_away(self, moment: Moment) -> float:
        due = NEVER
        for unit in self._units:
            if unit.away_since is None or unit.online is False:
                continue
            gone = unit.away_since + self._timings.unit_offline
            if moment.seconds >= gone:
                unit.online = False
            else:
                due = min(due, gone)
        return due

    def _judge_slots(
        self, unit: TrackedUnit, snapshot: Snapshot, moment: Moment
    ) -> float:
        due = NEVER
        surroundings = unit.surroundings(snapshot)
        for number, slot in unit.slots.items():
            happenings, again = slot.judge(surroundings, moment)
            for happening in happenings:
                self._emit_spool_event(unit, number, slot, happening)
            due = min(due, again)
        return due

    def _judge_picture(self, moment: Moment) -> float:
        """Send the confirmed picture when it differs from what was last told."""
        if self._first_picture_waits():
            return NEVER
        self._rearranged = False
        change, due = self._picture.changed(moment)
        if change is not None:
            self._known = True
            self._emit_state(change)
        return due

    def _first_picture_waits(self) -> bool:
        """Nothing is told of a printer before every unit of it has its name."""
        return not self._known and any(
            port.unit is None or not port.unit.named for port in self._ports.values()
        )

    # What goes out.

    def _emit_spool_event(
        self, unit: TrackedUnit, number: int, slot: SlotWatch, happening: Happening
    ) -> None:
        gap = happening.gap
        meta: dict[str, Any] = {
            "source": "reconcile" if gap else "live",
            "detected_late": gap is not None,
            "offline_since": iso_utc(gap.since) if gap and gap.since else None,
            "slot_label": slot.label,
            "correlation_id": happening.moment.correlation_id,
        }
        if unit is not self._direct:
            meta["unit"] = unit.names()
        if happening.filament is not None:
            meta["filament"] = happening.filament.as_dict()
        if happening.reason is not None:
            meta["reason"] = happening.reason
        self._picture.told(unit, number)
        self._emitter.emit(
            {
                "event_type": str(happening.event_type),
                "event_at": iso_utc(happening.moment.at),
                "printer_id": self._printer_id,
                "slot": {
                    "is_ams_slot": unit is not self._direct,
                    "ams_unit_no": unit.number,
                    "slot_no": number,
                    "slots_total": unit.slots_total(),
                },
                "identifiers": happening.identifiers.model_dump(),
                "meta": meta,
            }
        )

    def _emit_state(self, change: PictureChange) -> None:
        state: Mapping[str, Any] = {
            "event_type": "ams_state",
            "event_at": iso_utc(change.at),
            "printer_id": self._printer_id,
            "ams_units": change.ams_units,
            "direct_slots": change.direct_slots,
            "meta": {"correlation_id": change.correlation_id},
        }
        self._emitter.emit(state)

    def _moment(self) -> Moment:
        return Moment(
            seconds=self._clock.monotonic(),
            at=self._clock.now(),
            correlation_id=ulid_now(),
        )
