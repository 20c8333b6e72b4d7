"""Entities about the spool of an inventory in a slot."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from tests.common import (
    async_deliver,
    async_set_up,
    entity_state,
    make_entry,
    slot_state,
    state,
    state_of,
    unit_state,
)

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

A1 = "x1c_ams_a_slot_a1"
SPOOL = f"sensor.{A1}_spool"
WEIGHT = f"sensor.{A1}_remaining_weight"
LOW = f"binary_sensor.{A1}_spool_low"
MISMATCH = f"binary_sensor.{A1}_spool_mismatch"
ALL = (SPOOL, WEIGHT, LOW, MISMATCH)


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with a white and a black spool."""
    async with SpoolmanServer() as server:
        for name, color in (("Jade White", "FFFFFF"), ("Galaxy Black", "0A0A0A")):
            server.add_spool(
                filament={
                    "name": name,
                    "material": "PLA Basic",
                    "color_hex": color,
                    "weight": 1000,
                }
            )
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a white PLA in A1, of which it knows no id."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await show(hass, entry, None)
    return entry


async def show(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    external_id: str | None,
    **filament: Any,
) -> None:
    """Report a spool of this id in A1, white PLA unless it is another."""
    identity = {"rfid_uid": None, "external_id": external_id, "vendor_tag": None}
    known = {"material": "PLA", "color_hex": "#FFFFFF", **filament}
    slot = slot_state(1, True, identifiers=identity, filament=known)
    await async_deliver(hass, printer, state(unit_state(slots=[slot])))


def states(hass: HomeAssistant) -> dict[str, str | None]:
    """Return the states of the four entities; None for one that does not exist."""
    return {
        each.rpartition("a1_")[2]: found.state
        if (found := hass.states.get(each))
        else None
        for each in ALL
    }


def use(server: SpoolmanServer, spool_id: int, grams: float) -> None:
    """Use filament of a spool."""
    row = server.database.row(Entity.SPOOL, spool_id)
    server.database.use(row, grams)
    server._changed("updated", Entity.SPOOL, row)


def ids(hass: HomeAssistant, printer: MockConfigEntry) -> dict[str, str]:
    """Return the registry's ids of the entities by their entity ids."""
    registry = er.async_get(hass)
    return {
        entity.entity_id: entity.id
        for entity in er.async_entries_for_config_entry(registry, printer.entry_id)
    }


@pytest.mark.usefixtures("all_entities_enabled")
@pytest.mark.parametrize("entity_id", ALL)
async def test_the_entities(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    snapshot: SnapshotAssertion,
    entity_id: str,
) -> None:
    await async_running(hass, inventory_entry(server))

    await show(hass, printer, "spoolman:1")

    assert er.async_get(hass).async_get(entity_id) == snapshot(name="entry")
    # The port of the server is another each time.
    shown = entity_state(hass, entity_id)
    attributes = {key: each for key, each in shown.attributes.items() if key != "url"}
    assert (shown.state, attributes) == snapshot(name="state")


