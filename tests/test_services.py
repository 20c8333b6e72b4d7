"""Actions, as an automation calls them."""

from datetime import timedelta
import json
from pathlib import Path
import re
import sqlite3
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
import yaml

from custom_components.filament_slots import services, services_invoke, services_spools
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.tables.audit import read_audit
from custom_components.filament_slots.core.tables.row_writer import RowWriter
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.model import EventType, SlotStatus
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    AT,
    NO_TAG,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    driver_of,
    make_entry,
    slot_state,
    spool_event,
    state,
    state_of,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

FOLDER = Path(services.__file__).parent
ACTIONS = {
    "assign_spool",
    "expect_spool",
    "explain_slot",
    "find_spool",
    "suggest_spools",
    "get_events",
    "get_slots",
    "get_spools",
    "invoke",
    "refresh",
    "restart_driver",
}
OTHER_SERIAL = "00M09A000000002"
UNIT = f"{SERIAL}_{UNIT_SERIAL}"
FILAMENT = "sensor.x1c_ams_a_slot_a2_filament"
STATUS = "sensor.x1c_ams_a_slot_a2_status"
SPOOL: dict[str, Any] = {"external_id": "spoolman:12", "label": "Galaxy black"}


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer: a tagged spool in A1, one without a tag in A2."""
    return await async_connected_entry(hass)


def device_of(hass: HomeAssistant, entry: MockConfigEntry, unique_id: str) -> str:
    """Return the id of the device of a printer, a unit or a slot."""
    (device,) = (
        device
        for device in (
            *dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id),
            *dr.async_child_entries_for_config_entry(
                dr.async_get(hass), entry.entry_id
            ),
        )
        if (DOMAIN, unique_id) in device.identifiers
    )
    return device.id


async def ask(hass: HomeAssistant, action: str, **data: Any) -> Any:
    """Call an action and return its answer, which is plain JSON."""
    answer = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    await hass.async_block_till_done()
    return json.loads(json.dumps(answer))


async def refused(
    hass: HomeAssistant,
    action: str,
    error: type[HomeAssistantError] = ServiceValidationError,
    /,
    **data: Any,
) -> str | None:
    """Call an action that is refused with exactly this error; return its key."""
    with pytest.raises(HomeAssistantError) as raised:
        await ask(hass, action, **data)
    assert type(raised.value) is error
    return raised.value.translation_key


def labels(answer: dict[str, Any]) -> list[str]:
    """Return the labels of the slots."""
    return [slot["label"] for slot in answer["slots"]]


# The present state.


async def test_slots_are_returned_with_their_devices_entities_and_spools(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slots = (await ask(hass, "get_slots"))["slots"]

    first = slots[0]
    assert first | {"updated_at": None} == {
        "entry_id": entry.entry_id,
        "printer": "X1C",
        "printer_device_id": device_of(hass, entry, SERIAL),
        "unit_device_id": device_of(hass, entry, UNIT),
        "device_id": device_of(hass, entry, f"{UNIT}_1"),
        "unit": UNIT_SERIAL,
        "unit_label": "A",
        "is_ams_slot": True,
        "ams_unit_no": 1,
        "slot_no": 1,
        "label": "A1",
        "present": True,
        "status": "identified",
        "active": False,
        "identifiers": TAG,
        "assigned_external_id": None,
        "assigned_label": None,
        "filament": first["filament"],
        "spool": None,
        "linkable": False,
        "inserted_at": None,
        "updated_at": None,
        "age": 0,
        "entities": {
            "binary_sensor_active": "binary_sensor.x1c_ams_a_slot_a1_active",
            "binary_sensor_spool": "binary_sensor.x1c_ams_a_slot_a1_spool_present",
            "event_spool": "event.x1c_ams_a_slot_a1_spool_change",
            "sensor_filament": "sensor.x1c_ams_a_slot_a1_filament",
            "sensor_remaining": "sensor.x1c_ams_a_slot_a1_remaining",
            "sensor_status": "sensor.x1c_ams_a_slot_a1_status",
        },
    }
    assert first["filament"]["name"] == "PLA Basic"
    external = slots[-1]
    assert external["unit_device_id"] is external["unit_label"] is None
    assert external["status"] is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["A1", "A2", "A3", "A4", "Ext"]),
        ({"present": True}, ["A1", "A2"]),
        ({"present": "false"}, ["A3", "A4"]),
        ({"status": "unidentified"}, ["A2"]),
        ({"status": ["unidentified", "empty"]}, ["A2", "A3", "A4"]),
        ({"status": "empty", "present": True}, []),
    ],
)
async def test_slots_are_filtered(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wanted: dict[str, Any],
    found: list[str],
) -> None:
    assert labels(await ask(hass, "get_slots", **wanted)) == found


async def test_slots_are_those_of_the_given_devices_each_once(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    other = make_entry(OTHER_SERIAL)
    await async_set_up(hass, other)
    await async_deliver(hass, other, state(unit_state(serial="OTHER")))

    async def named(*unique_ids: str) -> list[str]:
        devices = [device_of(hass, entry, unique_id) for unique_id in unique_ids]
        return labels(await ask(hass, "get_slots", device_id=devices))

    assert len((await ask(hass, "get_slots"))["slots"]) == 9
    assert await named(SERIAL) == ["A1", "A2", "A3", "A4", "Ext"]
    assert await named(UNIT) == ["A1", "A2", "A3", "A4"]
    assert await named(f"{SERIAL}_direct_1") == ["Ext"]
    assert await named(f"{UNIT}_3", UNIT) == ["A3", "A1", "A2", "A4"]


async def test_slots_of_a_disconnected_printer_have_an_age(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-01T13:00:00+00:00")
    await async_show(hass, entry, DriverStatus.RECONNECTING, last_message_at=AT)
    silent = make_entry(OTHER_SERIAL)
    await async_set_up(hass, silent)

    assert {slot["age"] for slot in (await ask(hass, "get_slots"))["slots"]} == {3600}

    with patch.object(type(silent.runtime_data), "last_seen", None):
        slots = (await ask(hass, "get_slots"))["slots"]
    assert {slot["age"] for slot in slots} == {None}


async def test_devices_that_belong_to_no_printer_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    foreign = MockConfigEntry(domain="other")
    foreign.add_to_hass(hass)
    registry = dr.async_get(hass)
    stranger = registry.async_get_or_create(
        config_entry_id=foreign.entry_id, identifiers={("other", "1")}
    )
    gone = registry.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "gone")}, name="Gone"
    )

    for device_id, key in (
        ("nonsense", "service_device_not_found"),
        (stranger.id, "service_device_wrong_domain"),
        (gone.id, "device_gone"),
    ):
        assert await refused(hass, "get_slots", device_id=device_id) == key
    device_id = device_of(hass, entry, SERIAL)
    await hass.config_entries.async_unload(entry.entry_id)
    assert (
        await refused(hass, "get_slots", device_id=device_id)
        == "service_config_entry_not_loaded"
    )


# History.


@pytest.fixture
async def history(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Three more events after the first state."""
    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 1, identifiers=TAG, event_at="2026-11-01T12:01Z"),
        spool_event("spool_inserted", 3, event_at="2026-11-01T12:02Z"),
        spool_event("spool_inserted", 1, None, event_at="2026-11-01T12:03Z"),
    )
    return entry


