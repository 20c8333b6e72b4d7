"""A printer names a slot as the spool before until the new one has been read."""

import pytest

from custom_components.filament_slots.drivers.snapshot import Slot
from custom_components.filament_slots.drivers.timings import Timings
from custom_components.filament_slots.drivers.tracking.tag_reads import TagReads
from custom_components.filament_slots.model import (
    NO_IDENTIFIERS,
    Filament,
    Identifiers,
    StoredSlot,
)

from .tracker_rig import BLUE, RED, Rig, state_of, stored_slot, tag

EMPTY = stored_slot(2, present=False)


def restarted(slot: StoredSlot) -> Rig:
    """Return a rig after a restart that found these slots in the store."""
    return Rig(stored=(slot, EMPTY))


def swap_for_an_untagged_spool(rig: Rig, shown: Identifiers = NO_IDENTIFIERS) -> None:
    """Exchange RED within eight seconds; the read of the new spool ends now."""
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True, identifiers=shown)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)


def test_a_spool_inserted_after_a_restart_is_not_named_as_the_one_before() -> None:
    rig = restarted(stored_slot(present=False))
    rig.slot(identifiers=RED)  # empty, and named all the same
    rig.wait(60)
    rig.slot(present=True)
    rig.wait(20)
    assert rig.changes() == []
    rig.slot(read_done=True, identifiers=BLUE)
    assert rig.changes() == [("inserted", 1, "BLUE")]


def test_an_insertion_found_after_a_restart_is_not_named_as_the_spool_before() -> None:
    rig = restarted(stored_slot(present=False, departed=RED))
    rig.put_unread(identifiers=RED, filament=Filament(material="PLA"))
    rig.wait(31)
    (inserted,) = rig.spool_events()
    assert inserted["identifiers"] == NO_IDENTIFIERS.model_dump()
    assert "filament" not in inserted["meta"]
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:BLUE"


def test_a_spool_that_was_never_read_takes_no_name_from_a_restart() -> None:
    rig = restarted(stored_slot(present=True, departed=RED))
    rig.put_unread(identifiers=RED, filament=Filament(material="PLA"))
    rig.wait(900)
    for state in rig.states():
        assert state_of(state)["identifiers"] == NO_IDENTIFIERS.model_dump()
        assert state_of(state)["filament"] is None


def test_a_spool_that_was_never_read_takes_no_name_while_the_unit_dries(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True)
    rig.wait(1)
    rig.unit(drying=True)
    rig.wait(60)
    assert rig.changes()[0] == ("inserted", 1, None)
    rig.unit(drying=False)
    rig.wait(900)
    rig.outage()
    rig.report()
    rig.wait(900)
    assert not any(
        state_of(state)["identifiers"]["external_id"] for state in rig.states()
    )


def test_a_name_that_was_not_read_is_not_accepted_at_the_first_start() -> None:
    rig = Rig()
    rig.put_unread(identifiers=RED)
    rig.wait(60)
    (state,) = rig.states()
    assert state_of(state)["identifiers"] == NO_IDENTIFIERS.model_dump()
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(2.5)
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:RED"


def test_another_name_counts_once_it_was_read(rig: Rig) -> None:
    rig.put_unread(identifiers=BLUE)  # the tray is reported a moment before its bits
    rig.wait(4)
    assert rig.changes() == []
    rig.slot(read_done=True)
    assert rig.changes() == [("inserted", 1, "BLUE")]


def test_the_name_before_is_not_believed_in_the_report_that_ends_the_read(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True, reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)  # the tray follows one report later
    rig.wait(1)
    rig.slot(identifiers=BLUE)
    rig.wait(900)
    assert rig.changes() == [("inserted", 1, "BLUE")]


def test_after_a_restart_of_the_printer_without_reading_the_last_name_is_held() -> None:
    for shown in (RED, NO_IDENTIFIERS):
        rig = restarted(stored_slot(present=True, identifiers=RED))
        rig.slot(present=True, read_done=True, read_stands=True, identifiers=shown)
        rig.wait(900)
        assert rig.changes() == []


def test_after_a_restart_of_the_printer_without_reading_another_name_is_believed() -> (
    None
):
    rig = restarted(stored_slot(present=True, identifiers=RED))
    rig.slot(present=True, read_done=True, read_stands=True, identifiers=BLUE)
    rig.wait(5)
    events = rig.spool_events()
    assert [event["identifiers"]["external_id"] for event in events] == [
        "bambulab:RED",
        "bambulab:BLUE",
    ]
    assert all(event["meta"]["detected_late"] for event in events)


