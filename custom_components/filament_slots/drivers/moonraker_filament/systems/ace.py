"""Anycubic's ACE, with Anycubic's firmware or a community driver (docs/protocols/moonraker.md 3.5)."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from ...numbers import number, whole
from ...snapshot import Slot, Unit
from .system import (
    FLAG,
    LIST,
    NUMBER,
    TEXT,
    Context,
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
_DEFAULT_COLOURS: Final = ([0, 0, 0], [128, 128, 128])
_RUNOUT: Final = "runout"
_CONNECTED: Final = frozenset({None, "connected"})
_ANSWERING: Final = frozenset({None, "ready", "busy"})
_UNIT: Final[dict[str, Types]] = {
    "slots": LIST,
    "status": TEXT,
    "temp": NUMBER,
    "connection_state": TEXT,
    "connected": FLAG,
    "rfid_sync_enabled": FLAG,
}
_ACE: Final[dict[str, Types]] = {**_UNIT, "current_index": NUMBER, "aces": LIST}


def find_hub(found: Found) -> System | None:
    """Return the system of Anycubic's own firmware."""
    wanted = found.only(
        {"filament_hub": {"filament_hubs": LIST, "current_filament": TEXT}}
    )
    if not wanted:
        return None
    return System(name="ace", wanted=wanted, decode=_hub)


def find_instances(found: Found) -> System | None:
    """Return the system of community drivers that publish an ACE as Klipper objects."""
    instances = sorted(
        (name for name in found.objects if name.startswith("ace_instance_")),
        key=natural,
    )[:_UNITS_MAX]
    if "ace" not in found.objects and not instances:
        return None
    return System(
        name="ace",
        wanted=found.only(
            {
                "ace": _ACE,
                "ace_state": {"current_index": NUMBER},
                **dict.fromkeys(instances, _UNIT),
            }
        ),
        decode=partial(_instances, instances or ["ace"]),
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


def _answers(unit: Fields) -> bool:
    """Return whether the ACE answers its driver; without that its slots mean nothing.

    Some drivers report it as ready with four empty slots and 0 °C until it first answers.
    """
    if (
        text(unit.get("status")) not in _ANSWERING
        or text(unit.get("connection_state")) not in _CONNECTED
        or unit.get("connected") is False
    ):
        return False
    slots = [fields(slot).get("status") for slot in items(unit.get("slots"))]
    return unit.get("temp") != 0 or any(status != _EMPTY for status in slots)


def _hub(status: Status, context: Context) -> Reading:
    hub = status.get("filament_hub", {})
    active = text(hub.get("current_filament"))
    units = []
    for unit in map(fields, items(hub.get("filament_hubs"))[:_UNITS_MAX]):
        unit_id = whole(unit.get("id"), 0, _UNITS_MAX)
        if unit_id is None:
            context.ignore("an ACE without a valid number")
            continue
        in_use = {slot for slot in range(_PER_UNIT) if active == f"{unit_id}-{slot}"}
        units.append(_unit(unit_id, unit, in_use, context))
    return Reading(units=_each_once(units, context))


def _instances(sources: list[str], status: Status, context: Context) -> Reading:
    current = whole(status.get("ace", {}).get("current_index"), 0, 1000)
    if current is None:
        current = whole(status.get("ace_state", {}).get("current_index"), 0, 1000)
    listed = status.get("ace", {}).get("aces")
    if isinstance(listed, list):
        reported = [*map(fields, listed[:_UNITS_MAX])]
    else:
        reported = [status.get(name, {}) for name in sources]
    units = []
    for index, unit in enumerate(reported):
        if not isinstance(unit.get("slots"), list):
            continue  # a listed object is not one that answers
        unit_id = whole(unit.get("idx", index), 0, _UNITS_MAX)
        if unit_id is None:
            context.ignore("an ACE without a valid number")
            continue
        in_use = set() if current is None else {current - unit_id * _PER_UNIT}
        units.append(_unit(unit_id, unit, in_use, context))
    return Reading(units=_each_once(units, context))


def _inventory(status: Status, context: Context) -> Reading:
    variables = fields(status.get("save_variables", {}).get("variables"))
    current = whole(variables.get("ace_current_index"), 0, 1000)
    listed = items(variables.get("ace_inventory"))[: _UNITS_MAX * _PER_UNIT]
    units = []
    for start in range(0, len(listed), _PER_UNIT):
        slots = [
            _slot(
                index, fields(reported), current == start + index, context, tags=False
            )
            for index, reported in enumerate(listed[start : start + _PER_UNIT])
        ]
        units.append(_described(start // _PER_UNIT, {}, slots, context))
    return Reading(units=tuple(units))


def _unit(unit_id: int, unit: Fields, in_use: set[int], context: Context) -> Unit:
    slots: dict[int, Slot] = {}
    tags = unit.get("rfid_sync_enabled") is not False
    for position, reported in enumerate(map(fields, items(unit.get("slots")))):
        index = whole(reported.get("index", position), 0, _PER_UNIT - 1)
        if index is None or index in slots:
            context.ignore("a slot without a valid index")
            continue
        slots[index] = _slot(index, reported, index in in_use, context, tags=tags)
    return _described(unit_id, unit, slots.values(), context)


def _described(
    unit_id: int, unit: Fields, slots: Iterable[Slot], context: Context
) -> Unit:
    slots = tuple(slots)
    return Unit(
        ams_unit_no=unit_id + 1,
        slots_total=_PER_UNIT,
        model="ACE",
        label=f"ACE {unit_id + 1}",
        online=_answers(unit),
        feeding=context.printing and any(slot.active for slot in slots),
        temperature_c=number(unit.get("temp"), -50, 200),
        slots=slots,
    )


def _slot(
    index: int, reported: Fields, active: bool, context: Context, *, tags: bool
) -> Slot:
    rfid = _rfid(reported)
    sku = text(reported.get("sku")) if rfid == _IDENTIFIED else None
    return Slot(
        slot_no=index + 1,
        label=str(index + 1),
        present=_present(reported.get("status"), context),
        reads_tags=tags,
        identifiable=tags,
        identifiers=identify(vendor_tag=sku),
        reading=rfid == _IDENTIFYING,
        read_done=rfid in (_NO_TAG, _IDENTIFIED),
        active=active,
        filament=describe(
            material=text(reported.get("type")) or text(reported.get("material")),
            color_hex=_colour(reported),
            vendor=text(reported.get("brand")),
        ),
    )


def _rfid(reported: Fields) -> int | None:
    """Return the result of the tag's read, None while there is none.

    Some drivers report only whether a tag was identified, before its content. A false
    one leaves open whether there is no tag or it has not been read yet.
    """
    rfid = reported.get("rfid")
    if rfid is True and text(reported.get("sku")):
        return _IDENTIFIED
    return whole(rfid, 0, 9)


def _present(status: object, context: Context) -> bool | None:
    """Every status but empty means present, and a runout is not confirmed as empty."""
    state = text(status)
    if state is None or state == _RUNOUT:
        if status is not None and state is None:
            context.ignore("an invalid slot status")
        return None
    return state != _EMPTY


def _colour(reported: Fields) -> str | None:
    """Return the colour. One without a material is the default of an unset slot."""
    rgb = reported.get("color")
    if rgb in _DEFAULT_COLOURS and not (
        text(reported.get("type")) or text(reported.get("material"))
    ):
        return None
    return colour(rgb)


def _each_once(units: list[Unit], context: Context) -> tuple[Unit, ...]:
    once = {unit.ams_unit_no: unit for unit in units}
    if len(once) < len(units):
        context.ignore("two ACE with the same number")
    return tuple(once.values())
