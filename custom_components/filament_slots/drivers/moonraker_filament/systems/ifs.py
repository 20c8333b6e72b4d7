"""FlashForge's IFS on the AD5X, through zmod or Forge-X (docs/protocols/moonraker.md 3.8)."""

import re
from typing import Any, Final

from ....model import Filament
from ...numbers import boolean, whole
from ...snapshot import Slot, Unit
from .system import (
    DICT,
    FLAG,
    LIST,
    NUMBER,
    Context,
    Fields,
    Found,
    Reading,
    Status,
    System,
    Wanted,
)
from .values import colour, describe, fields, item, items, text

_PORTS: Final = range(1, 5)
# One of the two is listed without having any field (docs/protocols/moonraker.md 3.8).
_SWITCHES: Final = {
    port: (
        f"zmod_ifs_switch_sensor _ifs_port_sensor_{port}",
        f"filament_switch_sensor _ifs_port_sensor_{port}",
    )
    for port in _PORTS
}
_PRESENCE: Final[Wanted] = {
    "zmod_ifs": {
        "available": FLAG,
        "State": NUMBER,
        "Ports": LIST,
        "Chan": NUMBER,
    },
    "ifs": {"connected": FLAG, "active_channel": NUMBER, "loaded_channels": LIST},
    **{
        switch: {"filament_detected": FLAG}
        for switches in _SWITCHES.values()
        for switch in switches
    },
}
_FILAMENT: Final[Wanted] = {
    "zmod_color": {"slots": LIST},
    "ifs_materials": {"slots": LIST},
    "save_variables": {"variables": DICT},
}
_PLUGINS: Final = ("bambufy", "less_waste")
_NAME: Final = re.compile(r"(?:^|[ _])ifs(?:$|_)")


def find(found: Found) -> System | None:
    """Return the system if there is an IFS, though perhaps one that cannot be read.

    Without any source of presence it has no slots. The switch in the head, which opens
    at each colour change, is none.
    """
    objects = tuple(name for name in found.objects if _NAME.search(name))
    if not objects:
        return None
    wanted = found.only({**_PRESENCE, **_FILAMENT})
    if not wanted.keys() & _PRESENCE.keys():
        return System(
            name="ifs",
            wanted={},
            decode=lambda status, context: Reading(not_understood=objects),
        )
    return System(name="ifs", wanted=wanted, decode=_decode)


def _decode(status: Status, context: Context) -> Reading:
    if _is_unreachable(status):
        return Reading()
    presence = {port: _present(status, port) for port in _PORTS}
    channel = _channel(status, context)
    unit = Unit(
        ams_unit_no=1,
        slots_total=len(_PORTS),
        model="IFS",
        label="IFS",
        feeding=context.printing and channel is not None,
        slots=tuple(
            Slot(
                slot_no=port,
                label=str(port),
                present=present,
                identifiable=False,
                active=port == channel and (context.printing or present is not False),
                filament=_filament(status, port),
            )
            for port, present in presence.items()
        ),
    )
    silent = all(present is None for present in presence.values())
    return Reading(
        units=(unit,),
        not_understood=tuple(sorted(status.keys() & _PRESENCE)) if silent else (),
    )


def _is_unreachable(status: Status) -> bool:
    """Return whether the IFS does not answer; its ports read as empty, or as before.

    Until its first answer zmod reports state 0, which is none of its states.
    """
    zmod = status.get("zmod_ifs", {})
    unheard = zmod.get("State") == 0 and not any(items(zmod.get("Ports")))
    return (
        unheard
        or zmod.get("available") is False
        or status.get("ifs", {}).get("connected") is False
    )


# Presence: the source that has the field.


def _present(status: Status, port: int) -> bool | None:
    loaded = status.get("ifs", {}).get("loaded_channels")
    answers = (
        boolean(item(status.get("zmod_ifs", {}).get("Ports"), port - 1)),
        _loaded(loaded, port) if isinstance(loaded, list) else None,
        *(
            boolean(status.get(switch, {}).get("filament_detected"))
            for switch in _SWITCHES[port]
        ),
    )
    return next((answer for answer in answers if answer is not None), None)


def _loaded(loaded: list[Any], port: int) -> bool | None:
    """Read the loaded channels, reported as numbers or as a boolean for each."""
    if any(isinstance(channel, bool) for channel in loaded):
        return boolean(item(loaded, port - 1))
    return port in [whole(channel, 1, len(_PORTS)) for channel in loaded]


# The port whose filament is in the head.


def _channel(status: Status, context: Context) -> int | None:
    """Return it from the first source that has one."""
    for source, field in (("zmod_ifs", "Chan"), ("ifs", "active_channel")):
        if (channel := status.get(source, {}).get(field)) is not None:
            return _touched(whole(channel, 1, len(_PORTS)), context)
    variables = _variables(status)
    for plugin in _PLUGINS:
        tool = whole(variables.get(f"{plugin}_current_tool"), 0, 99)
        if tool is not None:
            return _port(variables, plugin, tool)
    return None


def _touched(channel: int | None, context: Context) -> int | None:
    """Return the channel that was the one touched last while a print was running.

    Nothing else than the print feeds the head then; at other times another port may be
    loaded or emptied by hand, which touches its channel.
    """
    if channel is not None and context.printing and not context.paused:
        return channel
    units = context.before.units if context.before else ()
    return next(
        (slot.slot_no for unit in units for slot in unit.slots if slot.active), None
    )


# Filament: kept when the port is emptied.


def _filament(status: Status, port: int) -> Filament | None:
    for source in ("zmod_color", "ifs_materials"):
        listed = status.get(source, {}).get("slots")
        if isinstance(listed, list):
            return _listed(listed, port)
    return _saved(_variables(status), port)


def _listed(listed: list[Any], port: int) -> Filament | None:
    """Read `slots: [{ID, Material, HEX}]`; IDs count from 1."""
    for reported in map(fields, items(listed)):
        if whole(reported.get("ID"), 1, len(_PORTS)) == port:
            return describe(
                material=text(reported.get("Material")),
                color_hex=colour(reported.get("HEX")),
            )
    return None


def _saved(variables: Fields, port: int) -> Filament | None:
    """Return the filament that a multi-colour plugin has saved, by tool."""
    for plugin in _PLUGINS:
        types: Any = variables.get(f"{plugin}_types")
        colours: Any = variables.get(f"{plugin}_colors")
        if types is not None or colours is not None:
            for tool in range(len(_PORTS)):
                if _port(variables, plugin, tool) == port:
                    return describe(
                        material=text(item(types, tool)),
                        color_hex=colour(item(colours, tool)),
                    )
    return None


def _port(variables: Fields, plugin: str, tool: int) -> int | None:
    """Return the port of a tool; without a list of them, tool 0 has port 1."""
    ports = variables.get(f"{plugin}_tools")
    port = tool + 1 if ports is None else item(ports, tool)
    return whole(port, 1, len(_PORTS))


def _variables(status: Status) -> Fields:
    return fields(status.get("save_variables", {}).get("variables"))
