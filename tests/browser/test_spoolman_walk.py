"""A spool's way with Spoolman: named in two taps, used up, moved to another printer."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from ..e2e.client import Client
from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_inventory, add_printer
from ..inventory.spoolman_bodies import Entity
from ..inventory.spoolman_server import SpoolmanServer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL, PRESET_SPOOL, Spool
from ..printers.bambu_scenarios import x1c
from ..printers.box_turtle import KlipperPrinter
from .chromium import Chromium
from .rig import SHEET, SLOTS, SPOOLS, button, make_dashboard, shows, sign_in
from .test_spool_cards import LISTED, SPOOL_SHEET, looked_at, stays

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

STRATEGY = {"strategy": {"type": "custom:filament-slots"}}
PICKER = f"deep('filament-slots-spools', {SHEET})?.renderRoot"
CHOICES = f"[...({PICKER}?.querySelectorAll('li button') ?? [])]"
BAY = ".bay[data-label=A3]"
BLACK_PLA = Spool(material="PLA", code="GFL99", colour="101018FF")


async def change(server: SpoolmanServer, method: str, path: str, **values: Any) -> None:
    """Change a spool as another client of Spoolman does."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"{server.url}/api/v1/spool/{path}", json=values
        ) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def write_locations(client: Client, entry_id: str) -> None:
    """Switch on in the options that locations are written, with the usual template."""
    start = await client.post(
        "config/config_entries/options/flow", {"handler": entry_id}
    )
    dialog = f"config/config_entries/options/flow/{start['flow_id']}"
    sections = {
        section["name"]: {
            field["name"]: field["default"]
            for field in section["schema"]
            if "default" in field
        }
        for section in start["data_schema"]
    }
    for values in sections.values():
        if "write_location" in values:
            values["write_location"] = True
    preview = await client.post(dialog, sections)
    assert preview["type"] == "menu", preview
    assert "X1-Carbon 0001" in preview["description_placeholders"]["examples"]
    saved = await client.post(dialog, {"next_step_id": "save"})
    assert saved["type"] == "create_entry"


async def located(server: SpoolmanServer, spool_id: int, text: str) -> None:
    """Wait until a spool has a location in Spoolman."""
    async with asyncio.timeout(30):
        while server.database.row(Entity.SPOOL, spool_id)["location"] != text:
            await asyncio.sleep(0.1)


async def test_an_untagged_spool_is_linked_in_two_taps_and_followed_to_another_printer(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with AsyncExitStack() as stage:
        bambu = await stage.enter_async_context(BambuPrinter(x1c(), chatter=1.0))
        klipper = await stage.enter_async_context(KlipperPrinter())
        server = await stage.enter_async_context(SpoolmanServer())
        for name, color in (("Jade White", "F4F4F0"), ("Galaxy Black", "101018")):
            server.add_spool(
                vendor="Prusament",
                filament={
                    "name": name,
                    "material": "PLA",
                    "color_hex": color,
                    "weight": 1000,
                },
                location="Shelf A",
            )
        for printer in (bambu, klipper):
            await add_printer(client, printer)
        entry_id = await add_inventory(client, "spoolman", server.url)
        await write_locations(client, entry_id)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=390, height=844)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty", "lane2": "empty"})

        # A spool that was in no slot yet is in the list, too.
        await page.open(f"{home_assistant.url}/a-dashboard/spools")
        await page.wait(f"{LISTED}.some((spool) => spool.endsWith(' · Shelf A'))")
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty", "lane2": "empty"})

        # Two taps: the question, and the spool.
        await bambu.play(bambu.hardware.insert(1, 3, PLAIN_SPOOL))
        await shows(page, {"A3": "unidentified"})
        await page.click(BAY)
        await page.wait(
            f"{CHOICES}.some((one) => textOf(one).includes('Galaxy Black'))"
        )
        listed = await page.run(
            f"textOf({CHOICES}.find((one) => textOf(one).includes('Galaxy Black')))"
        )
        assert listed == "Galaxy Black PLA · Prusament · 1,000 g left · Shelf A"
        wrong = await looked_at(page, "walk-assign", "filament-slots-sheet")
        await page.run(
            f"{CHOICES}.find((one) => textOf(one).includes('Galaxy Black')).click()"
        )
        await shows(page, {"A3": "identified"})
        await page.wait(f"textOf(deep('{BAY}')).includes('Galaxy Black 1,000 g left')")

        # Its location in Spoolman follows.
        await located(server, 2, "X1-Carbon 0001 A3")

        # Little is left, until it is filled up; another material is set, and the right one.
        await change(server, "PUT", "2/use", use_weight=900)
        await page.wait(f"textOf(deep('{BAY}')).includes('100 g left Low')")
        wrong += await looked_at(page, "walk-low", SLOTS)
        await change(server, "PATCH", "2", remaining_weight=640)
        await page.wait(f"textOf(deep('{BAY}')).endsWith('640 g left')")
        await bambu.play(bambu.hardware.set_preset(1, 3, PRESET_SPOOL))
        await page.wait(f"textOf(deep('{BAY}')).includes('Mismatch')")
        await page.click(BAY)
        await page.wait(f"textOf({SHEET}.querySelector('dl') ?? {SHEET}).length > 20")
        await page.includes(
            "filament-slots-sheet",
            "The printer is set to PETG, green, but the spool is PLA, black.",
        )
        await page.includes("filament-slots-sheet", "Identified by a user")
        link = f"{SHEET}.querySelector('.actions a')"
        await page.equals(f"{link}.href", f"{server.url}/spool/show/2")
        wrong += await looked_at(page, "walk-mismatch", "filament-slots-sheet", SLOTS)
        await bambu.play(bambu.hardware.set_preset(1, 3, BLACK_PLA))
        # The sheet keeps up with it.
        await page.wait(f"!{SHEET}.querySelector('.warning')")
        await page.run(f"{button('About this spool')}.click()")
        about = f"deep('{SPOOL_SHEET}', {SHEET}).renderRoot"
        here = "X1-Carbon 0001 · A3"
        await page.wait(f"{stays(about)}.join() === '{here}'")
        await page.key("Escape")
        await page.key("Escape")
        await page.wait(f"!textOf(deep('{BAY}')).includes('Mismatch')")

        # It moves to another printer, which reports its number.
        await bambu.play(bambu.hardware.remove(1, 3))
        await shows(page, {"A3": "empty"})
        await klipper.turtle.insert(2, 2)
        there = ".bay[data-label=lane2]"
        await page.wait(
            f"textOf(deep('{there}')).includes('Galaxy Black 640 g left')", 30
        )
        await located(server, 2, "workshop lane2")
        await page.open(f"{home_assistant.url}/a-dashboard/spools")
        await page.wait(
            f"{LISTED}.some((spool) => spool.startsWith('Galaxy Black'))", 120
        )
        await page.run(
            f"""[...deep('{SPOOLS}').renderRoot.querySelectorAll('li button')]
              .find((one) => textOf(one).startsWith('Galaxy Black')).click()"""
        )
        on_list = f"deep('{SPOOL_SHEET}', deep('{SPOOLS}').renderRoot).renderRoot"
        await page.wait(f"{stays(on_list)}.length === 2")
        both = await page.run(stays(on_list))
        assert both[0].endswith(" · lane2")
        assert both[1] == here
        shown = await page.run(f"textOf(deep('filament-slots-spool', {on_list}))")
        assert "Remaining 640 g · 64%" in shown
        assert "Location in Spoolman workshop lane2" in shown
        wrong += await looked_at(page, "walk-where", SPOOL_SHEET, SPOOLS)
        assert wrong == []
        assert page.errors == []
