"""The filament systems of Klipper printers, and the choice of the one that is read.

Each module decodes one system and has a function `find(found) -> System | None`.
"""

from dataclasses import replace
from functools import partial

from . import ace, afc, cfs, happy_hare, ifs, openams, qidi_box, sensors, snapmaker_u1
from .system import Context, Found, Reading, Status, System

__all__ = ["Context", "Found", "Reading", "System", "choose"]

# One source for each printer, so that no filament is counted twice: a vendor's own
# objects before changers that imitate or contain others, these before variables that
# outlive the software that wrote them, and bare sensors only if nothing else is found.
_BY_PRIORITY = (
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


# Changers that can feed a head of a Snapmaker U1.
_BEFORE_A_HEAD = (afc.find_beside_heads, openams.find, ace.find_instances)


def choose(found: Found) -> System:
    """Return the system to read a printer's slots from."""
    if heads := snapmaker_u1.find(found):
        return _with_changer(heads, found)
    for find in _BY_PRIORITY:
        if system := find(found):
            return system
    return sensors.find(found)


def _with_changer(heads: System, found: Found) -> System:
    """Return the system of a printer's heads, with a changer that feeds one of them.

    The changer is read without the objects that are read for the heads.
    """
    objects = [name for name in found.objects if name not in heads.wanted]
    others = replace(found, objects=objects)
    for find in _BEFORE_A_HEAD:
        if changer := find(others):
            return replace(
                changer,
                name=f"{heads.name}, {changer.name}",
                wanted={**changer.wanted, **heads.wanted},
                decode=partial(_decode_both, heads, changer),
            )
    return heads


def _decode_both(
    heads: System, changer: System, status: Status, context: Context
) -> Reading:
    """Return the changer's units, and the heads as the only direct slots."""
    return replace(
        changer.decode(status, context),
        direct_slots=heads.decode(status, context).direct_slots,
    )
