"""Locations written to an inventory: what moves in the printers is right on the server."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
import random
from typing import Any
from unittest.mock import patch

import aiohttp
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.tables.audit import AuditEntry, read_audit
from custom_components.filament_slots.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.filament_slots.inventory_entry import InventoryHost
from custom_components.filament_slots.runtime import async_shared_core
from tests.clock import FakeClock
from tests.common import (
    NO_TAG,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
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
from .test_slot_spools import shown

pytestmark = pytest.mark.usefixtures("scripted_driver")

ON = {"write_location": True}
PUT_BACK = {**ON, "location_leave": "put_back"}
SHELF = {**ON, "location_leave": "text", "location_text": "Shelf"}
SPOOLS = 6

type Inventory = Callable[..., Coroutine[Any, Any, MockConfigEntry]]


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with six spools in a dry box."""
    async with a_server() as server:
        yield server


@asynccontextmanager
async def a_server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with six spools in a dry box."""
    async with SpoolmanServer() as server:
        for number in range(SPOOLS):
            filament = {"name": f"Spool {number + 1}", "weight": 1000}
            server.add_spool(filament=filament, location="Dry box")
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with four empty slots."""
    return await a_printer(hass)


async def a_printer(
    hass: HomeAssistant, serial: str = SERIAL, name: str = "X1C"
) -> MockConfigEntry:
    """Return a printer with four empty slots."""
    entry = make_entry(serial)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, title=name)
    await async_set_up(hass, entry)
    slots = [slot_state(slot_no) for slot_no in range(1, 5)]
    await async_deliver(hass, entry, state(unit_state(slots=slots)))
    return entry


@pytest.fixture
def inventory(hass: HomeAssistant, server: SpoolmanServer) -> Inventory:
    """Return what sets up the inventory with options."""

    async def set_up(**options: Any) -> MockConfigEntry:
        entry = inventory_entry(server, options)
        await async_running(hass, entry)
        return entry

    return set_up


async def insert(
    hass: HomeAssistant, printer: MockConfigEntry, slot_no: int, spool_id: int | None
) -> None:
    """Insert a spool of which the printer reports the id, or none."""
    await async_deliver(hass, printer, moved("spool_inserted", slot_no, spool_id))


async def remove(
    hass: HomeAssistant, printer: MockConfigEntry, slot_no: int, spool_id: int | None
) -> None:
    """Remove a spool."""
    await async_deliver(hass, printer, moved("spool_removed", slot_no, spool_id))


def moved(kind: str, slot_no: int, spool_id: int | None) -> dict[str, Any]:
    """Return an event about a spool of which the printer reports the id, or none."""
    named = None if spool_id is None else f"spoolman:{spool_id}"
    return spool_event(kind, slot_no, identifiers={**NO_TAG, "external_id": named})


def location(server: SpoolmanServer, spool_id: int) -> str | None:
    """Return where a spool is by the server."""
    found: str | None = server.database.row(Entity.SPOOL, spool_id)["location"]
    return found


async def written(hass: HomeAssistant, *inventories: MockConfigEntry) -> None:
    """Wait until nothing waits to be written."""
    queues = [entry.runtime_data.queue for entry in inventories]
    await async_until(hass, lambda: not any(queue.waiting for queue in queues))


async def audited(hass: HomeAssistant) -> list[AuditEntry]:
    """Return what the audit has of writes, oldest first."""
    found = await read_audit(async_shared_core(hass).store)
    return [entry for entry in reversed(found) if entry.action.startswith("write_")]


async def assign(hass: HomeAssistant, printer: MockConfigEntry, **data: Any) -> None:
    """Assign a spool to A2."""
    device_id = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    await hass.services.async_call(
        DOMAIN, "assign_spool", {"device_id": device_id, **data}, blocking=True
    )
    await hass.async_block_till_done()


async def test_a_spool_is_located_where_it_is_inserted(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)

    await insert(hass, printer, 3, 1)
    await written(hass, entry)

    assert location(server, 1) == "X1C A3"
    assert server.written == [("PATCH", "/api/v1/spool/1", {"location": "X1C A3"})]
    (audit,) = await audited(hass)
    assert (audit.action, audit.user_id) == ("write_location", None)
    assert audit.details == {
        "inventory": entry.entry_id,
        "spool": 1,
        "location": "X1C A3",
    }
    assert audit.result == {"result": "written", "before": "Dry box"}


