"""A virtual printer and its entry in a real Home Assistant, connected over TLS."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN

from .printers.bambu import BambuPrinter


def entry_of(printer: BambuPrinter, **changes: Any) -> MockConfigEntry:
    """Return an entry as the config flow creates it, with some of its data changed."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="X1C",
        unique_id=printer.hardware.serial,
        data={
            "driver_key": "bambulab_mqtt",
            "model": "X1 Carbon",
            **printer.config,
            **changes,
        },
    )


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set the entry up; its driver begins to connect."""
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until the condition is met."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def status_of(entry: MockConfigEntry) -> str:
    """Return the status of the driver."""
    return str(entry.runtime_data.health["status"])


async def running(entry: MockConfigEntry) -> None:
    """Wait until the driver runs."""
    await until(lambda: status_of(entry) == "running")


def issues(hass: HomeAssistant) -> list[str]:
    """Return the translation keys of the active issues."""
    return [
        str(issue.translation_key)
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    ]
