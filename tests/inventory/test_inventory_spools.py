"""The spools of inventories as cards list them."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.filament_slots.const import DOMAIN
from tests.common import async_set_up, make_entry

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")


async def test_all_spools_are_listed_whether_they_were_in_a_slot_or_not(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    async with SpoolmanServer() as server:
        white = {"name": "Jade White", "material": "PLA", "color_hex": "FFFFFF"}
        server.add_spool(
            vendor="Acme",
            filament={**white, "weight": 1000},
            used_weight=900,
            location="Shelf A",
        )
        server.add_spool(filament=white, archived=True)
        await async_set_up(hass, make_entry())
        await async_running(hass, inventory_entry(server))
        client = await hass_ws_client(hass)
        await client.send_json_auto_id({"type": f"{DOMAIN}/inventory_spools"})
        answer = await client.receive_json()

    assert answer["result"]["spools"] == [
        {
            "external_id": "spoolman:1",
            "name": "Jade White",
            "material": "PLA",
            "vendor": "Acme",
            "colors": ["#FFFFFF"],
            "remaining_percent": 10.0,
            "remaining_g": 100.0,
            "low": True,
            "location": "Shelf A",
            "url": f"{server.url}/spool/show/1",
        }
    ]


async def changed(
    hass: HomeAssistant, client: MockHAClientWebSocket
) -> tuple[list[str], list[str]]:
    """Return names of the spools of the next message, and pages of those removed."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    message = (await client.receive_json())["event"]
    names = [f"{spool['name']} {spool['remaining_g']:g}" for spool in message["spools"]]
    return names, [url.rpartition("/")[2] for url in message["removed"]]


async def test_a_subscription_sends_all_spools_then_those_that_changed(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    async with SpoolmanServer() as server:
        for name in ("One", "Two"):
            server.add_spool(filament={"name": name, "weight": 1000})
        entry = inventory_entry(server)
        client = await hass_ws_client(hass)
        assert await async_setup_component(hass, DOMAIN, {})
        await client.send_json_auto_id({"type": f"{DOMAIN}/subscribe_inventory_spools"})
        assert (await client.receive_json())["success"]
        assert (await client.receive_json())["event"] == {"spools": [], "removed": []}

        # One that is added later is followed.
        host = await async_running(hass, entry)
        assert await changed(hass, client) == (["One 1000", "Two 1000"], [])
        row = server.database.row(Entity.SPOOL, 2)
        server.database.use(row, 10)
        server._changed("updated", Entity.SPOOL, row)
        await async_until(hass, lambda: host.spools[2].remaining_g == 990)
        assert await changed(hass, client) == (["Two 990"], [])

        assert await hass.config_entries.async_unload(entry.entry_id)
        assert await changed(hass, client) == ([], ["1", "2"])
        assert await hass.config_entries.async_setup(entry.entry_id)
        await async_until(hass, lambda: len(entry.runtime_data.spools) == 2)
        assert await changed(hass, client) == (["One 1000", "Two 990"], [])

        # After its end nothing is sent, and what was collected is forgotten.
        server.database.use(row, 10)
        server._changed("updated", Entity.SPOOL, row)
        await async_until(hass, lambda: entry.runtime_data.spools[2].remaining_g == 980)
        await client.send_json_auto_id(
            {"type": "unsubscribe_events", "subscription": 1}
        )
        assert (await client.receive_json())["success"]
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await client.send_json_auto_id({"type": "ping"})
        assert (await client.receive_json())["type"] == "pong"


async def test_what_differs_in_nothing_is_not_sent(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    async with SpoolmanServer() as server:
        server.add_spool(filament={"name": "One", "weight": 1000})
        await async_running(hass, inventory_entry(server))
        client = await hass_ws_client(hass)
        await client.send_json_auto_id({"type": f"{DOMAIN}/subscribe_inventory_spools"})
        assert (await client.receive_json())["success"]
        assert len((await client.receive_json())["event"]["spools"]) == 1

        # The entry of a printer is no inventory.
        await async_set_up(hass, make_entry())
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await client.send_json_auto_id({"type": "ping"})
        assert (await client.receive_json())["type"] == "pong"
