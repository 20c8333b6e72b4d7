"""FlashForge's IFS through zmod, Forge-X and plain sensors."""

from typing import Any

import pytest

from .klipper import Klipper
from .statuses import COMMON, forge_x, port_sensors, switch, zmod


def presence(klipper: Klipper) -> list[bool | None]:
    return [slot.present for slot in klipper.unit().slots]


def active(klipper: Klipper) -> list[int]:
    return [slot.slot_no for slot in klipper.unit().slots if slot.active]


def test_zmod_reports_ports_and_their_filament() -> None:
    klipper = Klipper(zmod())
    assert presence(klipper) == [False, True, True, True]
    filament = klipper.slot(2).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "PETG", "color_hex": "#0ACC38"}
    assert klipper.slot(3).filament is None
    assert klipper.slot(4).filament is None
    assert klipper.unit().slots_total == 4


def test_ports_come_and_go_and_nothing_is_ever_unknown() -> None:
    klipper = Klipper(zmod(), spool_id=None)
    klipper.wait(60)
    klipper.change("zmod_ifs", Ports=[True, True, False, True])
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("removed", 3, None)]


def test_a_list_that_became_shorter_removes_nothing() -> None:
    klipper = Klipper(zmod())
    klipper.wait(60)
    klipper.change("zmod_ifs", Ports=[False])
    klipper.change("zmod_ifs", Ports=["yes", 1, None])
    klipper.change("zmod_ifs", Ports=None)
    klipper.wait(300)
    assert klipper.happened == []


def test_forge_x_lists_the_channels_that_are_loaded() -> None:
    klipper = Klipper(forge_x())
    assert presence(klipper) == [False, True, False, True]
    filament = klipper.slot(4).filament
    assert filament is not None
    assert filament.material == "PLA"
    klipper.change("ifs", loaded_channels=[True, False, False, True])
    assert presence(klipper) == [True, False, False, True]
    klipper.change("ifs", loaded_channels=None)
    assert presence(klipper) == [None] * 4


def test_an_ifs_that_is_not_connected_removes_nothing() -> None:
    klipper = Klipper(forge_x())
    klipper.wait(60)
    klipper.change("ifs", connected=False, loaded_channels=[])
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_plain_sensors_of_the_ports_are_its_slots() -> None:
    klipper = Klipper(port_sensors())
    assert presence(klipper) == [True, False, False, False]
    assert klipper.snapshot.direct_slots == ()
    filament = klipper.slot(4).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "TPU"}
    klipper.change("save_variables", variables={"bambufy_types": ["ABS"]})
    assert klipper.slot(2).filament is None
    klipper.change("save_variables", variables={})
    assert klipper.slot(1).filament is None


def test_the_channel_touched_last_in_a_print_is_the_one_in_the_head() -> None:
    klipper = Klipper(zmod())
    assert active(klipper) == []
    klipper.change("print_stats", state="printing")
    assert active(klipper) == [3]
    assert klipper.unit().feeding
    klipper.change("zmod_ifs", Chan=2)
    assert active(klipper) == [2]


def test_a_port_emptied_by_hand_while_the_print_is_paused_did_not_run_out() -> None:
    klipper = Klipper(zmod())
    klipper.change("print_stats", state="printing")
    klipper.wait(60)
    klipper.change("print_stats", state="paused")
    klipper.change("zmod_ifs", Chan=4)
    klipper.change("zmod_ifs", Ports=[False, True, True, False])
    klipper.wait(60)
    assert klipper.happened == [("removed", 4, None)]
    assert "reason" not in removal(klipper)
    assert active(klipper) == [3]


def test_the_port_that_feeds_a_print_runs_out() -> None:
    klipper = Klipper(zmod())
    klipper.change("print_stats", state="printing")
    klipper.wait(60)
    klipper.change("zmod_ifs", Ports=[False, True, False, True])
    klipper.wait(60)
    assert removal(klipper)["reason"] == "runout"


def test_a_port_emptied_after_the_print_is_no_longer_active() -> None:
    klipper = Klipper(zmod())
    klipper.change("print_stats", state="printing")
    klipper.change("print_stats", state="complete")
    assert active(klipper) == [3]
    klipper.change("zmod_ifs", Ports=[False, True, False, True])
    assert active(klipper) == []


def removal(klipper: Klipper) -> dict[str, Any]:
    """Return the meta of the only removal."""
    (event,) = (
        event for event in klipper.events if event["event_type"] == "spool_removed"
    )
    meta: dict[str, Any] = event["meta"]
    return meta


@pytest.mark.parametrize("answering", ["zmod_ifs_switch", "filament_switch"])
def test_of_two_sensors_of_a_port_the_one_that_answers_is_read(answering: str) -> None:
    other = {"zmod_ifs_switch": "filament_switch", "filament_switch": "zmod_ifs_switch"}
    klipper = Klipper(
        {
            **COMMON,
            **{
                f"{other[answering]}_sensor _ifs_port_sensor_{port}": {}
                for port in range(1, 5)
            },
            **{
                f"{answering}_sensor _ifs_port_sensor_{port}": switch(port < 3)
                for port in range(1, 5)
            },
        }
    )
    assert presence(klipper) == [True, True, False, False]
    assert klipper.decoder.not_understood == ()
    klipper.wait(60)
    klipper.change(
        f"{answering}_sensor _ifs_port_sensor_2", filament_detected=False, enabled=True
    )
    klipper.wait(60)
    assert klipper.happened == [("removed", 2, None)]


