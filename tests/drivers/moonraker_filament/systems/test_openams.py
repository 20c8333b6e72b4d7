"""OpenAMS: bays, and tag readers that two bays share."""

from typing import Any

from custom_components.filament_slots.model import Identifiers

from .klipper import Klipper
from .statuses import openams


def bays(*ready: bool, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": "1",
            "name": "unit1",
            "connected": True,
            "slots": [
                {"id": bay, "bay": bay, "ready": there, "loaded": False}
                for bay, there in enumerate(ready)
            ],
            **more,
        }
    ]


def tag(card: int, uid: str | None) -> dict[str, Any]:
    return {
        "oams": 1,
        "rfid_card": card,
        "present": uid is not None,
        "uid": uid,
        "filament": {"material": "PLA", "vendor": "Bambu Lab"} if uid else None,
    }


def test_bays_are_slots_of_their_unit() -> None:
    klipper = Klipper(openams())
    assert klipper.unit().label == "unit1"
    assert [(slot.slot_no, slot.present) for slot in klipper.unit().slots] == [
        (1, False),
        (2, False),
        (3, False),
        (4, False),
    ]


def test_a_tag_is_of_the_only_bay_its_reader_can_see() -> None:
    klipper = Klipper(openams())
    klipper.change("oams_manager", units=bays(False, True, True, True))
    klipper.change("mfrc522 oams1", readers=[tag(0, "04a1b2c3"), tag(1, "04ffee01")])
    assert klipper.slot(2).identifiers == Identifiers(rfid_uid="04A1B2C3")
    filament = klipper.slot(2).filament
    assert filament is not None
    assert (filament.material, filament.vendor) == ("PLA", "Bambu Lab")
    assert not klipper.slot(1).identifiers.known
    assert not klipper.slot(3).identifiers.known
    assert not klipper.slot(4).identifiers.known


def test_a_tag_that_left_the_reader_is_kept() -> None:
    klipper = Klipper(openams())
    klipper.wait(60)
    klipper.change("oams_manager", units=bays(True, False, False, False))
    klipper.change("mfrc522 oams1", readers=[tag(0, "04a1b2c3")])
    klipper.wait(60)
    klipper.change("mfrc522 oams1", readers=[tag(0, None)])
    klipper.wait(60)
    klipper.change("oams_manager", units=bays(False, False, False, False))
    klipper.wait(300)
    assert klipper.happened == [("inserted", 1, "04A1B2C3"), ("removed", 1, "04A1B2C3")]


def test_a_unit_that_is_not_connected_removes_nothing_and_moves_no_number() -> None:
    status = openams()
    status["oams_manager"]["units"] = bays(True, True) + bays(True, True, id="2")
    klipper = Klipper(status)
    klipper.wait(60)
    klipper.change(
        "oams_manager",
        units=bays(False, False, connected=False) + bays(True, True, id="2"),
    )
    assert [unit.ams_unit_no for unit in klipper.snapshot.units] == [2]
    klipper.wait(300)
    assert klipper.happened == []


def test_the_loaded_bay_is_active() -> None:
    klipper = Klipper(openams())
    units = bays(True, True)
    units[0]["slots"][1]["loaded"] = True
    klipper.change("oams_manager", units=units)
    assert [slot.active for slot in klipper.unit().slots] == [False, True]


def test_bays_and_readers_without_a_number_are_ignored() -> None:
    klipper = Klipper(openams())
    units = bays(True, True)
    units[0]["slots"] += [{"bay": 0}, {"bay": "x"}, 7]
    klipper.change("oams_manager", units=units)
    klipper.change("mfrc522 oams1", readers=[{"rfid_card": "x"}, None])
    assert len(klipper.unit().slots) == 3
    assert klipper.decoder.counters.ignored > 0
    assert not klipper.slot(1).reads_tags


def test_it_is_trusted_once_it_is_ready_after_a_restart() -> None:
    klipper = Klipper(openams())
    klipper.stop()
    booting = openams()
    booting["oams_manager"]["ready"] = False
    klipper.start(booting)
    assert klipper.snapshot.frozen
    klipper.change("oams_manager", ready=True)
    assert not klipper.snapshot.frozen
