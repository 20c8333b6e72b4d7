"""Reads the filament and the tag of a tray object (docs/protocols/bambu.md 3.4)."""

from collections.abc import Mapping
from typing import Any, Final

from ...model import NO_IDENTIFIERS, Filament, Identifiers, clean_tag
from ..numbers import number
from .wire import text

# A tray object without any of these keys is not about the filament.
FILAMENT_KEYS: Final = frozenset(
    {"tag_uid", "tray_uuid", "tray_info_idx", "tray_type", "tray_color"}
)
# In `state`: the printer has information about the slot (docs/protocols/bambu.md 3.5).
SLOT_INFO_SET: Final = 2
_HEX_DIGITS = frozenset("0123456789ABCDEF")
_NO_COLOUR = frozenset({"00000000", "FFFFFF00"})
_MOST_COLOURS = 16
_TYPES = (
    dict.fromkeys(("tag_uid", "tray_uuid", "tray_info_idx", "tray_color"), str)
    | dict.fromkeys(("tray_type", "tray_sub_brands"), str)
    | dict.fromkeys(("remain", "remain_g", "tray_weight"), str | int | float)
    | dict.fromkeys(("nozzle_temp_min", "nozzle_temp_max"), str | int | float)
    | {"cols": list}
)


def has_right_types(tray: Mapping[str, Any]) -> bool:
    """Whether all values of the filament have a type that makes sense."""
    return all(
        isinstance(tray[key], types) for key, types in _TYPES.items() if key in tray
    )


def identify(tray: Mapping[str, Any]) -> Identifiers:
    """Return the identifiers read from the tag of the spool; all null without one.

    The material code counts only next to a tag: otherwise a user chose it.
    """
    chip, spool = _tag(tray.get("tag_uid")), _tag(tray.get("tray_uuid"))
    if chip is None and spool is None:
        return NO_IDENTIFIERS
    return Identifiers(
        rfid_uid=chip,
        external_id=f"bambulab:{spool}" if spool else None,
        vendor_tag=text(tray.get("tray_info_idx"), 64),
    )


def describe(tray: Mapping[str, Any], identifiers: Identifiers) -> Filament | None:
    """Return the filament; None for a tray without any information."""
    tagged = identifiers.known
    material = text(tray.get("tray_type"), 64)
    name = text(tray.get("tray_sub_brands"), 128) or material
    preset = None if tagged else text(tray.get("tray_info_idx"), 64)
    colours = _colours(tray.get("cols"))
    filament = Filament(
        name=name,
        material=material,
        color_hex=_main_colour(tray.get("tray_color"), tagged),
        colors=colours if len(colours) > 1 else None,
        vendor="Bambu Lab" if tagged else None,
        preset=preset,
        # Without a tag, and where it is 0, the remainder was never estimated.
        remaining_percent=(
            number(tray.get("remain"), 1, 100) if identifiers.external_id else None
        ),
        remaining_g=(
            number(tray.get("remain_g"), 1, 100_000)
            if identifiers.external_id
            else None
        ),
        weight_g=number(tray.get("tray_weight"), 1, 100_000),
        nozzle_min_c=number(tray.get("nozzle_temp_min"), 1, 1000),
        nozzle_max_c=number(tray.get("nozzle_temp_max"), 1, 1000),
    )
    known = (name, preset, filament.color_hex, filament.colors)
    return filament if tagged or any(known) else None


def _tag(value: object) -> str | None:
    return text(clean_tag(value), 64)


def _main_colour(value: object, tagged: bool) -> str | None:
    """Return the colour; "fully transparent" without a tag means none.

    See docs/protocols/bambu.md 3.4.
    """
    if not tagged and isinstance(value, str) and value.upper() in _NO_COLOUR:
        return None
    return _colour(value)


def _colours(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    colours = (_colour(colour) for colour in value[:_MOST_COLOURS])
    return tuple(colour for colour in colours if colour)


def _colour(value: object) -> str | None:
    """Turn RRGGBBAA into #RRGGBB, keeping the alpha only where it shows."""
    if not isinstance(value, str) or len(value) not in (6, 8):
        return None
    digits = value.upper()
    if not _HEX_DIGITS.issuperset(digits):
        return None
    return f"#{digits[:6]}" if digits[6:] in ("", "FF") else f"#{digits}"
