"""OpenAMS without AFC: its manager and its tag readers (docs/protocols/moonraker.md 3.9)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ...numbers import boolean, whole
from ...snapshot import Slot, Unit
from .system import ANY, FLAG, LIST, Context, Fields, Found, Reading, Status, System
from .values import describe, fields, identify, items, label, text, uid

_UNITS_MAX: Final = 64
_BAYS_MAX: Final = 16
_BAYS_A_READER: Final = 2


def find(found: Found) -> System | None:
    """Return the system if OpenAMS runs without AFC."""
    if "oams_manager" not in found.objects:
        return None
    readers = [name for name in found.objects if name.partition(" ")[0] == "mfrc522"]
    return System(
        name="openams",
        wanted=found.only(
            {
                "oams_manager": {"ready": FLAG, "units": LIST},
                **{name: {"oams": ANY, "readers": LIST} for name in readers},
            }
        ),
        decode=partial(_decode, readers),
        ready=lambda status: status.get("oams_manager", {}).get("ready") is not False,
    )


def _decode(sources: Sequence[str], status: Status, context: Context) -> Reading:
    readers = _readers(sources, status)
    units = []
    listed = items(status.get("oams_manager", {}).get("units"))[:_UNITS_MAX]
    for index, unit in enumerate(map(fields, listed)):
        if unit.get("connected") is False:
            continue
        tags = readers.get(str(unit.get("id")), {})
        slots = _slots(items(unit.get("slots"))[:_BAYS_MAX], tags, context)
        units.append(
            Unit(
                ams_unit_no=index + 1,
                slots_total=len(slots),
                model="OpenAMS",
                label=label(unit.get("name")),
                feeding=context.printing and any(slot.active for slot in slots),
                slots=slots,
            )
        )
    return Reading(units=tuple(units))


def _readers(
    sources: Sequence[str], status: Status
) -> Mapping[str, Mapping[int, Fields]]:
    """Return the readers of each unit, by the number of its antenna."""
    readers: dict[str, dict[int, Fields]] = {}
    for source in sources:
        pair = status.get(source, {})
        for reader in map(fields, items(pair.get("readers"))):
            antenna = whole(reader.get("rfid_card"), 0, _BAYS_MAX)
            if antenna is not None:
                unit = str(reader.get("oams", pair.get("oams")))
                readers.setdefault(unit, {})[antenna] = reader
    return readers


def _slots(
    listed: Sequence[Any], readers: Mapping[int, Fields], context: Context
) -> tuple[Slot, ...]:
    bays: dict[int, Fields] = {}
    for position, reported in enumerate(map(fields, listed)):
        bay = whole(reported.get("bay", position), 0, _BAYS_MAX - 1)
        if bay is None or bay in bays:
            context.ignore("a bay without a valid number")
            continue
        bays[bay] = reported
    return tuple(_slot(bay, bays, readers) for bay in sorted(bays))


def _slot(bay: int, bays: Mapping[int, Fields], readers: Mapping[int, Fields]) -> Slot:
    reported = bays[bay]
    antenna = bay // _BAYS_A_READER
    filled = [
        other
        for other in bays
        if other // _BAYS_A_READER == antenna and bays[other].get("ready") is True
    ]
    # Two bays share an antenna: a tag belongs to this bay if the other one is empty.
    reader = readers.get(antenna, {}) if filled == [bay] else {}
    tag = uid(reader.get("uid")) if reader.get("present") is True else None
    filament = fields(reader.get("filament")) if tag else {}
    return Slot(
        slot_no=bay + 1,
        label=str(bay + 1),
        present=boolean(reported.get("ready")),
        reads_tags=antenna in readers,
        identifiable=antenna in readers,
        identifiers=identify(rfid_uid=tag),
        active=reported.get("loaded") is True,
        filament=describe(
            material=text(filament.get("material")) or text(filament.get("type")),
            vendor=text(filament.get("vendor")),
        ),
    )
