"""Happy Hare: gates, their status, and the fields whose changes it does not send."""

from typing import Any

import pytest

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import happy_hare, switch

INLET_0 = "filament_switch_sensor mmu_pre_gate_0"


def quiet(**mmu: Any) -> Klipper:
    klipper = Klipper(happy_hare(**mmu))
    klipper.wait(60)
    return klipper


def test_gates_are_slots_of_their_unit() -> None:
    klipper = Klipper(happy_hare(gate_status=[1, 0, -1, 2]))
    unit = klipper.unit()
    assert (unit.model, unit.label, unit.slots_total) == ("BoxTurtle", "Box Turtle", 4)
    assert [(slot.slot_no, slot.label, slot.present) for slot in unit.slots] == [
        (1, "Gate 0", True),
        (2, "Gate 1", False),
        (3, "Gate 2", None),
        (4, "Gate 3", True),
    ]


def test_gates_count_through_all_units() -> None:
    status = happy_hare(10, gate_status=[0] * 7 + [1, 0, 0])
    status["mmu_machine"] = {
        "num_units": 2,
        "unit_0": {"display_name": "ERCF", "num_gates": 6, "first_gate": 0},
        "unit_1": {"name": "bt", "num_gates": 4, "first_gate": 6},
    }
    klipper = Klipper(status)
    assert [slot.label for slot in klipper.unit(2).slots] == [
        "Gate 6",
        "Gate 7",
        "Gate 8",
        "Gate 9",
    ]
    assert klipper.slot(2, unit=2).present is True
    assert klipper.unit(1).label == "ERCF"


def test_a_unit_is_known_by_its_name_where_no_other_has_it() -> None:
    status = happy_hare(3)
    names = ("ERCF", "Box Turtle", "ERCF")
    status["mmu_machine"] = {"num_units": 3} | {
        f"unit_{number}": {"name": name, "num_gates": 1, "first_gate": number}
        for number, name in enumerate(names)
    }
    assert [unit.serial for unit in Klipper(status).snapshot.units] == [
        None,
        "Box Turtle",
        None,
    ]


def test_without_a_machine_all_gates_are_one_unit() -> None:
    status = happy_hare()
    del status["mmu_machine"]
    assert len(Klipper(status).unit().slots) == 4
    status["mmu"]["num_gates"] = None
    status["mmu"]["gate_status"] = [0, 1]
    assert len(Klipper(status).unit().slots) == 2
    status["mmu"]["gate_status"] = None
    assert Klipper(status).snapshot.units == ()


def test_empty_means_unknown_while_the_changer_is_busy() -> None:
    klipper = quiet(gate_status=[1, 1, 0, 0])
    klipper.change("mmu", action="Loading")
    klipper.change("mmu", gate_status=[0, 1, 1, 0])
    assert [slot.present for slot in klipper.unit().slots] == [None, True, True, None]
    klipper.change("mmu", action="Idle")
    assert [slot.present for slot in klipper.unit().slots] == [False, True, True, False]


def test_an_insert_waits_for_the_ids_that_have_to_be_requested() -> None:
    klipper = quiet()
    klipper.change("mmu", gate_status=[0, -1, 0, 0], action="Checking")
    klipper.answer_all()
    klipper.wait(1.2)
    # Klipper sends no change of a list it changed in place.
    klipper.status["mmu"]["gate_spool_id"] = [-1, 8, -1, -1]
    klipper.change("mmu", gate_status=[0, 1, 0, 0], action="Idle")
    ask = klipper.decoder.ask
    assert ask is not None
    assert ask.params is not None
    assert "gate_spool_id" in ask.params["objects"]["mmu"]
    klipper.wait(2)
    assert klipper.happened == []
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == [("inserted", 2, "spoolman:8")]


def test_an_answer_that_never_comes_holds_an_insert_for_five_seconds() -> None:
    klipper = quiet()
    klipper.change("mmu", gate_status=[0, 1, 0, 0])
    klipper.wait(4.9)
    assert klipper.happened == []
    klipper.wait(0.2)
    assert klipper.happened == [("inserted", 2, None), ("unknown", 2, None)]


