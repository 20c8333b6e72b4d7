"""Home Assistant's own pages with this integration, and screenshots of them."""

import asyncio
import json

import pytest

from ..e2e.client import Client
from ..e2e.hass import HomeAssistant
from ..e2e.integration import DOMAIN, add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import WHITE, x1c
from .chromium import Chromium, Page
from .rig import image, sign_in

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

TRIGGER = f"{DOMAIN}.spool_inserted"
# Bytes: the README is read on phones too.
LARGEST = 200_000


async def _device(client: Client, name: str) -> str:
    """Return the id of a device, once it exists."""
    async with asyncio.timeout(30):
        while True:
            for device in await client.call("config/device_registry/list"):
                if device["name"] == name:
                    return str(device["id"])
            await asyncio.sleep(0.1)


async def _automate(client: Client, name: str) -> None:
    """Save an automation that starts with a spool in slot A3."""
    (event,) = await client.states("event.x1_carbon_0001_ams_a_slot_a3")
    trigger = {
        "trigger": TRIGGER,
        "target": {"entity_id": event},
        "options": {"material": ["PLA", "PETG"]},
    }
    action = {
        "action": "notify.persistent_notification",
        "data": {"message": "A spool"},
    }
    await client.post(
        f"config/automation/config/{name}",
        {"alias": "New spool", "triggers": [trigger], "actions": [action]},
    )


async def _shows(page: Page, *words: str) -> None:
    """Wait until the page contains all these texts."""
    for word in words:
        await page.wait(f"textOf(document.body).includes({json.dumps(word)})")


async def _received(page: Page, key: str) -> None:
    """Wait until the page has received a message with this key."""
    async with asyncio.timeout(30):
        while not any(f'"{key}":' in frame for frame in page.frames):
            await asyncio.sleep(0.1)


async def _save(page: Page, name: str) -> None:
    """Take a screenshot, once animations have ended."""
    await asyncio.sleep(1)
    file = image(name)
    await page.screenshot(file)
    assert file.stat().st_size < LARGEST


async def test_the_pages_of_home_assistant_show_the_integration(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client, url = home_assistant.client, home_assistant.url
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        slot = await _device(client, "Slot A3")
        page = await browser.page(width=1280, height=720)
        await sign_in(page, home_assistant)

        await page.open(f"{url}/config/devices/device/{slot}")
        await _shows(page, "Slot A3")
        await printer.play(printer.hardware.insert(1, 3, WHITE))
        await _shows(page, "PLA Basic", "Identified", "Spool inserted")
        await _save(page, "device")
        # One line of the logbook, whichever entities have changed with it.
        await page.open(f"{url}/logbook?device_id={slot}")
        await _shows(page, "PLA Basic was inserted into X1-Carbon 0001 · A3")
        written = await page.run("textOf(deep('ha-logbook'))")
        assert written.count("was inserted") == 1, written

        await _automate(client, "new_spool")
        await page.open(f"{url}/config/automation/edit/new_spool")
        await page.wait("deep('ha-automation-row h3')")
        # The editor needs the description of the trigger, which is sent a bit later.
        await _received(page, TRIGGER)
        await asyncio.sleep(0.5)
        await page.run("deep('ha-automation-row').click()")
        await _shows(
            page, "inserted into a slot", "Trigger only for spools of these materials"
        )
        assert "visual editor" not in await page.text("ha-automation-sidebar")
        await _save(page, "trigger")

        printer.change_certificate()
        printer.kick()
        await page.open(f"{url}/config/repairs")
        await _shows(page, "1 repair", "X1-Carbon 0001 has a new certificate")
        await page.run(
            "deepAll('ha-list-item-button').find((one) => one.issue).click()"
        )
        await _shows(page, "The serial number of the printer at 127.0.0.1 is correct")
        await _save(page, "repairs")
        assert page.errors == []
