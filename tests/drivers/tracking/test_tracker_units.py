"""The tracker's rules about units and about the confirmed picture (docs/architecture.md "Tracker rules")."""

from dataclasses import replace
from typing import Any

from custom_components.filament_slots.drivers.snapshot import Slot, Unit
from custom_components.filament_slots.model import (
    Filament,
    Identifiers,
    StoredSlot,
    StoredUnit,
)

from .tracker_rig import BLUE, RED, Rig, state_of

S1, S2 = "00600A000000001", "00600A000000002"


def unit(
    number: int, serial: str | None, *spools: Identifiers | None, **facts: Any
) -> Unit:
    """Return a unit whose slots hold these spools (None: an empty slot)."""
    return Unit(
        ams_unit_no=number,
        serial=serial,
        slots_total=len(spools),
        slots=tuple(
            Slot(
                slot_no=slot_no,
                present=spool is not None,
                identifiers=spool or Slot(slot_no=1).identifiers,
                reads_tags=True,
                read_done=spool is not None,
            )
            for slot_no, spool in enumerate(spools, start=1)
        ),
        **facts,
    )


def stored_unit(number: int, serial: str | None) -> StoredUnit:
    """Return a unit as the store hands it over."""
    return StoredUnit(
        key=serial or f"u{number}", serial=serial, ams_unit_no=number, slots_total=1
    )


# Units that come and go.


def test_a_unit_that_vanishes_is_said_to_be_offline_after_a_minute() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    units = rig.snapshot.units
    rig.events.clear()
    rig.say(units=())
    rig.wait(59.9)
    assert rig.events == []
    rig.wait(0.1)
    (state,) = rig.states()
    assert state["ams_units"][0]["online"] is False
    assert state_of(state)["present"] is True
    rig.wait(900)
    assert rig.events == []
    rig.say(units=units)
    (state,) = rig.states()
    assert state["ams_units"][0]["online"] is True
    rig.wait(900)
    assert rig.events == []


def test_a_unit_the_printer_cannot_reach_has_vanished_too() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    with rig.at_once():
        rig.take()
        rig.unit(online=False)
    rig.wait(900)
    assert rig.heard() == []


def test_what_changed_while_a_unit_was_away_is_reported_late() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    units = rig.snapshot.units
    rig.say(units=())
    rig.wait(600)
    rig.events.clear()
    with rig.at_once():
        rig.say(units=units)
        rig.put(BLUE)
    rig.wait(5)
    told = rig.spool_events()
    assert [event["event_type"] for event in told] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert told[0]["meta"]["offline_since"] == "2026-01-01T00:00:10Z"


def test_a_unit_missing_since_the_start_is_offline_after_a_minute() -> None:
    slot = StoredSlot(unit=stored_unit(1, S1), slot_no=1, present=True)
    rig = Rig(units=0, stored=(slot,))
    rig.say()
    rig.wait(60)
    assert rig.states()[-1]["ams_units"][0]["online"] is False


def test_units_that_swapped_their_numbers_are_no_swapped_spools() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, S1, RED), unit(2, S2, BLUE)))
    rig.wait(10)
    rig.say(units=())
    rig.wait(600)
    rig.events.clear()
    rig.say(
        units=(unit(1, S2, BLUE, confirmed=False), unit(2, S1, RED, confirmed=False))
    )
    rig.wait(1)
    rig.say(units=(unit(1, S2, BLUE), unit(2, S1, RED)))
    (state,) = rig.states()
    assert {u["serial"]: u["ams_unit_no"] for u in state["ams_units"]} == {S1: 2, S2: 1}
    rig.wait(900)
    assert rig.events == []


def test_a_unit_is_not_compared_before_its_serial_is_confirmed() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, S1, RED),))
    rig.wait(10)
    rig.outage()
    rig.events.clear()
    rig.say(units=(unit(1, S1, None, confirmed=False),))
    rig.wait(14.9)
    assert rig.events == []
    rig.wait(0.1 + 8)
    assert rig.heard() == [("removed", 1, "RED")]


def test_without_a_serial_a_unit_is_known_by_its_number() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, None), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.say(units=(unit(1, None, RED, confirmed=False),))
    rig.wait(900)
    assert rig.heard() == []


def test_a_unit_that_tells_its_serial_later_is_still_the_same() -> None:
    slot = StoredSlot(
        unit=stored_unit(1, None), slot_no=1, present=True, identifiers=RED
    )
    rig = Rig(units=0, stored=(slot,))
    rig.say(units=(unit(1, S1, RED),))
    (state,) = rig.states()
    assert [u["serial"] for u in state["ams_units"]] == [S1]
    rig.wait(900)
    assert rig.heard() == []


def test_another_unit_in_the_place_of_one_that_left_is_a_unit_of_its_own() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, S1, RED),))
    rig.wait(10)
    rig.events.clear()
    rig.say(units=(unit(1, S2, BLUE),))
    rig.wait(60)
    assert rig.heard() == []
    rig.say(units=(unit(1, S2, None),))
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["unit"]["serial"] == S2


def test_the_first_picture_waits_for_the_serials_of_its_units() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, None, RED, confirmed=False),))
    rig.wait(5)
    assert rig.events == []
    rig.say(units=(unit(1, S1, RED),))
    (state,) = rig.states()
    assert state["ams_units"][0]["serial"] == S1


def test_the_first_picture_does_not_wait_for_ever() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, None, RED, confirmed=False),))
    rig.wait(15)
    (state,) = rig.states()
    assert state["ams_units"][0]["serial"] is None


