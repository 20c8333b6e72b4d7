"""An identified spool is linked to one of Spoolman in its slot's sheet, and unlinked."""

from contextlib import AsyncExitStack

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_inventory, add_printer
from ..inventory.spoolman_server import SpoolmanServer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium
from .rig import (
    A_CARD,
    SHEET,
    button,
    cards,
    make_dashboard,
    shows,
    sign_in,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

BAY = "textOf(deep('.bay[data-label=A1]'))"
CHOICES = f"""[...(deep('filament-slots-spools', {SHEET})?.renderRoot
  .querySelectorAll('li button') ?? [])]"""


async def test_an_identified_spool_is_linked_and_unlinked_in_its_sheet(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with AsyncExitStack() as stage:
        printer = await stage.enter_async_context(BambuPrinter(x1c(), chatter=1.0))
        server = await stage.enter_async_context(SpoolmanServer())
        server.add_spool(
            filament={"name": "Galaxy Black", "material": "PLA", "weight": 1000}
        )
        await add_printer(client, printer)
        await add_inventory(client, "spoolman", server.url)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A1": "identified"})

        await page.click(".bay[data-label=A1]")
        await page.wait(f"{SHEET}.querySelector('dialog')?.open")
        await page.wait(f"!!{button('Link to…')}")
        await page.run(f"{button('Link to…')}.click()")
        # Spools of the inventory only: the one in the slot is none.
        await page.wait(f"{CHOICES}.length === 1")
        await page.includes(
            "filament-slots-sheet", "Which spool of the inventory is it?"
        )
        assert not await page.run(f"{SHEET}.querySelector('[name=label]')")
        wrong = await violations(page, "filament-slots-sheet")
        await page.run(f"{CHOICES}[0].click()")

        await page.wait(f"{BAY}.includes('1,000 g left')")
        await page.wait(f"!!{button('Unlink')}")
        wrong += await violations(page, "filament-slots-sheet")
        await page.run(f"{button('Unlink')}.click()")
        await page.wait(f"!{BAY}.includes('1,000 g left')")
        await page.wait(f"!!{button('Link to…')}")
        assert wrong == []
        assert page.errors == []
