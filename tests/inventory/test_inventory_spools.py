"""The spools of inventories as cards list them."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from tests.common import async_set_up, make_entry

from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, inventory_entry

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
        }
    ]
