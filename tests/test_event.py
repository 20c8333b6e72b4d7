"""Event entities: the spool events of a slot."""

from collections.abc import Iterator
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    mock_restore_cache_with_extra_data,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.filament_slots.drivers.base import DriverStatus

from .common import (
    PLA,
    TAG,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    make_entry,
    slot_state,
    spool_event,
    state,
    state_of,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

SLOT_3 = "event.x1c_ams_a_slot_a3_spool_change"
SLOT_4 = "event.x1c_ams_a_slot_a4_spool_change"
INSERTED = spool_event(
    "spool_inserted",
    3,
    event_id="01JBKZ0000000000000000000A",
    identifiers=TAG,
    meta={"source": "live", "detected_late": False, "filament": PLA},
)


@pytest.fixture(autouse=True)
def events_only() -> Iterator[None]:
    """Set up the platform under test and no other."""
    with patch("custom_components.filament_slots.PLATFORMS", [Platform.EVENT]):
        yield


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a unit and an external holder."""
    return await async_connected_entry(hass)


async def test_events(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    freezer: FrozenDateTimeFactory,
    snapshot: SnapshotAssertion,
    entry: MockConfigEntry,
) -> None:
    freezer.move_to("2026-11-01T12:00:05Z")
    await async_deliver(hass, entry, INSERTED)

    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_the_state_at_start_up_is_no_event(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert {found.state for found in hass.states.async_all("event")} == {STATE_UNKNOWN}


async def test_a_slot_publishes_only_its_own_events(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, INSERTED)

    assert state_of(hass, SLOT_3).attributes["event_type"] == "spool_inserted"
    assert state_of(hass, SLOT_3).attributes["material"] == "PLA"
    assert state_of(hass, SLOT_4).state == STATE_UNKNOWN


async def test_simultaneous_events_are_all_published(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry
) -> None:
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)

    await async_deliver(
        hass,
        entry,
        spool_event("spool_inserted", 3),
        spool_event("unknown_spool_detected", 3),
        spool_event("spool_removed", 3),
    )

    assert [
        new.attributes["event_type"]
        for change in changes
        if (new := change.data["new_state"]) and new.entity_id == SLOT_3
    ] == ["spool_inserted", "unknown_spool_detected", "spool_removed"]


async def test_the_last_event_stays_while_the_printer_is_off(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, INSERTED)
    before = state_of(hass, SLOT_3)

    await async_show(hass, entry, DriverStatus.RECONNECTING)
    await async_deliver(hass, entry, state(unit_state(online=False)))

    assert state_of(hass, SLOT_3) == before


async def test_a_new_state_of_the_slot_is_no_event(
    hass: HomeAssistant, entry: MockConfigEntry, written: list[str]
) -> None:
    written.clear()

    await async_deliver(
        hass, entry, state(unit_state(slots=[slot_state(3, True, identifiers=TAG)]))
    )

    assert written == []


async def test_the_last_event_is_remembered_over_a_restart(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    at = "2026-10-31T08:00:00.000+00:00"
    mock_restore_cache_with_extra_data(
        hass,
        [
            (
                State(SLOT_3, at),
                {
                    "last_event_type": "spool_removed",
                    "last_event_attributes": {"reason": "runout"},
                },
            )
        ],
    )
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())

    found = state_of(hass, SLOT_3)
    assert found.state == at
    assert found.attributes["event_type"] == "spool_removed"
    assert found.attributes["reason"] == "runout"
