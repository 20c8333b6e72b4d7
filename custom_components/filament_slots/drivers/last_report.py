"""What a printer stated last about each slot, and since when it does."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from ..model import iso_utc
from .explanation import Reported, SlotExplanation, SlotNumbers, WireState
from .snapshot import Slot, Snapshot


class LastReport:
    """The newest snapshot; it is kept when the connection is lost.

    at: when it was taken; None before the first one.
    """

    def __init__(self) -> None:
        """Begin before the first snapshot."""
        self.snapshot = Snapshot(complete=False)
        self.at: datetime | None = None
        self._since: dict[SlotNumbers, tuple[object, datetime]] = {}

    def observe(self, snapshot: Snapshot, at: datetime) -> None:
        """Take in a snapshot."""
        self.snapshot, self.at = snapshot, at
        for _, numbers, slot in _slots(snapshot):
            stated = slot.decisive
            before = self._since.get(numbers)
            if before is None or before[0] != stated:
                self._since[numbers] = (stated, at)

    def about(self, explained: SlotExplanation, wire: WireState) -> Reported | None:
        """Return what was stated about a slot; None if nothing was."""
        numbers = explained["ams_unit_no"], explained["slot_no"]
        for serial, known, slot in _slots(self.snapshot):
            # Another unit may have taken the number of one that is missing.
            if known == numbers and (
                None in (serial, explained["unit_serial"])
                or serial == explained["unit_serial"]
            ):
                return {
                    "since": iso_utc(self._since[numbers][1]),
                    "decoded": _decoded(slot),
                    "wire": wire.slots.get(numbers),
                }
        return None


def _slots(snapshot: Snapshot) -> Iterator[tuple[str | None, SlotNumbers, Slot]]:
    """Yield each slot, with the serial of its unit and its numbers."""
    for unit in snapshot.units:
        for slot in unit.slots:
            yield unit.serial, (unit.ams_unit_no, slot.slot_no), slot
    for slot in snapshot.direct_slots:
        yield None, (None, slot.slot_no), slot


def _decoded(slot: Slot) -> dict[str, Any]:
    attributes = {field.name: getattr(slot, field.name) for field in fields(slot)}
    return attributes | {
        "identifiers": slot.identifiers.model_dump(),
        "filament": slot.filament.as_dict() if slot.filament else None,
    }