def test_ports_that_nothing_answers_for_are_unknown_and_named_in_health() -> None:
    status = port_sensors()
    for port in range(1, 5):
        status[f"filament_switch_sensor _ifs_port_sensor_{port}"] = {}
    klipper = Klipper({**status, "zmod_ifs": {}})
    assert presence(klipper) == [None] * 4
    assert klipper.decoder.not_understood == (
        *(f"filament_switch_sensor _ifs_port_sensor_{port}" for port in range(1, 5)),
        "zmod_ifs",
    )


def test_the_switch_in_the_head_of_an_ifs_without_port_sensors_is_no_slot() -> None:
    klipper = Klipper(
        {
            **COMMON,
            "filament_switch_sensor head_switch_sensor": switch(True),
            "filament_motion_sensor ifs_motion_sensor": switch(True),
            "save_variables": {"variables": {"autoinsert": 1}},
        }
    )
    assert klipper.snapshot.complete
    assert (klipper.snapshot.units, klipper.snapshot.direct_slots) == ((), ())
    assert klipper.decoder.not_understood == (
        "filament_motion_sensor ifs_motion_sensor",
    )
    klipper.change("print_stats", state="printing")
    klipper.change("filament_switch_sensor head_switch_sensor", filament_detected=False)
    klipper.wait(60)
    assert klipper.happened == []


def test_a_plugin_lists_colours_and_the_tool_in_use_by_tool_and_the_port_of_each() -> (
    None
):
    status = port_sensors()
    status["save_variables"]["variables"] |= {
        "less_waste_tools": [2, 1, 3, 4, 5, 5],
        "less_waste_current_tool": 0,
    }
    klipper = Klipper(status)
    filament = klipper.slot(2).filament
    assert filament is not None
    assert filament.as_dict() == {"material": "PLA", "color_hex": "#FF0000"}
    klipper.change("print_stats", state="printing")
    assert active(klipper) == [2]
    variables = klipper.status["save_variables"]["variables"]
    klipper.change(
        "save_variables", variables=variables | {"less_waste_current_tool": -1}
    )
    assert active(klipper) == []


def test_colours_and_the_tool_in_use_are_read_from_the_objects_that_answer() -> None:
    status = port_sensors()
    status["save_variables"]["variables"] |= {"less_waste_current_tool": 1}
    silent: dict[str, dict[str, Any]] = {
        name: {} for name in ("zmod_ifs", "zmod_color", "ifs", "ifs_materials")
    }
    klipper = Klipper({**status, **silent})
    klipper.change("print_stats", state="printing")
    assert presence(klipper) == [True, False, False, False]
    assert active(klipper) == [2]
    filament = klipper.slot(1).filament
    assert filament is not None
    assert filament.material == "PLA"


def test_ports_that_read_empty_before_the_first_answer_of_an_ifs_remove_nothing() -> (
    None
):
    klipper = Klipper(zmod())
    klipper.wait(60)
    klipper.stop()
    unheard = zmod()
    unheard["zmod_ifs"] = {"Ports": [False] * 4, "Chan": 0, "State": 0}
    klipper.start(unheard)
    klipper.wait(300)
    assert klipper.snapshot.units == ()
    klipper.change("zmod_ifs", **zmod()["zmod_ifs"])
    klipper.wait(300)
    assert klipper.happened == []
    klipper.change("zmod_ifs", Ports=[False] * 4)
    klipper.wait(60)
    assert klipper.happened == [("removed", port, None) for port in (2, 3, 4)]


def test_port_sensors_that_read_empty_while_the_ifs_is_unreachable_remove_nothing() -> (
    None
):
    status = port_sensors()
    status["zmod_ifs"] = {"available": True, "State": 5}
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("zmod_ifs", available=False)
    klipper.change("filament_switch_sensor _ifs_port_sensor_1", filament_detected=False)
    klipper.wait(300)
    assert klipper.snapshot.units == ()
    klipper.change("zmod_ifs", available=True)
    klipper.change("filament_switch_sensor _ifs_port_sensor_1", filament_detected=True)
    klipper.wait(300)
    assert presence(klipper) == [True, False, False, False]
    assert klipper.happened == []


def test_a_channel_of_forge_x_touched_while_a_print_is_paused_does_not_feed_it() -> (
    None
):
    klipper = Klipper(forge_x())
    assert active(klipper) == []
    klipper.change("print_stats", state="printing")
    assert active(klipper) == [2]
    klipper.wait(60)
    klipper.change("print_stats", state="paused")
    klipper.change("ifs", active_channel=4)
    klipper.change("ifs", loaded_channels=[2])
    klipper.wait(60)
    assert klipper.happened == [("removed", 4, None)]
    assert "reason" not in removal(klipper)
    assert active(klipper) == [2]
