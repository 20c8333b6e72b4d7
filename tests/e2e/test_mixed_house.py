"""A Bambu Lab printer and a Klipper printer, side by side in one Home Assistant."""

import asyncio
from collections import defaultdict
import re
from typing import Any

import pytest

from ..printers.bambu import ACCESS_CODE, BambuPrinter
from ..printers.bambu_hardware import VirtualBambu
from ..printers.bambu_scenarios import (
    BLUE,
    WHITE,
    Expected,
    inserted as inserted_at_bambu,
    removed as removed_at_bambu,
    x1c,
)
from ..printers.box_turtle import (
    BLUE_SPOOL,
    RED_SPOOL,
    KlipperPrinter,
    inserted,
    removed,
    unknown,
)
from ..printers.moonraker import PYTHON
from .client import Client
from .hass import HomeAssistant
from .integration import (
    DOMAIN,
    Event,
    add_printer,
    complaints,
    entry_state,
    on_spool_events,
    slots,
    statuses,
    stored,
    summary,
    true_statuses,
    wait_until,
)

pytestmark = [
    pytest.mark.process,
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker"),
]

REMOVAL_CONFIRMED = 8.0


class Listener:
    """The spool events on Home Assistant's bus, by the entry of their printer."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)

    def add(self, event: Event) -> None:
        self.events[event["entry_id"]].append(event)

    async def published(self, entry_id: str, *expected: Expected) -> None:
        """Wait until the printer's events since the last call are these."""
        events = self.events[entry_id]
        await wait_until(lambda: len(events) >= len(expected), 90)
        assert [summary(event) for event in events] == [*expected]
        events.clear()


async def test_two_kinds_of_printers_report_their_spools_and_nothing_else(
    home_assistant: HomeAssistant,
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as bambu, KlipperPrinter() as klipper:
        hardware, turtle = bambu.hardware, klipper.turtle
        house: dict[str, VirtualBambu | KlipperPrinter] = {
            hardware.serial: hardware,
            klipper.identity: klipper,
        }
        x1 = await add_printer(client, bambu)
        voron = await add_printer(client, klipper)
        assert await entry_state(client, x1) == "loaded"
        assert await entry_state(client, voron) == "loaded"
        await _shown(client, house)
        bus = Listener()
        everything: list[Event] = []
        await on_spool_events(client, bus.add)
        await on_spool_events(client, everything.append)

        await asyncio.gather(
            bambu.play(hardware.insert(1, 3, WHITE)), turtle.insert(2, BLUE_SPOOL)
        )
        await bus.published(x1, inserted_at_bambu(1, 3, WHITE))
        await bus.published(voron, inserted(2, BLUE_SPOOL))
        await turtle.insert(3)
        await bus.published(voron, inserted(3), unknown(3))
        await _shown(client, house)

        await asyncio.gather(
            bambu.play(hardware.remove(1, 1)), turtle.remove(2), turtle.remove(4)
        )
        await bus.published(x1, removed_at_bambu(1, 1, BLUE))
        await bus.published(voron, removed(2, BLUE_SPOOL), removed(4))
        await _shown(client, house)

        await klipper.moonraker.stop()
        await _connected(client, {hardware.serial: True, klipper.identity: False})
        await klipper.moonraker.start()
        await _connected(client, {hardware.serial: True, klipper.identity: True})
        await klipper.restart()
        # By now a false removal would be confirmed.
        await asyncio.sleep(REMOVAL_CONFIRMED + 2)
        await bus.published(voron)

        await klipper.moonraker.stop()
        await _connected(client, {klipper.identity: False})
        await turtle.remove(1)
        await klipper.moonraker.start()
        await bus.published(voron, removed(1, RED_SPOOL, late=True))
        await _shown(client, house)
        await bus.published(x1)

        by_printer = sorted(everything, key=lambda event: event["printer_id"])
        assert stored(home_assistant) == [event["event_id"] for event in by_printer]
        assert len(by_printer) == 8
        found = complaints(home_assistant)
        assert len(found) == 2, found
        assert all(
            re.search(r"Printer is unavailable: connection_", line) for line in found
        )
        log = home_assistant.log()
        for secret in (ACCESS_CODE, klipper.moonraker.api_key, BLUE.uuid, WHITE.uuid):
            assert str(secret) not in log


async def _shown(
    client: Client, house: dict[str, VirtualBambu | KlipperPrinter]
) -> None:
    """Wait until the entities show what really is in the slots of every printer."""
    for identity, printer in house.items():
        async with asyncio.timeout(90):
            while statuses(await slots(client, identity)) != true_statuses(printer):
                await asyncio.sleep(0.1)


async def _connected(client: Client, expected: dict[str, bool]) -> None:
    """Wait until the printers are shown as connected, or as not connected."""
    registry: list[dict[str, Any]] = await client.call("config/entity_registry/list")
    entities = {
        entity["unique_id"].removesuffix("_connected"): entity["entity_id"]
        for entity in registry
        if entity["platform"] == DOMAIN
    }
    async with asyncio.timeout(90):
        while True:
            states = await client.states("binary_sensor.")
            found = {
                identity: states[entities[identity]]["state"] == "on"
                for identity in expected
            }
            if found == expected:
                return
            await asyncio.sleep(0.2)
