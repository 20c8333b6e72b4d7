"""A polled printer: a change counts once two polls agree, and lies between two of them."""

import pytest

from custom_components.filament_slots.model import Filament, Identifiers

from .tracker_rig import BLUE, RED, Rig

ASSIGNED = Identifiers(external_id="spoolman:8")


@pytest.fixture
def polled() -> Rig:
    """Return a printer with two empty slots, polled at 0 s."""
    rig = Rig()
    rig.report(polled=True)
    rig.events.clear()
    return rig


def poll_again(rig: Rig, seconds: float = 30) -> None:
    """Poll after this time; nothing has changed."""
    rig.silence(seconds)
    rig.tracker.observe(rig.snapshot)


def test_an_insertion_is_confirmed_by_two_equal_polls(polled: Rig) -> None:
    poll_again(polled)
    polled.silence(30)
    polled.put(RED)
    assert polled.changes() == []
    poll_again(polled)
    (event,) = polled.spool_events()
    assert event["identifiers"]["external_id"] == "bambulab:RED"
    assert event["event_at"] == "2026-01-01T00:01:00Z"
    assert event["meta"]["offline_since"] == "2026-01-01T00:00:30Z"
    assert event["meta"]["detected_late"] is True
    assert event["meta"]["source"] == "reconcile"


def test_a_removal_is_confirmed_by_two_equal_polls(polled: Rig) -> None:
    polled.put(RED)
    poll_again(polled)
    polled.events.clear()
    poll_again(polled)
    polled.silence(30)
    polled.take()
    assert polled.changes() == []
    poll_again(polled)
    (event,) = polled.spool_events()
    assert event["identifiers"]["external_id"] == "bambulab:RED"
    assert event["event_at"] == "2026-01-01T00:01:30Z"
    assert event["meta"]["offline_since"] == "2026-01-01T00:01:00Z"


def test_the_confirmation_time_holds_for_polls_too(polled: Rig) -> None:
    polled.put(RED)
    poll_again(polled)
    polled.events.clear()
    polled.silence(30)
    polled.take()
    poll_again(polled, 3)
    poll_again(polled, 4)
    assert polled.changes() == []
    poll_again(polled, 1)
    assert polled.changes() == [("removed", 1, "RED")]


def test_another_poll_is_requested_for_a_pending_change(polled: Rig) -> None:
    polled.silence(30)
    polled.put(RED)
    polled.silence(10)
    assert polled.requests == 1


def test_what_one_poll_alone_shows_is_no_change(polled: Rig) -> None:
    for _ in range(3):
        polled.silence(30)
        polled.put(RED)
        polled.silence(30)
        polled.take()
    poll_again(polled)
    poll_again(polled)
    assert polled.changes() == []


def test_a_removal_that_one_poll_alone_shows_is_no_change(polled: Rig) -> None:
    polled.put(RED)
    poll_again(polled)
    polled.events.clear()
    polled.silence(30)
    polled.take()
    polled.silence(30)
    polled.put(RED)
    for _ in range(3):
        poll_again(polled)
    assert polled.changes() == []


def test_a_swap_between_two_polls_is_confirmed_by_equal_ones(polled: Rig) -> None:
    polled.put(RED)
    poll_again(polled)
    polled.events.clear()
    polled.silence(30)
    polled.put(BLUE)
    poll_again(polled, 2)
    assert polled.changes() == []
    poll_again(polled, 7)
    events = polled.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
    ]
    for event in events:
        assert event["meta"]["offline_since"] == "2026-01-01T00:00:30Z"


def test_the_time_since_when_it_can_have_happened_stays_that_of_the_first_poll(
    polled: Rig,
) -> None:
    polled.silence(30)
    polled.put_unread()
    polled.silence(30)
    polled.put(RED)
    assert polled.changes() == []
    poll_again(polled)
    (event,) = polled.spool_events()
    assert event["identifiers"]["external_id"] == "bambulab:RED"
    assert event["meta"]["offline_since"] == "2026-01-01T00:00:00Z"


def test_an_assigned_identity_counts_once_two_polls_agree(polled: Rig) -> None:
    polled.slot(present=True, reads_tags=False, read_done=None, external_assigned=True)
    poll_again(polled)
    polled.events.clear()
    polled.silence(30)
    polled.slot(identifiers=ASSIGNED)
    assert _assigned(polled) is None
    poll_again(polled, 3)
    assert _assigned(polled) == "spoolman:8"
    assert polled.changes() == []


def test_usage_that_differs_in_each_poll_delays_no_change(polled: Rig) -> None:
    polled.put(RED, 2)
    poll_again(polled)
    polled.events.clear()
    polled.silence(30)
    polled.put(BLUE, 1)
    polled.silence(30)
    polled.slot(2, filament=Filament(material="PLA", remaining_percent=41))
    assert polled.changes() == [("inserted", 1, "BLUE")]


def test_equal_polls_report_nothing(polled: Rig) -> None:
    polled.put(RED)
    poll_again(polled)
    polled.events.clear()
    for _ in range(20):
        poll_again(polled)
    assert polled.events == []


def _assigned(rig: Rig) -> str | None:
    """Return the identity of slot 1 in the last state."""
    units = [
        event["ams_units"][0]
        for event in rig.events
        if event["event_type"] == "ams_state"
    ]
    if not units:
        return None
    assigned: str | None = units[-1]["slots"][0]["identifiers"]["external_id"]
    return assigned
