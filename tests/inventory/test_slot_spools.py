"""Which spool of an inventory is in a slot: by the printer, or assigned by a user."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.coordinator import SlotCoordinator
from custom_components.filament_slots.core.slot_state import SlotKey
from custom_components.filament_slots.slot_spools import slot_spools
from tests.common import (
    SERIAL,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)
from tests.test_services import device_of

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

A1: SlotKey = (UNIT_SERIAL, 1)
A2: SlotKey = (UNIT_SERIAL, 2)


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with a white and a black spool."""
    async with SpoolmanServer() as server:
        for name, color in (("Jade White", "FFFFFF"), ("Galaxy Black", "0A0A0A")):
            server.add_spool(
                vendor="Acme",
                filament={
                    "name": name,
                    "material": "PLA",
                    "color_hex": color,
                    "weight": 1000,
                },
            )
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer that reports spool 1 of an inventory in A1, and none else."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, reported("spoolman:1"))
    return entry


def reported(
    external_id: str | None, filament: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a report with a spool of this id in A1, and an unknown one in A2."""
    identity = {"rfid_uid": None, "external_id": external_id, "vendor_tag": None}
    return state(
        unit_state(
            slots=[
                slot_state(1, True, identifiers=identity, filament=filament or {}),
                slot_state(2, True),
                slot_state(3),
                slot_state(4),
            ]
        )
    )


def found(hass: HomeAssistant, printer: MockConfigEntry, key: SlotKey) -> Any:
    """Return name and source of the spool in a slot, None if there is none."""
    resolved = slot_spools(hass).of(printer.runtime_data, key)
    return resolved and (resolved.spool.name, str(resolved.source))


async def shown(
    hass: HomeAssistant, printer: MockConfigEntry, slot_no: int = 1
) -> dict[str, Any] | None:
    """Return the spool of a slot as actions and cards get it."""
    answer = await hass.services.async_call(
        DOMAIN,
        "get_slots",
        {"device_id": device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_{slot_no}")},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    spool: dict[str, Any] | None = answer["slots"][0]["spool"]  # type: ignore[index, call-overload, assignment]
    return spool


async def assign(hass: HomeAssistant, printer: MockConfigEntry, **data: Any) -> None:
    """Assign a spool to A2."""
    device_id = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    await hass.services.async_call(
        DOMAIN, "assign_spool", {"device_id": device_id, **data}, blocking=True
    )


def use(server: SpoolmanServer, spool_id: int) -> None:
    """Use 10 g of a spool."""
    row = server.database.row(Entity.SPOOL, spool_id)
    server.database.use(row, 10)
    server._changed("updated", Entity.SPOOL, row)


async def test_the_spool_that_the_printer_names_is_shown_with_its_values(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    server.database.use(server.database.row(Entity.SPOOL, 1), 900)
    host = await async_running(hass, inventory_entry(server))

    assert await shown(hass, printer) == {
        "inventory_entry_id": host.entry.entry_id,
        "id": 1,
        "name": "Jade White",
        "vendor": "Acme",
        "material": "PLA",
        "colors": ["#FFFFFF"],
        "remaining_g": 100.0,
        "weight_g": 1000.0,
        "remaining_percent": 10.0,
        "low": True,
        "mismatch": None,
        "url": f"{server.url}/spool/show/1",
        "source": "printer",
        "location": None,
        "location_ours": False,
    }
    assert await shown(hass, printer, 2) is None


async def test_an_assigned_id_is_that_spool_until_it_leaves(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))

    await assign(hass, printer, external_id="spoolman:2")
    assert found(hass, printer, A2) == ("Galaxy Black", "assigned")
    await async_deliver(hass, printer, spool_event("spool_removed", 2))
    assert found(hass, printer, A2) is None


@pytest.mark.parametrize("named", ["spoolman:9", "spoolman:x", "local:1", "local:a:1"])
async def test_what_no_inventory_has_is_no_spool_of_one(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry, named: str
) -> None:
    await async_running(hass, inventory_entry(server))

    await async_deliver(hass, printer, reported(named))

    assert found(hass, printer, A1) is None


async def test_a_printer_that_is_set_up_after_the_inventory_is_followed_too(
    hass: HomeAssistant, server: SpoolmanServer
) -> None:
    await async_running(hass, inventory_entry(server))
    entry = make_entry()
    await async_set_up(hass, entry)

    await async_deliver(hass, entry, reported("spoolman:2"))

    assert found(hass, entry, A1) == ("Galaxy Black", "printer")


async def test_one_that_changes_or_is_added_later_is_followed_by_subscribers(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    inventory = inventory_entry(server)
    await async_running(hass, inventory)
    coordinator: SlotCoordinator = printer.runtime_data
    calls: list[SlotKey] = []
    unsubscribe = slot_spools(hass).async_subscribe(
        lambda owner, key: calls.append(key) if owner is coordinator else None
    )
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "filament_slots/subscribe"})
    for _ in range(2):
        await client.receive_json()

    # A change of a spool that is in no slot is not sent.
    use(server, 2)
    use(server, 1)
    message = (await client.receive_json())["event"]

    assert calls == [A1]
    assert message["event"] is None
    assert message["printer"]["slots"][0]["spool"]["remaining_g"] == 990.0

    # With an event, the spool is that after it.
    await async_deliver(hass, printer, reported("spoolman:2"))
    message = (await client.receive_json())["event"]
    assert message["event"]["event_type"] == "ams_state"
    assert message["printer"]["slots"][0]["spool"]["name"] == "Galaxy Black"
    assert calls == [A1, A1]

    unsubscribe()
    assert await hass.config_entries.async_remove(inventory.entry_id)
    message = (await client.receive_json())["event"]
    assert message["printer"]["slots"][0]["spool"] is None
    assert calls == [A1, A1]


async def test_an_id_that_two_inventories_have_is_not_guessed(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))
    async with SpoolmanServer() as other:
        other.add_spool(filament={"name": "Signal Red"})
        entry = inventory_entry(other)
        await async_running(hass, entry)
        assert found(hass, printer, A1) is None

        assert await hass.config_entries.async_unload(entry.entry_id)
        assert found(hass, printer, A1) == ("Jade White", "printer")


async def test_a_printer_that_is_gone_is_not_followed(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    host = await async_running(hass, inventory_entry(server))
    coordinator = printer.runtime_data
    assert await hass.config_entries.async_unload(printer.entry_id)

    use(server, 1)
    await async_until(hass, lambda: host.spools[1].remaining_g == 990.0)

    assert slot_spools(hass).of(coordinator, A1) is None


@pytest.mark.parametrize(
    ("filament", "differs"),
    [
        ({}, None),
        ({"name": "PLA Basic"}, None),
        ({"material": "pla"}, False),
        ({"material": "PLA-CF"}, False),
        ({"material": "Wood"}, None),
        ({"material": "PETG"}, True),
        ({"color_hex": "#FAFAFA"}, False),
        ({"color_hex": "#FF0000"}, True),
        ({"color_hex": "#FF000000"}, None),
        ({"colors": ["#FF0000", "#FFFFFF"]}, False),
        ({"material": "PLA", "color_hex": "#FF0000"}, True),
    ],
)
async def test_a_slot_whose_material_or_colour_is_another_does_not_match(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    filament: dict[str, Any],
    differs: bool | None,
) -> None:
    await async_running(hass, inventory_entry(server))

    await async_deliver(hass, printer, reported("spoolman:1", filament))

    spool = await shown(hass, printer)
    assert spool is not None
    assert spool["mismatch"] is differs


@pytest.mark.parametrize(
    ("weight", "used", "percent", "low"),
    [
        (1000, 0, 100.0, False),
        (1000, 849, 15.1, False),
        (1000, 850, 15.0, True),
        (1000, 1150, 0.0, True),
        (None, 0, None, None),
        (0, 0, None, True),
    ],
)
async def test_little_is_left_up_to_fifteen_percent_or_the_same_in_grams(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    weight: float | None,
    used: float,
    percent: float | None,
    low: bool | None,
) -> None:
    row = server.database.row(Entity.SPOOL, 1)
    row["initial_weight"] = weight
    server.database.row(Entity.FILAMENT, 1)["weight"] = weight
    row["used_weight"] = used
    await async_running(hass, inventory_entry(server))

    spool = await shown(hass, printer)

    assert spool is not None
    assert spool["remaining_percent"] == (
        None if percent is None else pytest.approx(percent)
    )
    assert spool["low"] is low


async def test_little_is_what_the_options_of_the_server_say(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    server.database.use(server.database.row(Entity.SPOOL, 1), 700)
    entry = inventory_entry(server)
    await async_running(hass, entry)
    hass.config_entries.async_update_entry(
        entry, options={"low_limit": 300, "low_unit": "grams"}
    )

    spool = await shown(hass, printer)

    assert spool is not None
    assert spool["low"] is True
