"""What is left on a spool, and when it is low."""

import pytest

from custom_components.filament_slots.remaining import (
    DEFAULT_LIMIT,
    LowLimit,
    remaining_percent,
)


@pytest.mark.parametrize(
    ("left", "full", "percent"),
    [
        (250.0, 1000.0, 25.0),
        (0.0, 1000.0, 0.0),
        (1150.0, 1000.0, 100.0),
        (-3.0, 1000.0, 0.0),
        (None, 1000.0, None),
        (250.0, None, None),
        (250.0, 0.0, None),
    ],
)
def test_the_part_that_is_left(
    left: float | None, full: float | None, percent: float | None
) -> None:
    assert remaining_percent(left, full) == percent


@pytest.mark.parametrize(
    ("limit", "percent", "grams", "low"),
    [
        (DEFAULT_LIMIT, 15.0, 700.0, True),
        (DEFAULT_LIMIT, 15.5, 100.0, False),
        (DEFAULT_LIMIT, None, 150.0, True),
        (DEFAULT_LIMIT, None, 151.0, False),
        (DEFAULT_LIMIT, None, None, None),
        (LowLimit.of_grams(200), 90.0, 200.0, True),
        (LowLimit.of_grams(200), 1.0, 201.0, False),
        (LowLimit.of_grams(200), 1.0, None, None),
        (LowLimit.of_percent(0), 0.0, 0.0, True),
    ],
)
def test_a_limit(
    limit: LowLimit, percent: float | None, grams: float | None, low: bool | None
) -> None:
    assert limit.is_low(percent, grams) is low
