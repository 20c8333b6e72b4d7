"""Which status may follow which."""

from datetime import UTC, datetime

import pytest

from custom_components.filament_slots.drivers.base import DriverStatus as S
from custom_components.filament_slots.drivers.standing import ALLOWED, Standing

AT = datetime(2026, 1, 1, tzinfo=UTC)

# By hand, as the table must not be its own witness.
FOLLOWS = {
    (S.STOPPED, S.STARTING),
    (S.STARTING, S.WAITING),
    (S.STARTING, S.RECONNECTING),
    (S.WAITING, S.RUNNING),
    (S.WAITING, S.RECONNECTING),
    (S.WAITING, S.AUTH_FAILED),
    (S.RUNNING, S.WAITING),
    (S.RUNNING, S.RECONNECTING),
    (S.RECONNECTING, S.WAITING),
    (S.RECONNECTING, S.AUTH_FAILED),
    *((busy, S.STOPPING) for busy in (S.STARTING, S.WAITING, S.RUNNING)),
    (S.RECONNECTING, S.STOPPING),
    (S.AUTH_FAILED, S.STOPPING),
    (S.STOPPING, S.STOPPED),
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_a_status_follows_another_only_where_the_table_says_so(
    before: S, after: S
) -> None:
    standing = Standing(AT)
    standing.status = before

    assert standing.may_become(after) is ((before, after) in FOLLOWS)
    if (before, after) in FOLLOWS:
        standing.become(after, AT, None)
        assert standing.status is after
        return
    with pytest.raises(ValueError, match="may not follow"):
        standing.become(after, AT, None)
    assert standing.status is before
    assert standing.transitions() == []


def test_every_status_is_in_the_table_and_each_but_one_can_be_left() -> None:
    assert set(ALLOWED) == set(S)
    assert [status for status, after in ALLOWED.items() if not after] == [
        S.CONFIG_ERROR
    ]
