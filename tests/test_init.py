"""Entries: set-up and unloading, devices, migration, and stored data."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
import sqlite3
import threading
import time
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.coordinator import is_loaded
from custom_components.filament_slots.devices import unit_title
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.timings import Timings
from custom_components.filament_slots.model import StoredUnit

from .common import (
    EXTERNAL,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    async_show,
    driver_of,
    entity_state,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

OTHER_SERIAL = "00M09A000000002"
SLOT_1 = "sensor.x1c_ams_a_slot_a1_status"


def _state(entry: MockConfigEntry) -> ConfigEntryState:
    """Return the state the entry is in now."""
    return entry.state


def _database(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", "filament_slots", "filament_slots.db"))


def _rows(hass: HomeAssistant, query: str) -> list[tuple[Any, ...]]:
    """Read the store as another program would."""
    with sqlite3.connect(_database(hass)) as db:
        rows = db.execute(query).fetchall()
    db.close()
    return rows


def _our_threads() -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith("filament_slots")
    ]


async def test_an_entry_loads_with_the_printer_off(hass: HomeAssistant) -> None:
    entry = make_entry()

    driver = await async_set_up(hass, entry)

    assert entry.state is ConfigEntryState.LOADED
    assert driver.started == 1
    assert driver.config.serial == SERIAL
    assert driver.config.certificate == "certificate"
    assert entity_state(hass, "binary_sensor.x1c_connected").state == "off"


async def test_a_further_entry_takes_no_thread_to_set_up(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await async_set_up(hass, make_entry())
    jobs = []
    run = hass.loop.run_in_executor

    def run_in_executor(
        executor: Executor | None, job: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if executor is None:
            jobs.append(job)
        return run(executor, job, *args)

    monkeypatch.setattr(hass.loop, "run_in_executor", run_in_executor)

    await async_set_up(hass, make_entry(OTHER_SERIAL))

    assert jobs == []


async def test_setting_up_an_entry_takes_less_than_100_ms_of_cpu_time(
    hass: HomeAssistant,
) -> None:
    """And waits for nothing: it takes less than a second even on a busy machine."""
    entry = make_entry()
    await async_set_up(hass, entry)
    units = [unit_state(number, serial=f"UNIT{number}") for number in range(1, 5)]
    await async_deliver(hass, entry, state(*units, direct=[EXTERNAL]))
    cpu, wall = [], []

    # Garbage collection and other load can only make it longer.
    for _ in range(5):
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        before = time.process_time(), time.perf_counter()
        assert await hass.config_entries.async_setup(entry.entry_id)
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])

    assert min(cpu) < 0.1, cpu
    assert min(wall) < 1, wall


async def test_the_driver_starts_after_all_platforms_are_set_up(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    await hass.config_entries.async_unload(entry.entry_id)
    seen = []

    async def note_states(_: Any) -> None:
        seen.append(entity_state(hass, SLOT_1).state)

    with patch(
        "custom_components.filament_slots.drivers.scripted.driver.Driver.start",
        note_states,
    ):
        await async_set_up(hass, entry)

    assert seen == ["identified"]


async def test_the_driver_and_the_entities_start_with_the_stored_state(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(direct=[EXTERNAL]))
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    driver = await async_set_up(hass, entry)

    stored = {slot.key: slot for slot in driver.services.stored}
    assert set(stored) == {*((UNIT_SERIAL, slot) for slot in range(1, 5)), (None, 1)}
    assert stored[UNIT_SERIAL, 1].identifiers.rfid_uid == TAG["rfid_uid"]
    assert driver.services.last_seen is not None
    assert entity_state(hass, SLOT_1).state == "identified"


async def test_reloading_leaves_nothing_behind(hass: HomeAssistant) -> None:
    entry = make_entry()
    first = await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    threads = sorted(_our_threads())
    tasks = len(asyncio.all_tasks())

    for _ in range(3):
        assert await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()

    assert first.stopped == 1
    assert driver_of(entry) is not first
    assert sorted(_our_threads()) == threads
    assert len(asyncio.all_tasks()) == tasks


async def test_unloading_leaves_nothing_and_fires_nothing(hass: HomeAssistant) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    fired = [
        async_capture_events(hass, f"{DOMAIN}_{event_type}")
        for event_type in ("spool_inserted", "spool_removed", "unknown_spool_detected")
    ]

    assert await hass.config_entries.async_unload(entry.entry_id)
    driver.emit(spool_event("spool_removed", 1))
    driver.show(DriverStatus.AUTH_FAILED)
    await hass.async_block_till_done()

    assert driver.stopped == 1
    assert fired == [[], [], []]
    assert _our_threads() == []
    assert not hass.config_entries.flow.async_progress()


async def test_the_last_event_of_a_stopping_driver_is_stored_and_published(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    removed = async_capture_events(hass, "filament_slots_spool_removed")
    driver.at_stop = spool_event("spool_removed", 1)

    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    assert len(removed) == 1
    assert await async_set_up(hass, entry)
    assert entity_state(hass, SLOT_1).state == "empty"


async def test_stopping_home_assistant_stops_drivers_and_closes_the_store(
    hass: HomeAssistant,
) -> None:
    entries = [make_entry(), make_entry(OTHER_SERIAL)]
    drivers = [await async_set_up(hass, entry) for entry in entries]

    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()

    assert [driver.stopped for driver in drivers] == [1, 1]
    assert _our_threads() == []

    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert [driver.stopped for driver in drivers] == [1, 1]


async def test_all_printers_share_one_store(hass: HomeAssistant) -> None:
    first, second = make_entry(), make_entry(OTHER_SERIAL)
    await async_set_up(hass, first)
    threads = _our_threads()
    await async_set_up(hass, second)
    assert _our_threads() == threads

    await hass.config_entries.async_unload(first.entry_id)
    await async_deliver(hass, second, state())
    assert _rows(hass, "SELECT count(*) FROM ams_units") == [(1,)]

    await hass.config_entries.async_unload(second.entry_id)
    assert _our_threads() == []


async def test_entries_set_up_at_the_same_time_open_the_store_once(
    hass: HomeAssistant,
) -> None:
    entries = [make_entry(f"00M09A00000001{n}") for n in range(5)]
    for entry in entries:
        entry.add_to_hass(hass)

    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()

    assert {entry.state for entry in entries} == {ConfigEntryState.LOADED}
    assert len([name for name in _our_threads() if "write" in name]) == 1


async def test_the_store_is_never_opened_on_the_event_loop(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_thread = threading.get_ident()
    threads = []
    connect = sqlite3.connect

    def note_thread(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        threads.append(threading.get_ident())
        db: sqlite3.Connection = connect(*args, **kwargs)
        return db

    monkeypatch.setattr(sqlite3, "connect", note_thread)
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    await hass.config_entries.async_remove(entry.entry_id)

    assert threads
    assert loop_thread not in threads


async def test_a_disabled_printer_is_not_active(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    assert _rows(hass, "SELECT is_active, deleted_at FROM printers") == [(0, None)]

    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()
    assert _rows(hass, "SELECT is_active, deleted_at FROM printers") == [(1, None)]


async def test_a_printer_that_is_added_again_has_its_history(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    printer_id = (await async_set_up(hass, entry)).printer_id
    await async_deliver(hass, entry, state())

    await hass.config_entries.async_remove(entry.entry_id)
    [(deleted_at,)] = _rows(hass, "SELECT deleted_at FROM printers")
    assert deleted_at is not None
    assert _our_threads() == []

    again = make_entry()
    driver = await async_set_up(hass, again)
    assert driver.printer_id == printer_id
    assert _rows(hass, "SELECT is_active, deleted_at FROM printers") == [(1, None)]
    assert entity_state(hass, SLOT_1).state == "identified"


# What keeps an entry from loading.


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"port": 70000}, "invalid_config"),
        ({"access_code": ""}, "invalid_config"),
        ({"surplus": "value"}, "invalid_config"),
    ],
)
async def test_an_invalid_entry_fails_with_the_reason(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    data: dict[str, Any],
    key: str,
) -> None:
    entry = make_entry(**data)
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == key
    assert _our_threads() == []
    assert (
        len(
            [
                r
                for r in caplog.records
                if r.levelname in ("WARNING", "ERROR") and "X1C" in r.getMessage()
            ]
        )
        == 1
    )
    assert "12345678" not in caplog.text


async def test_a_broken_driver_fails_its_entries_and_no_others(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    with patch(
        "custom_components.filament_slots.load_driver",
        side_effect=DriverError(ErrorCode.DRIVER_BROKEN),
    ):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "driver_broken"

    other = make_entry(OTHER_SERIAL)
    await async_set_up(hass, other)
    assert other.state is ConfigEntryState.LOADED


async def test_a_store_of_a_newer_version_is_not_changed(hass: HomeAssistant) -> None:
    path = _database(hass)
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    entry = make_entry()
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "store_newer"
    assert _rows(hass, "PRAGMA user_version") == [(999,)]


async def test_set_up_is_retried_if_the_store_cannot_be_opened(
    hass: HomeAssistant,
) -> None:
    path = _database(hass)
    path.mkdir(parents=True)
    entry = make_entry()
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)

    assert _state(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "store_failed"

    path.rmdir()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert _state(entry) is ConfigEntryState.LOADED


async def test_a_platform_that_fails_leaves_nothing_running(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    entry.add_to_hass(hass)
    with patch.object(
        hass.config_entries, "async_forward_entry_setups", side_effect=ZeroDivisionError
    ):
        assert not await hass.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert _our_threads() == []


# Devices.


def _tree(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, list[str]]:
    """Return the names of the devices under each device."""
    registry = dr.async_get(hass)
    tree: dict[str, list[str]] = {}
    for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
        children = dr.async_entries_for_parent_device(registry, device.id)
        tree[str(device.name)] = sorted(str(child.name) for child in children)
    return tree


def _unit_device(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{SERIAL}_{UNIT_SERIAL}"), entry.entry_id
    )
    assert device is not None
    return device


async def test_the_name_that_a_unit_is_known_by_is_no_serial_number(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(unit_state(label=UNIT_SERIAL)))
    assert _unit_device(hass, entry).serial_number is None


async def test_a_printer_has_units_and_units_have_slots(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    assert _tree(hass, entry) == {"X1C": []}

    await async_deliver(hass, entry, state(direct=[EXTERNAL]))

    assert _tree(hass, entry) == {
        "X1C": ["Slot Ext"],
        "X1C AMS A": ["Slot A1", "Slot A2", "Slot A3", "Slot A4"],
    }
    printer = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, SERIAL), entry.entry_id
    )
    unit = _unit_device(hass, entry)
    assert printer is not None
    assert unit.via_device_id == printer.id
    assert unit.serial_number == UNIT_SERIAL
    assert unit.model == "AMS"
    assert printer.model == "X1C"


async def test_the_device_shows_the_reported_model_and_firmware(
    hass: HomeAssistant,
) -> None:
    entry = make_entry(model=None)
    await async_set_up(hass, entry)

    await async_show(
        hass,
        entry,
        DriverStatus.RUNNING,
        versions={
            "model": "P1S",
            "firmware": "01.08.00.00",
            "hardware": "AP04",
            "mac": "B827EB012345",
        },
    )

    printer = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, SERIAL), entry.entry_id
    )
    assert printer is not None
    assert printer.model == "P1S"
    assert printer.sw_version == "01.08.00.00"
    assert printer.hw_version == "AP04"
    assert printer.connections == {("mac", "b8:27:eb:01:23:45")}


async def test_a_unit_shows_the_versions_that_the_printer_reports_for_its_serial(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    assert _unit_device(hass, entry).sw_version is None

    await async_show(
        hass,
        entry,
        DriverStatus.RUNNING,
        units=[
            {"serial": "OTHER", "firmware": "9", "hardware": "9"},
            {"serial": UNIT_SERIAL, "firmware": "00.00.06.49", "hardware": "AMS08"},
        ],
    )

    unit = _unit_device(hass, entry)
    assert unit.sw_version == "00.00.06.49"
    assert unit.hw_version == "AMS08"


async def test_printer_and_units_have_the_manufacturer_and_the_page_of_the_driver(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(await async_set_up(hass, make_entry(OTHER_SERIAL)))
    monkeypatch.setattr(kind, "manufacturer", "Maker")
    monkeypatch.setattr(kind, "page", "http://printer.local:7125/")
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())

    unit = _unit_device(hass, entry)
    printer = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, SERIAL), entry.entry_id
    )
    assert printer is not None
    assert printer.manufacturer == unit.manufacturer == "Maker"
    assert printer.configuration_url == "http://printer.local:7125/"
    assert unit.configuration_url is None


@pytest.mark.parametrize(
    ("serials", "names"),
    [
        (
            ("00600A000000001", "00600A000000002"),
            {"X1C AMS A (0001)", "X1C AMS A (0002)"},
        ),
        (("00600A110001", "00600A220001"), {"X1C AMS A (1)", "X1C AMS A (2)"}),
        ((None, None), {"X1C AMS A (1)", "X1C AMS A (2)"}),
    ],
    ids=["serials", "serials that end alike", "no serials"],
)
async def test_units_of_one_name_have_different_names(
    hass: HomeAssistant, serials: tuple[str | None, str | None], names: set[str]
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    first, second = serials

    await async_deliver(
        hass, entry, state(unit_state(1, serial=first), unit_state(2, serial=second))
    )

    assert set(_tree(hass, entry)) == {"X1C"} | names


async def test_a_unit_without_a_name_gets_its_device_with_the_name(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    """The ids of its entities keep the first name of the device permanently."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, spool_event("spool_inserted", 1))
    assert _tree(hass, entry) == {"X1C": []}

    await async_deliver(hass, entry, state())

    assert "X1C AMS A" in _tree(hass, entry)
    assert {
        entity.entity_id.partition(".")[2].removeprefix("x1c_ams_")[:1]
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if "_ams_" in entity.entity_id
    } == {"a"}


