"""What a printer has told on this connection, as far as it counts for the slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ...model import NO_IDENTIFIERS, Filament, Identifiers
from .layout import PLACES, Place

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
HOLDERS = EXTERNAL_RIGHT, EXTERNAL_LEFT = 255, 254


@dataclass(frozen=True, slots=True)
class Tray:
    """One tray.

    told: its last object, raw.
    content: its last full object, raw, with what was said of it since.
    """

    told: Mapping[str, Any] = NOTHING
    content: Mapping[str, Any] = NOTHING
    state: int | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    filament: Filament | None = None


@dataclass(frozen=True, slots=True)
class WireUnit:
    """One unit, with its values as it sends them (docs/protocols/bambu.md 3.3).

    info: the bit field that tells its type and whether it dries.
    humidity: in %; 0 where there is no sensor.
    humidity_level: from 1, wet, to 5, dry.
    celsius: 0 where there is no sensor.
    dry_minutes: how much drying is left.
    serial: as the unit itself reports it, in `ams_id`, which is no address.
    """

    info: int | None = None
    humidity: float | None = None
    humidity_level: int | None = None
    celsius: float | None = None
    dry_minutes: int | None = None
    serial: str | None = None
    trays: Mapping[int, Tray] = NOTHING

    @property
    def drying(self) -> bool:
        """Whether it dries, or did and has not let go of the filament yet (P2)."""
        return bool(self.dry_minutes) or bool((self.info or 0) >> 4 & 0xF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All that counts of the reports so far.

    complete: units were listed, or the printer lists none and told of its holders.
    doubtful: the parts contradict each other; a full report would tell.
    going_down: it said that everything is gone, so that all else is left over.
    snow: what each extruder holds, `unit id << 8 | tray` (docs/protocols/bambu.md 3.6).
    holder: the external holder of printers that have one (vt_tray).
    holders: the external holders by id (vir_slot); they outrank `holder`.
    """

    complete: bool = False
    doubtful: bool = False
    going_down: bool = False
    lists_units: bool = False
    unit_bits: int | None = None
    exist_bits: int | None = None
    reading_bits: int | None = None
    read_done_bits: int | None = None
    tray_now: int | None = None
    reads_on_insert: bool = True
    units: Mapping[int, WireUnit] = NOTHING
    holder: Mapping[str, Any] | None = None
    holders: Mapping[int, Mapping[str, Any]] = NOTHING
    extruder_state: int = 0
    snow: Mapping[int, int] = NOTHING
    gcode_state: str = ""
    unreadable: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def present(self, unit_id: int, number: int) -> bool | None:
        """Say whether there is filament at the feeder of a slot; None: not known.

        The bits decide; `state` only where they never came (docs/protocols/bambu.md 3.5). A unit
        that dries pulls the filament back, so that a cleared bit means nothing (P2).
        """
        unit = self.units[unit_id]
        there = flag(self.exist_bits, PLACES[unit_id], number)
        if there is None:
            tray = unit.trays.get(number)
            state = tray.state if tray else None
            there = None if state is None else bool(state & 1)
        return None if there is False and unit.drying else there


def flag(field: int | None, place: Place, number: int) -> bool | None:
    """Return the bit of a slot; None where the field never came."""
    return None if field is None else bool(field >> place.slot_bit + number & 1)
