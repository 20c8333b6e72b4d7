"""Picking a spool from the library in two taps, by keyboard, and naming a new one."""

import json

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium
from .rig import cards, make_dashboard, shows, sign_in, violations

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

A_CARD = {"type": "custom:filament-slots-card"}
SHEET = "deep('filament-slots-sheet').renderRoot"
PICKER = (
    "deep('filament-slots-spools', deep('filament-slots-sheet').renderRoot).renderRoot"
)
NAMES = f"[...({PICKER}?.querySelectorAll('button') ?? [])].map(textOf)"


async def test_a_spool_is_picked_in_two_taps_and_by_keyboard_on_a_phone(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page(width=390, height=844)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A1": "identified", "A3": "empty"})
        await printer.play(hardware.remove(1, 1))
        await shows(page, {"A1": "empty"})
        library = await client.call("filament_slots/spools", in_slot=False)
        (left,) = library["spools"]
        await printer.play(hardware.insert(1, 3, PLAIN_SPOOL))
        await shows(page, {"A3": "unidentified"})

        await page.click(".bay[data-label=A3]")
        await page.wait(f"{NAMES}.length > 1")
        names = await page.run(NAMES)
        # What is in another slot comes last.
        assert left["name"] in names[0]
        assert "last in X1-Carbon 0001 · A1" in names[0]
        assert await violations(page, "filament-slots-sheet") == []
        await page.equals("document.documentElement.scrollWidth", 390)
        await page.run(f"{PICKER}.querySelector('button').click()")
        await shows(page, {"A3": "identified"})
        await page.wait(f"!{SHEET}.querySelector('dialog')?.open")
        library = await client.call("filament_slots/spools", in_slot=True)
        (picked,) = (each for each in library["spools"] if each["id"] == left["id"])
        assert [slot["label"] for slot in picked["slots"]] == ["A3"]

        # The focus is in the list, where the arrow keys move it.
        await printer.play(hardware.remove(1, 3))
        await shows(page, {"A3": "empty"})
        await printer.play(hardware.insert(1, 3, PLAIN_SPOOL))
        await shows(page, {"A3": "unidentified"})
        await page.run("deep('.bay[data-label=A3]').focus()")
        await page.key("Enter")
        await page.wait(f"{PICKER}?.activeElement?.matches('li:first-child button')")
        await page.wait(f"{NAMES}[0].includes({json.dumps(left['name'])})")
        await page.key("ArrowDown")
        await page.wait(f"{PICKER}.activeElement.matches('li:nth-child(2) button')")
        await page.key("ArrowUp")
        await page.key("Enter")
        await shows(page, {"A3": "identified"})
        assert page.errors == []


async def test_a_spool_is_searched_in_german_and_a_new_one_needs_a_name_only(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page()
        await sign_in(page, home_assistant, "de")
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty"})
        await printer.play(printer.hardware.insert(1, 3, PLAIN_SPOOL))
        await shows(page, {"A3": "unidentified"})

        await page.click(".bay[data-label=A3]")
        await page.wait(f"{NAMES}.length > 1")
        everything = await page.run(f"{NAMES}.length")
        search = f"{PICKER}.querySelector('[type=search]')"
        await page.run(
            f"""((field, text) => {{
              field.value = text;
              field.dispatchEvent(new Event('input'));
            }})({search}, 'schwarz')"""
        )
        await page.wait(f"{NAMES}.length < {everything}")
        await page.run(
            f"{search}.value = 'xyz', {search}.dispatchEvent(new Event('input'))"
        )
        await page.wait(f"textOf({PICKER}).includes('Keine Spule gefunden.')")
        assert await violations(page, "filament-slots-sheet") == []

        await page.wait(f"textOf({SHEET}).includes('Neu: nur ein Name')")
        await page.run(f"{SHEET}.querySelector('.main').click()")
        await page.wait(f"{SHEET}.activeElement?.matches('[name=external_id]')")
        await page.run(f"{SHEET}.querySelector('[name=label]').value = 'Nachtblau'")
        await page.run(f"{SHEET}.querySelector('.main').click()")
        await shows(page, {"A3": "identified"})
        library = await client.call("filament_slots/spools", text="Nachtblau")
        (named,) = library["spools"]
        assert named["external_id"].startswith("local:")
        assert page.errors == []
