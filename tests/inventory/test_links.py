"""Links of spools to those of an inventory: made, kept, recognized, broken and removed."""

from datetime import timedelta
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.filament_slots.options import (
    CONF_LOW_LIMIT,
    CONF_LOW_UNIT,
    LOW_PERCENT,
)
from custom_components.filament_slots.runtime import require_store
from custom_components.filament_slots.slot_spools import slot_spools
from tests.common import (
    NO_TAG,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    FixFlow,
    async_deliver,
    async_set_up,
    make_entry,
    spool_event,
    state,
)
from tests.test_services import device_of

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry, issues
from .test_slot_spools import A1, A2, assign, found, server

__all__ = ["server"]

pytestmark = pytest.mark.usefixtures("scripted_driver")

UUID = TAG["external_id"].partition(":")[2]


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """Return a printer with a tagged spool in A1, and one without a tag in A2."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    return entry


def slot(hass: HomeAssistant, printer: MockConfigEntry, number: int = 1) -> str:
    """Return the device of a slot."""
    return device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_{number}")


async def call(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Call an action; return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert response is not None
    return response


async def explained(hass: HomeAssistant, printer: MockConfigEntry) -> str:
    """Return the explanation of A1."""
    answer = await call(hass, "explain_slot", device_id=slot(hass, printer))
    return str(answer["answer"])


def move(server: SpoolmanServer, spool_id: int, kind: str = "updated") -> None:
    """Report a spool as it is now in the database."""
    row = server.database.row(Entity.SPOOL, spool_id)
    server._changed(kind, Entity.SPOOL, row)


async def test_a_linked_spool_is_recognized_in_every_slot_until_it_is_unlinked(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))
    assert found(hass, printer, A1) is None
    slots = (await call(hass, "get_slots"))["slots"]
    assert [each["linkable"] for each in slots] == [True, False, False, False]

    answer = await call(
        hass, "link_spool", device_id=slot(hass, printer), external_id="spoolman:2"
    )
    assert (answer["spool"]["id"], answer["spool"]["source"]) == (2, "link")
    assert found(hass, printer, A1) == ("Galaxy Black", "link")
    (spool,) = (await call(hass, "get_spools"))["spools"]
    assert spool["inventory_spool"]["id"] == 2

    # Removal ends an assignment, and no link.
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    await async_deliver(hass, printer, spool_event("spool_removed", 1, identifiers=TAG))
    assert found(hass, printer, A1) is None
    await async_deliver(hass, other, state())
    assert found(hass, other, A1) == ("Galaxy Black", "link")

    await call(hass, "unlink_spool", spool_id=spool["id"])
    assert found(hass, other, A1) is None
    await call(hass, "unlink_spool", spool_id=spool["id"])
    await call(hass, "link_spool", spool_id=spool["id"], external_id="1")
    assert found(hass, other, A1) == ("Jade White", "link")


async def test_a_link_is_known_after_a_restart_without_the_server(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    inventory = inventory_entry(server)
    await async_running(hass, inventory)
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="2")
    await server.stop()
    for entry in (printer, inventory):
        assert await hass.config_entries.async_unload(entry.entry_id)

    for entry in (inventory, printer):
        assert await hass.config_entries.async_setup(entry.entry_id)
    await async_until(
        hass, lambda: inventory.runtime_data.health["status"] == "reconnecting"
    )
    assert found(hass, printer, A1) == ("Galaxy Black", "link")
    resolved = slot_spools(hass).of(printer.runtime_data, A1)
    assert resolved is not None
    assert resolved.spool.remaining_g == 1000.0

    # Deleted meanwhile: known once the server has answered.
    server.database.delete(Entity.SPOOL, server.database.row(Entity.SPOOL, 2))
    await server.start(port=server.port)
    await async_until(hass, lambda: inventory.runtime_data.is_complete)
    assert found(hass, printer, A1) is None
    assert "inventory_broken_links" in issues(hass)


@pytest.mark.parametrize("how", ["deleted", "reused"])
async def test_a_broken_link_is_a_repair_and_the_slot_stays_as_it_is(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    how: str,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await async_running(hass, inventory_entry(server))
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="2")
    row = server.database.row(Entity.SPOOL, 2)
    # Archived is still there.
    row["archived"] = True
    move(server, 2)
    await async_until(hass, lambda: inventory_spool_is_archived(hass, printer))

    if how == "deleted":
        move(server, 2, "deleted")
        server.database.delete(Entity.SPOOL, row)
        reason = "no longer in the inventory"
    else:
        row["registered"] += timedelta(days=1)
        move(server, 2)
        reason = "has another spool now"
    await async_until(hass, lambda: "inventory_broken_links" in issues(hass))

    issue = issues(hass)["inventory_broken_links"]
    assert issue.translation_placeholders == {
        "name": "Spoolman (workshop)",
        "ids": "2",
    }
    assert found(hass, printer, A1) is None
    assert printer.runtime_data.data.slots[A1].present
    assert reason in await explained(hass, printer)

    flow = FixFlow(await hass_client())
    await flow.start(issue.issue_id)
    assert (await flow.confirm())["type"] == "create_entry"
    assert "inventory_broken_links" not in issues(hass)
    assert require_store(hass).handler.links == {}


def inventory_spool_is_archived(hass: HomeAssistant, printer: MockConfigEntry) -> bool:
    """Return whether the spool in A1 is archived."""
    resolved = slot_spools(hass).of(printer.runtime_data, A1)
    return resolved is not None and resolved.spool.archived


async def test_a_number_that_a_printer_reports_is_not_followed_to_another_spool(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    host = await async_running(hass, inventory_entry(server))
    await assign(hass, printer, external_id="spoolman:1")
    server.database.row(Entity.SPOOL, 1)["registered"] += timedelta(days=1)
    move(server, 1)
    await async_until(hass, lambda: "inventory_reused_ids" in issues(hass))
    assert found(hass, printer, A2) is None

    host.async_confirm()

    assert found(hass, printer, A2) == ("Jade White", "assigned")
    assert issues(hass) == {}


async def test_a_tag_on_two_spools_is_a_question_that_a_choice_or_a_change_answers(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    async with SpoolmanServer(has_tags=True) as server, SpoolmanServer() as other:
        for name in ("Jade White", "Signal Red"):
            server.add_spool(filament={"name": name})
        server.database.row(Entity.SPOOL, 1)["tags"] = [{"uid": UUID}]
        other.add_spool(filament={"name": "Galaxy Black"})
        other.database.row(Entity.SPOOL, 1)["extra"] = {"nfc": f'"{UUID}"'}
        await async_running(hass, inventory_entry(server))
        assert found(hass, printer, A1) == ("Jade White", "tag")
        second = inventory_entry(other)
        second.add_to_hass(hass)
        hass.config_entries.async_update_entry(second, options={"tag_field": "nfc"})
        await async_running(hass, second)

        assert found(hass, printer, A1) is None
        issue = issues(hass)["ambiguous_spool"]
        assert issue.translation_placeholders == {"slot": "A1", "printer": "X1C"}
        assert "A repair asks" in await explained(hass, printer)

        flow = FixFlow(await hass_client())
        form = await flow.start(issue.issue_id)
        (field,) = form["data_schema"]
        options = field["selector"]["select"]["options"]
        assert [option["label"] for option in options] == [
            "Spoolman (workshop): 1 Jade White",
            "Spoolman (workshop): 1 Galaxy Black",
        ]
        await flow.confirm(spool=options[1]["value"])
        assert found(hass, printer, A1) == ("Galaxy Black", "link")
        assert issues(hass) == {}

        await call(hass, "unlink_spool", device_id=slot(hass, printer))
        issue = issues(hass)["ambiguous_spool"]
        await flow.start(issue.issue_id)
        assert await hass.config_entries.async_unload(second.entry_id)
        assert found(hass, printer, A1) == ("Jade White", "tag")
        assert issues(hass) == {}
        assert (await flow.confirm(spool=options[1]["value"]))["reason"] == "resolved"


async def test_a_spool_in_two_slots_is_shown_in_both_and_explained(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="2")
    text = await explained(hass, printer)
    assert "It is Galaxy Black (2) of Spoolman (workshop): a user linked it." in text
    assert "same spool" not in text

    await assign(hass, printer, external_id="spoolman:2")

    assert found(hass, printer, A1) == ("Galaxy Black", "link")
    assert found(hass, printer, A2) == ("Galaxy Black", "assigned")
    assert "The same spool is also in X1C · A2." in await explained(hass, printer)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"external_id": "spoolman:9"}, "unknown_inventory_spool"),
        ({"external_id": "other:1"}, "unknown_inventory_spool"),
        ({"external_id": "spoolman:x"}, "unknown_inventory_spool"),
        ({"external_id": "text"}, "invalid_spool_id"),
        ({"external_id": "1", "config_entry_id": "no"}, "unknown_inventory_spool"),
        ({"external_id": "1", "spool_id": 99}, "unknown_spool"),
        ({"external_id": "1", "slot": 2}, "no_stable_identity"),
        ({"external_id": "1", "slot": 3}, "no_stable_identity"),
        ({"external_id": "1", "slot": 0}, "not_a_slot"),
        ({"external_id": "2", "slot": 2, "assigned": True}, "spool_has_number"),
    ],
)
async def test_what_cannot_be_linked_is_refused_with_the_reason(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    data: dict[str, Any],
    error: str,
) -> None:
    await async_running(hass, inventory_entry(server))
    if data.pop("assigned", False):
        await assign(hass, printer, external_id="spoolman:1")
    number = data.pop("slot", 1)
    if "spool_id" not in data:
        data["device_id"] = (
            slot(hass, printer, number) if number else device_of(hass, printer, SERIAL)
        )

    with pytest.raises(ServiceValidationError) as raised:
        await call(hass, "link_spool", **data)

    assert raised.value.translation_key == error
    assert require_store(hass).handler.links == {}


async def test_a_number_of_two_servers_needs_the_server(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))
    async with SpoolmanServer() as other:
        other.add_spool(filament={"name": "Signal Red"})
        host = await async_running(hass, inventory_entry(other))
        wanted = {"device_id": slot(hass, printer), "external_id": "spoolman:1"}

        with pytest.raises(ServiceValidationError) as raised:
            await call(hass, "link_spool", **wanted)
        assert raised.value.translation_key == "spool_of_several_inventories"
        await call(hass, "link_spool", **wanted, config_entry_id=host.entry.entry_id)
        assert found(hass, printer, A1) == ("Signal Red", "link")


async def test_only_administrators_and_automations_link_and_each_is_in_the_audit(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    hass_read_only_user: MockUser,
) -> None:
    await async_running(hass, inventory_entry(server))
    wanted = {"device_id": slot(hass, printer), "external_id": "spoolman:1"}

    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "link_spool",
            wanted,
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    await call(hass, "link_spool", **wanted)

    entries = await read_audit(require_store(hass).store)
    assert [entry.action for entry in entries] == ["link_spool"]


async def test_diagnostics_say_what_it_is_known_from_and_name_no_server(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    await async_running(hass, inventory_entry(server))
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="2")

    report = await async_get_config_entry_diagnostics(hass, printer)

    shown = report["printer"]["slots"][0]
    assert (shown["spool"]["source"], shown["spool"]["url"]) == ("link", None)
    assert "a user linked it" in shown["explanation"]["answer"]
    assert "workshop" not in str(report)
    assert UUID not in str(report)


async def test_nothing_is_stored_at_rest_and_the_last_values_when_it_stops(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    entry = inventory_entry(server)
    host = await async_running(hass, entry)
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="2")
    await host._store.async_save(host._data_to_store())
    key = f"{DOMAIN}.{entry.entry_id}"
    before = hass_storage[key]

    row = server.database.row(Entity.SPOOL, 2)
    server.database.use(row, 100)
    move(server, 2)
    await async_until(hass, lambda: host.spools[2].remaining_g == 900.0)
    assert hass_storage[key] is before

    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    (stored,) = hass_storage[key]["data"]["spools"]
    assert (stored["id"], stored["remaining_g"]) == (2, 900.0)


async def test_a_slot_without_identity_is_assigned_and_not_linked(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    """A name that a user gave can be linked: it is in the library."""
    await async_running(hass, inventory_entry(server))
    await assign(hass, printer, label="Black, second shelf")

    await call(hass, "link_spool", device_id=slot(hass, printer, 2), external_id="2")
    assert found(hass, printer, A2) == ("Galaxy Black", "link")
    await async_deliver(
        hass, printer, spool_event("spool_removed", 2, identifiers=NO_TAG)
    )
    assert found(hass, printer, A2) is None


@pytest.mark.parametrize(
    ("action", "data"), [("link_spool", {"external_id": "1"}), ("unlink_spool", {})]
)
async def test_without_a_printer_the_store_is_closed(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    action: str,
    data: dict[str, Any],
) -> None:
    await async_running(hass, inventory_entry(server))
    assert await hass.config_entries.async_unload(printer.entry_id)

    with pytest.raises(ServiceValidationError) as raised:
        await call(hass, action, spool_id=1, **data)

    assert raised.value.translation_key == "no_printer_loaded"


async def test_a_link_of_a_spool_in_no_slot_is_sent_to_the_cards_at_once(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    server: SpoolmanServer,
    printer: MockConfigEntry,
) -> None:
    await async_running(hass, inventory_entry(server))
    await async_deliver(hass, printer, spool_event("spool_removed", 1, identifiers=TAG))
    (spool,) = (await call(hass, "get_spools"))["spools"]
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": f"{DOMAIN}/subscribe_spools"})
    assert (await client.receive_json())["success"]
    assert [
        each["inventory_spool"]
        for each in (await client.receive_json())["event"]["spools"]
    ] == [None]

    async def changed() -> list[int | None]:
        """Return which spools of the inventory those of the next message are."""
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        spools = (await client.receive_json(timeout=5))["event"]["spools"]
        return [
            each["inventory_spool"] and each["inventory_spool"]["id"] for each in spools
        ]

    await call(hass, "link_spool", spool_id=spool["id"], external_id="2")
    assert await changed() == [2]
    await call(hass, "unlink_spool", spool_id=spool["id"])
    assert await changed() == [None]


async def test_a_spool_of_the_library_is_low_by_the_limit_of_its_inventory(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    """The printer reports 80 % of it; the inventory knows what is really left."""
    server.add_spool(filament={"weight": 1000}, remaining_weight=300)
    options = {CONF_LOW_LIMIT: 40, CONF_LOW_UNIT: LOW_PERCENT}
    await async_running(hass, inventory_entry(server, options))

    async def low(wanted: bool) -> list[bool]:
        """Return whether each of the spools that are low, or not, is."""
        answer = await call(hass, "get_spools", low=wanted)
        assert answer["total"] == len(answer["spools"])
        return [each["low"] for each in answer["spools"]]

    assert (await low(True), await low(False)) == ([], [False])
    await call(hass, "link_spool", device_id=slot(hass, printer), external_id="3")
    assert (await low(True), await low(False)) == ([True], [])
