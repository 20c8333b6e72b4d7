"""Spoolman's objects as spools: what is missing, null, of another type or no JSON."""

from collections import Counter
from datetime import UTC, datetime
import json
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.filament_slots.inventory.base import Spool
from custom_components.filament_slots.inventory.spoolman.decode import decode_spool

REGISTERED = "2026-03-01T08:00:00Z"
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
SMALLEST = {"id": 7, "registered": REGISTERED, "filament": {}}


def decode(**fields: Any) -> tuple[Spool | None, Counter[str]]:
    """Return the spool of these fields, and what was not used."""
    refused: Counter[str] = Counter()
    spool = decode_spool({**SMALLEST, **fields}, lambda why: refused.update([why]))
    return spool, refused


def decoded(**fields: Any) -> Spool:
    """Return the spool of fields of which all are used."""
    spool, refused = decode(**fields)
    assert not refused
    assert spool is not None
    return spool


def test_a_full_spool_has_all_its_values() -> None:
    spool = decoded(
        filament={
            "id": 3,
            "name": "Jade White",
            "vendor": {"id": 1, "name": "Prusament"},
            "material": "PLA",
            "weight": 1000.0,
            "color_hex": "f0F0f0",
        },
        remaining_weight=640.5,
        initial_weight=970,
        location="Shelf A",
        archived=True,
        tags=[{"uid": "04A2B3C4D5E680", "format": "ntag"}],
        extra={"tag": '"04A2"', "rating": "5"},
    )

    assert spool == Spool(
        id=7,
        registered=AT,
        name="Jade White",
        vendor="Prusament",
        material="PLA",
        colors=("#F0F0F0",),
        remaining_g=640.5,
        weight_g=970.0,
        location="Shelf A",
        archived=True,
        tags=("04A2B3C4D5E680",),
        extra={"tag": "04A2"},
    )


@pytest.mark.parametrize("null", [{}, {"name": None, "vendor": None, "weight": None}])
def test_what_is_null_or_missing_is_not_known(null: dict[str, Any]) -> None:
    spool = decoded(filament=null, location=None, remaining_weight=None, tags=None)

    assert spool == Spool(id=7, registered=AT)


def test_the_smallest_object_is_a_spool() -> None:
    refused: list[str] = []

    spool = decode_spool({"id": 0, "registered": REGISTERED}, refused.append)

    assert spool == Spool(id=0, registered=AT)
    assert refused == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "spool",
        [],
        {},
        {"id": 7},
        {"id": 7, "registered": 5},
        {"id": 7, "registered": "yesterday"},
        {"id": 7, "registered": "0001-01-01T00:00:00+14:00"},
        {"id": "7", "registered": REGISTERED},
        {"id": True, "registered": REGISTERED},
        {"id": 7.0, "registered": REGISTERED},
        {"id": -1, "registered": REGISTERED},
        {"id": 2**63, "registered": REGISTERED},
    ],
)
def test_what_cannot_be_identified_is_no_spool(value: object) -> None:
    refused: list[str] = []

    assert decode_spool(value, refused.append) is None
    assert refused == ["a spool without an id or a time of registration"]


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T08:00:00", "2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00.0Z"],
)
def test_one_time_has_many_spellings(text: str) -> None:
    assert decoded(registered=text).registered == AT


@pytest.mark.parametrize(
    ("filament", "colors"),
    [
        ({"color_hex": "FF0000"}, ("#FF0000",)),
        ({"color_hex": "#ff000080"}, ("#FF000080",)),
        ({"color_hex": ""}, ()),
        ({"multi_color_hexes": "FF0000, #00ff00"}, ("#FF0000", "#00FF00")),
        # After a change of the one alone the server has both.
        (
            {"multi_color_hexes": "FF0000,00FF00", "color_hex": "123456"},
            ("#FF0000", "#00FF00"),
        ),
    ],
)
def test_colours(filament: dict[str, Any], colors: tuple[str, ...]) -> None:
    assert decoded(filament=filament).colors == colors


