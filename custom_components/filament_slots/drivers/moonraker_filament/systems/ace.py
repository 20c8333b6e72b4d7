"""Anycubic's ACE, as Anycubic's firmware and the community's tell it (docs/protocols/moonraker.md 3.5)."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from ...numbers import number, whole
from ...snapshot import Slot, Unit
from .system import (
    LIST,
    NUMBER,
    TEXT,
    Around,
    Fields,
    Found,
    Reading,
    Status,
    System,
    Types,
)
from .values import colour, describe, fields, identify, items, natural, text

_UNITS_MAX: Final = 16
_PER_UNIT: Final = 4
_NO_TAG, _IDENTIFIED, _IDENTIFYING = 1, 2, 3
_EMPTY: Final = "empty"
_RUNOUT: Final = "runout"
_UNIT: Final[dict[str, Types]] = {"slots": LIST, "status": TEXT, "temp": NUMBER}
_ACE: Final[dict[str, Types]] = {**_UNIT, "current_index": NUMBER}


def find_hub(found: Found) -> System | None:
    """Return the system of Anycubic's own firmware."""
    wanted = found.only(
        {"filament_hub": {"filament_hubs": LIST, "current_filament": TEXT}}
    )
    if not wanted:
        return None
    return System(name="ace", wanted=wanted, decode=_hub, ready=_hub_ready)


def find_instances(found: Found) -> System | None:
    """Return the system of community drivers that tell Klipper what an ACE says."""
    instances = sorted(
        (name for name in found.objects if name.startswith("ace_instance_")),
        key=natural,
    )
    if "ace" not in found.objects and not instances:
        return None
    return System(
        name="ace",
        wanted=found.only({"ace": _ACE, **dict.fromkeys(instances, _UNIT)}),
        decode=partial(_instances, instances or ["ace"]),
        ready=lambda status: all(map(_has_started, status.values())),
    )


def find_inventory(found: Found) -> System | None:
    """Return the system of community drivers that only keep variables."""
    if not isinstance(found.variables.get("ace_inventory"), list):
        return None
    return System(
        name="ace",
        wanted=found.only({"save_variables": {"variables": dict}}),
        decode=_inventory,
    )


def _hub_ready(status: Status) -> bool:
    """Slots are empty before an ACE has told of them."""
    units = items(status.get("filament_hub", {}).get("filament_hubs"))
    return all(_has_started(fields(unit)) for unit in units)


def _has_started(unit: Fields) -> bool:
    return unit.get("status") in (None, "ready", "busy")


def _hub(status: Status, around: Around) -> Reading:
    hub = status.get("filament_hub", {})
    active = text(hub.get("current_filament"))
    units = []
    for unit in map(fields, items(hub.get("filament_hubs"))):
        unit_id = whole(unit.get("id"), 0, _UNITS_MAX)
        if unit_id is None:
            around.ignore("an ACE without a number")
            continue
        in_use = {slot for slot in range(_PER_UNIT) if active == f"{unit_id}-{slot}"}
        units.append(_unit(unit_id, unit, in_use, around))
    return Reading(units=_each_once(units, around))


def _instances(sources: list[str], status: Status, around: Around) -> Reading:
    current = whole(status.get("ace", {}).get("current_index"), 0, 1000)
    return Reading(
        units=tuple(
            _unit(
                index,
                status.get(name, {}),
                set() if current is None else {current - index * _PER_UNIT},
                around,
            )
            for index, name in enumerate(sources)
        )
    )


def _inventory(status: Status, around: Around) -> Reading:
    variables = fields(status.get("save_variables", {}).get("variables"))
    current = whole(variables.get("ace_current_index"), 0, 1000)
    listed = items(variables.get("ace_inventory"))[: _UNITS_MAX * _PER_UNIT]
    units = []
    for start in range(0, len(listed), _PER_UNIT):
        slots = [
            _slot(index, fields(said), current == start + index, around, tags=False)
            for index, said in enumerate(listed[start : start + _PER_UNIT])
        ]
        units.append(_described(start // _PER_UNIT, {}, slots, around))
    return Reading(units=tuple(units))


def _unit(unit_id: int, unit: Fields, in_use: set[int], around: Around) -> Unit:
    slots: dict[int, Slot] = {}
    for position, said in enumerate(map(fields, items(unit.get("slots")))):
        index = whole(said.get("index", position), 0, _PER_UNIT - 1)
        if index is None or index in slots:
            around.ignore("a slot without a place")
            continue
        slots[index] = _slot(index, said, index in in_use, around)
    return _described(unit_id, unit, slots.values(), around)


def _described(
    unit_id: int, unit: Fields, slots: Iterable[Slot], around: Around
) -> Unit:
    told = tuple(slots)
    return Unit(
        ams_unit_no=unit_id + 1,
        slots_total=_PER_UNIT,
        model="ACE",
        label=f"ACE {unit_id + 1}",
        feeding=around.printing and any(slot.active for slot in told),
        temperature_c=number(unit.get("temp"), -50, 200),
        slots=told,
    )


def _slot(
    index: int, said: Fields, active: bool, around: Around, *, tags: bool = True
) -> Slot:
    rfid = whole(said.get("rfid"), 0, 9)
    sku = text(said.get("sku")) if rfid == _IDENTIFIED else None
    return Slot(
        slot_no=index + 1,
        label=str(index + 1),
        present=_present(said.get("status"), around),
        reads_tags=tags,
        identifiable=tags,
        identifiers=identify(vendor_tag=sku),
        reading=rfid == _IDENTIFYING,
        read_done=rfid in (_NO_TAG, _IDENTIFIED),
        active=active,
        filament=describe(
            material=text(said.get("type")) or text(said.get("material")),
            color_hex=_colour(said),
            vendor=text(said.get("brand")),
        ),
    )


def _present(status: object, around: Around) -> bool | None:
    """Whatever moves is there; a runout is on its way to being empty."""
    said = text(status)
    if said is None or said == _RUNOUT:
        if status is not None and said is None:
            around.ignore("a slot status that is none")
        return None
    return said != _EMPTY


def _colour(said: Fields) -> str | None:
    """Black without a material is what a slot has that nobody told anything about."""
    rgb = said.get("color")
    if rgb == [0, 0, 0] and not (text(said.get("type")) or text(said.get("material"))):
        return None
    return colour(rgb)


def _each_once(units: list[Unit], around: Around) -> tuple[Unit, ...]:
    once = {unit.ams_unit_no: unit for unit in units}
    if len(once) < len(units):
        around.ignore("two ACE of one number")
    return tuple(once.values())