def test_a_slot_filled_while_the_printer_was_off_is_named_by_the_next_read() -> None:
    rig = restarted(stored_slot(present=False, departed=RED))
    rig.slot(present=True, read_done=True, read_stands=True, identifiers=RED)
    rig.wait(31)
    assert rig.changes() == [("inserted", 1, None)]
    rig.slot(reading=True, read_done=False, read_stands=False)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(2.5)
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:RED"


def test_a_name_whose_read_is_not_known_is_the_one_before(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True, read_done=None, read_stands=True)
    rig.wait(31)
    assert rig.changes() == [("inserted", 1, None)]


@pytest.mark.parametrize("shown", [RED, tag("RED", "CHIP2")])
def test_the_name_before_does_not_hide_a_swap_for_a_spool_without_a_tag(
    rig: Rig, shown: Identifiers
) -> None:
    swap_for_an_untagged_spool(rig, shown)
    rig.wait(1)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(5)
    assert rig.changes() == [
        ("removed", 1, "RED"),
        ("inserted", 1, None),
        ("unknown_spool_detected", 1, None),
    ]


def test_a_swap_for_a_spool_without_a_tag_is_not_forgotten_by_a_flicker(
    rig: Rig,
) -> None:
    swap_for_an_untagged_spool(rig)
    rig.wait(3)
    rig.slot(present=False)
    rig.wait(1)
    rig.slot(present=True)
    rig.wait(5)
    assert rig.changes_at() == [
        ("removed", 10.0),
        ("inserted", 15.0),
        ("unknown_spool_detected", 25.0),
    ]


def test_a_swap_for_a_spool_without_a_tag_is_found_where_its_read_ends_in_a_flicker(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True, identifiers=RED)
    rig.wait(10)
    rig.take(reading=False)
    rig.wait(0.5)
    rig.put(None)
    rig.wait(5)
    assert [change[0] for change in rig.changes()] == [
        "removed",
        "inserted",
        "unknown_spool_detected",
    ]


def test_a_swap_for_a_spool_without_a_tag_is_found_where_a_flicker_follows_its_read(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(2)
    rig.put_unread(reading=True, identifiers=RED)
    rig.wait(10)
    rig.put(None, reading=False)
    rig.wait(2)
    rig.take()
    rig.wait(1)
    rig.put(None)
    rig.wait(5)
    assert [change[0] for change in rig.changes()] == [
        "removed",
        "inserted",
        "unknown_spool_detected",
    ]


def test_a_swap_for_a_spool_without_a_tag_is_not_forgotten_by_a_gap_after_a_flicker(
    rig: Rig,
) -> None:
    swap_for_an_untagged_spool(rig)
    rig.wait(3)
    rig.slot(present=False)
    rig.wait(1)
    rig.slot(present=True)
    rig.wait(0.5)
    rig.outage(10)
    rig.report()
    rig.wait(5)
    assert [change[0] for change in rig.changes()] == [
        "removed",
        "inserted",
        "unknown_spool_detected",
    ]


def test_a_spool_that_leaves_just_as_its_tag_was_read_was_not_read_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(30)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    rig.take()
    rig.wait(4)
    rig.put_unread()
    rig.wait(5)
    assert rig.changes() == []
    rig.slot(reading=True)
    rig.wait(5)
    rig.put(tag("GREEN"), reading=False)
    rig.wait(5)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "GREEN")]


def test_a_spool_put_back_that_leaves_just_as_it_was_read_was_not_read_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False, read_done=False)
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(30)
    rig.slot(reading=False, read_done=True)
    rig.take()
    rig.wait(4)
    rig.put_unread()
    rig.wait(5)
    assert rig.changes() == []
    rig.slot(reading=True)
    rig.wait(5)
    rig.put(BLUE, reading=False)
    rig.wait(5)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "BLUE")]


def test_a_spool_named_again_after_its_read_was_not_read_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False, read_stands=True)
    rig.wait(1)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    rig.events.clear()
    rig.put_unread(read_stands=False)
    rig.wait(1)
    rig.slot(reading=True)
    rig.wait(6)
    rig.slot(identifiers=RED)
    rig.wait(1)
    rig.slot(reading=False, read_done=True)
    rig.silence(5)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(1)
    rig.take()
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


