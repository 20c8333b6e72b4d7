"""Creality's CFS: what stays behind in an empty slot is no filament."""

from typing import Any

import pytest

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import cfs, cfs_unit, kalico, without_cfs


def quiet(**t1: Any) -> Klipper:
    klipper = Klipper(cfs(**t1))
    klipper.wait(60)
    return klipper


@pytest.mark.parametrize(
    ("vender", "remaining", "present"),
    [
        ("unknown", "35", True),
        ("0A21", "-1", True),
        ("none", "35", True),
        ("none", "-1", False),
        ("none", "0", False),
        ("-1", "-1", False),
        ("None", None, False),
        (None, None, None),
        (None, "0", None),
        (7, "12", True),
    ],
)
def test_presence_is_a_vender_or_a_length(
    vender: object, remaining: object, present: bool | None
) -> None:
    klipper = Klipper(
        cfs(
            vender=[vender, "none", "none", "none"],
            remain_len=[remaining, "-1", "-1", "-1"],
            color_value=["0FF0000"] * 4,
            material_type=["101001"] * 4,
        )
    )
    assert klipper.slot(1).present is present
    assert klipper.slot(1).label == "T1A"
    assert klipper.slot(2).present is False


def test_a_unit_reports_its_telemetry_and_its_serial() -> None:
    unit = Klipper(cfs()).unit()
    assert (unit.temperature_c, unit.humidity_percent) == (27, 48)
    assert unit.serial == "1000088A12345678"


def test_material_and_colour_are_named() -> None:
    klipper = Klipper(
        cfs(
            vender=["unknown", "0A21", "none", "none"],
            material_type=["101001", "109999", "-1", "-1"],
            color_value=["0FF0000", "000A2989", "-1", "-1"],
        )
    )
    first, second = klipper.slot(1), klipper.slot(2)
    assert first.filament is not None
    assert first.filament.as_dict() == {
        "material": "PLA",
        "color_hex": "#FF0000",
        "preset": "101001",
    }
    assert not first.identifiers.known
    # Only a tag is an identity.
    assert second.identifiers == Identifiers(vendor_tag="109999")
    assert klipper.slot(3).filament is None


def test_a_tagged_spool_is_inserted_with_its_code() -> None:
    klipper = quiet()
    klipper.change("box", T1=cfs_unit(remain_len=["35", "-1", "-1", "-1"]))
    klipper.wait(5)
    assert klipper.happened == []
    klipper.change(
        "box",
        T1=cfs_unit(
            vender=["0A21", "none", "none", "none"],
            remain_len=["35", "-1", "-1", "-1"],
            material_type=["101001", "-1", "-1", "-1"],
        ),
    )
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "101001")]


def test_a_spool_without_tag_is_unknown() -> None:
    klipper = quiet()
    klipper.change("box", T1=cfs_unit(vender=["unknown", "none", "none", "none"]))
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None), ("unknown", 1, None)]


def test_latched_colours_do_not_hold_up_a_removal() -> None:
    klipper = quiet(vender=["unknown"] * 4, color_value=["0FF0000"] * 4)
    klipper.change(
        "box",
        T1=cfs_unit(
            vender=["none", "unknown", "unknown", "unknown"],
            color_value=["0FF0000"] * 4,
        ),
    )
    klipper.wait(300)
    assert klipper.happened == [("removed", 1, None)]


@pytest.mark.parametrize(
    "gone", [cfs_unit(state="None"), cfs_unit(vender=["-1"] * 4), None, {}]
)
def test_a_unit_that_is_not_connected_removes_nothing(gone: Any) -> None:
    klipper = quiet(vender=["unknown"] * 4)
    klipper.change("box", T1=gone)
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_the_last_spool_without_a_tag_is_removed() -> None:
    untagged = ["-1"] * 4
    klipper = quiet(vender=untagged, remain_len=["35", "-1", "57", "-1"])
    klipper.change("box", T1=cfs_unit(vender=untagged, remain_len=["35", *["-1"] * 3]))
    klipper.wait(60)
    klipper.change("box", T1=cfs_unit(vender=untagged, remain_len=["-1"] * 4))
    klipper.wait(60)
    assert klipper.happened == [("removed", 3, None), ("removed", 1, None)]
    assert [slot.present for slot in klipper.unit().slots] == [False] * 4


@pytest.mark.parametrize(
    "full",
    [
        {"vender": ["-1"] * 4, "remain_len": ["35", "57", "-1", "-1"]},
        {"vender": ["unknown", "none", "none", "none"]},
    ],
)
def test_a_unit_that_starts_again_removes_nothing(full: dict[str, Any]) -> None:
    klipper = quiet(**full)
    klipper.change("box", T1=cfs_unit(vender=["-1"] * 4, remain_len=["-1"] * 4))
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_a_unit_that_starts_with_klipper_removes_nothing() -> None:
    klipper = quiet(vender=["-1"] * 4, remain_len=["35", "-1", "-1", "-1"])
    klipper.stop()
    klipper.start(cfs(vender=["-1"] * 4, remain_len=["-1"] * 4))
    assert klipper.snapshot.units == ()
    klipper.wait(300)
    assert klipper.happened == []


def test_the_loaded_slot_is_active() -> None:
    klipper = quiet(vender=["unknown"] * 4, filament="C")
    klipper.change("print_stats", state="printing")
    assert [slot.active for slot in klipper.unit().slots] == [False, False, True, False]
    assert klipper.unit().feeding


def test_the_rack_is_a_slot_that_senses_nothing() -> None:
    klipper = quiet()
    assert klipper.direct(1).has_sensor is False
    assert klipper.direct(1).filament is None
    klipper.change(
        "filament_rack", vender="unknown", color_value="0FFFFFF", material_type="101001"
    )
    klipper.wait(300)
    filament = klipper.direct(1).filament
    assert filament is not None
    assert (filament.material, filament.color_hex) == ("PLA", "#FFFFFF")
    assert klipper.happened == []


