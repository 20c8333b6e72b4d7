"""Reads the health messages for tags that cannot be read (docs/protocols/bambu.md P21)."""

from typing import Any, Final

from ..numbers import whole

# Stands for the AMS Lite: its codes have a family of their own, without a unit id, and
# a printer has one at most.
LITE: Final = -1
_FAMILIES = {0x07: 2, 0x18: 2, 0x12: 3}
_UNREADABLE = {
    0x07: frozenset({*range(0x0001_0081, 0x0001_0086), 0x0002_0057}),
    0x18: frozenset({*range(0x0001_0081, 0x0001_0086), 0x0002_0057}),
    0x12: frozenset({0x0002_0002, 0x0002_0059}),
}
_HT_IDS = 128


def unreadable_slots(entries: list[Any]) -> frozenset[tuple[int, int]]:
    """Return (unit id, tray) of each slot whose tag cannot be read; LITE for the Lite.

    A message is `07xx_2y00` with its code behind it: unit xx, slot y.
    """
    return frozenset(filter(None, map(_slot, entries)))


def _slot(entry: object) -> tuple[int, int] | None:
    if not isinstance(entry, dict):
        return None
    attr, code = whole(entry.get("attr")), whole(entry.get("code"))
    if attr is None or code is None:
        return None
    family, unit = attr >> 24, attr >> 16 & 0xFF
    part, tray = attr >> 12 & 0xF, attr >> 8 & 0xF
    if _FAMILIES.get(family) != part or code not in _UNREADABLE[family]:
        return None
    match family:
        case 0x12:
            return LITE, tray
        case 0x18:
            return unit if unit >= _HT_IDS else _HT_IDS + unit, tray
        case _:
            return unit, tray
