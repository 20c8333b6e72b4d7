"""System health: connected printers, and state of the store."""

from datetime import datetime, timedelta
import json
from pathlib import Path
import re
import sqlite3
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.filament_slots import system_health
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine import jobs, writer
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.row_writer import RowWriter
from custom_components.filament_slots.core.tables.schema import MIGRATIONS
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    AT,
    async_deliver,
    async_set_up,
    async_show,
    make_entry,
    spool_event,
    state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")


async def _info(hass: HomeAssistant) -> dict[str, object]:
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    return {
        key: value if isinstance(value, str | int) else await value
        for key, value in info.items()
    }


async def test_it_shows_the_printers_and_the_store(hass: HomeAssistant) -> None:
    first = make_entry()
    await async_set_up(hass, first)
    await async_set_up(hass, make_entry("00M09A000000002"))
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, data={}).add_to_hass(hass)
    await async_show(hass, first, DriverStatus.RUNNING)
    assert (await _info(hass))["last_event"] == "-"

    await async_deliver(hass, first, state())
    info = await _info(hass)
    last_commit, commit_time = info.pop("last_commit"), info.pop("last_commit_time")

    assert abs(dt_util.utcnow() - datetime.fromisoformat(str(last_commit))) < timedelta(
        minutes=1
    )
    assert re.fullmatch(r"\d+\.\d ms", str(commit_time))
    assert info == {
        "printers_connected": "1/2",
        "inventories_connected": "0/0",
        "store_size": "0.2 MB",
        "last_event": AT,
        "store_version": len(MIGRATIONS),
        "event_version": 1,
        "queue_depth": 0,
        "events_stored": 1,
        "events_rejected": 0,
        "events_failed": 0,
        "events_retried": 0,
    }


async def test_it_counts_rejected_failed_and_retried_events(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    with (
        patch.object(writer, "RETRY_DELAYS", (0.01, 0.01)),
        patch.object(jobs, "RETRY_DELAYS", (0.01, 0.01)),
        patch.object(RowWriter, "put_event", side_effect=sqlite3.IntegrityError),
    ):
        await async_deliver(
            hass, entry, {"event_type": "nonsense"}, spool_event("spool_inserted", 1)
        )

    info = await _info(hass)
    assert (info["events_rejected"], info["events_failed"]) == (1, 1)
    assert info["events_retried"] == 2
    assert (info["events_stored"], info["queue_depth"]) == (0, 0)


async def test_before_the_first_commit_its_time_is_a_dash(
    hass: HomeAssistant,
) -> None:
    await async_set_up(hass, make_entry())
    health = {**async_shared_core(hass).handler.health()}
    health |= {"last_commit_at": None, "last_commit_ms": None}

    with patch.object(EventHandler, "health", return_value=health):
        info = await _info(hass)

    assert (info["last_commit"], info["last_commit_time"]) == ("-", "-")


async def test_every_value_has_a_text_and_no_text_is_left_over(
    hass: HomeAssistant,
) -> None:
    await async_set_up(hass, make_entry())

    texts = json.loads(
        (Path(system_health.__file__).parent / "translations/en.json").read_text()
    )

    assert set(await _info(hass)) == set(texts["system_health"]["info"])


async def test_it_works_without_any_printer_loaded(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_add_executor_job(hass.data[DOMAIN].path.unlink)

    assert await _info(hass) == {
        "printers_connected": "0/1",
        "inventories_connected": "0/0",
        "store_size": "-",
        "last_event": "-",
        "store_version": len(MIGRATIONS),
        "event_version": 1,
    }
