"""What a printer says is true now: the immutable picture a decoder makes.

A decoder says what is so and None where it cannot know; only the tracker says
what happened. Numbers count from 1: docs/architecture.md "Numbers and identity".
"""

from dataclasses import dataclass

from ..model import NO_IDENTIFIERS, Filament, Identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot as the printer describes it.

    label: what the printer's own screen calls it ("A1", "Gate 0").
    has_sensor: False where nothing senses presence (an external spool holder).
    present: None says nothing about presence and starts no clock.
    inlet: a switch before the slot, where there is one.
    reads_tags: a tag can be read in this slot.
    identifiable: this slot can carry an identity at all, read or assigned.
    identifiers: what the printer names now; it may keep naming a spool that left.
    external_assigned: `external_id` was given by software (a Spoolman id), so that
    giving, changing or clearing it says nothing about which spool is there.
    reading: its tag is being read now.
    read_done: the printer has finished reading this slot; None where it never says.
    unreadable: the printer said that the tag cannot be read.
    """

    slot_no: int
    label: str | None = None
    has_sensor: bool = True
    present: bool | None = None
    inlet: bool | None = None
    reads_tags: bool = False
    identifiable: bool = True
    identifiers: Identifiers = NO_IDENTIFIERS
    external_assigned: bool = False
    reading: bool = False
    read_done: bool | None = None
    unreadable: bool = False
    active: bool = False
    filament: Filament | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit (an AMS, a changer) as the printer describes it.

    serial: None where it is not known, or not yet.
    confirmed: its serial, or that it has none, was said after the unit appeared.
    online: False for a unit the printer knows of but cannot reach.
    feeding: it feeds a print that is running, so no tag of it can be read.
    loading: it is loading or unloading by itself.
    slots: those the printer spoke of; one missing here has nothing said about it.
    """

    ams_unit_no: int
    slots_total: int
    serial: str | None = None
    confirmed: bool = True
    model: str | None = None
    label: str | None = None
    online: bool = True
    drying: bool = False
    feeding: bool = False
    loading: bool = False
    humidity_percent: float | None = None
    humidity_index: int | None = None
    temperature_c: float | None = None
    drying_minutes_left: int | None = None
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the printer has said so far on this connection.

    complete: it has said all there is; nothing is compared before.
    frozen: the values are left over from a printer that is shutting down or in
    error; nothing is concluded from them.
    printing: a print is running.
    reading_enabled: the printer reads tags on insertion; a setting of its owner.
    units: those there now; a unit that is missing here has vanished.
    """

    complete: bool
    frozen: bool = False
    printing: bool = False
    reading_enabled: bool = True
    units: tuple[Unit, ...] = ()
    direct_slots: tuple[Slot, ...] = ()
