"""A unit under the tracker's eyes: what it is, what it is doing, and its slots."""

from typing import Any

from ...model import StoredUnit
from ..snapshot import Slot, Snapshot, Unit
from ..timings import NEVER, Timings
from .slot import SlotWatch
from .types import Gap, Moment, Surroundings

_TELEMETRY = (
    "humidity_percent",
    "humidity_index",
    "temperature_c",
    "drying_minutes_left",
)


class TrackedUnit:
    """A unit as it was last known, or the printer's direct slots (`number` None).

    named: its serial is known, or nobody will tell; nothing of it goes out before.
    here: the printer speaks of it now.
    online: None until the printer has spoken of it, False once it is away for long.
    away_since, idle_since, still_since: in seconds; idle and still are NEVER while
    they are not so.
    """

    def __init__(self, number: int | None, timings: Timings) -> None:
        """Know nothing of the unit but its number."""
        self.number = number
        self.serial: str | None = None
        self.named = False
        self.here = False
        self.online: bool | None = None
        self.description: Unit | StoredUnit | None = None
        self.slots: dict[int, SlotWatch] = {}
        self.away_since: float | None = None
        self._timings = timings
        self._idle_since = NEVER
        self._still_since = NEVER
        self._shown: tuple[Slot, ...] = ()

    def look_away(self, gap: Gap) -> None:
        """Stop watching its slots."""
        self.here = self.number is None
        for slot in self.slots.values():
            slot.look_away(gap)
        self._idle_since = NEVER
        self._shown = ()

    def see(self, shown: tuple[Slot, ...], snapshot: Snapshot, moment: Moment) -> None:
        """Pass what the printer says of the slots to their watches."""
        self._note_rest(shown, snapshot, moment)
        unit = self.surroundings(snapshot)
        for slot in shown:
            watch = self.slots.get(slot.slot_no)
            if watch is None:
                watch = self.slots[slot.slot_no] = SlotWatch(
                    self._timings, Gap(since=None)
                )
            if unit.drying and watch.present:
                watch.look_away(Gap(since=moment.at, drying=True))
            watch.see(slot, unit, moment)

    def surroundings(self, snapshot: Snapshot) -> Surroundings:
        """Say what the unit is doing, for its slots."""
        unit = self.description if isinstance(self.description, Unit) else None
        return Surroundings(
            drying=unit is not None and unit.drying,
            feeding=self._feeding(snapshot),
            reading=any(slot.reading for slot in self._shown),
            loading=unit is not None and unit.loading,
            printing=snapshot.printing,
            reading_enabled=snapshot.reading_enabled,
            idle_since=self._idle_since,
            still_since=self._still_since,
        )

    def slots_total(self) -> int:
        """Return how many slots the unit has, or the printer outside any unit."""
        return self.description.slots_total if self.description else len(self.slots)

    def names(self) -> dict[str, Any]:
        """Return model, serial and label, as events carry them."""
        unit = self.description
        return {
            "model": unit.model if unit else None,
            "serial": self.serial,
            "label": unit.label if unit else None,
        }

    def drying(self) -> bool | None:
        """Whether it dries, as last known."""
        return self.description.drying if self.description else None

    def climate(self) -> dict[str, Any]:
        """Return humidity in whole %, temperature in 0.5 °C steps, minutes."""
        climate = {key: getattr(self.description, key, None) for key in _TELEMETRY}
        if climate["humidity_percent"] is not None:
            climate["humidity_percent"] = round(climate["humidity_percent"])
        if climate["temperature_c"] is not None:
            climate["temperature_c"] = round(climate["temperature_c"] * 2) / 2
        return climate

    def slot_states(self) -> list[dict[str, Any]]:
        """Return the confirmed slots, as an `ams_state` lists them."""
        return [
            {
                "slot_no": number,
                "present": slot.present,
                "active": slot.active,
                "label": slot.label,
                "identifiers": (
                    slot.identifiers.model_dump() if slot.identifiable else None
                ),
                "filament": slot.filament.as_dict() if slot.filament else None,
            }
            for number, slot in sorted(self.slots.items())
        ]

    def _feeding(self, snapshot: Snapshot) -> bool:
        """Direct slots feed a print when one of them is the active one."""
        if isinstance(self.description, Unit):
            return self.description.feeding
        return snapshot.printing and any(slot.active for slot in self._shown)

    def _note_rest(
        self, shown: tuple[Slot, ...], snapshot: Snapshot, moment: Moment
    ) -> None:
        """Note since when the unit neither works nor moves."""
        before, self._shown = self._shown, shown
        reading = any(slot.reading for slot in shown)
        if reading or self._feeding(snapshot):
            self._idle_since = NEVER
        elif self._idle_since == NEVER:
            self._idle_since = moment.seconds
        if reading or _bits(shown) != _bits(before):
            self._still_since = moment.seconds


def _bits(shown: tuple[Slot, ...]) -> list[bool | None]:
    return [slot.present for slot in shown]
