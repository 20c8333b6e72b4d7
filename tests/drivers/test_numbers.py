"""Numbers and booleans as printers send them."""

import pytest

from custom_components.filament_slots.drivers.numbers import boolean, number, whole


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        ("3", 3),
        (3.0, 3),
        (0, 0),
        (10, 10),
        (11, None),
        (-1, None),
        (True, None),
        (3.5, None),
        ("three", None),
        ("", None),
        ("nan", None),
        ("1e999", None),
        (10**400, None),
        ([3], None),
        (None, None),
    ],
)
def test_a_whole_number_is_within_bounds_and_may_be_text(
    value: object, expected: int | None
) -> None:
    assert whole(value, 0, 10) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.5, 3.5),
        ("-0.5", -0.5),
        (11, None),
        ("-1.5", None),
        (float("inf"), None),
        ("nan", None),
        (False, None),
        (10**400, None),
    ],
)
def test_a_number_is_within_bounds_and_may_be_text(
    value: object, expected: float | None
) -> None:
    assert number(value, -1, 10) == expected


def test_only_a_boolean_is_a_boolean() -> None:
    assert [boolean(value) for value in (True, False, 1, 0, "true", None)] == [
        True,
        False,
        None,
        None,
        None,
        None,
    ]
