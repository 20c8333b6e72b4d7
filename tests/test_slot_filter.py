"""The filter of the websocket commands: printers, and slots of them."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus

from .common import (
    EXTERNAL,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)
from .test_websocket import Browser

pytestmark = pytest.mark.usefixtures("scripted_driver")

OTHER = "00600A000000002"


@pytest.fixture
async def browser(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Browser:
    assert await async_setup_component(hass, DOMAIN, {})
    return Browser(await hass_ws_client(hass))


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A printer with two units and an external holder: PLA in A1 and B1, PETG in A2."""
    entry = await async_connected_entry(hass)
    black = slot_state(1, True, filament={"material": "PLA"})
    other = unit_state(2, serial=OTHER, label="B", slots=[black, slot_state(2)])
    await async_deliver(hass, entry, state(unit_state(), other, direct=[EXTERNAL]))
    return entry


def _places(slots: list[dict[str, Any]]) -> list[tuple[int | None, int]]:
    return [(slot["ams_unit_no"], slot["slot_no"]) for slot in slots]


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"unit": OTHER}, [(2, 1), (2, 2)]),
        ({"unit": UNIT_SERIAL, "slot_no": 2}, [(1, 2)]),
        ({"slot_no": 1}, [(None, 1)]),
        ({"slot_no": 1, "is_ams_slot": True}, [(1, 1), (2, 1)]),
        ({"is_ams_slot": False}, [(None, 1)]),
        ({"material": "petg"}, [(1, 2)]),
        ({"material": "PLA", "unit": OTHER}, [(2, 1)]),
        ({"unit": "nowhere"}, []),
        ({"driver_key": "moonraker_filament"}, []),
        ({"driver_key": "scripted", "material": "PLA"}, [(1, 1), (2, 1)]),
    ],
    ids=str,
)
async def test_only_the_wanted_slots_are_listed_and_followed(
    browser: Browser,
    entry: MockConfigEntry,
    fields: dict[str, Any],
    places: list[tuple[int | None, int]],
) -> None:
    assert _places((await browser.ask("slots", **fields))["slots"]) == places

    printers = (await browser.subscribe(**fields))["printers"]
    slots = [slot for printer in printers for slot in printer["slots"]]
    assert _places(slots) == places
    units = [unit["ams_unit_no"] for printer in printers for unit in printer["units"]]
    assert units == sorted({unit for unit, _ in places if unit})


async def test_the_slots_of_one_printer_are_listed(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    await async_deliver(hass, other, state())

    listed = await browser.ask("slots", entry_id=other.entry_id, material="PLA")

    assert [slot["entry_id"] for slot in listed["slots"]] == [other.entry_id]


async def test_an_event_is_sent_if_its_slot_is_wanted_before_or_after_it(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe(material="PETG")

    await async_deliver(hass, entry, spool_event("spool_removed", 1))
    await async_deliver(hass, entry, spool_event("spool_removed", 2))
    removed = await browser.receive()
    assert removed["event"]["slot"]["slot_no"] == 2

    petg = {"filament": {"material": "PETG"}}
    await async_deliver(hass, entry, spool_event("spool_inserted", 3, meta=petg))
    inserted = await browser.receive()
    assert inserted["event"]["slot"]["slot_no"] == 3
    assert (1, 3) in _places(inserted["printer"]["slots"])
    assert await browser.receives_nothing()


async def test_a_state_is_sent_if_it_changes_a_wanted_slot_or_its_unit(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe(unit=UNIT_SERIAL, slot_no=1)

    await async_deliver(
        hass, entry, state(unit_state(2, serial=OTHER, humidity_percent=60.0))
    )
    assert await browser.receives_nothing()

    await async_deliver(hass, entry, state(unit_state(humidity_percent=61.0)))
    (unit,) = (await browser.receive())["printer"]["units"]
    assert unit["humidity_percent"] == 61.0
    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert (await browser.receive())["printer"]["connected"] is False


async def test_printers_of_another_type_are_not_followed(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    first = await browser.subscribe(driver_key="moonraker_filament")
    assert first == {"printers": []}

    await async_deliver(hass, entry, spool_event("spool_removed", 1))
    await async_show(hass, entry, DriverStatus.RECONNECTING)
    assert await browser.receives_nothing()
