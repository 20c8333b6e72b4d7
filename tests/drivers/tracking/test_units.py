"""Units: matched by serial, then by number; missing ones are offline after a minute."""

from dataclasses import replace
from typing import Any

from custom_components.filament_slots.drivers.snapshot import Unit
from custom_components.filament_slots.model import NO_IDENTIFIERS, Filament, StoredSlot

from .tracker_rig import (
    BLUE,
    OTHER_SERIAL,
    RED,
    SERIAL,
    Rig,
    make_unit,
    state_of,
    stored_unit,
)


def reconnected() -> Rig:
    """Return a rig after an outage, with RED in the only slot before it."""
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, SERIAL, RED),))
    rig.wait(10)
    rig.outage()
    rig.events.clear()
    return rig


def untagged(*, confirmed: bool, **changes: Any) -> tuple[Unit]:
    """Return its unit with an unread spool; not confirmed: its serial is not known."""
    serial = SERIAL if confirmed else None
    unit = make_unit(1, serial, RED, confirmed=confirmed)
    slot = replace(
        unit.slots[0], identifiers=NO_IDENTIFIERS, read_done=False, **changes
    )
    return (replace(unit, slots=(slot,)),)


def test_a_missing_unit_is_offline_after_a_minute() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    units = rig.snapshot.units
    rig.events.clear()
    rig.report(units=())
    rig.wait(59.9)
    assert rig.events == []
    rig.wait(0.1)
    (state,) = rig.states()
    assert state["ams_units"][0]["online"] is False
    assert state_of(state)["present"] is True
    rig.wait(900)
    assert rig.events == []
    rig.report(units=units)
    (state,) = rig.states()
    assert state["ams_units"][0]["online"] is True
    rig.wait(900)
    assert rig.events == []


def test_a_unit_the_printer_cannot_reach_is_missing() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    with rig.one_report():
        rig.take()
        rig.unit(online=False)
    rig.wait(900)
    assert rig.changes() == []


def test_a_change_found_after_a_unit_was_missing_is_late() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    units = rig.snapshot.units
    rig.report(units=())
    rig.wait(600)
    rig.events.clear()
    with rig.one_report():
        rig.report(units=units)
        rig.put(BLUE)
    rig.wait(5)
    events = rig.spool_events()
    assert [event["event_type"] for event in events] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert events[0]["meta"]["offline_since"] == "2026-01-01T00:00:10Z"


def test_a_unit_missing_since_the_start_is_offline_after_a_minute() -> None:
    slot = StoredSlot(unit=stored_unit(1, SERIAL), slot_no=1, present=True)
    rig = Rig(units=0, stored=(slot,))
    rig.report()
    rig.wait(60)
    assert rig.states()[-1]["ams_units"][0]["online"] is False


def test_units_that_swap_their_numbers_are_no_swap_of_spools() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, SERIAL, RED), make_unit(2, OTHER_SERIAL, BLUE)))
    rig.wait(10)
    rig.report(units=())
    rig.wait(600)
    rig.events.clear()
    rig.report(
        units=(
            make_unit(1, OTHER_SERIAL, BLUE, confirmed=False),
            make_unit(2, SERIAL, RED, confirmed=False),
        )
    )
    rig.wait(1)
    rig.report(units=(make_unit(1, OTHER_SERIAL, BLUE), make_unit(2, SERIAL, RED)))
    (state,) = rig.states()
    assert {u["serial"]: u["ams_unit_no"] for u in state["ams_units"]} == {
        SERIAL: 2,
        OTHER_SERIAL: 1,
    }
    rig.wait(900)
    assert rig.events == []


def test_a_unit_is_not_compared_before_its_serial_is_confirmed() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, SERIAL, RED),))
    rig.wait(10)
    rig.outage()
    rig.events.clear()
    rig.report(units=(make_unit(1, SERIAL, None, confirmed=False),))
    rig.wait(14.5)
    assert rig.events == []
    rig.wait(0.5 + 8)
    assert rig.changes() == [("removed", 1, "RED")]


