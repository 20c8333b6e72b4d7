"""Naming spools and announcing them in the dashboard, by mouse and by keyboard."""

import json
import re
from typing import Any

import pytest

from ..e2e.client import Client
from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium, Page
from .rig import (
    A_CARD,
    A_TIMELINE,
    ANSWER,
    CHOOSE,
    FILL,
    HISTORY,
    LIST,
    ROWS,
    SHEET,
    SLOTS,
    TIMELINE,
    button,
    cards,
    make_dashboard,
    shows,
    sign_in,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

PRINTER = "X1-Carbon 0001"
NOTICE = f"deep('.words', deep('{SLOTS}').renderRoot)"


async def test_the_user_names_changes_and_forgets_a_spool_and_finds_it_again(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD, A_TIMELINE))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A4": "unidentified"})
        # Its material and colour are known, so that it is no riddle.
        await page.includes(".bay[data-label=A4]", "No tag")
        assert not await page.run("deep('button.assign')")

        await page.run("deep('.bay[data-label=A4]').focus()")
        await page.key("Enter")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.run(f"{button('Assign')}.click()")
        await page.wait(f"{SHEET}.querySelector('form')")
        await page.includes("filament-slots-sheet", "Which spool is in A4?")
        assert await violations(page, "filament-slots-sheet") == []
        await page.run(f"{FILL}('nonsense', 'Galaxy black')")
        await page.wait(
            f"{SHEET}.querySelector('[role=alert]')?.textContent.includes('number of the spool')"
        )
        await page.run(f"{FILL}('12', 'Galaxy black')")
        await shows(page, {"A4": "identified"})
        await page.includes(".bay[data-label=A4]", "Galaxy black")
        await page.wait(f"textOf({SHEET}).includes('#12')")
        await page.wait(f"{HISTORY}.includes('A4 Identified as Galaxy black')")
        assert await violations(page, "filament-slots-sheet") == []

        await page.run(f"{button('Forget this assignment')}.click()")
        await shows(page, {"A4": "unidentified"})
        await page.wait(f"{HISTORY}.includes('No longer identified as Galaxy black')")
        await page.run(f"{button('Assign')}.click()")
        await page.run(f"{FILL}('Spoolman:13', 'Silver')")
        await shows(page, {"A4": "identified"})
        await page.run(f"{button('Change')}.click()")
        await page.run(f"{FILL}('14', 'Gold')")
        await page.wait(f"textOf({SHEET}).includes('#14')")
        await page.wait(
            f"{HISTORY}.includes('Identified as Gold, previously as Silver')"
        )
        await page.key("Escape")

        place = next(
            device["id"]
            for device in await client.call("config/device_registry/list")
            if device["name"] == "Slot A4"
        )
        await page.run(f"{CHOOSE}('select', '{place}')")
        await page.run(
            f"{CHOOSE}('input[type=date]', deep('{TIMELINE}').renderRoot.querySelector('[max]').max)"
        )
        await page.wait(
            f"textOf({ANSWER}).startsWith('Today · A4 held Galaxy black → ')"
        )
        await page.wait(f"textOf({ANSWER}).endsWith('→ Silver → Gold')")
        assert await violations(page, TIMELINE) == []

        await printer.play(printer.hardware.remove(1, 4))
        row = f"deep('{TIMELINE}').renderRoot.querySelector('li')"
        await page.wait(f"textOf({row} ?? document.body).includes('Gold')")
        await page.wait(f"{row}.querySelector('.spool.identified')")
        await page.run(f"{row}.querySelector('.icon').click()")
        await page.wait(f"textOf(deep('{TIMELINE}')).includes('Only this spool: Gold')")
        # A followed spool may be anywhere, which the picker shows.
        assert (
            await page.run(
                f"deep('{TIMELINE}').renderRoot.querySelector('select').value"
            )
            == ""
        )
        assert page.errors == []


async def _focus_on(page: Page, selector: str) -> None:
    """Wait until an element of a sheet has the focus."""
    await page.wait(f"{SHEET}.activeElement?.matches({json.dumps(selector)})")


async def _to_the_field(page: Page) -> None:
    """Go from the list of spools, which has the focus first, to the field below it."""
    await _focus_on(page, "filament-slots-spools")
    await page.tab_to("external_id")


