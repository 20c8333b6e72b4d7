"""Identifiers of spools on the event bus, and so in Home Assistant's recorder."""

from typing import Any

from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.db_schema import EventData, StateAttributes
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.filament_slots.const import DOMAIN

from .common import (
    NO_TAG,
    TAG,
    async_capture_spool_events,
    async_deliver,
    async_set_up,
    make_entry,
    spool_event,
    state,
)
from .test_services_store import SINCE

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture(autouse=True)
def our_integration(request: pytest.FixtureRequest) -> None:
    """Set up the recorder before Home Assistant, where a test has one."""
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


ASSIGNED = {"external_id": "spoolman:12", "label": "Galaxy black"}


async def _printer(hass: HomeAssistant, **options: Any) -> MockConfigEntry:
    """Return a printer into which a tagged and an expected spool were inserted."""
    entry = make_entry()
    object.__setattr__(entry, "options", options)
    await async_set_up(hass, entry)
    await async_deliver(hass, entry, state())
    await hass.services.async_call(DOMAIN, "expect_spool", ASSIGNED, blocking=True)
    await async_deliver(
        hass,
        entry,
        spool_event(
            "spool_inserted", 3, identifiers=TAG, meta={"filament": {"name": "Basic"}}
        ),
        spool_event("spool_inserted", 4, event_at=dt_util.utcnow().isoformat()),
    )
    return entry


async def test_identifiers_are_left_out_of_bus_events_and_nothing_else_is(
    hass: HomeAssistant,
) -> None:
    on_the_bus = async_capture_spool_events(hass)

    await _printer(hass, bus_identifiers=False)
    await hass.services.async_call(DOMAIN, "refire_events", SINCE, blocking=True)
    await hass.async_block_till_done()

    assert len(on_the_bus) == 4  # Two, each fired twice.
    for event in on_the_bus:
        assert event.data["identifiers"] == NO_TAG
        assert event.data["meta"]["assigned"] == {}
    assert on_the_bus[0].data["meta"]["filament"]["name"] == "Basic"
    assert on_the_bus[0].data["slot"]["slot_no"] == 3


async def test_native_triggers_keep_the_identifiers(hass: HomeAssistant) -> None:
    fired = async_capture_events(hass, "fired")
    automation = {
        "triggers": {"trigger": "filament_slots.spool_inserted"},
        "actions": {
            "event": "fired",
            "event_data": {
                "tag": "{{ trigger.identifiers.rfid_uid }}",
                "assigned": "{{ trigger.meta.get('assigned', {}).get('external_id') }}",
            },
        },
        "mode": "queued",
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})

    await _printer(hass, bus_identifiers=False)
    await hass.async_block_till_done()

    assert [event.data for event in fired] == [
        {"tag": TAG["rfid_uid"], "assigned": None},
        {"tag": None, "assigned": "spoolman:12"},
    ]


@pytest.mark.parametrize("options", [{}, {"bus_identifiers": False}])
async def test_the_recorder_stores_identifiers_of_bus_events_unless_they_are_left_out(
    recorder_mock: Recorder, hass: HomeAssistant, options: dict[str, bool]
) -> None:
    await _printer(hass, **options)
    await async_wait_recording_done(hass)

    def read() -> tuple[str, str]:
        with session_scope(hass=hass, read_only=True) as session:
            return (
                str([row.shared_data for row in session.query(EventData)]),
                str([row.shared_attrs for row in session.query(StateAttributes)]),
            )

    events, attributes = await recorder_mock.async_add_executor_job(read)
    assert "Basic" in events
    assert (TAG["rfid_uid"] in events) is not bool(options)
    assert TAG["rfid_uid"] not in attributes
