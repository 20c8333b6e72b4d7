"""Blueprints about spools of an inventory: automations made from them."""

from collections.abc import AsyncIterator
from pathlib import Path
import shutil
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from custom_components.filament_slots.const import DOMAIN
from tests.common import (
    NO_TAG,
    SERIAL,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    make_entry,
    spool_event,
    state,
)
from tests.test_blueprints import FOLDER
from tests.test_services import device_of

from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, inventory_entry
from .test_spool_alerts import show, use, wait

pytestmark = pytest.mark.usefixtures("scripted_driver")

TODO = "todo.shopping"


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with a white spool of PLA, and one of which little is known."""
    async with SpoolmanServer() as server:
        server.add_spool(
            filament={
                "name": "Jade White",
                "material": "PLA",
                "color_hex": "FFFFFF",
                "weight": 1000,
            },
            vendor="Acme",
        )
        server.add_spool(filament={"weight": 1000})
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant, server: SpoolmanServer) -> MockConfigEntry:
    """Return a printer with a spool of the server in A1."""
    await async_running(hass, inventory_entry(server))
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    await show(hass, entry, "spoolman:1")
    return entry


async def automate(hass: HomeAssistant, blueprint: str, **inputs: Any) -> None:
    """Make an automation from a blueprint, as the dialog does."""
    installed = Path(hass.config.path("blueprints", AUTOMATION, DOMAIN))
    await hass.async_add_executor_job(shutil.copytree, FOLDER, installed)
    use_blueprint = {"path": f"{DOMAIN}/{blueprint}.yaml", "input": inputs}
    config = {"id": "made", "alias": "Made", "use_blueprint": use_blueprint}
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
    await hass.async_block_till_done()
    made = hass.states.get("automation.made")
    assert made is not None
    assert made.state == "on"


@pytest.fixture
def todo(hass: HomeAssistant) -> list[str]:
    """A to-do list: what is on it."""
    listed: list[str] = []

    async def get_items(call: ServiceCall) -> ServiceResponse:
        assert call.data["entity_id"] == [TODO]
        return {TODO: {"items": [{"summary": each} for each in listed]}}

    async def add_item(call: ServiceCall) -> None:
        listed.append(call.data["item"])

    hass.services.async_register(
        "todo", "get_items", get_items, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register("todo", "add_item", add_item)
    return listed


async def test_filament_that_is_low_is_put_on_the_list_once(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    todo: list[str],
) -> None:
    notes = async_mock_service(hass, "persistent_notification", "create")
    await automate(hass, "order_new_filament", list=TODO)

    await use(hass, server, 1, 900)
    await wait(hass)
    assert todo == ["Acme Jade White PLA"]
    assert [(note.data["title"], note.data["message"]) for note in notes] == [
        ("X1C · A1 is low", "Acme Jade White PLA: 100 g left.")
    ]

    # The same spool in another slot is low, too.
    await show(hass, printer, "spoolman:1", 2)
    await wait(hass)
    assert len(notes) == 2
    assert todo == ["Acme Jade White PLA"]


async def test_filament_of_which_little_is_known_is_ordered_without_a_list(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    todo: list[str],
) -> None:
    ordered = async_mock_service(hass, "test", "order")
    action = {
        "action": "test.order",
        "data": {"item": "{{ item }}", "url": "{{ spool.url }}"},
    }
    await automate(hass, "order_new_filament", notice=[action])

    await use(hass, server, 2, 900)
    await show(hass, printer, "spoolman:2")
    await wait(hass)

    assert [call.data for call in ordered] == [
        {"item": "Filament", "url": f"{server.url}/spool/show/2"}
    ]
    assert todo == []


SETTING = {
    "action": "test.set_slot",
    "data": {
        name: f"{{{{ {name} }}}}"
        for name in (
            *("material", "color", "color_hex", "name", "vendor", "spool_id", "place"),
            *("unit_no", "slot_no", "slot_device_id", "unit_device_id"),
            "printer_device_id",
        )
    },
}


async def test_a_slot_that_is_not_set_gets_what_its_spool_has(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    calls = async_mock_service(hass, "test", "set_slot")
    await automate(hass, "set_slot_to_its_spool", setting=[SETTING])

    await async_deliver(
        hass,
        printer,
        spool_event(
            "spool_inserted", 3, identifiers=NO_TAG | {"external_id": "spoolman:1"}
        ),
    )
    await wait(hass)

    assert [call.data for call in calls] == [
        {
            "material": "PLA",
            "color": "#FFFFFF",
            "color_hex": "FFFFFF",
            "name": "Jade White",
            "vendor": "Acme",
            "spool_id": 1,
            "place": "X1C · A3",
            "unit_no": 1,
            "slot_no": 3,
            "slot_device_id": device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_3"),
            "unit_device_id": device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}"),
            "printer_device_id": device_of(hass, printer, SERIAL),
        }
    ]


@pytest.mark.parametrize(
    ("named", "filament", "runs"),
    [
        # It is set so already.
        ("spoolman:1", {"material": "PLA", "color_hex": "#FFFFFF"}, 0),
        # Once, after it has lasted.
        ("spoolman:1", {"material": "PETG", "color_hex": "#FFFFFF"}, 1),
        # A spool of no inventory.
        ("local:5", {"material": "PETG"}, 0),
        (None, {}, 0),
    ],
)
async def test_a_slot_is_set_only_where_its_spool_has_something_else(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    named: str | None,
    filament: dict[str, Any],
    runs: int,
) -> None:
    calls = async_mock_service(hass, "test", "set_slot")
    await automate(hass, "set_slot_to_its_spool", setting=[SETTING])

    inserted = spool_event(
        "spool_inserted", 3, identifiers=NO_TAG | {"external_id": named}
    )
    meta = inserted["meta"] | {"filament": filament}
    await async_deliver(hass, printer, inserted | {"meta": meta})
    await wait(hass)

    assert len(calls) == runs
