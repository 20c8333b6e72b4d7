"""Scans of tags, by Home Assistant and by readers of Spoolman, and what they announce."""

from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.filament_slots.serializers import (
    announced_data,
    printer_device_id,
)
from tests.common import (
    TAG,
    async_capture_spool_events,
    async_connected_entry,
    async_deliver,
    async_set_up,
    spool_event,
)

from .spoolman_server import SpoolmanServer
from .test_inventory_entry import async_running, async_until, inventory_entry
from .test_spool_ids import CHIP, tag

pytestmark = pytest.mark.usefixtures("scripted_driver")

AT = "2026-11-01T11:59:00+00:00"


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """A server with two spools, of which the first has a tag, and a nameless one."""
    async with SpoolmanServer(has_tags=True) as server:
        for name in ("Jade White", "Silk Gold", None):
            server.add_spool(filament={"name": name})
        tag(server, 1, CHIP)
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a tagged spool in A1."""
    return await async_connected_entry(hass)


@pytest.fixture
async def inventory(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> MockConfigEntry:
    """The entry of the server, whose scans are followed."""
    entry = inventory_entry(server)
    await async_running(hass, entry)
    await async_until(hass, lambda: server.subscribers == 2)
    return entry


def announced(printer: MockConfigEntry) -> list[tuple[int | None, str, str | None]]:
    """Return which spools are announced: for which printer, their ids and names."""
    return [
        (each["printer_id"], each["external_id"], each["label"])
        for each in announced_data(printer.runtime_data)
    ]


async def held(hass: HomeAssistant, tag_id: object, name: str | None = None) -> None:
    """Hold a tag to a reader of Home Assistant."""
    hass.bus.async_fire(
        "tag_scanned", {"tag_id": tag_id, "name": name, "device_id": "x"}
    )
    await hass.async_block_till_done()


async def held_to_spoolman(server: SpoolmanServer, uid: str) -> None:
    """Hold a tag to a reader of Spoolman."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/v1/tag/scan", json={"uid": uid}) as answer,
    ):
        assert answer.status == 200


