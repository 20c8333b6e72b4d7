"""What is pending in a slot, since when, until when, and what it waits for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.filament_slots.drivers.explanation import SlotExplanation
from custom_components.filament_slots.drivers.timings import Timings
from custom_components.filament_slots.model import NO_IDENTIFIERS, iso_utc

from .tracker_rig import BLUE, RED, Rig, stored_slot

TIMINGS = Timings()
FAKE_START = datetime(2026, 1, 1, tzinfo=UTC)


def explained(rig: Rig, slot_no: int = 1) -> SlotExplanation:
    """Return the explanation of a slot."""
    (slot,) = (each for each in rig.tracker.explain() if each["slot_no"] == slot_no)
    return slot


def pending(rig: Rig) -> tuple[str, str] | None:
    """Return the only pending change of the first slot, and what it waits for."""
    changes = explained(rig)["pending"]
    if not changes:
        return None
    (change,) = changes
    return change["change"], change["waits_for"]


def times(rig: Rig) -> tuple[Any, Any]:
    """Return since when and until when the only change of the first slot waits."""
    (change,) = explained(rig)["pending"]
    return change["since"], change["until"]


def after(rig: Rig, seconds: float) -> str:
    """Return the time in so many seconds."""
    return iso_utc(rig.clock.now() + timedelta(seconds=seconds))


def test_a_slot_without_a_change_has_its_confirmed_state(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)

    slot = explained(rig)

    assert (slot["ams_unit_no"], slot["slot_no"]) == (1, 1)
    assert slot["unit_serial"] == rig.snapshot.units[0].serial
    assert slot["present"] is True
    assert slot["identifiers"]["external_id"] == "bambulab:RED"
    assert slot["departed"] is slot["not_observed"] is None
    assert slot["pending"] == []


def test_a_removal_waits_for_its_time(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.take()
    start = after(rig, 0)
    rig.wait(3)

    assert pending(rig) == ("removal", "time")
    assert times(rig) == (start, after(rig, TIMINGS.removal_confirm - 3))


def test_an_insertion_waits_for_its_time_and_then_for_the_tag(rig: Rig) -> None:
    rig.put_unread()
    start = after(rig, 0)
    assert pending(rig) == ("insertion", "time")
    assert times(rig) == (start, after(rig, TIMINGS.insert_settle))

    rig.wait(5)
    assert pending(rig) == ("insertion", "tag")
    assert times(rig) == (start, after(rig, TIMINGS.identity_wait - 5))


def test_an_insertion_waits_for_the_load_where_nothing_reads_tags(rig: Rig) -> None:
    with rig.one_report():
        rig.unit(loading=True)
        rig.slot(present=True, reads_tags=False, read_done=None)
    rig.wait(3)

    assert pending(rig) == ("insertion", "load")


def test_filament_at_the_inlet_is_an_insertion_that_waits_for_its_time(
    rig: Rig,
) -> None:
    rig.slot(present=None, inlet=True)

    assert pending(rig) == ("insertion", "time")
    assert times(rig) == (after(rig, 0), after(rig, TIMINGS.inlet_settle))


def test_an_unidentified_spool_waits_for_a_tag_or_the_end_of_the_print(
    rig: Rig,
) -> None:
    rig.put_unread()
    start = after(rig, 0)
    rig.wait(TIMINGS.identity_wait)
    assert pending(rig) == ("unknown", "tag")
    assert times(rig)[0] == start

    with rig.one_report():
        rig.report(printing=True)
        rig.unit(feeding=True)
    assert pending(rig) == ("unknown", "print")


def test_a_spool_that_left_unidentified_waits_for_nothing(rig: Rig) -> None:
    with rig.one_report():
        rig.report(printing=True)
        rig.unit(feeding=True)
        rig.put_unread()
    rig.wait(60)
    assert pending(rig) == ("unknown", "print")

    rig.take()
    rig.wait(60)
    assert pending(rig) is None


def test_nothing_is_decided_while_the_connection_is_lost(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(TIMINGS.identity_wait)
    assert times(rig)[1] is not None

    rig.outage(1)

    assert pending(rig) == ("unknown", "report")
    assert times(rig)[1] is None


def test_another_tag_is_a_swap_that_waits_for_its_time(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.put(BLUE)

    assert pending(rig) == ("swap", "time")
    assert times(rig) == (after(rig, 0), after(rig, TIMINGS.identity_settle))


def test_a_spool_that_may_have_been_exchanged_waits_for_its_tag(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    start = after(rig, 0)
    rig.take()
    rig.wait(2)
    rig.put_unread()

    assert pending(rig) == ("swap", "tag")
    assert times(rig)[0] == start


def test_what_has_lasted_waits_for_a_report(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.take()
    start = after(rig, 0)
    rig.silence(TIMINGS.removal_confirm)

    assert pending(rig) == ("removal", "report")
    assert times(rig) == (start, None)


def test_a_slot_that_a_drying_unit_clears_alone_waits_for_its_time() -> None:
    rig = Rig(slots=3)
    rig.report()
    for slot_no in (1, 2, 3):
        rig.put(RED, slot_no)
    rig.wait(60)
    rig.unit(drying=True)
    rig.take()

    assert pending(rig) == ("removal", "time")
    assert times(rig)[1] == after(rig, TIMINGS.clear_while_drying)


def test_a_removal_while_drying_waits_for_the_end_of_drying(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.unit(drying=True)
    rig.take()
    start = after(rig, 0)
    rig.wait(60)

    assert explained(rig)["not_observed"] == {"since": start, "drying": True}
    assert pending(rig) == ("removal", "drying")
    assert times(rig) == (start, None)

    rig.unit(drying=False)
    rig.wait(1)
    assert pending(rig) == ("removal", "drying")
    assert times(rig)[1] == after(rig, TIMINGS.still_after_drying - 1)


def test_a_slot_is_not_observed_while_the_connection_is_lost(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.take()
    start = after(rig, 0)
    rig.outage()

    slot = explained(rig)
    assert slot["not_observed"] == {"since": start, "drying": False}
    assert slot["pending"] == []
    assert slot["present"] is True


def test_a_stored_slot_is_explained_before_the_first_report() -> None:
    rig = Rig(stored=(stored_slot(present=True, inserted_at=FAKE_START),))

    slot = explained(rig)

    assert slot["not_observed"] == {"since": None, "drying": False}
    assert slot["present"] is True
    assert pending(rig) == ("unknown", "report")


def test_the_identity_of_a_spool_that_left_is_named_while_it_is_reported(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.slot(present=False, read_done=False)
    rig.wait(60)
    assert explained(rig)["present"] is False
    rig.slot(present=True)

    departed = explained(rig)["departed"]
    assert departed is not None
    assert departed["external_id"] == "bambulab:RED"

    rig.slot(read_done=True, identifiers=BLUE)
    assert explained(rig)["departed"] is None


def test_direct_slots_have_no_unit(rig: Rig) -> None:
    slot = replace(rig.snapshot.units[0].slots[0], slot_no=7, label="Ext")
    rig.report(direct_slots=(slot,))

    direct = explained(rig, 7)

    assert (direct["ams_unit_no"], direct["unit_serial"]) == (None, None)


def test_a_removal_waits_for_its_time_until_the_last_moment(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.take()
    rig.wait(TIMINGS.removal_confirm - 0.5)
    assert pending(rig) == ("removal", "time")
    assert times(rig)[1] == after(rig, 0.5)


def test_an_insertion_waits_for_its_tag_as_soon_as_it_has_settled(rig: Rig) -> None:
    rig.put_unread()
    rig.wait(TIMINGS.insert_settle)
    assert pending(rig) == ("insertion", "tag")


def test_a_swap_that_a_gap_may_have_hidden_began_at_no_known_time(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(60)
    rig.outage()
    rig.slot(identifiers=NO_IDENTIFIERS, read_done=False)
    assert pending(rig) == ("swap", "tag")
    assert times(rig) == (None, None)
