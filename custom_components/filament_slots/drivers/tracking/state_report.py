"""Decides when the confirmed state of a printer is reported as an `ams_state`.

Pending changes are never in it. How soon a difference is reported depends on its kind:
presence, identity and units at once, usage (the active slot, filament data) every few
seconds, telemetry (humidity, temperature, drying time) once a minute
(docs/architecture.md, "Tracker rules").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..timings import NEVER, Timings
from .slot import TrackedSlot
from .types import Timestamp
from .unit import TrackedUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """The contents of an `ams_state`, and when the state changed to it."""

    at: datetime
    correlation_id: str
    ams_units: list[dict[str, Any]]
    direct_slots: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Content:
    """The values that a report consists of, by how soon a difference is reported.

    Keys are (id of the unit, slot number), with slot number 0 for the unit itself.
    """

    state: dict[tuple[int, int], object]
    usage: dict[tuple[int, int], object]
    telemetry: dict[tuple[int, int], object]


class StateReporter:
    """Compares the confirmed state with the one last reported."""

    def __init__(
        self,
        timings: Timings,
        units: Sequence[TrackedUnit],
        direct: TrackedUnit,
    ) -> None:
        """Begin with the present state as the one last reported."""
        self._timings = timings
        self._units = units
        self._direct = direct
        self._reported = self._content()
        self._usage_reported = -NEVER
        self._telemetry_reported = -NEVER
        self._changed: Timestamp | None = None
        self._never_reported = not self._reported.state

    def next_report(self, now: Timestamp) -> tuple[StateReport | None, float]:
        """Return the report that is due, else at which monotonic second one will be.

        NEVER: not before the state changes.
        """
        content, reported = self._content(), self._reported
        first, self._never_reported = self._never_reported, False
        if not first and content == reported:
            self._changed = None
            return None, NEVER
        changed = self._changed = self._changed or now
        due = NEVER
        if content.telemetry != reported.telemetry:
            due = self._telemetry_reported + self._timings.telemetry_interval
        if content.usage != reported.usage:
            due = min(due, self._usage_reported + self._timings.state_interval)
        if content.state != reported.state or first:
            due = now.monotonic
        if now.monotonic < due:
            return None, due
        if content.usage != reported.usage:
            self._usage_reported = now.monotonic
        if content.telemetry != reported.telemetry:
            self._telemetry_reported = now.monotonic
        self._reported = content
        self._changed = None
        return self._report(changed), NEVER

    def mark_reported(self, unit: TrackedUnit, number: int) -> None:
        """Treat the state of a slot as reported: its spool event contains it."""
        key = (id(unit), number)
        slot = unit.slots[number]
        self._reported.state[key] = _state(slot)
        self._reported.usage[key] = _usage(slot)

    def _content(self) -> _Content:
        content = _Content({}, {}, {})
        for unit in (*self._units, self._direct):
            if not unit.resolved:
                continue
            for number, slot in unit.slots.items():
                key = (id(unit), number)
                content.state[key] = _state(slot)
                content.usage[key] = _usage(slot)
            if unit is not self._direct:
                key = (id(unit), 0)
                content.state[key] = (
                    unit.number,
                    unit.serial,
                    unit.online,
                    unit.slots_total(),
                    unit.drying(),
                )
                content.telemetry[key] = unit.telemetry()
        return content

    def _report(self, changed: Timestamp) -> StateReport:
        return StateReport(
            at=changed.at,
            correlation_id=changed.correlation_id,
            ams_units=[
                {
                    "ams_unit_no": unit.number,
                    "slots_total": unit.slots_total(),
                    **unit.identification(),
                    "online": unit.online,
                    "drying": unit.drying(),
                    **unit.telemetry(),
                    "slots": unit.slot_states(),
                }
                for unit in self._units
                if unit.resolved
            ],
            direct_slots=self._direct.slot_states(),
        )


def _state(slot: TrackedSlot) -> object:
    return (
        slot.presence.confirmed,
        slot.spool.identifiers,
        slot.label,
        slot.identifiable,
    )


def _usage(slot: TrackedSlot) -> object:
    return (slot.active, slot.spool.filament)
