"""Triggers and conditions about the spool of an inventory in a slot: low, mismatched."""

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.const import (
    EVENT_HOMEASSISTANT_FINAL_WRITE,
    EVENT_HOMEASSISTANT_STOP,
)
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.helpers.condition import (
    async_from_config,
    async_validate_condition_config,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.spool_alerts import _KEY
from tests.common import (
    NO_TAG,
    SERIAL,
    UNIT_SERIAL,
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

pytestmark = pytest.mark.usefixtures("scripted_driver")

type Automate = Callable[..., Coroutine[Any, Any, list[ServiceCall]]]


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with two white spools of PLA, and one of PETG."""
    async with SpoolmanServer() as server:
        for name, material in (("White", "PLA"), ("Snow", "PLA"), ("Clear", "PETG")):
            server.add_spool(
                filament={
                    "name": name,
                    "material": material,
                    "color_hex": "FFFFFF",
                    "weight": 1000,
                }
            )
        yield server


@pytest.fixture
async def printer(hass: HomeAssistant, server: SpoolmanServer) -> MockConfigEntry:
    """Return a printer that has spool 1 of the running server in A1."""
    await async_running(hass, inventory_entry(server))
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    await show(hass, entry, "spoolman:1")
    return entry


@pytest.fixture
def automate(hass: HomeAssistant) -> Automate:
    """Make an automation with a trigger; return the calls of its action."""

    async def automate(
        kind: str, target: dict[str, Any] | None = None, **options: Any
    ) -> list[ServiceCall]:
        trigger = {"trigger": f"{DOMAIN}.{kind}", "options": options}
        if target is not None:
            trigger["target"] = target
        fields = {
            "place": "{{ trigger.place }}",
            "spool": "{{ trigger.spool.external_id }}",
            "left": "{{ trigger.spool.remaining_g }}",
            "device_id": "{{ trigger.device_id }}",
            "material": "{{ trigger.meta.filament.material }}",
        }
        config = {
            "alias": "Alert",
            "triggers": [trigger],
            "actions": [{"action": "test.alert", "data": fields}],
            "mode": "queued",
        }
        assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [config]})
        await hass.async_block_till_done()
        return async_mock_service(hass, "test", "alert")

    return automate


async def show(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    external_id: str | None,
    slot_no: int = 1,
    **filament: Any,
) -> None:
    """Report a spool of this id in a slot, white PLA unless it is another."""
    known = {"material": "PLA", "color_hex": "#FFFFFF", **filament}
    slot = slot_state(
        slot_no, True, identifiers=NO_TAG | {"external_id": external_id}, filament=known
    )
    await async_deliver(hass, printer, state(unit_state(slots=[slot])))


async def use(
    hass: HomeAssistant, server: SpoolmanServer, spool_id: int, grams: float
) -> None:
    """Use filament of a spool, and wait until it is known."""
    row = server.database.row(Entity.SPOOL, spool_id)
    server.database.use(row, grams)
    server._changed("updated", Entity.SPOOL, row)
    left = 1000 - row["used_weight"]
    (entry,) = [
        each
        for each in hass.config_entries.async_entries(DOMAIN)
        if "inventory_key" in each.data
    ]
    spools = entry.runtime_data
    await async_until(hass, lambda: spools.spools[spool_id].remaining_g == left)


async def wait(hass: HomeAssistant, seconds: float = 11) -> None:
    """Let time pass."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


async def restart(hass: HomeAssistant, printer: MockConfigEntry) -> None:
    """Load the printer again, with what was stored and nothing else."""
    assert await hass.config_entries.async_unload(printer.entry_id)
    # Home Assistant writes what is not yet written when it stops.
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    del hass.data[_KEY]
    assert await hass.config_entries.async_setup(printer.entry_id)
    await hass.async_block_till_done()


async def test_a_spool_that_gets_low_is_reported_once(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    automate: Automate,
) -> None:
    calls = await automate("spool_low")

    await use(hass, server, 1, 800)
    await wait(hass)
    assert calls == []

    await use(hass, server, 1, 50)
    await wait(hass, 5)
    assert calls == []
    await wait(hass)
    assert [call.data for call in calls] == [
        {
            "place": "X1C · A1",
            "spool": "spoolman:1",
            "left": 150.0,
            "device_id": device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_1"),
            "material": "PLA",
        }
    ]

    # Less of it, more of it, and less again is the same spool.
    for grams in (10, -500, 500):
        await use(hass, server, 1, grams)
        await wait(hass)
    assert len(calls) == 1


async def test_it_is_not_reported_again_after_a_restart(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    automate: Automate,
) -> None:
    calls = await automate("spool_low")
    await use(hass, server, 1, 900)
    await wait(hass)
    assert len(calls) == 1

    await restart(hass, printer)
    await wait(hass)
    assert len(calls) == 1

    # Another one is, and the first again once it was inserted again.
    await use(hass, server, 2, 900)
    await show(hass, printer, "spoolman:2")
    await wait(hass)
    await show(hass, printer, "spoolman:1")
    await wait(hass)
    assert [call.data["spool"] for call in calls] == [
        *("spoolman:1", "spoolman:2", "spoolman:1"),
    ]


async def test_each_insertion_reports_it_again(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    automate: Automate,
) -> None:
    calls = await automate("spool_low")
    await use(hass, server, 1, 900)
    await wait(hass)

    await async_deliver(hass, printer, spool_event("spool_removed", 1))
    await wait(hass)
    assert len(calls) == 1
    identity = NO_TAG | {"external_id": "spoolman:1"}
    at = dt_util.utcnow().isoformat()
    inserted = spool_event("spool_inserted", 1, identifiers=identity, event_at=at)
    await async_deliver(hass, printer, inserted)
    await restart(hass, printer)
    await wait(hass)
    await restart(hass, printer)
    await wait(hass)

    assert len(calls) == 2


async def test_a_slot_that_is_set_to_another_spool_for_a_while_is_reported_once(
    hass: HomeAssistant, printer: MockConfigEntry, automate: Automate
) -> None:
    calls = await automate("spool_mismatched")

    # The values of a new spool arrive one after the other.
    await show(hass, printer, "spoolman:3")
    await wait(hass, 5)
    await show(hass, printer, "spoolman:3", material="PETG")
    await wait(hass)
    assert calls == []

    await show(hass, printer, "spoolman:3", material="ABS")
    await wait(hass)
    await show(hass, printer, "spoolman:3", material="PETG")
    await wait(hass)
    await show(hass, printer, "spoolman:3", material="ABS")
    await wait(hass)
    assert [(call.data["spool"], call.data["material"]) for call in calls] == [
        ("spoolman:3", "ABS")
    ]


async def test_low_and_mismatched_are_two_alerts(
    hass: HomeAssistant, server: SpoolmanServer, printer: MockConfigEntry
) -> None:
    low = async_capture_events(hass, f"{DOMAIN}_spool_low")
    mismatched = async_capture_events(hass, f"{DOMAIN}_spool_mismatched")

    await use(hass, server, 1, 900)
    await wait(hass)
    assert (len(low), len(mismatched)) == (1, 0)

    await show(hass, printer, "spoolman:1", material="PETG")
    await wait(hass)
    assert (len(low), len(mismatched)) == (1, 1)


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({"material": ["PLA"]}, 1),
        # The printer's or the inventory's.
        ({"material": ["petg"]}, 1),
        ({"material": ["ABS"]}, 0),
        ({"spool": ["spoolman:3"]}, 1),
        ({"spool": ["spoolman:1"]}, 0),
    ],
)
async def test_options_select_spools(
    hass: HomeAssistant,
    printer: MockConfigEntry,
    automate: Automate,
    options: dict[str, Any],
    runs: int,
) -> None:
    calls = await automate("spool_mismatched", **options)

    await show(hass, printer, None)
    assert (
        await hass.services.async_call(
            DOMAIN,
            "assign_spool",
            {
                "device_id": device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_1"),
                "external_id": "spoolman:3",
            },
            blocking=True,
        )
        is None
    )
    await wait(hass)

    assert len(calls) == runs


