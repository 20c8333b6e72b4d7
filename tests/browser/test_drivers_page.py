"""The drivers page: status, log, counters, what a driver can check, stop and start."""

import asyncio

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer, entry_state
from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium, Page
from .rig import (
    DRIVERS,
    HEALTH,
    cards,
    darken,
    image,
    make_dashboard,
    sign_in,
    small_targets,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

STRATEGY = {"strategy": {"type": "custom:filament-slots"}}
DRIVER = "deep('filament-slots-driver').renderRoot"
STATUS = f"textOf({DRIVER}.querySelector('.what'))"
LOG = "deep('filament-slots-driver-log').renderRoot"
LINES = f"[...{LOG}.querySelectorAll('.log p')].map(textOf)"
CHECKS = "deep('filament-slots-capabilities').renderRoot"
RESULT = f"[...{CHECKS}.querySelectorAll('table')].map(textOf).join(' ')"
PARTS = (
    DRIVERS,
    "filament-slots-driver",
    "filament-slots-driver-log",
    "filament-slots-capabilities",
)


def _button(label: str, root: str = DRIVER) -> str:
    return f"""[...{root}.querySelectorAll('button')].find((one) =>
      textOf(one) === '{label}')"""


async def _wrong(page: Page) -> list[str]:
    """Return what is wrong with the page: accessibility, touch targets, overflow."""
    await asyncio.sleep(0.5)  # A change of the theme takes its time.
    wide = await page.run(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [
        *await violations(page, DRIVERS),
        *await small_targets(page, *PARTS),
        *([f"{wide} pixels too wide"] if wide else []),
    ]


async def _choose_level(page: Page, level: str) -> None:
    await page.run(
        f"""(() => {{
          const select = {LOG}.querySelector('select');
          select.value = '{level}';
          select.dispatchEvent(new Event('change'));
        }})()"""
    )


async def test_the_log_of_a_driver_is_live_and_can_be_paused_and_filtered(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=1280, height=1400)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard/drivers")
        await page.wait(f"{STATUS}.includes('Running')")
        about = await page.run(f"textOf({DRIVER}.querySelector('.about'))")
        assert "Bambu Lab" in about

        # A lost connection is in the log and in the status, as it happens.
        shown = await page.run(f"{LINES}.length")
        printer.kick()
        await page.wait(f"{LINES}.length > {shown} && {LINES}.at(-1)")
        await page.wait(f"{STATUS}.includes('Running')")
        history = f"textOf({DRIVER}.querySelector('details ol'))"
        await page.wait(f"{history}.includes('Reconnecting')")
        await page.wait(
            f"/Messages received [1-9]/.test(textOf({DRIVER}.querySelector('.counters')))"
        )
        await page.equals(f"{LOG}.querySelector('[role=log]').ariaLive", "polite")
        assert await _wrong(page) == []
        await page.screenshot(image("drivers"))

        await page.run(f"{_button('Pause', LOG)}.focus()")
        await page.key("Enter")
        await page.equals(f"{LOG}.querySelector('[role=log]').ariaLive", "off")
        held = await page.run(LINES)
        printer.kick()
        await page.wait(
            f"/New lines: [1-9]/.test(textOf({LOG}.querySelector('.tools')))", 30
        )
        assert await page.run(LINES) == held
        await page.key("Enter")
        await page.wait(f"{LINES}.length > {len(held)}")
        await page.equals(f"{LOG}.querySelector('[role=log]').ariaLive", "polite")

        await _choose_level(page, "warning")
        await page.wait(f"{LINES}.every((line) => !/ Info /.test(line))")
        warnings = await page.run(f"{LINES}.filter((line) => / Warning /.test(line))")
        await _choose_level(page, "debug")
        await page.wait(f"{LINES}.length > {len(warnings)}")
        assert page.errors == []


async def test_what_a_driver_can_check_is_run_with_its_result_as_a_table(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=390, height=844)
        await sign_in(page, home_assistant, "de")
        await page.open(f"{home_assistant.url}/a-dashboard/drivers")
        await page.wait(f"{STATUS}.includes('Läuft')")
        await darken(page, dark=True)

        await page.run(f"{_button('Verbindung testen', CHECKS)}.focus()")
        await page.key("Enter")
        steps = await page.wait(RESULT)
        assert steps.startswith("Bestanden Ja Schritte Name Bestanden Sekunden Fehler ")
        assert "Verschlüsselung (TLS) Ja 0," in steps
        state = f"textOf({CHECKS}.querySelector('[role=status]'))"
        await page.equals(state, "Verbindung testen: fertig")
        await page.run(f"{CHECKS}.querySelector('table').scrollIntoView()")
        wrong = await _wrong(page)
        await page.screenshot(image("drivers-phone-de-dark"))

        # One with input has a form.
        await page.run(
            f"""(() => {{
              const form = [...{CHECKS}.querySelectorAll('details')].find((one) =>
                textOf(one).startsWith('Fach erklären'));
              form.open = true;
              form.querySelector('[name=ams_unit_no]').value = '1';
              form.querySelector('[name=slot_no]').value = '3';
              form.querySelector('button').click();
            }})()"""
        )
        await page.wait(f"{RESULT}.includes('Nummer des Fachs 3')")
        wrong += await _wrong(page)

        # What went wrong, and what to do about it.
        await page.run(
            f"""(() => {{
              const field = {CHECKS}.querySelector('details[open] [name=slot_no]');
              field.value = '99';
              field.form.querySelector('button').click();
            }})()"""
        )
        failed = f"{CHECKS}.querySelector('[role=alert]').textContent"
        assert "Korrigiere sie" in await page.wait(failed)
        assert await page.run(RESULT) == ""
        wrong += await _wrong(page)
        assert wrong == []
        assert page.errors == []


async def test_the_card_of_the_connections_tests_them(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(
            client, cards({"type": "custom:filament-slots-health-card"})
        )
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await page.wait("deep('details.can')")
        # What runs them is loaded when it is needed.
        loaded = "performance.getEntriesByType('resource').some(({name}) => /drivers-/.test(name))"
        assert not await page.run(loaded)
        await page.run("deepAll('details').forEach((one) => { one.open = true; })")
        await page.wait(loaded)

        await page.wait(_button("Test the connection", CHECKS))
        assert not await page.run(f"!!{CHECKS}.querySelector('form')")
        await page.run(f"{_button('Test the connection', CHECKS)}.click()")
        assert (await page.wait(RESULT, 60)).startswith("Passed Yes Steps ")
        assert await violations(page, HEALTH) == []
        assert await small_targets(page, HEALTH, "filament-slots-capabilities") == []
        assert page.errors == []


async def test_a_driver_is_stopped_and_started_on_the_page(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        entry_id = await add_printer(client, printer)
        await make_dashboard(client, STRATEGY)
        page = await browser.page(width=1280, height=1400)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard/drivers")
        await page.wait(f"{STATUS}.includes('Running')")

        await page.run(f"{_button('Stop')}.click()")
        await page.wait(f"{STATUS}.includes('Stopped · Not loaded')")
        assert await entry_state(client, entry_id) == "not_loaded"
        await page.wait(_button("Start"))
        await page.wait(f"{_button('Restart')}.disabled")
        assert await _wrong(page) == []

        await page.run(f"{_button('Start')}.click()")
        await page.wait(f"{STATUS}.includes('Running')")
        await page.wait(_button("Stop"))
        await page.run(f"{_button('Restart')}.click()")
        await page.wait(
            f"textOf({DRIVER}.querySelector('details ol')).match(/Running/g).length > 1",
            30,
        )
        assert page.errors == []
