"""AFC: lanes, tools, and its start."""

from typing import Any

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.limits import SLOTS_MAX

from .klipper import Klipper
from .statuses import Objects, afc, lane

FULL: dict[str, Any] = {
    "prep": True,
    "load": True,
    "status": "Loaded",
    "filament_status": "Ready",
}


def quiet(**lanes: dict[str, Any]) -> Klipper:
    klipper = Klipper(afc(**lanes))
    klipper.wait(60)
    return klipper


def test_lanes_are_slots_of_their_unit() -> None:
    klipper = Klipper(afc(lane2=FULL))
    unit = klipper.unit()
    assert (unit.model, unit.label, unit.slots_total) == ("Box_Turtle", "Turtle_1", 4)
    assert [(slot.slot_no, slot.label, slot.present) for slot in unit.slots] == [
        (1, "lane1", False),
        (2, "lane2", True),
        (3, "lane3", False),
        (4, "lane4", False),
    ]


def test_a_lane_reports_its_own_number() -> None:
    klipper = Klipper(afc(lane1={"lane": 4}, lane4={"lane": 1}))
    assert klipper.slot(4).label == "lane1"
    assert klipper.slot(1).label == "lane4"


def test_of_two_lanes_with_one_number_only_one_is_a_slot() -> None:
    klipper = Klipper(afc(lane2={"lane": 1}))
    assert [slot.label for slot in klipper.unit().slots] == ["lane1", "lane3", "lane4"]
    assert klipper.decoder.counters.ignored > 0


@pytest.mark.parametrize(
    ("value", "present"),
    [
        ({"prep": True, "load": False}, True),
        ({"prep": False, "load": True}, True),
        ({"prep": False, "load": False, "tool_loaded": True}, False),
        ({"prep": None, "load": None, "filament_status": "Ready"}, True),
        ({"prep": None, "load": None, "filament_status": "In Tool"}, True),
        ({"prep": None, "load": None, "filament_status": "Not Ready"}, False),
        ({"prep": None, "load": None, "filament_status": "Dancing"}, None),
        ({"prep": None, "load": None, "filament_status": None}, None),
        (
            {"prep": None, "load": None, "filament_status": None, "tool_loaded": True},
            True,
        ),
    ],
)
def test_filament_is_present_if_a_switch_of_the_lane_detects_it(
    value: dict[str, Any], present: bool | None
) -> None:
    assert Klipper(afc(lane1=value)).slot(1).present is present


def test_an_insert_waits_for_the_load_that_brings_the_id() -> None:
    klipper = quiet()
    klipper.change("AFC_stepper lane3", prep=True, filament_status="Prep")
    klipper.wait(1)
    klipper.change("AFC_stepper lane3", load=True, filament_status="Ready")
    klipper.wait(1.5)
    assert klipper.happened == []
    klipper.change("AFC_stepper lane3", status="Loaded", spool_id=8, material="PETG")
    klipper.wait(300)
    assert klipper.happened == [("inserted", 3, "spoolman:8")]


def test_a_spool_without_id_is_unknown_as_soon_as_it_is_loaded() -> None:
    klipper = quiet()
    klipper.change("AFC_stepper lane3", prep=True)
    klipper.wait(2)
    klipper.change("AFC_stepper lane3", load=True, status="Loaded")
    assert klipper.happened == [("inserted", 3, None), ("unknown", 3, None)]


def test_a_load_that_never_ends_holds_an_insert_for_five_seconds() -> None:
    klipper = quiet()
    klipper.change("AFC_stepper lane3", prep=True)
    klipper.wait(4.9)
    assert klipper.happened == []
    klipper.wait(0.2)
    assert klipper.happened == [("inserted", 3, None), ("unknown", 3, None)]


def test_a_removal_names_the_spool_that_the_same_change_clears() -> None:
    klipper = quiet(lane2={**FULL, "spool_id": 7})
    klipper.change("AFC_stepper lane2", load=False)
    klipper.wait(0.5)
    klipper.change(
        "AFC_stepper lane2", prep=False, spool_id=None, material="", status="None"
    )
    klipper.wait(300)
    assert klipper.happened == [("removed", 2, "spoolman:7")]


