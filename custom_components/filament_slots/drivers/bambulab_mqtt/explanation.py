"""The values of the reports that each slot is read from, for an explanation."""

from typing import Any

from ..explanation import WireState
from .layout import PLACES
from .merged import Merged, flag


def wire_state(merged: Merged) -> WireState:
    """Return the values as merged; None stands for what was not reported.

    A value that a report which is not believed would have changed is None as well.
    hms_unreadable, hms_ran_out: (unit id, tray) of the slots that messages name.
    """
    return WireState(
        printer={
            "complete": merged.complete,
            "contradictory": merged.contradictory,
            "shutting_down": merged.shutting_down,
            "gcode_state": merged.gcode_state,
            "ams_exist_bits": _hex(merged.unit_bits),
            "tray_exist_bits": _hex(merged.exist_bits),
            "tray_reading_bits": _hex(merged.reading_bits),
            "tray_read_done_bits": _hex(merged.read_done_bits),
            "tray_now": merged.tray_now,
            "insert_flag": merged.reads_on_insert,
            "power_on_flag": merged.reads_on_start,
            "version": merged.version,
            "extruders": {str(number): snow for number, snow in merged.snow.items()},
            "hms_unreadable": sorted(merged.unreadable),
            "hms_ran_out": sorted(merged.ran_out),
        },
        slots={
            (PLACES[unit_id].unit_bit + 1, tray + 1): _slot_values(
                merged, unit_id, tray
            )
            for unit_id in merged.units
            for tray in range(PLACES[unit_id].slots)
        },
    )


def _slot_values(merged: Merged, unit_id: int, tray: int) -> dict[str, Any]:
    """Return those of one slot.

    read_done_stands: its read_done bit may have been set before a restart.
    tray: its last object, raw.
    """
    unit, place = merged.units[unit_id], PLACES[unit_id]
    known = unit.trays.get(tray)
    return {
        "exist": flag(merged.exist_bits, place, tray),
        "reading": flag(merged.reading_bits, place, tray),
        "read_done": flag(merged.read_done_bits, place, tray),
        "read_done_stands": flag(merged.standing_bits, place, tray),
        "drying": unit.drying,
        "info": _hex(unit.info),
        "dry_time": unit.dry_minutes,
        "tray": dict(known.last) if known else None,
    }


def _hex(bits: int | None) -> str | None:
    """Return a bit field as the printer sends it."""
    return None if bits is None else f"{bits:x}"