async def test_devices_follow_a_name_that_is_learnt_later(hass: HomeAssistant) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(unit_state(label=None, model=None)))
    assert _unit_device(hass, entry).name == "X1C AMS 1"

    await async_deliver(hass, entry, state(unit_state(2, label="B", model="AMS 2 Pro")))

    assert _unit_device(hass, entry).name == "X1C AMS 2 Pro B"


@pytest.mark.parametrize(
    ("model", "label", "title"),
    [
        ("AMS", "A", "AMS A"),
        ("AMS 2 Pro", "B", "AMS 2 Pro B"),
        ("AMS HT", "HT-A", "AMS HT-A"),
        ("AMS Lite", "Lite", "AMS Lite"),
        ("AMS Lite", "A", "AMS Lite A"),
        ("CFS", "T1", "CFS T1"),
        ("BoxTurtle", "Turtle_1", "Turtle 1"),
        ("QIDI Box", "Box 1", "Box 1"),
        (None, "A", "AMS A"),
        ("ERCF", None, "ERCF 1"),
    ],
)
def test_units_are_named_as_on_the_printer(
    model: str | None, label: str | None, title: str
) -> None:
    unit = StoredUnit(key="u1", ams_unit_no=1, slots_total=4, model=model, label=label)

    assert unit_title(unit) == title


