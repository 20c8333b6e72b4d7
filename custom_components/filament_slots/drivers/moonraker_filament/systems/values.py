"""Single values as filament systems send them; None for what says nothing.

Every spelling of "nothing" ends here: "none", "None", "NONE", "-1", "", null, [], 0
all mean it somewhere (docs/protocols/moonraker.md 6).
"""

from collections.abc import Mapping, Sequence
import re
from typing import Any, Final

from ....model import NO_IDENTIFIERS, Filament, Identifiers, clean_tag
from ...numbers import whole

_NOTHING_WORDS: Final = frozenset(
    {"", "-1", "?", "n/a", "na", "none", "null", "unknown", "undefined"}
)
_HEX_COLOUR: Final = re.compile(r"#?0?([0-9A-Fa-f]{6})([0-9A-Fa-f]{2})?")
_UID: Final = re.compile(r"(?:[0-9A-F]{2}){2,32}")
_SPOOLS_MAX: Final = 2**53


def text(value: object, longest: int = 64) -> str | None:
    """Return text that says something and is no longer than that."""
    if not isinstance(value, str):
        return None
    said = value.strip()
    if said.lower() in _NOTHING_WORDS or len(said) > longest or not said.isprintable():
        return None
    return said


def fields(value: object) -> Mapping[str, Any]:
    """Return an object's fields; none for what is no object."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    """Return a list's items; none for what is no list."""
    return value if isinstance(value, list) else ()


def item(value: object, index: int) -> Any:
    """Return an item of a list, None where the list is shorter or none."""
    return value[index] if isinstance(value, list) and index < len(value) else None


def names(value: object) -> list[str]:
    """Return the names in a list, each once."""
    said = (text(name, 128) for name in items(value))
    return list(dict.fromkeys(name for name in said if name))


def label(value: object) -> str | None:
    """Return what a slot or a unit is called; "none" may be a name."""
    if not isinstance(value, str):
        return None
    said = value.strip()[:64].strip()
    return said if said and said.isprintable() else None


def colour(value: object) -> str | None:
    """Return `#RRGGBB` or `#RRGGBBAA`, from hex text or a list of 0 to 255.

    A seventh digit before the six is Creality's. Alpha is kept where it shows.
    """
    if isinstance(value, list):
        parts = [whole(part, 0, 255) for part in value[:3]]
        if len(parts) < 3 or None in parts:
            return None
        return "#" + "".join(f"{part:02X}" for part in parts)
    if not isinstance(value, str) or not (found := _HEX_COLOUR.fullmatch(value)):
        return None
    rgb, alpha = found[1].upper(), (found[2] or "").upper()
    return f"#{rgb}" if alpha in ("", "FF") else f"#{rgb}{alpha}"


def uid(value: object) -> str | None:
    """Return a tag's id in upper-case hex, from hex text or a list of bytes."""
    if isinstance(value, list):
        parts = [whole(part, 0, 255) for part in value]
        if None in parts:
            return None
        value = "".join(f"{part:02X}" for part in parts)
    tag = clean_tag(value)
    return tag if tag and _UID.fullmatch(tag) else None


def spoolman(value: object) -> str | None:
    """Return the identity a Spoolman id is."""
    spool_id = whole(value, 1, _SPOOLS_MAX)
    return f"spoolman:{spool_id}" if spool_id else None


def identify(
    *,
    rfid_uid: str | None = None,
    external_id: str | None = None,
    vendor_tag: str | None = None,
) -> Identifiers:
    """Return who a spool is, as far as it is known."""
    if rfid_uid is None and external_id is None and vendor_tag is None:
        return NO_IDENTIFIERS
    return Identifiers(
        rfid_uid=rfid_uid, external_id=external_id, vendor_tag=vendor_tag
    )


def describe(**known: Any) -> Filament | None:
    """Return the filament; None where nobody told anything about it.

    What is only a temperature tells of none: changers have defaults for it.
    """
    said = {key: value for key, value in known.items() if value is not None}
    if not said.keys() - {"nozzle_min_c", "nozzle_max_c", "remaining_g", "weight_g"}:
        return None
    return Filament(**said)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names as people count: `t2` before `t10`."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
        if part
    ]
