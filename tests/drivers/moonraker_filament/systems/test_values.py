"""Every spelling of a value, and of nothing."""

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.systems import values


@pytest.mark.parametrize(
    "nothing",
    ["", " ", "none", "None", "NONE", "-1", "?", "N/A", "unknown", None, 0, []],
)
def test_nothing_has_many_spellings(nothing: object) -> None:
    assert values.text(nothing) is None
    assert values.uid(nothing) is None
    assert values.spoolman(nothing) is None
    assert values.colour(nothing) is None


def test_text_that_is_too_long_or_cannot_be_printed_is_none() -> None:
    assert values.text("x" * 65) is None
    assert values.text("a\x00b") is None
    assert values.text(" PLA ") == "PLA"


@pytest.mark.parametrize(
    ("value", "colour"),
    [
        ("#c81e1e", "#C81E1E"),
        ("c81e1eff", "#C81E1E"),
        ("C81E1E80", "#C81E1E80"),
        ("00A2989", "#0A2989"),
        ("0C12E1F", "#C12E1F"),
        ([99, 102, 106], "#63666A"),
        ([99, 102], None),
        ([99, 102, 300], None),
        ("red", None),
        ("C12E1F0", None),
        (0xFF0000, None),
    ],
)
def test_colours(value: object, colour: str | None) -> None:
    assert values.colour(value) == colour


@pytest.mark.parametrize(
    ("value", "uid"),
    [
        ([144, 32, 196, 2], "9020C402"),
        ("e2003412", "E2003412"),
        ([0, 0, 0, 0], None),
        ("FFFFFFFF", None),
        ([144, 256], None),
        ("E20", None),
        ("XYZW", None),
    ],
)
def test_tag_ids(value: object, uid: str | None) -> None:
    assert values.uid(value) == uid


def test_spool_ids() -> None:
    assert values.spoolman(8) == "spoolman:8"
    assert values.spoolman("8") == "spoolman:8"
    assert values.spoolman(-1) is None
    assert values.spoolman(True) is None


def test_a_temperature_alone_is_no_filament() -> None:
    assert values.describe(nozzle_min_c=200, nozzle_max_c=200, material=None) is None
    assert values.describe(material="PLA", nozzle_min_c=200) is not None


def test_labels_are_cut_to_what_fits() -> None:
    assert values.label("none") == "none"
    assert values.label("x" * 100) == "x" * 64
    assert values.label(" \n") is None
    assert values.label(5) is None


def test_names_are_each_listed_once() -> None:
    assert values.names(["a", "b", "a", 5, ""]) == ["a", "b"]
    assert values.names("ab") == []


def test_names_sort_by_the_numbers_in_them() -> None:
    names = ["t10", "T2", "runout", "1st", "t1b"]
    assert sorted(names, key=values.natural) == ["1st", "runout", "t1b", "T2", "t10"]
