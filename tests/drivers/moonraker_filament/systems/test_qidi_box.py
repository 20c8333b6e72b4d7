"""QIDI's Box: slots in variables."""

from typing import Any

import pytest

from .klipper import Klipper
from .statuses import qidi_box


def keep(klipper: Klipper, **variables: Any) -> None:
    kept = klipper.status["save_variables"]["variables"]
    klipper.change("save_variables", variables={**kept, **variables})


def quiet(**variables: Any) -> Klipper:
    klipper = Klipper(qidi_box(**variables))
    klipper.wait(60)
    return klipper


@pytest.mark.parametrize(
    ("state", "present"),
    [(0, False), (1, True), (2, True), (3, True), (-1, None), (-2, None), ("x", None)],
)
def test_a_jammed_slot_is_unknown(state: object, present: bool | None) -> None:
    assert Klipper(qidi_box(slot0=state)).slot(1).present is present


def test_boxes_are_units_with_their_own_labels_and_telemetry() -> None:
    klipper = Klipper(qidi_box(2))
    assert [unit.label for unit in klipper.snapshot.units] == ["Box 1", "Box 2"]
    assert klipper.slot(3, unit=2).label == "2C"
    assert klipper.unit(1).temperature_c == 25.4
    assert klipper.unit(2).temperature_c is None


def test_an_insert_waits_until_the_slot_was_read() -> None:
    klipper = quiet()
    keep(klipper, slot1=3)
    klipper.wait(20)
    assert klipper.happened == []
    klipper.change("box_stepper slot1", rfid_state=1)
    keep(klipper, slot1=1, filament_slot1=7, color_slot1=5)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, "1:7:5")]


def test_a_choice_of_the_user_is_not_an_identity() -> None:
    klipper = quiet()
    keep(klipper, slot1=3)
    klipper.wait(5)
    keep(klipper, slot1=1, vendor_slot1=2, filament_slot1=7)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, None), ("unknown", 2, None)]
    filament = klipper.slot(2).filament
    assert filament is not None
    assert filament.preset == "2:7:1"


def test_a_slot_that_is_emptied_is_removed_and_keeps_no_preset() -> None:
    klipper = quiet(slot0=1)
    keep(klipper, slot0=0)
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, None)]
    assert klipper.slot(1).filament is None


def test_where_reading_is_off_nothing_is_waited_for() -> None:
    klipper = quiet(auto_read_rfid=0)
    keep(klipper, slot1=3)
    klipper.wait(1)
    assert klipper.happened == [("inserted", 2, None)]


def test_the_slot_in_the_extruder_is_active() -> None:
    klipper = quiet(slot0=1, slot1=2, slot2=1, last_load_slot="slot2")
    assert [slot.active for slot in klipper.unit().slots] == [False, True, True, False]


def test_a_box_that_is_unplugged_removes_nothing() -> None:
    klipper = quiet(slot0=1)
    keep(klipper, box_count=0)
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_variables_without_the_codes_leave_the_filament_open() -> None:
    klipper = quiet(slot0=1, color_slot0=None)
    assert klipper.slot(1).filament is None
    klipper.change("save_variables", variables=None)
    assert klipper.snapshot.units == ()