async def test_a_target_selects_slots(
    hass: HomeAssistant, printer: MockConfigEntry, automate: Automate
) -> None:
    device_id = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    calls = await automate("spool_mismatched", {"device_id": device_id})

    await show(hass, printer, "spoolman:3", 1)
    await show(hass, printer, "spoolman:3", 2)
    await wait(hass)

    assert [call.data["place"] for call in calls] == ["X1C · A2"]


async def test_nothing_is_reported_before_home_assistant_has_started(
    hass: HomeAssistant, server: SpoolmanServer, automate: Automate
) -> None:
    hass.set_state(CoreState.starting)
    await async_running(hass, inventory_entry(server))
    printer = make_entry()
    await async_set_up(hass, printer)
    calls = await automate("spool_mismatched")
    await show(hass, printer, "spoolman:3")
    await wait(hass)
    assert calls == []

    await hass.async_start()
    await hass.async_block_till_done()
    await wait(hass)
    assert len(calls) == 1


async def test_what_has_not_lasted_when_home_assistant_stops_is_not_reported(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    events = async_capture_events(hass, f"{DOMAIN}_spool_mismatched")
    await show(hass, printer, "spoolman:3")

    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await wait(hass)

    assert events == []


@pytest.mark.parametrize("named", [True, False])
async def test_the_bus_has_it_with_the_spool_unless_that_is_turned_off(
    hass: HomeAssistant, printer: MockConfigEntry, named: bool
) -> None:
    events = async_capture_events(hass, f"{DOMAIN}_spool_mismatched")
    hass.config_entries.async_update_entry(printer, options={"bus_identifiers": named})

    await show(hass, printer, "spoolman:3")
    await wait(hass)

    (event,) = events
    assert event.data["meta"]["place"] == "X1C · A1"
    assert event.data["entry_id"] == printer.entry_id
    assert event.data["device_id"] == device_of(
        hass, printer, f"{SERIAL}_{UNIT_SERIAL}_1"
    )
    assert event.data["identifiers"]["external_id"] == ("spoolman:3" if named else None)
    assert event.data["spool"] == (event.data["spool"] if named else None)
    if named:
        assert event.data["spool"]["name"] == "Clear"
        assert event.data["spool"]["mismatch"] is True


async def test_a_printer_that_is_unloaded_is_silent(
    hass: HomeAssistant, printer: MockConfigEntry
) -> None:
    events = async_capture_events(hass, f"{DOMAIN}_spool_mismatched")
    await show(hass, printer, "spoolman:3")

    assert await hass.config_entries.async_unload(printer.entry_id)
    await wait(hass)

    assert events == []


@pytest.mark.parametrize(
    ("kind", "behavior", "one", "expected"),
    [
        # A1 is low and matches, A2 is neither; A3 holds a spool of which nothing is known.
        ("spool_is_low", "any", True, True),
        ("spool_is_low", "all", True, False),
        ("spool_is_low", "any", False, False),
        ("slot_matches_spool", "any", True, True),
        ("slot_matches_spool", "all", True, False),
        ("slot_matches_spool", "any", False, False),
    ],
)
async def test_conditions(
    hass: HomeAssistant,
    server: SpoolmanServer,
    printer: MockConfigEntry,
    kind: str,
    behavior: str,
    one: bool,
    expected: bool,
) -> None:
    await use(hass, server, 1, 900)
    await show(hass, printer, "spoolman:3", 2)
    await show(hass, printer, None, 3)
    unit = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}")
    third = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_3")
    second = device_of(hass, printer, f"{SERIAL}_{UNIT_SERIAL}_2")
    target = {"device_id": unit if one else [second, third]}
    config = {
        "condition": f"{DOMAIN}.{kind}",
        "target": target,
        "options": {"behavior": behavior},
    }

    checker = await async_from_config(
        hass, await async_validate_condition_config(hass, config)
    )

    assert checker.async_check() is expected
