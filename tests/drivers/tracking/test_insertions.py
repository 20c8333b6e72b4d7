"""Insertions: when one is confirmed, and how long it waits for its identity."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.model import NO_IDENTIFIERS, Filament, Identifiers

from .tracker_rig import BLUE, RED, Rig


def test_an_insertion_is_confirmed_after_it_held_for_the_settle_time(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(2.4)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("inserted", 1, "RED")]
    rig.wait(900)
    assert rig.changes() == []


def test_presence_shorter_than_the_settle_time_is_no_insertion(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(2)
    rig.take()
    rig.wait(1)
    rig.put(RED)
    rig.wait(2)
    rig.take()
    rig.wait(900)
    assert rig.changes() == []


def test_an_insertion_waits_for_its_identity(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(10)
    rig.slot(reading=True)
    rig.wait(5)
    assert rig.changes() == []
    rig.slot(reading=False, read_done=True, identifiers=RED)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_an_insertion_has_the_time_of_its_first_report(rig: Rig) -> None:
    rig.wait(100)
    rig.put_unread()
    rig.wait(10)
    rig.slot(read_done=True, identifiers=RED)
    assert rig.changes_at() == [("inserted", 100.0)]


def test_a_read_that_ends_without_a_tag_ends_the_wait(rig: Rig) -> None:
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_a_tag_reported_shortly_after_the_read_ended_is_used(rig: Rig) -> None:
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(2)
    rig.slot(identifiers=RED)
    rig.wait(900)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_the_wait_for_identity_ends_after_thirty_seconds(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(29.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("inserted", 1, None)]


def test_the_wait_lasts_two_minutes_while_the_unit_reads_tags(rig: Rig) -> None:
    rig.put_unread()
    rig.slot(2, present=True, reading=True)
    rig.wait(119.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes()[0] == ("inserted", 1, None)


def test_the_wait_lasts_two_minutes_while_another_unit_reads_tags() -> None:
    rig = Rig(units=2)
    rig.report()
    rig.put_unread()
    rig.slot(unit_no=2, reading=True)  # a printer reads one tag at a time
    rig.wait(119.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes() == [("inserted", 1, None)]


def test_the_wait_goes_on_between_the_reads_of_two_other_slots(rig: Rig) -> None:
    rig.put_unread()
    rig.slot(2, present=True, reading=True)
    rig.wait(40)
    rig.slot(2, reading=False, read_done=True, identifiers=BLUE)
    rig.wait(29)
    rig.slot(reading=True)
    assert rig.changes() == [("inserted", 2, "BLUE")]
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=RED)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_an_insertion_does_not_wait_where_reading_is_switched_off(rig: Rig) -> None:
    rig.report(reading_enabled=False)
    rig.put_unread()
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_an_insertion_does_not_wait_for_an_unreadable_tag(rig: Rig) -> None:
    rig.put_unread(unreadable=True)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_an_unreadable_tag_that_was_reported_before_the_insertion_is_another_spools(
    rig: Rig,
) -> None:
    rig.put_unread(unreadable=True)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.put_unread()
    rig.wait(3)
    rig.slot(reading=True)
    rig.wait(5)
    assert rig.changes() == []
    rig.slot(reading=False, read_done=True, identifiers=RED)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_an_unreadable_tag_that_was_reported_before_a_gap_proves_nothing_after_it(
    rig: Rig,
) -> None:
    rig.put_unread(unreadable=True)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.put_unread()
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(read_done=True, identifiers=RED)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_an_unreadable_tag_proves_nothing_while_the_slot_is_read_again(
    rig: Rig,
) -> None:
    rig.put_unread(unreadable=True, reading=True)
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(reading=False, unreadable=False, read_done=True, identifiers=RED)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_the_identity_of_a_removed_spool_is_not_given_to_the_next(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)  # still reports RED
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(read_done=True, identifiers=BLUE)
    assert rig.changes() == [("inserted", 1, "BLUE")]


def test_a_spool_put_back_has_its_identity_once_its_tag_was_read_again(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(20)
    rig.slot(read_done=True)
    rig.wait(2.5)  # the name may follow the bits, one report later
    assert rig.changes() == [("inserted", 1, "RED")]


def test_the_filament_of_a_removed_spool_is_not_given_to_the_next(
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


def test_a_spool_removed_before_it_was_identified_is_inserted_and_removed(
    rig: Rig,
) -> None:
    rig.put_unread()
    rig.wait(5)
    rig.take()
    rig.wait(8)
    assert rig.changes_at() == [("inserted", 0.0), ("removed", 5.0)]
    rig.wait(900)
    assert rig.changes() == []


def test_a_short_absence_does_not_end_the_wait_for_an_identity(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(5)
    rig.slot(present=False)
    rig.wait(3)
    rig.slot(present=True)
    rig.wait(3)
    rig.slot(read_done=True, identifiers=RED)
    rig.wait(900)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_a_held_inlet_counts_as_present_after_ten_seconds() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    rig.slot(present=None, inlet=True)
    rig.wait(9.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes_at() == [("inserted", 0.0)]


def test_a_held_inlet_counts_as_present_in_spite_of_rounding() -> None:
    rig = Rig(slots=1)
    rig.report()
    rig.wait(6.4)
    assert (rig.clock.monotonic() + 10) - rig.clock.monotonic() < 10  # rounded
    rig.slot(present=None, inlet=True, identifiable=False)
    rig.wait(60)
    assert rig.changes() == [("inserted", 1, None)]


def test_an_inlet_held_for_less_than_ten_seconds_is_no_insertion() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    rig.slot(present=None, inlet=True)
    rig.wait(9)
    rig.slot(present=None, inlet=False)
    rig.wait(900)
    assert rig.changes() == []


def test_a_spool_removed_as_its_presence_settles_is_inserted_and_removed(
    rig: Rig,
) -> None:
    rig.put_unread()
    rig.wait(2.5)
    rig.take()
    rig.wait(8)
    assert rig.changes_at() == [("inserted", 0.0), ("removed", 2.5)]


def test_an_empty_slot_has_neither_identity_nor_filament_whatever_is_reported(
    rig: Rig,
) -> None:
    rig.slot(identifiers=RED, read_done=True, filament=Filament(material="PLA"))
    rig.wait(900)
    assert rig.events == []


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (BLUE, [("inserted", "RED"), ("removed", "RED"), ("inserted", "BLUE")]),
        (RED, [("inserted", "RED")]),
    ],
)
def test_a_spool_named_before_a_silence_is_inserted_though_another_one_follows(
    rig: Rig, after: Identifiers, changes: list[tuple[str, str]]
) -> None:
    rig.put(RED)
    rig.silence(20)
    for held_up in (
        replace(rig.snapshot),
        _with_slot(rig, present=False, identifiers=NO_IDENTIFIERS, read_done=False),
        _with_slot(rig, present=True, identifiers=NO_IDENTIFIERS, reading=True),
    ):
        rig.tracker.observe(held_up, held_up=True)
    rig.slot(reading=False, present=True, read_done=True, identifiers=after)
    rig.wait(10)
    assert [(kind, name) for kind, _, name in rig.changes()] == changes


def test_a_spool_named_before_a_silence_is_removed_though_another_one_was_there(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.silence(20)
    gone = _with_slot(rig, present=False, identifiers=NO_IDENTIFIERS, read_done=False)
    rig.tracker.observe(gone, held_up=True)
    rig.tracker.observe(_with_slot(rig, identifiers=BLUE), held_up=True)
    rig.report(units=gone.units)
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


def test_a_spool_whose_presence_was_not_reported_before_it_left_has_its_name(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.silence(20)
    for present in (None, False):
        rig.tracker.observe(_with_slot(rig, present=present), held_up=True)
    rig.slot(present=False)
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


def test_a_spool_that_was_named_at_the_inlet_is_inserted_with_its_name() -> None:
    rig = Rig()
    rig.report()
    rig.wait(1)
    rig.events.clear()
    rig.slot(present=None, inlet=True, identifiers=RED, reads_tags=False)
    rig.silence(15)
    rig.tracker.observe(rig.snapshot, held_up=True)
    rig.slot(present=False, inlet=False)
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


def _with_slot(rig: Rig, **changes: Any) -> Snapshot:
    """Return what the rig's printer would report of its first slot."""
    (unit,) = rig.snapshot.units
    first, *others = unit.slots
    slots = (replace(first, **changes), *others)
    return replace(rig.snapshot, units=(replace(unit, slots=slots),))
