"""The button that requests a full report."""

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.filament_slots.drivers.base import DriverStatus

from .common import async_set_up, async_show, driver_of, make_entry, state_of

pytestmark = pytest.mark.usefixtures("scripted_driver")

REFRESH = "button.x1c_refresh"


async def test_pressing_it_requests_a_report(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)

    await hass.services.async_call(
        "button", "press", {"entity_id": REFRESH}, blocking=True
    )

    assert driver_of(entry).synced == 1


async def test_it_is_unavailable_while_the_printer_is_not_connected(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    assert state_of(hass, REFRESH).state == STATE_UNAVAILABLE

    await async_show(hass, entry, DriverStatus.RUNNING)
    assert state_of(hass, REFRESH).state != STATE_UNAVAILABLE


async def test_updating_an_entity_requests_a_report_too(hass: HomeAssistant) -> None:
    await async_setup_component(hass, "homeassistant", {})
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)

    await hass.services.async_call(
        "homeassistant",
        "update_entity",
        {"entity_id": ["sensor.x1c_connection_status"]},
        blocking=True,
    )

    assert driver_of(entry).synced == 1
