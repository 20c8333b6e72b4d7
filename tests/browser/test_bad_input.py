"""Cards with odd filaments, missing texts, and an integration that is reloaded or gone."""

import json
from typing import Any

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_printer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium, Page
from .rig import (
    CARDS,
    RED_CARD,
    SLOTS,
    cards,
    image,
    make_dashboard,
    note_more_info,
    real_looks,
    shows,
    sign_in,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

CONFIGS = [{"type": f"custom:{card.removesuffix('-content')}"} for card in CARDS]
HTML = "<img src=x onerror=\"console.error('run')\"><b>bold</b>"
FILAMENTS: list[dict[str, Any]] = [
    {"material": "PLA", "color_hex": "#FF8000"},
    {"material": "PETG", "color_hex": "#FF800080"},
    {"material": "TPU", "color_hex": "#00000000"},
    {"material": "ABS", "color_hex": "red; background: url(http://192.0.2.1/)"},
    {"material": "ASA", "color_hex": ""},
    {"material": "PA", "color_hex": "#FFFFFF", "remaining_percent": 3},
    {"material": "PC", "colors": ["#FF0000", "#00FF00", "#0000FF"]},
    {"material": "PVA", "colors": ["#FF0000", "nonsense"]},
    {"material": "HIPS", "colors": []},
    {"material": HTML, "name": HTML},
    {"name": "A name that is much longer than any filament has ever been called"},
    {"material": "PLA", "remaining_percent": 101},
    {"material": "PLA", "color_hex": "#000000", "remaining_percent": 0},
    {},
    {"material": "PLA", "color_hex": "#808080"},
    {"material": "PLA", "colors": ["#11111180", "#EEEEEE"], "color_hex": "#00FF00"},
]


def _printer(name: str, filaments: list[dict[str, Any]]) -> dict[str, Any]:
    unit = {
        "key": "u1",
        "device_id": f"unit of {name}",
        "ams_unit_no": 1,
        "slots_total": len(filaments),
        "model": HTML,
        "label": HTML,
        "online": None,
        "drying": True,
        "humidity_percent": 100,
        "humidity_index": None,
        "temperature_c": None,
        "drying_minutes_left": 125,
    }
    slots = [
        {
            "entry_id": name,
            "device_id": f"slot {number} of {name}",
            "unit": "u1",
            "slot_no": number,
            "label": HTML if number == 10 else None,
            "present": True,
            "status": "unidentified" if number % 3 == 0 else "identified",
            "active": number == 1,
            "identifiers": {"rfid_uid": None, "external_id": None, "vendor_tag": None},
            "assigned_external_id": None,
            "assigned_label": None,
            "inserted_at": None,
            "filament": filament,
        }
        for number, filament in enumerate(filaments, start=1)
    ]
    return {
        "entry_id": name,
        "printer_id": 1,
        "device_id": f"device of {name}",
        "name": name,
        "state": "loaded",
        "connected": True,
        "status": "running",
        "error": None,
        "last_seen": None,
        "units": [unit] if filaments else [],
        "announced": [],
        "slots": slots,
    }


async def _show(page: Page, config: dict[str, Any], printers: list[Any]) -> None:
    """Render a card outside any dashboard, with a fake feed of these printers."""
    await page.run(
        f"""(() => {{
          const card = document.createElement("filament-slots-card");
          const connection = {{
            subscribeMessage: async (send) => {{
              send({{printers: {json.dumps(printers)}}});
              return () => undefined;
            }},
            addEventListener() {{}},
            removeEventListener() {{}},
          }};
          const {{hass}} = document.querySelector("home-assistant");
          card.setConfig({json.dumps(config)});
          card.hass = {{...hass, connection}};
          document.querySelector("#odd")?.remove();
          const place = document.createElement("div");
          place.id = "odd";
          place.style = "position: fixed; inset: 0; overflow: auto; z-index: 9; " +
            "background: var(--primary-background-color)";
          place.append(card);
          document.body.append(place);
        }})()"""
    )
    await page.wait(f"document.querySelector('#odd {SLOTS}')?.hasUpdated")
    await page.run(f"document.querySelector('#odd {SLOTS}').updateComplete")


async def _ask_details(page: Page, label: str) -> None:
    """Open the details of a slot's entity, from its sheet."""
    sheet = "deep('filament-slots-sheet').renderRoot"
    await page.click(f".bay[data-label={label}]")
    await page.wait(f"{sheet}.querySelector('dialog').open")
    # The last one leads to the device.
    await page.run(
        f"{sheet}.querySelector('.actions button:nth-last-child(2)').click()"
    )


ODD = "document.querySelector('#odd')"
BAYS = f"deepAll('.bay', {ODD})"


async def test_every_reported_filament_is_rendered_without_errors(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    await make_dashboard(client, cards(*CONFIGS))
    page = await browser.page()
    await sign_in(page, home_assistant)
    async with BambuPrinter(x1c()) as printer:
        await add_printer(client, printer)
        # The first printer registers the cards, without a restart of Home Assistant.
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, real_looks(printer.hardware))

    empty, full = _printer("Empty", []), _printer(HTML, FILAMENTS)
    await _show(page, {"type": "x", "title": HTML}, [empty, full])
    shown = await page.run(f"textOf({ODD})")
    assert "has not reported any slots" in shown
    assert shown.count(HTML) > 4
    await page.equals(f"deepAll('img, b', {ODD}).length", 0)
    await page.equals(f"{BAYS}.length", 16)
    plain = await page.run(f"{BAYS}.map((bay) => !!bay.querySelector('.plain'))")
    assert [number for number, is_plain in enumerate(plain) if is_plain] == [
        3,
        4,
        8,
        9,
        10,
        11,
        13,
    ]
    await page.equals(f"deepAll('.ring', {ODD}).length", 2)
    assert await violations(page, "#odd") == []
    await page.screenshot(image("every-filament"))
    await page.run(f"{ODD}.style.direction = 'rtl'")
    # Bays are side by side on the hardware, whatever the language.
    sides = await page.run(f"{BAYS}.map((bay) => bay.getBoundingClientRect().x)")
    assert sides[0] < sides[1]
    await page.resize(390, 844)
    await page.wait(f"deep('.bays', {ODD}).getBoundingClientRect().width < 390")
    assert await page.run(f"{ODD}.scrollWidth") <= 390

    await _show(page, {"type": "x", "device": "gone"}, [full])
    assert "Device not found" in await page.run(f"textOf({ODD})")
    await _show(page, {"type": "x", "device": 7, "title": {}}, [full])
    await page.equals(f"{BAYS}.length", 16)
    await _show(page, {"type": "x", "device": "slot 3 of Empty"}, [full])
    await _show(page, {"type": "x"}, [])
    assert "No printers have been set up" in await page.run(f"textOf({ODD})")
    assert page.errors == []


async def test_cards_survive_reloads_and_the_removal_of_the_integration(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c()) as printer:
        entry_id = await add_printer(client, printer)
        await make_dashboard(client, cards(*CONFIGS))
        page = await browser.page()
        await sign_in(page, home_assistant)
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, real_looks(printer.hardware))

        # A renamed entity is found; a disabled or removed one causes no error.
        entities = await client.call("config/entity_registry/list")
        first, second, third = (
            next(
                one["entity_id"]
                for one in entities
                if one["entity_id"].endswith(f"{slot}_filament")
            )
            for slot in ("a1", "a2", "a3")
        )
        await client.call(
            "config/entity_registry/update",
            entity_id=first,
            new_entity_id="sensor.renamed",
        )
        await client.call(
            "config/entity_registry/update", entity_id=second, disabled_by="user"
        )
        await page.wait(f"!!deep('{SLOTS}').hass.entities['sensor.renamed']")
        await note_more_info(page)
        await _ask_details(page, "A1")
        await page.wait("asked.length")
        await page.equals("asked", ["sensor.renamed"])
        # Without its filament entity, another entity of the slot opens the details.
        await _ask_details(page, "A2")
        await page.wait("asked[1]?.includes('a2')")
        await client.call("config/entity_registry/remove", entity_id=third)
        await page.wait(f"!deep('{SLOTS}').hass.entities['{third}']")
        await _ask_details(page, "A3")
        await page.wait("asked[2]?.includes('a3')")
        await shows(page, real_looks(printer.hardware))

        await printer.power_off()
        await page.wait(f"/seen .* ago|seen now/.test(textOf(deep('{SLOTS}')))")
        await shows(page, real_looks(printer.hardware))
        await page.screenshot(image("asleep"))

        await client.call(
            "config_entries/disable", entry_id=entry_id, disabled_by="user"
        )
        await page.wait(f"textOf(deep('{SLOTS}')).includes('Not loaded')")
        await shows(page, real_looks(printer.hardware))
        assert await page.run(RED_CARD) == 0
        await client.call("config_entries/disable", entry_id=entry_id, disabled_by=None)
        await page.wait(f"!textOf(deep('{SLOTS}')).includes('Not loaded')")
        await client.delete(f"config/config_entries/entry/{entry_id}")
        await page.wait(
            f"textOf(deep('{SLOTS}')).includes('No printers have been set up')"
        )
        assert await page.run(RED_CARD) == 0
        assert page.errors == []
