"""The dashboard in a browser: it follows the printers, and every card works."""

import asyncio
from contextlib import AsyncExitStack, suppress
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.tools.bench_store import open_store

from ..e2e.client import Client, HomeAssistantError
from ..e2e.hass import HomeAssistant
from ..e2e.integration import DOMAIN, add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL, Kind
from ..printers.bambu_scenarios import BLACK, WHITE, x1c
from ..printers.box_turtle import KlipperPrinter
from ..printers.moonraker import PYTHON
from .chromium import Chromium, Page
from .rig import (
    A_CARD,
    A_TIMELINE,
    ANSWER,
    CARDS,
    CHOOSE,
    HASS,
    HEALTH,
    LIST,
    RED_CARD,
    ROWS,
    SHEET,
    SLOTS,
    TIMELINE,
    button,
    cards,
    darken,
    image,
    make_dashboard,
    note_more_info,
    real_looks,
    shows,
    sign_in,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

SPOKEN = "deep('.bay[data-label=A3] .hidden').textContent"


def _hosts(page: Page) -> set[str]:
    """Return the hosts that the page contacted."""
    return {
        urlsplit(url).netloc for url in page.requests if url.startswith(("http", "ws"))
    }


async def test_the_card_is_there_at_once_and_follows_what_happens(
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
        await shows(page, real_looks(hardware))

        await printer.play(hardware.insert(1, 3, WHITE))
        await shows(page, {"A3": "identified"})
        await page.includes(".bay[data-label=A3]", " A3 PLA PLA Basic 100% left")
        # It is read aloud once, with the printer and the colour.
        spoken = ", slot A3: PLA Basic, white, 100% left"
        await page.wait(f"{SPOKEN}.endsWith('{spoken}')")

        await printer.play(hardware.remove(1, 3))
        await shows(page, {"A3": "empty"})

        await printer.play(hardware.start_print(1, 1))
        await page.wait("deep('.bay.active .hidden')?.textContent.includes('In use')")
        # A unit that feeds a print reads no tags.
        await printer.play(hardware.end_print())
        await page.wait("!deep('.bay.active')")

        # A unit that is plugged in is there, without a reload of the page.
        hardware.add_unit(Kind.AMS, 2, BLACK)
        printer.publish(hardware.report_full())
        await shows(page, real_looks(hardware))
        await page.includes(".bay[data-label=C1]", " C1 ABS 12% left Low")

        # A click, or Enter, opens the sheet of the slot, and that the entity's details.
        await note_more_info(page)
        await page.click(".bay[data-label=A3]")
        await page.wait(f"{SHEET}.querySelector('li')")
        await page.includes("filament-slots-sheet", "PLA Basic Spool inserted")
        await page.run(f"{button('More details')}.click()")
        await page.wait("asked.length === 1")
        await page.run("deep('.bay[data-label=B1]').focus()")
        await page.key("Enter")
        await page.wait(f"{SHEET}.querySelector('dialog').open")
        await page.key("Escape")
        await page.wait(f"!{SHEET}.querySelector('dialog').open")
        opened = await page.run("asked")
        assert [entity.partition("_slot_")[2] for entity in opened] == ["a3_filament"]

        # While nothing changes, nothing is sent that was not asked for.
        del page.frames[:]
        await asyncio.sleep(3)
        sent = [frame for frame in page.frames if '"type":"event"' in frame]
        assert not [frame for frame in sent if '"printer"' in frame]
        assert page.errors == []
        assert _hosts(page) == {urlsplit(home_assistant.url).netloc}

        await home_assistant.stop()
        await asyncio.sleep(1)
        assert not await page.run(RED_CARD)
        await home_assistant.start()
        await printer.play(hardware.insert(1, 3, BLACK))
        await shows(page, real_looks(hardware))
        assert not await page.run(RED_CARD)
        # Home Assistant's own frontend may log a lost connection; the cards must not.
        assert not [error for error in page.errors if "filament_slots" in error]


async def _saved_dashboard(client: Client, title: str) -> str:
    """Return the path of a dashboard, once it is saved as our strategy."""
    async with asyncio.timeout(30):
        while True:
            for dashboard in await client.call("lovelace/dashboards/list"):
                path = str(dashboard["url_path"])
                with suppress(HomeAssistantError):
                    config = await client.call("lovelace/config", url_path=path)
                    if config == {"strategy": {"type": "custom:filament-slots"}}:
                        assert dashboard["title"] == title
                        return path
            await asyncio.sleep(0.1)


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker")
async def test_one_click_makes_a_dashboard_of_everything(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with AsyncExitStack() as stage:
        printer = await stage.enter_async_context(BambuPrinter(x1c(), chatter=1.0))
        hardware = printer.hardware
        await add_printer(client, printer)
        page = await browser.page(width=1280, height=860)
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/config/lovelace/dashboards")
        await page.wait("deep('ha-button[slot=fab]')")
        await page.run("deep('ha-button[slot=fab]').click()")
        await page.wait("deep('dashboard-card')")
        offer = """deepAll('dashboard-card').find((one) =>
          one.strategy === 'custom:filament-slots')"""
        assert "spools" in await page.wait(f"{offer}?.description")
        await page.run(f"{offer}.click()")
        await page.wait("deep('dialog-lovelace-dashboard-detail')")
        await page.wait("deep('dialog-lovelace-dashboard-detail ha-form, ha-form')")
        assert (
            await page.wait(
                "deep('ha-form')?.data?.title || deepAll('ha-form').find((f) => f.data?.title)?.data.title"
            )
            == "Filament Slots"
        )
        await page.run(
            """deepAll('dialog-lovelace-dashboard-detail').at(-1).renderRoot
              .querySelector('[slot=primaryAction]').click()"""
        )
        path = await _saved_dashboard(client, "Filament Slots")

        await printer.play(hardware.remove(1, 2))
        await printer.play(hardware.insert(1, 3, WHITE))
        await page.open(f"{home_assistant.url}/{path}")
        await shows(page, real_looks(hardware))
        await page.wait(f"{ROWS} === 2")
        await page.wait(f"textOf(deep('{HEALTH}')).includes('Running')")
        await page.wait(
            f"""[...deep('{TIMELINE}').renderRoot.querySelectorAll('li .what')].some((row) =>
              textOf(row).startsWith('A2 ') && textOf(row).includes('Spool removed'))"""
        )
        await printer.play(hardware.insert(1, 2, PLAIN_SPOOL))
        await page.wait(f"{ROWS} >= 3")
        await shows(page, {"A2": "unidentified"})

        # So is a printer that is added while the page is open.
        klipper = await stage.enter_async_context(KlipperPrinter())
        await add_printer(client, klipper)
        looks = zip(klipper.turtle.lanes, klipper.statuses.values(), strict=True)
        await shows(page, dict(looks))
        await page.includes(SLOTS, "Turtle 1")
        await printer.play(hardware.start_print(1, 1))
        await page.wait("!!deep('.bay.active')")

        wrong = []
        for dark in (False, True):
            await darken(page, dark=dark)
            await page.resize(1280, 860)
            await asyncio.sleep(0.5)
            wrong += await violations(page, *CARDS)
            await page.screenshot(image(f"dashboard-{'dark' if dark else 'light'}"))
        await darken(page, dark=False)
        await page.resize(390, 844)
        await asyncio.sleep(0.5)
        wrong += await violations(page, *CARDS)
        assert wrong == []
        await page.equals("document.documentElement.scrollWidth", 390)
        await page.screenshot(image("dashboard-phone"))
        assert page.errors == []


async def test_the_timeline_follows_and_filters(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_TIMELINE))
        page = await browser.page()
        await sign_in(page, home_assistant, "de")
        await page.open(f"{home_assistant.url}/a-dashboard")
        await page.wait(
            f"textOf(deep('{TIMELINE}')).includes('noch keine Spulen eingelegt')"
        )

        await printer.play(hardware.swap(1, 1, WHITE))
        await printer.play(hardware.insert(1, 3, BLACK))
        await page.wait(f"{ROWS} === 3")
        day = f"deep('{TIMELINE}').renderRoot.querySelector('.day').textContent"
        await page.equals(day, "Heute")

        # The history can be limited to one spool.
        await page.run(
            f"deep('{TIMELINE}').renderRoot.querySelector('li:last-child .icon').click()"
        )
        await page.wait(f"{ROWS} === 1")
        await page.run(
            f"deep('{TIMELINE}').renderRoot.querySelector('.chosen button').click()"
        )
        await page.wait(f"{ROWS} === 3")
        await page.run(
            f"""(() => {{
              const select = deep('{TIMELINE}').renderRoot.querySelector('select');
              select.value = [...select.options].find((one) => one.text.endsWith('A3')).value;
              select.dispatchEvent(new Event('change'));
            }})()"""
        )
        await page.wait(f"{ROWS} === 1")

        # A re-fired event is marked in its place, and not added.
        await client.call(
            "call_service",
            domain=DOMAIN,
            service="refire_events",
            service_data={"start_time": "2026-01-01T00:00:00+00:00"},
            return_response=True,
        )
        await page.wait(f"textOf(deep('{TIMELINE}')).includes('Wiederholt')")
        await page.equals(ROWS, 1)

        # An event that arrives before the page that was asked for earlier stays.
        await page.run(
            """(() => {
              const { connection } = deep('home-assistant').hass;
              const send = connection.sendMessagePromise.bind(connection);
              connection.sendMessagePromise = async (message) => {
                const answer = await send(message);
                if (message.type === 'filament_slots/events')
                  await new Promise((release) => { window.release = release; });
                return answer;
              };
            })()"""
        )
        await page.run(
            f"""(() => {{
              const select = deep('{TIMELINE}').renderRoot.querySelector('select');
              select.value = '';
              select.dispatchEvent(new Event('change'));
            }})()"""
        )
        await page.wait("!!window.release")
        await printer.play(hardware.remove(1, 2))
        await page.wait(
            f"""deep('{TIMELINE}').feed.printers[0].slots
              .find(({{ label }}) => label === 'A2').present === false"""
        )
        await page.run("window.release()")
        await page.wait(f"{ROWS} === 4")
        assert page.errors == []


@pytest.mark.parametrize(
    ("language", "empty", "offered"),
    [
        ("pl", "Nie włożono ani nie wyjęto", "Oś czasu Filament Slots"),
        ("pt-BR", "Nenhum carretel foi inserido", "Linha do tempo do Filament Slots"),
    ],
)
async def test_cards_and_card_picker_are_in_the_users_language(
    home_assistant: HomeAssistant,
    browser: Chromium,
    language: str,
    empty: str,
    offered: str,
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_TIMELINE))
        page = await browser.page()
        await sign_in(page, home_assistant, language)
        await page.open(f"{home_assistant.url}/a-dashboard")

        await page.wait(f"textOf(deep('{TIMELINE}')).includes('{empty}')")
        await page.wait(f"customCards.some(({{name}}) => name === '{offered}')")
        assert page.errors == []


async def _make_history(folder: Path, events: int) -> None:
    """Store the history of a removed printer: ten events a day."""
    store, handler = await open_store(folder / ".storage" / DOMAIN / f"{DOMAIN}.db")
    printer_id = await handler.register_printer("GONE", "Gone", "bambulab_mqtt", "gone")
    for number in range(events):
        inserted = number % 2 == 0
        late = {"source": "reconcile", "detected_late": True}
        outcome = await handler.handle_printer_event(
            {
                "event_type": "spool_inserted" if inserted else "spool_removed",
                "event_at": f"2026-01-{1 + number // 10:02}T12:{number % 10:02}:00Z",
                "printer_id": printer_id,
                "slot": {
                    "is_ams_slot": True,
                    "ams_unit_no": 1,
                    "slot_no": 1,
                    "slots_total": 4,
                },
                "meta": {
                    "filament": {"material": "PLA", "name": f"Spool {number // 2}"},
                    **(late if number == 0 else {}),
                },
            }
        )
        assert outcome == "stored"
    await store.close()


async def test_the_timeline_scrolls_to_the_beginning(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    await _make_history(home_assistant.folder, 120)
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_TIMELINE))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await page.wait(f"{ROWS} === 50")
        to_the_end = f"""(() => {{
          const list = deep('{TIMELINE}').renderRoot.querySelector('.list');
          list.scrollTop = list.scrollHeight;
        }})()"""
        await asyncio.sleep(1)
        assert await page.run(ROWS) == 50  # Without scrolling, no page is loaded.

        await page.run(to_the_end)
        await page.wait(f"{ROWS} === 100")
        # A new event is added on top, and shifts no page.
        await printer.play(printer.hardware.insert(1, 3, BLACK))
        await page.wait(f"{ROWS} === 101")
        await page.run(to_the_end)
        await page.wait(f"{ROWS} === 121")
        await page.run(to_the_end)
        await page.wait(
            f"!deep('{TIMELINE}').renderRoot.querySelector('.end')",
        )
        rows = await page.run(
            f"""[...deep('{TIMELINE}').renderRoot.querySelectorAll('li .what')]
              .map((row) => textOf(row))"""
        )
        assert len(rows) == len(set(rows)) == 121
        assert rows[-1].startswith("1 Spool 0 Detected later")
        assert "Removed printer" in rows[-1]
        days = await page.run(
            f"""[...deep('{TIMELINE}').renderRoot.querySelectorAll('.day')]
              .map((day) => day.textContent)"""
        )
        # Those without events in between have one heading.
        assert len(days) == 14
        assert (days[0], days[-1]) == ("Today", "Thursday, January 1")
        assert days[1].startswith("January 13 – ")

        await page.run(
            f"{CHOOSE}('input[type=date]', '2026-01-03')",
        )
        await page.wait(f"textOf({ANSWER}).startsWith('Saturday, January 3 ·')")
        await page.equals(f"{LIST}.scrollTop", 0)
        await page.equals(
            f"textOf({LIST}.querySelector('.day'))", "Saturday, January 3"
        )
        assert page.errors == []


