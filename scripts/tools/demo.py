"""A real Home Assistant with two virtual printers, in which spools are swapped, and Spoolman.

One is a Bambu Lab printer (MQTT over TLS), the other a Klipper printer with a Box
Turtle behind a real Moonraker. A virtual Spoolman holds some spools. Home Assistant is
the newest one, in a process of its own; all three are added through the integration's
dialog.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
import random
import signal
import sys
import tempfile
from typing import Any

from tests.e2e.client import Client
from tests.e2e.hass import PASSWORD, USER, HomeAssistant
from tests.e2e.integration import (
    Event,
    add_inventory,
    add_printer,
    on_spool_events,
    slots,
    statuses,
    summary,
    wait_until,
)
from tests.inventory.spoolman_server import SpoolmanServer
from tests.printers.bambu_scenarios import Expected

from .demo_printers import DemoBambu, DemoKlipper, DemoPrinter
from .terminal import bold, columns, green, red, say

# What is in the inventory: name, material, colour and how many of 1000 g are left.
# They have the numbers that the slots of the Klipper printer report.
SPOOLS = (
    ("Jade White", "PLA", "F4F4F0", 1000),
    ("Galaxy Black", "PLA", "202028", 730),
    ("Signal Red", "PETG", "C8102E", 410),
    ("Silk Gold", "PLA", "D4AF37", 90),
    ("Lava Red", "PLA", "C81E1E", 640),
    ("Ocean Blue", "PETG", "1F4E9E", 120),
    ("Leaf Green", "ASA", "3A7D44", 880),
    ("Ruby Red", "PLA", "C0202A", 35),
    ("Stone Grey", "PETG", "8A8D8F", 505),
)
# The path of the dashboard, which the strategy generates.
DASHBOARD = "filament-slots"
# How long the printers' slots may take to appear in Home Assistant.
FIRST_STATE = 20.0
# How long an event may take beyond the time of its scenario.
GRACE = 10.0
# Between two changes in the interactive demo.
PAUSE = 12.0


@dataclass
class Stage:
    """Home Assistant, and the printers by the id of their config entry."""

    home_assistant: HomeAssistant
    printers: dict[str, DemoPrinter[Any]] = field(default_factory=dict)

    async def add(self, printer: DemoPrinter[Any]) -> None:
        """Add a printer, and wait until its slots are shown."""
        entry_id = await add_printer(self.home_assistant.client, printer.printer)
        self.printers[entry_id] = printer
        async with asyncio.timeout(FIRST_STATE):
            while await self.differences(printer):
                await asyncio.sleep(0.2)

    def add_event(self, event: Event) -> None:
        """Record an event and print it."""
        printer = self.printers[event["entry_id"]]
        printer.events.append(event)
        say(f"  {printer.name:8} {_line(event)}")

    async def differences(self, printer: DemoPrinter[Any]) -> list[str]:
        """Return the slots in which Home Assistant shows something wrong."""
        found = statuses(await slots(self.home_assistant.client, printer.identity))
        true = printer.statuses
        return [
            f"{printer.name}: slot {slot} of {unit} is "
            f"{true.get((unit, slot), 'missing')}, "
            f"Home Assistant shows {found.get((unit, slot), 'nothing')}"
            for unit, slot in sorted(found.keys() | true.keys())
            if found.get((unit, slot)) != true.get((unit, slot))
        ]


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="play one scenario, check it, and end"
    )
    once = parser.parse_args().once
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_demo(once=once))
    say("\nEnded.")
    return 130 if once else 0


async def _demo(*, once: bool) -> int:
    # Ended by SIGTERM, it stops its processes and deletes its folder as with Ctrl-C.
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    say("Starting two virtual printers and Home Assistant ...\n")
    async with _stage() as stage:
        printers = [*stage.printers.values()]
        if once:
            # The printers are independent of each other.
            wrong = await asyncio.gather(*map(_play, printers))
            return await _judge(stage, [*chain.from_iterable(wrong)])
        say("Spools are now inserted and removed at random; Ctrl-C ends the demo.\n")
        while True:
            printer = random.choice(printers)
            act = printer.chance()
            say(bold(f"{printer.name}: {act.title}"))
            await act.do()
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    """Start everything, and stop it at the end."""
    bambu, klipper = DemoBambu(), DemoKlipper()
    with tempfile.TemporaryDirectory(prefix="filament-slots-") as folder:
        async with (
            bambu.printer,
            klipper.printer,
            SpoolmanServer() as spoolman,
            HomeAssistant(Path(folder)) as home_assistant,
        ):
            stage = Stage(home_assistant)
            await on_spool_events(home_assistant.client, stage.add_event)
            for printer in (bambu, klipper):
                await stage.add(printer)
                say(f"  {printer.name:14}  {printer.title}")
            for name, material, color, left in SPOOLS:
                spoolman.add_spool(
                    vendor="Prusament",
                    filament={
                        "name": name,
                        "material": material,
                        "color_hex": color,
                        "weight": 1000,
                    },
                    remaining_weight=left,
                    location="Shelf A",
                )
            await add_inventory(home_assistant.client, "spoolman", spoolman.url)
            say(f"  Spoolman        {len(SPOOLS)} spools at {spoolman.url}")
            await _make_dashboard(home_assistant.client)
            version = (await home_assistant.client.get("config"))["version"]
            address = f"{home_assistant.url}/{DASHBOARD}"
            say(f"  Home Assistant  {version} at {bold(address)}")
            say(f"  login           user {bold(USER)}, password {bold(PASSWORD)}\n")
            yield stage


async def _make_dashboard(client: Client) -> None:
    """Make the dashboard of the strategy Home Assistant's start page."""
    await client.call(
        "lovelace/dashboards/create",
        url_path=DASHBOARD,
        mode="storage",
        title="Filament Slots",
        icon="mdi:printer-3d",
    )
    await client.call(
        "lovelace/config/save",
        url_path=DASHBOARD,
        config={"strategy": {"type": "custom:filament-slots"}},
    )
    await client.call(
        "frontend/set_system_data", key="core", value={"default_panel": DASHBOARD}
    )


