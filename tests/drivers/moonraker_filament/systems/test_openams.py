"""OpenAMS: bays, and tag readers that two bays share."""

from copy import deepcopy
from typing import Any

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import COMMON, openams, openams_boards, switch


def bays(*ready: bool, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": "1",
            "name": "unit1",
            "connected": True,
            "slots": [
                {"id": bay, "bay": bay, "ready": there, "loaded": False}
                for bay, there in enumerate(ready)
            ],
            **more,
        }
    ]


def tag(card: int, uid: str | None) -> dict[str, Any]:
    return {
        "oams": 1,
        "rfid_card": card,
        "present": uid is not None,
        "uid": uid,
        "filament": {"material": "PLA", "vendor": "Bambu Lab"} if uid else None,
    }


def test_bays_are_slots_of_their_unit() -> None:
    klipper = Klipper(openams())
    assert klipper.unit().label == "unit1"
    assert [(slot.slot_no, slot.present) for slot in klipper.unit().slots] == [
        (1, False),
        (2, False),
        (3, False),
        (4, False),
    ]


def test_a_tag_is_of_the_only_bay_its_reader_can_see() -> None:
    klipper = Klipper(openams())
    klipper.change("oams_manager", units=bays(False, True, True, True))
    klipper.change("mfrc522 oams1", readers=[tag(0, "04a1b2c3"), tag(1, "04ffee01")])
    assert klipper.slot(2).identifiers == Identifiers(rfid_uid="04A1B2C3")
    filament = klipper.slot(2).filament
    assert filament is not None
    assert (filament.material, filament.vendor) == ("PLA", "Bambu Lab")
    assert not klipper.slot(1).identifiers.known
    assert not klipper.slot(3).identifiers.known
    assert not klipper.slot(4).identifiers.known


def test_a_tag_that_left_the_reader_is_kept() -> None:
    klipper = Klipper(openams())
    klipper.wait(60)
    klipper.change("oams_manager", units=bays(True, False, False, False))
    klipper.change("mfrc522 oams1", readers=[tag(0, "04a1b2c3")])
    klipper.wait(60)
    klipper.change("mfrc522 oams1", readers=[tag(0, None)])
    klipper.wait(60)
    klipper.change("oams_manager", units=bays(False, False, False, False))
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "04A1B2C3"), ("removed", 1, "04A1B2C3")]


def test_a_unit_that_is_not_connected_removes_nothing_and_moves_no_number() -> None:
    status = openams()
    status["oams_manager"]["units"] = bays(True, True) + bays(True, True, id="2")
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change(
        "oams_manager",
        units=bays(False, False, connected=False) + bays(True, True, id="2"),
    )
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [2]
    klipper.wait(300)
    assert klipper.happened == []


def test_the_loaded_bay_is_active() -> None:
    klipper = Klipper(openams())
    units = bays(True, True)
    units[0]["slots"][1]["loaded"] = True
    klipper.change("oams_manager", units=units)
    assert [slot.active for slot in klipper.unit().slots] == [False, True]


def test_bays_and_readers_without_a_number_are_ignored() -> None:
    klipper = Klipper(openams())
    units = bays(True, True)
    units[0]["slots"] += [{"bay": 0}, {"bay": "x"}, 7]
    klipper.change("oams_manager", units=units)
    klipper.change("mfrc522 oams1", readers=[{"rfid_card": "x"}, None])
    assert len(klipper.unit().slots) == 3
    assert klipper.decoder.counters.ignored > 0
    assert not klipper.slot(1).reads_tags


def test_its_units_are_offline_until_it_is_ready() -> None:
    status = openams()
    status["oams_manager"]["units"] = bays(True, True)
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.stop()
    booting = openams()
    booting["oams_manager"]["ready"] = False
    klipper.start(booting)
    assert not klipper.unit().online
    klipper.wait(60)
    klipper.change("oams_manager", ready=True, units=bays(True, True))
    assert klipper.unit().online
    klipper.wait(300)
    assert klipper.happened == []