def happened(answer: dict[str, Any]) -> list[tuple[str, int | None]]:
    """Return what happened, and in which slot."""
    return [
        (event["event_type"], event.get("slot", {}).get("slot_no"))
        for event in answer["events"]
    ]


STATE, OUT, IN, DIRECT = (
    ("ams_state", None),
    ("spool_removed", 1),
    ("spool_inserted", 3),
    ("spool_inserted", 1),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [DIRECT, IN, OUT, STATE]),
        ({"order": "oldest"}, [STATE, OUT, IN, DIRECT]),
        ({"device_id": SERIAL}, [DIRECT, IN, OUT, STATE]),
        ({"device_id": UNIT}, [IN, OUT, STATE]),
        ({"device_id": f"{UNIT}_1"}, [OUT, STATE]),
        ({"device_id": f"{SERIAL}_direct_1"}, [DIRECT]),
        ({"event_type": "spool_removed"}, [OUT]),
        ({"event_type": ["spool_removed", "ams_state"]}, [OUT, STATE]),
        ({"external_id": TAG["external_id"]}, [OUT, STATE]),
        ({"external_id": "spoolman:99"}, []),
        ({"start_time": "2026-11-01T12:02:00+00:00"}, [DIRECT, IN]),
        ({"start_time": "2026-11-01 04:01:00", "limit": 1}, [DIRECT]),
        ({"end_time": "2026-11-01 04:02:00"}, [OUT, STATE]),
    ],
)
async def test_events_are_filtered_and_ordered(
    hass: HomeAssistant,
    history: MockConfigEntry,
    wanted: dict[str, Any],
    found: list[tuple[str, int | None]],
) -> None:
    """A time without a zone is Home Assistant's, here eight hours behind UTC."""
    if "device_id" in wanted:
        wanted = {"device_id": device_of(hass, history, wanted["device_id"])}

    answer = await ask(hass, "get_events", **wanted)

    assert happened(answer) == found
    assert {event["entry_id"] for event in answer["events"]} <= {history.entry_id}