async def expect(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Announce a spool by the action."""
    answer = await hass.services.async_call(
        DOMAIN, "expect_spool", data, blocking=True, return_response=True
    )
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("tag_id", "name", "external_id", "label"),
    [
        (CHIP, None, "spoolman:1", "Jade White"),
        ("04-A2-B3-C4-D5-E6-80", "Tag 4", "spoolman:1", "Jade White"),
        (
            "cbf2f5d8-8b73-4b4c-9df5-8e4cbd7a0000",
            "spoolman:2",
            "spoolman:2",
            "Silk Gold",
        ),
        ("web+spoolman:s-2", None, "spoolman:2", "Silk Gold"),
        ("fridge", "web+spoolman:s-3", "spoolman:3", "spoolman:3"),
        # A printer has read it.
        (TAG["rfid_uid"], None, TAG["external_id"], "PLA Basic"),
    ],
)
async def test_a_tag_of_home_assistant_announces_its_spool(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    tag_id: str,
    name: str | None,
    external_id: str,
    label: str,
) -> None:
    await held(hass, tag_id, name)

    assert announced(printer) == [(None, external_id, label)]


@pytest.mark.parametrize(
    ("tag_id", "name"),
    [
        ("DEADBEEF", None),
        ("fridge", "Fridge"),
        ("fridge", "drybox:1"),
        # As likely that of a lamp.
        ("2", "2"),
        ("web+spoolman:s-99", None),
        ("http://other.lan:7912/spool/show/2", None),
        ("9" * 5000, "9" * 5000),
        (None, None),
        (5, None),
    ],
)
async def test_any_other_tag_of_the_house_announces_nothing(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    tag_id: object,
    name: str | None,
) -> None:
    await held(hass, tag_id, name)

    assert announced(printer) == []


async def test_the_next_spool_without_a_tag_is_the_scanned_one(
    hass: HomeAssistant, printer: MockConfigEntry, inventory: MockConfigEntry
) -> None:
    insertions = async_capture_spool_events(hass, "spool_inserted")
    await held(hass, CHIP)
    (until,) = [each["until"] for each in announced_data(printer.runtime_data)]

    await async_deliver(hass, printer, spool_event("spool_inserted", 3, event_at=until))

    assert insertions[0].data["meta"]["assigned"] == {
        "external_id": "spoolman:1",
        "label": None,
    }


async def test_a_tag_at_a_reader_of_spoolman_announces_its_spool(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    server: SpoolmanServer,
) -> None:
    await held_to_spoolman(server, "DEADBEEF")
    await held_to_spoolman(server, CHIP)

    await async_until(hass, lambda: bool(announced(printer)))
    assert announced(printer) == [(None, "spoolman:1", "Jade White")]


async def test_a_tag_that_spoolman_does_not_know_may_be_known_to_a_printer(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    server: SpoolmanServer,
) -> None:
    await held_to_spoolman(server, TAG["rfid_uid"] or "")

    await async_until(hass, lambda: bool(announced(printer)))
    assert announced(printer) == [(None, TAG["external_id"], "PLA Basic")]


async def test_a_tag_read_twice_is_one_scan_and_a_later_one_is_another(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    untils = []
    for seconds in (0, 2.9, 0.2):
        freezer.tick(seconds)
        await held(hass, CHIP)
        untils += [each["until"] for each in announced_data(printer.runtime_data)]

    assert untils[0] == untils[1] < untils[2]


async def test_of_several_scans_in_a_row_the_last_counts(
    hass: HomeAssistant, printer: MockConfigEntry, inventory: MockConfigEntry
) -> None:
    for text in (CHIP, "web+spoolman:s-2", "web+spoolman:s-3"):
        await held(hass, text)

    assert announced(printer) == [(None, "spoolman:3", "spoolman:3")]


@pytest.mark.parametrize("action_first", [False, True])
async def test_an_automation_that_names_the_printer_wins_over_the_scan(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    action_first: bool,
) -> None:
    """One spool is expected once: in one place only."""
    device = printer_device_id(hass, printer)
    if not action_first:
        await held(hass, CHIP)
    answer = await expect(hass, external_id=CHIP, device_id=device)
    if action_first:
        await held(hass, CHIP)

    printer_id = printer.runtime_data.printer_id
    assert answer["external_id"] == "spoolman:1"
    assert answer["name"] == "Jade White"
    assert announced(printer) == [(printer_id, "spoolman:1", "Jade White")]
    insertions = async_capture_spool_events(hass, "spool_inserted")
    until = answer["expires_at"]
    for slot in (3, 4):
        await async_deliver(
            hass, printer, spool_event("spool_inserted", slot, event_at=until)
        )
    assert [bool(each.data["meta"]["assigned"]) for each in insertions] == [True, False]


async def test_a_tag_of_two_spools_announces_neither(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> None:
    tag(server, 1, "75886B1D")
    tag(server, 2, "75886B1D00000100")
    await async_running(hass, inventory_entry(server))

    await held(hass, "75886B1D")

    assert announced(printer) == []


async def test_a_scan_while_no_printer_is_loaded_is_forgotten(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await hass.config_entries.async_unload(printer.entry_id)
    await held(hass, CHIP)
    await async_set_up(hass, printer)

    assert announced(printer) == []
    assert CHIP not in caplog.text


async def test_no_scan_is_followed_where_that_is_switched_off(
    hass: HomeAssistant, printer: MockConfigEntry, server: SpoolmanServer
) -> None:
    entry = inventory_entry(server)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"follow_scans": False})
    await async_running(hass, entry)

    await held(hass, CHIP)
    await held_to_spoolman(server, CHIP)

    assert server.subscribers == 1
    assert announced(printer) == []


async def test_no_scan_is_followed_once_the_entry_is_unloaded(
    hass: HomeAssistant, printer: MockConfigEntry, inventory: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(inventory.entry_id)

    await held(hass, TAG["rfid_uid"])

    assert announced(printer) == []


async def test_diagnostics_hold_neither_a_scanned_tag_nor_the_address_in_a_code(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    inventory: MockConfigEntry,
    server: SpoolmanServer,
) -> None:
    for text in (CHIP, f"{server.url}/spool/show/2"):
        await expect(hass, external_id=text)

    report = await async_get_config_entry_diagnostics(hass, printer)

    text = json.dumps(report)
    assert "expect_spool" in text
    assert CHIP not in text
    assert server.url not in text
