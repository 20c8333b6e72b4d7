"""State reports: what an `ams_state` contains, and how often one is emitted."""

from dataclasses import replace

import pytest

from custom_components.filament_slots.drivers.snapshot import Slot
from custom_components.filament_slots.model import Filament, StoredSlot, StoredUnit

from .tracker_rig import RED, SERIAL, Rig, make_unit, state_of, stored_slot


def test_filament_data_is_reported_at_once_and_then_every_five_seconds() -> None:
    rig = Rig()
    rig.put(RED, filament=Filament(material="PLA", remaining_percent=50))
    rig.wait(10)
    rig.events.clear()
    for percent in range(49, 39, -1):
        rig.slot(filament=Filament(material="PLA", remaining_percent=percent))
        rig.wait(1)
    rig.wait(900)
    reported = [
        state_of(state)["filament"]["remaining_percent"] for state in rig.states()
    ]
    assert reported == [49, 45, 40]


def test_an_active_slot_is_reported_at_once() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(active=True)
    (state,) = rig.states()
    assert state_of(state)["active"] is True


def test_telemetry_is_reported_once_a_minute_and_its_last_value_always() -> None:
    rig = Rig()
    rig.unit(humidity_percent=40, temperature_c=25.0)
    rig.wait(100)
    rig.events.clear()
    for step in range(1, 31):
        rig.unit(humidity_percent=40 + step)
        rig.wait(2)
    rig.wait(900)
    reported = [state["ams_units"][0]["humidity_percent"] for state in rig.states()]
    assert reported == [41, 70]


def test_telemetry_is_rounded_to_whole_percent_and_half_degrees() -> None:
    rig = Rig()
    rig.unit(humidity_percent=40.4, temperature_c=25.1, drying_minutes_left=10)
    (state,) = rig.states()
    assert state["ams_units"][0]["humidity_percent"] == 40
    assert state["ams_units"][0]["temperature_c"] == 25.0
    rig.wait(100)
    for temperature in (24.9, 25.1, 25.2, 24.8):
        rig.unit(humidity_percent=40.0, temperature_c=temperature)
        rig.wait(100)
    assert rig.events == []


def test_a_state_never_contains_a_pending_change() -> None:
    rig = Rig()
    rig.put(RED, 2)
    rig.wait(100)
    rig.events.clear()
    with rig.one_report():
        rig.put_unread(1, filament=Filament(material="PLA"))
        rig.take(2)
        rig.unit(humidity_percent=50)
    (state,) = rig.states()
    assert state_of(state, 1)["present"] is False
    assert state_of(state, 1)["filament"] is None
    assert state_of(state, 2)["present"] is True
    assert state_of(state, 2)["identifiers"]["external_id"] == "bambulab:RED"


def test_an_insertion_is_not_followed_by_a_state_of_the_same_content() -> None:
    rig = Rig()
    rig.report()
    rig.events.clear()
    rig.put(RED, filament=Filament(material="PLA", color_hex="#FF0000"))
    rig.wait(900)
    (inserted,) = rig.events
    assert inserted["meta"]["filament"] == {"material": "PLA", "color_hex": "#FF0000"}


def test_filament_data_entered_for_an_unidentified_spool_is_reported() -> None:
    rig = Rig()
    rig.put(None)
    rig.wait(10)
    rig.events.clear()
    rig.slot(filament=Filament(material="PETG"))
    (state,) = rig.states()
    assert state_of(state)["filament"] == {"material": "PETG"}
    rig.slot(filament=None)
    rig.wait(5)
    (state,) = rig.states()
    assert state_of(state)["filament"] is None


def test_a_state_has_the_time_of_its_first_change() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.slot(active=True)
    rig.wait(2)
    rig.slot(active=False)
    rig.events.clear()
    rig.wait(5)
    (state,) = rig.states()
    assert state["event_at"] == "2026-01-01T00:00:12Z"


def test_a_change_undone_before_it_is_due_is_not_reported() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.slot(active=True)
    rig.events.clear()
    rig.wait(1)
    rig.slot(active=False)
    rig.wait(1)
    rig.slot(active=True)
    rig.wait(900)
    assert rig.events == []


def test_drying_is_reported_at_once() -> None:
    rig = Rig()
    rig.report()
    rig.events.clear()
    rig.unit(drying=True, drying_minutes_left=480)
    (state,) = rig.states()
    assert state["ams_units"][0]["drying"] is True
    assert state["ams_units"][0]["drying_minutes_left"] == 480


def test_a_stored_state_that_still_holds_is_not_reported_again() -> None:
    first = make_unit(1, SERIAL, RED, label="A", model="AMS", humidity_percent=40)
    known = StoredUnit(
        key=SERIAL,
        serial=SERIAL,
        ams_unit_no=1,
        slots_total=1,
        model="AMS",
        label="A",
        online=True,
        drying=False,
        humidity_percent=40,
    )
    slot = StoredSlot(
        unit=known, slot_no=1, present=True, identifiers=RED, active=False
    )
    rig = Rig(units=0, stored=(slot,))
    rig.report(units=(first,))
    rig.wait(900)
    assert rig.events == []
    rig.report(units=(replace(first, humidity_percent=45),))
    assert len(rig.states()) == 1


@pytest.mark.parametrize(("reading", "read_done"), [(True, True), (False, False)])
def test_filament_data_blank_during_a_read_is_kept(
    rig: Rig, reading: bool, read_done: bool
) -> None:
    rig.put(None, filament=Filament(material="PETG"))
    rig.wait(10)
    rig.events.clear()
    rig.slot(filament=None, reading=reading, read_done=read_done)
    rig.wait(900)
    assert rig.states() == []


def test_usage_after_a_restart_is_reported_at_once() -> None:
    rig = Rig(
        slots=1, stored=(stored_slot(present=True, identifiers=RED, active=False),)
    )
    rig.put(RED)
    rig.wait(100)
    rig.events.clear()
    rig.slot(active=True)
    (state,) = rig.states()
    assert state_of(state)["active"] is True


def test_a_change_of_each_unit_is_reported() -> None:
    rig = Rig(units=3)
    rig.report()
    for number in (1, 2, 3):
        rig.events.clear()
        rig.unit(number, drying=True)
        (state,) = rig.states()
        assert [unit["drying"] for unit in state["ams_units"]] == [
            unit <= number for unit in (1, 2, 3)
        ]


def test_a_unit_whose_serial_is_awaited_is_in_no_state_and_hides_no_slot() -> None:
    rig = Rig()
    direct = Slot(slot_no=1, has_sensor=False)
    rig.report(direct_slots=(direct,))
    rig.wait(5)
    rig.events.clear()
    slow = make_unit(2, None, RED, confirmed=False)
    rig.report(units=(*rig.snapshot.units, slow))
    assert rig.events == []
    rig.report(direct_slots=(replace(direct, active=True),))
    (state,) = rig.states()
    assert [unit["ams_unit_no"] for unit in state["ams_units"]] == [1]
    assert state["direct_slots"][0]["active"] is True


def test_a_tracker_with_nothing_to_wait_for_has_no_timer(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(900)
    assert rig.clock.pending == 0
