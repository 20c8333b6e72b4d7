"""The identity of a present spool: kept, accepted, or changed by a swap."""

from custom_components.filament_slots.model import NO_IDENTIFIERS, Filament, Identifiers

from .tracker_rig import BLUE, RED, Rig, state_of, tag


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


def test_a_swap_long_after_a_flicker_is_not_dated_by_it(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(present=False)
    rig.wait(1)
    rig.slot(present=True)  # and the name stands: nothing is read
    rig.slot(read_stands=True, identifiers=NO_IDENTIFIERS)
    rig.wait(200)
    rig.changes()

    rig.slot(read_done=False, read_stands=False)
    rig.wait(30)
    rig.slot(read_done=True, identifiers=BLUE)
    rig.wait(10)

    assert rig.changes_at() == [("removed", 241), ("inserted", 241)]


def test_a_swap_between_two_reports_is_not_dated_by_a_flicker_long_before(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.outage()
    rig.slot(read_done=False, identifiers=NO_IDENTIFIERS)
    rig.slot(present=False)
    rig.wait(1)
    rig.slot(present=True)
    rig.wait(200)
    rig.changes()

    rig.slot(reading=True)
    rig.wait(30)
    rig.slot(reading=False, read_done=True, identifiers=BLUE)
    rig.wait(10)

    assert rig.changes_at() == [("removed", 341), ("inserted", 341)]


def test_the_same_spool_after_a_short_absence_is_no_change(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(identifiers=RED, reading=False, read_done=True)
    rig.wait(900)
    assert rig.changes() == []


def test_a_spool_without_a_tag_after_a_short_absence_is_a_swap(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread(reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(5)
    assert rig.changes() == [
        ("removed", 1, "RED"),
        ("inserted", 1, None),
        ("unknown_spool_detected", 1, None),
    ]


def test_a_read_that_ended_with_the_removal_does_not_count_for_the_next_spool(
    rig: Rig,
) -> None:
    rig.put_unread(reading=True)
    rig.wait(1)
    rig.slot(present=False, reading=False)
    rig.wait(3)
    rig.put_unread(reading=False)
    rig.wait(4)
    assert rig.changes() == []
    rig.slot(reading=True)
    rig.wait(5)
    rig.slot(reading=False, read_done=True, identifiers=RED)
    rig.wait(900)
    assert rig.changes() == [("inserted", 1, "RED")]


def test_an_identity_is_kept_over_a_short_absence_during_a_read(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False, reading=True)
    rig.wait(2)
    rig.events.clear()
    rig.slot(present=False, reading=False)
    rig.wait(3)
    rig.slot(present=True)
    rig.wait(900)
    assert rig.changes() == []


def test_an_identity_is_kept_over_a_short_absence_without_a_read(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put_unread()
    rig.wait(900)
    assert rig.changes() == []


def test_another_tag_without_an_absence_is_a_swap_after_five_seconds(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=BLUE)
    rig.wait(4.9)
    assert rig.events == []
    rig.wait(0.1)
    assert rig.changes() == [("removed", 1, "RED"), ("inserted", 1, "BLUE")]


def test_another_tag_for_less_than_five_seconds_is_no_swap(rig: Rig) -> None:
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


def test_an_identity_that_is_no_longer_reported_is_kept(rig: Rig) -> None:
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


def test_a_chip_reported_without_its_spool_keeps_the_identity(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=Identifiers(rfid_uid=RED.rfid_uid, vendor_tag=RED.vendor_tag))
    rig.wait(900)
    assert rig.events == []


def test_another_tag_after_a_short_absence_is_a_swap_after_the_settle_time(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.put(BLUE)
    rig.wait(2.4)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes_at() == [("removed", 10.0), ("inserted", 15.0)]


def test_a_swap_reports_the_filament_of_both_spools(rig: Rig) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.events.clear()
    rig.put(BLUE, filament=Filament(material="PETG"))
    rig.wait(5)
    assert [event["meta"]["filament"] for event in rig.spool_events()] == [
        {"material": "PLA"},
        {"material": "PETG"},
    ]


def test_a_spool_whose_tag_is_not_found_again_keeps_its_identity(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False, reading=True)
    rig.wait(10)
    rig.slot(reading=False, read_done=True)
    rig.wait(900)
    assert rig.events == []