def test_a_read_that_ends_before_the_serial_is_confirmed_has_ended() -> None:
    rig = reconnected()
    rig.report(units=untagged(confirmed=False, reading=True))
    rig.wait(2)
    rig.report(units=untagged(confirmed=False))
    rig.wait(2)
    rig.report(units=untagged(confirmed=True))
    rig.wait(10)
    assert rig.changes()[:2] == [("removed", 1, "RED"), ("inserted", 1, None)]


def test_a_read_before_the_serial_is_confirmed_is_not_that_of_a_later_spool() -> None:
    rig = reconnected()
    rig.report(units=untagged(confirmed=False, reading=True))
    rig.wait(1)
    rig.report(units=untagged(confirmed=False, present=False))
    rig.wait(1)
    rig.report(units=untagged(confirmed=True))
    rig.wait(20)
    assert rig.changes() == []


def test_a_unit_without_a_serial_is_matched_by_its_number() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, None), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(units=(make_unit(1, None, RED, confirmed=False),))
    rig.wait(900)
    assert rig.changes() == []


def test_a_unit_that_reports_its_serial_later_is_the_same_unit() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, None), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(units=(make_unit(1, SERIAL, RED),))
    (state,) = rig.states()
    assert [u["serial"] for u in state["ams_units"]] == [SERIAL]
    rig.wait(900)
    assert rig.changes() == []


def test_a_unit_stored_without_a_serial_is_matched_by_its_label_before_its_number() -> (
    None
):
    slot = StoredSlot(
        unit=stored_unit(1, None, label="Turtle"),
        slot_no=1,
        present=True,
        identifiers=RED,
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(
        units=(
            make_unit(1, "Owl", None, label="Owl"),
            make_unit(2, "Turtle", RED, label="Turtle"),
        )
    )
    (state,) = rig.states()
    assert {unit["serial"]: unit["ams_unit_no"] for unit in state["ams_units"]} == {
        "Turtle": 2,
        "Owl": 1,
    }
    rig.wait(900)
    assert rig.changes() == []


def test_another_serial_at_the_same_number_is_another_unit() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, SERIAL, RED),))
    rig.wait(10)
    rig.events.clear()
    rig.report(units=(make_unit(1, OTHER_SERIAL, BLUE),))
    rig.wait(60)
    assert rig.changes() == []
    rig.report(units=(make_unit(1, OTHER_SERIAL, None),))
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["unit"]["serial"] == OTHER_SERIAL


def test_the_first_state_waits_for_the_serials_of_its_units() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, None, RED, confirmed=False),))
    rig.wait(5)
    assert rig.events == []
    rig.report(units=(make_unit(1, SERIAL, RED),))
    (state,) = rig.states()
    assert state["ams_units"][0]["serial"] == SERIAL


def test_the_first_state_waits_at_most_fifteen_seconds_for_a_serial() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, None, RED, confirmed=False),))
    rig.wait(15)
    (state,) = rig.states()
    assert state["ams_units"][0]["serial"] is None


def test_a_change_before_the_serial_is_known_follows_the_first_state() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, None, RED, None, confirmed=False),))
    rig.wait(2)
    rig.report(units=(make_unit(1, None, None, BLUE, confirmed=False),))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_removed",
        "spool_inserted",
    ]
    assert state_of(rig.events[0], 1)["present"] is True
    assert state_of(rig.events[0], 2)["present"] is False


def test_a_change_in_one_unit_follows_the_first_state_that_waits_for_another() -> None:
    rig = Rig(units=0)
    slow = make_unit(2, None, BLUE, confirmed=False)
    rig.report(units=(make_unit(1, SERIAL, RED, None), slow))
    rig.wait(2)
    rig.report(units=(make_unit(1, SERIAL, None, RED), slow))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_removed",
        "spool_inserted",
    ]
    assert state_of(rig.events[0], 1)["present"] is True


