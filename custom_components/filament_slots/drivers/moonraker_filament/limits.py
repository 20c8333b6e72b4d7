"""Limits of what is believed of a Moonraker.

No printer comes near them. A broken or hostile Moonraker may: without limits, ten
thousand objects would be ten thousand slots, devices and rows, decoded in one go.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ..snapshot import Slot, Unit

# Klipper lists every macro; large configurations have some hundreds of one kind.
OBJECTS_MAX: Final = 5000
OBJECTS_OF_A_KIND_MAX: Final = 1000
# Of all sessions with one printer. The standard event allows no more of each.
UNITS_MAX: Final = 64
SLOTS_MAX: Final = 256


class Limits:
    """Leaves out what exceeds the limits; one for all sessions of a driver.

    Units are known by their serials, so that a printer that keeps reporting new ones
    does not have more and more of them.

    left_out: how many objects, sensors, units and slots exceed the limits now; shown in
    health.
    """

    def __init__(self, serials: Iterable[str] = ()) -> None:
        """Start with the serials of the stored units."""
        self.left_out: dict[str, int] = {}
        self._serials = set(serials)

    def objects(self, listed: Iterable[object]) -> list[str]:
        """Return the names of the objects that are believed."""
        kept: list[str] = []
        kinds: Counter[str] = Counter()
        left_out = 0
        for name in listed:
            if not isinstance(name, str):
                continue
            kind = name.partition(" ")[0]
            if len(kept) >= OBJECTS_MAX or kinds[kind] >= OBJECTS_OF_A_KIND_MAX:
                left_out += 1
                continue
            kinds[kind] += 1
            kept.append(name)
        self.note("objects", left_out)
        return kept

    def slots(
        self, units: tuple[Unit, ...], direct: tuple[Slot, ...]
    ) -> tuple[tuple[Unit, ...], tuple[Slot, ...]]:
        """Return the units and the direct slots that are believed."""
        total = sum(len(unit.slots) for unit in units) + len(direct)
        kept = tuple(unit for unit in units[:UNITS_MAX] if self._is_believed(unit))
        self.note("units", len(units) - len(kept))
        if total <= SLOTS_MAX:
            self.note("slots", 0)
            return kept, direct
        direct = direct[:SLOTS_MAX]
        free = SLOTS_MAX - len(direct)
        whole = []
        for unit in kept:
            if len(unit.slots) <= free:
                free -= len(unit.slots)
                whole.append(unit)
        believed = sum(len(unit.slots) for unit in whole) + len(direct)
        self.note("slots", total - believed)
        return tuple(whole), direct

    def _is_believed(self, unit: Unit) -> bool:
        if unit.serial is None or unit.serial in self._serials:
            return True
        if len(self._serials) >= UNITS_MAX:
            return False
        self._serials.add(unit.serial)
        return True

    def note(self, what: str, number: int) -> None:
        """Note how many of a kind are left out now."""
        if number:
            self.left_out[what] = number
        else:
            self.left_out.pop(what, None)


def as_text(left_out: Mapping[str, int]) -> str:
    """Return what is left out, for health: `12 slots, 3 units`."""
    return ", ".join(f"{number} {what}" for what, number in sorted(left_out.items()))
