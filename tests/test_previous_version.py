"""What version 0.1.0 left behind opens unchanged: entries, store, entities, dashboard.

`previous_version/` was made by that version: `store.db` is its store, `house.json` what
`describe` below returned there.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN

MADE = Path(__file__).parent / "previous_version"

# Both printers are off: nothing listens at these ports.
ENTRIES: tuple[dict[str, Any], ...] = (
    {
        "entry_id": "01K0000000000000000000BAMB",
        "title": "X1C",
        "unique_id": "00M09A000000001",
        "data": {
            "driver_key": "bambulab_mqtt",
            "model": "X1C",
            "host": "127.0.0.1",
            "port": 1,
            "serial": "00M09A000000001",
            "access_code": "12345678",
            "certificate": None,
        },
    },
    {
        "entry_id": "01K0000000000000000000K1PR",
        "title": "Voron",
        "unique_id": "0123456789abcdef0123456789abcdef",
        "data": {
            "driver_key": "moonraker_filament",
            "model": None,
            "host": "127.0.0.1",
            "port": 1,
            "api_key": "",
            "verify_ssl": True,
            "instance_id": "0123456789abcdef0123456789abcdef",
        },
    },
)


@pytest.fixture
def store_of_the_previous_version(hass: HomeAssistant) -> Iterator[None]:
    """Put the store in place, and keep the drivers from connecting."""
    folder = Path(hass.config.path(".storage", DOMAIN))
    folder.mkdir(parents=True)
    shutil.copy(MADE / "store.db", folder / f"{DOMAIN}.db")
    with patch("asyncio.AbstractEventLoop.getaddrinfo", side_effect=OSError("off")):
        yield


async def set_up(hass: HomeAssistant, entities: dict[str, Any]) -> None:
    """Set up both entries, and the registry of entities, as that version had them."""
    registry = er.async_get(hass)
    for entry in ENTRIES:
        config_entry = MockConfigEntry(domain=DOMAIN, version=1, **entry)
        config_entry.add_to_hass(hass)
        for entity_id, entity in entities.items():
            if not entity["unique_id"].startswith(entry["unique_id"]):
                continue
            platform, object_id = entity_id.split(".")
            registry.async_get_or_create(
                platform,
                DOMAIN,
                entity["unique_id"],
                config_entry=config_entry,
                suggested_object_id=object_id,
                translation_key=entity["translation_key"],
                disabled_by=(
                    er.RegistryEntryDisabler.INTEGRATION if entity["disabled"] else None
                ),
            )
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()


def _identifiers(devices: dr.DeviceRegistry, device_id: str) -> list[str]:
    device = devices.async_get(device_id)
    assert device is not None
    return ["/".join(each) for each in device.identifiers]


async def describe(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> dict[str, Any]:
    """Return all that an automation, a dashboard or a script can hold on to."""
    entities = er.async_get(hass)
    devices = dr.async_get(hass)
    client = await hass_ws_client(hass)

    async def ask(command: str, **fields: Any) -> Any:
        await client.send_json_auto_id({"type": f"{DOMAIN}/{command}", **fields})
        answer = await client.receive_json()
        assert answer["success"], answer
        return answer["result"]

    found: dict[str, Any] = {"entities": {}, "devices": [], "states": {}}
    for entry in ENTRIES:
        for entity in er.async_entries_for_config_entry(entities, entry["entry_id"]):
            found["entities"][entity.entity_id] = {
                "unique_id": entity.unique_id,
                "disabled": entity.disabled,
                "translation_key": entity.translation_key,
            }
            if (state := hass.states.get(entity.entity_id)) is not None:
                found["states"][entity.entity_id] = {
                    "state": state.state,
                    "attributes": sorted(state.attributes),
                }
        found["devices"] += [
            {
                "identifiers": sorted("/".join(each) for each in device.identifiers),
                "name": device.name,
                "model": device.model,
            }
            for device in dr.async_entries_for_config_entry(devices, entry["entry_id"])
        ]
    found["devices"].sort(key=lambda device: device["identifiers"])
    found["slots"] = await ask("slots")
    page = await ask("events", limit=100)
    found["events"] = page
    found["services"] = sorted(hass.services.async_services_for_domain(DOMAIN))
    # Device ids differ from installation to installation.
    for slot in found["slots"]["slots"]:
        slot["device_id"] = sorted(_identifiers(devices, slot["device_id"]))
    described: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return described


COUNTERS = {
    "messages_received",
    "data_received",
    "unknown_messages",
    "unreadable_messages",
    "events_reported",
    "reconnections",
    "connection_errors",
    "cpu_time",
    "data_in_memory",
}
ADDED = {"active_slot", "active_filament"} | COUNTERS
EMPTY = [f"sensor.voron_unit_0_slot_gate_{gate}_filament" for gate in (0, 2, 3)]

NOTHING_KNOWN: dict[str, Any] = {
    "filament": {},
    "unit": {},
    "assigned": {},
    "previous_slot": {},
}


@pytest.mark.usefixtures("store_of_the_previous_version")
async def test_a_house_of_the_previous_version_opens_unchanged(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    made = json.loads((MADE / "house.json").read_text())
    await set_up(hass, made["entities"])

    now = await describe(hass, hass_ws_client)

    # A version may add actions; those that automations call stay.
    assert set(made.pop("services")) <= set(now.pop("services"))
    # A spool event has all objects of its meta now, the stored ones as well.
    for event in made["events"]["events"]:
        if event["event_type"] != "ams_state":
            event["meta"] = NOTHING_KNOWN | event["meta"]
    # A version may add entities; ids, and what is disabled, stay.
    assert {
        sensor.split("_", 1)[1]
        for sensor in set(now["entities"]) - set(made["entities"])
    } == ADDED
    for entity_id in set(now["entities"]) - set(made["entities"]):
        del now["entities"][entity_id]
        now["states"].pop(entity_id, None)
    # The filament of an empty slot was unknown.
    for entity_id in EMPTY:
        assert made["states"][entity_id]["state"] == STATE_UNKNOWN
        made["states"][entity_id]["state"] = "empty"
    # A slot has the spool of an inventory, and whether it can be linked to one.
    for slot in now["slots"]["slots"]:
        assert slot.pop("spool") is None
        del slot["linkable"]
    assert now == made
