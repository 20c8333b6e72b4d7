"""Drying: filament is retracted, so cleared presence is not taken for a removal."""

from dataclasses import replace

from .tracker_rig import BLUE, RED, Rig, state_of, stored_slot


def test_presence_that_clears_while_the_unit_dries_is_no_removal(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=None)
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
    rig.slot(present=None)
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
    rig.slot(present=None)
    rig.wait(3600)
    rig.unit(drying=False)
    rig.slot(present=False, read_done=False)
    rig.wait(500)
    rig.put(RED)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_spool_put_into_a_drying_unit_is_inserted(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.slot(present=None)
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
        rig.slot(present=None)
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
    rig.wait(600)
    rig.unit(drying=False)
    rig.wait(900)
    assert rig.changes_at() == [("inserted", 705.0), ("unknown_spool_detected", 705.0)]


def test_a_drying_unit_is_not_compared_after_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.unit(drying=True)
    rig.events.clear()
    rig.outage()
    with rig.one_report():
        rig.slot(1, present=None)
        rig.put(BLUE, 2)
    rig.wait(900)
    assert rig.changes() == []
    rig.unit(drying=False)
    rig.wait(3)
    (inserted,) = rig.spool_events()
    assert inserted["slot"]["slot_no"] == 2
    assert inserted["meta"]["detected_late"] is True


def test_filament_retracted_by_drying_is_awaited_over_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=None)
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
        rig.slot(2, present=None)
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
        rig.slot(present=None)
    rig.wait(3600)
    with rig.one_report():
        rig.unit(drying=False)
        rig.slot(present=False)
    rig.wait(500)
    rig.slot(present=True)
    rig.wait(3600)
    assert rig.changes() == []


def test_a_spool_put_into_a_drying_unit_is_not_observed_from_its_insertion_on(
    rig: Rig,
) -> None:
    rig.unit(drying=True)
    rig.wait(100)
    rig.put(RED)
    rig.wait(3600)
    with rig.one_report():
        rig.unit(drying=False)
        rig.take()
    rig.wait(600)
    removed = rig.spool_events()[-1]
    assert removed["event_type"] == "spool_removed"
    assert removed["meta"]["offline_since"] == "2026-01-01T00:01:42.500000Z"
