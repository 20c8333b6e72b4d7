"""Slots that get their identity from software, or have none."""

from dataclasses import replace

import pytest

from custom_components.filament_slots.drivers.snapshot import Slot
from custom_components.filament_slots.model import Filament, Identifiers

from .tracker_rig import Rig, state_of


def test_a_spool_in_a_slot_without_identities_is_never_unknown() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=False, read_done=None)
    assert state_of(rig.states()[-1])["identifiers"] is None
    rig.slot(present=True)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None)]
    rig.wait(900)
    assert rig.changes() == []


def test_without_tag_reading_unknown_follows_the_insertion_at_once() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None)
    rig.slot(present=True)
    rig.wait(2.5)
    assert rig.changes() == [("inserted", 1, None), ("unknown_spool_detected", 1, None)]


def test_an_insertion_waits_for_the_identity_assigned_while_the_unit_loads() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None)
    rig.unit(loading=True)
    rig.slot(present=True)
    rig.wait(4)
    assert rig.changes() == []
    rig.slot(identifiers=Identifiers(external_id="spoolman:8"))
    assert rig.changes() == [("inserted", 1, "spoolman:8")]


def test_an_insertion_waits_at_most_five_seconds_for_a_load() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, identifiable=True, read_done=None)
    rig.unit(loading=True)
    rig.slot(present=True)
    rig.wait(4.9)
    assert rig.changes() == []
    rig.wait(0.1)
    assert rig.changes()[0] == ("inserted", 1, None)


def test_a_change_of_an_assigned_identity_is_a_state() -> None:
    rig = Rig()
    rig.slot(reads_tags=False, read_done=None, present=True)
    rig.events.clear()
    for identity in ("spoolman:7", "spoolman:8", None):
        rig.slot(identifiers=Identifiers(external_id=identity))
        (state,) = rig.states()
        assert state_of(state)["identifiers"]["external_id"] == identity
    rig.wait(900)
    assert rig.changes() == []


def test_an_id_assigned_to_a_tagged_spool_is_a_state(rig: Rig) -> None:
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


def test_another_tag_with_the_same_assigned_id_is_a_swap(rig: Rig) -> None:
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


def test_a_slot_without_a_sensor_has_states_only() -> None:
    rig = Rig(units=0)
    rig.report(direct_slots=(Slot(slot_no=1, has_sensor=False, identifiable=False),))
    rig.events.clear()
    rig.report(
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


def test_an_event_of_a_direct_slot_names_no_unit() -> None:
    rig = Rig(units=0)
    rig.report(direct_slots=(Slot(slot_no=1, present=False, identifiable=False),))
    rig.report(direct_slots=(Slot(slot_no=1, present=True, identifiable=False),))
    rig.wait(3)
    inserted = rig.spool_events()[0]
    assert inserted["slot"] == {
        "is_ams_slot": False,
        "ams_unit_no": None,
        "slot_no": 1,
        "slots_total": 1,
    }
    assert "unit" not in inserted["meta"]


def test_the_identity_in_a_slot_without_a_sensor_is_a_state() -> None:
    rig = Rig(units=0)
    spool = Identifiers(external_id="spoolman:8")
    rig.report(direct_slots=(Slot(slot_no=1, has_sensor=False, identifiers=spool),))
    rig.wait(900)
    (state,) = rig.states()
    assert state["direct_slots"][0]["identifiers"]["external_id"] == "spoolman:8"


@pytest.mark.parametrize(
    ("printing", "active", "unknown_after"),
    [(False, False, 60), (True, False, 60), (False, True, 60), (True, True, None)],
)
def test_a_direct_slot_feeds_where_it_is_active_in_a_print(
    printing: bool, active: bool, unknown_after: int | None
) -> None:
    rig = Rig(units=0)
    slot = Slot(slot_no=1, present=False, reads_tags=True, active=active)
    rig.report(direct_slots=(slot,), printing=printing)
    rig.wait(100)
    rig.report(direct_slots=(replace(slot, present=True),))
    rig.wait(900)
    (inserted, *unknown) = rig.changes_at()
    assert inserted == ("inserted", 100.0)
    assert unknown == (
        [("unknown_spool_detected", 100.0 + unknown_after)] if unknown_after else []
    )
