"""Repairs of the store: raised and cleared by its state."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
import sqlite3
from unittest.mock import patch

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine import jobs, writer
from custom_components.filament_slots.core.engine.errors import (
    Problem,
    StoreError,
    StoreState,
)
from custom_components.filament_slots.core.engine.instance_lock import InstanceLock
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.maintenance import Maintenance
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.core.tables.row_writer import RowWriter
from custom_components.filament_slots.core.tables.schema import MIGRATIONS
from custom_components.filament_slots.repairs import async_create_fix_flow
from custom_components.filament_slots.repairs_store import async_manage_store_issues
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    FixFlow,
    async_deliver,
    async_set_up,
    driver_of,
    make_entry,
    spool_event,
)
from .core.outages import Locked

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Shorten the delays of retries and checks."""
    with (
        patch.object(writer, "RETRY_DELAYS", (0.01,)),
        patch.object(jobs, "RETRY_DELAYS", (0.01,)),
        patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)),
        patch.object(writer.Writer._begin_outage, "__defaults__", (0.05,)),
    ):
        yield


def issues(hass: HomeAssistant) -> set[str]:
    """Return the ids of the issues."""
    return {
        issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN
    }


async def until(hass: HomeAssistant, wanted: set[str]) -> None:
    """Wait until these are the issues."""
    async with asyncio.timeout(10):
        while issues(hass) != wanted:
            await asyncio.sleep(0.02)


async def fix(hass: HomeAssistant, issue_id: str) -> FlowResultType:
    """Go through the fix flow of an issue."""
    flow = await async_create_fix_flow(hass, issue_id, None)
    flow.hass, flow.issue_id, flow.handler = hass, issue_id, DOMAIN
    assert (await flow.async_step_init())["type"] is FlowResultType.FORM  # type: ignore[attr-defined]
    return (await flow.async_step_confirm({}))["type"]  # type: ignore[attr-defined, no-any-return]


async def test_a_database_error_is_an_issue_until_it_is_over(
    hass: HomeAssistant,
) -> None:
    """Events are published all the same."""
    entry = make_entry()
    await async_set_up(hass, entry)
    core = async_shared_core(hass)
    outage = Locked(core.store, core.path)
    outage.begin()
    await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    await until(hass, {"store_locked"})
    (slot,) = core.handler.slots(driver_of(entry).printer_id).slots.values()
    assert slot.present
    outage.end()
    await until(hass, set())


async def test_a_damaged_file_can_be_salvaged(hass: HomeAssistant) -> None:
    """The issue names the file, and is cleared by the fix."""
    path = Path(hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db"))

    def damage() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no database" * 1000)

    await hass.async_add_executor_job(damage)
    entry = make_entry()
    await async_set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == {"store_damaged"}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "store_damaged")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["folder"] == str(path.parent)
    assert "damaged-20" in issue.translation_placeholders["files"]
    with patch.object(Store, "rename", side_effect=StoreError(Problem.IO_ERROR)):
        assert await fix(hass, "store_damaged") is FlowResultType.FORM
    assert await fix(hass, "store_damaged") is FlowResultType.CREATE_ENTRY
    await until(hass, set())
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == set()


async def test_an_ignored_issue_of_the_store_stays_ignored(
    hass: HomeAssistant,
) -> None:
    """Also after it was cleared for a while, and after a reload."""
    entry = make_entry()
    await async_set_up(hass, entry)
    full = StoreState(problem=Problem.FULL)
    async_manage_store_issues(hass, full, failed=1)
    ir.async_ignore_issue(hass, DOMAIN, "store_full", True)

    async_manage_store_issues(hass, StoreState())
    assert issues(hass) == {"store_full"}
    await hass.config_entries.async_reload(entry.entry_id)
    async_manage_store_issues(hass, full)

    issue = ir.async_get(hass).async_get_issue(DOMAIN, "store_full")
    assert issue is not None
    assert issue.dismissed_version is not None
    ir.async_ignore_issue(hass, DOMAIN, "store_full", False)
    async_manage_store_issues(hass, StoreState())
    assert issues(hass) == set()


