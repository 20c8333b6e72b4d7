"""What a printer stated last about each slot, and since when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json

from custom_components.filament_slots.drivers.explanation import (
    Reported,
    SlotExplanation,
    WireState,
)
from custom_components.filament_slots.drivers.last_report import LastReport
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot, Unit
from custom_components.filament_slots.model import Filament, Identifiers, iso_utc

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
TAGGED = Identifiers(rfid_uid="A1B2C3D4")
EMPTY = Slot(slot_no=1, label="A1", present=False)


def _unit(slot: Slot, serial: str | None = "00600A000000001") -> Snapshot:
    unit = Unit(ams_unit_no=1, slots_total=1, serial=serial, slots=(slot,))
    return Snapshot(complete=True, units=(unit,))


def _explained(
    unit_no: int | None = 1, serial: str | None = "00600A000000001"
) -> SlotExplanation:
    return {
        "ams_unit_no": unit_no,
        "unit_serial": serial,
        "slot_no": 1,
        "present": None,
        "identifiers": {},
        "departed": None,
        "not_observed": None,
        "pending": [],
        "reported": None,
    }


def _about(
    last: LastReport, unit_no: int | None = 1, serial: str | None = "00600A000000001"
) -> Reported | None:
    return last.about(_explained(unit_no, serial), WireState())


def _since(last: LastReport) -> str:
    reported = _about(last)
    assert reported is not None
    return reported["since"]


def test_a_slot_has_the_time_since_when_it_is_reported_as_it_is() -> None:
    last = LastReport()
    last.observe(_unit(EMPTY), START)
    last.observe(_unit(replace(EMPTY, active=True)), START + timedelta(seconds=5))
    assert _since(last) == iso_utc(START)

    for seconds, changed in enumerate(
        (
            replace(EMPTY, present=True),
            replace(EMPTY, present=True, reading=True),
            replace(EMPTY, present=True, read_done=True),
            replace(EMPTY, present=True, read_done=True, identifiers=TAGGED),
        ),
        start=10,
    ):
        last.observe(_unit(changed), START + timedelta(seconds=seconds))
        assert _since(last) == iso_utc(START + timedelta(seconds=seconds))
    assert last.at == START + timedelta(seconds=13)


def test_what_was_decoded_is_plain_json() -> None:
    last = LastReport()
    slot = replace(EMPTY, identifiers=TAGGED, filament=Filament(material="PLA"))
    last.observe(_unit(slot), START)

    reported = _about(last)

    assert reported is not None
    decoded = json.loads(json.dumps(reported))["decoded"]
    assert decoded["label"] == "A1"
    assert decoded["identifiers"]["rfid_uid"] == "A1B2C3D4"
    assert decoded["filament"] == {"material": "PLA"}


def test_the_slot_of_another_unit_with_the_same_number_is_not_shown() -> None:
    last = LastReport()
    last.observe(_unit(EMPTY), START)

    assert _about(last, serial="00600A000000009") is None
    assert _about(last, serial=None) is not None
    assert _about(last, unit_no=2) is None
    last.observe(_unit(EMPTY, serial=None), START)
    assert _about(last, serial="00600A000000009") is not None


def test_a_direct_slot_has_the_values_of_its_own() -> None:
    last = LastReport()
    last.observe(Snapshot(complete=True, direct_slots=(EMPTY,)), START)
    wire = WireState(slots={(None, 1): {"detected": False}})

    reported = last.about(_explained(None, None), wire)

    assert reported is not None
    assert reported["wire"] == {"detected": False}
    assert last.about(_explained(None, None), WireState()) == reported | {"wire": None}


def test_nothing_is_stated_before_the_first_report() -> None:
    last = LastReport()

    assert _about(last) is None
    assert last.at is None
    assert not last.snapshot.complete
