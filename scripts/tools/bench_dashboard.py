"""Benchmark: the cost of the dashboard in a browser, next to Home Assistant's tile card.

A real Home Assistant, real Chromium, virtual printers: script time is what Chromium's
own counters say of the page's main thread, Home Assistant's share included on both
sides.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
import gzip
import json
from pathlib import Path
from statistics import median
import tempfile
from typing import Any

from tests.browser.chromium import Chromium, Page
from tests.browser.rig import SLOTS, SPOOLS, cards, make_dashboard, sign_in
from tests.e2e.hass import INTEGRATION, HomeAssistant
from tests.e2e.integration import add_inventory, add_printer
from tests.inventory.spoolman_server import SpoolmanServer
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import PRESET_SPOOL, X1C, Kind, bambu_spool

_PRINTERS = 50
_SLOTS = 16
_PAGES = 3
_UPDATES = 3
_LISTEN = 15.0
# An `ams_state` of one printer comes at most every five seconds.
_REST = 5.5
_PATIENCE = 60.0

_EMPTY, _OURS, _TILES = "an-empty-page", "our-card", "the-tiles"
_DRAWN = {_OURS: ".bay", _TILES: "hui-tile-card"}


@dataclass
class _Stage:
    """Home Assistant with one printer of sixteen slots, and a browser."""

    home_assistant: HomeAssistant
    browser: Chromium
    printer: BambuPrinter
    printers: AsyncExitStack

    async def page(self, path: str) -> Page:
        """Open a new page at one of the dashboards."""
        page = await self.browser.page()
        # Other processes of the machine do not count.
        await page.send("Performance.disable")
        await page.send("Performance.enable", timeDomain="threadTicks")
        await sign_in(page, self.home_assistant)
        await page.open(f"{self.home_assistant.url}/{path}")
        await _calm(page)
        return page

    async def close(self, page: Page) -> None:
        """Close a page."""
        await page.send("Page.close")


def bundle_bytes() -> int:
    """Return the size of the built scripts, gzipped, in bytes."""
    files = (INTEGRATION / "frontend").glob("*.js")
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


async def dashboard() -> dict[str, float]:
    """Return script times in ms, and messages per second.

    first_ours_ms, first_tiles_ms, first_ratio: from an empty dashboard to one that
    shows 16 slots, in a page that has not shown these cards before.
    update_ours_ms, update_tiles_ms, update_ratio: one slot got another filament.
    idle_per_s: messages to the strategy's dashboard with 50 printers on which nothing
    happens, though each of them sends a message every second.
    """
    async with _stage() as stage:
        first: dict[str, list[float]] = {_OURS: [], _TILES: []}
        # Once, to fill the caches of browser and server.
        for path in first:
            await _first(stage, path)
        for _ in range(_PAGES):
            for path, times in first.items():
                times.append(await _first(stage, path))
        update = {path: await _update(stage, path) for path in first}
        numbers = _beside("first", {path: median(first[path]) for path in first})
        numbers |= _beside("update", update)
        return numbers | {"idle_per_s": await _idle(stage)}


async def spools(count: int = 2000) -> dict[str, float]:
    """Return script times in ms, with so many spools in Spoolman.

    view_ms: the view of all spools, on a page that has shown the cards before.
    search_ms: to narrow its list down. assign_ms: the dialog to assign a spool.
    """
    async with _stage() as stage, SpoolmanServer() as server:
        for number in range(count):
            filament = {"name": f"Filament {number}", "material": "PLA"}
            server.add_spool(
                filament=filament | {"color_hex": f"{number:06X}", "weight": 1000}
            )
        client = stage.home_assistant.client
        await add_inventory(client, "spoolman", server.url)
        strategy = {"strategy": {"type": "custom:filament-slots"}}
        await make_dashboard(client, strategy, "all-spools")
        page = await stage.page("all-spools/slots")
        await page.wait("deep('.bay')", _PATIENCE)
        list_of = f"deep('{SPOOLS}')?.renderRoot"
        steps = {
            "view_ms": (
                """history.pushState(null, "", "/all-spools/spools"),
                window.dispatchEvent(new CustomEvent("location-changed",
                  {detail: {replace: false}}))""",
                f"{list_of}?.querySelectorAll('li').length > 50",
            ),
            "search_ms": (
                f"""((field) => {{
                  field.value = "filament 1999";
                  field.dispatchEvent(new Event("input"));
                }})({list_of}.querySelector("[type=search]"))""",
                # The number of another one is 1999.
                f"{list_of}.querySelectorAll('li').length === 2",
            ),
        }
        numbers = {
            name: await _costs(page, act, done) for name, (act, done) in steps.items()
        }
        page = await stage.page("all-spools/slots")
        await page.wait("deep('.bay')", _PATIENCE)
        device = "deep('filament-slots-sheet').printers[0].slots.at(-1).device_id"
        numbers["assign_ms"] = await _costs(
            page,
            f"deep('filament-slots-sheet').open({device}, 'assign') && 0",
            "deep('filament-slots-spools')?.renderRoot.querySelectorAll('li').length > 20",
        )
        return numbers


async def _costs(page: Page, act: str, done: str) -> float:
    """Return the script time in ms from an act until a condition is met."""
    await _calm(page)
    before = await _script_ms(page)
    await page.run(act)
    await page.wait(done, _PATIENCE)
    await _calm(page)
    return await _script_ms(page) - before


def _beside(what: str, milliseconds: dict[str, float]) -> dict[str, float]:
    ours, tiles = milliseconds[_OURS], milliseconds[_TILES]
    return {
        f"{what}_ours_ms": ours,
        f"{what}_tiles_ms": tiles,
        f"{what}_ratio": ours / tiles,
    }


@asynccontextmanager
async def _stage() -> AsyncIterator[_Stage]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "home_assistant"
        folder.mkdir()
        async with (
            HomeAssistant(folder) as home_assistant,
            Chromium(Path(name) / "browser") as browser,
            AsyncExitStack() as printers,
        ):
            printer = await printers.enter_async_context(_full_printer())
            client = home_assistant.client
            await add_printer(client, printer)
            filaments = await _filaments(home_assistant)
            tiles = [{"type": "tile", "entity": entity} for entity in filaments]
            ours = {"type": "custom:filament-slots-card"}
            await make_dashboard(client, cards(), _EMPTY)
            await make_dashboard(client, cards(ours), _OURS)
            await make_dashboard(
                client, cards({"type": "vertical-stack", "cards": tiles}), _TILES
            )
            yield _Stage(home_assistant, browser, printer, printers)


def _full_printer() -> BambuPrinter:
    """Return a printer with spools in 16 slots; the last one has no tag."""
    hardware = VirtualBambu(X1C)
    spools = [*map(bambu_spool, range(1, _SLOTS)), PRESET_SPOOL]
    for unit in range(4):
        hardware.add_unit(Kind.AMS, unit, *spools[unit * 4 : unit * 4 + 4])
    return BambuPrinter(hardware, chatter=1.0)


async def _filaments(home_assistant: HomeAssistant) -> list[str]:
    """Return the filament entities of the 16 slots, once they exist."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            states = await home_assistant.client.states("sensor.")
            found = [
                entity
                for entity in states
                if entity.endswith("_filament") and "_ams_" in entity
            ]
            if len(found) == _SLOTS:
                return sorted(found)
            await asyncio.sleep(0.1)


