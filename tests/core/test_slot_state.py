"""What one event does to the slots: each rule by its name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.filament_slots.core.slot_state import (
    EventRow,
    PrinterSlots,
    Row,
    SlotRow,
    UnitRow,
    apply,
)
from custom_components.filament_slots.model import (
    NO_IDENTIFIERS,
    AmsStateEvent,
    Filament,
    Identifiers,
    parse_event,
)

from .conftest import identifiers, inserted, removed, slot, state, unit, unknown


def play(
    *events: dict[str, Any], slots: PrinterSlots | None = None
) -> tuple[PrinterSlots, tuple[Row, ...]]:
    """Return the slots after all events and the rows of the last one."""
    slots = slots or PrinterSlots()
    rows: tuple[Row, ...] = ()
    for event in events:
        slots, rows = apply(slots, parse_event(event))
    return slots, rows


def kinds(rows: tuple[Row, ...]) -> list[type]:
    """Return what kinds of rows there are."""
    return [type(row) for row in rows]


def test_an_insert_into_a_slot_never_seen_creates_it_and_its_unit() -> None:
    """Nothing has to come before it."""
    meta = {
        "filament": {"material": "PLA"},
        "unit": {"serial": "S1", "model": "AMS", "label": "AMS A"},
        "slot_label": "A2",
    }
    slots, rows = play(inserted(1, 2, tag="A", meta=meta, second=5))
    found = slots.slots["S1", 2]
    assert found.present is True
    assert found.identifiers == Identifiers(**identifiers("A"))
    assert found.filament == Filament(material="PLA")
    assert (
        found.inserted_at
        == found.updated_at
        == datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    )
    assert (found.label, found.unknown_reported) == ("A2", False)
    assert found.unit is slots.units["S1"]
    assert (found.unit.model, found.unit.label, found.unit.slots_total) == (
        "AMS",
        "AMS A",
        4,
    )
    assert kinds(rows) == [UnitRow, SlotRow, EventRow]
    assert slots.key_of(inserted(1, 2)["slot"]) == ("S1", 2)


def test_an_insert_into_a_direct_slot_has_no_unit() -> None:
    """External spools hang off the printer."""
    slots, rows = play(inserted(None, 1))
    assert slots.slots[None, 1].present is True
    assert not slots.units
    assert kinds(rows) == [SlotRow, EventRow]
    assert slots.key_of(inserted(None, 1)["slot"]) == (None, 1)


def test_a_remove_clears_all_that_belonged_to_the_spool() -> None:
    """The slot itself stays, with its label."""
    slots, _ = play(
        inserted(1, 1, meta={"filament": {"material": "PLA"}, "slot_label": "A1"}),
        unknown(1, 1),
        removed(1, 1, second=60),
    )
    found = slots.slots["u1", 1]
    assert (found.present, found.identifiers, found.filament) == (
        False,
        NO_IDENTIFIERS,
        None,
    )
    assert (found.inserted_at, found.unknown_reported) == (None, False)
    assert found.label == "A1"
    assert found.updated_at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_unknown_is_remembered_for_this_insertion() -> None:
    """So that a restart neither repeats nor forgets it."""
    slots, rows = play(inserted(1, 1), unknown(1, 1))
    assert slots.slots["u1", 1].unknown_reported
    assert kinds(rows) == [SlotRow, EventRow]
    slots, _ = play(inserted(1, 1), slots=slots)
    assert not slots.slots["u1", 1].unknown_reported


def test_a_spool_whose_identity_was_taken_back_is_not_reported_as_unknown_later() -> (
    None
):
    """A tracker that starts from it would report what did not happen."""
    slots, _ = play(
        inserted(1, 1, identifiers=identifiers("A")),
        state(unit(1, slot(1, True, identifiers={"external_id": None}))),
    )
    assert not slots.slots["u1", 1].identifiers.known
    assert slots.slots["u1", 1].unknown_reported


def test_a_spool_event_finds_its_unit_by_serial_first() -> None:
    """The serial outranks the number."""
    slots, _ = play(
        state(
            unit(1, slot(1, False), serial="S1"), unit(2, slot(1, False), serial="S2")
        ),
        inserted(1, 1, meta={"unit": {"serial": "S2"}}),
    )
    assert slots.slots["S2", 1].present is True
    assert slots.slots["S1", 1].present is False
    assert slots.units["S2"].ams_unit_no == 1


def test_two_units_that_swap_numbers_stay_what_they_are() -> None:
    """Moving a unit to another port moves its number, not its slots."""
    before, _ = play(
        state(
            unit(1, slot(1, True, tag="A"), serial="S1"),
            unit(2, slot(1, True, tag="B"), serial="S2"),
        )
    )
    slots, rows = play(
        state(
            unit(1, slot(1, True, tag="B"), serial="S2"),
            unit(2, slot(1, True, tag="A"), serial="S1"),
        ),
        slots=before,
    )
    assert kinds(rows) == [UnitRow, UnitRow]
    assert all(isinstance(row, UnitRow) and row.holds_number for row in rows)
    assert {key: unit.ams_unit_no for key, unit in slots.units.items()} == {
        "S1": 2,
        "S2": 1,
    }
    assert slots.holders == {1: "S2", 2: "S1"}
    assert slots.slots["S1", 1].identifiers == before.slots["S1", 1].identifiers
    assert slots.slots["S1", 1].unit is slots.units["S1"]


def test_a_unit_that_reports_its_serial_later_keeps_its_key() -> None:
    """It is found by the serial from then on."""
    slots, _ = play(state(unit(1, slot(1, True))), state(unit(1, serial="S1")))
    assert list(slots.units) == ["u1"]
    assert slots.units["u1"].serial == "S1"
    slots, _ = play(state(unit(3, slot(1, False), serial="S1")), slots=slots)
    assert slots.units["u1"].ams_unit_no == 3
    assert slots.slots["u1", 1].present is False


def test_a_unit_stored_without_a_serial_is_found_by_its_label_at_another_number() -> (
    None
):
    """Even when a unit that is new takes its number in the same report."""
    before, _ = play(state(unit(1, slot(1, True, tag="A"), label="Turtle")))
    slots, _ = play(
        state(
            unit(1, slot(1, False), serial="Owl", label="Owl"),
            unit(2, slot(1, True, tag="A"), serial="Turtle", label="Turtle"),
        ),
        slots=before,
    )
    assert {key: unit.ams_unit_no for key, unit in slots.units.items()} == {
        "u1": 2,
        "Owl": 1,
    }
    assert slots.slots["u1", 1].identifiers == before.slots["u1", 1].identifiers


def test_a_message_without_the_serial_is_about_the_unit_at_the_number() -> None:
    """Nothing is ever deleted because a message lacked it."""
    slots, _ = play(
        state(unit(1, slot(1, True), serial="S1", model="AMS", label="A")),
        state(unit(1, slot(1, False), serial=None, model=None, label=None)),
    )
    assert list(slots.slots) == [("S1", 1)]
    assert (slots.units["S1"].serial, slots.units["S1"].model) == ("S1", "AMS")


def test_a_unit_without_a_serial_never_takes_the_place_of_one_that_moved() -> None:
    """Its number's key being taken, it gets the next one."""
    slots, _ = play(
        state(unit(1, slot(1, True))),
        state(unit(1, serial="S1")),
        state(unit(1, slot(1, False)), unit(2, serial="S1")),
    )
    assert slots.units["u1"].ams_unit_no == 2
    assert slots.slots["u1", 1].present is True
    assert slots.slots["u1.2", 1].present is False
    assert slots.holders == {1: "u1.2", 2: "u1"}


