"""Snapmaker's U1: one spool a tool, read from its tag."""

from typing import Any

import pytest

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import snapmaker_u1

TAG: dict[str, Any] = {
    "VENDOR": "Snapmaker",
    "MAIN_TYPE": "PLA",
    "SUB_TYPE": "SnapSpeed",
    "WEIGHT": 500,
    "HOTEND_MIN_TEMP": 190,
    "HOTEND_MAX_TEMP": 230,
    "SKU": 900001,
    "OFFICIAL": True,
    "CARD_UID": [144, 32, 196, 2],
}
NOTHING: dict[str, Any] = {"MAIN_TYPE": "NONE", "CARD_UID": 0}


def detect(
    *tags: dict[str, Any], state: tuple[int, ...] = (0, 0, 0, 0)
) -> dict[str, Any]:
    rest = [NOTHING] * (4 - len(tags))
    return {"info": [*tags, *rest], "state": [*state]}


def feeder(first: bool, second: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "extruder0": {"module_exist": True, "filament_detected": first, **more},
        "extruder1": {"module_exist": True, "filament_detected": second},
    }


def quiet(**objects: dict[str, Any]) -> Klipper:
    klipper = Klipper(snapmaker_u1(**objects))
    klipper.wait(60)
    return klipper


def test_four_tools_are_four_slots_outside_any_unit() -> None:
    klipper = Klipper(snapmaker_u1())
    assert klipper.snapshot.units == ()
    assert [
        (slot.slot_no, slot.label, slot.present)
        for slot in klipper.snapshot.direct_slots
    ] == [(1, "T0", False), (2, "T1", False), (3, "T2", False), (4, "T3", False)]


def test_a_tag_is_read_in_full() -> None:
    klipper = Klipper(
        snapmaker_u1(
            **{"filament_detect": detect(TAG), "filament_feed left": feeder(True)}
        )
    )
    slot = klipper.direct(1)
    assert slot.identifiers == Identifiers(rfid_uid="9020C402", vendor_tag="900001")
    assert slot.filament is not None
    assert slot.filament.as_dict() == {
        "name": "PLA SnapSpeed",
        "material": "PLA",
        "color_hex": "#FFFFFF",
        "vendor": "Snapmaker",
        "weight_g": 500,
        "nozzle_min_c": 190,
        "nozzle_max_c": 230,
    }
    assert klipper.direct(2).filament is None


def test_a_chip_of_seven_bytes_keeps_all_its_digits() -> None:
    chip = {**TAG, "CARD_UID": [4, 120, 51, 115, 197, 42, 129], "SKU": 0}
    klipper = Klipper(snapmaker_u1(filament_detect=detect(chip)))
    assert klipper.direct(1).identifiers == Identifiers(rfid_uid="04783373C52A81")


def test_a_record_of_the_user_is_not_a_tag() -> None:
    made = {**TAG, "CARD_UID": [], "OFFICIAL": False}
    klipper = Klipper(snapmaker_u1(filament_detect=detect(made)))
    assert not klipper.direct(1).identifiers.known


def test_what_is_set_for_a_tool_outranks_its_tag() -> None:
    status = snapmaker_u1(filament_detect=detect(TAG))
    status["print_task_config"] |= {
        "filament_type": ["PETG"],
        "filament_vendor": ["Polymaker"],
        "filament_color_rgba": ["E72F1DFF"],
    }
    filament = Klipper(status).direct(1).filament
    assert filament is not None
    assert (filament.material, filament.vendor) == ("PETG", "Polymaker")
    assert filament.color_hex == "#E72F1D"


def test_an_insert_waits_for_its_tag_to_be_read() -> None:
    klipper = quiet()
    klipper.change("filament_feed left", **feeder(True))
    klipper.change("filament_detect", state=[1, 0, 0, 0])
    klipper.wait(10)
    assert klipper.happened == []
    klipper.change("filament_detect", **detect(TAG))
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "9020C402")]


def test_a_read_that_found_nothing_makes_an_unknown_spool() -> None:
    klipper = quiet()
    klipper.change("filament_feed left", **feeder(True))
    klipper.change("filament_detect", state=[1, 0, 0, 0])
    klipper.wait(5)
    klipper.change("filament_detect", state=[0, 0, 0, 0])
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("unknown", 1, None)]


def test_a_chip_that_is_cleared_after_loading_is_kept() -> None:
    klipper = quiet(
        **{"filament_detect": detect(TAG), "filament_feed left": feeder(True)}
    )
    klipper.change("filament_detect", **detect())
    klipper.wait(300)
    klipper.change("filament_feed left", **feeder(False))
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, "9020C402")]


def test_a_tool_without_a_feeder_uses_the_configured_presence() -> None:
    status = snapmaker_u1(**{"filament_feed left": feeder(True, module_exist=False)})
    assert Klipper(status).direct(1).present is False
    status["print_task_config"]["filament_exist"] = [True]
    assert Klipper(status).direct(1).present is True
    assert Klipper(status).direct(3).present is False


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("print_task_config", {"filament_spool_id": [0, 154]}),
        ("gcode_macro T1", {"spool_id": 154}),
        ("AFC_lane E1", {"spool_id": 154, "map": []}),
        ("filament_detect", detect(NOTHING, {**NOTHING, "SPOOL_ID": 154})),
    ],
)
def test_a_spool_assigned_to_a_tool_is_found_in_each_place_that_keeps_it(
    name: str, fields: dict[str, Any]
) -> None:
    status = snapmaker_u1(**{"filament_feed left": feeder(True, True)})
    status[name] = status.get(name, {}) | fields
    klipper = Klipper(status)
    assert klipper.direct(2).identifiers == Identifiers(external_id="spoolman:154")
    assert not klipper.direct(1).identifiers.known


def test_another_assigned_spool_is_no_other_spool_in_the_tool() -> None:
    status = snapmaker_u1(
        **{"filament_detect": detect(TAG), "filament_feed left": feeder(True)}
    )
    status["gcode_macro T0"] = {"spool_id": 77}
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("gcode_macro T0", spool_id=78)
    klipper.wait(300)
    assert klipper.happened == []
    klipper.change("filament_feed left", **feeder(False))
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, "spoolman:78")]


def test_the_tool_in_use_is_active() -> None:
    klipper = quiet(**{"filament_feed left": feeder(True, True)})
    assert [slot.active for slot in klipper.snapshot.direct_slots][:2] == [True, False]
    klipper.change("toolhead", extruder="extruder1")
    assert [slot.active for slot in klipper.snapshot.direct_slots][:2] == [False, True]


def test_without_its_reader_there_is_nothing_to_identify() -> None:
    status = snapmaker_u1()
    del status["filament_detect"]
    klipper = Klipper(status)
    assert not klipper.direct(1).reads_tags
    assert not klipper.direct(1).identifiable


def test_a_reader_that_is_listed_and_answers_nothing_reads_no_tags() -> None:
    status = snapmaker_u1(filament_detect={})
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change("filament_feed left", **feeder(True))
    klipper.wait(3)
    assert klipper.happened == [("inserted", 1, None)]
    klipper.wait(300)
    assert len(klipper.happened) == 1
