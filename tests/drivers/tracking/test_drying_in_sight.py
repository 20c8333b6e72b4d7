"""A unit that is seen to dry: what it clears alone is a removal, what it clears jointly is not."""

import pytest

from .tracker_rig import BLUE, RED, Rig


@pytest.fixture
def rig() -> Rig:
    """Return a unit with three filled slots that was seen to begin to dry."""
    rig = Rig(slots=4)
    for slot_no, spool in ((1, RED), (2, BLUE), (3, None)):
        rig.put(spool, slot_no)
    rig.wait(10)
    rig.unit(drying=True)
    rig.wait(90)
    rig.events.clear()
    return rig


def test_a_slot_cleared_alone_is_removed_after_a_minute(rig: Rig) -> None:
    rig.take(1)
    rig.wait(59.5)
    assert rig.changes() == []
    rig.wait(0.5)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["event_at"] == "2026-01-01T00:01:40Z"
    assert removed["meta"]["detected_late"] is False
    assert "reason" not in removed["meta"]


def test_it_is_removed_only_by_a_report_after_the_minute(rig: Rig) -> None:
    rig.take(1)
    rig.silence(100)
    assert rig.changes() == []
    rig.report()
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_slot_filled_again_within_the_minute_is_no_change(rig: Rig) -> None:
    rig.take(1)
    rig.wait(50)
    rig.put(RED, 1)
    rig.wait(900)
    assert rig.changes() == []


@pytest.mark.parametrize("pause", [0, 8, 59.5])
def test_slots_cleared_within_a_minute_are_held_until_the_end(
    rig: Rig, pause: float
) -> None:
    rig.take(1)
    rig.wait(pause)
    rig.take(2)
    rig.wait(7200)
    assert rig.changes() == []
    rig.unit(drying=False)
    rig.wait(599.5)
    assert rig.changes() == []
    rig.wait(0.5)
    removed = rig.spool_events()
    assert [event["slot"]["slot_no"] for event in removed] == [1, 2]
    assert all(event["meta"]["detected_late"] for event in removed)
    assert removed[0]["meta"]["offline_since"] == "2026-01-01T00:01:40Z"


def test_a_flicker_before_the_clear_is_no_joint_clear(rig: Rig) -> None:
    rig.take(2)
    rig.wait(4)
    rig.put(BLUE, 2)
    rig.wait(10)
    rig.take(1)
    rig.wait(60)
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_flicker_before_the_drying_is_no_joint_clear(rig: Rig) -> None:
    rig.unit(drying=False)
    rig.wait(60)
    rig.take(2)
    rig.wait(2)
    rig.put(BLUE, 2)
    rig.wait(2)
    rig.unit(drying=True)
    rig.wait(20)
    rig.take(1)
    rig.wait(60)
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_flicker_after_the_drying_is_no_joint_clear(rig: Rig) -> None:
    rig.take(1)
    rig.wait(30)
    rig.unit(drying=False)
    rig.wait(3)
    rig.take(2)
    rig.wait(2)
    rig.put(BLUE, 2)
    rig.wait(30)
    assert rig.changes() == [("removed", 1, "RED")]


def test_slots_cleared_in_the_report_after_the_end_of_the_drying_were_pulled_back(
    rig: Rig,
) -> None:
    rig.unit(drying=False)
    rig.wait(1)
    with rig.one_report():
        for slot_no in (1, 2, 3):
            rig.take(slot_no)
    rig.wait(10)
    for slot_no, spool in ((1, RED), (2, BLUE), (3, None)):
        rig.put(spool, slot_no)
        rig.wait(5)
    rig.wait(900)
    assert rig.changes() == []


def test_a_flicker_after_the_clear_is_no_joint_clear(rig: Rig) -> None:
    rig.take(1)
    rig.wait(53)
    rig.take(2)
    rig.wait(7.5)
    assert rig.changes() == []
    rig.put(BLUE, 2)
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_slot_that_flickers_stays_filled(rig: Rig) -> None:
    rig.take(3)
    rig.wait(61)
    rig.take(2)
    rig.wait(61)
    rig.put(RED, 4)
    rig.wait(30)
    rig.changes()
    rig.take(4)
    rig.wait(5)
    rig.slot(1, present=False)
    rig.wait(5)
    rig.slot(1, present=True)
    rig.wait(50.5)
    assert rig.changes() == [("removed", 4, "RED")]


def test_another_slot_cleared_for_eight_seconds_is_a_joint_clear(rig: Rig) -> None:
    rig.take(1)
    rig.wait(30)
    rig.take(2)
    rig.wait(8)
    rig.put(BLUE, 2)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_slot_cleared_just_before_the_drying_began_is_a_joint_clear(rig: Rig) -> None:
    rig.unit(drying=False)
    rig.wait(61)
    rig.take(1)
    rig.wait(4)
    rig.unit(drying=True)
    rig.wait(10)
    rig.take(2)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_slot_cleared_well_before_the_drying_is_removed_by_the_report_of_it(
    rig: Rig,
) -> None:
    rig.unit(drying=False)
    rig.wait(1)
    rig.take(1)
    rig.silence(20)
    rig.unit(drying=True)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"]["detected_late"] is False


