"""Gaps: after a lost connection, a restart or frozen values, changes are late."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from custom_components.filament_slots.drivers.snapshot import Slot
from custom_components.filament_slots.model import NO_IDENTIFIERS, Filament, StoredSlot

from .tracker_rig import BLUE, RED, Rig, state_of, stored_slot


def test_an_equal_slot_after_a_gap_is_no_change(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.report()
    rig.wait(900)
    assert rig.events == []


def test_a_change_found_after_a_gap_is_late(rig: Rig) -> None:
    rig.put(RED, 1)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    with rig.one_report():
        rig.take(1)
        rig.put(BLUE, 2)
    rig.wait(8)
    inserted, removed = rig.spool_events()
    assert inserted["slot"]["slot_no"] == 2
    assert removed["slot"]["slot_no"] == 1
    for event in (inserted, removed):
        assert event["meta"]["source"] == "reconcile"
        assert event["meta"]["detected_late"] is True
        assert event["meta"]["offline_since"] == "2026-01-01T00:00:10Z"
        assert event["event_at"] == "2026-01-01T00:01:50Z"


def test_a_swap_found_after_a_gap_is_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.put(BLUE)
    rig.wait(5)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_a_swap_for_a_spool_without_a_tag_is_found_once_it_was_read(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False)
    rig.wait(600)
    assert rig.changes() == []  # unread: kept
    rig.slot(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(5)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_an_identity_missing_after_a_gap_is_kept_where_reading_is_off(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.report(reading_enabled=False)
    rig.events.clear()
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=True)
    rig.wait(900)
    assert rig.changes() == []


def test_tags_read_one_by_one_after_a_power_up_are_no_change(rig: Rig) -> None:
    rig.put(RED, 1, filament=Filament(material="PLA"))
    rig.put(BLUE, 2)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    with rig.one_report():
        rig.slot(2, identifiers=NO_IDENTIFIERS, read_done=False)
        rig.slot(
            1, identifiers=NO_IDENTIFIERS, read_done=False, reading=True, filament=None
        )
    rig.wait(15)
    rig.slot(1, identifiers=RED, read_done=True, reading=False)
    rig.slot(2, reading=True)
    rig.wait(15)
    rig.slot(2, identifiers=BLUE, read_done=True, reading=False)
    rig.wait(900)
    assert rig.changes() == []


def test_a_read_cut_off_by_a_gap_has_not_ended_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False, reading=True)
    rig.wait(2)
    rig.events.clear()
    rig.outage()
    rig.slot(reading=False)
    rig.wait(900)
    assert rig.changes() == []


def test_a_swap_interrupted_by_a_gap_is_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(3)
    rig.put_unread(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(1)
    rig.outage(10)
    rig.report()
    rig.wait(5)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_a_read_cut_off_from_its_name_by_a_gap_is_repeated_where_it_is_unread_after_it(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(3)
    rig.events.clear()
    rig.put_unread(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.outage()
    rig.slot(read_done=False)
    rig.wait(20)
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    rig.wait(5)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "BLUE")]


def test_a_name_that_is_gone_a_report_before_its_spool_was_not_read_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.report()
    rig.wait(2)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(1)
    rig.take()
    rig.wait(2)
    rig.put_unread()
    rig.wait(20)
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    rig.wait(5)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "BLUE")]


def test_a_removal_pending_before_a_gap_is_compared_after_it(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(7)
    rig.outage()
    assert rig.changes() == []
    rig.report()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is True


def test_a_short_absence_after_a_late_removal_stays_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.take()
    rig.wait(3)
    rig.put(BLUE)
    rig.wait(10)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_a_change_after_an_equal_slot_is_live(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.report()
    rig.wait(60)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is False


def test_a_restart_compares_with_the_stored_slots() -> None:
    last_seen = datetime(2025, 12, 31, 12, tzinfo=UTC)
    rig = Rig(
        stored=(
            stored_slot(present=True, identifiers=RED),
            stored_slot(2, present=True, identifiers=BLUE),
        ),
        last_seen=last_seen,
    )
    with rig.one_report():
        rig.take(1)
        rig.put(BLUE, 2)
    rig.wait(900)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"]["offline_since"] == "2025-12-31T12:00:00Z"


def test_a_restart_without_a_change_reports_no_change() -> None:
    rig = Rig(
        stored=(
            stored_slot(present=True, identifiers=RED, active=False),
            stored_slot(2, present=False, active=False),
        )
    )
    rig.slot(1, present=True, identifiers=RED, read_done=True)
    rig.wait(900)
    assert rig.changes() == []


def test_a_late_event_without_a_known_start_has_no_offline_since() -> None:
    rig = Rig(stored=(stored_slot(present=True, identifiers=RED),))
    rig.report()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["offline_since"] is None


def test_frozen_values_are_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    with rig.one_report():
        rig.take()
        rig.report(frozen=True)
    rig.wait(900)
    assert rig.events == []
    rig.report(frozen=False)
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is True


def test_a_lost_connection_reports_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.outage(900)
    assert rig.events == []


def test_a_stopped_tracker_leaves_no_timer(rig: Rig) -> None:
    rig.put_unread()
    assert rig.clock.pending == 1
    rig.tracker.stop()
    rig.tracker.stop()
    assert rig.clock.pending == 0


def test_an_identity_kept_before_a_gap_is_kept_after_it(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.report()
    rig.wait(900)
    assert rig.events == []


def test_a_swap_after_a_gap_and_a_short_absence_is_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False)
    rig.wait(3)
    rig.put(BLUE)
    rig.wait(10)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_a_change_of_a_direct_slot_found_after_a_gap_is_late() -> None:
    rig = Rig(units=0)
    slot = Slot(slot_no=1, present=False, identifiable=False)
    rig.report(direct_slots=(slot,))
    rig.outage()
    rig.report(direct_slots=(replace(slot, present=True),))
    rig.wait(3)
    (inserted,) = rig.spool_events()
    assert inserted["meta"]["detected_late"] is True


def test_a_held_inlet_counts_as_present_after_a_gap() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    rig.slot(present=None, inlet=True)
    rig.wait(5)
    rig.outage()
    rig.report()
    rig.wait(9.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("inserted", 1, None)]


def test_a_direct_slot_is_compared_with_the_stored_one_after_a_restart() -> None:
    stored = StoredSlot(unit=None, slot_no=1, present=True, identifiable=False)
    rig = Rig(units=0, stored=(stored,))
    rig.report(direct_slots=(Slot(slot_no=1, present=False, identifiable=False),))
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["slot"]["ams_unit_no"] is None
    assert removed["meta"]["detected_late"] is True


def test_a_slot_that_was_not_stored_is_tracked_from_the_first_report_on() -> None:
    rig = Rig(stored=(stored_slot(present=False),))
    rig.put(RED, 2)
    assert state_of(rig.states()[-1], 2)["present"] is True
    rig.take(2)
    rig.wait(8)
    assert rig.changes() == [("removed", 2, "RED")]


def test_the_identity_of_a_spool_that_left_in_a_gap_is_not_given_to_the_next(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.slot(present=False, read_done=False)  # still reports RED
    rig.wait(8)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(read_done=True, identifiers=BLUE)
    assert rig.changes() == [("inserted", 1, "BLUE")]


def test_a_removal_found_after_a_gap_stays_late_while_presence_is_not_reported(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.take()
    rig.wait(2)
    rig.slot(present=None)
    rig.wait(2)
    rig.slot(present=False)
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["detected_late"] is True
    assert removed["meta"]["offline_since"] == "2026-01-01T00:00:10Z"


def test_an_insertion_found_after_a_gap_stays_late_while_presence_is_not_reported(
    rig: Rig,
) -> None:
    rig.outage()
    rig.put(RED)
    rig.wait(1)
    rig.slot(present=None)
    rig.wait(2)
    rig.slot(present=True)
    rig.wait(3)
    (inserted,) = rig.spool_events()
    assert inserted["meta"]["detected_late"] is True


def _late_over_flicker(rig: Rig, absence: float) -> bool:
    """Let RED be absent for so long; return whether its insertion is late."""
    rig.take()
    rig.wait(absence)
    rig.put(RED)
    rig.wait(10)
    (inserted,) = rig.spool_events()
    late: bool = inserted["meta"]["detected_late"]
    return late


@pytest.mark.parametrize(("absence", "late"), [(4, True), (9, False)])
def test_an_insertion_found_after_a_gap_stays_late_over_a_flicker_before_it_settled(
    rig: Rig, *, absence: float, late: bool
) -> None:
    rig.take(1)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.put(RED)
    rig.wait(1)
    assert _late_over_flicker(rig, absence) is late


@pytest.mark.parametrize(("absence", "late"), [(4, True), (9, False)])
def test_an_insertion_before_a_gap_is_late_over_a_flicker_after_it(
    rig: Rig, *, absence: float, late: bool
) -> None:
    rig.take(1)
    rig.wait(10)
    rig.events.clear()
    rig.put(RED)
    rig.wait(1)
    rig.outage()
    assert _late_over_flicker(rig, absence) is late


@pytest.mark.parametrize(("absence", "late"), [(4, True), (9, False)])
def test_a_spool_found_at_the_inlet_after_a_gap_is_late_over_a_flicker(
    rig: Rig, *, absence: float, late: bool
) -> None:
    rig.take(1)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.slot(present=None, inlet=True)
    rig.wait(8)
    rig.slot(present=False, inlet=False)
    rig.wait(absence)
    rig.slot(present=None, inlet=True)
    rig.wait(90)
    (inserted,) = [
        event for event in rig.spool_events() if event["event_type"] == "spool_inserted"
    ]
    assert inserted["meta"]["detected_late"] is late


def test_an_insertion_found_after_a_gap_stays_late_since_then_after_another_gap(
    rig: Rig,
) -> None:
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.put(RED)
    rig.outage(20)
    rig.report()
    rig.wait(5)
    (event,) = rig.spool_events()
    assert event["meta"]["offline_since"] == "2026-01-01T00:00:10Z"
