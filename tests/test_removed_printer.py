"""The history of a removed printer: kept, or deleted by a repair or an action."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
import sqlite3
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
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine import jobs
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.core.tables.deletion import _Deletion
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    TAG,
    FixFlow,
    async_deliver,
    async_set_up,
    driver_of,
    make_entry,
    spool_event,
    state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

OTHER_SERIAL = "00M09A000000002"
ISSUE = "printer_removed_1"


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a little history."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(
        hass, entry, state(), spool_event("spool_removed", 1, identifiers=TAG)
    )
    return entry


def issues(hass: HomeAssistant) -> set[str]:
    """Return the ids of the issues."""
    return {
        issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN
    }


async def async_rows(hass: HomeAssistant) -> dict[str, int]:
    """Return how many rows each table has, without those that have none."""
    path = async_shared_core(hass).path

    def read() -> dict[str, int]:
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            tables = db.execute(
                "SELECT name FROM sqlite_schema"
                " WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall()
            counts = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for (table,) in tables
            }
        return {table: rows for table, rows in counts.items() if rows}

    return await hass.async_add_executor_job(read)


@pytest.fixture
async def flow(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> FixFlow:
    """Return the fix flow of an issue, as the frontend drives it."""
    assert await async_setup_component(hass, "repairs", {})
    return FixFlow(await hass_client())


async def act(hass: HomeAssistant, user: str | None = None, **data: Any) -> Any:
    """Call the action and return its answer."""
    return await hass.services.async_call(
        DOMAIN,
        "delete_printer_history",
        data,
        True,
        Context(user_id=user),
        return_response=True,
    )


@pytest.fixture
def other() -> MockConfigEntry:
    """Return another printer, which keeps the store open."""
    return make_entry(OTHER_SERIAL)


async def test_the_history_of_the_last_printer_is_deleted_once_that_is_confirmed(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {ISSUE}
    assert (await async_rows(hass))["slot_events"] == 2

    menu = await flow.start(ISSUE)
    assert menu["menu_options"] == ["keep", "confirm"]
    assert menu["description_placeholders"] == {"name": entry.title}
    form = await flow.confirm(next_step_id="confirm")
    assert form["step_id"] == "confirm"
    assert (await flow.confirm())["type"] == "create_entry"

    assert await async_rows(hass) == {}
    assert issues(hass) == set()
    assert not async_shared_core(hass).is_open


async def test_the_history_can_be_kept_and_goes_on(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow
) -> None:
    printer_id = driver_of(entry).printer_id
    await hass.config_entries.async_remove(entry.entry_id)
    await flow.start(ISSUE)
    result = await flow.confirm(next_step_id="keep")

    assert result["type"] == "create_entry"
    assert issues(hass) == set()
    assert (await async_rows(hass))["slot_events"] == 2
    assert (await async_set_up(hass, make_entry())).printer_id == printer_id


async def test_a_printer_that_is_added_again_answers_the_question(
    hass: HomeAssistant, entry: MockConfigEntry, flow: FixFlow
) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    await flow.start(ISSUE)
    await flow.confirm(next_step_id="confirm")
    await async_set_up(hass, make_entry())
    assert issues(hass) == set()

    assert (await flow.confirm())["reason"] == "resolved"
    assert (await async_rows(hass))["slot_events"] == 2


async def test_where_the_store_is_away_the_form_states_it_and_can_be_repeated(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry, flow: FixFlow
) -> None:
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    await flow.start(ISSUE)
    await flow.confirm(next_step_id="confirm")
    with failing():
        form = await flow.confirm()
    assert form["errors"] == {"base": "store_unavailable"}
    assert (await flow.confirm())["type"] == "create_entry"
    assert (await async_rows(hass))["printers"] == 1
    done, failed = await read_audit(async_shared_core(hass).store)
    assert {done.action, failed.action} == {"delete_printer_history"}
    assert failed.result == {"error": "store_unavailable"}
    assert done.result["spools"] == 0


async def test_a_printer_of_which_nothing_is_known_is_no_question(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == set()


async def test_the_action_deletes_and_returns_how_much(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    hass_admin_user: User,
    hass_read_only_user: User,
) -> None:
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    with pytest.raises(Unauthorized):
        await act(hass, hass_read_only_user.id, printer_id=1)

    answer = await act(hass, hass_admin_user.id, printer_id=1)

    assert (answer["events"], answer["spools"]) == (2, 1)
    assert answer["database_bytes"] > 4096
    assert issues(hass) == set()
    [entry_of_audit] = await read_audit(async_shared_core(hass).store)
    assert entry_of_audit.action == "delete_printer_history"
    assert entry_of_audit.user_id == hass_admin_user.id
    assert (await async_rows(hass)).keys() == {"printers", "audit"}


async def test_the_action_refuses_a_printer_that_was_not_removed(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    """The error lists those that were."""
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, printer_id=1)
    assert caught.value.translation_placeholders == {"printer_id": "1", "removed": "–"}
    assert (await async_rows(hass))["slot_events"] == 2
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, printer_id=77)
    assert caught.value.translation_key == "printer_not_removed"
    assert caught.value.translation_placeholders == {
        "printer_id": "77",
        "removed": f"1 ({entry.title})",
    }


async def test_a_printer_is_deleted_whose_removal_could_not_be_stored(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    """Its entry is gone all the same."""
    await async_set_up(hass, other)
    with patch(
        "custom_components.filament_slots.core.handler.mark_deleted",
        side_effect=sqlite3.OperationalError("unable to open database file"),
    ):
        await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == set()

    assert (await act(hass, printer_id=1))["events"] == 2


async def test_the_action_fails_where_the_store_does(
    hass: HomeAssistant, entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    with failing(), pytest.raises(HomeAssistantError) as caught:
        await act(hass, printer_id=1)
    assert caught.value.translation_key == "not_saved"


@contextmanager
def failing() -> Iterator[None]:
    """Let a deletion end, in the block, where most of it is done."""
    error = sqlite3.IntegrityError("refused")
    with (
        # The time until it is tried again would not pass where the clock stands still.
        patch.object(jobs, "RETRY_DELAYS", ()),
        patch.object(_Deletion, "delete_slots", side_effect=error),
    ):
        yield


async def test_an_interrupted_deletion_is_finished_when_the_store_is_opened(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    with failing(), pytest.raises(HomeAssistantError):
        await act(hass, printer_id=1)
    assert (await async_rows(hass))["printers"] == 2
    await hass.config_entries.async_reload(other.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert (await async_rows(hass)).keys() <= {"printers", "audit"}
    assert (await async_rows(hass))["printers"] == 1


async def test_an_interrupted_deletion_is_finished_in_the_night(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Unless the store is still away."""
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(entry.entry_id)
    with failing(), pytest.raises(HomeAssistantError):
        await act(hass, printer_id=1)
    night = dt_util.now().replace(hour=4, minute=27, second=1)
    for days in (1, 2):
        freezer.move_to(night + timedelta(days=days))
        with failing() if days == 1 else nullcontext():
            async_fire_time_changed(hass)
            await hass.async_block_till_done(wait_background_tasks=True)
        assert (await async_rows(hass))["printers"] == 3 - days
