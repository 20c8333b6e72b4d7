"""FlashForge's IFS on the AD5X, through zmod or Forge-X (docs/protocols/moonraker.md 3.8)."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ....model import Filament
from ...numbers import boolean, whole
from ...snapshot import Slot, Unit
from .system import DICT, FLAG, LIST, NUMBER, Context, Found, Reading, Status, System
from .values import colour, describe, fields, item, items, text

_PORTS: Final = 4
_PORT_SENSOR: Final = "filament_switch_sensor _ifs_port_sensor_"

type Present = Callable[[Status, int], bool | None]


def find(found: Found) -> System | None:
    """Return the system, in the form in which it is installed."""
    for objects, present, active, filament in (
        (
            {
                "zmod_ifs": {"Ports": LIST, "Chan": NUMBER},
                "zmod_color": {"slots": LIST},
            },
            _zmod_present,
            ("zmod_ifs", "Chan"),
            _listed("zmod_color"),
        ),
        (
            {
                "ifs": {
                    "connected": FLAG,
                    "active_channel": NUMBER,
                    "loaded_channels": LIST,
                },
                "ifs_materials": {"slots": LIST},
            },
            _forge_x_present,
            ("ifs", "active_channel"),
            _listed("ifs_materials"),
        ),
        (
            {
                **{
                    f"{_PORT_SENSOR}{port}": {"filament_detected": FLAG}
                    for port in range(1, _PORTS + 1)
                },
                "save_variables": {"variables": DICT},
            },
            _switch_present,
            ("", ""),
            _saved,
        ),
    ):
        wanted = found.only(objects)
        if next(iter(objects)) in wanted:
            return System(
                name="ifs",
                wanted=wanted,
                decode=partial(_decode, present, active, filament),
            )
    return None


def _decode(
    present: Present,
    active: tuple[str, str],
    filament: Callable[[Status, int], Filament | None],
    status: Status,
    context: Context,
) -> Reading:
    source, field = active
    if status.get("ifs", {}).get("connected") is False:
        return Reading()
    channel = whole(status.get(source, {}).get(field), 1, _PORTS)
    slots = tuple(
        Slot(
            slot_no=port,
            label=str(port),
            present=present(status, port),
            identifiable=False,
            active=port == channel,
            filament=filament(status, port),
        )
        for port in range(1, _PORTS + 1)
    )
    return Reading(
        units=(
            Unit(
                ams_unit_no=1,
                slots_total=_PORTS,
                model="IFS",
                label="IFS",
                feeding=context.printing and channel is not None,
                slots=slots,
            ),
        )
    )


def _zmod_present(status: Status, port: int) -> bool | None:
    return boolean(item(status.get("zmod_ifs", {}).get("Ports"), port - 1))


def _forge_x_present(status: Status, port: int) -> bool | None:
    """Read the loaded channels, reported as numbers or as a boolean for each."""
    loaded = status.get("ifs", {}).get("loaded_channels")
    if not isinstance(loaded, list):
        return None
    if any(isinstance(channel, bool) for channel in loaded):
        return boolean(item(loaded, port - 1))
    return port in [whole(channel, 1, _PORTS) for channel in loaded]


def _switch_present(status: Status, port: int) -> bool | None:
    return boolean(status.get(f"{_PORT_SENSOR}{port}", {}).get("filament_detected"))


def _listed(source: str) -> Callable[[Status, int], Filament | None]:
    """Return a reader of `slots: [{ID, Material, HEX}]`; IDs count from 1."""

    def filament(status: Status, port: int) -> Filament | None:
        for reported in map(fields, items(status.get(source, {}).get("slots"))):
            if whole(reported.get("ID"), 1, _PORTS) == port:
                return describe(
                    material=text(reported.get("Material")),
                    color_hex=colour(reported.get("HEX")),
                )
        return None

    return filament


def _saved(status: Status, port: int) -> Filament | None:
    """Return the filament that a multi-colour plugin has saved for a port."""
    variables = fields(status.get("save_variables", {}).get("variables"))
    for plugin in ("bambufy", "less_waste"):
        types: Any = variables.get(f"{plugin}_types")
        colours: Any = variables.get(f"{plugin}_colors")
        if types is not None or colours is not None:
            return describe(
                material=text(item(types, port - 1)),
                color_hex=colour(item(colours, port - 1)),
            )
    return None