@pytest.mark.parametrize(
    ("fields", "kept", "why"),
    [
        ({"filament": 5}, {}, "a value for filament that is no object"),
        ({"filament": {"vendor": "x"}}, {}, "a value for vendor that is no object"),
        (
            {"filament": {"name": 5}},
            {},
            "a value for name that is no text, or too long",
        ),
        (
            {"filament": {"name": "n" * 5000}},
            {},
            "a value for name that is no text, or too long",
        ),
        ({"filament": {"color_hex": "red"}}, {}, "a colour that is none"),
        (
            {"filament": {"multi_color_hexes": "red,00FF00"}},
            {"colors": ("#00FF00",)},
            "a colour that is none",
        ),
        ({"filament": {"weight": "1000"}}, {}, "a value for weight that is no weight"),
        (
            {"remaining_weight": -1},
            {},
            "a value for remaining_weight that is no weight",
        ),
        (
            {"remaining_weight": True},
            {},
            "a value for remaining_weight that is no weight",
        ),
        (
            {"remaining_weight": 1e308},
            {},
            "a value for remaining_weight that is no weight",
        ),
        (
            {"remaining_weight": float("nan")},
            {},
            "a value for remaining_weight that is no weight",
        ),
        (
            {"location": ["Shelf"]},
            {},
            "a value for location that is no text, or too long",
        ),
        (
            {"archived": "yes"},
            {},
            "a value for archived that is neither true nor false",
        ),
        ({"tags": "04A2"}, {"tags": ()}, "a tag that is none"),
        ({"tags": [5]}, {"tags": ()}, "a tag that is none"),
        ({"tags": [{"uid": "0" * 16}]}, {"tags": ()}, "a tag that is none"),
        (
            {"tags": [{"uid": "xyz"}, {"uid": "04a2"}]},
            {"tags": ("04A2",)},
            "a tag that is none",
        ),
        ({"extra": []}, {}, "a value for extra that is no object"),
        (
            {"extra": {"tag": 5, "note": '"n"'}},
            {"extra": {"note": "n"}},
            "an extra field that is no text, or too long",
        ),
        (
            {"extra": {"tag": '"' + "x" * 60_000 + '"'}},
            {},
            "an extra field that is no text, or too long",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_counted_and_the_rest_is_kept(
    fields: dict[str, Any], kept: dict[str, Any], why: str
) -> None:
    spool, refused = decode(**fields)

    assert spool == Spool(id=7, registered=AT, **kept)
    assert refused == {why: 1}


def test_an_extra_field_that_is_no_json_is_a_text_as_it_is() -> None:
    spool = decoded(
        extra={"tag": "04A2,5F00", "note": "NaN", "count": "5", "ids": "[1]"}
    )

    assert spool.extra == {"tag": "04A2,5F00", "note": "NaN"}


def test_the_extra_fields_of_a_filament_that_are_numbers_are_kept() -> None:
    spool = decoded(
        filament={
            "extra": {
                "low": "200",
                "density": "1.5",
                "text": '"200"',
                "switch": "true",
                "range": "[1, 2]",
                "broken": "2OO",
            }
        }
    )

    assert spool.filament_numbers == {"low": 200.0, "density": 1.5}
    assert spool.extra == {}


def test_control_characters_are_no_part_of_a_name() -> None:
    spool = decoded(filament={"name": " Galaxy\x00\n\tBlack ", "material": " \x00 "})

    assert spool.name == "Galaxy Black"
    assert spool.material is None


def test_a_long_name_of_any_script_is_kept() -> None:
    name = "שחור <b>" + "n" * 2000

    assert decoded(filament={"name": name}).name == name


@pytest.mark.parametrize("location", ["", "  x  ", "Regal „Küche“ 🧵"])
def test_a_location_is_kept_as_it_is(location: str) -> None:
    assert decoded(location=location).location == location


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = ["id", "registered", "filament", "tags", "extra", "location", "archived"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_nothing_makes_the_decoder_fail(fields: dict[str, Any]) -> None:
    spool = decode_spool(SMALLEST | fields, lambda why: None)

    assert spool is None or (spool.id >= 0 and spool.registered.tzinfo is UTC)
    assert spool is None or json.dumps(spool.location) is not None
