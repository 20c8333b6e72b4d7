"""Filter of printers and their slots, of the websocket commands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import probatio

from .const import CONF_DRIVER_KEY
from .coordinator import FilamentSlotsConfigEntry
from .serializers import Json, PrinterData, SlotData

FILTER_FIELDS: Final[Mapping[str | probatio.Marker, Any]] = {
    probatio.Optional("entry_id"): str,
    probatio.Optional("driver_key"): str,
    probatio.Optional("unit"): str,
    probatio.Optional("slot_no"): int,
    probatio.Optional("is_ams_slot"): bool,
    probatio.Optional("material"): str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFilter:
    """Which printers and slots are wanted; what is None is not filtered by.

    entry_id, driver_key: of printers. unit: the key of a unit. slot_no: of a slot of
    `unit` or of any unit if `is_ams_slot`, else of a slot outside any unit.
    is_ams_slot: slots of units, or those outside any. material: of the slot, else of the
    spool of an inventory in it, without regard to case.
    """

    entry_id: str | None = None
    driver_key: str | None = None
    unit: str | None = None
    slot_no: int | None = None
    is_ams_slot: bool | None = None
    material: str | None = None

    @classmethod
    def of(cls, msg: Json) -> Self:
        """Return the filter that a command was sent with."""
        return cls(**{each.name: msg.get(each.name) for each in fields(cls)})

    def includes(self, entry: FilamentSlotsConfigEntry) -> bool:
        """Return whether the printer of an entry is wanted."""
        return self.entry_id in (None, entry.entry_id) and self.driver_key in (
            None,
            entry.data[CONF_DRIVER_KEY],
        )

    def slots(self, slots: Iterable[SlotData]) -> list[SlotData]:
        """Return the wanted ones of some slots."""
        return [slot for slot in slots if self._wants(slot)]

    def printer(self, printer: PrinterData) -> PrinterData:
        """Return a printer with the wanted slots, and the units that they are in."""
        if not self._narrow:
            return printer
        slots = self.slots(printer["slots"])
        keys = {slot["unit"] for slot in slots}
        units = [unit for unit in printer["units"] if unit["key"] in keys]
        return {**printer, "units": units, "slots": slots}

    def concerns(
        self, event: Json, before: PrinterData | None, after: PrinterData
    ) -> bool:
        """Return whether an event is about wanted slots, before or after it.

        before, after: the printer, as `printer` returns it.
        """
        if not self._narrow:
            return True
        if "slot" not in event:
            return before != after
        of_before = before["slots"] if before else []
        return any(
            _is_of(event["slot"], slot) for slot in (*of_before, *after["slots"])
        )

    @property
    def _narrow(self) -> bool:
        """Whether not all slots of a printer are wanted."""
        wanted = (self.unit, self.slot_no, self.is_ams_slot, self.material)
        return any(each is not None for each in wanted)

    def _wants(self, slot: SlotData) -> bool:
        in_unit = self.is_ams_slot
        if self.slot_no is not None and self.unit is None:
            in_unit = bool(in_unit)
        return (
            self.unit in (None, slot["unit"])
            and self.slot_no in (None, slot["slot_no"])
            and in_unit in (None, slot["is_ams_slot"])
            and (
                self.material is None
                or self.material.casefold() == _material(slot).casefold()
            )
        )


def _material(slot: SlotData) -> str:
    reported = slot["filament"].get("material")
    spool = slot["spool"]
    return str(reported or (spool and spool["material"]) or "")


def _is_of(place: Json, slot: SlotData) -> bool:
    """Return whether a slot is the one that an event names."""
    return (place["is_ams_slot"], place["ams_unit_no"], place["slot_no"]) == (
        slot["is_ams_slot"],
        slot["ams_unit_no"],
        slot["slot_no"],
    )
