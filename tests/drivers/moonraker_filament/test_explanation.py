"""The values that an explanation of a Klipper printer's slots contains."""

from custom_components.filament_slots.drivers.moonraker_filament.explanation import (
    wire_state,
)

from .systems.klipper import Klipper

SENSOR = "filament_switch_sensor runout"


def _klipper() -> Klipper:
    return Klipper(
        {
            "webhooks": {"state": "ready", "state_message": ""},
            "print_stats": {"state": "standby"},
            SENSOR: {"filament_detected": True, "enabled": True},
            "fan": {"speed": 1.0},
        },
        spool_id=7,
    )


def test_slots_are_explained_by_the_objects_they_are_read_from() -> None:
    klipper = _klipper()
    klipper.change(SENSOR, filament_detected=False)

    wire = wire_state(klipper.decoder)

    assert wire.source == "sensors"
    assert not wire.slots
    assert wire.printer["klippy_state"] == "ready"
    assert wire.printer["active_spool"] == 7
    assert wire.printer["not_understood"] == []
    assert wire.printer["objects"][SENSOR]["filament_detected"] is False
    assert "fan" not in wire.printer["objects"]


def test_an_explanation_does_not_change_with_later_messages() -> None:
    klipper = _klipper()
    before = wire_state(klipper.decoder)
    klipper.change(SENSOR, filament_detected=False)

    assert before.printer["objects"][SENSOR]["filament_detected"] is True


def test_a_value_that_is_not_used_is_counted_by_its_reason() -> None:
    klipper = _klipper()
    klipper.change(SENSOR, filament_detected="yes")
    klipper.change(SENSOR, filament_detected="no")

    (refused,) = klipper.decoder.counters.refused.values()
    assert (refused["reason"], refused["count"]) == ("a value of another type", 2)