async def test_nothing_is_written_by_default(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory()

    await insert(hass, printer, 3, 1)
    await remove(hass, printer, 3, 1)

    assert entry.runtime_data.queue is None
    assert server.written == []


@pytest.mark.parametrize(
    ("options", "after"), [(ON, "X1C A3"), (PUT_BACK, "Dry box"), (SHELF, "Shelf")]
)
async def test_a_spool_that_leaves_is_where_the_owner_chose(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
    options: dict[str, Any],
    after: str,
) -> None:
    entry = await inventory(**options)
    await insert(hass, printer, 3, 1)
    await written(hass, entry)

    await remove(hass, printer, 3, 1)
    await written(hass, entry)

    assert location(server, 1) == after


@pytest.mark.parametrize("options", [PUT_BACK, SHELF])
async def test_a_location_that_the_owner_changed_meanwhile_stays(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
    options: dict[str, Any],
) -> None:
    entry = await inventory(**options)
    await insert(hass, printer, 3, 1)
    await written(hass, entry)
    server.database.row(Entity.SPOOL, 1)["location"] = "Lent to Kim"

    await remove(hass, printer, 3, 1)
    await written(hass, entry)

    assert location(server, 1) == "Lent to Kim"
    results = [entry.result["result"] for entry in await audited(hass)]
    assert results == ["written", "edited"]


async def test_a_move_replaces_what_the_owner_wrote_before_it(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await insert(hass, printer, 3, 1)
    await written(hass, entry)
    await server_call(server, 1, "Lent to Kim")
    await async_until(
        hass, lambda: entry.runtime_data.spools[1].location == "Lent to Kim"
    )

    await remove(hass, printer, 3, 1)
    await insert(hass, printer, 4, 1)
    await written(hass, entry)

    assert location(server, 1) == "X1C A4"


async def server_call(server: SpoolmanServer, spool_id: int, text: str) -> None:
    """Change a location as another client does."""
    async with (
        aiohttp.ClientSession() as session,
        session.patch(
            f"{server.url}/api/v1/spool/{spool_id}", json={"location": text}
        ) as answer,
    ):
        assert answer.status == 200


async def test_nothing_is_written_at_the_start_or_when_the_server_is_back(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    await insert(hass, printer, 3, 1)
    entry = await inventory(**ON)

    await server.stop()
    await async_until(
        hass, lambda: entry.runtime_data.health["status"] == "reconnecting"
    )
    await server.start()
    await async_until(hass, lambda: entry.runtime_data.health["status"] == "running")
    await hass.config_entries.async_reload(printer.entry_id)
    await hass.async_block_till_done()

    assert server.written == []
    assert location(server, 1) == "Dry box"


async def test_a_spool_that_was_inside_at_the_start_is_located_when_it_leaves(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    server.database.row(Entity.SPOOL, 1)["location"] = None
    await insert(hass, printer, 3, 1)
    await insert(hass, printer, 4, 2)
    entry = await inventory(**SHELF)

    await remove(hass, printer, 3, 1)
    await remove(hass, printer, 4, 2)
    await written(hass, entry)

    assert location(server, 1) == "Shelf"
    # That is none of ours, and not empty.
    assert location(server, 2) == "Dry box"


@pytest.mark.parametrize("options", [ON, PUT_BACK])
async def test_a_spool_that_was_never_located_leaves_as_it_is(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
    options: dict[str, Any],
) -> None:
    await insert(hass, printer, 3, 1)
    entry = await inventory(**options)

    await remove(hass, printer, 3, 1)
    await written(hass, entry)

    assert server.written == []


async def test_a_spool_that_a_user_assigns_is_located(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**PUT_BACK)
    await insert(hass, printer, 2, None)
    await assign(hass, printer, external_id="spoolman:5")
    await written(hass, entry)
    assert location(server, 5) == "X1C A2"

    await assign(hass, printer, external_id="spoolman:6")
    await written(hass, entry)

    assert location(server, 5) == "Dry box"
    assert location(server, 6) == "X1C A2"
    await assign(hass, printer)
    await written(hass, entry)
    assert location(server, 6) == "Dry box"


async def link(
    hass: HomeAssistant, printer: MockConfigEntry, action: str, **data: Any
) -> None:
    """Link the spool in A1, or end its link."""
    device_id = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_1")
    await hass.services.async_call(
        DOMAIN,
        action,
        {"device_id": device_id, **data},
        blocking=True,
        return_response=True,
    )
    await hass.async_block_till_done()


async def test_a_spool_that_a_user_links_is_located(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**PUT_BACK)
    await async_deliver(
        hass, printer, spool_event("spool_inserted", 1, identifiers=TAG)
    )
    assert server.written == []

    await link(hass, printer, "link_spool", external_id="5")
    await written(hass, entry)
    assert location(server, 5) == "X1C A1"
    await link(hass, printer, "link_spool", external_id="6")
    await written(hass, entry)
    assert (location(server, 5), location(server, 6)) == ("Dry box", "X1C A1")
    await link(hass, printer, "unlink_spool")
    await written(hass, entry)

    assert location(server, 6) == "Dry box"
    assert all("location" in body for _, _, body in server.written)


async def test_the_tags_of_a_spool_that_a_user_links_are_written(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    async with SpoolmanServer(has_tags=True) as server:
        server.add_spool(filament={"name": "Jade White"})
        entry = inventory_entry(server, {"write_tags": True})
        await async_running(hass, entry)
        inserted = spool_event("spool_inserted", 1, identifiers=TAG)
        await async_deliver(hass, printer, inserted)

        await link(hass, printer, "link_spool", external_id="1")
        await written(hass, entry)
        both = [tag["uid"] for tag in server.database.row(Entity.SPOOL, 1)["tags"]]
        await async_until(
            hass, lambda: len(entry.runtime_data.spools[1].tags or ()) == 2
        )
        await link(hass, printer, "link_spool", external_id="1")

    # A chip as a hand reader reads it, and what both chips of the spool have in common.
    assert sorted(both) == ["0123456789ABCDEF0123456789ABCDEF", "A1B2C3D4"]
    assert len(server.written) == 2
    assert [entry.action for entry in await audited(hass)] == ["write_tag"] * 2


async def test_a_spool_that_is_identified_after_its_insertion_is_located(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await insert(hass, printer, 1, None)
    named = {**NO_TAG, "external_id": "spoolman:4"}
    slots = [slot_state(1, True, identifiers=named)]

    await async_deliver(hass, printer, state(unit_state(slots=slots)))
    await written(hass, entry)

    assert location(server, 4) == "X1C A1"


async def test_an_id_that_the_printer_changes_without_a_move_is_not_located(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await insert(hass, printer, 1, 3)
    named = {**NO_TAG, "external_id": "spoolman:4"}
    slots = [slot_state(1, True, identifiers=named)]

    await async_deliver(hass, printer, state(unit_state(slots=slots)))
    await written(hass, entry)

    assert [location(server, 3), location(server, 4)] == ["X1C A1", "Dry box"]


async def test_a_spool_in_two_slots_is_where_it_was_seen_last(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**SHELF)
    for slot_no in (1, 2, 3):
        await insert(hass, printer, slot_no, 1)
        await written(hass, entry)
    assert location(server, 1) == "X1C A3"

    await remove(hass, printer, 2, 1)
    await written(hass, entry)
    assert location(server, 1) == "X1C A3"
    await remove(hass, printer, 3, 1)
    await written(hass, entry)
    assert location(server, 1) == "X1C A1"
    await remove(hass, printer, 1, 1)
    await written(hass, entry)
    assert location(server, 1) == "Shelf"


async def test_each_server_gets_its_own_spools(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    async with a_server() as other:
        for spool_id in range(1, 4):
            other.database.delete(
                Entity.SPOOL, other.database.row(Entity.SPOOL, spool_id)
            )
        for spool_id in range(4, SPOOLS + 1):
            server.database.delete(
                Entity.SPOOL, server.database.row(Entity.SPOOL, spool_id)
            )
        one = await inventory(**SHELF)
        two = inventory_entry(other, {**ON, "location_template": "{slot}"})
        await async_running(hass, two)

        await insert(hass, printer, 1, 2)
        await insert(hass, printer, 2, 5)
        await remove(hass, printer, 1, 2)
        await insert(hass, printer, 1, 4)
        await written(hass, one, two)

        assert location(server, 2) == "Shelf"
        assert [location(other, spool_id) for spool_id in (4, 5)] == ["A1", "A2"]


async def test_a_spool_whose_number_has_another_one_is_left_alone(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    entry = await inventory(**ON)
    await server.stop()
    await async_until(
        hass, lambda: entry.runtime_data.health["status"] == "reconnecting"
    )
    await insert(hass, printer, 1, 1)
    await insert(hass, printer, 2, 2)
    # Restored from a backup, in which number 1 is another spool and 2 is none.
    server.database.row(Entity.SPOOL, 1)["registered"] += timedelta(days=1)
    server.database.delete(Entity.SPOOL, server.database.row(Entity.SPOOL, 2))
    await server.start()
    await written(hass, entry)

    assert server.written == []
    results = [entry.result["result"] for entry in await audited(hass)]
    assert results == ["missing", "missing"]
    assert "Spool 1 is gone, or another one now" in caplog.text


async def test_who_wrote_the_location_last_is_shown(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await insert(hass, printer, 1, 1)
    await written(hass, entry)
    await async_until(hass, lambda: entry.runtime_data.spools[1].location == "X1C A1")
    ours = await shown(hass, printer)
    await server_call(server, 1, "Lent to Kim")
    await async_until(
        hass, lambda: entry.runtime_data.spools[1].location == "Lent to Kim"
    )
    theirs = await shown(hass, printer)

    assert ours and theirs
    assert (ours["location"], ours["location_ours"]) == ("X1C A1", True)
    assert (theirs["location"], theirs["location_ours"]) == ("Lent to Kim", False)
    # It is not written over.
    assert location(server, 1) == "Lent to Kim"


@contextmanager
def inventory_clock() -> Iterator[FakeClock]:
    """Let inventories that are set up have this clock."""
    clock = FakeClock()
    with patch(
        "custom_components.filament_slots.inventory_entry.LoopClock",
        return_value=clock,
    ):
        yield clock


async def test_after_an_outage_of_a_day_every_location_is_right_and_written_once(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    other = await a_printer(hass, "00M09A000000002", "P1S")
    printers = {"X1C": printer, "P1S": other}
    with inventory_clock() as clock:
        entry = await inventory(**SHELF)
        await insert(hass, printer, 1, 1)
        await written(hass, entry)
        await server.stop()
        await async_until(
            hass, lambda: entry.runtime_data.health["status"] == "reconnecting"
        )
        server.written.clear()
        chance = random.Random(14)
        places = {("X1C", 1): 1}
        for number in range(50):
            await move(hass, printers, places, chance)
            clock.tick(24 * 3600 / 50)
            if number == 25:
                await restart(hass, *printers.values(), entry)
        assert server.written == []

        await server.start()
        await async_until_ticked(hass, entry, clock)
        await written(hass, entry)

    inside = {spool: f"{name} A{slot}" for (name, slot), spool in places.items()}
    moved_spools = {int(path.rpartition("/")[2]) for _, path, _ in server.written}
    assert len(inside) >= 3
    for spool_id in range(1, SPOOLS + 1):
        if spool_id in moved_spools or spool_id in inside:
            assert location(server, spool_id) == inside.get(spool_id, "Shelf")
    assert len(moved_spools) == len(server.written) == SPOOLS
    _, *writes = await audited(hass)
    assert [entry.result["result"] for entry in writes] == ["written"] * SPOOLS
    assert {entry.details["spool"] for entry in writes} == moved_spools


async def move(
    hass: HomeAssistant,
    printers: dict[str, MockConfigEntry],
    places: dict[tuple[str, int], int],
    chance: random.Random,
) -> None:
    """Remove a spool, or insert one that is in no slot."""
    name, slot_no = chance.choice(list(printers)), chance.randint(1, 4)
    spool_id = places.pop((name, slot_no), None)
    if spool_id is not None:
        await remove(hass, printers[name], slot_no, spool_id)
        return
    out = sorted(set(range(1, SPOOLS + 1)) - set(places.values()))
    if out:
        places[name, slot_no] = spool_id = chance.choice(out)
        await insert(hass, printers[name], slot_no, spool_id)


async def restart(hass: HomeAssistant, *entries: MockConfigEntry) -> None:
    """Unload everything and set it up again, as a restart does."""
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
    for entry in entries:
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def async_until_ticked(
    hass: HomeAssistant, entry: MockConfigEntry, clock: FakeClock
) -> None:
    """Wait until an inventory is running, while its time passes."""

    def is_running() -> bool:
        clock.tick(5)
        return bool(entry.runtime_data.health["status"] == "running")

    await async_until(hass, is_running)


async def test_what_waits_is_forgotten_with_its_entry(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await server.stop()
    await async_until(
        hass, lambda: entry.runtime_data.health["status"] == "reconnecting"
    )
    await insert(hass, printer, 1, 1)
    await hass.config_entries.async_unload(entry.entry_id)
    store = async_shared_core(hass).store

    def count(db: Any) -> int:
        found: int = db.execute("SELECT count(*) FROM spool_locations").fetchone()[0]
        return found

    waiting = await store.read(count)
    await hass.config_entries.async_remove(entry.entry_id)

    assert waiting == 1
    assert await store.read(count) == 0


async def test_diagnostics_have_how_much_waits_and_no_locations(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    await insert(hass, printer, 1, 1)
    await written(hass, entry)

    report = await async_get_config_entry_diagnostics(hass, entry)
    of_printer = await async_get_config_entry_diagnostics(hass, printer)

    assert report["waiting_to_be_written"] == 0
    assert "X1C A1" not in str(report)
    assert "X1C A1" not in str(of_printer["audit"])


async def test_a_spool_on_an_external_holder_is_located_where_a_user_assigns_it(
    hass: HomeAssistant, server: SpoolmanServer, inventory: Inventory
) -> None:
    printer = await async_connected_entry(hass)
    entry = await inventory(**PUT_BACK)
    device_id = device_of(hass, printer, f"{SERIAL}_direct_1")

    await hass.services.async_call(
        DOMAIN,
        "assign_spool",
        {"device_id": device_id, "external_id": "3"},
        blocking=True,
    )
    await written(hass, entry)

    assert location(server, 3) == "X1C Ext"


async def test_a_removal_is_written_after_a_restart_without_the_server(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**PUT_BACK)
    await insert(hass, printer, 3, 1)
    await written(hass, entry)
    await server.stop()
    await restart(hass, printer, entry)
    # Nothing was ever read of it since, and it has no other slot.
    entry.runtime_data._remembered = {}

    await remove(hass, printer, 3, 1)
    await server.start()
    await written(hass, entry)

    assert location(server, 1) == "Dry box"


@pytest.mark.parametrize("what", ["SharedCore.acquire", "LocationQueue.start"])
async def test_an_inventory_is_read_where_the_store_cannot_be_opened(
    hass: HomeAssistant, server: SpoolmanServer, what: str
) -> None:
    modules = {
        "SharedCore": "custom_components.filament_slots.runtime",
        "LocationQueue": "custom_components.filament_slots.inventory_entry",
    }
    where = f"{modules[what.partition('.')[0]]}.{what}"
    entry = inventory_entry(server, ON)
    with patch(where, side_effect=StoreError(Problem.FULL)):
        host = await async_running(hass, entry)

    assert host.queue is None
    assert len(host.spools) == SPOOLS
    assert not async_shared_core(hass).is_open
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_entry_is_removed_also_where_the_store_cannot_be_opened(
    hass: HomeAssistant, server: SpoolmanServer, inventory: Inventory
) -> None:
    entry = await inventory(**ON)
    await hass.config_entries.async_unload(entry.entry_id)
    with patch(
        "custom_components.filament_slots.runtime.SharedCore.acquire",
        side_effect=StoreError(Problem.FULL),
    ):
        await hass.config_entries.async_remove(entry.entry_id)

    assert hass.config_entries.async_get_entry(entry.entry_id) is None


async def test_tags_are_not_written_where_only_locations_are(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    inventory: Inventory,
) -> None:
    entry = await inventory(**ON)
    host: InventoryHost = entry.runtime_data

    host.async_write_tags(host.spools[1], ["75886B1D"])

    assert host.queue is not None
    assert host.queue.waiting == 0