async def _play(printer: DemoPrinter[Any]) -> list[str]:
    """Play the printer's scenario; return the differences to the expected events."""
    expected: list[Expected] = []
    for act in printer.acts:
        say(bold(f"{printer.name}: {act.title}"))
        expected.extend(act.expects)
        await act.do()
        if act.expects:
            await wait_until(
                lambda: len(printer.events) >= len(expected), act.rest + GRACE
            )
        else:
            await asyncio.sleep(act.rest)
    received = [summary(event) for event in printer.events]
    missing, surplus = Counter(expected), Counter(received)
    wrong = [f"missing: {event}" for event in (missing - surplus).elements()]
    wrong += [f"unexpected: {event}" for event in (surplus - missing).elements()]
    if not wrong and received != expected:
        wrong.append("the events arrived in the wrong order")
    return [f"{printer.name}: {line}" for line in wrong]


async def _judge(stage: Stage, wrong: list[str]) -> int:
    """Print all slots; return 0 if events and slots are as expected, else 1."""
    say(bold("\nThe slots, read back from Home Assistant"))
    rows = []
    for printer in stage.printers.values():
        rows += await _slot_rows(stage, printer)
        wrong += await stage.differences(printer)
    for line in columns([("entity", "status", "spool", "filament"), *rows]):
        say(f"  {line}")
    say()
    for line in wrong:
        say(red(line))
    if wrong:
        return 1
    received = sum(len(printer.events) for printer in stage.printers.values())
    say(green(f"{received} events and all slots are as expected."))
    return 0


async def _slot_rows(stage: Stage, printer: DemoPrinter[Any]) -> list[tuple[str, ...]]:
    found = await slots(stage.home_assistant.client, printer.identity)
    shown = ("sensor.status", "binary_sensor.spool", "sensor.filament")
    return sorted(
        (slot["sensor.status"]["entity_id"], *(slot[key]["state"] for key in shown))
        for slot in found.values()
    )


def _line(event: Event) -> str:
    """Return one line about an event of Home Assistant's bus."""
    meta = event["meta"]
    filament = meta.get("filament") or {}
    at = datetime.fromisoformat(event["event_at"]).astimezone()
    words = [
        f"{at:%H:%M:%S}",
        f"{meta['slot_label']:5}",
        bold(f"{event['event_type']:22}"),
        filament.get("name") or filament.get("material") or "",
        filament.get("color_hex", ""),
        event["identifiers"]["external_id"] or "no tag",
        "(found late)" if meta["detected_late"] else "",
    ]
    return " ".join(word for word in words if word)


if __name__ == "__main__":
    sys.exit(main())
