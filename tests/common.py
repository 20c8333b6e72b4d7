"""Entries, events and helpers for the tests of the Home Assistant side."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, State, callback
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.filament_slots import const
from custom_components.filament_slots.const import DOMAIN, ENTRY_MINOR_VERSION
from custom_components.filament_slots.coordinator import SlotCoordinator
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.model import EventType
from custom_components.filament_slots.runtime import async_shared_core

if TYPE_CHECKING:
    from .scripted_drivers.scripted.driver import Driver as ScriptedDriver

SERIAL = "00M09A000000001"
UNIT_SERIAL = "00600A000000001"
AT = "2026-11-01T12:00:00+00:00"

PLA = {
    "name": "PLA Basic",
    "material": "PLA",
    "color_hex": "#FF0000",
    "vendor": "Bambu Lab",
    "nozzle_min_c": 190.0,
    "nozzle_max_c": 230.0,
    "remaining_percent": 80.0,
}
TAG = {
    "rfid_uid": "A1B2C3D400000100",
    "external_id": "bambulab:0123456789ABCDEF0123456789ABCDEF",
    "vendor_tag": "GFA00",
}
NO_TAG = {"rfid_uid": None, "external_id": None, "vendor_tag": None}


def make_entry(serial: str = SERIAL, **data: Any) -> MockConfigEntry:
    """Return an entry of the scripted driver, as the config flow creates it."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="X1C",
        unique_id=serial,
        minor_version=ENTRY_MINOR_VERSION,
        data={
            "driver_key": "scripted",
            "model": "X1C",
            "host": "192.0.2.1",
            "port": 8883,
            "serial": serial,
            "access_code": "12345678",
            "certificate": "certificate",
            **data,
        },
    )


async def async_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> ScriptedDriver:
    """Add the entry if need be, set it up, and return its driver."""
    if entry.entry_id not in {
        known.entry_id for known in hass.config_entries.async_entries()
    }:
        entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return driver_of(entry)


def driver_of(entry: ConfigEntry[Any]) -> ScriptedDriver:
    """Return the driver of a loaded entry."""
    coordinator: SlotCoordinator = entry.runtime_data
    return coordinator.driver  # type: ignore[return-value]


def command_fields(entry: MockConfigEntry) -> dict[str, dict[str, Any]]:
    """Return valid fields for the websocket commands that require any."""
    echo = {"capability": "echo", "payload": {"text": "hello"}}
    printer = {"entry_id": entry.entry_id}
    return {
        f"{DOMAIN}/invoke": {**printer, **echo},
        f"{DOMAIN}/subscribe_driver": printer,
    }


async def async_deliver(
    hass: HomeAssistant, entry: ConfigEntry[Any], *events: Any
) -> None:
    """Let the driver emit events, and wait until they are processed."""
    driver = driver_of(entry)
    for event in events:
        driver.emit(event)
    await async_shared_core(hass).handler.drain(driver.printer_id)
    await hass.async_block_till_done()


@callback
def async_capture_spool_events(
    hass: HomeAssistant, *event_types: str
) -> list[Event[dict[str, Any]]]:
    """Collect our events on the bus in the order of their delivery.

    A `list.append` as listener would run in the thread pool and lose that order.
    """
    captured: list[Event[dict[str, Any]]] = []

    @callback
    def capture(event: Event[dict[str, Any]]) -> None:
        captured.append(event)

    for event_type in event_types or EventType:
        hass.bus.async_listen(f"{DOMAIN}_{event_type}", capture)
    return captured


