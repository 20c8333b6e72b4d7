"""What is believed of a Moonraker is bounded, and what is left out is shown in health."""

import logging
from typing import Any

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.limits import (
    OBJECTS_MAX,
    OBJECTS_OF_A_KIND_MAX,
    SLOTS_MAX,
    UNITS_MAX,
    Limits,
    as_text,
)
from custom_components.filament_slots.drivers.moonraker_filament.state import (
    MoonrakerDecoder,
)
from custom_components.filament_slots.drivers.moonraker_filament.systems.values import (
    keep_numbers,
)
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot, Unit
from custom_components.filament_slots.model import MAX_SLOTS, MAX_UNITS

from .systems.klipper import answer, info
from .systems.statuses import Objects, happy_hare, sensors


def _slots(number: int) -> tuple[Slot, ...]:
    return tuple(Slot(slot_no=slot_no) for slot_no in range(1, number + 1))


def _unit(number: int, slots: int, serial: str | None = None) -> Unit:
    return Unit(
        ams_unit_no=number, slots_total=slots, serial=serial, slots=_slots(slots)
    )


def _read(decoder: MoonrakerDecoder, objects: Objects) -> Snapshot:
    decoder.feed(info("ready"))
    decoder.feed(answer({"objects": list(objects)}))
    decoder.feed(answer({"eventtime": 1.0, "status": objects}))
    assert decoder.snapshot is not None
    return decoder.snapshot


def _decoder(**kept: Any) -> MoonrakerDecoder:
    return MoonrakerDecoder(logging.getLogger(__name__), **kept)


def test_ten_thousand_sensors_are_no_more_slots_than_the_limit() -> None:
    decoder = _decoder()

    snapshot = _read(decoder, sensors(*(f"s{number}" for number in range(10_000))))

    assert [slot.slot_no for slot in snapshot.direct_slots] == [
        *range(1, SLOTS_MAX + 1)
    ]
    assert decoder.limits.left_out == {
        "objects": 10_000 - OBJECTS_OF_A_KIND_MAX,
        "sensors": OBJECTS_OF_A_KIND_MAX - SLOTS_MAX,
    }


def test_a_usual_printer_leaves_out_nothing() -> None:
    decoder = _decoder()

    _read(decoder, happy_hare(24))

    assert decoder.limits.left_out == {}


def test_names_that_change_all_the_time_get_no_more_numbers_than_the_limit() -> None:
    """Across the sessions of a driver, which keep their numbers."""
    numbers: dict[str, int] = {}
    bounds = Limits()
    for session in range(5):
        names = (f"s{session}_{number}" for number in range(100))
        _read(_decoder(numbers=numbers, limits=bounds), sensors(*names))

    assert sorted(numbers.values()) == [*range(1, SLOTS_MAX + 1)]
    assert bounds.left_out == {"sensors": 100}


def test_a_name_keeps_its_number_and_a_new_one_gets_the_lowest_that_is_free() -> None:
    numbers = {"b": 2, "far": 9999}

    keep_numbers(["a", "b", "c"], numbers)

    assert numbers == {"a": 1, "b": 2, "c": 3, "far": 9999}


def test_no_more_objects_are_believed_in_total_than_the_limit() -> None:
    bounds = Limits()
    listed = [f"kind{number % 6} {number}" for number in range(OBJECTS_MAX + 700)]

    kept = bounds.objects([5, *listed, None])

    assert kept == listed[:OBJECTS_MAX]
    assert bounds.left_out == {"objects": 700}
    assert bounds.objects(listed[:10]) == listed[:10]
    assert bounds.left_out == {}


@pytest.mark.parametrize(
    ("units", "direct", "kept", "left_out"),
    [
        ([100, 100], 56, ([1, 2], 56), {}),
        ([100, 100], 57, ([1], 57), {"slots": 100}),
        ([200, 100, 10], 0, ([1, 3], 0), {"slots": 100}),
        ([4], 1000, ([], SLOTS_MAX), {"slots": 1000 - SLOTS_MAX + 4}),
        ([1] * 70, 0, ([*range(1, UNITS_MAX + 1)], 0), {"units": 70 - UNITS_MAX}),
    ],
)
def test_whole_units_are_left_out_until_the_rest_is_within_the_limits(
    units: list[int],
    direct: int,
    kept: tuple[list[int], int],
    left_out: dict[str, int],
) -> None:
    bounds = Limits()

    believed, slots = bounds.slots(
        tuple(_unit(number, size) for number, size in enumerate(units, start=1)),
        _slots(direct),
    )

    assert ([unit.ams_unit_no for unit in believed], len(slots)) == kept
    assert bounds.left_out == left_out


def test_units_whose_serials_change_all_the_time_are_not_more_than_the_limit() -> None:
    bounds = Limits(["stored"])
    believed = {
        unit.serial
        for number in range(1000)
        for unit in bounds.slots((_unit(1, 4, f"unit {number}"),), ())[0]
    }

    assert len(believed) == UNITS_MAX - 1
    assert bounds.slots((_unit(1, 4, "stored"), _unit(2, 4)), ())[1] == ()
    assert bounds.left_out == {}


def test_gates_of_units_that_overlap_are_counted_once() -> None:
    objects = happy_hare(4)
    objects["mmu_machine"] = {
        f"unit_{number}": {"num_gates": 128, "first_gate": 0} for number in range(16)
    }

    snapshot = _read(_decoder(), objects)

    assert [len(unit.slots) for unit in snapshot.units] == [128]


def test_health_names_what_is_left_out() -> None:
    assert as_text({"units": 3, "slots": 12}) == "12 slots, 3 units"


def test_the_limits_are_those_of_the_standard_event() -> None:
    """An event with more would be rejected as a whole."""
    assert SLOTS_MAX <= MAX_SLOTS
    assert UNITS_MAX <= MAX_UNITS
