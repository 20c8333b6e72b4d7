"""Spool events that wait for Home Assistant's start are published once, whatever happens."""

from collections.abc import Awaitable, Callable
from pathlib import Path
import shutil
import sqlite3
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.core.engine import writer
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.tables import held_events
from custom_components.filament_slots.runtime import _KEY, async_shared_core

from .common import (
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    entity_state,
    make_entry,
    spool_event,
    state,
)
from .core.outages import Locked

pytestmark = pytest.mark.usefixtures("scripted_driver")

EVENT_1 = "event.x1c_ams_a_slot_a1_spool_change"
IDS = ["01JBKZ0000000000000000000A", "01JBKZ0000000000000000000B"]


@pytest.fixture
def on_the_bus(hass: HomeAssistant) -> list[Event[Any]]:
    """Our events, in the order in which the bus delivers them."""
    return async_capture_spool_events(hass)


def ids(events: list[Event[Any]]) -> list[str]:
    """Return the ids of events on the bus."""
    return [event.data["event_id"] for event in events]


async def starting(hass: HomeAssistant) -> MockConfigEntry:
    """Return an entry with two events that wait for the start."""
    hass.set_state(CoreState.starting)
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(
        hass,
        entry,
        state(),
        spool_event("spool_removed", 1, event_id=IDS[0]),
        spool_event("spool_inserted", 1, event_id=IDS[1]),
    )
    return entry


async def start(hass: HomeAssistant) -> None:
    """Let Home Assistant have started."""
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload, as a change of the options does."""
    assert await hass.config_entries.async_reload(entry.entry_id)


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Change the address."""
    data = {**entry.data, "host": "192.0.2.9"}
    hass.config_entries.async_update_entry(entry, data=data)
    assert await hass.config_entries.async_reload(entry.entry_id)


async def disable_and_enable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Disable, and enable again."""
    for disabler in (ConfigEntryDisabler.USER, None):
        await hass.config_entries.async_set_disabled_by(entry.entry_id, disabler)


@pytest.mark.parametrize("change", [reload, reconfigure, disable_and_enable])
async def test_what_happens_to_the_entry_before_the_start_loses_no_event(
    hass: HomeAssistant,
    on_the_bus: list[Event[Any]],
    change: Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]],
) -> None:
    entry = await starting(hass)
    for _ in range(3):
        await change(hass, entry)
    assert on_the_bus == []

    await start(hass)

    assert ids(on_the_bus) == IDS
    assert entity_state(hass, EVENT_1).attributes["event_id"] == IDS[1]
    await change(hass, entry)
    assert ids(on_the_bus) == IDS


async def test_an_entry_that_is_not_loaded_at_the_start_publishes_when_it_is(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    await start(hass)
    assert on_the_bus == []

    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()

    assert ids(on_the_bus) == IDS
    await reload(hass, entry)
    assert ids(on_the_bus) == IDS


async def run_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Begin another run with the file as a kill leaves it at this moment."""
    core = async_shared_core(hass)
    left = Path(hass.config.path("left.db"))

    def copy() -> None:
        for suffix in ("", "-wal"):
            shutil.copy(f"{core.path}{suffix}", f"{left}{suffix}")

    def put_back() -> None:
        for suffix in ("", "-wal"):
            shutil.move(f"{left}{suffix}", f"{core.path}{suffix}")

    await hass.async_add_executor_job(copy)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_add_executor_job(put_back)
    del hass.data[_KEY]
    hass.set_state(CoreState.starting)
    await async_set_up(hass, entry)


async def test_events_that_waited_when_home_assistant_was_killed_are_published(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    await run_again(hass, entry)
    await async_deliver(hass, entry, spool_event("spool_removed", 2))
    assert on_the_bus == []

    await start(hass)

    assert ids(on_the_bus)[:2] == IDS
    assert len(on_the_bus) == 3
    assert entity_state(hass, EVENT_1).attributes["event_id"] == IDS[1]
    # Now they are published: the next run does not repeat them.
    await run_again(hass, entry)
    await start(hass)
    assert len(on_the_bus) == 3


async def test_a_kill_while_events_are_published_publishes_them_again(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    with patch(
        "custom_components.filament_slots.core.handler.forget_held",
        side_effect=sqlite3.IntegrityError,
    ):
        await start(hass)
        assert ids(on_the_bus) == IDS
        await run_again(hass, entry)

    await start(hass)

    assert ids(on_the_bus) == IDS * 2


async def test_a_stop_before_the_start_is_as_a_kill(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    await entry.runtime_data.async_stop()
    await hass.config_entries.async_unload(entry.entry_id)
    del hass.data[_KEY]
    await async_set_up(hass, entry)

    await start(hass)

    assert ids(on_the_bus) == IDS


async def test_events_of_an_outage_wait_as_well(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01,)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        entry = await starting(hass)
        core = async_shared_core(hass)
        outage = Locked(core.store, core.path)
        outage.begin()
        await async_deliver(hass, entry, spool_event("spool_removed", 2))
        outage.end()
        await reload(hass, entry)
        assert on_the_bus == []
        left = await async_shared_core(hass).store.read(held_events.read_held)
        await start(hass)

    assert len(on_the_bus) == 3
    [held] = left.values()
    assert [each.event["event_id"] for each in held] == ids(on_the_bus)


async def test_events_of_a_removed_printer_are_not_published(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    again = make_entry()
    await async_set_up(hass, again)

    await start(hass)

    assert on_the_bus == []
    assert await async_shared_core(hass).store.read(held_events.read_held) == {}


async def test_a_store_whose_waiting_events_cannot_be_read_is_tried_again(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = await starting(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    del hass.data[_KEY]
    with patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    await reload(hass, entry)

    await start(hass)

    assert ids(on_the_bus) == IDS
