"""The order of the events that one report causes, and what they have in common."""

from datetime import UTC, datetime

from custom_components.filament_slots.model import NO_IDENTIFIERS, StoredSlot

from .tracker_rig import (
    BLUE,
    RED,
    SERIAL,
    Rig,
    make_unit,
    state_of,
    stored_slot,
    stored_unit,
)


def kinds(rig: Rig) -> list[str]:
    """Return the types of all events so far."""
    return [event["event_type"] for event in rig.events]


def test_a_unit_at_another_number_is_reported_before_the_events_of_its_slots() -> None:
    unidentified = StoredSlot(
        unit=stored_unit(1, SERIAL),
        slot_no=1,
        present=True,
        inserted_at=datetime(2025, 12, 31, tzinfo=UTC),
    )
    rig = Rig(units=0, stored=(unidentified,))
    rig.report(units=(make_unit(2, SERIAL, NO_IDENTIFIERS),), reading_enabled=False)
    assert kinds(rig) == ["ams_state", "unknown_spool_detected"]
    state, unknown = rig.events
    assert state["ams_units"][0]["ams_unit_no"] == 2
    assert unknown["slot"]["ams_unit_no"] == 2
    assert state["meta"]["correlation_id"] == unknown["meta"]["correlation_id"]


def test_a_state_follows_the_insertion_that_the_same_report_completes(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(10)
    with rig.one_report():
        rig.slot(1, identifiers=RED, read_done=True)
        rig.slot(2, active=True)
    assert kinds(rig) == ["spool_inserted", "ams_state"]
    assert state_of(rig.events[1])["present"] is True


def test_each_message_has_a_correlation_id_of_its_own(rig: Rig) -> None:
    rig.put(RED, 1)
    rig.wait(1)
    rig.put(BLUE, 2)
    rig.wait(10)
    first, second = (event["meta"]["correlation_id"] for event in rig.events)
    assert len(first) == len(second) == 26
    assert first != second


def test_a_unit_whose_serial_is_awaited_delays_no_other_unit() -> None:
    rig = Rig(slots=1)
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    slow = make_unit(2, None, BLUE, confirmed=False)
    with rig.one_report():
        rig.take()
        rig.report(units=(*rig.snapshot.units, slow))
    rig.wait(8)
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_unit_whose_serial_is_awaited_delays_no_stored_unit() -> None:
    rig = Rig(slots=1, stored=(stored_slot(present=True, identifiers=RED),))
    slow = make_unit(2, None, BLUE, confirmed=False)
    rig.report(units=(*rig.snapshot.units, slow))
    rig.wait(8)
    assert rig.changes() == [("removed", 1, "RED")]
