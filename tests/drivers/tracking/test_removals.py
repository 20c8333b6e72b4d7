"""Removals: when one is confirmed, and what it reports."""

import pytest

from custom_components.filament_slots.model import NO_IDENTIFIERS, Filament, Identifiers

from .tracker_rig import BLUE, RED, SERIAL, Rig, state_of


def test_a_removal_is_confirmed_after_eight_seconds_with_the_last_identity(
    rig: Rig,
) -> None:
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


def test_a_removal_from_the_active_slot_of_a_print_is_a_runout(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(active=True)
    rig.events.clear()
    rig.take(active=False)
    rig.wait(8)
    assert rig.spool_events()[0]["meta"].get("reason") == "runout"


def test_a_removal_in_the_report_that_ends_the_print_is_no_runout(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(active=True)
    rig.events.clear()
    with rig.one_report():
        rig.report(printing=False)
        rig.take(active=False)
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_a_removal_from_an_inactive_slot_is_no_runout(rig: Rig) -> None:
    rig.put(RED)
    rig.put(BLUE, 2, active=True)
    rig.wait(10)
    rig.report(printing=True)
    rig.events.clear()
    rig.take(1)
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_a_removal_as_a_print_begins_from_another_slot_is_no_runout(rig: Rig) -> None:
    rig.put(RED, active=True)
    rig.put(BLUE, 2)
    rig.wait(10)
    rig.events.clear()
    with rig.one_report():
        rig.report(printing=True)
        rig.slot(2, active=True)
        rig.take(active=False)
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_a_removal_is_a_runout_where_the_printer_reports_one_before_it(
    rig: Rig,
) -> None:
    rig.put(RED, active=True)
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(active=False, ran_out=True)
    rig.wait(2)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"].get("reason") == "runout"


def test_a_removal_is_a_runout_where_the_printer_reports_one_after_it(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(5)
    rig.slot(ran_out=True)
    rig.wait(3)
    assert rig.spool_events()[0]["meta"].get("reason") == "runout"


def test_a_runout_that_is_still_reported_is_none_of_the_next_spool(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(ran_out=True)
    rig.take()
    rig.wait(8)
    rig.put(BLUE)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_a_spool_may_run_out_before_its_identity_was_known(rig: Rig) -> None:
    rig.take()
    rig.wait(10)
    rig.put_unread()
    rig.wait(5)
    rig.slot(ran_out=True)
    rig.take()
    rig.wait(8)
    assert [
        (event["event_type"], event["meta"].get("reason"))
        for event in rig.spool_events()
    ] == [("spool_inserted", None), ("spool_removed", "runout")]


def test_a_runout_before_an_insertion_is_none_of_a_spool_that_leaves_unidentified(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(ran_out=True)
    rig.take()
    rig.wait(8)
    rig.events.clear()
    rig.put_unread()
    rig.wait(5)
    rig.take()
    rig.wait(8)
    assert [event["meta"].get("reason") for event in rig.spool_events()] == [None] * 2


def test_a_runout_before_a_swap_is_none_of_the_next_spool(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(ran_out=True)
    rig.take()
    rig.wait(4)
    rig.put(BLUE)
    rig.wait(10)
    rig.take()
    rig.wait(8)
    removed = [
        event["meta"].get("reason")
        for event in rig.spool_events()
        if event["event_type"] == "spool_removed"
    ]
    assert removed == [None, None]


def test_a_runout_that_is_no_longer_reported_is_none_of_a_later_removal(
    rig: Rig,
) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(ran_out=True)
    rig.wait(10)
    rig.slot(ran_out=False)
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_a_runout_reported_before_a_gap_is_none_of_a_later_removal(rig: Rig) -> None:
    rig.put(RED)
    rig.wait(10)
    rig.slot(ran_out=True)
    rig.outage()
    rig.report()
    rig.wait(10)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_filament_unloaded_after_its_end_passed_the_inlet_in_a_print_ran_out(
    rig: Rig,
) -> None:
    rig.put(RED, active=True, inlet=True)
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(inlet=False)
    rig.wait(30)
    rig.slot(active=False)
    rig.wait(15)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert rig.spool_events()[0]["meta"].get("reason") == "runout"


@pytest.mark.parametrize(
    "then", [{"inlet": True}, {"inlet": None}], ids=["closed again", "not known"]
)
def test_an_inlet_that_did_not_stay_open_explains_no_removal(
    rig: Rig, then: dict[str, bool | None]
) -> None:
    rig.put(RED, active=True, inlet=then["inlet"])
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(inlet=False)
    rig.slot(inlet=then["inlet"])
    rig.slot(active=False)
    rig.slot(inlet=False)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_an_inlet_that_opens_while_another_slot_feeds_explains_no_removal(
    rig: Rig,
) -> None:
    rig.put(RED, inlet=True)
    rig.put(BLUE, 2, active=True)
    rig.wait(10)
    rig.report(printing=True)
    rig.slot(inlet=False)
    rig.events.clear()
    rig.take()
    rig.wait(8)
    assert "reason" not in rig.spool_events()[0]["meta"]


def test_slots_are_confirmed_independently(rig: Rig) -> None:
    rig.put(RED, 1)
    rig.wait(1)
    rig.put(BLUE, 2)
    rig.wait(10)
    assert rig.changes() == [("inserted", 1, "RED"), ("inserted", 2, "BLUE")]
    rig.take(2)
    rig.wait(1)
    rig.take(1)
    rig.wait(10)
    assert rig.changes() == [("removed", 2, "BLUE"), ("removed", 1, "RED")]


@pytest.mark.parametrize("spool", [RED, None], ids=["identified", "unidentified"])
def test_absences_shorter_than_eight_seconds_are_no_removal(
    rig: Rig, spool: Identifiers | None
) -> None:
    rig.put(spool)
    rig.wait(100)
    rig.events.clear()
    for _ in range(5):
        rig.slot(present=False)
        rig.wait(7.9)
        rig.slot(present=True)
        rig.wait(1)
    rig.wait(900)
    assert rig.changes() == []


def test_a_removal_from_the_active_slot_without_a_print_is_no_runout(rig: Rig) -> None:
    rig.put(RED, active=True)
    rig.wait(10)
    rig.events.clear()
    rig.take(active=False)
    rig.wait(8)
    (removed,) = rig.spool_events()
    assert "reason" not in removed["meta"]


def test_a_removed_spool_leaves_an_empty_slot(rig: Rig) -> None:
    rig.put(RED, filament=Filament(material="PLA"))
    rig.wait(10)
    rig.take()
    rig.wait(60)
    rig.events.clear()
    rig.unit(humidity_percent=50)
    slot = state_of(rig.states()[0])
    assert (slot["present"], slot["filament"]) == (False, None)
    assert slot["identifiers"] == NO_IDENTIFIERS.model_dump()
