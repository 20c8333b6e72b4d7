"""Bare filament sensors, one direct slot each (docs/protocols/moonraker.md 2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
import re
from typing import Final

from ...numbers import boolean
from ...snapshot import Slot
from .system import ANY, FLAG, TEXT, Context, Found, Reading, Status, System, Types
from .values import identify, label, natural, spoolman

_SWITCH: Final = "filament_switch_sensor"
_MOTION: Final = "filament_motion_sensor"
_WIDTH: Final = "hall_filament_width_sensor"
_FIELDS: Final[dict[str, Types]] = {"filament_detected": FLAG, "is_active": FLAG}
_TOOL: Final = re.compile(r"(?:extruder|tool|[et])_?(\d{1,3})(?!\d)", re.IGNORECASE)


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
    tools = _tools(sources)
    _number(sources, found.numbers)
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
        wanted=found.only(
            {
                **dict.fromkeys(sources.values(), _FIELDS),
                "toolhead": {"extruder": TEXT},
                **{_macro(tool): {"spool_id": ANY} for tool in tools.values()},
            }
        ),
        decode=partial(_decode, sensors, _active_spool_sensor(sensors)),
    )


def _number(names: Iterable[str], numbers: dict[str, int]) -> None:
    """Give new sensors the next free numbers, in the natural order of their names."""
    for name in sorted(names, key=natural):
        if name not in numbers:
            taken = set(numbers.values())
            numbers[name] = next(
                number for number in range(1, len(taken) + 2) if number not in taken
            )


def _tools(names: Iterable[str]) -> dict[str, int]:
    """Return each sensor's tool, if the names of all sensors number them from 0."""
    found = {name: _TOOL.match(name) for name in names}
    tools = {name: int(match[1]) for name, match in found.items() if match}
    if len(tools) != len(found) or sorted(tools.values()) != list(range(len(tools))):
        return {}
    return tools


def _macro(tool: int) -> str:
    """Return the macro that stores a tool's spool id (docs/protocols/moonraker.md 4)."""
    return f"gcode_macro T{tool}"


def _active_spool_sensor(sensors: Sequence[_Sensor]) -> _Sensor | None:
    """Return the only sensor that the active spool can belong to."""
    candidates = [sensor for sensor in sensors if sensor.senses] or sensors
    return candidates[0] if len(candidates) == 1 else None


def _decode(
    sensors: Sequence[_Sensor], meant: _Sensor | None, status: Status, context: Context
) -> Reading:
    in_use = status.get("toolhead", {}).get("extruder")
    slots = []
    for sensor in sensors:
        present = _present(sensor, status)
        spool_id = status.get(_macro(sensor.tool or 0), {}).get("spool_id")
        external = spoolman(context.spool_id if sensor is meant else spool_id)
        feeds = sensor is meant or (
            sensor.tool is not None and in_use == f"extruder{sensor.tool or ''}"
        )
        slots.append(
            Slot(
                slot_no=sensor.slot_no,
                label=sensor.name,
                has_sensor=sensor.senses,
                present=present,
                identifiable=external is not None
                or (sensor is meant and context.spoolman),
                identifiers=identify(external_id=external),
                external_assigned=True,
                active=bool(present) and feeds,
            )
        )
    return Reading(direct_slots=tuple(slots))


def _present(sensor: _Sensor, status: Status) -> bool | None:
    """Return the presence, if the sensor can detect it.

    A width sensor that is switched off always reports filament as detected.
    """
    reported = status.get(sensor.source, {})
    if not sensor.senses or reported.get("is_active") is False:
        return None
    return boolean(reported.get("filament_detected"))
