"""Backup: it contains the whole store, and never fails because of it."""

import asyncio
from itertools import count
from pathlib import Path
import sqlite3
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.filament_slots import backup
from custom_components.filament_slots.core.engine.writer import Writer
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    driver_of,
    make_entry,
    spool_event,
)

if TYPE_CHECKING:
    from .scripted_drivers.scripted.driver import Driver as ScriptedDriver

pytestmark = pytest.mark.usefixtures("scripted_driver")


async def test_a_backup_contains_everything_and_events_continue_after_it(
    hass: HomeAssistant,
) -> None:
    """An event during the backup is published after it."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    core = async_shared_core(hass)
    captured = async_capture_spool_events(hass, "spool_removed")

    await backup.async_pre_backup(hass)
    assert core.path.with_name(core.path.name + "-wal").stat().st_size == 0
    driver_of(entry).emit(spool_event("spool_removed", 1))
    await asyncio.sleep(0.05)
    assert captured == []
    copy = Path(hass.config.path("copy.db"))
    await hass.async_add_executor_job(lambda: copy.write_bytes(core.path.read_bytes()))
    await backup.async_post_backup(hass)
    await core.handler.drain()
    await hass.async_block_till_done()

    assert len(captured) == 1
    db = sqlite3.connect(copy)
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("SELECT count(*) FROM slot_events").fetchone() == (1,)
    db.close()


async def test_a_backup_made_while_events_flow_can_be_restored(
    hass: HomeAssistant,
) -> None:
    """It contains all events published before one moment, each once."""
    entry = make_entry()
    await async_set_up(hass, entry)
    core = async_shared_core(hass)
    captured = async_capture_spool_events(hass)
    flowing = asyncio.create_task(_flow(driver_of(entry)))
    while len(captured) < 20:
        await asyncio.sleep(0)

    await backup.async_pre_backup(hass)
    before = len(captured)
    copy = await hass.async_add_executor_job(core.path.read_bytes)
    await backup.async_post_backup(hass)
    while len(captured) < before + 20:
        await asyncio.sleep(0)
    flowing.cancel()
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    def restore() -> None:
        for file in core.path.parent.iterdir():
            file.unlink()
        core.path.write_bytes(copy)

    await hass.async_add_executor_job(restore)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

    assert await core.store.read(
        lambda db: [tuple(row) for row in db.execute("PRAGMA quick_check")]
    ) == [("ok",)]
    page = await read_events(core.store, EventFilter(), limit=9999, newest_first=False)
    numbers = [event["meta"]["correlation_id"] for event in page.events]
    assert numbers == [str(number) for number in range(len(numbers))]
    assert before <= len(numbers) < len(captured)
    present = page.events[-1]["event_type"] == "spool_inserted"
    (slot,) = entry.runtime_data.data.slots.values()
    assert slot.present is present
    assert not ir.async_get(hass).issues


async def _flow(driver: ScriptedDriver) -> None:
    """Insert and remove a spool until cancelled."""
    for number in count():
        kind = "spool_removed" if number % 2 else "spool_inserted"
        driver.emit(spool_event(kind, 1, meta={"correlation_id": str(number)}))
        await asyncio.sleep(0.001)


async def test_without_a_printer_there_is_nothing_to_do(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """Home Assistant loads the platform without any entry; nothing is logged."""
    await backup.async_pre_backup(hass)
    await backup.async_post_backup(hass)
    assert "The store could not be" not in caplog.text


async def test_a_failing_store_never_fails_the_backup(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and the backup continues."""
    await async_set_up(hass, make_entry())
    with (
        patch.object(Writer, "hold", side_effect=RuntimeError),
        patch.object(Writer, "release", side_effect=RuntimeError),
    ):
        await backup.async_pre_backup(hass)
        await backup.async_post_backup(hass)
    assert "could not be prepared" in caplog.text
    assert "could not be released" in caplog.text
