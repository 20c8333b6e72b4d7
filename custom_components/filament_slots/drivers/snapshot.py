"""Snapshot: the current state of a printer as a decoder reports it; immutable.

A decoder reports the state, with None for what it cannot know. Only the tracker
concludes what happened. Slots and units are numbered from 1
(docs/architecture.md "Numbers and identity").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ..model import NO_IDENTIFIERS, Filament, Identifiers

NO_MEMORY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot as the printer reports it.

    label: its name on the printer's screen ("A1", "Gate 0").
    has_sensor: False if presence cannot be detected (an external spool holder).
    present: None if presence is not known; no time is measured from it.
    inlet: the state of a switch in front of the slot, if there is one.
    reads_tags: the slot has a tag reader.
    identifiable: the slot can have an identity, read or assigned.
    identifiers: as reported now; a printer may keep those of a spool that was removed.
    external_assigned: `external_id` was assigned by software (a Spoolman id), so that
    its changes do not indicate another spool.
    reading: its tag is being read.
    read_done: the read is finished; None if the printer does not report it.
    read_stands: `read_done` may stand since before the spool was there, as after a
        restart of a printer that reads nothing then; it proves no read.
    unreadable: the printer reports that the tag cannot be read; it may keep reporting it
        after that spool has left.
    ran_out: the printer reports that the filament ran out, and may keep reporting it.
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
    read_stands: bool = False
    unreadable: bool = False
    ran_out: bool = False
    active: bool = False
    filament: Filament | None = None

    @property
    def filled(self) -> bool:
        """Whether a spool is there, or at least at the inlet."""
        return bool(self.inlet if self.present is None else self.present)

    @property
    def decisive(self) -> object:
        """What the tracker decides by: no usage, and nothing that describes filament."""
        return (
            self.present,
            self.inlet,
            self.reading,
            self.read_done,
            self.unreadable,
            self.identifiers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit (an AMS, a changer) as the printer reports it.

    serial: its serial number, or the unique name of a unit that has none; None if it is
    not known, or not yet.
    confirmed: the serial, or its absence, was reported after the unit appeared.
    online: False for a unit that the printer lists but cannot reach.
    feeding: it feeds the running print, so that it cannot read tags.
    loading: it is loading or unloading filament on its own.
    slots: the reported ones; nothing is concluded about a slot that is missing here.
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
    """Everything the printer has reported so far on this connection.

    complete: it has reported its full state; before that nothing is compared.
    frozen: the values are outdated, as the printer is shutting down or in error;
    nothing is concluded from them.
    polled: the printer was not observed since the last snapshot, so that a change of a
    slot happened at some time in between. It counts once the next one is equal.
    printing: a print is running.
    reading_enabled: the printer reads tags on insertion; a setting of the printer.
    units: the connected ones; a unit that is missing here was disconnected.
    memory: what the decoder needs again after a restart of Home Assistant; see
    `Driver.memory`.
    """

    complete: bool
    frozen: bool = False
    polled: bool = False
    printing: bool = False
    reading_enabled: bool = True
    units: tuple[Unit, ...] = ()
    direct_slots: tuple[Slot, ...] = ()
    memory: Mapping[str, Any] = NO_MEMORY
