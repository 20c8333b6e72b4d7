"""Spools at a virtual printer, and what a real Home Assistant makes of them.

The printer speaks MQTT over TLS on the loopback; Home Assistant is the newest one, in
a process of its own, and the integration is added through its own dialog.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
import random
import sys
import tempfile

from tests.e2e.hass import PASSWORD, USER, HomeAssistant
from tests.e2e.integration import (
    Event,
    add_printer,
    on_spool_events,
    slots,
    statuses,
    told,
    true_statuses,
    wait_until,
)
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_models import PLAIN_SPOOL, Kind, Unit
from tests.printers.bambu_scenarios import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    SCENARIOS,
    WHITE,
    Expected,
)

from .terminal import bold, columns, green, red, say

SCENARIO = SCENARIOS["demo"]
SPOOLS = (BLUE, RED, GREEN, BLACK, WHITE, PLAIN_SPOOL)
# How long the printer's slots may take to appear in Home Assistant.
FIRST_PICTURE = 20.0
# How long an event may take beyond what its scenario says.
GRACE = 10.0
# Between two things that happen while somebody watches.
PAUSE = 12.0


@dataclass
class Stage:
    """The printer, Home Assistant, and the events on its bus so far."""

    printer: BambuPrinter
    home_assistant: HomeAssistant
    events: list[Event] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Take note of an event and show it."""
        self.events.append(event)
        say(f"  {_line(event)}")

    async def differences(self) -> list[str]:
        """Return in which slots Home Assistant shows something else than there is."""
        hardware = self.printer.hardware
        found = statuses(await slots(self.home_assistant.client, hardware.serial))
        true = true_statuses(hardware)
        return [
            f"slot {slot} of {unit} is {true.get((unit, slot), 'not there')}, "
            f"Home Assistant says {found.get((unit, slot), 'nothing')}"
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
    with suppress(KeyboardInterrupt):
        return asyncio.run(_demo(once=once))
    say("\nEnded.")
    return 130 if once else 0


async def _demo(*, once: bool) -> int:
    say("Starting a virtual printer and Home Assistant ...\n")
    async with _stage() as stage:
        if once:
            return await _play_once(stage)
        say("Spools come and go now; Ctrl-C ends it.\n")
        while True:
            await _happen(stage.printer)
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    """Set everything up, and take it down whatever happens."""
    with tempfile.TemporaryDirectory(prefix="filament-slots-") as folder:
        async with (
            BambuPrinter(SCENARIO.build(), chatter=1.0) as printer,
            HomeAssistant(Path(folder)) as home_assistant,
        ):
            stage = Stage(printer, home_assistant)
            client = home_assistant.client
            await on_spool_events(client, stage.hear)
            await add_printer(client, printer)
            async with asyncio.timeout(FIRST_PICTURE):
                while await stage.differences():
                    await asyncio.sleep(0.2)
            version = (await client.get("config"))["version"]
            say(f"  printer         {SCENARIO.title}")
            say(f"  Home Assistant  {version} at {bold(home_assistant.url)}")
            say(f"  login           user {bold(USER)}, password {bold(PASSWORD)}\n")
            yield stage


async def _play_once(stage: Stage) -> int:
    """Play the scenario; return 0 if Home Assistant tells it as it was."""
    expected: list[Expected] = []
    for act in SCENARIO.acts:
        say(bold(act.title))
        expected.extend(act.expects)
        await stage.printer.play(act.do(stage.printer.hardware))
        if act.expects:
            await wait_until(
                lambda: len(stage.events) >= len(expected), act.rest + GRACE
            )
        else:
            await asyncio.sleep(act.rest)

    say(bold("\nThe slots, read back from Home Assistant"))
    for line in columns(await _slot_rows(stage)):
        say(f"  {line}")

    heard = [told(event) for event in stage.events]
    missing, surplus = Counter(expected), Counter(heard)
    wrong = [f"missing: {event}" for event in (missing - surplus).elements()]
    wrong += [f"too much: {event}" for event in (surplus - missing).elements()]
    if not wrong and heard != expected:
        wrong.append("the events came in another order than things happened")
    wrong += await stage.differences()
    say()
    for line in wrong:
        say(red(line))
    if wrong:
        return 1
    say(green(f"{len(heard)} events and all slots: just what happened."))
    return 0


async def _happen(printer: BambuPrinter) -> None:
    """Put a spool into some slot, or take the one that is there."""
    units = printer.hardware.units.values()
    bays = [(unit, slot) for unit in units for slot in range(1, len(unit.bays) + 1)]
    unit, slot = random.choice(bays)
    in_use = [bay.spool for unit in units for bay in unit.bays]
    spare = [spool for spool in SPOOLS if spool is PLAIN_SPOOL or spool not in in_use]
    if unit.bays[slot - 1].spool:
        say(bold(f"A spool is taken out of {_label(unit, slot)}"))
        await printer.play(printer.hardware.remove(unit.number, slot))
    else:
        say(bold(f"A spool goes into {_label(unit, slot)}"))
        spool = random.choice(spare)
        await printer.play(printer.hardware.insert(unit.number, slot, spool))


def _label(unit: Unit, slot: int) -> str:
    """Return what the printer's screen calls the slot."""
    if unit.kind is Kind.HT:
        return f"HT-{chr(ord('A') + unit.number - 5)}"
    return f"{chr(ord('A') + unit.number - 1)}{slot}"


async def _slot_rows(stage: Stage) -> list[tuple[str, ...]]:
    serial = stage.printer.hardware.serial
    found = await slots(stage.home_assistant.client, serial)
    shown = ("sensor.status", "binary_sensor.spool", "sensor.filament")
    rows = [
        (slot["sensor.status"]["entity_id"], *(slot[key]["state"] for key in shown))
        for slot in found.values()
    ]
    return [("entity", "status", "spool", "filament"), *sorted(rows)]


def _line(event: Event) -> str:
    """Return an event as one line, all of it from Home Assistant's bus."""
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