@pytest.mark.parametrize("reports", [0, 1])
def test_a_swap_for_a_spool_without_a_tag_is_found_where_a_flicker_covers_its_read(
    rig: Rig, reports: int
) -> None:
    """Its end may be reported before the switch is closed again."""
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False, read_done=False)
    rig.wait(3)
    rig.slot(reading=True)
    rig.wait(3)
    for _ in range(reports):
        rig.slot(reading=False)
        rig.wait(1)
    rig.slot(present=True, reading=False, read_done=True, identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    assert rig.changes() == [
        ("removed", 1, "RED"),
        ("inserted", 1, None),
        ("unknown_spool_detected", 1, None),
    ]


def test_a_swap_for_a_spool_without_a_tag_is_found_where_the_name_is_held_up(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=False, read_done=False)
    rig.wait(3)
    rig.put_unread(reading=True)
    rig.wait(15)
    rig.slot(reading=False)
    rig.silence(30)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    assert rig.changes()[:2] == [("removed", 1, "RED"), ("inserted", 1, None)]


def test_a_flicker_after_a_read_with_a_tag_is_no_swap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.put_unread(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True)
    rig.wait(1)
    rig.events.clear()
    rig.slot(present=False)
    rig.wait(1)
    rig.slot(present=True, identifiers=NO_IDENTIFIERS)
    rig.wait(900)
    assert rig.changes() == []


def test_a_reader_that_reports_no_end_of_a_read_is_believed() -> None:
    reads = TagReads(Timings())
    rig = Rig()
    reads.departed = RED
    slot = Slot(slot_no=1, present=True, reads_tags=True, identifiers=RED)
    assert reads.names_present(slot, rig.tracker._now())[0]


def test_a_flicker_of_a_spool_that_was_not_read_since_a_restart_is_no_swap() -> None:
    rig = restarted(stored_slot(present=True, identifiers=RED))
    rig.slot(present=True, read_done=True, read_stands=True)
    rig.wait(60)
    rig.slot(present=False, read_done=False, read_stands=False)
    rig.wait(2)
    rig.slot(present=True, read_done=True)
    rig.wait(900)
    assert rig.changes() == []


@pytest.mark.parametrize("stands", [True, False])
def test_an_untagged_spool_that_seemed_gone_after_a_gap_is_another_if_it_was_read_then(
    *, stands: bool
) -> None:
    rig = restarted(stored_slot(present=True, identifiers=RED))
    rig.take()  # its switch is open for a moment
    rig.wait(2)
    rig.slot(present=True, read_done=True, read_stands=stands)
    rig.wait(5)
    assert [change[0] for change in rig.changes()][:2] == (
        [] if stands else ["removed", "inserted"]
    )


def test_the_name_before_counts_again_once_a_read_found_no_tag(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.put(None)
    rig.wait(60)
    rig.events.clear()
    rig.outage()
    rig.slot(identifiers=RED)  # put back and read meanwhile
    (state,) = rig.states()
    assert state_of(state)["identifiers"]["external_id"] == "bambulab:RED"


def test_a_swap_for_a_spool_without_a_tag_is_found_after_a_gap_that_proves_nothing(
    rig: Rig,
) -> None:
    swap_for_an_untagged_spool(rig)
    rig.wait(1)
    rig.tracker.disconnected()
    rig.outage(10)
    rig.slot(read_stands=True)
    rig.report()
    rig.wait(5)
    rig.report()
    assert [change[0] for change in rig.changes()][:2] == ["removed", "inserted"]


def test_a_name_that_stood_after_a_gap_and_is_gone_then_is_held() -> None:
    rig = restarted(stored_slot(present=True, identifiers=RED))
    rig.put(RED)
    rig.wait(8)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(900)
    assert rig.changes() == []


def test_a_kept_identity_does_not_take_the_filament_of_a_spool_without_a_tag(
    rig: Rig,
) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.slot(identifiers=NO_IDENTIFIERS, filament=Filament(material="PETG"))
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert removed["meta"]["filament"] == {"material": "PLA"}


def test_a_spool_removed_before_its_name_was_confirmed_is_inserted_with_it(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True, identifiers=RED)
    rig.silence(3)
    rig.take()
    rig.wait(8)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


def test_a_name_that_was_gone_was_read_where_it_is_shown_again(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.outage()
    rig.slot(present=True, read_done=True, read_stands=True, identifiers=RED)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_a_name_that_was_gone_counts_as_soon_as_its_read_has_ended(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.put_unread()
    rig.wait(3)
    rig.slot(reading=True)
    rig.wait(15)
    rig.slot(identifiers=RED)
    assert rig.changes() == []
    rig.slot(reading=False, read_done=True)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_a_name_that_was_gone_before_the_last_read_is_the_one_before_after_a_gap(
    rig: Rig,
) -> None:
    rig.put(RED)  # into a slot without a name
    rig.wait(10)
    rig.outage()
    rig.events.clear()
    rig.report()  # another one was read meanwhile: the tray follows one report later
    rig.wait(1)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.wait(10)
    assert rig.changes()[:2] == [("removed", 1, "RED"), ("inserted", 1, None)]


def test_a_name_that_an_empty_slot_showed_was_not_read(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.slot(identifiers=RED)
    rig.events.clear()
    rig.outage()
    rig.slot(present=True, read_done=True, read_stands=True)
    rig.wait(31)
    assert rig.changes() == [("inserted", 1, None)]


@pytest.mark.parametrize(("read", "name"), [(True, "RED"), (False, None)])
def test_a_spool_that_is_read_as_soon_as_it_is_back_has_the_name_of_the_empty_slot(
    *, read: bool, name: str | None
) -> None:
    rig = restarted(stored_slot(present=False))
    rig.slot(present=False, identifiers=RED)  # its switch is open for a moment
    rig.wait(4)
    rig.slot(present=True, read_done=read, read_stands=read)
    rig.wait(31)
    assert rig.changes() == [("inserted", 1, name)]


def test_a_name_found_on_a_slot_whose_tag_is_being_read_is_of_a_spool_before() -> None:
    rig = restarted(stored_slot(present=False))
    rig.slot(present=True, reading=True, identifiers=BLUE)
    rig.wait(4)
    rig.slot(reading=False, read_done=True)  # the tray follows one report later
    rig.wait(1)
    rig.slot(identifiers=RED)
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED")]


@pytest.mark.parametrize(("after", "name"), [(RED, "RED"), (BLUE, "BLUE")])
def test_a_name_that_stayed_after_a_read_up_to_a_gap_counts_after_it(
    rig: Rig, after: Identifiers, name: str
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.slot(identifiers=RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True, reading=True, identifiers=RED)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(1)
    rig.outage()
    rig.slot(read_stands=True, identifiers=after)
    rig.wait(40)
    assert rig.changes() == [("inserted", 1, name)]


def test_a_name_that_stayed_after_a_read_up_to_a_gap_counts_once_it_is_back(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.slot(identifiers=RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(present=True, reading=True, identifiers=RED)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(1)
    rig.outage()
    rig.slot(read_done=None, read_stands=True, identifiers=NO_IDENTIFIERS)
    rig.wait(5)
    rig.slot(identifiers=RED)
    rig.wait(5)
    rig.slot(read_done=True)
    rig.wait(40)
    assert rig.changes() == [("inserted", 1, "RED")]


@pytest.mark.parametrize("delay", [1, 16])
def test_a_spool_whose_name_is_gone_a_report_before_it_is_inserted_with_its_name(
    delay: float,
) -> None:
    rig = restarted(stored_slot(present=False))
    rig.put(RED)
    rig.silence(7)
    rig.slot(identifiers=NO_IDENTIFIERS)
    rig.silence(delay)
    rig.take()
    rig.wait(9)
    assert rig.changes() == [("inserted", 1, "RED"), ("removed", 1, "RED")]


def test_a_spool_that_leaves_before_it_was_read_has_not_the_name_of_the_one_before(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.put_unread(reading=True, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.take()
    rig.wait(9)
    inserted, removed = rig.spool_events()
    for event in (inserted, removed):
        assert event["identifiers"]["external_id"] is None
        assert event["meta"]["filament"] == {"material": "PLA"}


def test_a_spool_that_was_named_before_a_short_absence_is_inserted_with_its_name(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.take()
    rig.wait(10)
    rig.events.clear()
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True, identifiers=RED)
    rig.silence(3)
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(20)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    rig.wait(10)
    assert rig.changes() == [
        ("inserted", 1, "RED"),
        ("removed", 1, "RED"),
        ("inserted", 1, "BLUE"),
    ]


def test_a_spool_read_at_once_after_a_removal_is_the_one_that_only_seemed_removed(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    # Its switch was open for a moment, and the end of that was held up on its way.
    rig.slot(present=False, read_done=False, read_stands=True)
    rig.wait(10)
    rig.slot(present=True, read_done=True)
    rig.wait(40)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "RED")]


def test_a_spool_read_at_once_after_an_absence_keeps_a_name_that_was_not_its_own() -> (
    None
):
    rig = restarted(stored_slot(present=True, departed=RED))
    rig.slot(present=True, read_done=True, read_stands=True, identifiers=RED)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(4)
    rig.slot(present=True, read_done=True)
    rig.wait(10)
    rig.slot(present=False, read_done=False)
    rig.wait(10)
    assert rig.changes() == [("removed", 1, None)]
