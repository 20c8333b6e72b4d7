"""A backup takes the store along, and never fails because of it."""

import asyncio
from pathlib import Path
import sqlite3
from unittest.mock import patch

from homeassistant.core import HomeAssistant
import pytest

from custom_components.filament_slots import backup
from custom_components.filament_slots.core.store import Store
from custom_components.filament_slots.shared import async_shared_core

from .common import async_deliver, async_set_up, driver_of, make_entry, spool_event

pytestmark = pytest.mark.usefixtures("scripted_driver")


async def test_a_backup_holds_everything_and_events_go_on_after_it(
    hass: HomeAssistant,
) -> None:
    """What happens during the backup is told after it."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    core = async_shared_core(hass)
    heard = []
    hass.bus.async_listen("filament_slots_spool_removed", heard.append)

    await backup.async_pre_backup(hass)
    assert core.path.with_name(core.path.name + "-wal").stat().st_size == 0
    driver_of(entry).emit(spool_event("spool_removed", 1))
    await asyncio.sleep(0.05)
    assert heard == []
    copy = Path(hass.config.path("copy.db"))
    await hass.async_add_executor_job(lambda: copy.write_bytes(core.path.read_bytes()))
    await backup.async_post_backup(hass)
    await core.handler.drain()
    await hass.async_block_till_done()

    assert len(heard) == 1
    db = sqlite3.connect(copy)
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("SELECT count(*) FROM slot_events").fetchone() == (1,)
    db.close()


async def test_without_a_printer_there_is_nothing_to_do(hass: HomeAssistant) -> None:
    """The platform is loaded all the same."""
    await backup.async_pre_backup(hass)
    await backup.async_post_backup(hass)


async def test_a_store_in_trouble_never_costs_the_backup(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the backup goes on."""
    await async_set_up(hass, make_entry())
    with (
        patch.object(Store, "hold", side_effect=RuntimeError),
        patch.object(Store, "release", side_effect=RuntimeError),
    ):
        await backup.async_pre_backup(hass)
        await backup.async_post_backup(hass)
    assert "could not be prepared" in caplog.text
    assert "could not be released" in caplog.text
