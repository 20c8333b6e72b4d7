"""A unit with a dryer may have dried while it was not observed."""

import pytest

from .tracker_rig import BLUE, RED, Rig


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Return a unit with a dryer and a spool, out of sight for a day."""
    rig.unit(drying_minutes_left=0)
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage(86_400)
    return rig


def test_filament_fed_back_afterwards_is_no_change(rig: Rig) -> None:
    rig.slot(present=False)
    rig.wait(500)
    rig.put(RED)
    rig.wait(900)
    assert rig.changes() == []


def test_what_is_missing_is_removed_late_once_the_unit_was_still(rig: Rig) -> None:
    rig.slot(present=False)
    rig.wait(599.5)
    assert rig.changes() == []
    rig.wait(0.5)
    (removed,) = rig.spool_events()
    assert removed["meta"]["detected_late"] is True


def test_another_spool_that_is_fed_is_a_late_swap(rig: Rig) -> None:
    rig.slot(present=False)
    rig.wait(100)
    rig.put(BLUE)
    rig.wait(10)
    removed, inserted = rig.spool_events()
    assert removed["meta"]["detected_late"] is True
    assert inserted["meta"]["detected_late"] is True


def test_a_unit_without_a_dryer_is_compared_at_once(rig: Rig) -> None:
    with rig.one_report():
        rig.unit(drying_minutes_left=None)
        rig.take()
    rig.wait(8)
    assert rig.changes() == [("removed", 1, "RED")]
