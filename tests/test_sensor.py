"""Sensors of slots, units and the printer."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode
from custom_components.filament_slots.model import Filament, Identifiers, StoredSlot
from custom_components.filament_slots.sensor import FILAMENT

from .common import (
    EXTERNAL,
    PLA,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    driver_of,
    entity_state,
    make_entry,
    slot_state,
    spool_event,
    state,
    state_of,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

SLOT_1 = "sensor.x1c_ams_a_slot_a1"
SLOT_3 = "sensor.x1c_ams_a_slot_a3"
UNIT = "sensor.x1c_ams_a"
RECEIVED_AT = "2026-11-01T12:34:56+00:00"


@pytest.fixture(autouse=True)
def sensors_only() -> Iterator[None]:
    """Set up the platform under test and no other."""
    with patch("custom_components.filament_slots.PLATFORMS", [Platform.SENSOR]):
        yield


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a unit and an external holder."""
    entry = await async_connected_entry(hass)
    await async_show(hass, entry, DriverStatus.RUNNING, last_message_at=RECEIVED_AT)
    return entry


@pytest.mark.usefixtures("all_entities_enabled")
async def test_sensors(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    entry: MockConfigEntry,
) -> None:
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_rarely_needed_sensors_are_disabled_by_default(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, entry: MockConfigEntry
) -> None:
    enabled = {
        entity.unique_id.removeprefix(f"{entry.unique_id}_")
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if not entity.disabled
    }

    assert enabled == {
        *(f"{UNIT_SERIAL}_{slot}_filament" for slot in range(1, 5)),
        *(f"{UNIT_SERIAL}_{slot}_status" for slot in range(1, 5)),
        f"{UNIT_SERIAL}_humidity",
        "direct_1_filament",
        f"{UNIT_SERIAL}_1_remaining",
        "active_filament",
        "active_slot",
        "driver_status",
        "unidentified_spools",
    }


async def test_a_slot_without_a_sensor_shows_its_filament_and_no_status(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, entry: MockConfigEntry
) -> None:
    filament = {"name": "Generic ABS"}
    await async_deliver(hass, entry, state(direct=[{**EXTERNAL, "filament": filament}]))

    assert state_of(hass, "sensor.x1c_slot_ext_filament").state == "Generic ABS"
    assert hass.states.get("sensor.x1c_slot_ext_status") is None


async def test_a_direct_slot_has_a_status_once_its_presence_is_reported(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, state(direct=[{**EXTERNAL, "present": True}]))

    assert state_of(hass, "sensor.x1c_slot_ext_status").state == "unidentified"


