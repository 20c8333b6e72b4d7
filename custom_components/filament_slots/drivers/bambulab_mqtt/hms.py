"""Reads the health messages about slots (docs/protocols/bambu.md P21).

There are messages that a tag cannot be read, and that the filament of a slot ran out.
"""

from collections.abc import Iterator
from typing import Any, Final

from ..numbers import whole

# Stands for the AMS Lite: its codes have a family of their own, without a unit id, and
# a printer has one at most.
LITE: Final = -1
_AMS, _HT, _AMS_LITE = 0x07, 0x18, 0x12
_HT_IDS = 128
# By family and part: the codes of a tag that cannot be read.
_READ_CODES = {*range(0x0001_0081, 0x0001_0086), 0x0002_0057, 0x0002_0058}
_UNREADABLE: Final = {
    (_AMS, 2): _READ_CODES,
    (_HT, 2): _READ_CODES,
    (_AMS, 3): {0x0002_0002},
    (_HT, 3): {0x0002_0002},
    (_AMS_LITE, 3): {0x0002_0002, 0x0002_0059},
}
# The same, counted through the units 0 to 3 from A1 to D4.
_UNREADABLE_ATTR = 0x0500_0400
_UNREADABLE_A1, _UNREADABLE_D4 = 0x0002_0010, 0x0002_001F
_RAN_OUT_KINDS = {(_AMS, 2), (_HT, 2), (_AMS_LITE, 2)}
# Waiting for filament; stuck in the purge; being purged; continued with another slot.
_RAN_OUT_CODES = {0x0002_0001, 0x0002_0005, 0x0003_0001, 0x0003_0002}
# Stands for the external holder, in every family.
_EXTERNAL: Final = 0xFF


def unreadable_slots(entries: list[Any]) -> frozenset[tuple[int, int]]:
    """Return (unit id, tray) of each slot whose tag cannot be read; LITE for the Lite."""
    slots = set()
    for attr, code in _messages(entries):
        if attr == _UNREADABLE_ATTR and _UNREADABLE_A1 <= code <= _UNREADABLE_D4:
            slots.add(divmod(code - _UNREADABLE_A1, 4))
        elif code in _UNREADABLE.get(_kind(attr), ()):
            slots.add(_slot(attr))
    return frozenset(slots)


def ran_out_slots(entries: list[Any]) -> frozenset[tuple[int, int]]:
    """Return (unit id, tray) of each slot whose filament ran out; LITE for the Lite."""
    return frozenset(
        _slot(attr)
        for attr, code in _messages(entries)
        if _kind(attr) in _RAN_OUT_KINDS and code in _RAN_OUT_CODES
    )


def _messages(entries: list[Any]) -> Iterator[tuple[int, int]]:
    """Yield `attr` and `code` of each message that has both."""
    for entry in entries:
        if isinstance(entry, dict):
            attr, code = whole(entry.get("attr")), whole(entry.get("code"))
            if attr is not None and code is not None:
                yield attr, code


def _kind(attr: int) -> tuple[int, int]:
    """Return family and part: 07 and 2 of `07xx_2y00`, which names unit xx, slot y."""
    return attr >> 24, attr >> 12 & 0xF


def _slot(attr: int) -> tuple[int, int]:
    unit, tray = attr >> 16 & 0xFF, attr >> 8 & 0xF
    match attr >> 24:
        case 0x12 if unit != _EXTERNAL:
            return LITE, tray
        case 0x18:
            return unit if unit >= _HT_IDS else _HT_IDS + unit, tray
        case _:
            return unit, tray
