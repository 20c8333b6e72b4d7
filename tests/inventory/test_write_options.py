"""The options of what is written to an inventory: asked, shown, checked and applied."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.inventory.spoolman.writes import TAG_FIELD
from custom_components.filament_slots.inventory_entry import InventoryHost
from tests.common import async_connected_entry

from .spoolman_bodies import Entity, FieldBody, FieldType
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

PLAIN = {
    "write_location": False,
    "location_template": "{printer} {slot}",
    "location_leave": "keep",
    "write_tags": False,
}
LOW = {"low_limit": 15, "low_unit": "percent"}


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with a spool, of a version that stores no tags."""
    async with SpoolmanServer() as server:
        server.add_spool(filament={"name": "Jade White", "weight": 1000})
        yield server


class Dialog:
    """The dialog of the options of an inventory."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Take the entry."""
        self._hass = hass
        self._entry = entry
        self.step: Any = None

    async def open(self) -> None:
        """Open it."""
        self.step = await self._hass.config_entries.options.async_init(
            self._entry.entry_id
        )

    async def submit(self, **writes: Any) -> None:
        """Submit the form with these values."""
        await self.send({"tags": {}, "low": LOW, "writes": PLAIN | writes})

    async def send(self, user_input: dict[str, Any]) -> None:
        """Send what the user chose in the present step."""
        self.step = await self._hass.config_entries.options.async_configure(
            self.step["flow_id"], user_input
        )
        await self._hass.async_block_till_done()


@pytest.fixture
async def entry(hass: HomeAssistant, server: SpoolmanServer) -> MockConfigEntry:
    """Return the entry of an inventory that is running."""
    entry = inventory_entry(server)
    await async_running(hass, entry)
    return entry


@pytest.fixture
async def dialog(hass: HomeAssistant, entry: MockConfigEntry) -> Dialog:
    """Return an open dialog."""
    dialog = Dialog(hass, entry)
    await dialog.open()
    return dialog


async def test_nothing_is_written_unless_it_is_switched_on(
    hass: HomeAssistant, entry: MockConfigEntry, dialog: Dialog
) -> None:
    shown = dialog.step["data_schema"]({})["writes"]
    assert shown == PLAIN | {"location_text": ""}
    assert dialog.step["description_placeholders"]["example"] == "X1C A3"

    await dialog.submit()

    assert entry.options == {}
    assert entry.runtime_data.queue is None


