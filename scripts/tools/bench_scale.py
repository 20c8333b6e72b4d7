"""Benchmarks in a running Home Assistant: memory, threads, stopping, latency."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
import json
from pathlib import Path
import shutil
import tempfile
import time
from typing import Any

from ulid_transform import ulid_to_bytes

from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import DOMAIN, add_entry
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import X1C, Kind, bambu_spool

from .bench_house import printer_with_two_units
from .bench_probe import STOPPED
from .bench_rig import announce, elsewhere, start_requested
from .soak.house import Gauge
from .soak.instances import unanswering

_ASKED = ("host", "port", "serial", "access_code")
_START_TIMEOUT = 600.0

# Printers, and as many times their number of template entities, of the row on memory.
_MEASURED = 3
# Without a new entity for so long, Home Assistant has set everything up.
_QUIET = 5.0
_ATTRIBUTES = 11

_PRINTERS = 50
# By then every driver is in a connection, or between two.
_SETTLED = 20.0

_TALKING = 10
_PER_SECOND = 10.0
_LISTENED = 120.0

_TEMPLATES = "templates.yaml"


async def memory() -> dict[str, float]:
    """Return what Python has allocated for a printer with four units, in MB.

    template_mb: for as many entities of a template integration, each seventh with as
    many attributes as the filament of a slot has. entities: how many.
    """
    async with probed() as home_assistant, AsyncExitStack() as stack:
        client = home_assistant.client
        folder = home_assistant.folder

        async def settled(trace: bool) -> dict[str, int]:
            before: dict[str, int] = {}
            while True:
                now: dict[str, int] = await client.call(
                    "bench_probe/memory", trace=trace
                )
                if now["entities"] == before.get("entities"):
                    return now
                before = now
                await asyncio.sleep(_QUIET)

        async def add(count: int) -> None:
            for _ in range(count):
                printer = await stack.enter_async_context(BambuPrinter(next(printers)))
                fields = {name: printer.config[name] for name in _ASKED}
                await add_entry(client, "bambulab_mqtt", fields)

        printers = map(_printer_with_four_units, range(1 + _MEASURED))
        # The first one imports the modules of all.
        await add(1)
        await settled(False)
        before = await settled(True)
        await add(_MEASURED)
        after = await settled(True)
        entities = after["entities"] - before["entities"]
        await settled(False)
        before = await settled(True)
        (folder / _TEMPLATES).write_text(json.dumps(_templates(entities)))
        await client.call("call_service", domain="template", service="reload")
        templates = await settled(True)
        assert templates["entities"] - before["entities"] == entities
    return {
        "printer_mb": after["bytes"] / _MEASURED / 1e6,
        "template_mb": templates["bytes"] / _MEASURED / 1e6,
        "entities": entities / _MEASURED,
    }


async def stopping() -> dict[str, float]:
    """Return the threads, the memory and the stop of Home Assistant with fifty printers.

    threads: more than without printers, once all are set up; memory_mb: resident, likewise. none_ms, reachable_ms,
    unreachable_ms: from the request to stop until all integrations have stopped.
    """
    with ExitStack() as stack:
        ports = unanswering(stack)
        async with (
            elsewhere("scripts.tools.bench_house", "delta") as printers,
            probed() as home_assistant,
        ):
            configs = printers.config[:_PRINTERS]
            fields = {name: configs[0][name] for name in _ASKED}
            await add_entry(home_assistant.client, "bambulab_mqtt", fields)
            await home_assistant.stop()
            unreachable = [
                config | {"port": ports[number % len(ports)]}
                for number, config in enumerate(configs)
            ]
            numbers: dict[str, float] = {}
            used: dict[str, Gauge] = {}
            for name, each in (
                ("none", []),
                ("reachable", configs),
                ("unreachable", unreachable),
            ):
                _put_entries(home_assistant.folder, each)
                await home_assistant.start()
                await asyncio.sleep(_SETTLED)
                used[name] = Gauge.of(home_assistant.pid)
                await home_assistant.stop()
                took = (home_assistant.folder / STOPPED).read_text()
                numbers[f"{name}_ms"] = float(took) * 1000
    return numbers | {
        "threads": used["reachable"].threads - used["none"].threads,
        "memory_mb": used["reachable"].megabytes - used["none"].megabytes,
    }


async def latency() -> dict[str, float]:
    """Return how long a change takes from its confirmation to a websocket, in ms.

    With ten printers at ten reports a second. An event has the time of its
    confirmation in its id, in whole ms: the result is up to 1 ms too long.
    """
    took: list[float] = []

    def received(message: dict[str, Any]) -> None:
        if event := message.get("event"):
            confirmed = int.from_bytes(ulid_to_bytes(event["event_id"])[:6])
            took.append(time.time() * 1000 - confirmed)

    async with elsewhere(__name__) as printers, probed() as home_assistant:
        client = home_assistant.client
        for config in printers.config:
            await add_entry(client, "bambulab_mqtt", config)
        await asyncio.sleep(_SETTLED)
        await client.subscribe(f"{DOMAIN}/subscribe", received)
        await printers.talk()
        await asyncio.sleep(_LISTENED)
    took.sort()
    return {
        "changes": len(took),
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[len(took) * 99 // 100],
        "max_ms": took[-1],
    }


@asynccontextmanager
async def probed() -> AsyncIterator[HomeAssistant]:
    """Run a Home Assistant with the probe, and a file of templates."""
    with tempfile.TemporaryDirectory(prefix="filament-slots-") as name:
        folder = Path(name)
        home_assistant = HomeAssistant(folder)
        home_assistant.start_timeout = _START_TIMEOUT
        probe = Path(__file__).with_name("bench_probe")
        shutil.copytree(probe, folder / "custom_components" / probe.name)
        (folder / _TEMPLATES).write_text("[]")
        with (folder / "configuration.yaml").open("a") as configuration:
            configuration.write(f"\nbench_probe:\ntemplate: !include {_TEMPLATES}\n")
        async with home_assistant:
            yield home_assistant


def _printer_with_four_units(number: int) -> VirtualBambu:
    printer = VirtualBambu(X1C, f"00M09A{number:09d}")
    for unit in range(4):
        printer.add_unit(
            Kind.PRO, unit, *(bambu_spool(unit * 4 + tray) for tray in range(4))
        )
    return printer


def _templates(count: int) -> list[dict[str, Any]]:
    """Return the configuration of so many template sensors."""
    return [
        {
            "sensor": [
                {
                    "name": f"Template {number}",
                    "unique_id": f"template_{number}",
                    "state": f"{{{{ {number} }}}}",
                    "attributes": {
                        f"attribute_{each}": str(number)
                        for each in range(0 if number % 7 else _ATTRIBUTES)
                    },
                }
                for number in range(count)
            ]
        }
    ]


def _put_entries(folder: Path, configs: list[dict[str, Any]]) -> None:
    """Make an entry for each of these printers, from the one that is there."""
    path = folder / ".storage" / "core.config_entries"
    content = json.loads(path.read_text())
    entries = content["data"]["entries"]
    template = folder / "entry.json"
    if not template.exists():
        (ours,) = (entry for entry in entries if entry["domain"] == DOMAIN)
        template.write_text(json.dumps(ours))
    entries[:] = [entry for entry in entries if entry["domain"] != DOMAIN]
    for number, config in enumerate(configs):
        entry = json.loads(template.read_text())
        entry |= {
            "entry_id": f"{entry['entry_id'][:-3]}{number:03d}",
            "unique_id": config["serial"],
            "title": f"Printer {number}",
        }
        entry["data"] |= config
        entries.append(entry)
    path.write_text(json.dumps(content))


async def _talk() -> None:
    """Run ten printers that report all the time; on request their spools move."""
    async with AsyncExitStack() as stack:
        printers = [
            BambuPrinter(printer_with_two_units(number), chatter=1 / _PER_SECOND)
            for number in range(_TALKING)
        ]
        for printer in printers:
            await stack.enter_async_context(printer)
        announce([{key: each.config[key] for key in _ASKED} for each in printers])
        await start_requested()
        await asyncio.gather(
            *(_move(printer, number) for number, printer in enumerate(printers))
        )


async def _move(printer: BambuPrinter, number: int) -> None:
    """Take out one spool after the other, and put each back."""
    await asyncio.sleep(number)
    while True:
        for unit in (1, 2):
            for slot in range(1, 5):
                spool = printer.hardware.units[unit].bays[slot - 1].spool
                assert spool is not None
                await printer.play(printer.hardware.remove(unit, slot))
                await asyncio.sleep(_TALKING)
                await printer.play(printer.hardware.insert(unit, slot, spool))
                await asyncio.sleep(_TALKING)


if __name__ == "__main__":
    asyncio.run(_talk())