async def test_the_old_unit_is_named_as_disconnected_after_a_swap(
    hass: HomeAssistant,
) -> None:
    """Both keep their devices; unplugged alone, a unit keeps its name."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    old = _unit_device(hass, entry)
    await async_deliver(hass, entry, state(unit_state(online=False)))
    assert _unit_device(hass, entry).name == "X1C AMS A"

    await async_deliver(
        hass,
        entry,
        state(unit_state(online=False), unit_state(serial="00600A000000002")),
    )

    names = set(_tree(hass, entry)) - {"X1C"}
    assert names == {"X1C AMS A (0001), disconnected", "X1C AMS A (0002)"}
    assert _unit_device(hass, entry).id == old.id

    await async_deliver(
        hass,
        entry,
        state(unit_state(), unit_state(3, serial="00600A000000002", label="C")),
    )
    assert set(_tree(hass, entry)) - {"X1C"} == {"X1C AMS A", "X1C AMS C"}


async def test_new_units_and_slots_appear_without_a_reload(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(unit_state(slots=[slot_state(1)])))
    assert hass.states.get("sensor.x1c_ams_a_slot_a2_status") is None

    await async_deliver(
        hass, entry, state(unit_state(), unit_state(2, serial="NEW", label="B"))
    )

    assert entity_state(hass, "sensor.x1c_ams_a_slot_a2_status").state == "unidentified"
    assert entity_state(hass, "sensor.x1c_ams_b_slot_a1_status").state == "identified"


async def test_a_unit_that_moves_keeps_its_devices_and_entities(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    device = _unit_device(hass, entry)
    entities = {
        entity.unique_id: entity.entity_id
        for entity in entity_registry.entities.values()
    }

    await async_deliver(hass, entry, state(unit_state(3, label="C")))

    moved = _unit_device(hass, entry)
    assert moved.id == device.id
    assert moved.name == "X1C AMS C"
    assert entities == {
        entity.unique_id: entity.entity_id
        for entity in entity_registry.entities.values()
    }


async def _answer_to_removal(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, device_id: str
) -> dict[str, Any]:
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "config/device_registry/remove", "device_id": device_id}
    )
    result: dict[str, Any] = await client.receive_json()
    await hass.async_block_till_done()
    return result


async def _remove_device(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, device_id: str
) -> bool:
    return bool((await _answer_to_removal(hass, hass_ws_client, device_id))["success"])


async def test_only_a_disconnected_unit_can_be_removed(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    registry = dr.async_get(hass)
    unit = _unit_device(hass, entry)
    [slot, *_] = dr.async_entries_for_parent_device(registry, unit.id)

    assert unit.via_device_id is not None
    for device_id in (unit.via_device_id, unit.id, slot.id):
        assert not await _remove_device(hass, hass_ws_client, device_id)

    await async_deliver(hass, entry, state(unit_state(online=False)))
    assert await _remove_device(hass, hass_ws_client, unit.id)
    assert _tree(hass, entry) == {"X1C": []}
    assert hass.states.get(SLOT_1) is None


@pytest.mark.parametrize("why", ["disabled", "failed"])
async def test_a_device_of_an_entry_that_is_not_loaded_is_kept_with_the_reason(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, why: str
) -> None:
    """Which units are connected is not known then."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state(), state(unit_state(online=False)))
    unit = _unit_device(hass, entry)
    if why == "disabled":
        await hass.config_entries.async_set_disabled_by(
            entry.entry_id, ConfigEntryDisabler.USER
        )
    else:
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, "port": 70000}
        )
        await hass.config_entries.async_reload(entry.entry_id)
    assert not is_loaded(entry)

    answer = await _answer_to_removal(hass, hass_ws_client, unit.id)

    assert answer["error"]["code"] == "home_assistant_error"
    assert answer["error"]["translation_key"] == "device_of_unloaded"
    assert answer["error"]["message"].startswith("X1C is not loaded")
    assert _unit_device(hass, entry).id == unit.id