def test_what_is_fed_back_as_the_drying_ends_was_pulled_back(rig: Rig) -> None:
    rig.take(1)
    rig.take(2)
    rig.wait(2)
    with rig.one_report():
        rig.unit(drying=False)
        rig.put(BLUE, 2)
    rig.wait(590)
    rig.put(RED, 1)
    rig.wait(900)
    assert rig.changes() == []


def test_a_spool_pulled_back_before_it_was_read_is_inserted_after_the_wait(
    rig: Rig,
) -> None:
    rig.put_unread(4)
    rig.wait(17)
    with rig.one_report():
        rig.take(1)
        rig.take(4)
    rig.wait(4)
    rig.unit(drying=False)
    rig.wait(8.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("inserted", 4, None)]
    rig.wait(3600)
    assert rig.changes() == [("removed", 1, "RED"), ("removed", 4, None)]


def test_a_spool_held_back_before_it_was_read_is_inserted_after_the_wait(
    rig: Rig,
) -> None:
    rig.put_unread(4)
    rig.wait(17)
    with rig.one_report():
        rig.take(1)
        rig.take(4)
    rig.wait(12.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("inserted", 4, None)]
    rig.wait(3600)
    assert rig.changes() == []


def test_a_long_wait_for_the_identity_delays_no_removal(rig: Rig) -> None:
    rig.slot(1, reading=True)
    rig.put_unread(4)
    rig.wait(17)
    rig.take(4)
    rig.wait(59.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("inserted", 4, None), ("removed", 4, None)]


def test_an_insertion_does_not_precede_the_removal_of_its_spool(rig: Rig) -> None:
    rig.unit(drying=False)
    rig.wait(61)
    rig.put_unread(4)
    rig.wait(25)
    rig.take(4)
    rig.wait(7.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("inserted", 4, None), ("removed", 4, None)]


def test_a_spool_cleared_alone_before_it_was_read_is_inserted_after_the_wait(
    rig: Rig,
) -> None:
    rig.put_unread(4)
    rig.wait(17)
    rig.take(4)
    rig.wait(12.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("inserted", 4, None)]
    rig.wait(46.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("removed", 4, None)]


def test_slots_cleared_more_than_a_minute_apart_are_removed(rig: Rig) -> None:
    rig.take(1)
    rig.wait(61)
    rig.take(2)
    rig.wait(61)
    assert rig.changes() == [("removed", 1, "RED"), ("removed", 2, "BLUE")]


def test_a_silence_does_not_show_that_another_slot_stayed_filled(rig: Rig) -> None:
    """The last one may have been cleared with it, and that reported only now."""
    rig.take(3)
    rig.wait(61)
    assert rig.changes() == [("removed", 3, None)]
    rig.take(1)
    rig.silence(60.5)
    rig.take(2)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_slot_cleared_as_the_last_one_is_held(rig: Rig) -> None:
    rig.take(1)
    rig.wait(61)
    rig.take(2)
    rig.wait(61)
    rig.events.clear()
    rig.take(3)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_slot_filled_after_the_clear_proves_nothing(rig: Rig) -> None:
    with rig.one_report():
        rig.take(1)
        rig.take(2)
        rig.take(3)
    rig.wait(61)
    rig.put(BLUE, 4)
    rig.wait(3600)
    assert rig.changes() == [("inserted", 4, "BLUE")]


def test_the_slot_that_feeds_runs_out_after_eight_seconds(rig: Rig) -> None:
    rig.report(printing=True)
    rig.slot(1, active=True)
    rig.take(1)
    rig.wait(8)
    assert [event["meta"].get("reason") for event in rig.spool_events()] == ["runout"]


def test_a_slot_that_the_printer_reports_as_run_out_is_removed(rig: Rig) -> None:
    rig.take(1)
    rig.slot(1, ran_out=False)
    rig.slot(1, present=True)
    rig.slot(1, ran_out=True)
    rig.take(1)
    rig.wait(8)
    assert [event["meta"].get("reason") for event in rig.spool_events()] == ["runout"]


def test_a_clear_is_held_where_the_beginning_was_not_seen(rig: Rig) -> None:
    rig.outage()
    rig.report()
    rig.wait(10)
    rig.take(1)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_clear_shortly_before_the_end_waits_for_its_minute(rig: Rig) -> None:
    rig.take(1)
    rig.wait(5)
    rig.unit(drying=False)
    rig.wait(54.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("removed", 1, "RED")]


def test_filament_pulled_back_shortly_before_the_end_is_awaited(rig: Rig) -> None:
    rig.take(1)
    rig.wait(2)
    with rig.one_report():
        rig.take(2)
        rig.unit(drying=False)
    rig.wait(590)
    rig.put(RED, 1)
    rig.put(BLUE, 2)
    rig.wait(900)
    assert rig.changes() == []
