"""AFC-Klipper-Add-On, versions 1.0 to 1.2 (docs/protocols/moonraker.md 3.3)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ....model import Filament
from ...numbers import boolean, number, whole
from ...snapshot import Slot, Unit
from .system import (
    ANY,
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
    identify,
    keep_numbers,
    label,
    names,
    natural,
    spoolman,
    text,
)

_LANE_KINDS: Final = ("AFC_stepper", "AFC_lane")
# Objects that have lanes and are not units.
_NO_UNITS: Final = frozenset({*_LANE_KINDS, "AFC_hub", "AFC_extruder", "AFC_buffer"})
# Units whose lanes stand for the heads of a printer.
_HEADS: Final = frozenset({"AFC_unit", "AFC_Toolchanger"})
_UNITS_MAX: Final = 64
_SLOTS_MAX: Final = 256
_AFC: Final = {
    "units": LIST,
    "lanes": LIST,
    "current_load": TEXT,
    "spoolman": TEXT,
}
_LANE: Final[dict[str, Types]] = {
    "unit": TEXT,
    "lane": NUMBER,
    "map": ANY,
    "prep": FLAG,
    "load": FLAG,
    "tool_loaded": FLAG,
    "status": TEXT,
    "filament_status": TEXT,
    "spool_id": ANY,
    "material": TEXT,
    "color": TEXT,
    "filament_name": TEXT,
    "weight": NUMBER,
    "initial_weight": NUMBER,
    "extruder_temp": NUMBER,
}
# The status shown by a lane's light, used where its switches are not reported.
_PRESENT: Final = {"prep": True, "ready": True, "in tool": True, "not ready": False}


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects of lanes by lane, and of units by the name of the unit.

    beside_heads: only units with an object are changers; the others stand for heads.
    """

    lanes: dict[str, str]
    units: dict[str, str]
    beside_heads: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A unit: its number, kind and name, its lanes, and whether they are tools."""

    number: int
    kind: str
    name: str
    lanes: list[str]

    @property
    def is_toolchanger(self) -> bool:
        return self.kind.removeprefix("AFC_").casefold() == "toolchanger"


def find(found: Found) -> System | None:
    """Return the system if AFC has lanes."""
    objects = _objects(found, _NO_UNITS)
    return _system(objects, found) if objects.lanes else None


def find_beside_heads(found: Found) -> System | None:
    """Return the system if AFC has changers on a printer that reports its own heads."""
    objects = _objects(found, _NO_UNITS | _HEADS)
    if not objects.units:
        return None
    return _system(replace(objects, beside_heads=True), found)


def _objects(found: Found, no_units: frozenset[str]) -> _Objects:
    return _Objects(
        lanes={
            name: f"{kind} {name}" for kind in _LANE_KINDS for name in found.named(kind)
        },
        units={
            name: f"{kind} {name}"
            for kind, _, name in (thing.partition(" ") for thing in found.objects)
            if name and kind.startswith("AFC_") and kind not in no_units
        },
    )


def _system(objects: _Objects, found: Found) -> System:
    return System(
        name="afc",
        wanted=found.only(
            {
                "AFC": _AFC,
                **{name: {"lanes": LIST} for name in objects.units.values()},
                **dict.fromkeys(objects.lanes.values(), _LANE),
            }
        ),
        decode=partial(_decode, objects, found.numbers),
        ready=partial(_ready, objects),
    )


def _ready(objects: _Objects, status: Status) -> bool:
    """Whether AFC has read its switches; before that, no lane has a tool."""
    return any(bool(status.get(lane, {}).get("map")) for lane in objects.lanes.values())


def _decode(
    objects: _Objects, numbers: dict[str, int], status: Status, context: Context
) -> Reading:
    afc = status.get("AFC", {})
    loaded = text(afc.get("current_load"), 128)
    spools = context.spoolman or text(afc.get("spoolman"), 512) is not None
    units: list[Unit] = []
    direct: list[Slot] = []
    for place in _places(objects, status):
        if objects.beside_heads and place.name not in objects.units:
            continue
        lanes = {
            name: status.get(objects.lanes.get(name, ""), {}) for name in place.lanes
        }
        tools = place.is_toolchanger
        if tools:
            keep_numbers(lanes, numbers)
        slots = tuple(
            _slot(
                numbers[name] if tools else slot_no,
                name,
                lanes[name],
                tool=tools,
                spools=spools,
                loaded=loaded,
            )
            for slot_no, name in _number(place, lanes, context)
            if not tools or name in numbers
        )
        if tools:
            direct.extend(slots)
        elif slots:
            units.append(
                Unit(
                    ams_unit_no=place.number,
                    serial=label(place.name),
                    slots_total=len(slots),
                    model=label(place.kind.removeprefix("AFC_")),
                    label=label(place.name),
                    feeding=context.printing and any(slot.active for slot in slots),
                    loading=any(_loading(lane) for lane in lanes.values()),
                    slots=slots,
                )
            )
    return Reading(units=tuple(units), direct_slots=tuple(direct))


def _places(objects: _Objects, status: Status) -> list[_Place]:
    """Return the units in AFC's order, each with its lanes.

    Lanes that AFC itself does not list, such as a drive, are left out.
    """
    afc = status.get("AFC", {})
    listed = names(afc.get("lanes"))
    ordered = [unit.partition(" ") for unit in names(afc.get("units"))]
    units = [(kind, name or kind) for kind, _, name in ordered] or [
        (thing.partition(" ")[0], name) for name, thing in objects.units.items()
    ]
    places = []
    for index, (kind, name) in enumerate(units[:_UNITS_MAX]):
        lanes = names(
            status.get(objects.units.get(name, ""), {}).get("lanes")
        ) or sorted(
            (
                lane
                for lane, thing in objects.lanes.items()
                if status.get(thing, {}).get("unit") == name
            ),
            key=natural,
        )
        places.append(
            _Place(
                index + 1,
                kind,
                name,
                [lane for lane in lanes if not listed or lane in listed][:_SLOTS_MAX],
            )
        )
    return places


def _number(
    place: _Place, lanes: dict[str, Fields], context: Context
) -> Iterable[tuple[int, str]]:
    """Return a unit's lanes by the numbers they report, else by their position.

    A lane that reports 0 is part of the machinery. Tools report 0 too; they are known by
    their names, not by these numbers.
    """
    numbered: dict[int, str] = {}
    for index, (name, lane) in enumerate(lanes.items()):
        reported = (
            None if place.is_toolchanger else whole(lane.get("lane"), 0, _SLOTS_MAX)
        )
        if reported == 0:
            continue
        slot_no = index + 1 if reported is None else reported
        if slot_no in numbered:
            context.ignore("two lanes with the same number")
            continue
        numbered[slot_no] = name
    return sorted(numbered.items())


def _slot(
    slot_no: int,
    name: str,
    lane: Fields,
    *,
    tool: bool,
    spools: bool,
    loaded: str | None,
) -> Slot:
    external = spoolman(lane.get("spool_id"))
    return Slot(
        slot_no=slot_no,
        label=label(name),
        present=_present(lane, tool=tool),
        inlet=boolean(lane.get("prep")),
        identifiable=spools or external is not None,
        identifiers=identify(external_id=external),
        external_assigned=True,
        active=name == loaded,
        filament=_filament(lane, spool=external is not None),
    )


def _present(lane: Fields, *, tool: bool) -> bool | None:
    """Return whether one of the lane's switches detects filament.

    Filament that is only in the toolhead has left its lane; a tool has no lane.
    """
    switches = [boolean(lane.get("prep")), boolean(lane.get("load"))]
    if tool:
        switches.append(boolean(lane.get("tool_loaded")))
    if any(switches):
        return True
    if None not in switches[:2]:
        return False
    light = text(lane.get("filament_status"))
    if light is not None:
        return _PRESENT.get(light.casefold())
    return True if lane.get("tool_loaded") is True else None


def _loading(lane: Fields) -> bool:
    """Return whether it is being filled: it has filament, and no status yet."""
    return (
        (lane.get("prep") is True or lane.get("load") is True)
        and isinstance(lane.get("status"), str)
        and text(lane["status"]) is None
    )


def _filament(lane: Fields, *, spool: bool) -> Filament | None:
    """Return the filament; without a spool the reported weights are defaults."""
    nozzle = number(lane.get("extruder_temp"), 1, 1000)
    remaining = number(lane.get("weight"), 0, 100_000) if spool else None
    return describe(
        name=text(lane.get("filament_name"), 128),
        material=text(lane.get("material")),
        color_hex=colour(lane.get("color")),
        remaining_g=None if remaining is None else round(remaining),
        weight_g=number(lane.get("initial_weight"), 1, 100_000) if spool else None,
        nozzle_min_c=nozzle,
        nozzle_max_c=nozzle,
    )
