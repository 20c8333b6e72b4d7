"""Creality's CFS, with the stock firmware or Kalico (docs/protocols/moonraker.md 3.4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ....model import Filament
from ...numbers import boolean, number, whole
from ...snapshot import Slot, Snapshot, Unit
from .system import (
    ANY,
    DICT,
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
_SWITCH: Final = "filament_switch_sensor "
_SENSED: Final[dict[str, Types]] = {"filament_detected": FLAG}
_RACK: Final = dict.fromkeys(("vender", "color_value", "material_type"), TEXT)
_EXTERNAL: Final = Slot(
    slot_no=1, label="External", has_sensor=False, identifiable=False
)


def find(found: Found) -> System | None:
    """Return the system if there may be a CFS or the rack beside it.

    The printer's own switches are those of the external spool where there is no CFS.
    """
    wanted = found.only({"box": _BOX, "filament_rack": _RACK})
    if not wanted:
        return None
    switches = [name for name in found.objects if name.startswith(_SWITCH)]
    return System(
        name="cfs",
        wanted={**wanted, **dict.fromkeys(switches, _SENSED)},
        decode=partial(_decode, "filament_rack" in wanted, switches),
    )


def _decode(
    has_rack: bool, switches: Sequence[str], status: Status, context: Context
) -> Reading:
    box = status.get("box", {})
    materials = _materials(box)
    external: Slot | None = None
    if isinstance(box.get("slots"), list):
        units, external = _flat(box, context)
    else:
        units = tuple(_units(box, materials, context))
        if has_rack:
            external = _rack(status.get("filament_rack", {}), materials)
    if switches and not units and _had_no_unit(context.before):
        external = _sensed(external or _EXTERNAL, switches, status, context)
    return Reading(units=units, direct_slots=(external,) if external else ())


def _had_no_unit(before: Snapshot | None) -> bool:
    """Return whether no CFS was connected before on this connection.

    Filament in the head may be that of a CFS which is only away for a while.
    """
    return before is None or any(slot.has_sensor for slot in before.direct_slots)


def _sensed(
    slot: Slot, switches: Sequence[str], status: Status, context: Context
) -> Slot:
    """Return the external slot of a printer without a CFS, by its switches.

    All of them sit on the one path that the filament takes, so it is out once the last
    one is open.
    """
    closed = [
        boolean(status.get(switch, {}).get("filament_detected")) for switch in switches
    ]
    known = [state for state in closed if state is not None]
    external = spoolman(context.spool_id)
    return replace(
        slot,
        has_sensor=True,
        present=any(known) if known else None,
        active=any(known),
        identifiable=context.spoolman or external is not None,
        identifiers=identify(external_id=external),
        external_assigned=True,
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
        if unit.get("state") != _CONNECTED or (
            _not_reported(unit) and not _may_be_empty(name, context.before)
        ):
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


def _not_reported(unit: Fields) -> bool:
    """Return whether none of its slots has a vender or a length, as after a start.

    A length beside such a vender is that of a spool without a tag.
    """
    venders = items(unit.get("vender"))
    return (
        bool(venders)
        and all(vender == _NOT_STARTED for vender in venders)
        and not any(map(_length, items(unit.get("remain_len"))))
    )


def _may_be_empty(name: str, before: Snapshot | None) -> bool:
    """Return whether a unit without any value lost its last spool instead of starting.

    The slot of a spool without a tag has none of them either once the spool has left;
    a start takes the values of all slots at once.
    """
    if before is None or before.frozen:
        return False
    for unit in before.units:
        if unit.label == name:
            spools = [slot for slot in unit.slots if slot.present]
            return len(spools) <= 1 and not any(slot.read_done for slot in spools)
    return False


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
    if isinstance(vender, str) and vender.strip().casefold() not in _NO_VENDER:
        return True
    if _length(remaining):
        return True
    return False if isinstance(vender, str) else None


def _length(remaining: object) -> float | None:
    """Return a length above 0."""
    return number(remaining, 0, 1_000_000) or None


def _filament(
    code: str | None, color: object, materials: dict[str, str], tag: str | None
) -> Filament | None:
    return describe(
        material=materials.get(code or ""),
        color_hex=colour(color) if color != _NOT_STARTED else None,
        preset=None if tag else code,
    )


def _rack(rack: Fields, materials: dict[str, str]) -> Slot:
    """Return the external holder."""
    return replace(
        _EXTERNAL,
        filament=_filament(
            text(rack.get("material_type")), rack.get("color_value"), materials, None
        ),
    )


# Kalico.


def _flat(box: Fields, context: Context) -> tuple[tuple[Unit, ...], Slot | None]:
    """Return the units and the external slot."""
    online = box.get("driver_ready") is not False and box.get("data_ready") is not False
    loaded = whole(box.get("loaded_slot"), 0, 1000)
    external: Slot | None = None
    units: dict[int, dict[int, Slot]] = {}
    for entry in items(box.get("slots")):
        reported = fields(entry)
        index = whole(reported.get("index"), 0, 4 * _PER_UNIT)
        if index is None:
            context.ignore("a slot without an index")
        elif reported.get("external") is True:
            external = _flat_slot(reported, 1, "External", loaded == index, context)
        else:
            unit, position = divmod(index, _PER_UNIT)
            units.setdefault(unit + 1, {})[position + 1] = _flat_slot(
                reported,
                position + 1,
                f"T{unit + 1}{_LETTERS[position]}",
                loaded == index,
                context,
            )
    return (
        tuple(
            Unit(
                ams_unit_no=number_,
                slots_total=_PER_UNIT,
                model="CFS",
                label=f"T{number_}",
                online=online,
                feeding=context.printing
                and any(slot.active for slot in slots.values()),
                temperature_c=number(box.get("temp_c"), -50, 200),
                humidity_percent=number(box.get("humidity_pct"), 0, 100),
                slots=tuple(slots.values()),
            )
            for number_, slots in sorted(units.items())
        ),
        external,
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
