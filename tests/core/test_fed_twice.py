"""An event that was seen before changes nothing, whole histories of them included."""

import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from scripts.tools import replay as tool
from tests.printers.bambu_scenarios import SCENARIOS, Scenario
from tests.test_replay import captures

from .conftest import count, new_handler, new_store, register

TABLES = ("slot_events", "event_slots", "slot_assignments", "ams_units", "spools")


def played(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the events that come of a scenario, made a capture first."""
    printer = scenario.build()
    time = 0.0
    frames = [
        {"t": time, "payload": printer.report_full()},
        {"t": time, "payload": printer.versions()},
    ]
    for act in scenario.acts:
        for delay, report in act.do(printer):
            time += delay
            # A report is a view of the printer as it is: keep it as it was.
            frames.append({"t": time, "payload": json.loads(json.dumps(report))})
        time += act.rest
    capture = {"driver_key": "bambulab_mqtt", "frames": frames}
    return tool.replay(capture).events


async def feed(handler: EventHandler, events: list[dict[str, Any]]) -> list[Outcome]:
    """Hand over one event after the other."""
    return [await handler.handle_printer_event(event) for event in events]


async def rows(store: Store) -> dict[str, int]:
    """Return how many rows each table has."""
    return {table: await count(store, table) for table in TABLES}


async def check(path: Path, events: list[dict[str, Any]]) -> None:
    """Feed events, feed them again, and again after the file was opened again."""
    for opening in range(2):
        store = new_store(path)
        await store.open()
        handler = new_handler(store)
        assert await register(handler) == 1
        if opening == 0:
            assert set(await feed(handler, events)) <= {
                Outcome.STORED,
                Outcome.UNCHANGED,
            }
        before, slots = await rows(store), handler.slots(1)
        assert set(await feed(handler, events)) <= {Outcome.DUPLICATE}
        assert await rows(store) == before
        assert handler.slots(1) == slots
        await handler.close()
        await store.close()


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_scenario_fed_twice_adds_no_row(name: str, path: Path) -> None:
    events = played(SCENARIOS[name])
    assert len(events) > 1
    await check(path, events)


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.stem)
async def test_a_capture_fed_twice_adds_no_row(capture: Path, path: Path) -> None:
    await check(path, tool.replay(tool.read_capture(capture)).events)
