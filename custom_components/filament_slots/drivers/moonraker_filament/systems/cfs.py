"""Creality's CFS, with the stock firmware or Kalico (docs/protocols/moonraker.md 3.4)."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ....model import Filament
from ...numbers import boolean, number, whole
from ...snapshot import Slot, Unit
from .system import (
    ANY,
    DICT,
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
from .values import (
    colour,
    describe,
    fields,
    identify,
    item,
    items,
    label,
    spoolman,
    text,
)

_UNITS: Final = ("T1", "T2", "T3", "T4")
_LETTERS: Final = "ABCD"
_PER_UNIT: Final = len(_LETTERS)
_CONNECTED: Final = "connect"
_NOT_STARTED: Final = "-1"
_BOX: Final[dict[str, Types]] = {
    **dict.fromkeys(_UNITS, DICT),
    "same_material": LIST,
    "slots": LIST,
    "loaded_slot": NUMBER,
    "driver_ready": ANY,
    "data_ready": ANY,
    "temp_c": NUMBER,
    "humidity_pct": NUMBER,
}
_RACK: Final = dict.fromkeys(("vender", "color_value", "material_type"), TEXT)


def find(found: Found) -> System | None:
    """Return the system if there may be a CFS or the rack beside it."""
    wanted = found.only({"box": _BOX, "filament_rack": _RACK})
    if not wanted:
        return None
    return System(
        name="cfs",
        wanted=wanted,
        decode=partial(_decode, "filament_rack" in wanted),
        ready=_ready,
    )


def _ready(status: Status) -> bool:
    """Whether it has started: the stock firmware reports units once they are connected."""
    box = status.get("box", {})
    return box.get("driver_ready") is not False and box.get("data_ready") is not False


def _decode(has_rack: bool, status: Status, context: Context) -> Reading:
    box = status.get("box", {})
    if isinstance(box.get("slots"), list):
        return _flat(box, context)
    materials = _materials(box)
    rack = status.get("filament_rack", {})
    return Reading(
        units=tuple(_units(box, materials, context)),
        direct_slots=(_rack(rack, materials),) if has_rack else (),
    )


# The stock firmware.


def _materials(box: Fields) -> dict[str, str]:
    """Return the names of materials by their codes, where the printer reports them."""
    named = {}
    for entry in items(box.get("same_material")):
        code, material = text(item(entry, 0)), text(item(entry, 3))
        if code and material:
            named[code] = material
    return named


def _units(box: Fields, materials: dict[str, str], context: Context) -> Iterator[Unit]:
    for index, name in enumerate(_UNITS):
        unit = fields(box.get(name))
        if unit.get("state") != _CONNECTED or _starting(unit):
            continue
        active = text(unit.get("filament"))
        slots = tuple(
            _slot(unit, position, f"{name}{letter}", materials, active == letter)
            for position, letter in enumerate(_LETTERS)
        )
        yield Unit(
            ams_unit_no=index + 1,
            slots_total=_PER_UNIT,
            serial=text(unit.get("sn"), 32),
            model="CFS",
            label=name,
            feeding=context.printing and any(slot.active for slot in slots),
            temperature_c=number(unit.get("temperature"), -50, 200),
            humidity_percent=number(unit.get("dry_and_humidity"), 0, 100),
            slots=slots,
        )


def _starting(unit: Fields) -> bool:
    """Return whether it is connected but has not reported any of its slots yet."""
    venders = items(unit.get("vender"))
    return bool(venders) and all(vender == _NOT_STARTED for vender in venders)


def _slot(
    unit: Fields, position: int, name: str, materials: dict[str, str], active: bool
) -> Slot:
    vender = item(unit.get("vender"), position)
    tag = text(vender, 128)
    code = text(item(unit.get("material_type"), position))
    return Slot(
        slot_no=position + 1,
        label=name,
        present=_present(vender, item(unit.get("remain_len"), position)),
        reads_tags=True,
        identifiers=identify(vendor_tag=(code or tag) if tag else None),
        # "unknown" is the result of a read, too.
        read_done=isinstance(vender, str) and vender.casefold() not in _NO_VENDER,
        active=active,
        filament=_filament(
            code, item(unit.get("color_value"), position), materials, tag
        ),
    )


_NO_VENDER: Final = frozenset({"none", "-1", ""})


def _present(vender: object, remaining: object) -> bool | None:
    """Return the presence; unlike colour and material, these two change with it."""
    length = number(remaining, -1, 1_000_000)
    if isinstance(vender, str) and vender.strip().casefold() not in _NO_VENDER:
        return True
    if length is not None and length > 0:
        return True
    return False if isinstance(vender, str) else None


def _filament(
    code: str | None, color: object, materials: dict[str, str], tag: str | None
) -> Filament | None:
    return describe(
        material=materials.get(code or ""),
        color_hex=colour(color) if color != _NOT_STARTED else None,
        preset=None if tag else code,
    )


def _rack(rack: Fields, materials: dict[str, str]) -> Slot:
    """Return the external holder, which has no sensor."""
    return Slot(
        slot_no=1,
        label="External",
        has_sensor=False,
        identifiable=False,
        filament=_filament(
            text(rack.get("material_type")), rack.get("color_value"), materials, None
        ),
    )


# Kalico.


def _flat(box: Fields, context: Context) -> Reading:
    loaded = whole(box.get("loaded_slot"), 0, 1000)
    direct: list[Slot] = []
    units: dict[int, dict[int, Slot]] = {}
    for entry in items(box.get("slots")):
        reported = fields(entry)
        index = whole(reported.get("index"), 0, 4 * _PER_UNIT)
        if index is None:
            context.ignore("a slot without an index")
        elif reported.get("external") is True:
            direct.append(_flat_slot(reported, 1, "External", loaded == index, context))
        else:
            unit, position = divmod(index, _PER_UNIT)
            units.setdefault(unit + 1, {})[position + 1] = _flat_slot(
                reported,
                position + 1,
                f"T{unit + 1}{_LETTERS[position]}",
                loaded == index,
                context,
            )
    return Reading(
        units=tuple(
            Unit(
                ams_unit_no=number_,
                slots_total=_PER_UNIT,
                model="CFS",
                label=f"T{number_}",
                feeding=context.printing
                and any(slot.active for slot in slots.values()),
                temperature_c=number(box.get("temp_c"), -50, 200),
                humidity_percent=number(box.get("humidity_pct"), 0, 100),
                slots=tuple(slots.values()),
            )
            for number_, slots in sorted(units.items())
        ),
        direct_slots=tuple(direct[:1]),
    )


def _flat_slot(
    reported: Fields, slot_no: int, name: str, active: bool, context: Context
) -> Slot:
    external = spoolman(reported.get("spoolman_id"))
    outside = reported.get("external") is True
    known: dict[str, Any] = {
        "name": text(reported.get("name"), 128),
        "material": text(reported.get("material")),
        "color_hex": colour(reported.get("color")),
        "vendor": text(reported.get("brand")),
        "remaining_percent": number(reported.get("rfid_percent"), 0, 100),
    }
    return Slot(
        slot_no=slot_no,
        label=label(name),
        has_sensor=not outside,
        present=None if outside else boolean(reported.get("present")),
        identifiable=context.spoolman or external is not None,
        identifiers=identify(external_id=external),
        external_assigned=True,
        active=active or reported.get("loaded") is True,
        filament=describe(**known),
    )
