"""The entry of an inventory: set up, kept, repaired, reported and removed."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
import json
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.filament_slots.const import DOMAIN, ENTRY_MINOR_VERSION
from custom_components.filament_slots.coordinator import all_entries, loaded_entries
from custom_components.filament_slots.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.filament_slots.inventory.base import InventoryErrorCode
from custom_components.filament_slots.inventory_entry import InventoryHost
from custom_components.filament_slots.repairs_inventory import INVENTORY_ISSUES
from tests.common import (
    NO_TAG,
    FixFlow,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    state,
)

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer

pytestmark = pytest.mark.usefixtures("scripted_driver")

KEY = "s3cr3t-key"


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with four spools."""
    async with SpoolmanServer() as server:
        for name in ("Jade White", "Silk Gold", "Galaxy Black", "Signal Red"):
            server.add_spool(filament={"name": name, "weight": 1000})
        yield server


def inventory_entry(
    server: SpoolmanServer, options: Any = None, **data: Any
) -> MockConfigEntry:
    """Return the entry of an inventory, as the config flow creates it."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Spoolman (workshop)",
        minor_version=ENTRY_MINOR_VERSION,
        unique_id=f"spoolman:{server.url}",
        options=options or {},
        data={"inventory_key": "spoolman", "url": server.url, **data},
    )


async def async_until(hass: HomeAssistant, condition: Callable[[], bool]) -> None:
    """Wait for a condition that depends on the network."""
    import asyncio

    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
    await hass.async_block_till_done()


async def async_running(hass: HomeAssistant, entry: MockConfigEntry) -> InventoryHost:
    """Set up the entry, and wait until its spools are read."""
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    host: InventoryHost = entry.runtime_data
    await async_until(hass, lambda: host.health["status"] == "running")
    return host


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our issues by translation key."""
    return {
        str(issue.translation_key): issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    }


