"""Binary sensors of slots, units and the printer."""

from collections.abc import Iterator
from unittest.mock import patch

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.filament_slots.drivers.base import DriverStatus

from .common import (
    EXTERNAL,
    async_connected_entry,
    async_deliver,
    async_show,
    spool_event,
    state,
    state_of,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

SPOOL_3 = "binary_sensor.x1c_ams_a_slot_a3_spool_present"
PRINTER = "binary_sensor.x1c_connected"
UNIT = "binary_sensor.x1c_ams_a_connected"


@pytest.fixture(autouse=True)
def binary_sensors_only() -> Iterator[None]:
    """Set up the platform under test and no other."""
    with patch("custom_components.filament_slots.PLATFORMS", [Platform.BINARY_SENSOR]):
        yield


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a unit and an external holder."""
    return await async_connected_entry(hass)


@pytest.mark.usefixtures("all_entities_enabled")
async def test_binary_sensors(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    entry: MockConfigEntry,
) -> None:
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_presence_and_what_is_in_use_are_enabled_where_they_are_reported(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert set(hass.states.async_entity_ids("binary_sensor")) == {
        *(
            f"binary_sensor.x1c_ams_a_slot_a{slot}_spool_present"
            for slot in range(1, 5)
        ),
        "binary_sensor.x1c_ams_a_slot_a1_active",
        "binary_sensor.x1c_slot_ext_active",
        PRINTER,
    }


async def test_spool_presence_stays_known_while_the_printer_is_off(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, SPOOL_3).state == STATE_OFF

    await async_deliver(hass, entry, spool_event("spool_inserted", 3))
    assert state_of(hass, SPOOL_3).state == STATE_ON

    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert state_of(hass, SPOOL_3).state == STATE_ON


async def test_the_connection_follows_the_driver(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, PRINTER).state == STATE_ON

    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert state_of(hass, PRINTER).state == STATE_OFF


@pytest.mark.usefixtures("all_entities_enabled")
async def test_the_connection_of_a_unit_is_unavailable_without_the_printer(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert state_of(hass, UNIT).state == STATE_ON

    await async_deliver(hass, entry, state(unit_state(online=False)))
    assert state_of(hass, UNIT).state == STATE_OFF

    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert state_of(hass, UNIT).state == STATE_UNAVAILABLE


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_holder_without_a_sensor_has_the_active_sensor_only(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, state(direct=[{**EXTERNAL, "active": True}]))

    assert state_of(hass, "binary_sensor.x1c_slot_ext_active").state == STATE_ON
    assert hass.states.get("binary_sensor.x1c_slot_ext_spool_present") is None