def test_a_change_follows_the_first_state_when_the_awaited_unit_disappears() -> None:
    rig = Rig(units=0)
    rig.report(
        units=(make_unit(1, SERIAL, None), make_unit(2, None, BLUE, confirmed=False))
    )
    rig.wait(2)
    rig.report(
        units=(make_unit(1, SERIAL, RED), make_unit(2, None, BLUE, confirmed=False))
    )
    rig.wait(5)
    rig.report(units=(make_unit(1, SERIAL, RED),))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_inserted",
    ]


def test_a_unit_plugged_in_later_is_a_state_and_no_insertions() -> None:
    rig = Rig()
    rig.report()
    rig.events.clear()
    rig.report(units=(*rig.snapshot.units, make_unit(2, OTHER_SERIAL, RED)))
    (state,) = rig.states()
    assert state_of(state, 1, 2)["present"] is True
    rig.wait(900)
    assert rig.events == []


def test_a_slot_missing_from_a_snapshot_is_no_change() -> None:
    rig = Rig(slots=4)
    rig.put(RED, 4)
    rig.wait(10)
    rig.events.clear()
    rig.unit(slots=rig.snapshot.units[0].slots[:2])
    rig.wait(900)
    assert rig.changes() == []


def test_units_with_a_serial_are_matched_before_those_without() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, SERIAL), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(units=(make_unit(1, None, BLUE), make_unit(2, SERIAL, RED)))
    (state,) = rig.states()
    assert {unit["serial"]: unit["ams_unit_no"] for unit in state["ams_units"]} == {
        SERIAL: 2,
        None: 1,
    }
    rig.wait(900)
    assert rig.changes() == []


def test_an_unconfirmed_serial_does_not_replace_a_unit() -> None:
    rig = Rig(units=0)
    rig.report(units=(make_unit(1, SERIAL, RED),))
    rig.wait(10)
    rig.report(units=(make_unit(1, OTHER_SERIAL, RED, confirmed=False),))
    rig.wait(1)
    rig.events.clear()
    rig.report(units=(make_unit(1, SERIAL, None),))
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["detected_late"] is False


def test_a_unit_still_missing_after_a_gap_is_offline_a_minute_after_it() -> None:
    rig = Rig()
    rig.report()
    rig.report(units=())
    rig.wait(30)
    rig.outage()
    rig.events.clear()
    rig.report()
    rig.wait(59.9)
    assert rig.events == []
    rig.wait(0.1)
    assert rig.states()[0]["ams_units"][0]["online"] is False


def test_the_state_of_a_unit_missing_since_the_start_is_the_stored_one() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, SERIAL),
        slot_no=1,
        present=True,
        label="A1",
        active=False,
        identifiers=RED,
        filament=Filament(material="PLA"),
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report()
    rig.wait(60)
    assert state_of(rig.states()[-1]) == {
        "slot_no": 1,
        "present": True,
        "active": False,
        "label": "A1",
        "identifiers": RED.model_dump(),
        "filament": {"material": "PLA"},
    }


def test_each_missing_unit_is_offline_after_a_minute() -> None:
    rig = Rig(units=3)
    rig.report()
    rig.report(units=rig.snapshot.units[:1])
    rig.events.clear()
    rig.wait(60)
    (state,) = rig.states()
    assert [unit["online"] for unit in state["ams_units"]] == [True, False, False]


def test_a_unit_has_its_size_although_fewer_slots_are_reported() -> None:
    rig = Rig(slots=4)
    rig.unit(slots=rig.snapshot.units[0].slots[:1])
    (state,) = rig.states()
    assert state["ams_units"][0]["slots_total"] == 4
    rig.put(RED)
    rig.wait(3)
    (inserted,) = rig.spool_events()
    assert inserted["slot"]["slots_total"] == 4


def test_a_unit_whose_serial_is_not_confirmed_in_time_is_matched_by_its_number() -> (
    None
):
    slot = StoredSlot(
        unit=stored_unit(1, SERIAL), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(units=(make_unit(1, OTHER_SERIAL, RED, confirmed=False),))
    rig.wait(900)
    assert [u["serial"] for u in rig.events[-1]["ams_units"]] == [SERIAL]
    assert rig.changes() == []