def test_another_unit_at_the_number_of_one_that_is_away_takes_over_the_number() -> None:
    """And gives it back; both keep their slots."""
    away = unit(1, serial="S1", online=False)
    slots, rows = play(
        state(unit(1, slot(1, True), serial="S1")),
        state(unit(1, slot(1, False), serial="S2"), away),
    )
    assert slots.holders == {1: "S2"}
    assert {
        row.unit.key: row.holds_number for row in rows if isinstance(row, UnitRow)
    } == {"S1": False, "S2": True}
    slots, _ = play(inserted(1, 2), slots=slots)
    assert slots.slots["S2", 2].present is True
    slots, rows = play(state(unit(1, serial="S1", online=True)), slots=slots)
    assert slots.holders == {1: "S1"}
    assert {
        row.unit.key: row.holds_number for row in rows if isinstance(row, UnitRow)
    } == {"S1": True, "S2": False}


def test_what_an_ams_state_leaves_out_stays() -> None:
    """An empty list, a missing slot or key, and a null presence say nothing."""
    filament = {"material": "PLA"}
    before, _ = play(
        state(
            unit(
                1,
                slot(1, True, tag="A", active=True, label="A1", filament=filament),
                humidity_percent=20,
            ),
            direct=[slot(1, True)],
        )
    )
    for event in (
        state(),
        state(unit(1)),
        state(unit(1, slot(1))),
        state(unit(1, slot(1, None, label=None))),
    ):
        assert play(event, slots=before) == (before, ())


def test_null_clears_readings_of_the_moment() -> None:
    """They are not known any more."""
    before, _ = play(
        state(
            unit(
                1,
                slot(1, True, tag="A", active=True, filament={"material": "PLA"}),
                humidity_percent=20,
            )
        )
    )
    slots, _ = play(
        state(
            unit(
                1,
                slot(1, True, identifiers=None, active=None, filament=None),
                humidity_percent=None,
            )
        ),
        slots=before,
    )
    found = slots.slots["u1", 1]
    assert (found.identifiers, found.active, found.filament) == (
        NO_IDENTIFIERS,
        None,
        None,
    )
    assert slots.units["u1"].humidity_percent is None


