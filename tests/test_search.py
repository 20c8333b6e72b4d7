"""The dialog to add a printer finds those that announce themselves, even the first one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryDisabler,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.filament_slots import discovery, search
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.bambulab_mqtt import driver as bambu
from custom_components.filament_slots.drivers.base import ProbeResult

from .common import SERIAL, async_set_up, make_entry
from .drivers.bambulab_mqtt.test_discovery import packet
from .test_discovery import Ether

pytestmark = pytest.mark.usefixtures("socket_enabled")

NEW = "01P09A000000001"
BAMBU = "bambulab_mqtt"
TIME_OVER = search._time_over


@pytest.fixture
async def ether(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, nothing_announced: None
) -> AsyncIterator[Ether]:
    """The network for announcements."""
    ether = Ether()
    monkeypatch.setattr(discovery, "announcement_socket", ether.listen)
    yield ether
    ether.close()


@pytest.fixture(autouse=True)
def time_over(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set to end the search."""
    time_over = asyncio.Event()
    monkeypatch.setattr(search, "_time_over", time_over.wait)
    return time_over


async def _open(hass: HomeAssistant) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def _choose(
    hass: HomeAssistant, flow: ConfigFlowResult, time_over: asyncio.Event
) -> ConfigFlowResult:
    """Choose Bambu Lab, and wait until the search has ended."""
    flow_id = flow["flow_id"]
    result = await hass.config_entries.flow.async_configure(
        flow_id, {"driver_key": BAMBU}
    )
    if result["type"] is FlowResultType.SHOW_PROGRESS:
        assert result["progress_action"] == "search"
        time_over.set()
        await hass.async_block_till_done(wait_background_tasks=True)
        result = await hass.config_entries.flow.async_configure(flow_id)
    return result


def _suggested(result: ConfigFlowResult) -> dict[str, Any]:
    assert result["data_schema"] is not None
    return {
        str(field): field.description["suggested_value"]
        for field in result["data_schema"].schema
        if field.description
    }


async def _announce(ether: Ether, serial: str, host: str) -> None:
    await _send(ether, packet(Location=host, USN=serial))


async def _send(ether: Ether, data: bytes) -> None:
    """Send a packet, and wait until it was processed."""
    received = asyncio.Event()
    read = search._Listener.datagram_received

    def note(self: Any, *args: Any) -> None:
        read(self, *args)
        received.set()

    with patch.object(search._Listener, "datagram_received", note):
        ether._sender.sendto(data, ether.sockets[0].getsockname())
        async with asyncio.timeout(5):
            await received.wait()


async def test_the_first_printer_is_found_without_any_entry(
    hass: HomeAssistant,
    ether: Ether,
    time_over: asyncio.Event,
) -> None:
    flow = await _open(hass)
    await _announce(ether, NEW, "192.0.2.7")
    await _announce(ether, SERIAL, "192.0.2.8")

    result = await _choose(hass, flow, time_over)

    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "pick")
    assert result["data_schema"] is not None
    (select,) = result["data_schema"].schema.values()
    options = {option["value"]: option["label"] for option in select.config["options"]}
    assert list(options) == [NEW, SERIAL, "another"]
    assert "192.0.2.7" in options[NEW]

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"printer": NEW}
    )
    assert result["step_id"] == BAMBU
    assert _suggested(result) == {"host": "192.0.2.7", "serial": NEW}


async def test_a_printer_that_was_picked_is_added(
    hass: HomeAssistant,
    ether: Ether,
    monkeypatch: pytest.MonkeyPatch,
    time_over: asyncio.Event,
) -> None:
    found = ProbeResult(identity=NEW, name="P1P 0001", model="P1P", config={})
    monkeypatch.setattr(bambu.Driver, "probe", AsyncMock(return_value=found))
    flow = await _open(hass)
    await _announce(ether, NEW, "192.0.2.7")
    await _choose(hass, flow, time_over)
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"printer": NEW}
    )

    with patch("custom_components.filament_slots.async_setup_entry", return_value=True):
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"],
            {**_suggested(result), "access_code": "12345678"},
        )

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["host"] == "192.0.2.7"


async def test_another_printer_can_be_entered_by_hand(
    hass: HomeAssistant,
    ether: Ether,
    time_over: asyncio.Event,
) -> None:
    flow = await _open(hass)
    await _announce(ether, NEW, "192.0.2.7")
    await _choose(hass, flow, time_over)

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"printer": "another"}
    )

    assert result["step_id"] == BAMBU
    assert _suggested(result) == {}


async def test_the_form_is_shown_if_nothing_new_announces_itself(
    hass: HomeAssistant,
    ether: Ether,
    time_over: asyncio.Event,
) -> None:
    # A printer that is known, and is not loaded: one that is listens by itself.
    entry = make_entry()
    entry.add_to_hass(hass)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    flow = await _open(hass)
    await _announce(ether, SERIAL, "192.0.2.8")
    await _send(ether, b"noise")

    result = await _choose(hass, flow, time_over)

    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, BAMBU)


async def test_a_flood_of_announcements_fills_no_memory(
    hass: HomeAssistant,
    ether: Ether,
    time_over: asyncio.Event,
) -> None:
    flow = await _open(hass)
    for number in range(60):
        await _announce(ether, f"01P09A0000000{number:02}", "192.0.2.7")

    result = await _choose(hass, flow, time_over)

    assert result["data_schema"] is not None
    (select,) = result["data_schema"].schema.values()
    assert len(select.config["options"]) == 51


async def test_a_driver_without_announcements_does_not_wait(
    hass: HomeAssistant, ether: Ether
) -> None:
    flow = await _open(hass)

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"driver_key": "moonraker_filament"}
    )

    assert result["step_id"] == "moonraker_filament"


async def test_without_a_socket_the_form_is_shown_at_once(hass: HomeAssistant) -> None:
    flow = await _open(hass)

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"driver_key": BAMBU}
    )

    assert result["step_id"] == BAMBU


@pytest.mark.usefixtures("scripted_driver")
async def test_nothing_is_searched_where_a_printer_runs_that_listens_already(
    hass: HomeAssistant, ether: Ether
) -> None:
    await async_set_up(hass, make_entry())
    listening = list(ether.sockets)

    flow = await _open(hass)

    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"driver_key": BAMBU}
    )
    assert result["step_id"] == BAMBU
    assert ether.sockets == listening


@pytest.mark.parametrize("chosen", [False, True], ids=["at once", "while searching"])
async def test_closing_the_dialog_ends_the_search(
    hass: HomeAssistant,
    ether: Ether,
    monkeypatch: pytest.MonkeyPatch,
    chosen: bool,
) -> None:
    monkeypatch.setattr(search, "_time_over", TIME_OVER)
    flow = await _open(hass)
    if chosen:
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"driver_key": BAMBU}
        )
        assert result["type"] is FlowResultType.SHOW_PROGRESS

    hass.config_entries.flow.async_abort(flow["flow_id"])
    await asyncio.sleep(0)

    assert [listening.fileno() for listening in ether.sockets] == [-1]
