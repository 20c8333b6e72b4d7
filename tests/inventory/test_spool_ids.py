"""All ways to say which spool is meant, through the actions that take one."""

from collections.abc import AsyncIterator

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from tests.common import TAG, async_connected_entry, async_deliver, spool_event

from .spoolman_bodies import Entity, TagBody
from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, inventory_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

CHIP = "04A2B3C4D5E680"


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """A server with two spools; the second has the two chips of its sides."""
    async with SpoolmanServer(has_tags=True) as server:
        for name in ("Jade White", "Silk Gold"):
            server.add_spool(filament={"name": name})
        for spool_id, uid in ((1, CHIP), (2, "75886B1D"), (2, "A5F2C31D")):
            tag(server, spool_id, uid)
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a tagged spool in A1."""
    return await async_connected_entry(hass)


def tag(server: SpoolmanServer, spool_id: int, uid: str) -> None:
    """Link a tag to a spool."""
    row = server.database.row(Entity.SPOOL, spool_id)
    server.database.add_tag(row, TagBody(uid=uid))


async def expected(hass: HomeAssistant, printer: MockConfigEntry, text: str) -> str:
    """Announce a spool; return its id."""
    await hass.services.async_call(
        DOMAIN, "expect_spool", {"external_id": text}, blocking=True
    )
    (announced,) = printer.runtime_data.announced
    return str(announced.expectation.assigned.external_id)


async def refused(hass: HomeAssistant, text: str) -> ServiceValidationError:
    """Announce what names no spool; return the error."""
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(
            DOMAIN, "expect_spool", {"external_id": text}, blocking=True
        )
    return caught.value


@pytest.mark.parametrize(
    ("text", "external_id"),
    [
        ("12", "spoolman:12"),
        (" #12 ", "spoolman:12"),
        ("spoolman:12", "spoolman:12"),
        ("WEB+SPOOLMAN:S-12", "spoolman:12"),
        ("{url}/spool/show/12", "spoolman:12"),
        ("{url}/spool/show/12?tab=1", "spoolman:12"),
        (CHIP, "spoolman:1"),
        ("04-a2-b3-c4-d5-e6-80", "spoolman:1"),
        ("04:A2:B3:C4:D5:E6:80", "spoolman:1"),
        ("0x04a2b3c4d5e680", "spoolman:1"),
        ("75886b1d", "spoolman:2"),
        ("75886B1D00000100", "spoolman:2"),
        ("A5F2C31D", "spoolman:2"),
        # The printer has read it.
        (TAG["rfid_uid"], TAG["external_id"]),
        ("a1 b2 c3 d4", TAG["external_id"]),
    ],
)
async def test_a_spool_is_named_in_many_ways(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    server: SpoolmanServer,
    text: str,
    external_id: str,
) -> None:
    await async_running(hass, inventory_entry(server))

    found = await expected(hass, printer, text.format(url=server.url))

    assert found == external_id


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("http://other.lan:7912/spool/show/12", "code_of_another_server"),
        ("{url}/base/spool/show/12", "code_of_another_server"),
        ("{url}/filament/show/12", "invalid_spool_id"),
        ("https://example.org/12", "invalid_spool_id"),
        ("web+spoolman:f-12", "invalid_spool_id"),
        ("web+spoolman:s-" + "9" * 30, "invalid_spool_id"),
        ("DEADBEEF", "unknown_tag"),
        ("12345678901234567890", "unknown_tag"),
        ("0000000000000000", "unknown_tag"),
        ("A1B2C3D400000200", "unknown_tag"),
        ("AB" * 65, "invalid_spool_id"),
    ],
)
async def test_what_names_no_spool_is_refused_in_words(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    server: SpoolmanServer,
    text: str,
    error: str,
) -> None:
    await async_running(hass, inventory_entry(server))

    caught = await refused(hass, text.format(url=server.url))

    assert caught.translation_key == error
    assert printer.runtime_data.announced == []


async def test_a_code_of_a_server_that_is_not_set_up_names_a_spool_all_the_same(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    found = await expected(hass, printer, "http://spoolman.lan:7912/spool/show/12")

    assert found == "spoolman:12"


async def test_a_tag_of_two_spools_names_neither(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> None:
    tag(server, 1, "75886B1D00000100")
    await async_running(hass, inventory_entry(server))

    caught = await refused(hass, "75886B1D")

    assert caught.translation_key == "tag_of_several"
    assert caught.translation_placeholders == {"spools": "spoolman:1, spoolman:2"}


async def test_a_tag_that_only_a_printer_knows_names_no_spool(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    chip = {**TAG, "rfid_uid": "0102030405060708", "external_id": None}
    await async_deliver(
        hass, printer, spool_event("spool_inserted", 3, identifiers=chip)
    )

    assert (await refused(hass, "0102030405060708")).translation_key == "unknown_tag"


async def test_a_tag_is_looked_up_while_a_printer_is_loaded_only(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(printer.entry_id)

    assert (await refused(hass, CHIP)).translation_key == "no_printer_loaded"