async def test_the_editor_changes_the_card(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c()) as printer:
        await add_printer(client, printer)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard/view?edit=1")
        await shows(page, real_looks(printer.hardware))

        await page.wait("deep('hui-card-edit-mode')")
        await page.run(
            "deep('hui-card-edit-mode').renderRoot.querySelector('.edit, .control, [role=button]').click()"
        )
        await page.wait("deep('hui-dialog-edit-card')")
        await page.wait(
            "deep('hui-form-editor')?.renderRoot.querySelector('ha-form')?.schema?.length === 2"
        )
        labels = await page.run(
            """(() => {
              const form = deep('hui-form-editor').renderRoot.querySelector('ha-form');
              return form.schema.map((one) => form.computeLabel(one));
            })()"""
        )
        assert labels == ["Printer, unit or slot", "Title"]
        unit = next(
            device["id"]
            for device in await client.call("config/device_registry/list")
            if device["model"] == "AMS HT"
        )
        await page.run(
            f"""deep('hui-form-editor').renderRoot.querySelector('ha-form').dispatchEvent(
              new CustomEvent('value-changed', {{bubbles: true, composed: true, detail:
                {{value: {{...{json.dumps(A_CARD)}, title: 'Dry box', device: '{unit}'}}}}}}))"""
        )
        # The preview follows.
        await page.wait(
            f"""deepAll('{SLOTS}').some((card) =>
              textOf(card).startsWith('Dry box') && card.renderRoot.querySelectorAll('.bay').length === 1)"""
        )
        await page.run(
            """deep('hui-dialog-edit-card').renderRoot
              .querySelector('[slot=primaryAction], ha-button[data-primary], ha-dialog-footer ha-button:last-of-type').click()"""
        )
        async with asyncio.timeout(30):
            while True:
                saved = await client.call("lovelace/config", url_path="a-dashboard")
                (card,) = saved["views"][0]["sections"][0]["cards"]
                if card.get("title"):
                    break
                await asyncio.sleep(0.1)
        assert card == {**A_CARD, "title": "Dry box", "device": unit}

        suggested = await page.run(
            f"""(() => {{
              const id = Object.values({HASS}.entities).find((one) =>
                one.platform === 'filament_slots' && one.device_id === '{unit}').entity_id;
              const offers = window.customCards.filter((one) => one.getEntitySuggestion);
              return offers.map((one) => [one.name, one.getEntitySuggestion({HASS}, id).config,
                one.getEntitySuggestion({HASS}, 'sun.sun')]);
            }})()"""
        )
        assert suggested == [
            ["Filament Slots", {**A_CARD, "device": unit}, None],
            ["Filament Slots timeline", {**A_TIMELINE, "device": unit}, None],
        ]
        assert page.errors == []
