"""The places of units and their slots in the bit fields (docs/protocols/bambu.md 3.2)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one unit id.

    unit_bit: its bit in ams_exist_bits; its number is one more.
    slot_bit: the bit of its first slot in the fields named tray_..._bits.
    slots: how many slots these fields have room for.
    label: the unit's name on the printer's screen.
    """

    unit_bit: int
    slot_bit: int
    slots: int
    label: str

    @property
    def is_ht(self) -> bool:
        """Whether it is one of the single-slot units."""
        return self.slots == 1

    @property
    def slot_bits(self) -> int:
        """The bits of all its slots."""
        return (1 << self.slots) - 1 << self.slot_bit

    def slot_label(self, tray: int) -> str:
        """Return the name of a slot on the printer's screen: "A1", "HT-A"."""
        return self.label if self.is_ht else f"{self.label}{tray + 1}"


# Other ids have no place of their own in the bit fields, and so no number that could not
# be another unit's. The A2L's AMS Lite shares its printer with units A to D and has no
# letter: its label is "Lite".
PLACES: Final = (
    {n: Place(n, n * 4, 4, "ABCD"[n]) for n in range(4)}
    | {128 + n: Place(4 + n, 16 + n, 1, f"HT-{'ABCDEFGH'[n]}") for n in range(8)}
    | {16: Place(12, 24, 4, "Lite")}
)