async def test_events_come_in_pages(
    hass: HomeAssistant, history: MockConfigEntry
) -> None:
    first = await ask(hass, "get_events", limit=3)
    second = await ask(hass, "get_events", limit=3, cursor=first["next_cursor"])

    assert happened(first) == [DIRECT, IN, OUT]
    assert happened(second) == [STATE]
    assert second["next_cursor"] is None


async def test_events_of_a_removed_printer_are_kept(
    hass: HomeAssistant, history: MockConfigEntry
) -> None:
    other = make_entry(OTHER_SERIAL)
    await async_set_up(hass, other)
    await hass.config_entries.async_remove(history.entry_id)

    answer = await ask(hass, "get_events")

    assert happened(answer) == [DIRECT, IN, OUT, STATE]
    assert {event["entry_id"] for event in answer["events"]} == {None}


async def test_a_history_that_cannot_be_read_is_a_failure(
    hass: HomeAssistant, history: MockConfigEntry
) -> None:
    with patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)):
        key = await refused(hass, "get_events", HomeAssistantError)

    assert key == "history_unavailable"


async def test_without_a_printer_history_and_expectations_are_refused(
    hass: HomeAssistant,
) -> None:
    """The actions are registered all the same, so that automations can be validated."""
    assert await async_setup_component(hass, DOMAIN, {})

    assert set(hass.services.async_services_for_domain(DOMAIN)) >= ACTIONS
    assert await ask(hass, "get_slots") == {"slots": []}
    assert await refused(hass, "get_events") == "no_printer_loaded"
    assert await refused(hass, "expect_spool", **SPOOL) == "no_printer_loaded"


# The driver.


