"""Readers of single values; None for a value that makes no sense or means "nothing".

Filament systems spell "nothing" as "none", "None", "NONE", "-1", "", null, [] and 0 (docs/protocols/moonraker.md 6).
"""

from collections.abc import Iterable, Mapping, Sequence
import re
from typing import Any, Final

from ....model import NO_IDENTIFIERS, Filament, Identifiers, clean_tag
from ...numbers import whole
from ..limits import SLOTS_MAX

_NOTHING_WORDS: Final = frozenset(
    {"", "-1", "?", "n/a", "na", "none", "null", "unknown", "undefined"}
)
_HEX_COLOUR: Final = re.compile(r"#?0?([0-9A-Fa-f]{6})([0-9A-Fa-f]{2})?")
_UID: Final = re.compile(r"(?:[0-9A-F]{2}){2,32}")
_SPOOLS_MAX: Final = 2**53
_ITEMS_MAX: Final = 256


def text(value: object, longest: int = 64) -> str | None:
    """Return stripped text, if it is printable, not too long and means something."""
    if not isinstance(value, str):
        return None
    stripped = value.strip()
    if (
        stripped.lower() in _NOTHING_WORDS
        or len(stripped) > longest
        or not stripped.isprintable()
    ):
        return None
    return stripped


def fields(value: object) -> Mapping[str, Any]:
    """Return the fields of an object; no fields for any other value."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    """Return the items of a list, as many as a printer has; none for any other value."""
    return value[:_ITEMS_MAX] if isinstance(value, list) else ()


def item(value: object, index: int) -> Any:
    """Return an item of a list; None for a shorter list or any other value."""
    return value[index] if isinstance(value, list) and index < len(value) else None


def names(value: object) -> list[str]:
    """Return the names in a list, each once."""
    listed = (text(name, 128) for name in items(value))
    return list(dict.fromkeys(name for name in listed if name))


def label(value: object) -> str | None:
    """Return the name of a slot or a unit; unlike in other text, "none" may be one."""
    if not isinstance(value, str):
        return None
    name = value.strip()[:64].strip()
    return name if name and name.isprintable() else None


def colour(value: object) -> str | None:
    """Return `#RRGGBB` or `#RRGGBBAA`, from hex text or a list of 0 to 255.

    Creality puts a seventh digit in front. An alpha of FF is left out.
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
    """Return a Spoolman id as an external id."""
    spool_id = whole(value, 1, _SPOOLS_MAX)
    return f"spoolman:{spool_id}" if spool_id else None


def identify(
    *,
    rfid_uid: str | None = None,
    external_id: str | None = None,
    vendor_tag: str | None = None,
) -> Identifiers:
    """Return the known identifiers of a spool."""
    if rfid_uid is None and external_id is None and vendor_tag is None:
        return NO_IDENTIFIERS
    return Identifiers(
        rfid_uid=rfid_uid, external_id=external_id, vendor_tag=vendor_tag
    )


def describe(**known: Any) -> Filament | None:
    """Return the filament; None where nothing describes it.

    Temperatures and weights alone do not: changers report defaults of them.
    """
    values = {key: value for key, value in known.items() if value is not None}
    if not values.keys() - {"nozzle_min_c", "nozzle_max_c", "remaining_g", "weight_g"}:
        return None
    return Filament(**values)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders the numbers in names: `t2` before `t10`."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
        if part
    ]


def keep_numbers(
    names: Iterable[str], numbers: dict[str, int], most: int = SLOTS_MAX
) -> None:
    """Give each name that has no number yet the next free one, in the order given.

    Names for which none of the `most` numbers is left get none.
    """
    free = iter(sorted(set(range(1, most + 1)).difference(numbers.values())))
    for name in names:
        if name not in numbers and (number := next(free, None)) is not None:
            numbers[name] = number