async def _first(stage: _Stage, path: str) -> float:
    page = await stage.page(_EMPTY)
    before = await _script_ms(page)
    await page.run(
        f"""history.pushState(null, "", "/{path}"),
        window.dispatchEvent(new CustomEvent("location-changed",
          {{detail: {{replace: false}}}}))"""
    )
    await _calm(page)
    after = await _script_ms(page)
    await _check(page, path)
    await stage.close(page)
    return after - before


async def _update(stage: _Stage, path: str) -> float:
    """Return the script time in ms of a page when the filament of one slot changes."""
    page = await stage.page(path)
    await _check(page, path)
    hardware = stage.printer.hardware
    times = []
    for number in range(_UPDATES):
        await asyncio.sleep(_REST)
        material = f"{path}-{number}"
        before = await _script_ms(page)
        preset = replace(PRESET_SPOOL, material=material)
        await stage.printer.play(hardware.set_preset(4, 4, preset))
        await _receives(page, material)
        await _calm(page)
        times.append(await _script_ms(page) - before)
    assert material in await page.run("textOf(document.body)")
    await stage.close(page)
    return median(times)


async def _idle(stage: _Stage) -> float:
    """Return how many messages a second the dashboard of idle printers receives."""
    client = stage.home_assistant.client
    for number in range(2, _PRINTERS + 1):
        hardware = VirtualBambu(X1C, f"{X1C.serial[:-4]}{number:04}")
        hardware.add_unit(Kind.AMS, 0, bambu_spool(number))
        printer = BambuPrinter(hardware, chatter=1.0)
        await add_printer(client, await stage.printers.enter_async_context(printer))
    strategy = {"strategy": {"type": "custom:filament-slots"}}
    await make_dashboard(client, strategy, "all-printers")
    page = await stage.page("all-printers")
    shown = f"deep('{SLOTS}').renderRoot.querySelectorAll('section').length"
    await page.wait(f"{shown} === {_PRINTERS}", _PATIENCE)
    async with asyncio.timeout(_PATIENCE):
        while await _messages(page, 3.0):
            pass
    return await _messages(page, _LISTEN) / _LISTEN


async def _messages(page: Page, seconds: float) -> int:
    """Return how many messages the page receives in this time."""
    del page.frames[:]
    await asyncio.sleep(seconds)
    # A frame may hold several messages.
    messages = (json.loads(frame) for frame in page.frames)
    flat = (
        message for one in messages for message in (one if type(one) is list else [one])
    )
    return sum(message["type"] == "event" for message in flat)


async def _receives(page: Page, word: str) -> None:
    """Wait until the page receives a text, without running scripts in it."""
    async with asyncio.timeout(_PATIENCE):
        while not any(word in frame for frame in page.frames):
            await asyncio.sleep(0.01)
    del page.frames[:]


async def _calm(page: Page) -> None:
    """Wait until no script has run on the page for a moment."""
    before, calm = -1.0, 0
    async with asyncio.timeout(_PATIENCE):
        while calm < 4:
            now = await _script_ms(page)
            calm = calm + 1 if now - before < 0.5 else 0
            before = now
            await asyncio.sleep(0.25)


async def _check(page: Page, path: str) -> None:
    drawn = await page.run(f"deepAll('{_DRAWN[path]}').length")
    if drawn < _SLOTS:
        raise RuntimeError(f"{path} shows {drawn} slots")


async def _script_ms(page: Page) -> float:
    """Return how long scripts ran on this page so far."""
    metrics: list[dict[str, Any]] = (await page.send("Performance.getMetrics"))[
        "metrics"
    ]
    return next(
        float(metric["value"]) * 1000
        for metric in metrics
        if metric["name"] == "ScriptDuration"
    )
