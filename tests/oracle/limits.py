"""What the wire cannot tell: the only cases in which the judge accepts two readings.

Each is a sentence under "Limits" in docs/troubleshooting.md; a test holds the two
together.
"""

from collections import Counter
from enum import Enum
from typing import Final


class Limit(Enum):
    """An allowed exception; the value is its sentence there."""

    READING_OFF = (
        "If tag reading is disabled on the printer (*AMS settings*), spools stay"
        " unidentified. A spool that was swapped while Home Assistant or the printer was"
        " off is then mistaken for the previous one."
    )
    UNTAGGED_OUT_OF_SIGHT = (
        "If a tagged spool is swapped for one without a tag while Home Assistant or the"
        " printer is off, some printers do not report that the new spool was read; it is"
        " then mistaken for the previous one."
    )
    SOON_OFF = (
        "A spool that is swapped within seconds is mistaken for the previous one if Home"
        " Assistant or the printer is switched off, or the network is lost, in the half"
        " minute after it was read, unless the printer still reports it afterwards."
    )
    NO_IDENTITY = (
        "If a spool without a known identity is swapped within eight seconds, or while"
        " Home Assistant or the printer is off, the swap is not noticed."
    )
    READ_WHILE_OPEN = (
        "If a tagged spool is swapped within eight seconds for one without a tag, and the"
        " filament switch opens for a moment, or its filament is pulled back for drying,"
        " just as the new spool has been read, some printers do not report the end of that"
        " read; it is then mistaken for the previous one."
    )
    BETWEEN_REPORTS = (
        "A swap so quick that no report shows the empty slot is noticed only if the new"
        " spool has a tag."
    )
    ASSIGNED = (
        "Where a Klipper changer assigns Spoolman IDs instead of reading tags, a swap"
        " within eight seconds shows as a change of the ID."
    )
    DRYING = (
        "While a unit dries, a slot that is emptied together with others, or while no"
        " other one is filled then and a minute later, is reported as removed only after"
        " drying has ended."
    )
    PULLED_BACK_UNSEEN = (
        "A unit with a dryer may have pulled its filament back while Home Assistant or"
        " the printer was off. A spool that is missing there afterwards is reported as"
        " removed once the unit has been still for ten minutes. One that was put in"
        " shortly before that is reported as inserted when its filament is back."
    )
    RUNOUT = (
        "A spool pulled out of the slot that feeds a print looks like one that ran out."
    )
    HELD_UP = (
        "Reports of a Bambu Lab printer contain no time. If they are delayed for"
        " longer than eight seconds while a filament switch opens for a moment, the"
        " spool is reported as removed and inserted again, unidentified if no read of its"
        " tag was reported since the printer was switched on or all units lost contact;"
        " while its unit dries, this counts as emptied. If they are delayed just as its"
        " tag has been read, a spool may first be reported as unidentified, or as the one"
        " before it."
    )
    LOOSE_CONTACT = (
        "If all units lose contact for a moment and Home Assistant is switched off, or"
        " the network is lost, before the printer names their slots again, a spool that"
        " was put back meanwhile into a slot that was still named after it is"
        " unidentified until its tag is read again."
    )
    RESTART_UNREAD = (
        "If a printer that is set not to read tags when it is switched on was switched"
        " off and on, a spool that is put back, before Home Assistant is connected again,"
        " into a slot that was still named after it is unidentified until its tag is read"
        " again."
    )

    def allows(self) -> bool:
        """Return True, and count that the exception was considered."""
        considered[self] += 1
        return True


considered: Counter[Limit] = Counter()

# How the other sentences begin: about what no history plays, or which is no exception.
OTHERS: Final = (
    "A tag is known by what it holds",
    "Bambu Lab printers accept only a few connections",
    "A Bambu Lab printer detects filament at the feeder.",
    "If a slot with a tagged spool was reset on the screen",
    "If a slot changes 60 times within an hour",
    "A unit of AFC, Happy Hare or OpenAMS is known by its name",
    "A spool holder outside an AMS has no sensor",
    "A filament motion sensor reports only movement",
    "A QIDI Box saves what it read from a tag",
    "A Creality K2 without a CFS",
    "An AD5X with a zmod that does not report its ports",
    "Happy Hare without pre-gate sensors",
    "A Moonraker before version 0.8",
    "Only your network protects the address",
    "At most 256 slots",
    "Klipper reports two changes within a quarter of a second",
)
