"""Bare filament sensors, one direct slot each (docs/protocols/moonraker.md 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
import re
from typing import Any, Final

from ...numbers import boolean
from ...snapshot import Slot
from .system import ANY, FLAG, TEXT, Context, Found, Reading, Status, System, Types
from .values import identify, keep_numbers, label, natural, spoolman

_SWITCH: Final = "filament_switch_sensor"
_MOTION: Final = "filament_motion_sensor"
_WIDTH: Final = "hall_filament_width_sensor"
_FIELDS: Final[dict[str, Types]] = {"filament_detected": FLAG, "is_active": FLAG}
_EXTRUDER: Final = re.compile(r"extruder\d*")
_TOOL: Final = re.compile(r"(?:extruder|tool|[et])_?(\d{1,3})(?!\d)", re.IGNORECASE)
_FIRST_TOOL: Final = re.compile(r"extruder(?![a-z\d])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sensor:
    """A sensor: its slot, name and object, and the tool it belongs to, if known."""

    slot_no: int
    name: str
    source: str
    tool: int | None

    @property
    def senses(self) -> bool:
        """Whether it detects presence; a motion sensor cannot while nothing moves."""
        return not self.source.startswith(_MOTION)


def find(found: Found) -> System:
    """Return the system of all sensors; there may be none."""
    sources = {
        name: f"{kind} {called}"
        for kind in (_SWITCH, _MOTION)
        for called in found.named(kind)
        if (name := label(called))
    }
    if _WIDTH in found.objects:
        sources[_WIDTH] = _WIDTH
    keep_numbers(sorted(sources, key=natural), found.numbers)
    listed = len(sources)
    sources = {name: sources[name] for name in sources if name in found.numbers}
    tools = _tools(sources)
    sensors = sorted(
        (
            _Sensor(found.numbers[name], name, source, tools.get(name))
            for name, source in sources.items()
        ),
        key=lambda sensor: sensor.slot_no,
    )
    return System(
        name="sensors",
        last_resort=True,
        left_out=listed - len(sources),
        wanted=found.only(
            {
                **dict.fromkeys(sources.values(), _FIELDS),
                "toolhead": {"extruder": TEXT},
                **{_macro(tool): {"spool_id": ANY} for tool in tools.values()},
            }
        ),
        decode=partial(_decode, sensors, _has_one_extruder(found)),
    )


def _has_one_extruder(found: Found) -> bool:
    extruders = [name for name in found.objects if _EXTRUDER.fullmatch(name)]
    return extruders == ["extruder"]


def _tools(sources: Mapping[str, str]) -> dict[str, int]:
    """Return the tools of the sensors whose names number them from 0.

    Klipper's first extruder has no number. Of several sensors of a tool its only switch
    belongs to it, else none does.
    """
    matches = ((name, _TOOL.match(name)) for name in sources)
    numbered = {name: int(match[1]) for name, match in matches if match}
    if 0 not in numbered.values():
        numbered |= {name: 0 for name in sources if _FIRST_TOOL.match(name)}
    if 0 not in numbered.values():
        return {}
    tools = {}
    for tool in set(numbered.values()):
        names = [name for name in numbered if numbered[name] == tool]
        switches = [name for name in names if sources[name].startswith(_SWITCH)]
        if len(only := switches or names) == 1:
            tools[only[0]] = tool
    return tools


def _macro(tool: int) -> str:
    """Return the macro that stores a tool's spool id (docs/protocols/moonraker.md 4)."""
    return f"gcode_macro T{tool}"


def _tool_spool(sensor: _Sensor, status: Status) -> Any:
    """Return the spool id in the macro of a sensor's tool; None without one."""
    if sensor.tool is None:
        return None
    return status.get(_macro(sensor.tool), {}).get("spool_id")


def _active_spool_sensor(
    sensors: Sequence[_Sensor], status: Status, *, one_extruder: bool
) -> _Sensor | None:
    """Return the sensor that the active spool is at; None if that is not known.

    It is the only one that answers and can detect presence. Behind a single extruder it
    is the first that detects filament, unless macros name the spools.
    """
    senses = [sensor for sensor in sensors if sensor.senses]
    answering = [sensor for sensor in senses if _answers(sensor, status)]
    candidates = answering or senses or sensors
    if len(candidates) == 1:
        return candidates[0]
    if not one_extruder or any(
        _tool_spool(sensor, status) is not None for sensor in sensors
    ):
        return None
    filled = (sensor for sensor in candidates if _present(sensor, status))
    return next(filled, None)


def _decode(
    sensors: Sequence[_Sensor], one_extruder: bool, status: Status, context: Context
) -> Reading:
    meant = _active_spool_sensor(sensors, status, one_extruder=one_extruder)
    # Of several switches, the one that the next active spool will be at is not known
    # before there is one: a spool in it is not unidentified.
    is_only = sum(sensor.senses and _answers(sensor, status) for sensor in sensors) <= 1
    in_use = status.get("toolhead", {}).get("extruder")
    slots = []
    for sensor in sensors:
        present = _present(sensor, status)
        external = spoolman(
            context.spool_id if sensor is meant else _tool_spool(sensor, status)
        )
        feeds = (
            sensor is meant
            if meant is not None
            else sensor.tool is not None and in_use == f"extruder{sensor.tool or ''}"
        )
        slots.append(
            Slot(
                slot_no=sensor.slot_no,
                label=sensor.name,
                has_sensor=sensor.senses,
                present=present,
                identifiable=external is not None
                or (is_only and sensor is meant and context.spoolman),
                identifiers=identify(external_id=external),
                external_assigned=True,
                active=bool(present) and feeds,
            )
        )
    return Reading(
        direct_slots=tuple(slots),
        not_understood=tuple(
            sensor.source for sensor in sensors if not _answers(sensor, status)
        ),
    )


def _answers(sensor: _Sensor, status: Status) -> bool:
    """Whether it reports anything: a listed object may have no fields."""
    return status.get(sensor.source, {}).get("filament_detected") is not None


def _present(sensor: _Sensor, status: Status) -> bool | None:
    """Return the presence, if the sensor can detect it.

    A width sensor that is switched off always reports filament as detected.
    """
    reported = status.get(sensor.source, {})
    if not sensor.senses or reported.get("is_active") is False:
        return None
    return boolean(reported.get("filament_detected"))
