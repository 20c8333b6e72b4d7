"""Bare sensors: one direct slot each."""

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper, notification
from .statuses import COMMON, sensors, switch

SPOOL_7 = Identifiers(external_id="spoolman:7")


def labels(klipper: Klipper) -> list[tuple[int, str | None]]:
    return [(slot.slot_no, slot.label) for slot in klipper.snapshot.direct_slots]


def test_sensors_are_numbered_in_the_natural_order_of_their_names() -> None:
    assert labels(Klipper(sensors("t10", "runout", "t2"))) == [
        (1, "runout"),
        (2, "t2"),
        (3, "t10"),
    ]


def test_a_name_keeps_its_number_and_a_new_one_takes_the_next_free() -> None:
    numbers = {"t2": 1, "gone": 2}
    klipper = Klipper(sensors("a", "b", "t2"), numbers=numbers)
    assert labels(klipper) == [(1, "t2"), (3, "a"), (4, "b")]
    assert numbers == {"t2": 1, "gone": 2, "a": 3, "b": 4}


def test_numbers_outlast_a_restart_with_another_configuration() -> None:
    klipper = Klipper(sensors("b", "c"))
    klipper.stop()
    klipper.start(sensors("a", "b", "c"))
    assert labels(klipper) == [(1, "b"), (2, "c"), (3, "a")]


def test_a_switch_reports_presence_whether_it_is_enabled_or_not() -> None:
    klipper = Klipper(sensors("runout"))
    assert klipper.direct(1).present is False
    klipper.change("filament_switch_sensor runout", enabled=False)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    assert klipper.direct(1).present is True


def test_an_insert_is_confirmed_after_a_second_and_a_removal_after_eight() -> None:
    klipper = Klipper(sensors("runout"))
    klipper.wait(60)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    klipper.wait(0.9)
    assert klipper.happened == []
    klipper.wait(0.2)
    assert klipper.happened == [("inserted", 1, None)]
    klipper.change("filament_switch_sensor runout", filament_detected=False)
    klipper.wait(7.9)
    assert len(klipper.happened) == 1
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("removed", 1, None)]


def test_a_motion_sensor_proves_neither_presence_nor_absence() -> None:
    klipper = Klipper({**COMMON, "filament_motion_sensor encoder": switch(True)})
    assert klipper.direct(1).present is None
    assert klipper.direct(1).has_sensor is False
    klipper.change("filament_motion_sensor encoder", filament_detected=False)
    klipper.wait(60)
    assert klipper.happened == []


def test_a_width_sensor_counts_only_while_it_measures() -> None:
    width = {"filament_detected": True, "is_active": True, "Diameter": 1.75}
    klipper = Klipper({**COMMON, "hall_filament_width_sensor": width})
    assert klipper.direct(1).present is True
    klipper.change("hall_filament_width_sensor", is_active=False)
    assert klipper.direct(1).present is None


def test_the_active_spool_is_in_the_only_slot() -> None:
    klipper = Klipper(sensors("runout"), spool_id=7)
    assert klipper.direct(1).identifiers == SPOOL_7
    assert klipper.direct(1).identifiable
    assert klipper.direct(1).external_assigned
    klipper.receive(notification("notify_active_spool_set", {"spool_id": None}))
    assert not klipper.direct(1).identifiers.known
    assert klipper.direct(1).identifiable


def test_a_motion_sensor_on_the_same_path_leaves_the_spool_to_the_switch() -> None:
    klipper = Klipper(
        {**sensors("runout"), "filament_motion_sensor encoder": switch()}, spool_id=7
    )
    assert klipper.direct(1).label == "encoder"
    assert not klipper.direct(1).identifiers.known
    assert klipper.direct(2).identifiers == SPOOL_7


def test_the_active_spool_of_several_slots_is_in_none_of_them() -> None:
    klipper = Klipper(sensors("a", "b"), spool_id=7)
    assert not any(slot.identifiable for slot in klipper.snapshot.direct_slots)
    assert not any(slot.identifiers.known for slot in klipper.snapshot.direct_slots)


def test_without_spoolman_a_bare_switch_never_holds_an_unknown_spool() -> None:
    klipper = Klipper(sensors("runout"))
    klipper.wait(60)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def test_with_spoolman_a_spool_without_id_is_unknown_at_once() -> None:
    klipper = Klipper(sensors("runout"), spool_id=None)
    klipper.wait(60)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    klipper.wait(1)
    assert klipper.happened == [("inserted", 1, None), ("unknown", 1, None)]
    klipper.receive(notification("notify_active_spool_set", {"spool_id": 7}))
    klipper.wait(300)
    klipper.change("filament_switch_sensor runout", filament_detected=False)
    klipper.wait(8)
    assert klipper.happened[2:] == [("removed", 1, "spoolman:7")]


def test_sensors_named_by_their_tools_are_active_with_them() -> None:
    tools = sensors("tool0", "tool1")
    for status in tools.values():
        status.update(filament_detected=True)
    tools["gcode_macro T1"] = {"spool_id": 9, "color": "red"}
    klipper = Klipper(tools)
    assert [slot.active for slot in klipper.snapshot.direct_slots] == [True, False]
    klipper.change("toolhead", extruder="extruder1")
    assert [slot.active for slot in klipper.snapshot.direct_slots] == [False, True]
    assert klipper.direct(2).identifiers.external_id == "spoolman:9"
    assert not klipper.direct(1).identifiable


