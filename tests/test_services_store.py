"""Actions on the store: purge, retry, re-fire, export, and who may call them."""

from contextlib import nullcontext
import csv
from datetime import timedelta
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    TAG,
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    make_entry,
    spool_event,
    state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

SINCE = {"start_time": "2026-01-01T00:00:00+00:00"}


async def async_make_history(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a little history."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(
        hass,
        entry,
        state(),
        spool_event("spool_removed", 1, identifiers=TAG),
        spool_event(
            "spool_inserted",
            1,
            identifiers=TAG,
            meta={"slot_label": "A1", "filament": {"material": "PLA"}},
        ),
        spool_event("spool_inserted", 3),
    )
    return entry


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a little history."""
    return await async_make_history(hass)


async def act(
    hass: HomeAssistant, action: str, user: str | None = None, **data: Any
) -> Any:
    """Call an action and return its answer."""
    return await hass.services.async_call(
        DOMAIN, action, data, True, Context(user_id=user), return_response=True
    )


async def stored(hass: HomeAssistant) -> list[str]:
    """Return the types of the stored events."""
    page = await read_events(
        async_shared_core(hass).store, EventFilter(), newest_first=False
    )
    return [event["event_type"] for event in page.events]


async def test_a_purge_deletes_at_once_and_returns_how_much(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The last event of each slot stays."""
    answer = await act(hass, "purge", keep_days=0, config_entry_id=entry.entry_id)
    assert answer["events"] == 1
    assert answer["database_bytes"] > 4096
    assert await stored(hass) == ["ams_state", "spool_inserted", "spool_inserted"]
    assert (await act(hass, "purge"))["events"] == 0


async def test_the_options_set_how_long_history_is_kept(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """It is purged every night, for each printer by its own options."""
    freezer.move_to("2026-11-10T12:00:00Z")
    entry = await async_make_history(hass)
    hass.config_entries.async_update_entry(
        entry, options={"history_days": 2, "snapshot_days": 1}
    )
    for day in (1, 2):
        night = dt_util.now().replace(hour=4, minute=27, second=1) + timedelta(days=day)
        freezer.move_to(night)
        with (
            patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR))
            if day == 1
            else nullcontext()
        ):
            async_fire_time_changed(hass, night)
            await hass.async_block_till_done(wait_background_tasks=True)
    assert await stored(hass) == ["ams_state", "spool_inserted", "spool_inserted"]
    [purged] = await read_audit(async_shared_core(hass).store)
    assert (purged.user_id, purged.action) == (None, "purge")
    assert purged.result["events"] == 1


