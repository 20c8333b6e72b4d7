"""Snapmaker's U1: four tools, one spool each (docs/protocols/moonraker.md 3.7)."""

from typing import Any, Final

from ....model import Filament, Identifiers
from ...numbers import boolean, number, whole
from ...snapshot import Slot
from .system import (
    ANY,
    DICT,
    LIST,
    TEXT,
    Context,
    Fields,
    Found,
    Reading,
    Status,
    System,
)
from .values import colour, describe, fields, identify, item, spoolman, text, uid

_TOOLS: Final = 4
_DETECTING: Final = 1
_FEEDERS: Final = ("filament_feed left", "filament_feed right")
# The software that assigns spools keeps their ids in one of these.
_SPOOL_SOURCES: Final = ("gcode_macro T{}", "AFC_lane E{}")
_SKU_MAX: Final = 2**53


def find(found: Found) -> System | None:
    """Return the system if the U1's reader or feeders are there."""
    feeder = {f"extruder{tool}": DICT for tool in range(_TOOLS)}
    wanted = found.only(
        {
            "filament_detect": {"info": LIST, "state": LIST},
            **dict.fromkeys(_FEEDERS, feeder),
        }
    )
    if not wanted:
        return None
    return System(
        name="snapmaker_u1",
        wanted={
            **wanted,
            **found.only(
                {
                    "print_task_config": {
                        f"filament_{name}": LIST
                        for name in (
                            "exist",
                            "vendor",
                            "type",
                            "sub_type",
                            "color_rgba",
                            "spool_id",
                        )
                    },
                    "toolhead": {"extruder": TEXT},
                    **{
                        source.format(tool): {"spool_id": ANY}
                        for source in _SPOOL_SOURCES
                        for tool in range(_TOOLS)
                    },
                }
            ),
        },
        decode=_decode,
    )


def _decode(status: Status, context: Context) -> Reading:
    detect = status.get("filament_detect", {})
    config = status.get("print_task_config", {})
    in_use = status.get("toolhead", {}).get("extruder")
    reads_tags = isinstance(detect.get("info"), list)
    slots = []
    for tool in range(_TOOLS):
        info = fields(item(detect.get("info"), tool))
        external = _assigned_spool(status, info, tool)
        present = _present(status, config, tool)
        slots.append(
            Slot(
                slot_no=tool + 1,
                label=f"T{tool}",
                present=present,
                reads_tags=reads_tags,
                identifiable=reads_tags or external is not None,
                identifiers=_identify(info, external),
                external_assigned=True,
                reading=whole(item(detect.get("state"), tool), 0, 9) == _DETECTING,
                active=bool(present)
                and in_use == (f"extruder{tool}" if tool else "extruder"),
                filament=_filament(info, config, tool),
            )
        )
    return Reading(direct_slots=tuple(slots))


def _present(status: Status, config: Fields, tool: int) -> bool | None:
    """Return the state of the feeder's switch; without a feeder, what is configured."""
    for feeder in _FEEDERS:
        channel = fields(status.get(feeder, {}).get(f"extruder{tool}"))
        detected = boolean(channel.get("filament_detected"))
        if detected is not None and channel.get("module_exist") is not False:
            return detected
    return boolean(item(config.get("filament_exist"), tool))


def _assigned_spool(status: Status, info: Fields, tool: int) -> str | None:
    """Return the spool assigned to a tool, from the first place that has one."""
    config = status.get("print_task_config", {})
    places = (
        item(config.get("filament_spool_id"), tool),
        *(
            status.get(source.format(tool), {}).get("spool_id")
            for source in _SPOOL_SOURCES
        ),
        info.get("SPOOL_ID"),
    )
    return next(filter(None, map(spoolman, places)), None)


def _identify(info: Fields, external: str | None) -> Identifiers:
    """Return the identifiers; without a tag, what the reader reports is left over."""
    chip = uid(info.get("CARD_UID"))
    if chip is None and info.get("OFFICIAL") is not True:
        return identify(external_id=external)
    sku = whole(info.get("SKU"), 1, _SKU_MAX)
    return identify(
        rfid_uid=chip,
        external_id=external,
        vendor_tag=str(sku) if sku else text(info.get("SKU"), 128),
    )


def _filament(info: Fields, config: Fields, tool: int) -> Filament | None:
    """Return the configured filament, else the tag's: users correct tags."""
    known: dict[str, Any] = {
        "material": text(item(config.get("filament_type"), tool))
        or text(info.get("MAIN_TYPE")),
        "vendor": text(item(config.get("filament_vendor"), tool))
        or text(info.get("VENDOR")),
        "name": text(item(config.get("filament_sub_type"), tool))
        or text(info.get("SUB_TYPE")),
        "weight_g": number(info.get("WEIGHT"), 1, 100_000),
        "nozzle_min_c": number(info.get("HOTEND_MIN_TEMP"), 1, 1000),
        "nozzle_max_c": number(info.get("HOTEND_MAX_TEMP"), 1, 1000),
    }
    if not (known["material"] or known["vendor"]):
        return None  # every tool has a colour
    material, kind = known["material"], known["name"]
    return describe(
        **{
            **known,
            "name": f"{material} {kind}" if material and kind else kind or material,
            "color_hex": colour(item(config.get("filament_color_rgba"), tool)),
        }
    )
