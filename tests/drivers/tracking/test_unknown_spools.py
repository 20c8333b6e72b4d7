"""Unknown spools: reported once per insertion, and only when no read can follow."""

from datetime import UTC, datetime

from custom_components.filament_slots.model import Filament

from .tracker_rig import RED, Rig, state_of, stored_slot


def test_unknown_is_reported_after_sixty_idle_seconds_without_a_read(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(59.9)
    assert rig.changes() == [("inserted", 1, None)]
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]
    rig.wait(900)
    assert rig.changes() == []


def test_a_read_in_another_slot_restarts_the_sixty_seconds(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(50)
    rig.slot(2, reading=True)
    rig.wait(20)
    rig.slot(2, reading=False)
    rig.events.clear()
    rig.wait(59.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_while_a_tag_is_read_in_another_unit() -> None:
    """A printer reads one tag at a time."""
    rig = Rig(units=2)
    rig.report()
    rig.put_unread()
    rig.wait(50)
    rig.slot(1, unit_no=2, reading=True)
    rig.wait(90)
    rig.slot(1, unit_no=2, reading=False)
    rig.events.clear()
    rig.wait(59.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_while_the_unit_feeds_a_print(rig: Rig) -> None:
    rig.report(printing=True)
    rig.unit(feeding=True)
    rig.put_unread()
    rig.wait(3600)
    assert rig.changes() == [("inserted", 1, None)]
    rig.unit(feeding=False)
    rig.wait(60)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_a_later_identity_cancels_unknown(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(40)
    rig.events.clear()
    rig.slot(identifiers=RED, read_done=True)
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:RED"
    rig.wait(900)
    assert rig.changes() == []


def test_a_removal_cancels_unknown(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(31)
    rig.take()
    rig.wait(900)
    assert rig.changes() == [("inserted", 1, None), ("removed", 1, None)]


def test_unknown_is_reported_after_a_restart_when_it_was_pending() -> None:
    at = datetime(2025, 12, 31, tzinfo=UTC)
    rig = Rig(
        stored=(
            stored_slot(present=True, inserted_at=at),
            stored_slot(2, present=False),
        )
    )
    rig.put_unread()
    rig.wait(60)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_is_not_reported_again_after_a_restart() -> None:
    at = datetime(2025, 12, 31, tzinfo=UTC)
    rig = Rig(
        stored=(
            stored_slot(present=True, inserted_at=at, unknown_reported=True),
            stored_slot(2, present=False),
        )
    )
    rig.put_unread()
    rig.wait(900)
    assert rig.changes() == []


def test_an_insertion_and_its_unknown_share_their_correlation_id(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(60)
    inserted, unknown = rig.spool_events()
    assert inserted["meta"]["correlation_id"] == unknown["meta"]["correlation_id"]


def test_unknown_waits_while_the_unit_feeds_a_print_although_a_read_ended(
    rig: Rig,
) -> None:
    rig.put_unread(reading=True)
    rig.wait(10)
    with rig.one_report():
        rig.report(printing=True)
        rig.unit(feeding=True)
        rig.slot(reading=False, read_done=True)
    rig.wait(600)
    assert rig.changes() == [("inserted", 1, None)]
    rig.unit(feeding=False)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_for_sixty_idle_seconds_after_a_gap(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(31)
    rig.outage()
    rig.events.clear()
    rig.report()
    rig.wait(59.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_has_its_own_time_and_the_filament_of_the_spool(rig: Rig) -> None:
    rig.put_unread(filament=Filament(material="PETG"))
    rig.wait(60)
    inserted, unknown = rig.spool_events()
    assert inserted["event_at"] == "2026-01-01T00:00:00Z"
    assert unknown["event_at"] == "2026-01-01T00:01:00Z"
    assert unknown["meta"]["filament"] == {"material": "PETG"}


def test_the_sixty_idle_seconds_begin_with_the_insertion(rig: Rig) -> None:
    rig.wait(600)
    rig.put_unread()
    rig.wait(59.9)
    assert rig.changes() == [("inserted", 1, None)]
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_a_read_after_the_insertion_ends_without_a_tag_once_none_has_followed(
    rig: Rig,
) -> None:
    rig.put_unread()
    rig.wait(30)
    rig.events.clear()
    rig.slot(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(2.4)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_a_read_ends_without_a_report_that_it_is_done(rig: Rig) -> None:
    rig.slot(present=True, read_done=None, reading=True)
    rig.wait(10)
    rig.slot(reading=False)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_a_read_that_is_no_longer_done_does_not_count(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(1)
    rig.slot(read_done=True)
    rig.wait(1)
    rig.slot(read_done=False)
    rig.wait(57.9)
    assert rig.changes() == [("inserted", 1, None)]
    rig.wait(0.1)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]
