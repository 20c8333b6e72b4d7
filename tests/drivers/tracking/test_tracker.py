"""The tracker's rules about slots (docs/architecture.md "Tracker rules"), one test a rule."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.filament_slots.drivers.snapshot import Slot
from custom_components.filament_slots.model import (
    NO_IDENTIFIERS,
    Filament,
    Identifiers,
    StoredSlot,
    StoredUnit,
)

from .tracker_rig import BLUE, RED, SERIAL, Rig, state_of, tag


@pytest.fixture
def rig() -> Rig:
    """Return a printer with two empty slots that has said so."""
    rig = Rig()
    rig.say()
    rig.events.clear()
    return rig


def stored(slot_no: int = 1, **facts: Any) -> StoredSlot:
    """Return a slot of unit 1 as the store hands it over."""
    unit = StoredUnit(
        key=SERIAL,
        serial=SERIAL,
        ams_unit_no=1,
        slots_total=2,
        model="AMS",
        label="A",
        online=True,
        drying=False,
    )
    return StoredSlot(unit=unit, slot_no=slot_no, label=f"A{slot_no}", **facts)


# The first word of a printer.


def test_the_first_complete_snapshot_is_one_state_and_no_insertion() -> None:
    rig = Rig()
    rig.put(RED)
    rig.wait(900)
    assert [event["event_type"] for event in rig.events] == ["ams_state"]
    assert state_of(rig.events[0])["identifiers"]["external_id"] == "bambulab:RED"


def test_nothing_is_compared_before_the_printer_has_said_everything() -> None:
    rig = Rig()
    rig.say(complete=False)
    rig.wait(900)
    assert rig.events == []


def test_a_printer_without_any_slot_says_so_once() -> None:
    rig = Rig(units=0)
    rig.say()
    rig.say()
    rig.wait(900)
    assert len(rig.events) == 1
    assert rig.events[0]["ams_units"] == []


def test_a_slot_first_seen_occupied_never_raises_unknown() -> None:
    rig = Rig()
    rig.put(None)
    rig.wait(900)
    assert rig.heard() == []


# Insertion.


def test_an_insertion_is_reported_once_it_was_steady(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(2.4)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.heard() == [("inserted", 1, "RED")]
    rig.wait(900)
    assert rig.heard() == []


def test_an_insertion_that_breaks_off_before_it_was_steady_is_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(2)
    rig.take()
    rig.wait(1)
    rig.put(RED)
    rig.wait(2)
    rig.take()
    rig.wait(900)
    assert rig.heard() == []


def test_an_insertion_waits_for_its_identity(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(10)
    rig.slot(reading=True)
    rig.wait(5)
    assert rig.heard() == []
    rig.slot(reading=False, read_done=True, identifiers=RED)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_an_insertion_bears_the_time_it_first_showed(rig: Rig) -> None:
    rig.wait(100)
    rig.put_unread()
    rig.wait(10)
    rig.slot(read_done=True, identifiers=RED)
    assert rig.told_at() == [("inserted", 100.0)]


def test_a_read_that_ended_without_a_tag_ends_the_wait(rig: Rig) -> None:
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(2.5)
    assert rig.heard() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_a_tag_that_comes_a_report_after_the_read_is_not_missed(rig: Rig) -> None:
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(2)
    rig.slot(identifiers=RED)
    rig.wait(900)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_the_wait_for_identity_ends_after_thirty_seconds(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(29.9)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.heard() == [("inserted", 1, None)]


def test_the_wait_lasts_while_the_unit_reads_tags_but_not_for_ever(rig: Rig) -> None:
    rig.put_unread()
    rig.slot(2, present=True, reading=True)
    rig.wait(119.9)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.heard()[0] == ("inserted", 1, None)


def test_an_insertion_does_not_wait_where_reading_is_switched_off(rig: Rig) -> None:
    rig.say(reading_enabled=False)
    rig.put_unread()
    rig.wait(2.5)
    assert rig.heard() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_an_insertion_does_not_wait_for_a_tag_the_printer_cannot_read(rig: Rig) -> None:
    rig.put_unread(unreadable=True)
    rig.wait(2.5)
    assert rig.heard() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_a_name_left_over_from_the_last_spool_does_not_name_the_next(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)  # still names RED
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    assert rig.heard() == []
    rig.slot(read_done=True, identifiers=BLUE)
    assert rig.heard() == [("inserted", 1, "BLUE")]


def test_a_spool_put_back_is_named_once_its_tag_was_read_again(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    rig.slot(read_done=True)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_leftover_filament_is_not_reported_with_a_spool_nobody_could_name(
    rig: Rig,
) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(31)
    (inserted,) = rig.spool_events()
    assert "filament" not in inserted["meta"]


def test_a_spool_that_left_before_it_was_named_is_reported_in_and_out(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(5)
    rig.take()
    rig.wait(8)
    assert rig.told_at() == [("inserted", 0.0), ("removed", 5.0)]
    rig.wait(900)
    assert rig.heard() == []


def test_a_flicker_while_the_identity_is_awaited_is_nothing(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(5)
    rig.slot(present=False)
    rig.wait(3)
    rig.slot(present=True)
    rig.wait(3)
    rig.slot(read_done=True, identifiers=RED)
    rig.wait(900)
    assert rig.heard() == [("inserted", 1, "RED")]


# Slots that name spools in other ways, or not at all.


def test_a_slot_that_can_carry_no_identity_is_never_unknown() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    assert state_of(rig.states()[-1])["identifiers"] is None
    rig.slot(present=True)
    rig.wait(2.5)
    assert rig.heard() == [("inserted", 1, None)]
    rig.wait(900)
    assert rig.heard() == []


def test_where_software_names_spools_unknown_comes_with_the_insertion() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None)
    rig.slot(present=True)
    rig.wait(2.5)
    assert rig.heard() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_where_software_names_spools_the_changers_own_load_is_waited_for() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None)
    rig.unit(loading=True)
    rig.slot(present=True)
    rig.wait(4)
    assert rig.heard() == []
    rig.slot(identifiers=Identifiers(external_id="spoolman:8"))
    assert rig.heard() == [("inserted", 1, "spoolman:8")]


def test_a_load_that_never_ends_is_waited_for_five_seconds() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=True, read_done=None)
    rig.unit(loading=True)
    rig.slot(present=True)
    rig.wait(4.9)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.heard()[0] == ("inserted", 1, None)


def test_an_identity_assigned_by_software_is_a_state_whatever_it_becomes() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None, present=True)
    rig.events.clear()
    for identity in ("spoolman:7", "spoolman:8", None):
        rig.slot(identifiers=Identifiers(external_id=identity))
        (state,) = rig.states()
        assert state_of(state)["identifiers"]["external_id"] == identity
    rig.wait(900)
    assert rig.heard() == []


def test_a_slot_without_a_sensor_has_states_only() -> None:
    rig = Rig(units=0)
    rig.say(direct_slots=(Slot(slot_no=1, has_sensor=False, identifiable=False),))
    rig.events.clear()
    rig.say(
        direct_slots=(
            Slot(
                slot_no=1,
                has_sensor=False,
                identifiable=False,
                filament=Filament(material="PETG"),
            ),
        )
    )
    rig.wait(900)
    (state,) = rig.states()
    assert state["direct_slots"][0]["filament"] == {"material": "PETG"}
    assert state["direct_slots"][0]["present"] is None


def test_a_direct_slot_says_so_in_its_events() -> None:
    rig = Rig(units=0)
    rig.say(direct_slots=(Slot(slot_no=1, present=False, identifiable=False),))
    rig.say(direct_slots=(Slot(slot_no=1, present=True, identifiable=False),))
    rig.wait(3)
    inserted = rig.spool_events()[0]
    assert inserted["slot"] == {
        "is_ams_slot": False,
        "ams_unit_no": None,
        "slot_no": 1,
        "slots_total": 1,
    }
    assert "unit" not in inserted["meta"]


def test_an_inlet_held_for_ten_seconds_counts_as_present() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    rig.slot(present=None, inlet=True)
    rig.wait(9.9)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.told_at() == [("inserted", 0.0)]


def test_an_inlet_counts_as_present_at_whatever_second_it_was_reached() -> None:
    rig = Rig(slots=1)
    rig.say()
    rig.wait(6.4)
    assert (rig.clock.monotonic() + 10) - rig.clock.monotonic() < 10  # rounded
    rig.slot(present=None, inlet=True, identifiable=False)
    rig.wait(60)
    assert rig.heard() == [("inserted", 1, None)]


def test_an_inlet_let_go_before_ten_seconds_is_nothing() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    rig.slot(present=None, inlet=True)
    rig.wait(9)
    rig.slot(present=None, inlet=False)
    rig.wait(900)
    assert rig.heard() == []


# None: nothing said.


def test_nothing_said_of_presence_keeps_the_last_truth(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=None)
    rig.wait(900)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.heard() == []


def test_present_after_nothing_said_is_an_insertion_only_after_absence(
    rig: Rig,
) -> None:
    rig.slot(present=None)
    rig.put(RED)
    rig.wait(3)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_presence_first_said_later_is_no_insertion() -> None:
    rig = Rig()
    rig.slot(present=None)
    rig.put(RED)
    rig.wait(900)
    assert rig.heard() == []


def test_an_absence_that_is_no_longer_said_is_not_confirmed(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(7)
    rig.slot(present=None)
    rig.wait(900)
    assert rig.heard() == []


def test_an_insertion_not_yet_steady_is_dropped_when_nothing_is_said(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(1)
    rig.slot(present=None)
    rig.wait(900)
    assert rig.heard() == []


# Unknown spools.


def test_unknown_comes_after_sixty_idle_seconds_without_a_read(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(59.9)
    assert rig.heard() == [("inserted", 1, None)]
    rig.wait(0.1)
    assert rig.heard() == [("unknown_spool_detected", 1, None)]
    rig.wait(900)
    assert rig.heard() == []


def test_a_read_elsewhere_in_the_unit_begins_the_sixty_seconds_anew(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(50)
    rig.slot(2, reading=True)
    rig.wait(20)
    rig.slot(2, reading=False)
    rig.events.clear()
    rig.wait(59.9)
    assert rig.heard() == []
    rig.wait(0.1)
    assert rig.heard() == [("unknown_spool_detected", 1, None)]


def test_unknown_waits_while_the_unit_feeds_a_print(rig: Rig) -> None:
    rig.say(printing=True)
    rig.unit(feeding=True)
    rig.put_unread()
    rig.wait(3600)
    assert rig.heard() == [("inserted", 1, None)]
    rig.unit(feeding=False)
    rig.wait(60)
    assert rig.heard() == [("unknown_spool_detected", 1, None)]


def test_unknown_is_called_off_by_an_identity_that_comes_later(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(40)
    rig.events.clear()
    rig.slot(identifiers=RED, read_done=True)
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:RED"
    rig.wait(900)
    assert rig.heard() == []


def test_a_removed_spool_is_no_longer_unknown(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(31)
    rig.take()
    rig.wait(900)
    assert rig.heard() == [("inserted", 1, None), ("removed", 1, None)]


def test_a_restart_does_not_forget_an_unknown_spool_that_was_not_reported() -> None:
    at = datetime(2025, 12, 31, tzinfo=UTC)
    rig = Rig(stored=(stored(present=True, inserted_at=at), stored(2, present=False)))
    rig.put_unread()
    rig.wait(60)
    assert rig.heard() == [("unknown_spool_detected", 1, None)]


def test_a_restart_does_not_repeat_an_unknown_spool() -> None:
    at = datetime(2025, 12, 31, tzinfo=UTC)
    rig = Rig(
        stored=(
            stored(present=True, inserted_at=at, unknown_reported=True),
            stored(2, present=False),
        )
    )
    rig.put_unread()
    rig.wait(900)
    assert rig.heard() == []


def test_insert_and_unknown_of_one_spool_share_their_correlation(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(60)
    inserted, unknown = rig.spool_events()
    assert inserted["meta"]["correlation_id"] == unknown["meta"]["correlation_id"]


# Removal.


def test_a_removal_is_reported_with_the_last_identity_once_confirmed(rig: Rig) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(7.9)
    assert rig.events == []
    rig.wait(0.1)
    (removed,) = rig.spool_events()
    assert removed["event_type"] == "spool_removed"
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"] == {
        "source": "live",
        "detected_late": False,
        "offline_since": None,
        "slot_label": "A1",
        "correlation_id": removed["meta"]["correlation_id"],
        "unit": {"model": "AMS", "serial": SERIAL, "label": "A"},
        "filament": {"material": "PLA"},
    }
    assert removed["event_at"] == "2026-01-01T00:00:10Z"


def test_a_slot_that_feeds_a_print_runs_out(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.say(printing=True)
    rig.slot(active=True)
    rig.events.clear()
    rig.take(active=False)
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["reason"] == "runout"


def test_a_slot_that_feeds_nothing_is_merely_emptied(rig: Rig) -> None:
    rig.put(RED)
    rig.put(BLUE, 2, active=True)
    rig.wait(10)
    rig.say(printing=True)
    rig.events.clear()
    rig.take(1)
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_two_slots_confirm_apart_from_each_other(rig: Rig) -> None:
    rig.put(RED, 1)
    rig.wait(1)
    rig.put(BLUE, 2)
    rig.wait(10)
    assert rig.heard() == [("inserted", 1, "RED"), ("inserted", 2, "BLUE")]
    rig.take(2)
    rig.wait(1)
    rig.take(1)
    rig.wait(10)
    assert rig.heard() == [("removed", 2, "BLUE"), ("removed", 1, "RED")]


# Flickers and exchanged spools.


@pytest.mark.parametrize("spool", [RED, None], ids=["identified", "unidentified"])
def test_a_spool_that_flickers_is_nothing(rig: Rig, spool: Identifiers | None) -> None:
    rig.put(spool)
    rig.wait(100)
    rig.events.clear()
    for _ in range(5):
        rig.slot(present=False)
        rig.wait(7.9)
        rig.slot(present=True)
        rig.wait(1)
    rig.wait(900)
    assert rig.heard() == []


def test_another_spool_after_a_short_absence_is_a_removal_and_an_insertion(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(identifiers=BLUE, reading=False, read_done=True)
    rig.wait(10)
    removed, inserted = rig.events
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["event_at"] == "2026-01-01T00:00:10Z"
    assert inserted["identifiers"]["external_id"] == "bambulab:BLUE"
    assert inserted["event_at"] == "2026-01-01T00:00:15Z"
    assert inserted["meta"]["source"] == "live"


def test_the_same_spool_after_a_short_absence_is_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(identifiers=RED, reading=False, read_done=True)
    rig.wait(900)
    assert rig.heard() == []


def test_a_spool_without_a_tag_after_a_short_absence_is_an_exchange(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(5)
    assert rig.heard() == [
        ("removed", 1, "RED"),
        ("inserted", 1, None),
        ("unknown_spool_detected", 1, None),
    ]


def test_a_read_that_ended_as_the_spool_was_pulled_says_nothing_of_the_next(
    rig: Rig,
) -> None:
    rig.put_unread(reading=True)
    rig.wait(1)
    rig.slot(present=False, reading=False)
    rig.wait(3)
    rig.put_unread(reading=False)
    rig.wait(4)
    assert rig.heard() == []
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=RED)
    rig.wait(900)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_a_known_spool_pulled_while_it_was_read_again_is_held(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False, reading=True)
    rig.wait(2)
    rig.events.clear()
    rig.slot(present=False, reading=False)
    rig.wait(3)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.heard() == []


def test_an_unread_spool_after_a_short_absence_is_held_for_the_same(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread()
    rig.wait(900)
    assert rig.heard() == []


def test_another_tag_without_an_absence_is_an_exchange_once_steady(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=BLUE)
    rig.wait(4.9)
    assert rig.events == []
    rig.wait(0.1)
    assert rig.heard() == [("removed", 1, "RED"), ("inserted", 1, "BLUE")]


def test_another_tag_that_does_not_stay_is_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    for _ in range(3):
        rig.slot(identifiers=BLUE)
        rig.wait(4)
        rig.slot(identifiers=RED)
        rig.wait(4)
    rig.wait(900)
    assert rig.events == []


def test_an_identity_that_goes_missing_while_watched_is_held(rig: Rig) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=NO_IDENTIFIERS, filament=None, read_done=False)
    rig.wait(10)
    rig.slot(read_done=True)
    rig.wait(900)
    assert rig.events == []


def test_the_other_chip_of_the_same_spool_is_a_state(rig: Rig) -> None:
    rig.put(tag("RED", chip="CHIP1"))
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=tag("RED", chip="CHIP2"))
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["rfid_uid"] == "CHIP2"


# After a gap.


def test_an_equal_slot_after_a_gap_is_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.say()
    rig.wait(900)
    assert rig.events == []


def test_what_changed_in_a_gap_is_reported_late(rig: Rig) -> None:
    rig.put(RED, 1)
    rig.wait(10)
    rig.events.clear()
    rig.tracker.disconnected()
    rig.wait(100)
    with rig.at_once():
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


def test_a_spool_exchanged_in_a_gap_is_reported_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.put(BLUE)
    rig.wait(5)
    told = rig.spool_events()
    assert [event["event_type"] for event in told] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert all(event["meta"]["detected_late"] for event in told)


def test_a_tagged_spool_exchanged_in_a_gap_for_one_without_is_told_once_read(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False)
    rig.wait(600)
    assert rig.heard() == []  # unread: held
    rig.slot(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(5)
    told = rig.spool_events()
    assert [event["event_type"] for event in told] == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]
    assert all(event["meta"]["detected_late"] for event in told)


def test_an_identity_lost_in_a_gap_is_held_where_nothing_is_read(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.say(reading_enabled=False)
    rig.events.clear()
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=True)
    rig.wait(900)
    assert rig.heard() == []


def test_tags_read_one_by_one_after_a_power_up_change_nothing(rig: Rig) -> None:
    rig.put(RED, 1, filament=Filament(material="PLA"))
    rig.put(BLUE, 2)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    with rig.at_once():
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
    assert rig.heard() == []


def test_a_read_that_a_power_cut_broke_off_has_not_ended_without_a_tag(
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
    assert rig.heard() == []


def test_an_exchange_the_connection_broke_in_upon_is_told_late(rig: Rig) -> None:
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
    rig.say()
    rig.wait(5)
    told = rig.spool_events()
    assert [event["event_type"] for event in told] == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]
    assert all(event["meta"]["detected_late"] for event in told)


def test_what_still_waited_when_the_connection_broke_is_compared_after_it(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(7)
    rig.outage()
    assert rig.heard() == []
    rig.say()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is True


def test_a_flicker_of_what_was_learnt_late_stays_late(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.take()
    rig.wait(3)
    rig.put(BLUE)
    rig.wait(10)
    told = rig.spool_events()
    assert [event["event_type"] for event in told] == [
        "spool_removed",
        "spool_inserted",
    ]
    assert all(event["meta"]["detected_late"] for event in told)


def test_a_change_after_an_equal_slot_is_live_again(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.say()
    rig.wait(60)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is False


def test_a_restart_compares_with_what_the_store_handed_over() -> None:
    last_seen = datetime(2025, 12, 31, 12, tzinfo=UTC)
    rig = Rig(
        stored=(
            stored(present=True, identifiers=RED),
            stored(2, present=True, identifiers=BLUE),
        ),
        last_seen=last_seen,
    )
    with rig.at_once():
        rig.take(1)
        rig.put(BLUE, 2)
    rig.wait(900)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"]["offline_since"] == "2025-12-31T12:00:00Z"


def test_a_restart_with_nothing_changed_says_nothing() -> None:
    rig = Rig(
        stored=(
            stored(present=True, identifiers=RED, active=False),
            stored(2, present=False, active=False),
        )
    )
    rig.slot(1, present=True, identifiers=RED, read_done=True)
    rig.wait(900)
    assert rig.heard() == []


def test_a_late_event_without_a_memory_of_when_says_so() -> None:
    rig = Rig(stored=(stored(present=True, identifiers=RED),))
    rig.say()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["offline_since"] is None


def test_frozen_values_are_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    with rig.at_once():
        rig.take()
        rig.say(frozen=True)
    rig.wait(900)
    assert rig.events == []
    rig.say(frozen=False)
    rig.wait(8)
    assert rig.spool_events()[0]["meta"]["detected_late"] is True


def test_a_lost_connection_says_nothing(rig: Rig) -> None:
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


# Drying.


def test_bits_that_drop_while_a_unit_dries_say_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.unit(drying=True)
    rig.slot(present=None)
    rig.wait(8 * 3600)
    rig.unit(drying=False)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.heard() == []


def test_bits_that_drop_just_before_the_drying_is_said_say_nothing(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False)
    rig.wait(7)
    rig.unit(drying=True)
    rig.wait(900)
    assert rig.heard() == []


def test_a_spool_taken_while_its_unit_dried_is_reported_once_the_unit_is_still(
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
    rig.put(BLUE, 2)  # a bit changed: not still
    rig.wait(599)
    assert rig.heard() == [("inserted", 2, "BLUE")]
    rig.wait(1)
    (removed,) = rig.spool_events()
    assert removed["identifiers"]["external_id"] == "bambulab:RED"
    assert removed["meta"]["detected_late"] is True
    assert removed["meta"]["offline_since"] == "2026-01-01T00:00:10Z"


def test_filament_back_at_the_feeder_after_drying_is_the_same_spool(rig: Rig) -> None:
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
    assert rig.heard() == []


def test_a_spool_put_into_a_drying_unit_is_an_insertion(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.slot(present=None)
    rig.wait(100)
    rig.put(RED)
    rig.wait(3)
    assert rig.heard() == [("inserted", 1, "RED")]


def test_a_spool_named_only_after_drying_pulled_it_back_is_held_like_the_others(
    rig: Rig,
) -> None:
    rig.put_unread(reading=True)
    rig.wait(5)
    with rig.at_once():
        rig.unit(drying=True)
        rig.slot(present=None)
    rig.wait(5)
    rig.slot(identifiers=RED, reading=False, read_done=True)
    rig.wait(3600)
    assert rig.heard() == [("inserted", 1, "RED")]
    with rig.at_once():
        rig.unit(drying=False)
        rig.slot(present=False)
    rig.wait(500)
    rig.slot(present=True)
    rig.wait(3600)
    assert rig.heard() == []


def test_a_spool_is_not_unknown_before_it_is_inserted(rig: Rig) -> None:
    rig.unit(drying=True)
    rig.outage()
    rig.put_unread(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(600)
    rig.unit(drying=False)
    rig.wait(900)
    assert rig.told_at() == [("inserted", 705.0), ("unknown_spool_detected", 705.0)]


def test_a_drying_unit_is_not_compared_after_a_gap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.unit(drying=True)
    rig.events.clear()
    rig.outage()
    with rig.at_once():
        rig.slot(1, present=None)
        rig.put(BLUE, 2)
    rig.wait(900)
    assert rig.heard() == []
    rig.unit(drying=False)
    rig.wait(3)
    (inserted,) = rig.spool_events()
    assert inserted["slot"]["slot_no"] == 2
    assert inserted["meta"]["detected_late"] is True


def test_filament_not_back_from_drying_is_waited_for_beyond_an_outage(rig: Rig) -> None:
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
    rig.say()
    rig.wait(500)
    rig.put(RED)
    rig.wait(3600)
    assert rig.heard() == []


def test_a_restart_remembers_that_a_unit_was_drying() -> None:
    slot = stored(present=True, identifiers=RED)
    assert slot.unit is not None
    drying = replace(slot, unit=replace(slot.unit, drying=True))
    rig = Rig(stored=(drying,))
    rig.say()  # no longer drying, the filament not back yet
    rig.wait(599)
    assert rig.heard() == []
    rig.wait(1)
    assert rig.heard() == [("removed", 1, "RED")]


def test_a_chip_read_without_its_spool_does_not_take_the_identity_away(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=Identifiers(rfid_uid=RED.rfid_uid, vendor_tag=RED.vendor_tag))
    rig.wait(900)
    assert rig.events == []


def test_an_identity_held_before_a_gap_is_held_after_it(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.say()
    rig.wait(900)
    assert rig.events == []


def test_a_spool_first_seen_in_a_drying_unit_is_believed() -> None:
    rig = Rig()
    with rig.at_once():
        rig.unit(drying=True)
        rig.put(RED, 1)
        rig.slot(2, present=None)
    (state,) = rig.states()
    assert state_of(state, 1)["present"] is True
    assert state_of(state, 2)["present"] is None


def test_what_software_gives_a_tagged_spool_is_a_state(rig: Rig) -> None:
    chip = Identifiers(rfid_uid="04A1")
    rig.put(chip, external_assigned=True)
    rig.wait(10)
    rig.events.clear()
    for spool in ("spoolman:7", "spoolman:8", None):
        rig.slot(identifiers=chip.model_copy(update={"external_id": spool}))
        (state,) = rig.states()
        assert state_of(state)["identifiers"] == {
            "rfid_uid": "04A1",
            "external_id": spool,
            "vendor_tag": None,
        }
    rig.wait(900)
    assert rig.events == []


def test_another_tag_under_the_same_software_identity_is_an_exchange(rig: Rig) -> None:
    rig.put(
        Identifiers(rfid_uid="04A1", external_id="spoolman:7"), external_assigned=True
    )
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=Identifiers(rfid_uid="04B2", external_id="spoolman:7"))
    rig.wait(5)
    assert [event["identifiers"]["rfid_uid"] for event in rig.spool_events()] == [
        "04A1",
        "04B2",
    ]