async def test_an_unknown_device_can_be_removed(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    stray = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "stray")}
    )

    assert await _remove_device(hass, hass_ws_client, stray.id)


@pytest.mark.parametrize("reload", [False, True])
async def test_a_removed_unit_reappears_when_it_is_connected_again(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, reload: bool
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    offline = unit_state(online=False)
    await async_deliver(hass, entry, state(), state(offline))
    await _remove_device(hass, hass_ws_client, _unit_device(hass, entry).id)

    if reload:
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    await async_deliver(hass, entry, state(offline | {"humidity_percent": 31.0}))
    assert _tree(hass, entry) == {"X1C": []}

    await async_deliver(hass, entry, state())
    assert len(_tree(hass, entry)["X1C AMS A"]) == 4
    assert entity_state(hass, SLOT_1).state == "identified"


# Versions of the entry, and its options.


async def test_an_entry_of_a_later_version_is_refused(hass: HomeAssistant) -> None:
    entry = make_entry()
    object.__setattr__(entry, "version", 2)
    entry.add_to_hass(hass)

    assert not await hass.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert entry.data == make_entry().data
    assert not _database(hass).exists()


async def test_an_entry_of_a_later_minor_version_works(hass: HomeAssistant) -> None:
    entry = make_entry()
    object.__setattr__(entry, "minor_version", 7)

    await async_set_up(hass, entry)

    assert entry.state is ConfigEntryState.LOADED


async def test_the_driver_gets_the_confirmation_times_of_the_options(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    assert driver.services.timings == Timings()
    result = await hass.config_entries.options.async_init(entry.entry_id)
    times = {
        "insert_settle": 3,
        "removal_confirm": 8,
        "identity_wait": 30,
        "unknown_after_idle": 90,
    }

    await hass.config_entries.options.async_configure(
        result["flow_id"], {"advanced": times}
    )
    await hass.async_block_till_done()

    assert driver.stopped
    assert driver_of(entry).services.timings == Timings(
        insert_settle=3, unknown_after_idle=90
    )


async def test_confirmation_times_out_of_bounds_are_clamped(
    hass: HomeAssistant,
) -> None:
    entry = make_entry()
    object.__setattr__(
        entry, "options", {"insert_settle": -5, "removal_confirm": 1e9, "other": 1}
    )

    driver = await async_set_up(hass, entry)

    assert driver.services.timings == Timings(insert_settle=0.5, removal_confirm=60)


# Names.


@pytest.mark.parametrize(
    ("language", "slot", "status"),
    [("en", "Slot A1", "Status"), ("de", "Fach A1", "Status")],
)
async def test_names_are_translated_and_ids_are_the_same_in_all_languages(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    language: str,
    slot: str,
    status: str,
) -> None:
    hass.config.language = language
    entry = make_entry()
    await async_set_up(hass, entry)

    await async_deliver(
        hass,
        entry,
        state(unit_state(), unit_state(2, serial=None, model="ERCF", label="ERCF 1")),
    )

    tree = _tree(hass, entry)
    assert set(tree) == {"X1C", "X1C AMS A", "X1C ERCF 1"}
    assert tree["X1C AMS A"][0] == slot
    entity_id = entity_registry.async_get_entity_id(
        "sensor", DOMAIN, f"{SERIAL}_{UNIT_SERIAL}_1_status"
    )
    assert entity_id is not None
    state_ = hass.states.get(entity_id)
    assert state_ is not None
    assert state_.name == f"{slot} {status}"
    assert entity_registry.async_get_entity_id(
        "sensor", DOMAIN, f"{SERIAL}_u2_1_status"
    )
