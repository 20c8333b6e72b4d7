"""The slot tracker: compares the snapshots of one printer and emits its events.

It emits the four standard events (docs/architecture.md, "Tracker rules"): a change is
confirmed before it is reported, reported once, with the identity of the spool, and
marked as late where it was found after a gap.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ulid_transform import ulid_now

from ...model import StoredSlot, iso_utc
from ...network.clock import Clock, TimerHandle
from ..base import EventEmitter
from ..explanation import SlotExplanation
from ..message import correlation_id
from ..snapshot import Slot, Snapshot, Unit
from ..timings import NEVER, Timings
from .explanation import explain_slot
from .slot import TrackedSlot
from .state_report import StateReport, StateReporter
from .types import Gap, SlotChange, Timestamp
from .unit import TrackedUnit

DEFAULT_TIMINGS = Timings()


@dataclass(slots=True)
class _Binding:
    """A unit number in use: since when (monotonic), and the unit found to have it.

    reading: by slot number, the slots that were read before that, and still filled.
    """

    since: float
    unit: TrackedUnit | None = None
    reading: dict[int, Slot] = field(default_factory=dict)

    def note_reads(self, unit: Unit) -> None:
        """Note what is read before it is known which unit it is."""
        for slot in unit.slots:
            if slot.reading:
                self.reading[slot.slot_no] = slot
            elif slot.present is False:
                self.reading.pop(slot.slot_no, None)

    def conflicts_with(self, unit: Unit) -> bool:
        """Whether another unit took the number without a report in between."""
        return (
            self.unit is not None
            and unit.confirmed
            and None not in (unit.serial, self.unit.serial)
            and unit.serial != self.unit.serial
        )


class SlotTracker:
    """Turns the snapshots of one printer into standard events.

    Call observe() for each report of the printer's state, disconnected() when the
    connection is lost, and stop() at the end, all on the event loop.

    A pending change is confirmed by a report at or after the end of its time, never by
    silence. Where none arrives, one is requested.
    """

    def __init__(
        self,
        printer_id: int,
        emitter: EventEmitter,
        clock: Clock,
        request_state: Callable[[], None],
        stored: Iterable[StoredSlot] = (),
        last_seen: datetime | None = None,
        timings: Timings = DEFAULT_TIMINGS,
    ) -> None:
        """Start from the slots in the store, last observed at `last_seen`.

        request_state: requests a report of the printer's state; returns at once.
        """
        self._printer_id = printer_id
        self._emitter = emitter
        self._clock = clock
        self._request_state = request_state
        self._timings = timings
        self._units: list[TrackedUnit] = []
        self._direct = TrackedUnit(None, timings)
        self._direct.resolved = True
        self._bindings: dict[int, _Binding] = {}
        self._snapshot: Snapshot | None = None
        self._timer: TimerHandle | None = None
        # When the next pending change has held long enough, and whether a report was
        # requested for it; when the next state may be reported.
        self._confirmable_at = NEVER
        self._requested = False
        self._reportable_at = NEVER
        self._units_changed = False
        self._restore(stored, Gap(since=last_seen))
        self._state_known = bool(self._units or self._direct.slots)
        self._reporter = StateReporter(timings, self._units, self._direct)

    def observe(self, snapshot: Snapshot, *, held_up: bool = False) -> None:
        """Take in what the printer reports now; the same object where nothing changed.

        held_up: it was reported a while ago, so that nothing is confirmed by it.
        """
        if not snapshot.complete:
            return
        if (
            snapshot is self._snapshot
            and not snapshot.polled
            and self._clock.monotonic() < self._confirmable_at
        ):
            return
        now = self._now()
        if snapshot.frozen:
            self._suspend(now)
            return
        self._snapshot = snapshot
        self._observe_units(snapshot, now)
        self._direct.observe(snapshot.direct_slots, snapshot, now)
        if held_up:
            self._confirmable_at = now.monotonic
        else:
            self._report_changes(snapshot, now)

    def disconnected(self) -> None:
        """Discard all pending changes; what changes until the next snapshot is late."""
        self._suspend(self._now())

    def stop(self) -> None:
        """Emit nothing more."""
        self._snapshot = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def explain(self) -> list[SlotExplanation]:
        """Return why the slots read as they do, without what was reported last."""
        now = self._now()
        return [
            explain_slot(
                unit,
                number,
                unit.activity(self._snapshot) if self._snapshot else None,
                now,
            )
            for unit in (*self._units, self._direct)
            for number in sorted(unit.slots)
        ]

    # Units: which one has which number.

    def _restore(self, stored: Iterable[StoredSlot], gap: Gap) -> None:
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
                unit.resolved = True
            drying = slot.unit is not None and bool(slot.unit.drying)
            tracked = TrackedSlot(self._timings, Gap(since=gap.since, drying=drying))
            tracked.restore(slot)
            unit.slots[slot.slot_no] = tracked
        self._units.extend(units.values())

    def _observe_units(self, snapshot: Snapshot, now: Timestamp) -> None:
        reported = {unit.ams_unit_no: unit for unit in snapshot.units if unit.online}
        for number, binding in list(self._bindings.items()):
            unit = reported.get(number)
            if unit is None or binding.conflicts_with(unit):
                del self._bindings[number]
                if binding.unit is not None:
                    binding.unit.suspend(Gap(since=now.at))
        # Units with a serial are matched first, the others with those that are left.
        for unit in sorted(reported.values(), key=lambda unit: unit.serial is None):
            binding = self._bindings.setdefault(
                unit.ams_unit_no, _Binding(now.monotonic)
            )
            waited = now.monotonic >= binding.since + self._timings.serial_wait
            if binding.unit is None:
                binding.note_reads(unit)
                binding.unit = self._match(unit, waited=waited)
                if binding.unit is not None:
                    binding.unit.resume_reads(binding.reading.values())
            if binding.unit is not None:
                self._observe_unit(binding.unit, unit, waited=waited)
                binding.unit.observe(unit.slots, snapshot, now)
        bound = self._bound()
        for known in self._units:
            if id(known) not in bound and known.missing_since is None:
                known.missing_since = now.monotonic

    def _bound(self) -> set[int]:
        return {id(binding.unit) for binding in self._bindings.values()}

    def _match(self, unit: Unit, *, waited: bool) -> TrackedUnit | None:
        """Return the unit that has a number; None while that may still change.

        It is matched by its serial once that is confirmed, by its number otherwise,
        and by its number too when its serial is not reported in time. A unit stored
        without a serial is matched by its label before its number.
        """
        bound = self._bound()
        free = [known for known in self._units if id(known) not in bound]
        if free and not (unit.confirmed or waited):
            return None
        serial = unit.serial if unit.confirmed else None
        for known in free:
            if serial is not None and known.serial == serial:
                return known
        if serial is not None:
            free = [known for known in free if known.serial is None]
            for known in free:
                if unit.label is not None and known.label == unit.label:
                    return known
            free = [known for known in free if None in (known.label, unit.label)]
        for known in free:
            if known.number == unit.ams_unit_no:
                return known
        new = TrackedUnit(unit.ams_unit_no, self._timings)
        self._units.append(new)
        return new

    def _observe_unit(self, known: TrackedUnit, unit: Unit, *, waited: bool) -> None:
        resolved = known.resolved or unit.confirmed or waited
        if (known.number, known.resolved) != (unit.ams_unit_no, resolved):
            self._units_changed = True
        known.number = unit.ams_unit_no
        known.resolved = resolved
        known.online = True
        known.missing_since = None
        known.description = unit
        if unit.confirmed and unit.serial is not None:
            known.serial = unit.serial

    def _suspend(self, now: Timestamp) -> None:
        gap = Gap(since=now.at)
        for unit in [*self._units, self._direct]:
            unit.suspend(gap)
            unit.missing_since = None
        self._bindings.clear()
        self.stop()

    # Confirmed changes, and when the next one may be confirmed.

    def _report_changes(self, snapshot: Snapshot, now: Timestamp) -> None:
        if self._units_changed or not self._state_known:
            # A unit is reported before the first event of its slots.
            self._report_state(now)
        self._confirmable_at = min(
            self._next_resolution(),
            self._update_online(now),
            *(
                self._report_slots(unit, snapshot, now)
                for unit in (*self._units, self._direct)
                if unit.resolved and not self._first_state_pending()
            ),
        )
        self._requested = False
        self._reportable_at = self._report_state(now)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = min(self._reportable_at, self._request_at())
        if due < NEVER:
            self._timer = self._clock.call_at(due, self._on_timer)

    def _request_at(self) -> float:
        """Return when a report is to be requested, unless one arrives."""
        if self._requested:
            return NEVER
        return self._confirmable_at + self._timings.report_wait

    def _on_timer(self) -> None:
        now = self._now()
        self._reportable_at = self._report_state(now)
        request = now.monotonic >= self._request_at()
        self._requested = self._requested or request
        self._set_timer()
        if request:
            self._request_state()

    def _next_resolution(self) -> float:
        return min(
            (
                binding.since + self._timings.serial_wait
                for binding in self._bindings.values()
                if binding.unit is None or not binding.unit.resolved
            ),
            default=NEVER,
        )

    def _update_online(self, now: Timestamp) -> float:
        due = NEVER
        for unit in self._units:
            if unit.missing_since is None or unit.online is False:
                continue
            gone = unit.missing_since + self._timings.unit_offline
            if now.monotonic >= gone:
                unit.online = False
            else:
                due = min(due, gone)
        return due

    def _report_slots(
        self, unit: TrackedUnit, snapshot: Snapshot, now: Timestamp
    ) -> float:
        due, confirmed = NEVER, False
        unit.note_idle(snapshot, now)
        activity = unit.activity(snapshot)
        for number, slot in unit.slots.items():
            for change in slot.decide(activity, now):
                self._emit_spool_event(unit, number, slot, change)
                confirmed = True
            due = min(due, slot.due)
        # A confirmed change may end what another slot of the unit waits for.
        return self._report_slots(unit, snapshot, now) if confirmed else due

    def _report_state(self, now: Timestamp) -> float:
        """Emit the confirmed state when a report of it is due."""
        if self._first_state_pending():
            return NEVER
        self._units_changed = False
        report, due = self._reporter.next_report(now)
        if report is not None:
            self._state_known = True
            self._emit_state(report)
        return due

    def _first_state_pending(self) -> bool:
        """Whether the first state waits because a unit of it is not resolved yet."""
        return not self._state_known and any(
            binding.unit is None or not binding.unit.resolved
            for binding in self._bindings.values()
        )

    # Events.

    def _emit_spool_event(
        self, unit: TrackedUnit, number: int, slot: TrackedSlot, change: SlotChange
    ) -> None:
        gap = change.gap
        meta: dict[str, Any] = {
            "source": "reconcile" if gap else "live",
            "detected_late": gap is not None,
            "offline_since": iso_utc(gap.since) if gap and gap.since else None,
            "slot_label": slot.label,
            "correlation_id": change.time.correlation_id,
        }
        if unit is not self._direct:
            meta["unit"] = unit.identification()
        if change.filament is not None:
            meta["filament"] = change.filament.as_dict()
        if change.reason is not None:
            meta["reason"] = change.reason
        self._reporter.mark_reported(unit, number)
        self._emitter.emit(
            {
                "event_type": str(change.event_type),
                "event_at": iso_utc(change.time.at),
                "printer_id": self._printer_id,
                "slot": {
                    "is_ams_slot": unit is not self._direct,
                    "ams_unit_no": unit.number,
                    "slot_no": number,
                    "slots_total": unit.slots_total(),
                },
                "identifiers": change.identifiers.model_dump(),
                "meta": meta,
            }
        )

    def _emit_state(self, report: StateReport) -> None:
        state: Mapping[str, Any] = {
            "event_type": "ams_state",
            "event_at": iso_utc(report.at),
            "printer_id": self._printer_id,
            "ams_units": report.ams_units,
            "direct_slots": report.direct_slots,
            "meta": {"correlation_id": report.correlation_id},
        }
        self._emitter.emit(state)

    def _now(self) -> Timestamp:
        return Timestamp(
            monotonic=self._clock.monotonic(),
            at=self._clock.now(),
            correlation_id=correlation_id() or ulid_now(),
        )
