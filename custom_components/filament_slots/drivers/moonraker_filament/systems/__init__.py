"""The filament systems of Klipper printers, and the choice of the one that is read.

Each module decodes one system and has a function `find(found) -> System | None`.
"""

from . import ace, afc, cfs, happy_hare, ifs, openams, qidi_box, sensors, snapmaker_u1
from .system import Context, Found, Reading, System

__all__ = ["Context", "Found", "Reading", "System", "choose"]

# One source for each printer, so that no filament is counted twice: the vendor's own
# objects before changers that imitate or contain others, these before variables that
# outlive the software that wrote them, and bare sensors only if nothing else is found.
_BY_PRIORITY = (
    snapmaker_u1.find,
    ace.find_hub,
    cfs.find,
    ifs.find,
    afc.find,
    happy_hare.find,
    openams.find,
    ace.find_instances,
    qidi_box.find,
    ace.find_inventory,
)


def choose(found: Found) -> System:
    """Return the system to read a printer's slots from."""
    for find in _BY_PRIORITY:
        if system := find(found):
            return system
    return sensors.find(found)
