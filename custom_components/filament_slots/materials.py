"""Materials of filament: which family a name belongs to."""

from functools import lru_cache
import re
from typing import Final

_FAMILIES: Final = frozenset(
    {
        *("ABS", "ASA", "BVOH", "EVA", "HIPS", "PA", "PC", "PCL", "PCTG", "PE", "PEEK"),
        *("PEI", "PEKK", "PET", "PETG", "PHA", "PLA", "PMMA", "POM", "PP", "PPA"),
        *("PPS", "PPSU", "PS", "PSU", "PVA", "PVB", "PVDF", "SBS", "TPC", "TPE", "TPU"),
    }
)
# Other names of a family, and blends that are named as one word.
_ALIASES: Final = {
    "NYLON": "PA",
    "PAHT": "PA",
    "HTPLA": "PLA",
    "HTPETG": "PETG",
    "EPLA": "PLA",
    "RPLA": "PLA",
    "RPETG": "PETG",
    "POLYCARBONATE": "PC",
}
_WORD: Final = re.compile(r"[A-Z]+")


def material_families(name: str) -> frozenset[str]:
    """Return the families that a material names: `PLA` for "PLA Basic" and "Silk PLA+".

    Fillers do not matter: "PETG-CF" is `PETG`. A blend names several. Empty if the name
    has none that is known.
    """
    words = _WORD.findall(name.upper())
    return frozenset(_ALIASES.get(word, word) for word in words) & _FAMILIES


@lru_cache(maxsize=1024)
def same_material(one: str | None, other: str | None) -> bool | None:
    """Return whether two materials are of one family; None if that is not known."""
    if not one or not other:
        return None
    if one.casefold() == other.casefold():
        return True
    ours, theirs = material_families(one), material_families(other)
    return not ours.isdisjoint(theirs) if ours and theirs else None
