"""System health: what an owner is asked for first."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.schema import MIGRATIONS
from custom_components.filament_slots.drivers.base import DriverStatus

from .common import AT, async_deliver, async_set_up, async_show, make_entry, state

pytestmark = pytest.mark.usefixtures("scripted_driver")


async def _info(hass: HomeAssistant) -> dict[str, object]:
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    return {
        key: value if isinstance(value, str | int) else await value
        for key, value in info.items()
    }


async def test_it_tells_of_the_printers_and_the_store(hass: HomeAssistant) -> None:
    first = make_entry()
    await async_set_up(hass, first)
    await async_set_up(hass, make_entry("00M09A000000002"))
    await async_show(hass, first, DriverStatus.RUNNING)
    assert (await _info(hass))["last_event"] == "-"

    await async_deliver(hass, first, state())

    assert await _info(hass) == {
        "printers_connected": "1/2",
        "store_size": "0.1 MB",
        "last_event": AT,
        "store_version": len(MIGRATIONS),
        "event_version": 1,
    }


async def test_it_works_without_any_printer_loaded(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_add_executor_job(
        hass.data[DOMAIN].path.unlink  # type: ignore[index]
    )

    assert await _info(hass) == {
        "printers_connected": "0/1",
        "store_size": "-",
        "last_event": "-",
        "store_version": len(MIGRATIONS),
        "event_version": 1,
    }
