"""The logbook: one line for each spool event, in Home Assistant's language."""

from datetime import timedelta
from typing import Any

from homeassistant.components.logbook.const import DOMAIN as LOGBOOK
from homeassistant.components.logbook.processor import EventProcessor
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.filament_slots.const import DOMAIN, SPOOL_EVENTS

from .common import PLA, async_connected_entry, async_deliver, spool_event

pytestmark = pytest.mark.usefixtures("scripted_driver")

LATE = {"source": "reconcile", "detected_late": True}


@pytest.fixture(autouse=True)
def our_integration(recorder_mock: Recorder, enable_custom_integrations: None) -> None:
    """Set up the recorder before Home Assistant."""


async def _logbook(hass: HomeAssistant, *events: dict[str, Any]) -> list[str]:
    """Return the lines of the logbook after these events."""
    entry = await async_connected_entry(hass)
    # Its panel is all that the logbook needs of the frontend.
    hass.config.components.add("frontend")
    assert await async_setup_component(hass, LOGBOOK, {})
    await async_deliver(hass, entry, *events)
    return await _read(hass)


async def _read(hass: HomeAssistant) -> list[str]:
    await async_wait_recording_done(hass)
    processor = EventProcessor(hass, [f"{DOMAIN}_{kind}" for kind in SPOOL_EVENTS])
    now = dt_util.utcnow()
    rows = await hass.async_add_executor_job(
        processor.get_events, now - timedelta(hours=1), now + timedelta(hours=1)
    )
    return [
        f"{row['name']} {row['message']} ({row['icon']})"
        for row in rows
        if row.get("domain") == DOMAIN
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            spool_event("spool_inserted", 3, meta={"filament": PLA}),
            "PLA Basic was inserted into X1C · A3 (mdi:tray-arrow-down)",
        ),
        (
            spool_event("spool_removed", 1, meta={"filament": {"material": "PLA"}}),
            "PLA was removed from X1C · A1 (mdi:tray-arrow-up)",
        ),
        (
            spool_event("spool_removed", 1, meta={"reason": "runout"}),
            "A spool ran out in X1C · A1 (mdi:tray-remove)",
        ),
        (
            spool_event("unknown_spool_detected", 2, meta={"filament": PLA}),
            "PLA Basic in X1C · A2 could not be identified (mdi:help-circle-outline)",
        ),
        (
            spool_event("spool_inserted", 3, meta=LATE),
            "A spool was inserted into X1C · A3, detected later (mdi:tray-arrow-down)",
        ),
    ],
)
async def test_a_spool_event_is_one_line(
    hass: HomeAssistant, event: dict[str, Any], line: str
) -> None:
    assert await _logbook(hass, event) == [line]


async def test_the_line_is_in_the_language_of_home_assistant(
    hass: HomeAssistant,
) -> None:
    await hass.config.async_update(language="de")

    lines = await _logbook(
        hass, spool_event("spool_inserted", 3, meta={"filament": PLA})
    )

    assert lines == ["PLA Basic wurde in X1C · A3 eingelegt (mdi:tray-arrow-down)"]


async def test_an_assigned_spool_has_its_label(hass: HomeAssistant) -> None:
    assigned = {"external_id": "spoolman:12", "label": "Galaxy black"}
    await _logbook(hass)
    hass.bus.async_fire(
        f"{DOMAIN}_spool_removed",
        {"meta": {"place": "X1C · A3", "assigned": assigned, "filament": PLA}},
    )

    lines = await _read(hass)

    assert lines == ["Galaxy black was removed from X1C · A3 (mdi:tray-arrow-up)"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"meta": {"slot_label": "A3"}}, "A spool was inserted into A3"),
        (
            {"meta": {"place": "X1C · A3", "replay": True}},
            "A spool was inserted into X1C · A3, re-fired",
        ),
        ({}, "A spool was inserted into ?"),
    ],
)
async def test_recorded_and_foreign_events_are_described_as_well(
    hass: HomeAssistant, data: dict[str, Any], line: str
) -> None:
    await _logbook(hass)
    hass.bus.async_fire(f"{DOMAIN}_spool_inserted", data)

    assert await _read(hass) == [f"{line} (mdi:tray-arrow-down)"]