def test_the_active_spool_of_a_single_extruder_is_where_filament_is_detected() -> None:
    status = {**sensors("e0_sensor", "e1_sensor"), "extruder": {}}
    klipper = Klipper(status, spool_id=8)
    klipper.wait(60)
    assert not any(slot.identifiers.known for slot in klipper.snapshot.direct_slots)
    klipper.change("filament_switch_sensor e1_sensor", filament_detected=True)
    klipper.wait(20)
    klipper.receive(notification("notify_active_spool_set", {"spool_id": 7}))
    assert klipper.happened == [("inserted", 2, "spoolman:8")]
    assert [slot.active for slot in klipper.snapshot.direct_slots] == [False, True]
    assert klipper.direct(2).identifiers == SPOOL_7
    klipper.change("filament_switch_sensor e1_sensor", filament_detected=False)
    klipper.wait(300)
    assert klipper.happened[1:] == [("removed", 2, "spoolman:7")]


def test_a_spool_in_one_of_several_switches_is_never_unknown() -> None:
    status = {**sensors("e0_sensor", "e1_sensor"), "extruder": {}}
    klipper = Klipper(status, spool_id=None)
    klipper.wait(60)
    klipper.change("filament_switch_sensor e1_sensor", filament_detected=True)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, None)]


def test_the_active_spool_of_several_extruders_is_in_no_slot() -> None:
    status = {**sensors("a", "b"), "extruder": {}, "extruder1": {}}
    status["filament_switch_sensor a"] = switch(True)
    klipper = Klipper(status, spool_id=7)
    assert not any(slot.identifiers.known for slot in klipper.snapshot.direct_slots)


def test_macros_that_name_the_spools_of_a_single_extruder_outrank_the_active_one() -> (
    None
):
    status = {**sensors("t0", "t1"), "extruder": {}, "gcode_macro T1": {"spool_id": 9}}
    status["filament_switch_sensor t0"] = switch(True)
    klipper = Klipper(status, spool_id=7)
    assert [slot.identifiers.external_id for slot in klipper.snapshot.direct_slots] == [
        None,
        "spoolman:9",
    ]


def test_a_sensor_with_an_odd_name_leaves_the_others_their_tools() -> None:
    tools = sensors("tool0", "tool1", "spare", "t12", "tool1_buffer_jam")
    tools["filament_motion_sensor tool1_buffer_jam"] = tools.pop(
        "filament_switch_sensor tool1_buffer_jam"
    )
    tools["gcode_macro T0"] = {"spool_id": 8}
    tools["gcode_macro T1"] = {"spool_id": 9}
    klipper = Klipper(tools)
    assert {
        slot.label: slot.identifiers.external_id
        for slot in klipper.snapshot.direct_slots
    } == {
        "tool0": "spoolman:8",
        "tool1": "spoolman:9",
        "spare": None,
        "t12": None,
        "tool1_buffer_jam": None,
    }


def test_sensors_numbered_from_one_belong_to_no_tool() -> None:
    tools = {**sensors("tool1", "tool2"), "gcode_macro T1": {"spool_id": 9}}
    klipper = Klipper(tools)
    assert not any(slot.identifiers.known for slot in klipper.snapshot.direct_slots)


def test_a_runout_is_a_removal_with_its_reason() -> None:
    klipper = Klipper(
        {**sensors("runout"), "filament_switch_sensor runout": switch(True)}
    )
    klipper.wait(60)
    klipper.change("print_stats", state="printing")
    klipper.receive(
        notification(
            "notify_status_update",
            {
                "print_stats": {"state": "paused"},
                "filament_switch_sensor runout": {"filament_detected": False},
            },
            1.0,
        )
    )
    klipper.wait(8)
    assert klipper.happened == [("removed", 1, None)]
    assert klipper.events[-1]["meta"].get("reason") == "runout"


def test_switches_that_read_open_while_klipper_boots_move_nothing() -> None:
    filled = {**sensors("runout"), "filament_switch_sensor runout": switch(True)}
    klipper = Klipper(filled)
    klipper.wait(60)
    klipper.stop()
    klipper.wait(2)
    klipper.start(sensors("runout"))
    klipper.wait(0.75)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    klipper.wait(300)
    assert klipper.happened == []


def test_a_sensor_that_answers_nothing_costs_the_other_one_nothing() -> None:
    status = {**sensors("runout", "spare"), "extruder": {}, "extruder1": {}}
    status["filament_switch_sensor spare"] = {}
    klipper = Klipper(status, spool_id=None)
    assert klipper.decoder.not_understood == ("filament_switch_sensor spare",)
    klipper.wait(60)
    klipper.change("filament_switch_sensor runout", filament_detected=True)
    klipper.wait(5)
    assert klipper.happened == [("inserted", 1, None), ("unknown", 1, None)]
    klipper.receive(notification("notify_active_spool_set", {"spool_id": 7}))
    assert klipper.direct(1).identifiers == SPOOL_7


def test_the_sensor_of_the_first_extruder_needs_no_number() -> None:
    status = sensors("extruder_filament", "extruder1_filament")
    status["gcode_macro T0"] = {"spool_id": 8}
    status["gcode_macro T1"] = {"spool_id": 9}
    klipper = Klipper(status)
    assert {
        slot.label: slot.identifiers.external_id
        for slot in klipper.snapshot.direct_slots
    } == {"extruder_filament": "spoolman:8", "extruder1_filament": "spoolman:9"}
    status["filament_switch_sensor tool0"] = switch()
    labels = {
        slot.label
        for slot in Klipper(status).snapshot.direct_slots
        if slot.identifiers.external_id == "spoolman:8"
    }
    assert labels == {"tool0"}