async def test_the_locations_of_real_slots_are_shown_before_they_are_written(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_connected_entry(hass)
    dialog = Dialog(hass, entry)
    await dialog.open()
    assert dialog.step["description_placeholders"]["example"] == "X1C A1"

    await dialog.submit(write_location=True, location_template="{slot} of {printer}")
    assert dialog.step["step_id"] == "location_preview"
    assert dialog.step["menu_options"] == ["save", "inventory"]
    examples = dialog.step["description_placeholders"]["examples"].splitlines()
    assert examples[0] == "- X1C · A1 → A1 of X1C"
    assert len(examples) == 5

    await dialog.send({"next_step_id": "inventory"})
    shown = dialog.step["data_schema"]({})["writes"]
    assert shown["write_location"] is True
    assert shown["location_template"] == "{slot} of {printer}"
    assert dialog.step["description_placeholders"]["example"] == "A1 of X1C"
    await dialog.submit(write_location=True)
    await dialog.send({"next_step_id": "save"})

    assert entry.options == {"write_location": True}
    assert entry.runtime_data.queue is not None


@pytest.mark.parametrize(
    ("writes", "error"),
    [
        ({"location_template": "{printer}"}, "location_template"),
        ({"location_template": "{slot} {unit}"}, "location_template"),
        ({"location_template": "{slot}" + "x" * 63}, "location_too_long"),
        ({"location_leave": "text"}, "location_text"),
        ({"location_leave": "text", "location_text": "  "}, "location_text"),
        ({"location_leave": "text", "location_text": "x" * 65}, "location_text"),
    ],
)
async def test_what_cannot_be_written_is_refused(
    entry: MockConfigEntry, dialog: Dialog, writes: dict[str, Any], error: str
) -> None:
    await dialog.submit(write_location=True, **writes)
    assert dialog.step["errors"] == {"base": error}

    # While it is switched off, nothing is wrong.
    await dialog.submit(**writes)
    assert entry.options == writes


async def test_a_change_of_something_else_is_not_asked_about_again(
    hass: HomeAssistant, entry: MockConfigEntry, dialog: Dialog
) -> None:
    await dialog.submit(write_location=True)
    await dialog.send({"next_step_id": "save"})

    await dialog.open()
    await dialog.submit(
        write_location=True, location_leave="text", location_text="Shelf"
    )

    assert entry.options == {
        "write_location": True,
        "location_leave": "text",
        "location_text": "Shelf",
    }


async def test_what_waits_is_forgotten_when_it_is_switched_off(
    hass: HomeAssistant, server: SpoolmanServer, entry: MockConfigEntry, dialog: Dialog
) -> None:
    server.database.define(
        Entity.SPOOL, TAG_FIELD, FieldBody(name="Tag", field_type=FieldType.TEXT)
    )
    await dialog.submit(write_location=True, write_tags=True)
    await dialog.send({})
    await dialog.send({"next_step_id": "save"})
    await async_until(hass, lambda: bool(entry.runtime_data.spools))
    spool = entry.runtime_data.spools[1]
    await server.stop()
    await async_until(
        hass, lambda: entry.runtime_data.health["status"] == "reconnecting"
    )
    entry.runtime_data.queue.enter(spool, "slot", "X1C A3")
    entry.runtime_data.queue.link(spool, "75886B1D")

    waiting = []
    for writes in ({"write_tags": True}, {"write_location": True}):
        waiting.append(entry.runtime_data.queue.waiting)
        await dialog.open()
        await dialog.submit(**writes)
        if dialog.step["type"] == "menu":
            await dialog.send({"next_step_id": "save"})

    assert waiting == [2, 1]
    assert entry.runtime_data.queue.waiting == 0
    await server.start()


async def test_the_field_for_tags_is_created_only_after_the_owner_agreed(
    hass: HomeAssistant, server: SpoolmanServer, entry: MockConfigEntry, dialog: Dialog
) -> None:
    await dialog.submit(write_tags=True)
    assert dialog.step["step_id"] == "tag_field"
    assert server.written == []

    await dialog.send({})

    assert [path for _, path, _ in server.written] == [
        f"/api/v1/field/spool/{TAG_FIELD}"
    ]
    # It is read as well.
    assert entry.options == {"tag_field": TAG_FIELD, "write_tags": True}


def of_another_type(server: SpoolmanServer) -> None:
    """Define the field as a number."""
    body = FieldBody(name="Ours?", field_type=FieldType.INTEGER)
    server.database.define(Entity.SPOOL, TAG_FIELD, body)


def failing(server: SpoolmanServer) -> None:
    """Let every request fail."""
    server.failing = 500


@pytest.mark.parametrize(
    ("prepare", "error"),
    [(of_another_type, "tag_field_type"), (failing, "tag_field_failed")],
)
async def test_a_field_that_cannot_be_created_is_an_error(
    hass: HomeAssistant,
    server: SpoolmanServer,
    entry: MockConfigEntry,
    dialog: Dialog,
    prepare: Callable[[SpoolmanServer], None],
    error: str,
) -> None:
    prepare(server)
    await dialog.submit(write_tags=True)
    await dialog.send({})

    assert dialog.step["errors"] == {"base": error}
    assert entry.options == {}


async def test_a_server_that_stores_tags_needs_no_field(hass: HomeAssistant) -> None:
    async with SpoolmanServer(has_tags=True) as server:
        server.add_spool(filament={"name": "Jade White"})
        entry = inventory_entry(server)
        host: InventoryHost = await async_running(hass, entry)
        dialog = Dialog(hass, entry)
        await dialog.open()
        await dialog.submit(write_tags=True)

        assert entry.options == {"write_tags": True}
        assert entry.runtime_data is not host


async def test_the_options_of_an_entry_that_is_not_loaded_can_be_changed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    dialog = Dialog(hass, entry)
    await dialog.open()
    await dialog.submit(write_tags=True)

    assert entry.options == {"write_tags": True}


async def test_the_field_is_not_created_by_an_entry_that_was_unloaded_meanwhile(
    hass: HomeAssistant, server: SpoolmanServer, entry: MockConfigEntry, dialog: Dialog
) -> None:
    await dialog.submit(write_tags=True)
    await hass.config_entries.async_unload(entry.entry_id)
    await dialog.send({})

    assert dialog.step["errors"] == {"base": "tag_field_failed"}
    assert server.written == []