async def test_it_reads_the_spools_and_is_no_printer(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    entry = inventory_entry(server)
    host = await async_running(hass, entry)

    assert [spool.name for spool in host.spools.values()] == [
        *("Jade White", "Silk Gold", "Galaxy Black", "Signal Red"),
    ]
    assert loaded_entries(hass) == []
    assert all_entries(hass) == []
    assert issues(hass) == {}

    assert await hass.config_entries.async_unload(entry.entry_id)
    await async_until(hass, lambda: server.subscribers == 0)


async def test_it_loads_while_its_server_is_away(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await server.stop()
    entry = inventory_entry(server)
    entry.add_to_hass(hass)

    assert await hass.config_entries.async_setup(entry.entry_id)
    host: InventoryHost = entry.runtime_data
    await async_until(hass, lambda: host.health["status"] == "reconnecting")

    assert entry.state is ConfigEntryState.LOADED
    # A server that was restarted a moment ago needs no repair.
    assert issues(hass) == {}
    await server.start()
    await async_until(hass, lambda: len(host.spools) == 4)


async def test_it_works_beside_printers_and_they_without_it(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    printer = make_entry()
    await async_set_up(hass, printer)
    entry = inventory_entry(server)
    await async_running(hass, entry)

    assert loaded_entries(hass) == [printer]
    await server.stop()
    assert await hass.config_entries.async_remove(entry.entry_id)

    assert loaded_entries(hass) == [printer]
    assert printer.state is ConfigEntryState.LOADED


async def test_it_stops_with_home_assistant(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    host = await async_running(hass, inventory_entry(server))

    await hass.async_stop()

    assert host.health["status"] == "stopped"


async def test_a_refused_key_asks_for_a_new_one(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    server.api_key = "another"
    entry = inventory_entry(server, api_key=KEY)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    host: InventoryHost = entry.runtime_data
    await async_until(hass, lambda: host.health["status"] == "auth_failed")

    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert flow["step_id"] == "inventory_reauth"
    assert issues(hass) == {}


@pytest.mark.parametrize("data", [{"inventory_key": "no_such"}, {"url": "ftp://x"}])
async def test_an_entry_that_cannot_be_used_names_the_reason(
    hass: HomeAssistant, server: SpoolmanServer, data: dict[str, str]
) -> None:
    entry = inventory_entry(server, **data)
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key in (
        "unknown_inventory",
        "invalid_inventory",
    )


def fail(hass: HomeAssistant, entry: MockConfigEntry, **health: Any) -> None:
    """Let the inventory of an entry have another health."""
    host: InventoryHost = entry.runtime_data
    shown = {**host.health, **health}
    with patch.object(host._inventory, "health", return_value=shown):
        host._async_health_changed()


def error(code: str, message: str = "", circuit: str = "open") -> dict[str, Any]:
    """Return the health of an inventory that is not running."""
    return {
        "status": "reconnecting",
        "circuit": circuit,
        "last_error": {"code": code, "message": message, "at": ""},
    }


@pytest.mark.parametrize("code", sorted(InventoryErrorCode))
async def test_an_error_that_lasts_is_a_repair_until_it_is_over(
    hass: HomeAssistant, server: SpoolmanServer, code: str
) -> None:
    entry = inventory_entry(server)
    await async_running(hass, entry)

    fail(hass, entry, **error(code, "https://spool.lan/"))
    raised = issues(hass)
    fail(hass, entry)

    if code in ("invalid_auth", "unknown"):
        assert raised == {}
        return
    (issue,) = raised.values()
    assert issue.translation_key == f"inventory_{code}"
    assert issue.translation_placeholders == {
        "name": "Spoolman (workshop)",
        "target": "https://spool.lan/",
    }
    assert not issue.is_fixable
    assert issues(hass) == {}


@pytest.mark.parametrize("code", sorted(InventoryErrorCode))
async def test_a_first_error_is_a_repair_only_where_no_restart_causes_it(
    hass: HomeAssistant, server: SpoolmanServer, code: str
) -> None:
    entry = inventory_entry(server)
    await async_running(hass, entry)

    fail(hass, entry, **error(code, circuit="closed"))

    at_once = code in ("redirected", "host_refused")
    assert list(issues(hass)) == ([f"inventory_{code}"] if at_once else [])


async def test_spools_that_cannot_be_shown_are_a_repair(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    server.database.row(Entity.SPOOL, 2)["location"] = "x" * 65
    await async_running(hass, inventory_entry(server))

    (issue,) = issues(hass).values()
    assert issue.translation_key == "inventory_unreadable_spools"
    assert issue.translation_placeholders == {
        "name": "Spoolman (workshop)",
        "count": "1",
    }


def reuse(server: SpoolmanServer, *spool_ids: int) -> None:
    """Give the ids of spools to others."""
    for spool_id in spool_ids:
        server.database.row(Entity.SPOOL, spool_id)["registered"] += timedelta(days=1)


async def async_use(hass: HomeAssistant, *spool_ids: int) -> None:
    """Set up a printer that has these spools of the inventory in its slots."""
    entry = make_entry()
    await async_set_up(hass, entry)
    slots = [
        slot_state(
            number, True, identifiers=NO_TAG | {"external_id": f"spoolman:{each}"}
        )
        for number, each in enumerate(spool_ids, 1)
    ]
    await async_deliver(hass, entry, state(direct=slots))


async def test_an_id_with_another_spool_that_nothing_uses_is_no_repair(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await async_use(hass, 1, 4)
    host = await async_running(hass, inventory_entry(server))
    before = host.spools[3]
    reuse(server, 1, 2, 3)
    for spool_id in (1, 2, 3):
        row = server.database.row(Entity.SPOOL, spool_id)
        server._changed("updated", Entity.SPOOL, row)
    await async_until(hass, lambda: host.spools[3] != before)

    issue = issues(hass)["inventory_reused_ids"]
    assert issue.translation_placeholders == {"name": "Spoolman (workshop)", "ids": "1"}


async def test_an_id_with_another_spool_is_a_repair_across_restarts(
    hass: HomeAssistant,
    server: SpoolmanServer,
    hass_client: ClientSessionGenerator,
    hass_storage: dict[str, Any],
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await async_use(hass, 3)
    entry = inventory_entry(server)
    host = await async_running(hass, entry)
    await host._store.async_save(host.identities.as_json())
    reuse(server, 3)

    for _ in range(2):
        await hass.config_entries.async_reload(entry.entry_id)
        host = entry.runtime_data
        await async_until(hass, lambda: "inventory_reused_ids" in issues(hass))
        await host._store.async_save(host.identities.as_json())
    issue = issues(hass)["inventory_reused_ids"]
    assert issue.translation_placeholders == {"name": "Spoolman (workshop)", "ids": "3"}

    flow = FixFlow(await hass_client())
    shown = await flow.start(issue.issue_id)
    assert shown["step_id"] == "confirm"
    assert shown["description_placeholders"]["ids"] == "3"
    assert (await flow.confirm())["type"] == "create_entry"
    assert issues(hass) == {}


async def test_many_ids_are_shown_in_part(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    for _ in range(40):
        server.add_spool()
    await async_use(hass, *range(1, 16))
    entry = inventory_entry(server)
    host = await async_running(hass, entry)
    host.identities.reused |= set(range(1, 16))
    fail(hass, entry)

    (issue,) = issues(hass).values()
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["ids"] == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …"


async def test_another_database_is_a_repair(
    hass: HomeAssistant,
    server: SpoolmanServer,
    hass_client: ClientSessionGenerator,
    hass_storage: dict[str, Any],
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await async_use(hass, 1)
    entry = inventory_entry(server)
    host = await async_running(hass, entry)
    await host._store.async_save(host.identities.as_json())
    reuse(server, 1, 2, 3)
    await hass.config_entries.async_reload(entry.entry_id)
    await async_until(hass, lambda: list(issues(hass)) == ["inventory_exchanged"])
    issue = issues(hass)["inventory_exchanged"]

    # The entry may be removed while the dialog is open.
    flow = FixFlow(await hass_client())
    await flow.start(issue.issue_id)
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert (await flow.confirm())["reason"] == "entry_removed"
    assert issues(hass) == {}
    assert not [key for key in hass_storage if entry.entry_id in key]


async def test_diagnostics_hold_neither_address_nor_key_nor_spools(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    server.api_key = KEY
    entry = inventory_entry(server, api_key=KEY, verify_ssl=False)
    host = await async_running(hass, entry)
    host.log.info("Redirected to %s with %s", server.url, KEY)

    report = await async_get_config_entry_diagnostics(hass, entry)

    text = json.dumps(report)
    assert report["entry"]["data"]["inventory_key"] == "spoolman"
    assert report["entry"]["data"]["verify_ssl"] is False
    assert report["health"]["spools"] == 4
    assert report["identities"] == {"reused": 0, "exchanged": False}
    assert report["log"]
    for private in (KEY, server.url, "Jade White", "/home/app"):
        assert private not in text


async def test_diagnostics_of_an_entry_that_is_not_loaded_name_the_reason(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    entry = inventory_entry(server, url="ftp://x")
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)

    report = await async_get_config_entry_diagnostics(hass, entry)

    assert report["entry"]["reason"] == "invalid_inventory"
    assert report["health"] is None


async def test_websocket_and_actions_know_no_printer_by_its_entry(
    hass: HomeAssistant, server: SpoolmanServer, hass_ws_client: Any
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    async_mock_service(hass, "persistent_notification", "create")
    entry = inventory_entry(server)
    await async_running(hass, entry)
    client = await hass_ws_client()

    await client.send_json_auto_id({"type": "filament_slots/printers"})
    printers = await client.receive_json()
    await client.send_json_auto_id(
        {"type": "filament_slots/slots", "entry_id": entry.entry_id}
    )
    refused = await client.receive_json()
    await client.send_json_auto_id({"type": "filament_slots/subscribe"})
    assert (await client.receive_json())["success"]
    state = await client.receive_json()

    assert printers["result"] == {"printers": []}
    assert refused["error"]["code"] == "not_found"
    assert state["event"] == {"printers": []}


def test_every_error_has_a_repair_or_another_way_out() -> None:
    assert {
        code
        for code in InventoryErrorCode
        if f"inventory_{code}" not in INVENTORY_ISSUES
    } == {InventoryErrorCode.INVALID_AUTH, InventoryErrorCode.UNKNOWN}