@pytest.mark.parametrize(
    ("more", "history"),
    [
        ({"present": False}, True),
        ({"tag": "B"}, True),
        ({"identifiers": {}}, True),
        ({"filament": {"material": "PETG", "remaining_percent": 50}}, True),
        ({"filament": {"material": "PLA", "color_hex": "#FFFFFF"}}, True),
        ({"filament": {}}, True),
        (
            {
                "filament": {
                    "material": "PLA",
                    "remaining_percent": 49,
                    "remaining_g": 1,
                }
            },
            False,
        ),
        ({"active": False}, False),
        ({"label": "Left 1"}, False),
    ],
)
def test_an_ams_state_makes_history_only_where_content_differs(
    more: dict[str, Any], history: bool
) -> None:
    """What is left, what is active and labels are current state alone."""
    filament = {"material": "PLA", "remaining_percent": 50}
    full: dict[str, Any] = {
        "present": True,
        "tag": "A",
        "filament": filament,
        "active": True,
    }
    before, _ = play(state(unit(1, slot(1, **full), slot(2, **full))))
    if "identifiers" in more:
        full.pop("tag")
    slots, rows = play(state(unit(1, slot(1, **full | more)), second=9), slots=before)
    assert slots != before
    assert kinds(rows) == [SlotRow, EventRow] if history else [SlotRow]
    assert (
        slots.slots["u1", 1].updated_at != before.slots["u1", 1].updated_at
    ) is history
    assert slots.sequence == 2


def test_an_ams_state_in_history_names_only_the_slots_that_differ() -> None:
    """The others had nothing to say."""
    before, _ = play(
        state(
            unit(1, slot(1, True), slot(2, True)),
            unit(2, slot(1, True)),
            direct=[slot(1, True)],
        )
    )
    _, rows = play(
        state(
            unit(1, slot(1, True), slot(2, False)),
            unit(2, slot(1, True)),
            direct=[slot(1, True)],
        ),
        slots=before,
    )
    (row,) = [row for row in rows if isinstance(row, EventRow)]
    assert list(row.spools) == [("u1", 2)]
    assert isinstance(row.event, AmsStateEvent)
    assert [[s.slot_no for s in u.slots] for u in row.event.ams_units] == [[2]]
    assert row.event.direct_slots == ()


def test_fields_of_a_unit_are_current_state_alone() -> None:
    """No slot row, and all its slots show the unit as it is now."""
    before, _ = play(state(unit(1, slot(1, True), humidity_percent=20)))
    slots, rows = play(
        state(unit(1, slot(1, True), humidity_percent=21, online=False)), slots=before
    )
    assert kinds(rows) == [UnitRow]
    unit_row = slots.slots["u1", 1].unit
    assert unit_row is not None
    assert unit_row.humidity_percent == 21


def test_the_same_ams_state_again_changes_nothing_at_all() -> None:
    """The very same object comes back."""
    event = state(
        unit(1, slot(1, True, tag="A"), serial="S1", humidity_percent=20),
        direct=[slot(1)],
    )
    before, _ = play(event)
    slots, rows = play(event | {"event_at": "2027-01-01T00:00:00Z"}, slots=before)
    assert slots is before
    assert rows == ()


def test_a_slot_first_seen_occupied_has_no_insertion_time() -> None:
    """The change itself was not observed."""
    slots, _ = play(state(unit(1, slot(1, True, tag="A"))))
    assert slots.slots["u1", 1].inserted_at is None


def test_an_empty_slot_keeps_no_identity_whatever_an_ams_state_names() -> None:
    """Identity kept by a printer after removal never proves presence."""
    slots, _ = play(
        inserted(1, 1, tag="A"),
        state(unit(1, slot(1, False, tag="A", filament={"material": "PLA"}))),
    )
    found = slots.slots["u1", 1]
    assert (found.identifiers, found.filament, found.inserted_at) == (
        NO_IDENTIFIERS,
        None,
        None,
    )


def test_identity_that_arrives_later_keeps_the_insertion() -> None:
    """It is the same spool."""
    slots, _ = play(
        inserted(1, 1, second=1),
        unknown(1, 1, second=2),
        state(unit(1, slot(1, True, tag="A")), second=3),
    )
    found = slots.slots["u1", 1]
    assert found.identifiers.known
    assert found.unknown_reported
    assert found.inserted_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "meta",
    [
        {"filament": 5},
        {"filament": {"x": 1}},
        {"unit": "AMS"},
        {"unit": {"serial": 5}},
        {"slot_label": ["A"]},
        {"slot_label": "x" * 65},
    ],
)
def test_nonsense_in_meta_is_overlooked(meta: dict[str, Any]) -> None:
    """Meta is free; the event stays."""
    slots, _ = play(inserted(1, 1, meta=meta))
    found = slots.slots["u1", 1]
    assert (found.present, found.filament, found.label) == (True, None, None)


def test_last_seen_never_goes_back() -> None:
    """A clock may."""
    slots, _ = play(inserted(1, 1, second=50), removed(1, 1, second=10))
    assert slots.last_seen == datetime(2026, 1, 1, 0, 0, 50, tzinfo=UTC)


def test_a_remove_without_identity_is_about_the_spool_that_was_there() -> None:
    """So that its history ends where it left."""
    _, rows = play(inserted(1, 1, tag="A"), removed(1, 1))
    (row,) = [row for row in rows if isinstance(row, EventRow)]
    assert row.spools == {("u1", 1): Identifiers(**identifiers("A"))}
