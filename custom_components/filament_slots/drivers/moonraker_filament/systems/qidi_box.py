"""QIDI's Box, which is reported in variables (docs/protocols/moonraker.md 3.6)."""

from functools import partial
from typing import Final

from ...numbers import number, whole
from ...snapshot import Slot, Unit
from .system import DICT, NUMBER, Context, Fields, Found, Reading, Status, System
from .values import describe, fields, identify, natural, text

_BOXES_MAX: Final = 4
_PER_BOX: Final = 4
_LETTERS: Final = "ABCD"
_EMPTY, _READY, _LOADED, _UNREAD = 0, 1, 2, 3
_QIDI: Final = 1


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
                    f"box_stepper slot{slot}": {"rfid_state": NUMBER}
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
    reader = status.get(f"box_stepper slot{index}", {})
    code = _code(variables, index)
    # Only the reader itself distinguishes a tag from a choice of the user.
    tagged = (
        code is not None
        and state in (_READY, _LOADED)
        and reader.get("rfid_state") == 1
        and whole(variables.get(f"vendor_slot{index}"), 0, 1000) == _QIDI
    )
    reads = (
        variables.get("auto_read_rfid") != 0 and reader.get("rfid_state") is not None
    )
    return Slot(
        slot_no=position + 1,
        label=f"{box + 1}{_LETTERS[position]}",
        # A negative state is a jam; filament may be in the slot.
        present=None if state is None or state < _EMPTY else state != _EMPTY,
        reads_tags=reads,
        identifiable=reads or tagged,
        identifiers=identify(vendor_tag=code if tagged else None),
        reading=reads and state == _UNREAD,
        read_done=state in (_READY, _LOADED),
        active=state == _LOADED
        or text(variables.get("last_load_slot")) == f"slot{index}",
        filament=describe(preset=None if tagged or not state else code),
    )


def _code(variables: Fields, index: int) -> str | None:
    """Return vendor, filament and colour as indexes of the printer's lists."""
    parts = [
        whole(variables.get(f"{name}_slot{index}"), 0, 100_000)
        for name in ("vendor", "filament", "color")
    ]
    return None if None in parts else ":".join(map(str, parts))
