"""Config flow of inventories: what users paste, what answers, and what changes later."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.inventory.base import (
    InventoryError,
    InventoryErrorCode,
)
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)
from custom_components.filament_slots.remaining import LowLimit
from tests.common import async_set_up, async_show, driver_of, make_entry

from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

KEY = "s3cr3t-key"
PLAIN = {"api_key_header": "X-API-Key", "verify_ssl": True}


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with a spool."""
    async with SpoolmanServer() as server:
        server.add_spool()
        yield server


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Start a flow, and choose the inventory."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    return await submit(hass, result, driver_key="spoolman")


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, **user_input: Any
) -> ConfigFlowResult:
    """Submit the present step."""
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], user_input
    )
    await hass.async_block_till_done()
    return result


def suggested(result: ConfigFlowResult) -> Mapping[str, Any]:
    """Return what the form is filled in with."""
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(key): key.description["suggested_value"]
        for key in schema.schema
        if key.description
    }


async def test_an_inventory_is_added_by_the_address_of_any_of_its_pages(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    result = await start(hass)
    assert result["step_id"] == "spoolman"
    assert suggested(result) == {}

    result = await submit(hass, result, url=f"{server.url}/spool/show/5", **PLAIN)

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Spoolman (127.0.0.1)"
    assert result["data"] == {"inventory_key": "spoolman", "url": server.url, **PLAIN}
    assert result["result"].unique_id == f"spoolman:{server.url}"


@pytest.mark.parametrize("code", sorted(InventoryErrorCode))
async def test_the_flow_recovers_from_every_error(
    hass: HomeAssistant, server: SpoolmanServer, code: str
) -> None:
    failed = InventoryError(
        InventoryErrorCode(code),
        placeholders={"target": "https://spool.lan"},
        suggested={"url": "https://spool.lan"},
    )
    result = await start(hass)
    with patch.object(SpoolmanInventory, "probe", AsyncMock(side_effect=failed)):
        result = await submit(hass, result, url=server.url, **PLAIN)

    assert result["errors"] == {"base": f"inventory_{code}"}
    assert result["description_placeholders"] == {"target": "https://spool.lan"}
    assert suggested(result)["url"] == "https://spool.lan"
    result = await submit(hass, result, url=server.url, **PLAIN)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_unexpected_error_is_shown_and_logged(
    hass: HomeAssistant, server: SpoolmanServer, caplog: pytest.LogCaptureFixture
) -> None:
    result = await start(hass)
    with patch.object(SpoolmanInventory, "probe", AsyncMock(side_effect=KeyError("x"))):
        result = await submit(hass, result, url=server.url, **PLAIN)

    assert result["errors"] == {"base": "inventory_unknown"}
    assert "Unexpected error while probing an inventory" in caplog.text


async def test_a_field_with_no_meaning_is_named(hass: HomeAssistant) -> None:
    result = await start(hass)

    result = await submit(
        hass, result, url="ftp://spool.lan", **{**PLAIN, "api_key_header": "X API"}
    )

    assert result["errors"] == {
        "url": "invalid_config",
        "api_key_header": "invalid_config",
    }


async def test_a_web_page_is_no_inventory(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    server.html = True
    result = await start(hass)

    result = await submit(hass, result, url=server.url, **PLAIN)

    assert result["errors"] == {"base": "inventory_wrong_service"}


async def test_the_same_address_is_added_once(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    inventory_entry(server).add_to_hass(hass)
    result = await start(hass)

    result = await submit(hass, result, url=f"{server.url}/", **PLAIN)

    assert result["reason"] == "inventory_already_configured"


async def test_the_same_server_is_added_once_under_another_name(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await async_running(hass, inventory_entry(server))
    async with SpoolmanServer() as same:
        same.database = server.database
        result = await start(hass)
        result = await submit(hass, result, url=same.url, **PLAIN)

    assert result["reason"] == "inventory_already_configured"


async def test_another_server_is_another_inventory(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await async_running(hass, inventory_entry(server))
    async with SpoolmanServer() as other:
        other.add_spool()
        other.add_spool()
        result = await start(hass)
        result = await submit(hass, result, url=other.url, **PLAIN)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_the_address_that_a_printer_uses_is_offered_and_not_asked(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    printer = make_entry()
    await async_set_up(hass, printer)
    await async_show(hass, printer, DriverStatus.RUNNING)
    addresses = AsyncMock(return_value={"spoolman": server.url, "other": "x"})
    with patch.object(driver_of(printer), "inventory_addresses", addresses):
        result = await start(hass)

    assert suggested(result) == {"url": server.url}
    assert server.asked == []


@pytest.mark.parametrize("answer", [{}, TimeoutError()])
async def test_a_printer_without_an_inventory_offers_none(
    hass: HomeAssistant, answer: Any
) -> None:
    printer = make_entry()
    await async_set_up(hass, printer)
    await async_show(hass, printer, DriverStatus.RUNNING)
    addresses = AsyncMock(
        side_effect=answer if isinstance(answer, Exception) else None,
        return_value=answer,
    )
    with patch.object(driver_of(printer), "inventory_addresses", addresses):
        result = await start(hass)

    assert result["step_id"] == "spoolman"
    assert suggested(result) == {}
    addresses.assert_awaited_once()


async def test_a_printer_that_is_off_is_not_asked(hass: HomeAssistant) -> None:
    printer = make_entry()
    await async_set_up(hass, printer)
    addresses = AsyncMock()
    with patch.object(driver_of(printer), "inventory_addresses", addresses):
        await start(hass)

    addresses.assert_not_awaited()


async def test_a_new_key_is_entered_after_a_refusal(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    entry = inventory_entry(server, api_key="old", **PLAIN)
    entry.add_to_hass(hass)
    server.api_key = KEY
    result = await entry.start_reauth_flow(hass)
    assert result["step_id"] == "inventory_reauth"
    assert result["description_placeholders"] == {"name": "Spoolman (workshop)"}
    # A key is never shown.
    assert suggested(result) == {"url": server.url, **PLAIN}

    result = await submit(hass, result, url=server.url, api_key="wrong", **PLAIN)
    assert result["errors"] == {"base": "inventory_invalid_auth"}
    result = await submit(hass, result, url=server.url, api_key=KEY, **PLAIN)

    assert result["reason"] == "reauth_successful"
    assert entry.data["api_key"] == KEY
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_server_is_found_at_its_new_address_with_its_key(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    server.api_key = KEY
    entry = inventory_entry(server, api_key=KEY, **PLAIN)
    await async_running(hass, entry)
    result = await entry.start_reconfigure_flow(hass)
    assert result["step_id"] == "inventory_reconfigure"

    async with SpoolmanServer(base="/spoolman") as moved:
        moved.database, moved.api_key = server.database, KEY
        result = await submit(hass, result, url=moved.url, **PLAIN)

        assert result["reason"] == "reconfigure_successful"
        assert entry.data == {
            "inventory_key": "spoolman",
            "url": moved.url,
            "api_key": KEY,
            **PLAIN,
        }
        assert entry.unique_id == f"spoolman:{moved.url}"
        await hass.config_entries.async_unload(entry.entry_id)


async def test_two_entries_cannot_have_one_server(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await async_running(hass, inventory_entry(server))
    async with SpoolmanServer() as other:
        second = inventory_entry(other)
        second.add_to_hass(hass)
        result = await second.start_reconfigure_flow(hass)
        result = await submit(hass, result, url=server.url, **PLAIN)

    assert result["reason"] == "inventory_already_configured"
    assert second.data["url"] == other.url


async def test_a_wrong_address_changes_nothing(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    entry: MockConfigEntry = inventory_entry(server)
    entry.add_to_hass(hass)
    result = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, result, url="http://127.0.0.1:9", **PLAIN)

    assert result["errors"] == {"base": "inventory_connection_refused"}
    assert entry.data["url"] == server.url
    assert suggested(result)["url"] == "http://127.0.0.1:9"


async def test_the_options_say_when_a_spool_is_low(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    """Defaults are not stored, so that they may change."""
    entry = inventory_entry(server)
    host = await async_running(hass, entry)
    (spool,) = host.spools.values()

    async def configure(**low: Any) -> Mapping[str, Any]:
        """Submit the form; return what it was filled in with."""
        form = await hass.config_entries.options.async_init(entry.entry_id)
        assert form["step_id"] == "inventory"
        assert form["data_schema"] is not None
        shown: Mapping[str, Any] = form["data_schema"]({})["low"]
        await hass.config_entries.options.async_configure(
            form["flow_id"], {"low": low, "writes": {}}
        )
        await hass.async_block_till_done()
        return shown

    assert host.low_limit(spool) == LowLimit.of_percent(15)
    changed = {"low_limit": 200, "low_unit": "grams", "low_field": "empty_below"}
    shown = await configure(**changed)
    assert shown == {"low_limit": 15, "low_unit": "percent", "low_field": ""}
    assert entry.options == changed
    assert entry.runtime_data is not host
    assert entry.runtime_data.low_limit(spool) == LowLimit.of_grams(200)

    assert await configure(low_limit=15, low_unit="percent") == changed
    assert entry.options == {}


async def test_the_options_name_the_field_of_tags(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    entry = inventory_entry(server)
    await async_running(hass, entry)

    async def configure(**tags: str) -> Mapping[str, Any]:
        """Submit the form; return what it was filled in with."""
        form = await hass.config_entries.options.async_init(entry.entry_id)
        assert form["data_schema"] is not None
        shown: Mapping[str, Any] = form["data_schema"]({})["tags"]
        low = {"low_limit": 15, "low_unit": "percent"}
        await hass.config_entries.options.async_configure(
            form["flow_id"], {"tags": tags, "low": low}
        )
        await hass.async_block_till_done()
        return shown

    assert await configure(tag_field="nfc_id") == {"tag_field": ""}
    assert entry.options == {"tag_field": "nfc_id"}
    assert await configure() == {"tag_field": "nfc_id"}
    assert entry.options == {}


async def test_the_options_say_whether_scans_are_followed(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    """They are, unless that is switched off."""
    entry = inventory_entry(server)
    await async_running(hass, entry)

    async def configure(follow: bool) -> bool:
        """Submit the form; return what it was filled in with."""
        form = await hass.config_entries.options.async_init(entry.entry_id)
        assert form["data_schema"] is not None
        shown: bool = form["data_schema"]({})["scans"]["follow_scans"]
        await hass.config_entries.options.async_configure(
            form["flow_id"], {"scans": {"follow_scans": follow}}
        )
        await hass.async_block_till_done()
        return shown

    assert await configure(False) is True
    assert entry.options == {"follow_scans": False}
    assert await configure(True) is False
    assert entry.options == {}
