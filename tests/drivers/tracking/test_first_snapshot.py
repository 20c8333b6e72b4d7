"""The first snapshots of a printer, and slots whose presence it does not report."""

from custom_components.filament_slots.model import NO_IDENTIFIERS

from .tracker_rig import BLUE, RED, Rig, state_of


def test_the_first_complete_snapshot_is_a_state_and_no_insertion() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == ["ams_state"]
    assert state_of(rig.events[0])["identifiers"]["external_id"] == "bambulab:RED"


def test_an_incomplete_snapshot_is_ignored() -> None:
    rig = Rig()
    rig.report(complete=False)
    rig.wait(900)
    assert rig.events == []


def test_a_printer_without_slots_reports_an_empty_state_once() -> None:
    rig = Rig(units=0)
    rig.report()
    rig.report()
    rig.wait(900)
    assert len(rig.events) == 1
    assert rig.events[0]["ams_units"] == []


def test_a_spool_present_in_the_first_snapshot_is_never_reported_as_unknown() -> None:
    rig = Rig()
    rig.put(None)
    rig.wait(900)
    assert rig.changes() == []


def test_unreported_presence_keeps_the_confirmed_state(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=None)
    rig.wait(900)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.changes() == []


def test_presence_reported_again_after_a_confirmed_absence_is_an_insertion(
    rig: Rig,
) -> None:
    rig.slot(present=None)
    rig.put(RED)
    rig.wait(3)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_presence_reported_for_the_first_time_is_no_insertion() -> None:
    rig = Rig()
    rig.slot(present=None)
    rig.put(RED)
    rig.wait(900)
    assert rig.changes() == []


def test_a_removal_is_discarded_when_presence_is_no_longer_reported(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(7)
    rig.slot(present=None)
    rig.wait(900)
    assert rig.changes() == []


def test_an_unsettled_insertion_is_discarded_when_presence_is_no_longer_reported(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(1)
    rig.slot(present=None)
    rig.wait(900)
    assert rig.changes() == []


def test_an_inlet_held_in_the_first_snapshot_is_a_state_after_ten_seconds() -> None:
    rig = Rig(slots=1)
    rig.slot(present=None, inlet=True, identifiable=False)
    rig.wait(9.9)
    assert state_of(rig.events[-1])["present"] is None
    rig.wait(0.1)
    assert state_of(rig.events[-1])["present"] is True
    assert rig.changes() == []


def test_a_spool_whose_tag_is_not_found_keeps_the_identity_it_first_had() -> None:
    rig = Rig()
    rig.put(RED)
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False, reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(900)
    assert rig.changes() == []


def test_an_identity_of_an_empty_slot_is_not_given_to_its_first_spool() -> None:
    rig = Rig()
    rig.slot(identifiers=RED)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(read_done=True, identifiers=BLUE)
    assert rig.changes() == [("inserted", 1, "BLUE")]
