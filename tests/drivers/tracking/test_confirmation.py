"""A pending change is confirmed by a report at or after its end, never by silence."""

from collections.abc import Callable

import pytest

from .tracker_rig import BLUE, RED, Rig


def _insert(rig: Rig) -> None:
    rig.put(BLUE, 2)


def _insert_at_inlet(rig: Rig) -> None:
    rig.slot(2, present=None, inlet=True)


def _remove(rig: Rig) -> None:
    rig.take(1)


def _remove_after_gap(rig: Rig) -> None:
    rig.outage()
    rig.take(1)


def _swap_tags(rig: Rig) -> None:
    rig.slot(1, identifiers=BLUE)


def _swap_for_untagged(rig: Rig) -> None:
    rig.outage()
    rig.put_unread(1, reading=True)
    rig.put(None, 1, reading=False)


def _insert_unidentified(rig: Rig) -> None:
    rig.put_unread(2)


_CHANGES = [
    _insert,
    _insert_at_inlet,
    _remove,
    _remove_after_gap,
    _swap_tags,
    _swap_for_untagged,
    _insert_unidentified,
]


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Return a printer with a tagged spool in slot 1, which is settled."""
    rig.put(RED, 1)
    rig.wait(10)
    rig.events.clear()
    assert rig.requests == 0
    return rig


@pytest.mark.parametrize("change", _CHANGES)
def test_silence_confirms_no_change(rig: Rig, change: Callable[[Rig], None]) -> None:
    change(rig)
    rig.silence(3600)
    assert rig.changes() == []


@pytest.mark.parametrize("change", _CHANGES)
def test_a_report_after_a_silence_confirms_a_change(
    rig: Rig, change: Callable[[Rig], None]
) -> None:
    change(rig)
    rig.silence(600)
    rig.report()
    assert rig.changes()


@pytest.mark.parametrize("change", _CHANGES)
def test_a_report_that_was_held_up_confirms_no_change(
    rig: Rig, change: Callable[[Rig], None]
) -> None:
    change(rig)
    rig.silence(600)
    rig.tracker.observe(rig.snapshot, held_up=True)
    assert rig.changes() == []
    rig.report()
    assert rig.changes()


def test_a_change_that_a_report_confirms_late_has_the_time_of_its_edge(
    rig: Rig,
) -> None:
    rig.take(1)
    rig.silence(30)
    rig.report()
    (removed,) = rig.spool_events()
    assert removed["event_at"] == "2026-01-01T00:00:10Z"
    assert removed["meta"]["detected_late"] is False


def test_a_printer_that_keeps_reporting_is_asked_nothing(rig: Rig) -> None:
    rig.take(1)
    rig.wait(8)
    assert rig.changes() == [("removed", 1, "RED")]
    assert rig.requests == 0


def test_a_report_is_requested_once_two_seconds_after_the_end(rig: Rig) -> None:
    rig.take(1)
    rig.silence(9.9)
    assert rig.requests == 0
    rig.silence(0.1)
    assert rig.requests == 1
    rig.silence(3600)
    assert rig.requests == 1


def test_each_change_may_request_a_report(rig: Rig) -> None:
    rig.take(1)
    rig.silence(20)
    rig.report()
    rig.put(BLUE, 1)
    rig.silence(20)
    assert rig.requests == 2


def test_a_printer_at_rest_is_asked_nothing(rig: Rig) -> None:
    rig.silence(24 * 3600)
    assert rig.requests == 0


def test_a_session_that_ends_before_the_report_is_a_gap(rig: Rig) -> None:
    rig.take(1)
    rig.silence(30)
    rig.outage()
    rig.put(RED, 1)
    rig.wait(900)
    assert rig.changes() == []
    rig.take(1)
    rig.silence(30)
    rig.outage()
    rig.report()
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["detected_late"] is True


def test_an_absence_that_no_report_showed_at_its_end_is_no_removal(rig: Rig) -> None:
    rig.take(1)
    rig.silence(30)
    rig.put(RED, 1)
    rig.wait(900)
    assert rig.changes() == []


def test_a_unit_is_not_called_offline_in_silence(rig: Rig) -> None:
    rig.unit(online=False)
    rig.silence(600)
    assert rig.states() == []
    rig.report()
    assert rig.states()[-1]["ams_units"][0]["online"] is False


def test_what_was_confirmed_is_reported_in_silence(rig: Rig) -> None:
    """Only the interval between two states ends, nothing is concluded."""
    rig.slot(1, active=True)
    rig.slot(1, active=False)
    rig.silence(5)
    assert [state["ams_units"][0]["slots"][0]["active"] for state in rig.states()] == [
        True,
        False,
    ]
