"""Long-term statistics of what is left on spools, with a real recorder."""

from datetime import UTC, datetime
from functools import partial

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.statistics import (
    async_list_statistic_ids,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from .common import (
    TAG,
    async_connected_entry,
    async_deliver,
    slot_state,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

SLOT = "sensor.x1c_ams_a_slot_a1"


@pytest.fixture(autouse=True)
def our_integration(recorder_mock: Recorder, enable_custom_integrations: None) -> None:
    """Set up the recorder before Home Assistant."""


async def test_statistics_of_what_is_left_hold_what_was_observed_and_nothing_else(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """What is not known is a gap, not 0; a new spool is no consumption."""
    assert await async_setup_component(hass, "sensor", {})
    sensors = {f"{SLOT}_remaining": "%", f"{SLOT}_remaining_weight": "g"}
    start = datetime(2026, 12, 1, 12, tzinfo=UTC)
    freezer.move_to(start)
    entry = await async_connected_entry(hass)

    for left in (40.0, None, 90.0):
        freezer.tick(60)
        known = {"remaining_percent": left, "remaining_g": left and left * 10}
        filament = {"material": "PLA"} | {k: v for k, v in known.items() if v}
        slot = slot_state(1, True, identifiers=TAG, filament=filament)
        await async_deliver(hass, entry, state(unit_state(slots=[slot])))
    await async_wait_recording_done(hass)
    do_adhoc_statistics(hass, start=start)
    await async_wait_recording_done(hass)

    found = await get_instance(hass).async_add_executor_job(
        partial(
            statistics_during_period,
            hass,
            start,
            end_time=None,
            period="5minute",
            statistic_ids=set(sensors),
            units=None,
            types={"min", "max", "sum"},
        )
    )
    assert {
        sensor: [(row["min"], row["max"], row.get("sum")) for row in rows]
        for sensor, rows in found.items()
    } == {
        f"{SLOT}_remaining": [(40.0, 90.0, None)],
        f"{SLOT}_remaining_weight": [(400.0, 900.0, None)],
    }
    units = await async_list_statistic_ids(hass, set(sensors))
    assert {
        each["statistic_id"]: each["display_unit_of_measurement"] for each in units
    } == sensors