async def test_failed_events_can_be_retried(hass: HomeAssistant) -> None:
    """The issue shows how many, and is cleared once they are in the history."""
    entry = make_entry()
    await async_set_up(hass, entry)
    with patch.object(RowWriter, "put_event", side_effect=sqlite3.IntegrityError):
        await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    await until(hass, {"events_failed"})
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "events_failed")
    assert issue is not None
    assert issue.translation_placeholders == {"count": "1"}
    assert await fix(hass, "events_failed") is FlowResultType.CREATE_ENTRY
    await until(hass, set())


async def test_the_audit_contains_every_fix_with_user_and_result(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: User,
) -> None:
    """As for every other action; failed attempts included."""
    entry = make_entry()
    await async_set_up(hass, entry)
    with patch.object(RowWriter, "put_event", side_effect=sqlite3.IntegrityError):
        await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    await until(hass, {"events_failed"})
    with patch.object(
        Maintenance, "retry_failed", side_effect=StoreError(Problem.IO_ERROR)
    ):
        assert await fix(hass, "events_failed") is FlowResultType.FORM
    assert await async_setup_component(hass, "repairs", {})
    flow = FixFlow(await hass_client())
    await flow.start("events_failed")
    assert (await flow.confirm())["type"] == FlowResultType.CREATE_ENTRY
    retried, attempt = await read_audit(async_shared_core(hass).store)
    assert (attempt.user_id, attempt.result) == (None, {"error": "store_unavailable"})
    assert retried.user_id == hass_admin_user.id
    assert retried.action == "retry_failed_events"
    assert retried.details == {"issue_id": "events_failed"}
    assert retried.result == {"replayed": 1, "failed": 0, "remaining": 0}


async def test_a_store_of_a_newer_version_is_an_issue(hass: HomeAssistant) -> None:
    """The file is not changed, and the entry fails with the same reason."""
    path = Path(hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db"))

    def make() -> bytes:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        db.close()
        return path.read_bytes()

    before = await hass.async_add_executor_job(make)
    entry = make_entry()
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert issues(hass) == {"store_newer"}
    assert entry.error_reason_translation_key == "store_newer"
    assert await hass.async_add_executor_job(path.read_bytes) == before
    await hass.async_add_executor_job(path.unlink)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == set()


async def test_the_time_of_a_printers_last_message_survives_a_restart(
    hass: HomeAssistant,
) -> None:
    """It is that of the last message, which may be later than the last change."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    driver = driver_of(entry)
    received_at = "2026-11-05T12:00:00+00:00"
    health = driver.health() | {"last_message_at": received_at}
    with patch.object(type(driver), "health", lambda self: health):
        await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    state = async_shared_core(hass).handler.slots(1)
    assert state.last_seen == datetime.fromisoformat(received_at)
    assert entry.runtime_data.last_seen == dt_util.parse_datetime(received_at)


async def test_failures_at_the_same_time_are_counted_once(hass: HomeAssistant) -> None:
    """A thousand failures read the database once."""
    await async_set_up(hass, make_entry())
    core = async_shared_core(hass)
    with patch.object(Maintenance, "count_failed", return_value=3) as count:
        for _ in range(3):
            core._failures_changed()
        await hass.async_block_till_done()
        assert count.call_count == 1
        assert issues(hass) == {"events_failed"}
        core._failures_changed()
        await hass.async_block_till_done()
        assert count.call_count == 2


async def test_a_store_that_another_home_assistant_uses_is_an_issue(
    hass: HomeAssistant,
) -> None:
    """The entry is set up again until the other one has ended."""
    path = Path(hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db"))
    other = InstanceLock(path.with_suffix(".lock"))
    await hass.async_add_executor_job(other.acquire)
    entry = make_entry()
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "store_in_use"
    assert issues(hass) == {"store_in_use"}
    assert not await hass.async_add_executor_job(path.exists)
    other.release()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == set()