def test_a_change_seen_before_the_serial_was_known_is_reported_after_the_picture() -> (
    None
):
    rig = Rig(units=0)
    rig.say(units=(unit(1, None, RED, None, confirmed=False),))
    rig.wait(2)
    rig.say(units=(unit(1, None, None, BLUE, confirmed=False),))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_removed",
        "spool_inserted",
    ]
    assert state_of(rig.events[0], 1)["present"] is True
    assert state_of(rig.events[0], 2)["present"] is False


def test_nothing_happens_in_one_unit_before_the_picture_that_waits_for_another() -> (
    None
):
    rig = Rig(units=0)
    slow = unit(2, None, BLUE, confirmed=False)
    rig.say(units=(unit(1, S1, RED, None), slow))
    rig.wait(2)
    rig.say(units=(unit(1, S1, None, RED), slow))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_removed",
        "spool_inserted",
    ]
    assert state_of(rig.events[0], 1)["present"] is True


def test_nothing_happens_before_the_picture_when_the_awaited_unit_leaves() -> None:
    rig = Rig(units=0)
    rig.say(units=(unit(1, S1, None), unit(2, None, BLUE, confirmed=False)))
    rig.wait(2)
    rig.say(units=(unit(1, S1, RED), unit(2, None, BLUE, confirmed=False)))
    rig.wait(5)
    rig.say(units=(unit(1, S1, RED),))
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == [
        "ams_state",
        "spool_inserted",
    ]


def test_a_unit_plugged_in_later_is_a_state_and_no_insertions() -> None:
    rig = Rig()
    rig.say()
    rig.events.clear()
    rig.say(units=(*rig.snapshot.units, unit(2, S2, RED)))
    (state,) = rig.states()
    assert state_of(state, 1, 2)["present"] is True
    rig.wait(900)
    assert rig.events == []


def test_a_slot_missing_from_a_snapshot_has_nothing_said_about_it() -> None:
    rig = Rig(slots=4)
    rig.put(RED, 4)
    rig.wait(10)
    rig.events.clear()
    rig.unit(slots=rig.snapshot.units[0].slots[:2])
    rig.wait(900)
    assert rig.heard() == []


# How often the picture goes out.


def test_wear_goes_out_at_once_and_then_every_five_seconds() -> None:
    rig = Rig()
    rig.put(RED, filament=Filament(material="PLA", remaining_percent=50))
    rig.wait(10)
    rig.events.clear()
    for percent in range(49, 39, -1):
        rig.slot(filament=Filament(material="PLA", remaining_percent=percent))
        rig.wait(1)
    rig.wait(900)
    told = [state_of(state)["filament"]["remaining_percent"] for state in rig.states()]
    assert told == [49, 45, 40]


def test_an_active_slot_goes_out_at_once() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(active=True)
    (state,) = rig.states()
    assert state_of(state)["active"] is True


def test_climate_goes_out_once_a_minute_and_the_last_word_always() -> None:
    rig = Rig()
    rig.unit(humidity_percent=40, temperature_c=25.0)
    rig.wait(100)
    rig.events.clear()
    for step in range(1, 31):
        rig.unit(humidity_percent=40 + step)
        rig.wait(2)
    rig.wait(900)
    told = [state["ams_units"][0]["humidity_percent"] for state in rig.states()]
    assert told == [41, 70]


def test_climate_is_told_in_whole_percent_and_half_degrees() -> None:
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


def test_the_picture_never_shows_what_still_waits() -> None:
    rig = Rig()
    rig.put(RED, 2)
    rig.wait(100)
    rig.events.clear()
    with rig.at_once():
        rig.put_unread(1, filament=Filament(material="PLA"))
        rig.take(2)
        rig.unit(humidity_percent=50)
    (state,) = rig.states()
    assert state_of(state, 1)["present"] is False
    assert state_of(state, 1)["filament"] is None
    assert state_of(state, 2)["present"] is True
    assert state_of(state, 2)["identifiers"]["external_id"] == "bambulab:RED"


def test_an_insertion_that_says_it_all_needs_no_state_beside_it() -> None:
    rig = Rig()
    rig.say()
    rig.events.clear()
    rig.put(RED, filament=Filament(material="PLA", color_hex="#FF0000"))
    rig.wait(900)
    (inserted,) = rig.events
    assert inserted["meta"]["filament"] == {"material": "PLA", "color_hex": "#FF0000"}


def test_what_a_person_typed_in_for_an_unread_spool_is_shown() -> None:
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


def test_a_state_bears_the_time_its_change_first_showed() -> None:
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


def test_a_change_taken_back_before_its_turn_is_not_told() -> None:
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


def test_drying_is_told_at_once() -> None:
    rig = Rig()
    rig.say()
    rig.events.clear()
    rig.unit(drying=True, drying_minutes_left=480)
    (state,) = rig.states()
    assert state["ams_units"][0]["drying"] is True
    assert state["ams_units"][0]["drying_minutes_left"] == 480


def test_a_stored_picture_that_still_holds_is_not_told_again() -> None:
    first = unit(1, S1, RED, label="A", model="AMS", humidity_percent=40)
    known = StoredUnit(
        key=S1,
        serial=S1,
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
    rig.say(units=(first,))
    rig.wait(900)
    assert rig.events == []
    rig.say(units=(replace(first, humidity_percent=45),))
    assert len(rig.states()) == 1
