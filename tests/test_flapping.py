"""A slot that changes too often: a repair names it, and automations are triggered once an hour."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode

from .common import (
    async_capture_spool_events,
    async_connected_entry,
    async_deliver,
    async_show,
    make_entry,
    spool_event,
    state_of,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

PRESENT = "binary_sensor.x1c_ams_a_slot_a2_spool_present"


async def async_flap(
    hass: HomeAssistant, entry: MockConfigEntry, times: int, *, first: int = 0
) -> None:
    """Take a spool out of slot A2 and put it back every six seconds, the last time now."""
    events: list[dict[str, Any]] = []
    for number in range(first, first + times):
        kind = "spool_inserted" if number % 2 else "spool_removed"
        after = timedelta(seconds=6 * (first + times - 1 - number))
        at = (dt_util.utcnow() - after).isoformat()
        meta = {"source": "live", "detected_late": False, "slot_label": "A2"}
        events.append(spool_event(kind, 2, event_at=at, meta=meta))
    await async_deliver(hass, entry, *events)


def flapping(issue_registry: ir.IssueRegistry) -> list[dict[str, str] | None]:
    """Return the placeholders of the repairs of slots."""
    return [
        issue.translation_placeholders
        for (domain, _), issue in issue_registry.issues.items()
        if domain == DOMAIN and issue.translation_key == "slot_flapping"
    ]


async def test_a_slot_that_changes_too_often_is_a_repair_until_an_hour_is_calm(
    hass: HomeAssistant,
    issue_registry: ir.IssueRegistry,
    freezer: FrozenDateTimeFactory,
) -> None:
    entry = await async_connected_entry(hass)

    await async_flap(hass, entry, 30)
    assert flapping(issue_registry) == []
    freezer.tick(6)
    await async_flap(hass, entry, 1, first=30)
    [about] = flapping(issue_registry)
    assert about == {
        "name": "X1C",
        "host": "192.0.2.1",
        "driver": "scripted",
        "slot": "A2",
        "count": "31",
    }
    # The repairs of the printer come and go beside it.
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.NEW_CERTIFICATE
    )
    await async_show(hass, entry, DriverStatus.RUNNING)
    assert flapping(issue_registry) == [about]

    freezer.tick(60)
    await async_flap(hass, entry, 9, first=31)
    assert flapping(issue_registry) == [about]
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    [about] = flapping(issue_registry)
    assert about is not None
    assert about["count"] == "40"

    for _ in range(2):
        freezer.tick(timedelta(minutes=40))
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    assert flapping(issue_registry) == []


async def test_the_repair_of_a_slot_is_there_as_long_as_its_entry_is_loaded(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = await async_connected_entry(hass)
    other = make_entry("OTHER")
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await async_flap(hass, entry, 31)
    assert len(flapping(issue_registry)) == 1

    await hass.config_entries.async_unload(entry.entry_id)
    assert flapping(issue_registry) == []
    # The other entry has kept the counts alive.
    await hass.config_entries.async_setup(entry.entry_id)
    assert len(flapping(issue_registry)) == 1
    await hass.config_entries.async_remove(entry.entry_id)
    assert flapping(issue_registry) == []


async def test_automations_are_triggered_once_an_hour_while_entities_follow(
    hass: HomeAssistant,
) -> None:
    entry = await async_connected_entry(hass)
    captured = async_capture_spool_events(hass)

    await async_flap(hass, entry, 70)
    assert len(captured) == 60
    assert captured[-1].data["meta"]["summary"]["spool_inserted"] == 0
    assert state_of(hass, PRESENT).state == "on"
    await async_flap(hass, entry, 1, first=70)
    assert len(captured) == 60
    assert state_of(hass, PRESENT).state == "off"