async def test_a_slot_that_cannot_have_an_identity_does_not_count_as_unidentified(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    sensed = {**EXTERNAL, "present": True, "identifiers": None}
    await async_deliver(hass, entry, state(direct=[sensed]))

    assert state_of(hass, "sensor.x1c_slot_ext_status").state == "unidentified"
    assert state_of(hass, "sensor.x1c_unidentified_spools").state == "1"


async def test_the_sensors_follow_an_insertion_and_a_removal(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, f"{SLOT_3}_status").state == "empty"
    assert state_of(hass, "sensor.x1c_unidentified_spools").state == "1"

    await async_deliver(hass, entry, spool_event("spool_inserted", 3))
    assert state_of(hass, f"{SLOT_3}_status").state == "unidentified"
    assert state_of(hass, "sensor.x1c_unidentified_spools").state == "2"

    await async_deliver(
        hass,
        entry,
        state(unit_state(slots=[slot_state(3, True, identifiers=TAG, filament=PLA)])),
    )
    assert state_of(hass, f"{SLOT_3}_status").state == "identified"
    assert state_of(hass, f"{SLOT_3}_filament").state == "PLA Basic"

    await async_deliver(hass, entry, spool_event("spool_removed", 3))
    assert state_of(hass, f"{SLOT_3}_status").state == "empty"
    assert state_of(hass, f"{SLOT_3}_filament").state == "empty"


async def test_the_printer_shows_the_slots_in_use_and_their_filament(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    def shown() -> tuple[str, str]:
        return (
            state_of(hass, "sensor.x1c_active_slot").state,
            state_of(hass, "sensor.x1c_active_filament").state,
        )

    async def use(*slots: dict[str, Any], **fields: Any) -> None:
        await async_deliver(hass, entry, state(unit_state(slots=slots), **fields))

    assert shown() == ("none", "none")

    await use(slot_state(1, True, active=True, filament=PLA))
    assert shown() == ("A1", "PLA Basic")

    # A printer with two extruders.
    await use(slot_state(2, True, active=True, filament={"material": "PETG"}))
    assert shown() == ("A1, A2", "PLA Basic, PETG")

    await use(slot_state(1, True, active=False), slot_state(2, False, active=True))
    assert shown() == ("A2", "empty")

    unknown = {**EXTERNAL, "active": None}
    none = [slot_state(number, True, active=None) for number in (1, 2)]
    await use(*none, direct=[unknown])
    assert shown() == (STATE_UNKNOWN, STATE_UNKNOWN)


async def test_a_printer_that_does_not_report_what_is_in_use_has_no_sensor_for_it(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(unit_state(slots=[slot_state(3)])))

    assert hass.states.get("sensor.x1c_active_slot") is None
    assert hass.states.get("sensor.x1c_unidentified_spools") is not None

    await async_deliver(
        hass, entry, state(unit_state(slots=[slot_state(3, active=False)]))
    )
    assert state_of(hass, "sensor.x1c_active_slot").state == "none"


def _slot(**known: Any) -> StoredSlot:
    return StoredSlot(unit=None, slot_no=1, **known)


@pytest.mark.parametrize(
    ("slot", "name"),
    [
        (_slot(), None),
        (_slot(present=False), "empty"),
        (_slot(present=False, filament=Filament(material="PLA")), "empty"),
        (_slot(filament=Filament(name="PLA Basic", material="PLA")), "PLA Basic"),
        (_slot(filament=Filament(material="PLA")), "PLA"),
        (_slot(assigned_label="Red one"), "Red one"),
        (_slot(assigned_label="Red one", filament=Filament(name="Preset")), "Red one"),
        (
            _slot(
                assigned_label="Red one",
                identifiers=Identifiers(rfid_uid="AB"),
                filament=Filament(name="From the tag"),
            ),
            "From the tag",
        ),
        (_slot(assigned_label="x" * 300), "x" * 255),
    ],
)
def test_the_name_of_a_filament(slot: StoredSlot, name: str | None) -> None:
    assert FILAMENT.value_fn(slot) == name


async def test_slots_stay_available_and_show_last_seen_while_the_printer_is_off(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    found = entity_state(hass, f"{SLOT_1}_filament")
    assert found.attributes["last_seen"] is None

    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.CONNECTION_TIMEOUT
    )

    found = entity_state(hass, f"{SLOT_1}_filament")
    assert found.state == "PLA Basic"
    assert found.attributes["last_seen"] == datetime.fromisoformat(RECEIVED_AT)
    assert state_of(hass, f"{SLOT_1}_status").state == "identified"


async def test_telemetry_of_a_unit_is_unavailable_without_the_printer_or_the_unit(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert float(state_of(hass, f"{UNIT}_humidity").state) == 30

    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert state_of(hass, f"{UNIT}_humidity").state == STATE_UNAVAILABLE

    await async_show(hass, entry, DriverStatus.RUNNING)
    assert float(state_of(hass, f"{UNIT}_humidity").state) == 30

    await async_deliver(hass, entry, state(unit_state(online=False)))
    assert state_of(hass, f"{UNIT}_humidity").state == STATE_UNAVAILABLE


async def test_a_unit_without_a_percentage_shows_its_humidity_level(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass,
        entry,
        state(
            unit_state(
                2, serial="OLD", label="B", humidity_percent=None, humidity_index=4
            )
        ),
    )

    assert state_of(hass, "sensor.x1c_ams_b_humidity_level").state == "4"
    assert hass.states.get("sensor.x1c_ams_b_humidity") is None


async def test_the_driver_status_has_the_error_as_an_attribute(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.HOST_NOT_FOUND
    )
    found = entity_state(hass, "sensor.x1c_connection_status")
    assert found.state == "reconnecting"
    assert found.attributes["error"] == "host_not_found"

    await async_show(hass, entry, DriverStatus.RUNNING)
    found = entity_state(hass, "sensor.x1c_connection_status")
    assert found.state == "running"
    assert found.attributes["error"] is None


async def test_the_driver_status_names_a_transport_other_than_the_usual_one(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    usual = entity_state(hass, "sensor.x1c_connection_status")
    await async_show(hass, entry, DriverStatus.RUNNING, versions={"transport": "http"})
    polled = entity_state(hass, "sensor.x1c_connection_status")

    assert "transport" not in usual.attributes
    assert polled.attributes["transport"] == "http"


async def test_grams_have_a_sensor_where_the_printer_reports_them(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert hass.states.get(f"{SLOT_3}_remaining_weight") is None

    async def left(grams: float | None) -> str:
        filament = {"material": "PLA", "remaining_g": grams}
        slot = slot_state(3, True, filament=filament)
        await async_deliver(hass, entry, state(unit_state(slots=[slot])))
        return state_of(hass, f"{SLOT_3}_remaining_weight").state

    assert await left(412.0) == "412.0"
    assert await left(0.0) == "0.0"
    assert await left(None) == STATE_UNKNOWN


async def test_only_changed_entities_are_written(
    hass: HomeAssistant, entry: MockConfigEntry, written: list[str]
) -> None:
    written.clear()

    await async_deliver(hass, entry, state(unit_state(humidity_percent=31.0)))

    assert written == [f"{UNIT}_humidity"]


async def test_a_report_that_changes_nothing_writes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, written: list[str]
) -> None:
    written.clear()

    await async_deliver(hass, entry, state(direct=[EXTERNAL]))
    await async_show(hass, entry, DriverStatus.RUNNING)

    assert written == []


@pytest.mark.usefixtures("all_entities_enabled")
async def test_last_seen_is_remembered_over_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, "sensor.x1c_last_seen").state == RECEIVED_AT

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    assert state_of(hass, "sensor.x1c_last_seen").state == RECEIVED_AT


@pytest.mark.usefixtures("all_entities_enabled")
async def test_an_entity_stays_when_its_value_is_unknown_at_start(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, f"{SLOT_1}_remaining").state == "80.0"
    await async_deliver(hass, entry, spool_event("spool_removed", 1))
    assert state_of(hass, f"{SLOT_1}_remaining").state == STATE_UNKNOWN

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    assert state_of(hass, f"{SLOT_1}_remaining").state == STATE_UNKNOWN


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_counter_is_read_once_a_minute_and_asks_the_printer_nothing(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    counter = "sensor.x1c_messages_received"
    assert state_of(hass, counter).state == "0"
    counters = driver_of(entry).health()["counters"]
    await async_show(
        hass, entry, DriverStatus.RUNNING, counters={**counters, "messages": 7}
    )
    assert state_of(hass, counter).state == "0"

    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
    await hass.async_block_till_done()

    assert state_of(hass, counter).state == "7"
    assert state_of(hass, counter).attributes["state_class"] == "total_increasing"
    assert driver_of(entry).synced == 0


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_driver_has_only_the_counters_that_it_counts(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert hass.states.get("sensor.x1c_reconnections") is not None
    assert hass.states.get("sensor.x1c_cpu_time") is None