async def test_past_events_are_fired_again_on_the_bus_only(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """They are marked; entities keep showing the present state."""
    captured = async_capture_spool_events(hass)
    before = {each.entity_id: each.last_updated for each in hass.states.async_all()}
    answer = await act(hass, "refire_events", **SINCE, config_entry_id=entry.entry_id)
    await hass.async_block_till_done()
    assert answer == {"events": 4}
    assert [event.event_type for event in captured] == [
        "filament_slots_spool_removed",
        "filament_slots_spool_inserted",
        "filament_slots_spool_inserted",
    ]
    assert all(event.data["meta"]["replay"] for event in captured)
    assert all(event.data["device_id"] for event in captured)
    assert before == {
        each.entity_id: each.last_updated for each in hass.states.async_all()
    }
    assert await stored(hass) == [
        "ams_state",
        "spool_removed",
        "spool_inserted",
        "spool_inserted",
    ]


async def test_failed_events_are_retried(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Without any, all numbers are 0."""
    assert await act(hass, "retry_failed_events") == {
        "replayed": 0,
        "failed": 0,
        "remaining": 0,
    }


@pytest.mark.parametrize(
    ("old", "new", "data"),
    [
        ("replay_failed", "retry_failed_events", {}),
        ("replay_events", "refire_events", SINCE),
    ],
)
async def test_a_deprecated_action_still_works_and_logs_one_warning(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    old: str,
    new: str,
    data: dict[str, Any],
) -> None:
    expected = await act(hass, new, **data)
    assert "deprecated" not in caplog.text

    for _ in range(2):
        assert await act(hass, old, **data) == expected

    [warning] = [
        record.message for record in caplog.records if "deprecated" in record.message
    ]
    assert f"filament_slots.{old} is deprecated" in warning
    assert f"use filament_slots.{new} instead" in warning


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_history_is_exported(
    hass: HomeAssistant, entry: MockConfigEntry, form: str
) -> None:
    """To an allowed folder; each line contains the whole event."""
    path = Path(hass.config.path("history"))
    hass.config.allowlist_external_dirs = {hass.config.config_dir}
    answer = await act(
        hass, "export", **SINCE, path=str(path), format=form, end_time="2030-01-01"
    )
    assert answer == {"path": str(path), "events": 4}
    text = await hass.async_add_executor_job(lambda: path.read_bytes().decode())
    if form == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert rows[2]["slot_label"] == "A1"
        assert rows[2]["material"] == "PLA"
        assert rows[2]["external_id"] == TAG["external_id"]
        events = [json.loads(row["event"]) for row in rows]
    else:
        events = [json.loads(line) for line in text.splitlines()]
    page = await read_events(
        async_shared_core(hass).store, EventFilter(), newest_first=False
    )
    assert events == list(page.events)
    assert [file.name for file in path.parent.glob("history*")] == ["history"]


async def test_a_failed_export_raises_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """And leaves no partial file behind."""
    path = Path(hass.config.path("history"))

    async def refused(error: type[HomeAssistantError]) -> str | None:
        with pytest.raises(error) as caught:
            await act(hass, "export", **SINCE, path=str(path))
        return caught.value.translation_key

    assert await refused(ServiceValidationError) == "path_not_allowed"
    hass.config.allowlist_external_dirs = {hass.config.config_dir}
    path.mkdir()  # noqa: ASYNC240
    assert await refused(HomeAssistantError) == "not_exported"
    path.rmdir()  # noqa: ASYNC240
    with patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)):
        assert await refused(HomeAssistantError) == "history_unavailable"
    assert list(path.parent.glob("history*")) == []


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("purge", {}, "not_saved"),
        ("retry_failed_events", {}, "not_saved"),
        ("refire_events", SINCE, "history_unavailable"),
    ],
)
async def test_a_failing_store_is_a_failure(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    action: str,
    data: dict[str, Any],
    key: str,
) -> None:
    """It is no mistake of the caller."""
    with (
        patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)),
        patch.object(Store, "write", side_effect=StoreError(Problem.IO_ERROR)),
        pytest.raises(HomeAssistantError) as caught,
    ):
        await act(hass, action, **data)
    assert caught.value.translation_key == key


async def test_without_a_loaded_printer_the_call_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """With the id of one that is not loaded, and with none loaded at all."""
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "purge", config_entry_id="unknown")
    assert caught.value.translation_key == "not_loaded"
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "purge")
    assert caught.value.translation_key == "no_printer_loaded"


async def test_only_administrators_may_call_and_the_audit_contains_the_user(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_admin_user: User,
    hass_read_only_user: User,
    freezer: FrozenDateTimeFactory,
) -> None:
    """With data and result, for 90 days."""
    with pytest.raises(Unauthorized):
        await act(hass, "purge", hass_read_only_user.id)
    await act(hass, "purge", hass_admin_user.id, keep_days=365)
    with pytest.raises(ServiceValidationError):
        await act(hass, "export", hass_admin_user.id, **SINCE, path="/x")
    store = async_shared_core(hass).store
    exported, purged = await read_audit(store)
    assert purged.user_id == hass_admin_user.id
    assert purged.action == "purge"
    assert purged.details == {"keep_days": 365}
    assert purged.result["events"] == 0
    assert exported.details["start_time"] == "2026-01-01T00:00:00Z"
    assert exported.result == {"error": "path_not_allowed"}
    freezer.tick(91 * 86400)
    await act(hass, "retry_failed_events", hass_admin_user.id)
    # The purge of the night in between has no user.
    [retried] = [entry for entry in await read_audit(store) if entry.user_id]
    assert retried.result == {"replayed": 0, "failed": 0, "remaining": 0}