def test_a_printer_without_a_rack_has_no_slot_for_it() -> None:
    status = cfs()
    del status["filament_rack"]
    assert Klipper(status).snapshot.direct_slots == ()


def test_kalico_lists_its_slots() -> None:
    klipper = Klipper(
        kalico(
            slot0={
                "present": True,
                "name": "2026_PPS",
                "material": "PPS",
                "color": "#111111",
                "brand": "Xplorer",
            },
            slot1={"present": True, "spoolman_id": 3, "rfid_percent": 40},
            slot2={"loaded": True},
            slot4={"present": True},
        )
    )
    unit = klipper.unit()
    assert (unit.humidity_percent, unit.temperature_c) == (22, 29)
    assert [(slot.label, slot.present, slot.active) for slot in unit.slots] == [
        ("T1A", True, False),
        ("T1B", True, False),
        ("T1C", False, True),
        ("T1D", False, False),
    ]
    filament = klipper.slot(1).filament
    assert filament is not None
    assert filament.as_dict() == {
        "name": "2026_PPS",
        "material": "PPS",
        "color_hex": "#111111",
        "vendor": "Xplorer",
    }
    assert klipper.slot(2).identifiers.external_id == "spoolman:3"
    outside = klipper.direct(1)
    assert (outside.label, outside.has_sensor, outside.present) == (
        "External",
        False,
        None,
    )


def test_a_kalico_slot_without_an_index_is_counted() -> None:
    status = kalico()
    status["box"]["slots"][0]["index"] = "first"
    klipper = Klipper(status)
    assert len(klipper.unit().slots) == 3
    assert klipper.decoder.counters.ignored > 0


def test_units_of_kalico_are_offline_until_its_driver_has_data() -> None:
    klipper = Klipper(kalico(slot0={"present": True}))
    klipper.wait(60)
    klipper.stop()
    booting = kalico()
    booting["box"]["data_ready"] = False
    klipper.start(booting)
    assert not klipper.unit().online
    klipper.wait(30)
    klipper.change(
        "box", data_ready=True, slots=kalico(slot0={"present": True})["box"]["slots"]
    )
    klipper.wait(300)
    assert klipper.unit().online
    assert klipper.happened == []


def test_units_of_kalico_are_offline_while_its_driver_is_not_ready() -> None:
    klipper = Klipper(kalico(slot0={"present": True}))
    klipper.wait(60)
    klipper.change("box", driver_ready=False, slots=kalico()["box"]["slots"])
    klipper.wait(300)
    assert not klipper.unit().online
    assert klipper.happened == []


def test_a_length_without_a_vender_is_a_spool_without_a_tag() -> None:
    klipper = quiet(
        vender=["-1"] * 4,
        remain_len=["35", "57", "-1", "52"],
        material_type=["101001"] * 4,
    )
    assert [unit.label for unit in klipper.snapshot.units] == ["T1"]
    assert [slot.present for slot in klipper.unit().slots] == [True, True, False, True]
    assert not any(slot.identifiers.known for slot in klipper.unit().slots)
    klipper.change(
        "box",
        T1=cfs_unit(vender=["-1"] * 4, remain_len=["-1", "57", "-1", "52"]),
    )
    klipper.wait(60)
    assert klipper.happened == [("removed", 1, None)]


def external(klipper: Klipper, *, inlet: bool, head: bool) -> None:
    """Set the two switches of the external path."""
    for name, closed in (("filament_sensor_2", inlet), ("filament_sensor", head)):
        klipper.change(f"filament_switch_sensor {name}", filament_detected=closed)


def test_without_a_cfs_the_switches_of_the_printer_sense_the_external_spool() -> None:
    klipper = Klipper(without_cfs(), spool_id=7)
    assert klipper.snapshot.units == ()
    klipper.wait(60)
    external(klipper, inlet=True, head=False)
    klipper.wait(5)
    external(klipper, inlet=True, head=True)
    klipper.wait(60)
    assert klipper.happened == [("inserted", 1, "spoolman:7")]
    klipper.change("print_stats", state="printing")
    klipper.wait(60)
    external(klipper, inlet=False, head=True)
    klipper.wait(30)
    external(klipper, inlet=False, head=False)
    klipper.wait(60)
    assert klipper.happened[1:] == [("removed", 1, "spoolman:7")]
    assert [
        event["meta"].get("reason")
        for event in klipper.events
        if event["event_type"] == "spool_removed"
    ] == ["runout"]


def test_a_k2_without_a_cfs_or_spoolman_never_reports_an_unknown_spool() -> None:
    klipper = Klipper(without_cfs())
    klipper.wait(60)
    external(klipper, inlet=True, head=True)
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, None)]


def test_the_switches_of_the_printer_mean_nothing_beside_a_cfs() -> None:
    klipper = quiet(vender=["unknown"] * 4)
    external(klipper, inlet=True, head=True)
    klipper.change("box", T1=cfs_unit(state="None"))
    klipper.wait(60)
    external(klipper, inlet=False, head=False)
    klipper.wait(300)
    assert not klipper.direct(1).has_sensor
    assert klipper.happened == []


def test_a_cfs_that_is_plugged_in_later_takes_over() -> None:
    klipper = Klipper(without_cfs())
    assert klipper.direct(1).has_sensor
    klipper.change("box", T1=cfs_unit(vender=["unknown"] * 4))
    assert not klipper.direct(1).has_sensor
    assert klipper.unit().slots[0].present
    klipper.wait(300)
    assert klipper.happened == []
