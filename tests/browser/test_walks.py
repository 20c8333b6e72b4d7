"""The dashboard as its owners meet it: many printers, other languages, narrow columns."""

import asyncio
from contextlib import AsyncExitStack
import re
from typing import Any

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_hardware import VirtualBambu
from ..printers.bambu_models import P1S, PLAIN_SPOOL, Kind
from ..printers.bambu_scenarios import BLUE, RED, x1c
from .chromium import Chromium, Page
from .rig import (
    A_CARD,
    A_TIMELINE,
    CARDS,
    FILL,
    HEALTH,
    ROWS,
    SHEET,
    SLOTS,
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

STRATEGY = {"strategy": {"type": "custom:filament-slots"}}
ON_CARD = f"deep('{SLOTS}').renderRoot"
# The headings of what is shown, from top to bottom.
SHOWN = f"""deepAll('{SLOTS}, {TIMELINE}, {HEALTH}')
  .filter((card) => card.checkVisibility() && card.getBoundingClientRect().height)
  .sort((one, other) =>
    one.getBoundingClientRect().top - other.getBoundingClientRect().top)
  .map((card) => card.localName.split('-')[2])"""
NAMES = f"[...{ON_CARD}.querySelectorAll('section h2')].map(textOf)"
# The bays that a filter leaves visible, by their labels.
LEFT = f"""[...{ON_CARD}.querySelectorAll('li:not(.out) .bay')]
  .map((bay) => bay.dataset.label)"""


def _p1s(number: int) -> VirtualBambu:
    """Return one of several printers: P1S 0001, P1S 0002, ..."""
    hardware = VirtualBambu(P1S, f"{P1S.serial[:-4]}{number:04}")
    hardware.add_unit(Kind.AMS, 0, BLUE, *([PLAIN_SPOOL] if number == 3 else [RED]))
    return hardware


async def _settled(page: Page) -> list[str]:
    """Return what is wrong with the cards: accessibility, touch targets, overflow."""
    await asyncio.sleep(0.5)
    wide = await page.run(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [
        *await violations(page, *CARDS),
        *await small_targets(page, *CARDS),
        *([f"{wide} pixels too wide"] if wide else []),
    ]


async def test_many_printers_are_summed_up_filtered_and_collapsed(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with AsyncExitStack() as stage:
        printers = [
            await stage.enter_async_context(BambuPrinter(_p1s(number)))
            for number in range(1, 7)
        ]
        for printer in printers:
            await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=1280, height=860)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await page.wait(f"{NAMES}.length === 6")
        summary = f"textOf({ON_CARD}.querySelector('.tools p'))"
        await page.wait(f"{summary} === 'Printers: 6 · Spools: 12'")

        # What needs attention comes first.
        names = await page.run(NAMES)
        assert names == [f"P1S 000{number}" for number in (3, 1, 2, 4, 5, 6)]
        # All is well: the connections are quiet, and come last.
        await page.wait(f"{SHOWN}.at(-1) === 'health'")
        await page.equals(SHOWN, ["card", "timeline", "health"])
        quiet = f"deepAll('{HEALTH}').find((card) => card.checkVisibility())"
        await page.wait(
            f"textOf({quiet}).startsWith('Printer connections No problems')"
        )
        assert await _settled(page) == []
        await page.screenshot(image("many"))

        await page.click(".tools button")
        await page.equals(LEFT, ["A2"])
        await page.equals(NAMES, ["P1S 0003"])
        await page.click(".tools button")
        pick = f"""((field, value) => {{
          const found = {ON_CARD}.querySelectorAll('.tools select')[field];
          found.value = value;
          found.dispatchEvent(new Event('change'));
        }})"""
        await page.run(f"{pick}(0, 'PETG')")
        await page.wait(f"{LEFT}.join() === 'A2,A2,A2,A2,A2'")
        await page.run(f"{pick}(1, 'blue')")
        await page.wait(f"textOf({ON_CARD}).includes('No slot matches the filter.')")
        await page.run(f"{pick}(0, '')")
        await page.wait(f"{LEFT}.join() === 'A1,A1,A1,A1,A1,A1'")
        await page.run(f"{pick}(1, '')")

        # A printer that was collapsed still is after a reload of the page.
        await page.click("button.fold")
        await page.wait(f"!{ON_CARD}.querySelector('section').querySelector('.boxes')")
        assert (
            await page.run(
                f"{ON_CARD}.querySelectorAll('section .miniatures .spool').length"
            )
            == 2
        )
        await page.open(f"{home_assistant.url}/a-dashboard")
        await page.wait(f"{ON_CARD}.querySelector('[aria-expanded=false]')")

        # A printer that only its owner can mend: the connections move up, red.
        printers[4].change_certificate()
        printers[4].kick()
        await page.wait(f"{SHOWN}[0] === 'health'")
        await page.equals(SHOWN, ["health", "card", "timeline"])
        await page.equals(f"{NAMES}.slice(0, 2)", ["P1S 0005", "P1S 0003"])
        red = await page.run(f"textOf({quiet})")
        assert red.startswith("Printer connections P1S 0005 ")
        for card in (f"{ON_CARD}", f"{quiet}.renderRoot"):
            alert = await page.run(f"{card}.querySelector('[role=alert] a').href")
            assert alert.endswith("/config/repairs")
        await page.wait(f"{summary}.endsWith('Offline: 1')")
        wrong = await _settled(page)
        await page.screenshot(image("many-red"))
        await darken(page, dark=True)
        wrong += await _settled(page)
        await page.screenshot(image("many-red-dark"))
        await page.resize(390, 844)
        wrong += await _settled(page)
        await page.screenshot(image("many-red-phone"))
        assert wrong == []
        assert page.errors == []


async def _walk(
    home_assistant: HomeAssistant, browser: Chromium, language: str
) -> list[str]:
    """Return what is wrong with the cards in a language, in every width and theme."""
    page = await browser.page(width=1280, height=860)
    await sign_in(page, home_assistant, language)
    await page.open(f"{home_assistant.url}/a-dashboard")
    await shows(page, {"A3": "unidentified"})
    await page.wait(f"{ROWS} === 1")
    wrong = []
    for name, width in (("desktop", 1280), ("phone", 390)):
        for dark in (False, True):
            await darken(page, dark=dark)
            await page.resize(width, 860)
            wrong += await _settled(page)
            await page.screenshot(image(f"{name}-{language}{'-dark' if dark else ''}"))
    # Bays are side by side on the hardware, whatever the language.
    sides = await page.run(
        f"""[...{ON_CARD}.querySelectorAll('.bay')].slice(0, 4)
          .map((bay) => bay.getBoundingClientRect().x)"""
    )
    direction = await page.run("getComputedStyle(deep('home-assistant')).direction")
    assert direction == ("rtl" if language == "ar" else "ltr")
    assert sides[0] < sides[1]

    # The sheet of a slot, and an error in the user's language.
    sheet = "filament-slots-sheet"
    await page.click(".bay[data-label=A1]")
    await page.wait(f"{SHEET}.querySelector('dd')")
    wrong += await violations(page, sheet) + await small_targets(page, sheet)
    await page.screenshot(image(f"sheet-{language}"))
    # A slot of which nothing is known opens with the question which spool it is, however
    # soon after another.
    await page.run(
        f"{SHEET}.querySelector('dialog').close(); deep('.bay[data-label=A3]').click()"
    )
    await page.wait(f"{SHEET}.querySelector('form')")
    await page.run(f"{FILL}('nonsense', '')")
    error = await page.wait(f"{SHEET}.querySelector('[role=alert]')?.textContent")
    assert {"de": "Nummer der Spule"}.get(language, "number of the spool") in error
    wrong += await violations(page, sheet) + await small_targets(page, sheet)
    await page.screenshot(image(f"assign-{language}"))
    await page.key("Escape")

    await page.resize(1280, 860)
    await darken(page, dark=False)
    await page.open(f"{home_assistant.url}/b-narrow")
    await shows(page, {"A3": "unidentified"})
    await page.wait(f"{ROWS} === 1")
    wrong += await _settled(page)
    await page.screenshot(image(f"narrow-{language}"))
    # Two bays side by side, however narrow the card is.
    tops = await page.run(
        f"""[...{ON_CARD}.querySelectorAll('.bay')].slice(0, 4)
          .map((bay) => Math.round(bay.getBoundingClientRect().top))"""
    )
    assert tops[0] == tops[1] < tops[2] == tops[3]
    # Nor is a button wider than its bay.
    await page.run(f"deep('{SLOTS}').style.width = '160px'")
    await page.wait(
        f"""[...{ON_CARD}.querySelectorAll('.assign')].every((one) =>
          one.getBoundingClientRect().width <=
            one.parentElement.getBoundingClientRect().width + 0.5)"""
    )
    await page.screenshot(image(f"narrowest-{language}"))
    # No word of the history is broken into letters.
    height = await page.run(
        f"""deep('{TIMELINE}').renderRoot.querySelector('li .what')
          .getBoundingClientRect().height"""
    )
    assert height < 100
    return [f"{language}: {each}" for each in (*wrong, *page.errors)]


async def test_the_dashboard_fits_every_width_theme_and_language(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    narrow: dict[str, Any] = cards(
        A_CARD | {"grid_options": {"columns": 4}},
        A_TIMELINE | {"grid_options": {"columns": 6}},
    )
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        await make_dashboard(client, narrow, "b-narrow")
        await printer.play(printer.hardware.insert(1, 3, PLAIN_SPOOL))

        wrong = [
            each
            for language in ("en", "de", "ar")
            for each in await _walk(home_assistant, browser, language)
        ]

        assert wrong == []


async def test_the_sheet_shows_all_that_is_known_of_a_slot(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"B1": "identified"})
        headings = await page.run(f"[...{ON_CARD}.querySelectorAll('h3')].map(textOf)")
        assert headings == ["AMS A", "AMS 2 Pro B", "AMS HT-A", "External"]
        levels = await page.run(f"textOf({ON_CARD}.querySelector('.unit'))")
        assert re.fullmatch(
            r"AMS A Humidity 23% dry Temperature 26\s?°C normal", levels
        )

        await printer.play(printer.hardware.swap(2, 1, RED))
        await page.wait("textOf(deep('.bay[data-label=B1]')).includes('PETG HF')")
        await page.click(".bay[data-label=B1]")
        await page.wait(f"{SHEET}.querySelectorAll('li').length === 2")
        facts = dict(
            await page.run(
                f"[...{SHEET}.querySelectorAll('dl > div')].map((one) => [...one.children].map(textOf))"
            )
        )
        assert facts.pop("Inserted")
        assert facts.pop("Spool ID").startswith("bambulab:")
        assert facts == {
            "Status": "Identified",
            "Name": "PETG HF",
            "Material": "PETG",
            "Manufacturer": "Bambu Lab",
            "Remaining": "80%",
            "Nozzle temperature": "190–230 °C",
        }
        await page.run(f"{button('Open device')}.click()")
        await page.wait("location.pathname.startsWith('/config/devices/device/')")

        # A holder without a sensor can be assigned a spool, and shows its number.
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"B1": "identified"})
        await page.click(".bay[data-label=Ext]")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.run(f"{button('Assign')}.click()")
        await page.wait(f"{SHEET}.querySelector('form')")
        field = await page.run(
            f"{SHEET}.querySelector('[name=external_id]').autocapitalize"
        )
        assert field == "none"
        await page.run(f"{FILL}('5', '')")
        await page.wait(f"textOf({SHEET}).includes('#5')")
        await page.run(f"{SHEET}.querySelector('dd .icon').click()")
        await page.wait(f"textOf({SHEET}).includes('Copied')")
        await page.key("Escape")
        await page.wait(f"textOf({ON_CARD}).includes('#5')")

        # A card of one slot names its unit, with its letter.
        devices = {
            device["name"]: device["id"]
            for device in await client.call("config/device_registry/list")
        }
        await client.call(
            "lovelace/config/save",
            url_path="a-dashboard",
            config=cards(A_CARD | {"device": devices["Slot B1"]}),
        )
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"B1": "identified"})
        await page.equals(LEFT, ["B1"])
        await page.equals(f"textOf({ON_CARD}.querySelector('h3'))", "AMS 2 Pro B")

        # A printer that is switched off: its spools fade.
        await printer.power_off()
        await page.wait(f"textOf({ON_CARD}).includes('Offline')")
        faded = await page.run(
            f"getComputedStyle({ON_CARD}.querySelector('.spool')).opacity"
        )
        assert float(faded) < 0.6
        assert page.errors == []