@pytest.mark.usefixtures("all_entities_enabled")
async def test_they_appear_with_the_first_spool_and_stay_for_the_next(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    host = await async_running(hass, inventory_entry(server))
    assert states(hass) == dict.fromkeys(states(hass))

    await show(hass, printer, "spoolman:1")
    assert states(hass) == {
        "spool": "Jade White",
        "remaining_weight": "1000.0",
        "spool_low": STATE_OFF,
        "spool_mismatch": STATE_OFF,
    }
    known = ids(hass, printer)

    use(server, 1, 900)
    await async_until(hass, lambda: state_of(hass, WEIGHT).state == "100.0")
    assert state_of(hass, LOW).state == STATE_ON

    await show(hass, printer, "spoolman:2")
    assert states(hass) == {
        "spool": "Galaxy Black",
        "remaining_weight": "1000.0",
        "spool_low": STATE_OFF,
        "spool_mismatch": STATE_ON,
    }
    await show(hass, printer, "spoolman:2", color_hex="#101010")
    assert state_of(hass, MISMATCH).state == STATE_OFF
    await show(hass, printer, "spoolman:2", color_hex="#101010", material="PETG")
    assert state_of(hass, MISMATCH).state == STATE_ON

    await show(hass, printer, None)
    assert states(hass) == dict.fromkeys(states(hass), STATE_UNKNOWN)

    assert await hass.config_entries.async_unload(host.entry.entry_id)
    assert await hass.config_entries.async_reload(printer.entry_id)
    await hass.async_block_till_done()
    assert states(hass) == dict.fromkeys(states(hass), STATE_UNKNOWN)
    assert ids(hass, printer) == known


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_spool_that_is_known_only_once_its_server_is_read_is_added_then(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await show(hass, printer, "spoolman:1")
    assert set(states(hass).values()) == {None}

    await async_running(hass, inventory_entry(server))

    assert states(hass)["spool"] == "Jade White"


async def test_only_low_and_mismatch_are_enabled_by_default(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))

    await show(hass, printer, "spoolman:1")

    registry = er.async_get(hass)
    entities = {each: registry.async_get(each) for each in ALL}
    assert {
        each for each, entity in entities.items() if entity and entity.disabled
    } == {
        *(SPOOL, WEIGHT),
    }
    assert all(
        entity and entity.entity_category is None for entity in entities.values()
    )


@pytest.mark.usefixtures("all_entities_enabled")
async def test_the_spool_leads_to_its_page_without_a_word_in_the_recorder(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))

    await show(hass, printer, "spoolman:1")

    shown = entity_state(hass, SPOOL)
    own = {"spool_id": 1, "url": f"{server.url}/spool/show/1", "source": "printer"}
    assert {key: shown.attributes[key] for key in own} == own
    assert shown.state_info is not None
    assert set(own) <= shown.state_info["unrecorded_attributes"]
    await show(hass, printer, None)
    assert [entity_state(hass, SPOOL).attributes[key] for key in own] == [None] * 3


@pytest.mark.usefixtures("all_entities_enabled")
@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"name": None}, "PLA Basic"),
        ({"name": None, "material": None}, "#3"),
        ({"name": "n" * 300}, "n" * 255),
        ({"name": "שחור <b>"}, "שחור <b>"),
    ],
)
async def test_a_spool_without_a_usual_name_has_a_name(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    values: dict[str, Any],
    name: str,
) -> None:
    server.add_spool(filament={"material": "PLA Basic"})
    server.database.row(Entity.FILAMENT, 3).update(values)
    await async_running(hass, inventory_entry(server))

    await show(hass, printer, "spoolman:3")

    assert state_of(hass, SPOOL).state == name


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_weight_that_the_inventory_does_not_know_is_that_of_the_printer(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    """Nothing is made up where neither knows it."""
    server.add_spool(filament={"material": "PLA"})
    await async_running(hass, inventory_entry(server))

    await show(hass, printer, "spoolman:3")
    assert state_of(hass, WEIGHT).state == STATE_UNKNOWN
    assert state_of(hass, LOW).state == STATE_UNKNOWN
    await show(hass, printer, "spoolman:3", remaining_g=412.0)
    assert state_of(hass, WEIGHT).state == "412.0"
    await show(hass, printer, "spoolman:1", remaining_g=412.0)
    assert state_of(hass, WEIGHT).state == "1000.0"


@pytest.mark.usefixtures("all_entities_enabled")
async def test_nothing_is_written_where_nothing_changes(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    written: list[str],
) -> None:
    host = await async_running(hass, inventory_entry(server))
    await show(hass, printer, "spoolman:1")
    written.clear()

    await show(hass, printer, "spoolman:1")
    use(server, 2, 10)
    await async_until(hass, lambda: host.spools[2].remaining_g == 990.0)
    assert written == []

    use(server, 1, 10)
    await async_until(hass, lambda: host.spools[1].remaining_g == 990.0)
    assert written == [WEIGHT]


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_spool_in_another_printer_adds_nothing_to_this_one(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    await show(hass, other, "spoolman:1")

    await async_running(hass, inventory_entry(server))

    assert [each for each in ids(hass, printer) if each.endswith("_spool")] == []
    assert [each for each in ids(hass, other) if each.endswith("_spool")] == [SPOOL]