def test_boards_report_their_bays_where_the_manager_does_not() -> None:
    klipper = Klipper(openams_boards())
    assert [unit.label for unit in klipper.snapshot.units] == ["oams1", "oams2"]
    assert klipper.snapshot.direct_slots == ()
    klipper.wait(60)
    klipper.change("oams oams1", f1s_hes_value=[0, 1, 0, 0])
    klipper.wait(60)
    assert klipper.happened == [("inserted", 2, None)]
    klipper.change("oams oams1", current_spool=1, hub_hes_value=[0, 1, 0, 0])
    assert [slot.active for slot in klipper.unit().slots] == [False, True, False, False]
    klipper.change("print_stats", state="printing")
    assert klipper.unit().feeding
    klipper.change("oams oams1", f1s_hes_value=[0, 0, 0, 0])
    klipper.wait(60)
    assert klipper.happened[1:] == [("removed", 2, None)]


def test_a_board_keeps_its_spools_when_one_is_added_before_it() -> None:
    status = openams_boards(f1s_hes_value=[1, 0, 0, 1])
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.stop()
    klipper.start({**status, "oams oams0": status["oams oams2"]})
    klipper.wait(300)
    assert klipper.happened == []
    units = klipper.events[-1]["ams_units"]
    assert {unit["label"]: unit["ams_unit_no"] for unit in units} == {
        "oams0": 1,
        "oams1": 2,
        "oams2": 3,
    }


def test_a_bay_that_is_not_in_the_hub_is_not_active() -> None:
    klipper = Klipper(openams_boards(current_spool=0, f1s_hes_value=[1, 0, 0, 0]))
    assert not any(slot.active for slot in klipper.unit().slots)


def manager_only() -> dict[str, dict[str, Any]]:
    """Return an OpenAMS that reports what is loaded, but not what is in its bays."""
    return {
        **COMMON,
        "oams_manager": {
            "current_group": "T0",
            "lanes": {"fps": {"op": "loaded", "group": "T0", "unit": 1}},
        },
        "oams oams1": {"current_spool": 0},
        "filament_switch_sensor extruder_out": switch(True),
    }


def test_a_version_that_reports_no_bays_leaves_the_printer_its_sensors() -> None:
    klipper = Klipper(manager_only())
    assert klipper.snapshot.units == ()
    labels = [slot.label for slot in klipper.snapshot.direct_slots]
    assert labels == ["extruder_out"]
    assert klipper.direct(1).present
    assert klipper.decoder.not_understood == ("oams_manager", "oams oams1")
    klipper.wait(60)
    klipper.change("filament_switch_sensor extruder_out", filament_detected=False)
    klipper.wait(60)
    assert klipper.happened == [("removed", 1, None)]


def test_bays_that_are_no_longer_reported_do_not_make_slots_of_the_sensors() -> None:
    klipper = Klipper(openams_boards(f1s_hes_value=[1, 0, 0, 0]))
    for board in ("oams1", "oams2"):
        klipper.change(f"oams {board}", f1s_hes_value=None)
    klipper.change("filament_switch_sensor extruder_out", filament_detected=True)
    assert klipper.snapshot.units == ()
    assert klipper.snapshot.direct_slots == ()


def test_a_unit_of_the_manager_keeps_its_spools_when_one_is_added_before_it() -> None:
    status = openams()
    status["oams_manager"]["units"] = bays(True, False, True)
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.stop()
    added = deepcopy(status)
    (first,) = bays(False, True, False)
    added["oams_manager"]["units"].insert(0, {**first, "id": "0", "name": "unit0"})
    klipper.start(added)
    klipper.wait(300)
    assert klipper.happened == []
    units = klipper.events[-1]["ams_units"]
    assert {unit["label"]: unit["ams_unit_no"] for unit in units} == {
        "unit0": 1,
        "unit1": 2,
    }


def test_units_of_the_manager_with_one_name_are_known_by_their_numbers() -> None:
    status = openams()
    status["oams_manager"]["units"] *= 2
    klipper = Klipper(status)
    assert [unit.serial for unit in klipper.snapshot.units] == [None, None]
