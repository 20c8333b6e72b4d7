"""Drying: what is pulled back is no removal; what is taken out alone is one."""

from dataclasses import replace

from .tracker_rig import BLUE, RED, Rig, state_of, stored_slot


def test_the_only_filled_slot_of_a_drying_unit_that_clears_is_no_removal(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=False)
    rig.wait(8 * 3600)
    rig.unit(drying=False)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.changes() == []


def test_presence_that_clears_just_before_drying_is_no_removal(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False)
    rig.wait(7)
    rig.unit(drying=True)
    rig.wait(900)
    assert rig.changes() == []


def test_a_removal_while_drying_is_reported_once_the_unit_was_still_for_ten_minutes(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.unit(drying=True)
    rig.slot(present=False)
    rig.wait(3600)
    rig.events.clear()
    rig.unit(drying=False)
    rig.slot(present=False)
    rig.wait(300)
    rig.put(BLUE, 2)  # presence changed: not still
    rig.wait(599)
    assert rig.changes() == [("inserted", 2, "BLUE")]
    rig.wait(1)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"]["detected_late"] is True
    assert removed["meta"]["offline_since"] == "2026-01-01T00:00:10Z"


def test_filament_back_at_the_feeder_after_drying_is_no_change(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=False)
    rig.wait(3600)
    rig.unit(drying=False)
    rig.slot(present=False, read_done=False)
    rig.wait(500)
    rig.put(RED)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_spool_put_into_a_drying_unit_is_inserted(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.slot(present=False)
    rig.wait(100)
    rig.put(RED)
    rig.wait(3)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_a_spool_identified_after_drying_retracted_it_is_kept(
    rig: Rig,
) -> None:
    rig.put_unread(reading=True)
    rig.wait(5)
    with rig.one_report():
        rig.unit(drying=True)
        rig.slot(present=False)
    rig.wait(5)
    rig.slot(identifiers=RED, reading=False, read_done=True)
    rig.wait(3600)
    assert rig.changes() == [("inserted", 1, "RED")]
    with rig.one_report():
        rig.unit(drying=False)
        rig.slot(present=False)
    rig.wait(500)
    rig.slot(present=True)
    rig.wait(3600)
    assert rig.changes() == []


def test_unknown_does_not_precede_the_insertion(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.outage()
    rig.put_unread(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(900)
    assert rig.changes_at() == [("inserted", 100.0), ("unknown_spool_detected", 105.0)]


def test_after_a_gap_a_drying_unit_is_compared_in_what_is_filled(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.unit(drying=True)
    rig.events.clear()
    rig.outage()
    with rig.one_report():
        rig.slot(1, present=False)
        rig.put(BLUE, 2)
    rig.wait(900)
    (inserted,) = rig.spool_events()
    assert inserted["slot"]["slot_no"] == 2
    assert inserted["meta"]["detected_late"] is True


def test_filament_retracted_by_drying_is_awaited_over_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=False)
    rig.wait(3600)
    rig.unit(drying=False)
    rig.slot(present=False, read_done=False)
    rig.wait(60)
    rig.outage()
    rig.report()
    rig.wait(500)
    rig.put(RED)
    rig.wait(3600)
    assert rig.changes() == []


def test_filament_retracted_by_drying_is_awaited_over_a_restart() -> None:
    slot = stored_slot(present=True, identifiers=RED)
    assert slot.unit is not None
    drying = replace(slot, unit=replace(slot.unit, drying=True))
    rig = Rig(stored=(drying,))
    rig.report()  # no longer drying, the filament not back yet
    rig.wait(599)
    assert rig.changes() == []
    rig.wait(1)
    assert rig.changes() == [("removed", 1, "RED")]


def test_presence_in_the_first_snapshot_of_a_drying_unit_counts() -> None:
    rig = Rig()
    with rig.one_report():
        rig.unit(drying=True)
        rig.put(RED, 1)
        rig.slot(2, present=False)
    (state,) = rig.states()
    assert state_of(state, 1)["present"] is True
    assert state_of(state, 2)["present"] is None


def test_a_removal_is_awaited_when_the_unit_began_to_dry_in_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    with rig.one_report():
        rig.unit(drying=True)
        rig.slot(present=False)
    rig.wait(3600)
    with rig.one_report():
        rig.unit(drying=False)
        rig.slot(present=False)
    rig.wait(500)
    rig.slot(present=True)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_spool_taken_out_as_the_drying_ends_is_removed_live(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.wait(100)
    rig.put(RED)
    rig.put(BLUE, 2)
    rig.wait(3600)
    with rig.one_report():
        rig.unit(drying=False)
        rig.take()
    rig.wait(8)
    removed = rig.spool_events()[-1]
    assert removed["event_type"] == "spool_removed"
    assert removed["meta"]["detected_late"] is False


def test_a_spool_taken_out_before_the_drying_is_not_pulled_back_with_the_next() -> None:
    rig = Rig(slots=3)
    rig.put(RED, 1)
    rig.put(BLUE, 2)
    rig.put(None, 3)
    rig.wait(10)
    rig.events.clear()
    rig.take(1)
    rig.wait(20)
    rig.unit(drying=True)
    rig.take(2)
    rig.wait(60)
    assert rig.changes() == [("removed", 1, "RED"), ("removed", 2, "BLUE")]


def test_filament_pulled_back_before_the_drying_shows_is_no_removal() -> None:
    rig = Rig(slots=3)
    rig.put(RED, 1)
    rig.put(BLUE, 2)
    rig.put(None, 3)
    rig.wait(10)
    rig.events.clear()
    rig.take(1)
    rig.wait(3)
    rig.take(2)
    rig.wait(3)
    rig.unit(drying=True)
    rig.wait(3600)
    assert rig.changes() == []


def test_unknown_waits_until_the_unit_was_idle_after_drying(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.put_unread()
    rig.wait(600)
    assert rig.changes() == [("inserted", 1, None)]
    rig.unit(drying=False)
    rig.wait(59.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_while_filament_is_pulled_back(rig: Rig) -> None:
    rig.put(RED, 2)
    rig.wait(10)
    rig.unit(drying=True)
    rig.take(2)
    rig.put_unread(1)
    rig.wait(600)
    rig.unit(drying=False)
    rig.wait(500)
    rig.events.clear()
    rig.put(RED, 2)
    rig.wait(59.5)
    assert rig.changes() == []
    rig.wait(0.5)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_a_minute_after_the_last_pulled_back_slot_was_removed(
    rig: Rig,
) -> None:
    rig.put(RED, 2)
    rig.wait(10)
    rig.unit(drying=True)
    rig.take(2)
    rig.put_unread(1)
    rig.wait(600)
    rig.events.clear()
    rig.unit(drying=False)
    rig.wait(600)
    assert rig.changes() == [("removed", 2, "RED")]
    rig.wait(60)
    assert rig.changes() == [("unknown_spool_detected", 1, None)]
