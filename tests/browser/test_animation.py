"""The animation of the README: a code is scanned, a spool inserted, a notification comes."""

import asyncio
from itertools import pairwise
import json
from pathlib import Path

from PIL import Image
import pytest

from ..e2e.client import Client
from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import Spool
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium, Page
from .rig import (
    A_CARD,
    A_TIMELINE,
    ROWS,
    SCREENSHOTS,
    SLOTS,
    cards,
    make_dashboard,
    shows,
    sign_in,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

# Without a tag; its owner sets material and colour on the printer.
BLACK_SPOOL = Spool(material="PLA", code="GFL99", colour="26262BFF")
# Bytes.
LARGEST = 2_000_000
WIDTH, HEIGHT, SCALE = 960, 540, 1.25
# Milliseconds: how long the steps between two images are shown.
STEP = 70
STEPS = 4
SCANNED = {
    "alias": "Scanned spool",
    "triggers": [{"trigger": "event", "event_type": "tag_scanned"}],
    "actions": [
        {
            "action": "filament_slots.expect_spool",
            "data": {
                "external_id": "spoolman:{{ trigger.event.data.tag_id }}",
                "label": "Galaxy black",
            },
        }
    ],
}
INSERTED = {
    "alias": "New spool",
    "triggers": [{"trigger": "filament_slots.spool_inserted"}],
    "actions": [
        {
            "action": "notify.persistent_notification",
            "data": {
                "title": "{{ trigger.place }}",
                "message": "{{ trigger.meta.assigned.label }} was inserted.",
            },
        }
    ],
}


class _Film:
    """Images of a page, each with the time in milliseconds for which it is shown."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self._images: list[tuple[Image.Image, int]] = []

    async def caption(self, words: str) -> None:
        """Show what is being done, below the page."""
        await self._page.run(
            f"""(() => {{
              const bar = document.querySelector("#caption") ??
                document.body.appendChild(document.createElement("div"));
              bar.id = "caption";
              bar.popover = "manual";
              bar.style = "inset: auto 0 0; width: auto; padding: 14px; border: 0;" +
                "font: 500 20px Roboto, sans-serif; text-align: center;" +
                "color: white; background: #0b5d7a";
              bar.textContent = {json.dumps(words)};
              // On top of what has been opened meanwhile.
              bar.hidePopover();
              bar.showPopover();
            }})()"""
        )

    async def take(self, milliseconds: int) -> None:
        """Take an image, once nothing moves any more."""
        await asyncio.sleep(1)
        file = self._folder / f"{len(self._images)}.png"
        await self._page.screenshot(file)
        with Image.open(file) as image:
            self._images.append((image.convert("RGB"), milliseconds))

    def save(self, file: Path) -> None:
        """Write the animation, in which each image fades into the next."""
        frames, durations = [], []
        rounds = [*self._images, self._images[0]]
        for (image, shown), (following, _) in pairwise(rounds):
            frames.append(image)
            durations.append(shown)
            for step in range(1, STEPS):
                frames.append(Image.blend(image, following, step / STEPS))
                durations.append(STEP)
        file.parent.mkdir(parents=True, exist_ok=True)
        frames[0].save(
            file,
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
            quality=88,
            # Each frame by itself: nothing of the one before shines through.
            kmin=0,
            kmax=1,
        )


async def _automate(client: Client) -> None:
    """Save the two automations, and wait until they are armed."""
    for name, config in (("scanned", SCANNED), ("inserted", INSERTED)):
        await client.post(f"config/automation/config/{name}", config)
    async with asyncio.timeout(20):
        while len(await client.states("automation.")) < 2:
            await asyncio.sleep(0.1)


async def test_a_scanned_spool_is_inserted_and_a_notification_comes(
    home_assistant: HomeAssistant, browser: Chromium, tmp_path: Path
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await _automate(client)
        unit = next(
            device["id"]
            for device in await client.call("config/device_registry/list")
            if device["model"] == "AMS"
        )
        await make_dashboard(
            client, cards(A_CARD | {"device": unit}, A_TIMELINE), title="Workshop"
        )
        page = await browser.page()
        await page.send(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH,
            height=HEIGHT,
            deviceScaleFactor=SCALE,
            mobile=False,
        )
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty"})
        film = _Film(page, tmp_path)
        await film.caption("Scan the code on the spool …")
        await film.take(1800)

        await client.call(
            "fire_event", event_type="tag_scanned", event_data={"tag_id": "12"}
        )
        shown = f"deep('.words', deep('{SLOTS}').renderRoot)?.textContent ?? ''"
        await page.wait(f"({shown}).startsWith('Next spool in any printer: Galaxy')")
        await film.take(2200)
        await film.caption("… insert it …")
        await film.take(1000)

        await printer.play(printer.hardware.insert(1, 3, BLACK_SPOOL))
        await page.wait(f"({shown}).endsWith('A3: Galaxy black')")
        await shows(page, {"A3": "identified"})
        await page.wait(f"{ROWS} === 1")
        await film.take(2400)

        await page.run(
            """deep("home-assistant-main").dispatchEvent(
              new CustomEvent("hass-show-notifications", {bubbles: true, composed: true}))"""
        )
        await page.wait(
            "textOf(deep('notification-drawer')).includes('Galaxy black was inserted.')"
        )
        await film.caption("… and your automations know which one it is")
        await film.take(3000)
        assert page.errors == []

    file = SCREENSHOTS / "next-spool.webp"
    film.save(file)
    assert file.stat().st_size < LARGEST
    with Image.open(file) as animation:
        assert animation.width == WIDTH * SCALE
        assert getattr(animation, "n_frames", 1) > STEPS * 4
