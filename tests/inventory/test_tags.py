"""Tags: their spellings, two chips of a spool, the start of a chip's id, and the index."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.filament_slots.inventory.base import Spool
from custom_components.filament_slots.inventory.tags import (
    TagIndex,
    as_tag,
    same_chip,
    spool_tags,
)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("75886b1d", "75886B1D"),
        ("75:88:6B:1D", "75886B1D"),
        ("75-88-6b-1d", "75886B1D"),
        ("0x75886B1D", "75886B1D"),
        ("0000000000000000", None),
        ("FFFFFFFF", None),
        ("", None),
        ("none", None),
        ("no hex", None),
        ("A" * 65, None),
    ],
)
def test_a_tag_is_read_in_every_spelling_and_zeros_are_none(
    text: str, tag: str | None
) -> None:
    assert as_tag(text) == tag


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("75886B1D", "75886B1D", True),
        ("75886B1D", "75886B1D00000100", True),
        ("75886B1D00000100", "75886B1D", True),
        ("75886B1D00000100", "75886B1D00000100", True),
        ("75886B1D00000100", "75886B1D00000200", False),
        ("75886B1D", "75886B1E00000100", False),
        # Those with seven bytes begin alike if they are of one maker.
        ("04A1B2C3D4E580", "04A1B2C3", False),
        ("04A1B2C3D4E580", "04A1B2C3D4E580", True),
        ("A" * 32, "A" * 8, False),
    ],
)
def test_ids_are_of_one_chip_if_equal_or_one_is_the_start_of_the_other(
    one: str, other: str, same: bool
) -> None:
    assert same_chip(one, other) is same
    index = TagIndex[int]()
    index.put(1, [other])
    assert index.find(one) == ({1} if same else set())


@pytest.mark.parametrize(
    ("values", "field", "tags"),
    [
        ({"tags": ("A1", "B2")}, None, {"A1", "B2"}),
        ({"tags": ("A1",), "extra": {"nfc": "B2"}}, "nfc", {"A1"}),
        ({"tags": (), "extra": {"nfc": "B2"}}, "nfc", {"B2"}),
        ({"extra": {"nfc": "b2, 04:A1;0xC3  D4"}}, "nfc", {"B2", "04A1", "C3", "D4"}),
        ({"extra": {"nfc": "B2"}}, None, set()),
        ({"extra": {"nfc": "B2"}}, "other", set()),
        ({"extra": {"nfc": "0000000000000000, ask me"}}, "nfc", set()),
        ({}, "nfc", set()),
    ],
)
def test_tags_are_the_servers_own_else_those_of_the_field_that_the_owner_names(
    values: dict[str, Any], field: str | None, tags: set[str]
) -> None:
    spool = Spool(id=1, registered=datetime(2026, 1, 1, tzinfo=UTC), **values)

    assert spool_tags(spool, field) == tags


def test_an_index_names_what_a_change_of_tags_matters_for() -> None:
    index = TagIndex[str]()

    assert index.put("one", ["75886B1D00000100", "AB"]) == {"75886B1D", "AB"}
    assert index.put("one", ["75886B1D00000100", "AB"]) == set()
    assert index.put("two", ["75886B1D"]) == {"75886B1D"}
    assert index.find("75886B1D00000100") == {"one", "two"}
    assert index.put("one", ["CD"]) == {"75886B1D", "AB", "CD"}
    assert index.find("75886B1D") == {"two"}
    assert index.put("one", []) == {"CD"}
    assert index.find("CD") == index.find("AB") == set()
