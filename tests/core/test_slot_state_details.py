"""What one event does to the slots: assigned spools, labels and new units."""

from datetime import UTC, datetime
from typing import Any

from custom_components.filament_slots.core.slot_state import (
    EventRow,
    PrinterSlots,
    apply,
)
from custom_components.filament_slots.model import MAX_LABEL, Identifiers, parse_event

from .conftest import identifiers, inserted, removed, slot, state, unit, unknown

ASSIGNED = {"external_id": "spoolman:12", "label": "Galaxy black"}


def play(*events: dict[str, Any], slots: PrinterSlots | None = None) -> PrinterSlots:
    """Return the slots after all events."""
    slots = slots or PrinterSlots()
    for event in events:
        slots, _ = apply(slots, parse_event(event))
    return slots


def test_an_insertion_keeps_the_spool_assigned_to_it() -> None:
    slots = play(inserted(1, 1, meta={"assigned": ASSIGNED}))
    found = slots.slots["u1", 1]
    assert found.assigned_external_id == "spoolman:12"
    assert found.assigned_label == "Galaxy black"
    slots, rows = apply(slots, parse_event(removed(1, 1, second=9)))
    (row,) = [row for row in rows if isinstance(row, EventRow)]
    assert row.event.model_dump()["meta"]["assigned"] == ASSIGNED
    assert row.spools == {("u1", 1): Identifiers(external_id="spoolman:12")}
    assert slots.slots["u1", 1].assigned_external_id is None


def test_a_removal_without_an_assigned_spool_has_no_such_meta() -> None:
    slots = play(inserted(1, 1))
    _, rows = apply(slots, parse_event(removed(1, 1, second=9)))
    (row,) = [row for row in rows if isinstance(row, EventRow)]
    assert row.event.model_dump()["meta"] is None


def test_an_identity_replaces_the_assigned_spool() -> None:
    slots = play(
        inserted(1, 1, meta={"assigned": ASSIGNED}),
        state(unit(1, slot(1, True, identifiers=identifiers("A"))), second=9),
    )
    found = slots.slots["u1", 1]
    assert found.identifiers == Identifiers(**identifiers("A"))
    assert (found.assigned_external_id, found.assigned_label) == (None, None)


def test_an_ams_state_reports_whether_a_slot_has_identities() -> None:
    slots = play(state(unit(1, slot(1, False, identifiers=None), slot(2, False))))
    assert slots.slots["u1", 1].identifiable is False
    assert slots.slots["u1", 2].identifiable is True
    slots = play(
        state(unit(1, slot(1, False, identifiers=identifiers("A")))), slots=slots
    )
    assert slots.slots["u1", 1].identifiable is True


def test_spool_events_update_the_label_of_a_slot() -> None:
    slots = play(inserted(1, 1, meta={"slot_label": "A1"}))
    for event in (unknown, removed):
        label = event.__name__
        slots = play(event(1, 1, meta={"slot_label": label}), slots=slots)
        assert slots.slots["u1", 1].label == label
    assert slots.slots["u1", 1].present is False


def test_unknown_means_that_a_spool_is_present() -> None:
    slots = play(unknown(1, 1))
    assert slots.slots["u1", 1].present is True


def test_a_label_is_one_to_the_maximum_of_characters_long() -> None:
    for label, kept in (("A", "A"), ("x" * MAX_LABEL, "x" * MAX_LABEL), ("", None)):
        slots = play(inserted(1, 1, meta={"slot_label": label}))
        assert slots.slots["u1", 1].label == kept


def test_a_unit_of_unknown_size_has_no_slots_in_total_and_keeps_a_known_size() -> None:
    event = inserted(1, 1)
    event["slot"]["slots_total"] = None
    new = play(event).slots["u1", 1].unit
    assert new is not None
    assert new.slots_total == 0
    known = play(state(unit(1, slot(1, False), slots_total=4)), event).slots["u1", 1]
    assert known.unit is not None
    assert known.unit.slots_total == 4


def test_unknown_of_an_assigned_spool_changes_nothing() -> None:
    slots = play(inserted(1, 1, meta={"assigned": ASSIGNED}))
    event = unknown(1, 1, second=9, meta={"unit": {"label": "other"}})
    assert apply(slots, parse_event(event)) == (slots, ())


def test_a_spool_event_that_reports_the_serial_later_keeps_the_key_of_its_unit() -> (
    None
):
    slots = play(inserted(1, 1), inserted(1, 2, meta={"unit": {"serial": "S1"}}))
    assert set(slots.slots) == {("u1", 1), ("u1", 2)}
    assert slots.units["u1"].serial == "S1"


def test_an_identity_from_the_printer_comes_before_an_assigned_one() -> None:
    event = inserted(1, 1, tag="A", meta={"assigned": ASSIGNED})
    _, rows = apply(PrinterSlots(), parse_event(event))
    (row,) = [row for row in rows if isinstance(row, EventRow)]
    assert row.spools == {("u1", 1): Identifiers(**identifiers("A"))}


def test_filament_of_which_nothing_is_known_is_none() -> None:
    slots = play(
        state(unit(1, slot(1, True, filament={}))),
        inserted(1, 2, meta={"filament": {}}),
    )
    assert slots.slots["u1", 1].filament is None
    assert slots.slots["u1", 2].filament is None


def test_a_unit_with_empty_names_has_none() -> None:
    names = {"serial": "", "model": "", "label": ""}
    found = play(inserted(1, 1, meta={"unit": names})).units["u1"]
    assert (found.serial, found.model, found.label) == (None, None, None)


def test_units_that_follow_each_other_at_one_number_have_a_key_each() -> None:
    slots = play(
        state(unit(1, slot(1, True), serial=None)),
        state(unit(1, serial="S1")),
        state(unit(1, slot(1, True)), unit(2, serial="S1")),
        state(unit(1, serial="S2")),
        state(unit(1, slot(1, True)), unit(2, serial="S2"), unit(3, serial="S1")),
    )
    assert slots.holders == {1: "u1.3", 2: "u1.2", 3: "u1"}
    assert set(slots.slots) == {("u1", 1), ("u1.2", 1), ("u1.3", 1)}


def test_a_printer_was_seen_last_at_the_latest_of_all_times() -> None:
    before = play(state(unit(1, slot(1, True))))
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert PrinterSlots().seen(noon).last_seen == noon
    seen = before.seen(noon)
    assert seen.last_seen == noon
    assert seen.seen(noon.replace(hour=11)).last_seen == noon
    assert (seen.units, seen.slots, seen.holders, seen.sequence) == (
        before.units,
        before.slots,
        before.holders,
        before.sequence,
    )


def test_a_spool_event_that_reports_the_serial_later_finds_its_unit_by_its_label() -> (
    None
):
    names = {"serial": "T1", "label": "Turtle"}
    slots = play(
        state(unit(1, slot(1, True), label="Turtle")),
        inserted(2, 2, meta={"unit": names}),
    )
    assert set(slots.slots) == {("u1", 1), ("u1", 2)}
    assert (slots.units["u1"].serial, slots.units["u1"].ams_unit_no) == ("T1", 2)
