"""Coordinator: events on the bus, in order, and the driver's health."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode

from .common import (
    EXTERNAL,
    PLA,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    async_show,
    entity_state,
    make_entry,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

OTHER_UNIT = "00600A000000002"
STATUS_3 = "sensor.x1c_ams_a_slot_a3_status"
EVENT_3 = "event.x1c_ams_a_slot_a3_spool_change"


@pytest.fixture
def on_the_bus(hass: HomeAssistant) -> list[Event[Any]]:
    """Our events, in the order in which the bus delivers them."""
    return async_capture_spool_events(hass)


async def test_the_bus_event_is_the_whole_event_with_the_ids_of_entry_and_device(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())

    await async_deliver(
        hass,
        entry,
        spool_event(
            "spool_inserted",
            3,
            identifiers=TAG,
            meta={"source": "live", "detected_late": False, "filament": PLA},
        ),
    )

    [event] = on_the_bus
    assert event.event_type == "filament_slots_spool_inserted"
    device = dr.async_get(hass).async_get_child_device_by_identifier(
        (DOMAIN, f"{SERIAL}_{UNIT_SERIAL}_3"), entry.entry_id
    )
    assert device is not None
    assert event.data["entry_id"] == entry.entry_id
    assert event.data["device_id"] == device.id
    entity = er.async_get(hass).async_get(event.data["entity_id"])
    assert entity is not None
    assert (entity.domain, entity.device_id) == ("event", device.id)
    assert event.data["printer_id"] == driver.printer_id
    assert event.data["slot"]["slot_no"] == 3
    assert event.data["identifiers"] == TAG
    assert event.data["meta"]["filament"]["name"] == "PLA Basic"
    assert event.data["event_id"]


async def test_an_event_of_a_direct_slot_names_its_device(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(direct=[{**EXTERNAL, "present": False}]))

    await async_deliver(hass, entry, spool_event("spool_inserted", 1, None))

    device = dr.async_get(hass).async_get_child_device_by_identifier(
        (DOMAIN, f"{SERIAL}_direct_1"), entry.entry_id
    )
    assert device is not None
    assert [event.data["device_id"] for event in on_the_bus] == [device.id]


async def test_an_event_names_the_unit_that_was_connected_at_that_time(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    hass.set_state(CoreState.starting)
    entry = make_entry()
    await async_set_up(hass, entry)
    other = unit_state(2, serial=OTHER_UNIT, label="B")
    await async_deliver(
        hass,
        entry,
        state(unit_state(), other),
        spool_event("spool_removed", 1),
        state(unit_state(2), other | {"ams_unit_no": 1}),
    )

    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()

    device = dr.async_get(hass).async_get_child_device_by_identifier(
        (DOMAIN, f"{SERIAL}_{UNIT_SERIAL}_1"), entry.entry_id
    )
    assert device is not None
    assert [event.data["device_id"] for event in on_the_bus] == [device.id]


async def test_entities_show_the_new_state_when_the_bus_event_fires(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    seen = []

    @callback
    def look(_: Event[Any]) -> None:
        seen.append(
            (
                entity_state(hass, STATUS_3).state,
                entity_state(hass, EVENT_3).attributes["event_type"],
            )
        )

    hass.bus.async_listen("filament_slots_spool_inserted", look)

    await async_deliver(hass, entry, spool_event("spool_inserted", 3))

    assert seen == [("unidentified", "spool_inserted")]


async def test_ams_state_is_not_fired_on_the_bus(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    await async_deliver(hass, entry, state())

    assert on_the_bus == []
    assert entity_state(hass, STATUS_3).state == "empty"


async def test_events_wait_in_order_until_home_assistant_has_started(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    hass.set_state(CoreState.starting)
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(
        hass,
        entry,
        state(),
        spool_event("spool_removed", 1),
        spool_event("spool_inserted", 3),
        spool_event("unknown_spool_detected", 3),
    )

    assert on_the_bus == []
    assert entity_state(hass, STATUS_3).state == "unidentified"
    assert entity_state(hass, EVENT_3).state == "unknown"

    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()

    assert [event.data["event_type"] for event in on_the_bus] == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]
    assert (
        entity_state(hass, EVENT_3).attributes["event_type"] == "unknown_spool_detected"
    )

    await async_deliver(hass, entry, spool_event("spool_removed", 3))
    assert on_the_bus[-1].data["event_type"] == "spool_removed"


async def test_an_entry_unloaded_before_the_start_fires_nothing_after_it(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    hass.set_state(CoreState.starting)
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(), spool_event("spool_removed", 1))
    await hass.config_entries.async_unload(entry.entry_id)

    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()

    assert on_the_bus == []


async def test_an_event_that_is_sent_twice_is_published_once(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    event = spool_event("spool_inserted", 3, event_id="01JBKZ0000000000000000000A")

    await async_deliver(hass, entry, state(), event, event)

    assert len(on_the_bus) == 1


async def test_events_and_health_may_come_from_any_thread(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())

    with ThreadPoolExecutor(1) as thread:
        thread.submit(driver.emit, spool_event("spool_inserted", 3)).result()
        thread.submit(driver.show, DriverStatus.RUNNING).result()
    await async_deliver(hass, entry)

    assert len(on_the_bus) == 1
    assert entity_state(hass, "binary_sensor.x1c_connected").state == "on"


async def test_an_event_does_not_change_another_printer(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    first, second = make_entry(), make_entry("00M09A000000002")
    await async_set_up(hass, first)
    await async_set_up(hass, second)
    await async_deliver(hass, first, state())
    await async_deliver(hass, second, state(unit_state(serial=OTHER_UNIT)))

    await async_deliver(hass, second, spool_event("spool_inserted", 3))

    assert [event.data["entry_id"] for event in on_the_bus] == [second.entry_id]
    assert entity_state(hass, STATUS_3).state == "empty"


async def test_refused_credentials_start_one_reauthentication(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    for _ in range(2):
        await async_show(
            hass, entry, DriverStatus.AUTH_FAILED, error=ErrorCode.INVALID_AUTH
        )

    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert flow["context"]["entry_id"] == entry.entry_id


async def test_log_messages_of_a_driver_name_its_printer(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    driver = await async_set_up(hass, make_entry())

    driver.services.log.warning("Printer is unavailable: %s", "timeout")

    assert "X1C: Printer is unavailable: timeout" in caplog.text


async def test_a_name_with_a_per_cent_sign_is_logged(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, title="100%d PLA")
    driver = await async_set_up(hass, entry)

    driver.services.log.warning("Printer is unavailable: %s", "timeout")

    assert "Printer is unavailable: timeout" in caplog.text


async def test_a_spool_event_names_its_place(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    devices = dr.async_get(hass)
    printer = devices.async_get_device_by_identifier((DOMAIN, SERIAL), entry.entry_id)
    slot = devices.async_get_child_device_by_identifier(
        (DOMAIN, f"{SERIAL}_{UNIT_SERIAL}_3"), entry.entry_id
    )
    assert printer is not None
    assert slot is not None

    await async_deliver(hass, entry, spool_event("spool_inserted", 3))
    devices.async_update_device(printer.id, name_by_user="Left one")
    await async_deliver(hass, entry, spool_event("spool_removed", 3))
    devices.async_update_child_device(slot.id, name_by_user="Top")
    await async_deliver(hass, entry, spool_event("spool_inserted", 3))

    assert [event.data["meta"]["place"] for event in on_the_bus] == [
        "X1C · A3",
        "Left one · A3",
        "Left one · Top",
    ]


async def test_the_unit_is_a_part_of_the_place_where_labels_repeat(
    hass: HomeAssistant, on_the_bus: list[Event[Any]]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    hubs = [
        unit_state(
            number,
            serial=f"HUB{number}",
            label=f"ACE {number}",
            model=None,
            slots=[{"slot_no": 1, "present": False, "label": "1"}],
        )
        for number in (1, 2)
    ]
    await async_deliver(hass, entry, state(*hubs))

    await async_deliver(hass, entry, spool_event("spool_inserted", 1, 2))

    [event] = on_the_bus
    assert event.data["meta"]["place"] == "X1C · ACE 2 · 1"


async def test_a_slot_of_a_unit_that_is_gone_is_named_as_it_was_reported(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    coordinator = entry.runtime_data

    assert coordinator.devices.place(None, "B2", coordinator.data) == "X1C · B2"