async def test_a_printer_is_asked_for_a_report_once_a_minute_at_most(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """Through any of its devices. Asking sooner is no error."""
    printer = device_of(hass, entry, SERIAL)
    devices = [device_of(hass, entry, f"{UNIT}_1"), printer]
    driver = driver_of(entry)

    async def refreshed() -> bool:
        answer = await ask(hass, "refresh", device_id=devices)
        [printer_answer] = answer["printers"]
        assert printer_answer["entry_id"] == entry.entry_id
        assert printer_answer["device_id"] == printer
        done: bool = printer_answer["refreshed"]
        return done

    assert await refreshed()
    assert driver.synced == 1
    freezer.tick(59)
    assert not await refreshed()
    assert driver.synced == 1
    freezer.tick(1)
    assert await refreshed()
    assert driver.synced == 2


async def test_a_printer_that_is_not_connected_cannot_be_refreshed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Then no other printer is, either."""
    other = make_entry(OTHER_SERIAL)
    await async_set_up(hass, other)
    devices = [device_of(hass, entry, SERIAL), device_of(hass, other, OTHER_SERIAL)]

    key = await refused(hass, "refresh", HomeAssistantError, device_id=devices)

    assert key == "not_connected"
    assert driver_of(entry).synced == 0


async def test_a_driver_restarts_and_entities_stay(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    states = async_capture_events(hass, "state_changed")
    driver = driver_of(entry)
    printer = device_of(hass, entry, SERIAL)

    answer = await ask(hass, "restart_driver", device_id=printer)

    assert answer == {"printers": [{"entry_id": entry.entry_id, "device_id": printer}]}
    assert driver_of(entry) is driver
    assert (driver.stopped, driver.started) == (1, 2)
    assert all(
        change.data["new_state"].state != STATE_UNAVAILABLE
        for change in states
        if "_slot_" in change.data["entity_id"]
    )


async def test_the_driver_of_an_unloaded_entry_does_not_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    coordinator, driver = entry.runtime_data, driver_of(entry)
    await hass.config_entries.async_unload(entry.entry_id)

    await coordinator.async_restart_driver()

    assert driver.started == 1


# Assigned and expected spools.


async def test_an_assigned_spool_shows_at_once(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")
    bus = async_capture_events(hass, "filament_slots_spool_inserted")

    answer = await ask(hass, "assign_spool", device_id=slot, **SPOOL)

    assert answer["slot"]["assigned_external_id"] == "spoolman:12"
    assert answer["slot"]["assigned_label"] == "Galaxy black"
    assert answer["slot"]["identifiers"] == NO_TAG
    assert state_of(hass, STATUS).state == "identified"
    assert state_of(hass, FILAMENT).state == "Galaxy black"
    assert state_of(hass, FILAMENT).attributes["external_id"] == "spoolman:12"
    assert state_of(hass, "sensor.x1c_unidentified_spools").state == "0"
    assert not bus


async def test_an_assigned_spool_shows_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")
    await ask(hass, "assign_spool", device_id=slot, **SPOOL)

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    assert state_of(hass, STATUS).state == "identified"
    assert state_of(hass, FILAMENT).state == "Galaxy black"
    stored = driver_of(entry).services.stored
    assert [each.identifiers.known for each in stored if each.slot_no == 2] == [False]


async def test_an_assignment_can_be_removed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")
    await ask(hass, "assign_spool", device_id=slot, external_id="spoolman:12")

    await ask(hass, "assign_spool", device_id=slot)

    assert state_of(hass, STATUS).state == "unidentified"
    assert state_of(hass, FILAMENT).state == "PETG"


async def test_a_tag_and_a_removal_end_an_assignment(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The removal event names the assigned spool."""
    slot = device_of(hass, entry, f"{UNIT}_2")
    removals = async_capture_events(hass, "filament_slots_spool_removed")
    await ask(hass, "assign_spool", device_id=slot, **SPOOL)
    tagged = unit_state(slots=[slot_state(2, True, identifiers=TAG)])
    await async_deliver(hass, entry, state(tagged))
    assert state_of(hass, FILAMENT).attributes["external_id"] == TAG["external_id"]
    untagged = unit_state(slots=[slot_state(2, True, identifiers=NO_TAG)])
    await async_deliver(hass, entry, state(untagged))
    assert state_of(hass, STATUS).state == "unidentified"

    await ask(hass, "assign_spool", device_id=slot, **SPOOL)
    await async_deliver(hass, entry, spool_event("spool_removed", 2))

    assert state_of(hass, STATUS).state == "empty"
    [removal] = removals
    assert removal.data["meta"]["assigned"] == SPOOL
    assert removal.data["device_id"] == slot


@pytest.mark.parametrize(
    ("unique_id", "spool", "key"),
    [
        (f"{UNIT}_3", SPOOL, "slot_empty"),
        (f"{UNIT}_1", SPOOL, "slot_identified"),
        (UNIT, SPOOL, "not_a_slot"),
        (SERIAL, {}, "not_a_slot"),
    ],
)
async def test_a_spool_can_be_assigned_only_to_an_unidentified_one(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    unique_id: str,
    spool: dict[str, Any],
    key: str,
) -> None:
    device = device_of(hass, entry, unique_id)

    assert await refused(hass, "assign_spool", device_id=device, **spool) == key


async def test_a_label_alone_is_a_new_spool_with_an_id_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Two spools may have one name."""
    slot = device_of(hass, entry, f"{UNIT}_2")
    found = set()
    for _ in range(2):
        answer = await ask(hass, "assign_spool", device_id=slot, label="Black")
        assert answer["slot"]["assigned_label"] == "Black"
        found.add(answer["slot"]["assigned_external_id"])

    assert len(found) == 2
    assert all(re.fullmatch(r"local:[0-9A-Z]{26}", each) for each in found)


async def test_a_new_spool_is_expected_by_its_name(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(AT)
    await ask(hass, "expect_spool", label="Silver")
    await async_deliver(hass, entry, spool_event("spool_inserted", 3))

    assert state_of(hass, "sensor.x1c_ams_a_slot_a3_filament").state == "Silver"


async def test_an_assignment_that_cannot_be_stored_is_a_failure(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")

    with patch.object(RowWriter, "record", side_effect=sqlite3.OperationalError):
        key = await refused(
            hass, "assign_spool", HomeAssistantError, device_id=slot, **SPOOL
        )

    assert key == "not_saved"
    assert state_of(hass, STATUS).state == "unidentified"


async def test_the_next_unidentified_spool_is_the_expected_one(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """The event names it, and no unknown spool is reported."""
    freezer.move_to("2026-11-01T11:59:00+00:00")
    insertions = async_capture_events(hass, "filament_slots_spool_inserted")
    unknowns = async_capture_events(hass, "filament_slots_unknown_spool_detected")
    seen: list[str] = []

    @callback
    def look(event: Event) -> None:
        seen.append(state_of(hass, "sensor.x1c_ams_a_slot_a3_status").state)

    hass.bus.async_listen("filament_slots_spool_inserted", look)
    answer = await ask(
        hass, "expect_spool", device_id=device_of(hass, entry, SERIAL), **SPOOL
    )
    assert answer == {
        "expires_at": "2026-11-01T12:04:00Z",
        "external_id": "spoolman:12",
        "name": "Galaxy black",
    }

    await async_deliver(
        hass,
        entry,
        spool_event("spool_inserted", 4, identifiers=TAG),
        spool_event("spool_inserted", 3),
        spool_event("unknown_spool_detected", 3),
    )

    tagged, expected = insertions
    assert tagged.data["meta"]["assigned"] == {}
    assert expected.data["meta"]["assigned"] == SPOOL
    assert expected.data["identifiers"] == NO_TAG
    assert seen[1] == "identified"
    assert state_of(hass, "sensor.x1c_ams_a_slot_a3_filament").state == "Galaxy black"
    assert not unknowns
    found = await ask(hass, "get_events", external_id="spoolman:12")
    assert happened(found) == [("spool_inserted", 3)]


async def test_a_spool_expected_without_a_printer_may_be_inserted_in_any(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-01T11:59:30+00:00")
    other = make_entry(OTHER_SERIAL)
    await async_set_up(hass, other)
    insertions = async_capture_events(hass, "filament_slots_spool_inserted")

    await ask(hass, "expect_spool", external_id="spoolman:12", timeout={"seconds": 29})
    await async_deliver(hass, other, spool_event("spool_inserted", 1))
    await ask(hass, "expect_spool", external_id="spoolman:12", timeout="00:00:31")
    await async_deliver(hass, other, spool_event("spool_inserted", 2))

    late, expected = insertions
    assert late.data["meta"]["assigned"] == {}
    assert expected.data["meta"]["assigned"] == {
        "external_id": "spoolman:12",
        "label": None,
    }


async def test_an_announcement_is_withdrawn_without_a_spool(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """On the printer, or on any."""
    freezer.move_to("2026-11-01T11:59:30+00:00")
    printer = device_of(hass, entry, SERIAL)
    insertions = async_capture_events(hass, "filament_slots_spool_inserted")
    for where in ({"device_id": printer}, {}):
        await ask(hass, "expect_spool", **where, **SPOOL)
        answer = await ask(hass, "expect_spool", **where)
        assert set(answer.values()) == {None}

    await async_deliver(hass, entry, spool_event("spool_inserted", 3))

    assert insertions[0].data["meta"]["assigned"] == {}


async def test_a_spool_cannot_be_expected_by_a_unit_or_a_slot(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for unique_id in (UNIT, f"{UNIT}_1"):
        device = device_of(hass, entry, unique_id)
        key = await refused(hass, "expect_spool", device_id=device, **SPOOL)
        assert key == "not_a_printer"


async def test_the_audit_contains_every_change_with_user_and_result(
    hass: HomeAssistant, entry: MockConfigEntry, hass_admin_user: User
) -> None:
    """Actions that only read or refresh are not stored."""
    slot = device_of(hass, entry, f"{UNIT}_3")
    data = {**SPOOL, "timeout": "00:03:00"}
    anna = hass_admin_user.id
    await hass.services.async_call(
        DOMAIN, "expect_spool", data, True, Context(user_id=anna)
    )
    await refused(hass, "assign_spool", device_id=slot, **SPOOL)
    await ask(hass, "refresh", device_id=slot)
    await ask(hass, "get_slots")
    await ask(hass, "restart_driver", device_id=slot)

    restarted, assigned, expected = await read_audit(async_shared_core(hass).store)

    assert (expected.user_id, expected.action) == (anna, "expect_spool")
    assert expected.details == {**SPOOL, "timeout": "0:03:00"}
    assert expected.result.keys() == {"expires_at", "external_id", "name"}
    assert (assigned.user_id, assigned.action) == (None, "assign_spool")
    assert assigned.result == {"error": "slot_empty"}
    assert restarted.action == "restart_driver"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("get_slots", {"status": "full"}),
        ("get_slots", {"slot": 1}),
        ("get_events", {"limit": 0}),
        ("get_events", {"limit": 501}),
        ("get_events", {"cursor": -1}),
        ("get_events", {"event_type": "spool_eaten"}),
        ("get_events", {"order": "random"}),
        ("get_events", {"start_time": "yesterday"}),
        ("refresh", {}),
        ("restart_driver", {}),
        ("assign_spool", {**SPOOL}),
        ("assign_spool", {**SPOOL, "device_id": "x", "label": " "}),
        ("assign_spool", {**SPOOL, "device_id": "x", "label": "x" * 65}),
        ("expect_spool", {**SPOOL, "label": " "}),
        ("expect_spool", {**SPOOL, "timeout": 0}),
        ("expect_spool", {**SPOOL, "timeout": {"days": 2}}),
        ("expect_spool", {**SPOOL, "timeout": {"days": 10**12}}),
    ],
)
async def test_invalid_data_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, action: str, data: dict[str, Any]
) -> None:
    with pytest.raises(probatio.Invalid):
        await ask(hass, action, **data)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("12", "spoolman:12"),
        (12, "spoolman:12"),
        ("012", "spoolman:12"),
        (" Spoolman:12 ", "spoolman:12"),
        ("SPOOLMAN : 12", "spoolman:12"),
        ("drybox:Left Shelf", "drybox:Left Shelf"),
    ],
)
async def test_a_spool_id_is_taken_as_people_type_it(
    hass: HomeAssistant, entry: MockConfigEntry, typed: str | int, stored: str
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")

    answer = await ask(hass, "assign_spool", device_id=slot, external_id=typed)

    assert answer["slot"]["assigned_external_id"] == stored


@pytest.mark.parametrize(
    "typed", ["", "nonsense", "spoolman: ", ":12", "-1", "1.5", f"a:{'b' * 127}"]
)
async def test_a_spool_id_that_names_no_system_is_refused_in_words(
    hass: HomeAssistant, entry: MockConfigEntry, typed: str
) -> None:
    slot = device_of(hass, entry, f"{UNIT}_2")

    with pytest.raises(ServiceValidationError) as caught:
        await ask(hass, "assign_spool", device_id=slot, external_id=typed)

    assert caught.value.translation_key == "invalid_spool_id"


# Texts and documentation.


def test_every_action_has_texts_selectors_and_an_icon() -> None:
    described = yaml.safe_load((FOLDER / "services.yaml").read_text())
    icons = json.loads((FOLDER / "icons.json").read_text())["services"]
    texts = json.loads((FOLDER / "translations" / "en.json").read_text())

    for action in ACTIONS:
        text = texts["services"][action]
        assert text["name"]
        assert text["description"]
        assert icons[action]["service"].startswith("mdi:")
        fields = described[action]["fields"]
        assert set(fields) == set(text["fields"])
        for field in fields.values():
            (selector,) = field["selector"].values()
            if selector and (key := selector.get("translation_key")):
                assert set(selector["options"]) == set(
                    texts["selector"][key]["options"]
                )


def test_the_described_fields_are_those_of_the_schemas() -> None:
    described = yaml.safe_load((FOLDER / "services.yaml").read_text())
    schemas = {
        "get_slots": services._GET_SLOTS,
        "get_spools": services_spools._GET_SPOOLS,
        "find_spool": services_spools._FIND_SPOOL,
        "suggest_spools": services_spools._SUGGEST_SPOOLS,
        "get_events": services._GET_EVENTS,
        "explain_slot": services._EXPLAIN,
        "refresh": services._PRINTERS,
        "restart_driver": services._PRINTERS,
        "invoke": services_invoke._INVOKE,
        "assign_spool": services._ASSIGN,
        "expect_spool": services._EXPECT,
    }

    assert schemas.keys() == ACTIONS
    for action, schema in schemas.items():
        fields = described[action]["fields"]
        assert {str(key) for key in schema.schema} == set(fields)
        for key in schema.schema:
            required = isinstance(key, probatio.Required)
            assert required == fields[str(key)].get("required", False)
    options = described["get_slots"]["fields"]["status"]["selector"]["select"]
    assert set(options["options"]) == set(SlotStatus)
    options = described["get_events"]["fields"]["event_type"]["selector"]["select"]
    assert set(options["options"]) == set(EventType)
    timeout = described["expect_spool"]["fields"]["timeout"]["default"]
    default = services._EXPECT({"external_id": "spoolman:1"})["timeout"]
    assert timedelta(**timeout) == default


def test_the_documentation_has_every_field_and_an_example_of_each_action() -> None:
    text = (FOLDER.parent.parent / "docs" / "actions.md").read_text()
    described = yaml.safe_load((FOLDER / "services.yaml").read_text())

    for action in ACTIONS:
        section = text.split(f"## `filament_slots.{action}`")[1].split("\n## ")[0]
        for field in described[action]["fields"]:
            assert f"`{field}`" in section
        examples = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
        assert examples
        assert all(yaml.safe_load(example) for example in examples)
