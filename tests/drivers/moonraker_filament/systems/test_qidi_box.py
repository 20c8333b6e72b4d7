"""QIDI's Box: slots in variables."""

from typing import Any

import pytest

from custom_components.filament_slots.model import Identifiers, StoredSlot, StoredUnit

from .klipper import Klipper
from .statuses import qidi_box


def keep(klipper: Klipper, **variables: Any) -> None:
    kept = klipper.status["save_variables"]["variables"]
    klipper.change("save_variables", variables={**kept, **variables})


def switch(klipper: Klipper, slot: int, *, filament: bool) -> None:
    klipper.change(f"box_stepper slot{slot}", runout_button=0 if filament else 1)


def quiet(**variables: Any) -> Klipper:
    klipper = Klipper(qidi_box(**variables))
    klipper.wait(60)
    return klipper


@pytest.mark.parametrize(
    ("state", "present"),
    [(0, False), (1, True), (2, True), (3, True), (-1, None), (-2, None), ("x", None)],
)
def test_without_a_switch_presence_is_the_saved_state_and_a_jam_leaves_it_open(
    state: object, present: bool | None
) -> None:
    status = qidi_box(slot0=state)
    del status["box_stepper slot0"]
    assert Klipper(status).slot(1).present is present


@pytest.mark.parametrize(
    ("state", "filament", "present"),
    [(1, True, True), (-1, True, True), (3, False, False), (2, False, False)],
)
def test_the_switch_of_a_slot_comes_before_its_saved_state(
    state: int, filament: bool, present: bool
) -> None:
    klipper = quiet(slot0=state)
    switch(klipper, 0, filament=filament)
    assert klipper.slot(1).present is present


def test_a_spool_put_in_while_the_printer_was_off_is_found_by_the_switch() -> None:
    klipper = quiet()
    klipper.stop()
    changed = qidi_box()
    changed["box_stepper slot1"]["runout_button"] = 0
    klipper.start(changed)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, None)]
    assert next(
        event["meta"]["detected_late"]
        for event in klipper.events
        if event["event_type"] == "spool_inserted"
    )


def test_a_switch_that_has_not_reported_yet_after_a_start_inserts_nothing() -> None:
    klipper = quiet()
    klipper.stop()
    unheard = qidi_box()
    unheard["box_stepper slot1"]["runout_button"] = 0
    klipper.start(unheard)
    klipper.wait(3)
    switch(klipper, 1, filament=False)
    klipper.wait(300)
    assert klipper.happened == []


def test_boxes_are_units_with_their_own_labels_and_telemetry() -> None:
    klipper = Klipper(qidi_box(2))
    assert [unit.label for unit in klipper.snapshot.units] == ["Box 1", "Box 2"]
    assert klipper.slot(3, unit=2).label == "2C"
    assert klipper.unit(1).temperature_c == 25.4
    assert klipper.unit(2).temperature_c is None


@pytest.mark.parametrize("vendor", [1, 2])
def test_an_insert_is_not_named_as_a_tag_and_a_choice_of_the_user_look_the_same(
    vendor: int,
) -> None:
    klipper = quiet()
    switch(klipper, 1, filament=True)
    keep(klipper, slot1=3)
    klipper.wait(6)
    keep(klipper, filament_slot1=7, color_slot1=5, vendor_slot1=vendor)
    klipper.wait(12)
    keep(klipper, slot1=1)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, None)]
    filament = klipper.slot(2).filament
    assert filament is not None
    assert filament.preset == f"{vendor}:7:5"


def test_an_insert_does_not_carry_the_codes_of_the_spool_before() -> None:
    klipper = quiet(filament_slot1=7)
    switch(klipper, 1, filament=True)
    keep(klipper, slot1=3)
    klipper.wait(60)
    assert [
        event["meta"].get("filament")
        for event in klipper.events
        if event["event_type"] == "spool_inserted"
    ] == [None]


def test_a_tool_change_keeps_the_codes_of_the_spool() -> None:
    klipper = quiet(slot0=1)
    keep(klipper, slot0=3)
    klipper.wait(10)
    keep(klipper, slot0=2)
    klipper.wait(300)
    assert klipper.happened == []
    assert all(
        event["ams_units"][0]["slots"][0]["filament"] == {"preset": "1:1:1"}
        for event in klipper.events
    )


def test_a_running_read_command_is_no_tag() -> None:
    klipper = quiet(slot0=1)
    klipper.change("box_stepper slot0", rfid_state=1)
    klipper.wait(60)
    assert not klipper.slot(1).identifiers.known
    klipper.change("box_stepper slot0", rfid_state=0)
    klipper.wait(300)
    assert not klipper.slot(1).identifiers.known
    assert klipper.happened == []


def test_a_slot_that_is_emptied_is_removed_and_keeps_no_preset() -> None:
    klipper = quiet(slot0=1)
    switch(klipper, 0, filament=False)
    keep(klipper, slot0=0)
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, None)]
    assert klipper.slot(1).filament is None


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


def test_a_spool_named_before_the_codes_were_known_to_be_ambiguous_is_not_swapped() -> (
    None
):
    named = StoredSlot(
        unit=StoredUnit(key="u1", ams_unit_no=1, slots_total=4),
        slot_no=1,
        present=True,
        identifiers=Identifiers(vendor_tag="1:1:1"),
    )
    klipper = Klipper(qidi_box(slot0=1), stored=[named])
    klipper.wait(300)
    keep(klipper, slot0=3)
    klipper.wait(10)
    keep(klipper, slot0=1)
    klipper.wait(300)
    assert klipper.happened == []
