"""The filament and the tag of a tray (docs/protocols/bambu.md 3.4)."""

from typing import Any

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.filament import (
    describe,
    identify,
)
from custom_components.filament_slots.model import NO_IDENTIFIERS

from .reports import NO_TAG, NO_UUID, bambu_spool, other_spool


def _filament(tray: dict[str, Any]) -> dict[str, Any] | None:
    filament = describe(tray, identify(tray))
    return filament.as_dict() if filament else None


def test_a_tag_names_chip_spool_and_material() -> None:
    identifiers = identify(bambu_spool(0, 0xA1B2C3D4, tag_uid="a1b2c3d400080100"))
    assert identifiers.rfid_uid == "A1B2C3D400080100"
    assert identifiers.external_id == "bambulab:000000000000000000000000A1B2C3D4"
    assert identifiers.vendor_tag == "GFA01"


@pytest.mark.parametrize("none", [NO_TAG, "", "N/A", "F" * 16, "0", None, 5, "A" * 65])
def test_every_spelling_of_no_tag_is_none(none: object) -> None:
    tray = bambu_spool(0, 1, tag_uid=none, tray_uuid=none)
    assert identify(tray) == NO_IDENTIFIERS


def test_a_chip_alone_is_an_identity_too() -> None:
    identifiers = identify(bambu_spool(0, 1, tray_uuid=NO_UUID, tray_info_idx=""))
    assert identifiers.rfid_uid == "0000000100000100"
    assert identifiers.external_id is None
    assert identifiers.vendor_tag is None


def test_a_bambu_spool_is_described_by_its_tag() -> None:
    assert _filament(bambu_spool(0, 1)) == {
        "name": "PLA Matte",
        "material": "PLA",
        "color_hex": "#FFFFFF",
        "vendor": "Bambu Lab",
        "remaining_percent": 80,
        "weight_g": 1000,
        "nozzle_min_c": 190,
        "nozzle_max_c": 230,
    }


def test_another_spool_is_described_by_its_owner() -> None:
    assert _filament(other_spool(0)) == {
        "name": "PLA",
        "material": "PLA",
        "color_hex": "#0ACC38",
        "preset": "GFL99",
        "nozzle_min_c": 190,
        "nozzle_max_c": 230,
    }


@pytest.mark.parametrize(
    "tray",
    [
        {"id": "1"},
        {"id": "1", "state": 9},
        other_spool(0, tray_type="", tray_info_idx="", tray_color="FFFFFF00", cols=[]),
    ],
)
def test_a_tray_without_a_description_has_no_filament(tray: dict[str, Any]) -> None:
    assert _filament(tray) is None


@pytest.mark.parametrize(
    ("colour", "shown"),
    [
        ("FF6A13FF", "#FF6A13"),
        ("ff6a13ff", "#FF6A13"),
        ("FF6A13", "#FF6A13"),
        ("FF6A1380", "#FF6A1380"),
        ("00000000", None),
        ("FFFFFF00", None),
        ("FF6A1", None),
        ("GG6A13FF", None),
        (0xFF6A13FF, None),
    ],
)
def test_colours_are_normalised(colour: object, shown: str | None) -> None:
    filament = _filament(other_spool(0, tray_color=colour))
    assert filament is not None
    assert filament.get("color_hex") == shown


def test_a_tag_can_say_that_the_filament_is_clear() -> None:
    filament = _filament(bambu_spool(0, 1, tray_color="00000000"))
    assert filament is not None
    assert filament["color_hex"] == "#00000000"


@pytest.mark.parametrize(
    ("cols", "colours"),
    [
        (["FF0000FF", "00FF00FF"], ["#FF0000", "#00FF00"]),
        (["FF0000FF"], None),
        (["FF0000FF", 5, "x"], None),
        ("FF0000FF", None),
        (["FF0000FF"] * 40, ["#FF0000"] * 16),
    ],
)
def test_several_colours_are_listed(cols: object, colours: list[str] | None) -> None:
    filament = _filament(bambu_spool(0, 1, cols=cols))
    assert filament is not None
    assert filament.get("colors") == colours


@pytest.mark.parametrize("remain", [-1, -4, 0, 101, None, "x", float("nan"), True])
def test_a_remainder_that_was_never_estimated_is_not_reported(remain: object) -> None:
    filament = _filament(bambu_spool(0, 1, remain=remain))
    assert filament is not None
    assert "remaining_percent" not in filament


def test_a_remainder_is_reported_only_for_a_spool_with_a_tag() -> None:
    tray = other_spool(0, remain=100, remain_g=500)
    assert not {"remaining_percent", "remaining_g"} & _filament(tray).keys()  # type: ignore[union-attr]
    tagged = _filament(bambu_spool(0, 1, remain=41, remain_g=410))
    assert tagged is not None
    assert (tagged["remaining_percent"], tagged["remaining_g"]) == (41, 410)


@pytest.mark.parametrize("value", ["x" * 500, "\x00\x01", "  ", 5, None, ["PLA"], {}])
def test_text_that_makes_no_sense_is_left_out(value: object) -> None:
    tray = other_spool(0, tray_type=value, tray_info_idx=value, tray_sub_brands=value)
    filament = _filament(tray)
    assert filament is not None
    assert not {"name", "material", "preset"} & filament.keys()


@pytest.mark.parametrize("value", ["0", "-5", "1e99", "nan", "inf", True, [], 10**400])
def test_numbers_that_make_no_sense_are_left_out(value: object) -> None:
    tray = bambu_spool(
        0, 1, tray_weight=value, nozzle_temp_min=value, nozzle_temp_max=value
    )
    filament = _filament(tray)
    assert filament is not None
    assert not {"weight_g", "nozzle_min_c", "nozzle_max_c"} & filament.keys()
