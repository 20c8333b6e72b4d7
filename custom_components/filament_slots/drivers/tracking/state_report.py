"""The confirmed picture of a printer: what was last told, and when to tell it anew.

A reading that still waits is never in it. How often a change goes out depends on what
changed: truth at once, wear every few seconds, climate once a minute (docs/architecture.md "Tracker rules").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..timings import NEVER, Timings
from .slot import SlotWatch
from .types import Moment
from .unit import TrackedUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureChange:
    """The picture to be told: the lists of an `ams_state`, and when it changed."""

    at: datetime
    correlation_id: str
    ams_units: list[dict[str, Any]]
    direct_slots: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Look:
    """The picture reduced to what tells two of them apart, by how urgent it is."""

    truth: dict[tuple[int, int], object]
    wear: dict[tuple[int, int], object]
    climate: dict[tuple[int, int], object]


class Picture:
    """Compares the confirmed picture with the one last told."""

    def __init__(
        self,
        timings: Timings,
        units: Sequence[TrackedUnit],
        direct: TrackedUnit,
    ) -> None:
        """Begin with the picture as it is now: it has been told before."""
        self._timings = timings
        self._units = units
        self._direct = direct
        self._told = self._look()
        self._wear_told = -NEVER
        self._climate_told = -NEVER
        self._changed: Moment | None = None
        self._empty = not self._told.truth

    def changed(self, moment: Moment) -> tuple[PictureChange | None, float]:
        """Return the picture if it is to be told now, else when (NEVER: it is not)."""
        look = self._look()
        first, self._empty = self._empty, False
        if not first and look == self._told:
            self._changed = None
            return None, NEVER
        changed = self._changed = self._changed or moment
        due = NEVER
        if look.climate != self._told.climate:
            due = self._climate_told + self._timings.telemetry_interval
        if look.wear != self._told.wear:
            due = min(due, self._wear_told + self._timings.state_interval)
        if look.truth != self._told.truth or first:
            due = moment.seconds
        if moment.seconds < due:
            return None, due
        if look.wear != self._told.wear:
            self._wear_told = moment.seconds
        if look.climate != self._told.climate:
            self._climate_told = moment.seconds
        self._told = look
        self._changed = None
        return self._tell(changed), NEVER

    def told(self, unit: TrackedUnit, number: int) -> None:
        """Count a slot as told: an event of its own has just said the same."""
        key = (id(unit), number)
        slot = unit.slots[number]
        self._told.truth[key] = _truth(slot)
        self._told.wear[key] = _wear(slot)

    def _look(self) -> _Look:
        look = _Look({}, {}, {})
        for unit in (*self._units, self._direct):
            if not unit.named:
                continue
            for number, slot in unit.slots.items():
                key = (id(unit), number)
                look.truth[key] = _truth(slot)
                look.wear[key] = _wear(slot)
            if unit is not self._direct:
                key = (id(unit), 0)
                look.truth[key] = (
                    unit.number,
                    unit.serial,
                    unit.online,
                    unit.slots_total(),
                    unit.drying(),
                )
                look.climate[key] = unit.climate()
        return look

    def _tell(self, changed: Moment) -> PictureChange:
        return PictureChange(
            at=changed.at,
            correlation_id=changed.correlation_id,
            ams_units=[
                {
                    "ams_unit_no": unit.number,
                    "slots_total": unit.slots_total(),
                    **unit.names(),
                    "online": unit.online,
                    "drying": unit.drying(),
                    **unit.climate(),
                    "slots": unit.slot_states(),
                }
                for unit in self._units
                if unit.named
            ],
            direct_slots=self._direct.slot_states(),
        )


def _truth(slot: SlotWatch) -> object:
    return (slot.present, slot.identifiers, slot.label, slot.identifiable)


def _wear(slot: SlotWatch) -> object:
    return (slot.active, slot.filament)