def entity_state(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that has one."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state


async def async_show(
    hass: HomeAssistant, entry: MockConfigEntry, status: DriverStatus, **health: Any
) -> None:
    """Let the driver report this status and health, and wait until it is processed."""
    driver_of(entry).show(status, **health)
    await hass.async_block_till_done()


def slot_state(
    slot_no: int, present: bool | None = False, **fields: Any
) -> dict[str, Any]:
    """Return a slot of an `ams_state`."""
    return {"slot_no": slot_no, "present": present, "label": f"A{slot_no}", **fields}


def unit_state(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a unit of an `ams_state`: four slots, a red tagged PLA in the first."""
    return {
        "ams_unit_no": number,
        "slots_total": 4,
        "serial": UNIT_SERIAL,
        "model": "AMS",
        "label": "A",
        "online": True,
        "humidity_percent": 30.0,
        "temperature_c": 25.5,
        "drying_minutes_left": 0,
        "slots": [
            slot_state(1, True, identifiers=TAG, filament=PLA, active=False),
            slot_state(2, True, identifiers=NO_TAG, filament={"material": "PETG"}),
            slot_state(3),
            slot_state(4),
        ],
        **fields,
    }


def state(
    *units: dict[str, Any], direct: list[dict[str, Any]] | None = None, at: str = AT
) -> dict[str, Any]:
    """Return an `ams_state`; without units it holds `unit_state()`."""
    return {
        "event_type": "ams_state",
        "event_at": at,
        "ams_units": list(units or [unit_state()]),
        "direct_slots": direct or [],
    }


EXTERNAL = {"slot_no": 1, "present": None, "label": "Ext", "active": False}


def spool_event(
    event_type: str, slot_no: int, unit_no: int | None = 1, **fields: Any
) -> dict[str, Any]:
    """Return a spool event of any type."""
    return {
        "event_type": event_type,
        "event_at": AT,
        "slot": {
            "is_ams_slot": unit_no is not None,
            "ams_unit_no": unit_no,
            "slot_no": slot_no,
            "slots_total": 4,
        },
        "identifiers": NO_TAG,
        "meta": {"source": "live", "detected_late": False},
        **fields,
    }


class FixFlow:
    """The fix flow of an issue, driven over HTTP as the frontend does."""

    def __init__(self, client: Any) -> None:
        """Take a client that is signed in as an administrator."""
        self._client = client
        self._flow_id = ""

    async def start(self, issue_id: str) -> Mapping[str, Any]:
        """Start the flow and return its first step."""
        return await self._post(
            "/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": issue_id}
        )

    async def confirm(self, **user_input: Any) -> Mapping[str, Any]:
        """Submit the present step and return the next one, or the result."""
        return await self._post(f"/api/repairs/issues/fix/{self._flow_id}", user_input)

    async def _post(self, url: str, data: dict[str, Any]) -> Mapping[str, Any]:
        response = await self._client.post(url, json=data)
        assert response.status == 200
        result: dict[str, Any] = await response.json()
        self._flow_id = result["flow_id"]
        return result


async def async_connected_entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return the entry of a connected printer with a unit and an external holder."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)
    await async_deliver(hass, entry, state(direct=[EXTERNAL]))
    return entry


def state_of(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity."""
    found = hass.states.get(entity_id)
    assert found is not None
    return found


def assert_editor_texts(kind: str, language: str) -> None:
    """Check that all triggers or conditions, with their fields, have texts and icons."""
    folder = Path(const.__file__).parent
    texts = json.loads((folder / "translations" / f"{language}.json").read_text())
    icons = json.loads((folder / "icons.json").read_text())
    offered = yaml.safe_load((folder / f"{kind}.yaml").read_text())

    described = {name: each for name, each in offered.items() if name[0] != "."}
    assert set(described) == set(texts[kind]) == set(icons[kind])
    for name, each in described.items():
        text = texts[kind][name]
        assert text["name"]
        assert text["description"]
        assert set(each["fields"]) == set(text["fields"])
        assert all(
            set(field) == {"name", "description"} for field in text["fields"].values()
        )
        for field in each["fields"].values():
            select = field["selector"].get("select", {})
            if key := select.get("translation_key"):
                assert set(texts["selector"][key]["options"]) == set(select["options"])
