"""The spools in the dashboard: all of them, one of them, and where it has been."""

import asyncio

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL
from ..printers.bambu_scenarios import WHITE, x1c
from .chromium import Chromium, Page
from .rig import (
    A_CARD,
    A_TIMELINE,
    HISTORY,
    SHEET,
    SPOOL,
    SPOOLS,
    TIMELINE,
    button,
    cards,
    darken,
    image,
    make_dashboard,
    shows,
    sign_in,
    small_targets,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

PRINTER = "X1-Carbon 0001"
STRATEGY = {"strategy": {"type": "custom:filament-slots"}}
SPOOL_SHEET = "filament-slots-spool-sheet"
ON_SPOOLS = f"deep('{SPOOLS}').renderRoot"
LISTED = f"[...{ON_SPOOLS}.querySelectorAll('li')].map(textOf)"
PARTS = f"[...{ON_SPOOLS}.querySelectorAll('.parts button')].map(textOf)"


def stays(within: str) -> str:
    """Return where a spool has been, as shown within an element."""
    return f"""[...(deep('filament-slots-spool', {within})?.renderRoot
      .querySelectorAll('li') ?? [])].map((stay) => textOf(stay.firstElementChild))"""


async def looked_at(page: Page, name: str, *elements: str) -> list[str]:
    """Return what is wrong with elements, in both themes; take a screenshot of each."""
    wrong = []
    for dark in (False, True):
        await darken(page, dark=dark)
        # Colors change over a moment.
        await asyncio.sleep(0.5)
        wrong += [
            *await violations(page, *elements),
            *await small_targets(page, *elements),
        ]
        await page.screenshot(image(f"{name}{'-dark' if dark else ''}"))
    if await page.run("document.documentElement.scrollWidth > innerWidth"):
        wrong.append(f"{name} is too wide")
    await darken(page, dark=False)
    return wrong


async def test_all_spools_are_listed_searched_and_followed_on_a_phone(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=390, height=844)
        await sign_in(page, home_assistant, "de")
        await page.open(f"{home_assistant.url}/a-dashboard/spools")
        await page.wait(f"{LISTED}.length > 1")
        everything = await page.run(f"{LISTED}.length")
        await page.wait(f"{PARTS}.join('|').includes('In keinem Fach: 0')")
        await printer.play(hardware.insert(1, 3, WHITE))
        await page.wait(f"{LISTED}.length === {everything + 1}")
        # What was seen last is on top.
        await page.wait(f"{LISTED}[0].includes('{PRINTER} · A3')")
        wrong = await looked_at(page, "spools-de", SPOOLS)

        search = f"{ON_SPOOLS}.querySelector('[type=search]')"
        find = f"""((text) => {{
          {search}.value = text;
          {search}.dispatchEvent(new Event('input'));
        }})"""
        await page.run(f"{find}('weiß pla')")
        await page.wait(f"{LISTED}.length === 1")
        await page.run(f"{find}('nichts davon')")
        await page.wait(f"textOf(deep('{SPOOLS}')).includes('Keine Spule gefunden.')")
        await page.run(f"{find}('weiß pla')")
        await page.wait(f"{LISTED}.length === 1")

        # Its dialog keeps up with what happens while it is open.
        await page.run(f"{ON_SPOOLS}.querySelector('li button').click()")
        sheet = f"deep('{SPOOL_SHEET}').renderRoot"
        await page.wait(f"{stays(sheet)}.join() === '{PRINTER} · A3'")
        await printer.play(hardware.remove(1, 3))
        await page.wait(
            f"textOf(deep('{SPOOL_SHEET}')).includes('In keinem Fach seit')"
        )
        await printer.play(hardware.remove(1, 1))
        await printer.play(hardware.insert(1, 1, WHITE))
        await page.wait(
            f"{stays(sheet)}.join() === '{PRINTER} · A1,{PRINTER} · A3'", 30
        )
        wrong += await looked_at(page, "spool-sheet-de", SPOOL_SHEET)
        await page.key("Escape")
        await page.run(f"{find}('')")
        await page.run(f"{ON_SPOOLS}.querySelectorAll('.parts button')[2].click()")
        await page.wait(f"{LISTED}.length === 1")
        await page.wait(f"{LISTED}[0].includes('zuletzt in')")
        assert wrong == []
        assert page.errors == []


async def test_a_spool_is_opened_from_its_slot_and_from_the_history_and_has_a_card(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        async with asyncio.timeout(30):
            while not (
                spools := (await client.call("filament_slots/spools", text="A1"))[
                    "spools"
                ]
            ):
                await asyncio.sleep(0.1)
        card = {"type": "custom:filament-slots-spool-card"}
        await make_dashboard(
            client,
            cards(A_CARD, A_TIMELINE, card | {"spool": spools[0]["external_id"]}),
        )
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A1": "identified", "A3": "empty"})
        on_card = f"deep('{SPOOL}')"
        await page.wait(f"textOf({on_card}).includes('{PRINTER} · A1')")
        await page.includes(SPOOL, spools[0]["name"])

        # The sheet of a slot keeps up with it, too.
        await page.click(".bay[data-label=A1]")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.run(f"{button('About this spool')}.click()")
        opened = f"deep('{SPOOL_SHEET}', {SHEET}).renderRoot"
        await page.wait(
            f"textOf({opened}.querySelector('h2')) === '{spools[0]['name']}'"
        )
        await page.key("Escape")
        await page.wait(f"!{opened}.querySelector('dialog')?.open")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await printer.play(hardware.remove(1, 1))
        await page.wait(f"textOf({SHEET}.querySelector('dl')).includes('Empty')")
        await page.wait(
            f"textOf({SHEET}.querySelector('ul')).includes('Spool removed')"
        )
        await printer.play(hardware.insert(1, 1, PLAIN_SPOOL))
        await page.wait(f"textOf({SHEET}.querySelector('li')).includes('Unidentified')")
        # As in the history, it is one row.
        rows = await page.run(f"[...{SHEET}.querySelectorAll('li')].map(textOf)")
        assert [row for row in rows if "Unidentified" in row] == rows[:1]
        assert "Spool removed" in rows[1]
        await page.key("Escape")

        await page.wait(f"textOf({on_card}).includes('In no slot since')")
        await page.wait(f"{HISTORY}.includes('Spool removed')")
        about = f"deep('{TIMELINE}').renderRoot.querySelector('.about')"
        name = await page.run(f"{about}.getAttribute('aria-label')")
        assert name == f"About {spools[0]['name']}"
        await page.run(f"{about}.click()")
        followed = f"deep('{SPOOL_SHEET}', deep('{TIMELINE}').renderRoot).renderRoot"
        await page.wait(f"{stays(followed)}.join() === '{PRINTER} · A1'")
        await page.key("Escape")
        wrong = await looked_at(page, "spool-card", SPOOL, TIMELINE)

        # Its editor offers the spools of the library.
        options = await page.run(
            """customElements.get('filament-slots-spool-card').getConfigForm()
              .then(({schema}) => schema[0].selector.select.options.length)"""
        )
        assert options == (await client.call("filament_slots/spools"))["total"]
        assert wrong == []
        assert page.errors == []
