"""Which spools are offered for a slot, and in the forms of the actions."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.service import async_get_all_descriptions
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from tests.common import (
    NO_TAG,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
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

GREEN_PETG = {"material": "PETG", "color_hex": "#00C040"}


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """A server with spools of several materials and colours."""
    async with SpoolmanServer() as server:
        for spool in (
            {"name": "Black", "material": "PLA", "color_hex": "000000"},
            {"name": "Blue", "material": "PETG", "color_hex": "0000FF"},
            {"name": "Green PETG", "material": "PETG", "color_hex": "00C040"},
            {"name": "Old", "material": "PETG", "color_hex": "00C040"},
            {},
        ):
            server.add_spool(filament={"weight": 1000, **spool}, remaining_weight=420)
        server.database.row(Entity.SPOOL, 3)["location"] = "Shelf A"
        server.database.row(Entity.SPOOL, 4)["archived"] = True
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a tagged spool in A1 and a green PETG in A2."""
    printer = await async_connected_entry(hass)
    slots = [
        slot_state(1, True, identifiers=TAG),
        slot_state(2, True, identifiers=NO_TAG, filament=GREEN_PETG),
    ]
    await async_deliver(hass, printer, state(unit_state(slots=slots)))
    return printer


async def suggest(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Return the suggested spools."""
    answer: Any = await hass.services.async_call(
        DOMAIN, "suggest_spools", data, blocking=True, return_response=True
    )
    found: list[dict[str, Any]] = answer["spools"]
    return found


def ids(spools: list[dict[str, Any]]) -> list[str]:
    """Return the ids of spools."""
    return [spool["external_id"] for spool in spools]


async def test_the_likeliest_spools_for_a_slot_come_first(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> None:
    """Seen in it last, its material and colour, its material, the rest, in a slot."""
    slot = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    await hass.services.async_call(
        DOMAIN, "assign_spool", {"device_id": slot, "external_id": "5"}, blocking=True
    )
    await async_deliver(hass, printer, spool_event("spool_removed", 2))
    await async_deliver(
        hass,
        printer,
        state(unit_state(slots=[slot_state(2, True, filament=GREEN_PETG)])),
    )
    await async_running(hass, inventory_entry(server))

    found = await suggest(hass, device_id=slot, limit=10)

    assert ids(found) == [
        *("spoolman:5", "spoolman:3", "spoolman:2", "spoolman:1"),
        TAG["external_id"],
    ]
    assert found[1] == {
        "external_id": "spoolman:3",
        "title": "Green PETG · 42 %",
        "name": "Green PETG",
        "material": "PETG",
        "vendor": None,
        "colors": ["#00C040"],
        "remaining_percent": 42.0,
        "remaining_g": 420.0,
        "low": False,
        "location": "Shelf A",
        "slots": [],
        "last_slot": None,
    }
    assert found[2]["title"] == "Blue · PETG · 42 %"
    assert [place["label"] for place in found[4]["slots"]] == ["A1"]
    assert found[0]["last_slot"]["device_id"] == slot
    assert len(await suggest(hass, device_id=slot)) == 3


async def test_without_a_slot_what_was_seen_last_comes_first(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    assert ids(await suggest(hass)) == [TAG["external_id"]]


async def test_spools_are_suggested_for_slots_only_and_while_a_printer_is_loaded(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as whole:
        await suggest(hass, device_id=device_of(hass, printer, SERIAL))
    await hass.config_entries.async_unload(printer.entry_id)
    with pytest.raises(ServiceValidationError) as unloaded:
        await suggest(hass)

    assert whole.value.translation_key == "not_a_slot"
    assert unloaded.value.translation_key == "no_printer_loaded"


async def offered(hass: HomeAssistant) -> dict[str, dict[str, Any]]:
    """Return the selectors of the spool, of each action, after a while."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=31))
    await hass.async_block_till_done(wait_background_tasks=True)
    described = (await async_get_all_descriptions(hass))[DOMAIN]
    return {
        action: described[action]["fields"]["external_id"]["selector"]
        for action in ("assign_spool", "expect_spool")
    }


async def test_the_forms_of_the_actions_offer_the_known_spools(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> None:
    """Renewed when a printer or an inventory has others; the other fields stay."""
    tagged = {"value": TAG["external_id"], "label": "PLA Basic · 80 %"}
    before = (await async_get_all_descriptions(hass))[DOMAIN]["assign_spool"]
    assert before["fields"]["external_id"]["selector"].keys() == {"text"}

    select = {"select": {"options": [tagged], "custom_value": True}}
    assert await offered(hass) == {"assign_spool": select, "expect_spool": select}
    after = (await async_get_all_descriptions(hass))[DOMAIN]["assign_spool"]
    slot, slot_before = (each["fields"]["device_id"] for each in (after, before))
    assert slot["required"] is slot_before["required"] is True
    device = slot["selector"]["device"]
    assert device["filter"] == slot_before["selector"]["device"]["filter"]
    assert after["response"] == before["response"]

    host = await async_running(hass, inventory_entry(server))
    options = (await offered(hass))["expect_spool"]["select"]["options"]
    assert options == [
        {"value": "spoolman:1", "label": "Black · PLA · 42 %"},
        {"value": "spoolman:2", "label": "Blue · PETG · 42 %"},
        {"value": "spoolman:3", "label": "Green PETG · 42 %"},
        {"value": "spoolman:5", "label": "spoolman:5 · 42 %"},
        tagged,
    ]
    await hass.config_entries.async_unload(printer.entry_id)
    server.add_spool(filament={"name": "New"})
    await server.drop()
    await async_until(hass, lambda: len(host.spools) == 6)
    assert (await offered(hass))["expect_spool"]["select"]["options"] == options


async def test_a_card_is_offered_the_same_spools_in_the_same_order(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    printer: MockConfigEntry,
    server: SpoolmanServer,
) -> None:
    await async_running(hass, inventory_entry(server))
    slot = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    client = await hass_ws_client(hass)

    async def offered(**fields: Any) -> list[dict[str, Any]]:
        """Return the spools that a card is offered."""
        command = f"{DOMAIN}/suggest_spools"
        await client.send_json_auto_id({"type": command, **fields})
        spools: list[dict[str, Any]] = (await client.receive_json())["result"]["spools"]
        return spools

    assert await offered(device_id=slot) == await suggest(
        hass, device_id=slot, limit=2000
    )
    assert await offered(limit=2) == await suggest(hass, limit=2)
    # To link a spool, only those that an inventory has.
    assert ids(await offered(of_inventory=True)) == [
        f"spoolman:{number}" for number in (1, 2, 3, 5)
    ]