def test_a_lane_that_ran_out_and_was_unloaded_later_is_a_runout() -> None:
    status = afc(lane3={**FULL, "tool_loaded": True, "spool_id": 33}, lane2=FULL)
    status["print_stats"] = {"state": "printing"}
    status["AFC"]["current_load"] = "lane3"
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("AFC_stepper lane3", prep=False)
    klipper.wait(33)
    klipper.change("AFC_stepper lane3", tool_loaded=False, status="Loaded")
    klipper.change("AFC", current_load=None)
    klipper.wait(15)
    klipper.change("AFC_stepper lane3", load=False, spool_id=None, status="None")
    klipper.wait(45)
    klipper.change("AFC", current_load="lane2")
    klipper.wait(300)
    assert klipper.happened == [("removed", 3, "spoolman:33")]
    removed = next(e for e in klipper.events if e["event_type"] == "spool_removed")
    assert removed["meta"].get("reason") == "runout"


def test_weights_are_reported_only_with_a_spool() -> None:
    klipper = Klipper(
        afc(
            lane1={
                **FULL,
                "spool_id": 7,
                "material": "PLA",
                "color": "#c81e1e",
                "weight": 812.3,
                "initial_weight": 1000,
                "extruder_temp": 215,
            },
            lane2={**FULL, "material": "PLA", "weight": 1000},
        )
    )
    filament = klipper.slot(1).filament
    assert filament is not None
    assert filament.as_dict() == {
        "material": "PLA",
        "color_hex": "#C81E1E",
        "remaining_g": 812,
        "weight_g": 1000,
        "nozzle_min_c": 215,
        "nozzle_max_c": 215,
    }
    other = klipper.slot(2).filament
    assert other is not None
    assert other.remaining_g is None


def test_a_gram_less_is_a_change_and_a_tenth_of_it_is_not() -> None:
    klipper = quiet(lane1={**FULL, "spool_id": 7, "material": "PLA", "weight": 812.3})
    assert klipper.change("AFC_stepper lane1", weight=812.1) is None
    assert klipper.change("AFC_stepper lane1", weight=811.9) is None
    assert klipper.change("AFC_stepper lane1", weight=811.3) is not None


def test_the_lane_in_the_toolhead_is_active_and_feeds_its_unit() -> None:
    klipper = Klipper(afc(lane1=FULL, lane2=FULL))
    klipper.change("AFC", current_load="lane2")
    klipper.change("print_stats", state="printing")
    assert [slot.active for slot in klipper.unit().slots] == [False, True, False, False]
    assert klipper.unit().feeding


def test_a_map_may_be_a_list_and_machinery_is_no_lane() -> None:
    status = afc(lane1={"map": ["T3", "T0"]}, lane2={"map": ["NONE"]})
    status["AFC_stepper Turtle_1_drive"] = {"unit": "Turtle_1", "lane": 0, "map": []}
    status["AFC_BoxTurtle Turtle_1"]["lanes"].append("Turtle_1_drive")
    assert len(Klipper(status).unit().slots) == 4
    status["AFC"]["lanes"] = None
    assert len(Klipper(status).unit().slots) == 4


def test_lanes_are_found_by_their_unit_where_the_unit_does_not_list_them() -> None:
    status = afc()
    status["AFC_BoxTurtle Turtle_1"] = {}
    assert [slot.label for slot in Klipper(status).unit().slots] == [
        "lane1",
        "lane2",
        "lane3",
        "lane4",
    ]


def test_units_have_the_numbers_of_their_order_and_one_without_lanes_is_not_shown() -> (
    None
):
    status = afc()
    status["AFC"]["units"] = ["ViViD Vivid_1", "HTLF Nowhere", "Box_Turtle Turtle_1"]
    status["AFC"]["lanes"] += ["lane5"]
    status["AFC_vivid Vivid_1"] = {"lanes": ["lane5"]}
    status["AFC_lane lane5"] = lane(1, unit="Vivid_1")
    klipper = Klipper(status)
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [1, 3]
    assert klipper.unit(1).label == "Vivid_1"


def with_an_owl(**lanes: dict[str, Any]) -> Objects:
    """Return the Box Turtle after a unit that AFC lists before it was added."""
    status = afc(**lanes)
    status["AFC"]["units"] = ["Night_Owl Owl_1", "Box_Turtle Turtle_1"]
    status["AFC"]["lanes"] = ["lane5", *status["AFC"]["lanes"]]
    status["AFC_NightOwl Owl_1"] = {"lanes": ["lane5"]}
    status["AFC_stepper lane5"] = lane(1, unit="Owl_1")
    return status


