"""Finds the slots whose filament is in an extruder (docs/protocols/bambu.md 3.6)."""

from dataclasses import dataclass

from .merged import EXTERNAL_LEFT, EXTERNAL_RIGHT, Merged

# A slot's address on the wire: (unit id, tray); an external holder is (its id, 0).
type Address = tuple[int, int]

_NO_TRAY = 255
_HT_IDS = range(128, 136)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The slots whose filament is in an extruder.

    active: the one in the extruder in use.
    slots: those in any of the extruders.
    """

    active: Address | None
    slots: frozenset[Address]

    def in_unit(self, unit_id: int) -> bool:
        """Whether filament of this unit is in an extruder."""
        return any(unit_id == held for held, _ in self.slots)


def loaded(merged: Merged) -> Loaded:
    """Return what is loaded: by `snow` where the printer reports it per extruder."""
    if not merged.snow:
        slot = _by_tray_now(merged)
        return Loaded(slot, frozenset({slot} if slot else ()))
    slots = {extruder: _by_snow(snow) for extruder, snow in merged.snow.items()}
    in_use = merged.extruder_state >> 4 & 0xF if len(slots) > 1 else min(slots)
    return Loaded(slots.get(in_use), frozenset(slot for slot in slots.values() if slot))


def _by_snow(snow: int) -> Address | None:
    unit_id, tray = snow >> 8, snow & 0xFF
    return None if tray == _NO_TRAY else (unit_id, tray)


def _by_tray_now(merged: Merged) -> Address | None:
    """Read a number counted through all units, or else within the only one."""
    match merged.tray_now:
        case None | 255:
            return None
        case 254:
            return EXTERNAL_LEFT if len(merged.holders) > 1 else EXTERNAL_RIGHT, 0
        case tray if tray in _HT_IDS:
            return tray, 0
        case tray:
            unit_id = tray // 4
            if unit_id not in merged.units and tray < 4 and len(merged.units) == 1:
                return next(iter(merged.units)), tray
            return unit_id, tray % 4
