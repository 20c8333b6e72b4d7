"""QIDI's Box, which is reported in variables (docs/protocols/moonraker.md 3.6)."""

from functools import partial
from typing import Final

from ...numbers import number, whole
from ...snapshot import Slot, Unit
from .system import DICT, NUMBER, Context, Fields, Found, Reading, Status, System
from .values import describe, fields, natural, text

_BOXES_MAX: Final = 4
_PER_BOX: Final = 4
_LETTERS: Final = "ABCD"
_EMPTY, _LOADED, _UNREAD = 0, 2, 3
# The live switch of a slot.
_FILAMENT, _NO_FILAMENT = 0, 1


def find(found: Found) -> System | None:
    """Return the system if there is a box: its variables exist without one, too."""
    if not whole(found.variables.get("box_count"), 1, _BOXES_MAX):
        return None
    sensors = sorted(found.named("aht20_f"), key=natural)
    return System(
        name="qidi_box",
        wanted=found.only(
            {
                "save_variables": {"variables": DICT},
                **{
                    f"aht20_f {name}": {"temperature": NUMBER, "humidity": NUMBER}
                    for name in sensors
                },
                **{
                    f"box_stepper slot{slot}": {"runout_button": NUMBER}
                    for slot in range(_BOXES_MAX * _PER_BOX)
                },
            }
        ),
        decode=partial(_decode, sensors),
    )


def _decode(sensors: list[str], status: Status, context: Context) -> Reading:
    variables = fields(status.get("save_variables", {}).get("variables"))
    units = []
    for box in range(whole(variables.get("box_count"), 0, _BOXES_MAX) or 0):
        sensor = status.get(f"aht20_f {sensors[box]}", {}) if box < len(sensors) else {}
        slots = tuple(
            _slot(variables, box, position, status, context)
            for position in range(_PER_BOX)
        )
        units.append(
            Unit(
                ams_unit_no=box + 1,
                slots_total=_PER_BOX,
                model="QIDI Box",
                label=f"Box {box + 1}",
                feeding=context.printing and any(slot.active for slot in slots),
                temperature_c=number(sensor.get("temperature"), -50, 200),
                humidity_percent=number(sensor.get("humidity"), 0, 100),
                slots=slots,
            )
        )
    return Reading(units=tuple(units))


def _slot(
    variables: Fields, box: int, position: int, status: Status, context: Context
) -> Slot:
    index = box * _PER_BOX + position
    reported = variables.get(f"slot{index}")
    state = whole(reported, -9, _UNREAD)
    if state is None and reported is not None:
        context.ignore("an invalid slot state")
    switch = status.get(f"box_stepper slot{index}", {}).get("runout_button")
    present, inlet = _presence(state, switch)
    return Slot(
        slot_no=position + 1,
        label=f"{box + 1}{_LETTERS[position]}",
        present=present,
        inlet=inlet,
        reads_tags=True,
        # That it was read does not prove that it has a tag, or none.
        read_done=False if state == _UNREAD else None,
        # A tag and a choice of the user are written into the same variables.
        identifiable=False,
        active=state == _LOADED
        or text(variables.get("last_load_slot")) == f"slot{index}",
        # Until the slot was read, the codes are those of the spool before.
        filament=None
        if state in (None, _EMPTY, _UNREAD)
        else describe(preset=_code(variables, index)),
    )


def _presence(state: int | None, switch: object) -> tuple[bool | None, bool | None]:
    """Return presence, and the inlet where only the switch detects filament.

    The saved state is outdated after a change while the printer was off. The switch is
    current, but reads as closed until it reports for the first time after a start.
    """
    if switch == _NO_FILAMENT:
        return False, None
    if switch == _FILAMENT:
        return (True, None) if state else (None, True)
    # A negative state is a jam; filament may be in the slot.
    return None if state is None or state < _EMPTY else state != _EMPTY, None


def _code(variables: Fields, index: int) -> str | None:
    """Return vendor, filament and colour as indexes of the printer's lists."""
    parts = [
        whole(variables.get(f"{name}_slot{index}"), 0, 100_000)
        for name in ("vendor", "filament", "color")
    ]
    return None if None in parts else ":".join(map(str, parts))