def test_a_unit_keeps_its_spools_when_one_is_added_before_it() -> None:
    spools = {"lane1": {**FULL, "spool_id": 21}, "lane3": {**FULL, "spool_id": 23}}
    klipper = Klipper(afc(**spools))
    klipper.wait(60)
    klipper.stop()
    klipper.start(with_an_owl(**spools))
    klipper.wait(300)
    assert klipper.happened == []
    units = klipper.events[-1]["ams_units"]
    assert {unit["label"]: unit["ams_unit_no"] for unit in units} == {
        "Owl_1": 1,
        "Turtle_1": 2,
    }
    klipper.change("AFC_stepper lane3", prep=False, load=False, spool_id=None)
    klipper.wait(300)
    (removed,) = (e for e in klipper.events if e["event_type"] == "spool_removed")
    assert removed["meta"]["unit"]["serial"] == "Turtle_1"


def test_units_are_found_without_the_object_that_lists_them() -> None:
    status = afc()
    del status["AFC"]
    assert Klipper(status).unit().label == "Turtle_1"


def test_lanes_of_a_toolchanger_are_tools_outside_any_unit() -> None:
    status = afc()
    status["AFC"]["units"] += ["Toolchanger Tools", "Toolchanger More"]
    status["AFC"]["lanes"] += ["e1", "e2", "e3"]
    status["AFC_Toolchanger Tools"] = {"lanes": ["e1", "e2"]}
    status["AFC_Toolchanger More"] = {"lanes": ["e3"]}
    status["AFC_lane e1"] = lane(0, hub="direct", tool_loaded=True)
    status["AFC_lane e2"] = lane(0, hub="direct")
    klipper = Klipper(status)
    assert [
        (slot.slot_no, slot.label, slot.present)
        for slot in klipper.snapshot.direct_slots
    ] == [(1, "e1", True), (2, "e2", False), (3, "e3", None)]
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [1]


def test_a_tool_keeps_its_number_when_another_is_listed_before_it() -> None:
    def tools(*names: str) -> Objects:
        status = afc()
        status["AFC"]["units"] += ["Toolchanger Tools"]
        status["AFC"]["lanes"] += names
        status["AFC_Toolchanger Tools"] = {"lanes": [*names]}
        return status | {f"AFC_lane {name}": lane(0) for name in names}

    klipper = Klipper(tools("e1", "e2"))
    klipper.stop()
    klipper.start(tools("e0", "e1", "e2"))
    assert {slot.label: slot.slot_no for slot in klipper.snapshot.direct_slots} == {
        "e1": 1,
        "e2": 2,
        "e0": 3,
    }


def test_a_tool_for_which_no_number_is_left_is_no_slot() -> None:
    status = afc()
    status["AFC"]["units"] += ["Toolchanger Tools"]
    status["AFC"]["lanes"] += ["e1", "e2"]
    status["AFC_Toolchanger Tools"] = {"lanes": ["e1", "e2"]}
    status |= {f"AFC_lane {name}": lane(0) for name in ("e1", "e2")}
    taken = {f"old{number}": number for number in range(1, SLOTS_MAX)}

    klipper = Klipper(status, numbers=taken)

    assert [(slot.slot_no, slot.label) for slot in klipper.snapshot.direct_slots] == [
        (SLOTS_MAX, "e1")
    ]


def test_without_spoolman_a_lane_can_hold_nothing_unknown() -> None:
    status = afc()
    status["AFC"]["spoolman"] = None
    klipper = Klipper(status)
    assert not klipper.slot(1).identifiable
    klipper.wait(60)
    klipper.change("AFC_stepper lane1", prep=True, load=True, status="Loaded")
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def test_the_empty_lanes_after_a_restart_are_ignored() -> None:
    filled = afc(lane3={**FULL, "spool_id": 8, "material": "ASA"})
    klipper = Klipper(filled)
    klipper.wait(60)
    klipper.stop()
    klipper.wait(2)
    nothing = {number: {"map": None} for number in ("lane1", "lane2", "lane3", "lane4")}
    booting = afc(**nothing)
    booting["AFC"]["spoolman"] = None
    klipper.start(booting)
    assert klipper.frozen()
    klipper.wait(40)
    klipper.receive(
        {
            "method": "notify_status_update",
            "params": [
                {
                    "AFC": {"spoolman": "http://spoolman.local:7912"},
                    "AFC_stepper lane1": {"map": "T0"},
                    "AFC_stepper lane3": {
                        **FULL,
                        "map": "T2",
                        "status": "None",
                        "spool_id": 8,
                        "material": "PETG",
                    },
                },
                1.0,
            ],
        }
    )
    assert not klipper.frozen()
    klipper.wait(300)
    assert klipper.happened == []
    assert klipper.slot(3).identifiers.external_id == "spoolman:8"