def test_a_pending_spool_triggers_another_request() -> None:
    klipper = quiet()
    klipper.change("mmu", pending_spool_id=8)
    assert klipper.decoder.ask is not None
    klipper.answer_all()
    klipper.change("mmu", tool=1, ttg_map=[1, 0, 2, 3])
    assert klipper.decoder.ask is None


def test_a_failed_preload_counts_once_the_inlet_held_the_filament() -> None:
    klipper = quiet()
    klipper.change("filament_switch_sensor mmu_pre_gate_2", filament_detected=True)
    klipper.change("mmu", gate_status=[0, 0, -1, 0])
    klipper.answer_all()
    klipper.wait(9.9)
    assert klipper.happened == []
    klipper.wait(0.2)
    assert klipper.happened == [("inserted", 3, None), ("unknown", 3, None)]


def test_a_gate_marked_empty_while_its_switch_detects_filament_keeps_its_spool() -> (
    None
):
    status = happy_hare(gate_status=[1, 0, 0, 0], gate_spool_id=[11, -1, -1, -1])
    status["mmu"] |= {"gate": 0, "filament_pos": 10}
    status["print_stats"] = {"state": "printing"}
    status[INLET_0] = switch(True)
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change(INLET_0, filament_detected=False)
    klipper.wait(0.25)
    klipper.change(INLET_0, filament_detected=True)
    klipper.change("mmu", gate_status=[0, 0, 0, 0], print_state="pause_locked")
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == []
    klipper.change(INLET_0, filament_detected=False)
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, "spoolman:11")]


def test_a_spool_whose_preload_failed_during_a_print_stays_inserted() -> None:
    status = happy_hare(gate_status=[0, 1, 0, 0], gate=1, filament_pos=10)
    status["print_stats"] = {"state": "printing"}
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change(INLET_0, filament_detected=True)
    klipper.change("mmu", gate_status=[-1, 1, 0, 0], action="Checking")
    klipper.answer_all()
    klipper.wait(16)
    klipper.change("mmu", gate_status=[0, 1, 0, 0], action="Idle")
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def test_the_inlets_of_version_4_have_another_name() -> None:
    status = happy_hare(gate_status=[-1, 0, 0, 0])
    status["filament_switch_sensor mmu_entry_0"] = status.pop(
        "filament_switch_sensor mmu_pre_gate_0"
    )
    klipper = Klipper(status)
    klipper.change("filament_switch_sensor mmu_entry_0", filament_detected=True)
    assert klipper.slot(1).inlet is True


def test_a_removal_names_the_spool_that_the_map_keeps() -> None:
    klipper = quiet(gate_status=[1, 0, 0, 0], gate_spool_id=[7, -1, -1, -1])
    klipper.change("mmu", gate_status=[0, 0, 0, 0])
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, "spoolman:7")]


def test_another_spool_id_is_a_state_and_no_swap() -> None:
    klipper = quiet(gate_status=[1, 0, 0, 0], gate_spool_id=[7, -1, -1, -1])
    for spool_id in (8, -1, 9):
        klipper.change("mmu", gate_spool_id=[spool_id, -1, -1, -1])
        klipper.wait(60)
    assert klipper.happened == []
    assert klipper.events[-1]["ams_units"][0]["slots"][0]["identifiers"][
        "external_id"
    ] == ("spoolman:9")


@pytest.mark.parametrize(
    ("colour", "rgb", "shown"),
    [
        ("112233", [0.067, 0.133, 0.2], "#112233"),
        ("11223380", [0.067, 0.133, 0.2], "#11223380"),
        ("red", [1.0, 0.0, 0.0], "#FF0000"),
        ("red", None, None),
        ("", [0.0, 0.0, 0.0], None),
    ],
)
def test_colours_come_in_many_spellings(
    colour: str, rgb: list[float] | None, shown: str | None
) -> None:
    klipper = quiet(
        gate_material=["PETG", "", "", ""],
        gate_filament_name=["Galaxy Black", "", "", ""],
        gate_color=[colour, "", "", ""],
        gate_color_rgb=[rgb],
    )
    filament = klipper.slot(1).filament
    assert filament is not None
    assert (filament.name, filament.material) == ("Galaxy Black", "PETG")
    assert filament.color_hex == shown
    assert klipper.slot(2).filament is None


