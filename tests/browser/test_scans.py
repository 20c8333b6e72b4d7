"""A scanned spool on the card: awaited with a countdown, taken, too late, or not any more."""

import pytest

from ..e2e.hass import HomeAssistant
from ..e2e.integration import add_inventory, add_printer
from ..inventory.spoolman_bodies import Entity, TagBody
from ..inventory.spoolman_server import SpoolmanServer
from ..printers.bambu import BambuPrinter
from ..printers.bambu_models import PLAIN_SPOOL
from ..printers.bambu_scenarios import x1c
from .chromium import Chromium
from .rig import (
    A_CARD,
    SLOTS,
    cards,
    darken,
    make_dashboard,
    shows,
    sign_in,
    small_targets,
    violations,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

CHIP = "04A2B3C4D5E680"
CARD = f"deep('{SLOTS}').renderRoot"
NOTICE = f"deep('.words', {CARD})?.textContent"
LEFT = f"textOf(deep('filament-slots-countdown', {CARD}))"


async def test_a_scanned_spool_is_awaited_with_a_countdown_on_a_phone(
    home_assistant: HomeAssistant, browser: Chromium
) -> None:
    client = home_assistant.client

    async def scan(tag_id: str) -> None:
        scanned = {"tag_id": tag_id, "name": None, "device_id": None}
        await client.call("fire_event", event_type="tag_scanned", event_data=scanned)

    async with (
        BambuPrinter(x1c(), chatter=1.0) as printer,
        SpoolmanServer(has_tags=True) as server,
    ):
        for name in ("Jade White", "Silk Gold"):
            server.add_spool(filament={"name": name, "weight": 1000})
        server.database.add_tag(server.database.row(Entity.SPOOL, 1), TagBody(uid=CHIP))
        await add_printer(client, printer)
        await add_inventory(client, "spoolman", server.url)
        await make_dashboard(client, cards(A_CARD))
        page = await browser.page(width=390, height=844)
        await sign_in(page, home_assistant, "de")
        await page.open(f"{home_assistant.url}/a-dashboard")
        await shows(page, {"A3": "empty"})
        await darken(page, dark=True)

        await scan(CHIP)
        anywhere = "Nächste Spule in einem beliebigen Drucker"
        await page.wait(f"{NOTICE}?.startsWith('{anywhere}: Jade White, bis ')")
        left = await page.run(LEFT)
        assert left.startswith(("4:", "5:00"))
        await page.wait(f"{LEFT} !== '{left}'")
        assert "Lege sie in ein Fach ein." in await page.run(
            f"textOf(deep('.announced', {CARD}))"
        )
        assert await violations(page, SLOTS) == []
        assert await small_targets(page, SLOTS) == []
        await page.equals("document.documentElement.scrollWidth", 390)

        # The next scan counts, until the user does not wait any more.
        await scan("web+spoolman:s-2")
        await page.wait(f"{NOTICE}?.startsWith('{anywhere}: Silk Gold, bis ')")
        await page.run(f"deep('.announced button', {CARD}).focus()")
        await page.key("Enter")
        await page.wait(f"!{NOTICE}")
        assert not await page.run(f"!!deep('filament-slots-countdown', {CARD})")

        await scan("web+spoolman:s-2")
        await page.wait(f"{NOTICE}?.startsWith('{anywhere}: Silk Gold, bis ')")
        await printer.play(printer.hardware.insert(1, 3, PLAIN_SPOOL))
        taken = "Von X1-Carbon 0001 · A3 übernommen: Silk Gold"
        await page.wait(f"{NOTICE} === '{taken}'")
        await shows(page, {"A3": "identified"})
        assert await violations(page, SLOTS) == []

        late = {"external_id": CHIP, "timeout": {"seconds": 1}}
        await client.call(
            "call_service",
            domain="filament_slots",
            service="expect_spool",
            service_data=late,
        )
        await page.wait(f"{NOTICE} === 'Jade White wurde nicht rechtzeitig eingelegt.'")
        assert not await page.run(f"!!deep('filament-slots-countdown', {CARD})")
        assert await violations(page, SLOTS) == []
        assert page.errors == []