async def test_a_spool_is_named_changed_forgotten_and_found_again_by_keyboard(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD, A_TIMELINE))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty"})
        await printer.play(printer.hardware.insert(1, 3, PLAIN_SPOOL))
        await shows(page, {"A3": "unidentified"})

        await page.tab_to("Assign A3")
        await page.key("Enter")
        await _to_the_field(page)
        await page.type("12")
        await page.key("Tab")
        await page.type("Galaxy black")
        await page.key("Enter")
        await shows(page, {"A3": "identified"})
        await page.wait(f"!{SHEET}.querySelector('dialog')?.open")

        await page.tab_to("A3")
        spoken = f"{PRINTER}, slot A3: Galaxy black"
        await page.wait(f"textOf(focused()).includes('{spoken}')")
        await page.key("Enter")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.tab_to("Change")
        await page.key("Enter")
        await _to_the_field(page)
        await page.type("14")
        await page.tab_to("label")
        await page.type("Gold")
        await page.key("Enter")
        await page.wait(f"textOf({SHEET}).includes('#14')")
        await _focus_on(page, ".actions button")

        await page.tab_to("Forget this assignment")
        await page.key("Enter")
        await shows(page, {"A3": "unidentified"})
        await _focus_on(page, ".actions button")
        await page.equals("textOf(focused())", "Assign")
        await page.key("Enter")
        await _to_the_field(page)
        await page.type("14")
        await page.key("Tab")
        await page.type("Gold")
        await page.key("Enter")
        await shows(page, {"A3": "identified"})
        await page.key("Escape")
        # The focus is again on the slot.
        await page.wait("focused()?.dataset.label === 'A3'")

        await printer.play(printer.hardware.remove(1, 3))
        await shows(page, {"A3": "empty"})
        await page.wait(f"{HISTORY}.includes('A3 Gold Spool removed')")
        await page.tab_to("Show where Gold has been")
        await page.key("Enter")
        await page.wait("textOf(focused()) === 'Only this spool: Gold'")
        await page.wait(f"{ROWS} > 2")
        rows = await page.run(f"[...{LIST}.querySelectorAll('li .what')].map(textOf)")
        assert rows[:2] == ["A3 Gold Spool removed", "A3 Identified as Gold"]
        assert rows[-1] == "A3 Identified as Gold, previously as Galaxy black"
        await page.key("Enter")
        await page.wait(f"{ROWS} > 3 && focused().matches('.list')")
        assert page.errors == []


async def test_the_next_spool_is_announced_and_the_card_names_what_took_it(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty"})

        await page.click("button.next")
        await _to_the_field(page)
        await page.type("12")
        await page.tab_to("label")
        await page.type("Galaxy black")
        await page.key("Enter")
        shown = await page.wait(f"{NOTICE}?.textContent")
        assert re.fullmatch(r"Next spool: Galaxy black, until \d+:\d\d\s[AP]M", shown)
        assert not await page.run("deep('button.next')")
        assert await violations(page, SLOTS) == []
        await printer.play(hardware.insert(1, 3, PLAIN_SPOOL))
        await page.wait(f"{NOTICE}?.textContent === 'Taken by A3: Galaxy black'")
        await shows(page, {"A3": "identified"})
        await page.includes(".bay[data-label=A3]", "Galaxy black")
        assert await violations(page, SLOTS) == []
        await page.click(".announced button")
        await page.wait(f"!{NOTICE}")

        # In the sheet of a slot, with the way back.
        await page.click(".bay[data-label=B2]")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.run(f"{button('Next spool…')}.click()")
        await page.run(f"{FILL}('13', '')")
        await page.wait(
            f"textOf({SHEET}).includes('Next spool: #13, until') && !{SHEET}.querySelector('form')"
        )
        assert await violations(page, "filament-slots-sheet") == []
        await page.run(f"{SHEET}.querySelector('.announced button').click()")
        await page.wait(f"!{SHEET}.querySelector('.words')")
        await page.key("Escape")
        assert not await page.run(NOTICE)

        # As a scanned code announces it: for any printer, and by its time.
        scanned = {"external_id": "spoolman:14", "label": "Gold"}
        expect = "filament_slots", "expect_spool"
        await _act(client, *expect, **scanned, timeout={"hours": 1})
        await page.wait(
            f"{NOTICE}?.textContent.startsWith('Next spool in any printer: Gold, until ')"
        )
        await printer.play(hardware.insert(2, 2, PLAIN_SPOOL))
        await page.wait(f"{NOTICE}?.textContent === 'Taken by {PRINTER} · B2: Gold'")
        await _act(client, *expect, **scanned, timeout={"seconds": 1})
        await page.wait(f"{NOTICE}?.textContent === 'Gold was not inserted in time.'")
        assert await violations(page, SLOTS) == []
        assert page.errors == []


async def _act(client: Client, domain: str, service: str, **data: Any) -> None:
    """Call an action as an automation does."""
    await client.call("call_service", domain=domain, service=service, service_data=data)