def test_the_selected_gate_is_active_once_it_is_loaded() -> None:
    klipper = quiet(gate_status=[1, 1, 0, 0])
    klipper.change("mmu", gate=1, filament_pos=8)
    assert not klipper.slot(2).active
    klipper.change("mmu", filament_pos=10)
    assert [slot.active for slot in klipper.unit().slots] == [False, True, False, False]
    assert not klipper.unit().feeding
    klipper.change("print_stats", state="printing")
    assert klipper.unit().feeding


def test_without_spoolman_a_gate_can_hold_nothing_unknown() -> None:
    klipper = quiet(spoolman_support="off")
    assert not klipper.slot(1).identifiable
    klipper.change("mmu", gate_status=[1, 0, 0, 0])
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def reader(**changes: Any) -> dict[str, Any]:
    return {
        "enabled": True,
        "active": True,
        "alive": True,
        "present": False,
        "uid": None,
        **changes,
    }


def test_a_reader_of_version_4_reports_the_tag_of_its_gate() -> None:
    nfc = [
        {
            "unit": "unit0",
            "polling": True,
            "shared": None,
            "gates": {
                "0": reader(present=True, uid="e2003412"),
                "1": reader(uid="FF01"),
            },
        }
    ]
    klipper = quiet(gate_status=[1, 1, 1, 0], nfc=nfc)
    assert klipper.slot(1).identifiers == Identifiers(rfid_uid="E2003412")
    assert klipper.slot(1).reads_tags
    # What a reader saw last is gone when nothing is before it.
    assert not klipper.slot(2).identifiers.known
    assert klipper.slot(2).reads_tags
    assert not klipper.slot(3).reads_tags


def test_the_tag_in_the_gate_map_outranks_the_reader() -> None:
    nfc = [{"gates": {"0": reader(present=True, uid="AA000001")}}]
    klipper = quiet(
        gate_status=[1, 0, 0, 0],
        nfc=nfc,
        gate_spool_rfid=["BB000002", "", "", ""],
        gate_spool_id=[5, -1, -1, -1],
    )
    assert klipper.slot(1).identifiers == Identifiers(
        rfid_uid="BB000002", external_id="spoolman:5"
    )


def test_after_a_restart_nothing_is_trusted_before_it_has_checked_its_gates() -> None:
    filled = happy_hare(gate_status=[1, 0, 0, 0])
    klipper = Klipper(filled)
    klipper.wait(60)
    klipper.stop()
    klipper.wait(2)
    klipper.start(happy_hare(gate_status=[0, 1, 1, 1], print_state="ready"))
    assert klipper.frozen()
    klipper.wait(30)
    assert klipper.happened == []
    klipper.change("mmu", gate_status=[1, 0, 0, 0], print_state="initialized")
    assert not klipper.frozen()
    klipper.wait(300)
    assert klipper.happened == []


def test_a_change_while_klipper_was_unavailable_is_detected_late() -> None:
    klipper = quiet(gate_status=[1, 0, 0, 0], gate_spool_id=[7, -1, -1, -1])
    klipper.stop()
    klipper.wait(60)
    klipper.start(happy_hare(gate_status=[0, 1, 0, 0], gate_spool_id=[7, 8, -1, -1]))
    klipper.wait(300)
    assert sorted(klipper.happened) == [
        ("inserted", 2, "spoolman:8"),
        ("removed", 1, "spoolman:7"),
    ]
    spools = [event for event in klipper.events if "slot" in event]
    assert all(event["meta"]["detected_late"] for event in spools)


def test_gates_missing_from_a_list_are_unknown() -> None:
    klipper = quiet(gate_status=[1, 1, 1, 1], gate_spool_id=[7, 8, -1, -1])
    klipper.change("mmu", gate_status=[1], gate_spool_id=[])
    klipper.answer_all()
    assert [slot.present for slot in klipper.unit().slots] == [True, None, None, None]
    klipper.wait(300)
    assert klipper.happened == []


def test_invalid_gate_states_are_counted_and_remove_nothing() -> None:
    klipper = quiet(gate_status=[1, 1, 1, 1])
    klipper.change("mmu", gate_status=[1, "x", None, {}])
    klipper.change("mmu", gate_status="broken")
    klipper.change("mmu_machine", unit_1={"num_gates": "many"})
    assert klipper.decoder.counters.ignored >= 3
    klipper.answer_all()
    klipper.wait(300)
    assert klipper.happened == []
