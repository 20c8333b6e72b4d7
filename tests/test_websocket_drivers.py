"""Websocket commands about drivers: what they are and do, and their log, live."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_log import LONGEST_LINE, DriverLog
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode

from .common import (
    SERIAL,
    TAG,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    driver_of,
    make_entry,
    spool_event,
)
from .test_websocket import Browser

pytestmark = pytest.mark.usefixtures("scripted_driver")


@pytest.fixture
async def browser(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Browser:
    """A browser whose user is an administrator."""
    assert await async_setup_component(hass, DOMAIN, {})
    return Browser(await hass_ws_client(hass))


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    return await async_connected_entry(hass)


class Follower:
    """A subscriber of one driver; a second passes whenever it looks for messages."""

    def __init__(self, hass: HomeAssistant, browser: Browser) -> None:
        self._hass = hass
        self._browser = browser

    async def subscribe(
        self, entry: MockConfigEntry, **fields: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Subscribe; return the status and the lines that are sent at once."""
        answer = await self._browser.answer(
            "subscribe_driver", entry_id=entry.entry_id, **fields
        )
        assert answer["success"], answer
        self._id = answer["id"]
        first = await self.received()
        assert [*first] == ["status", "lines", "counters"]
        return first["status"]["status"], first["lines"]

    async def a_second_later(self) -> dict[str, dict[str, Any]]:
        """Return the messages of the next second, by their kind."""
        async_fire_time_changed(self._hass, dt_util.utcnow() + timedelta(seconds=1.1))
        await self._hass.async_block_till_done()
        return await self.received()

    async def received(self) -> dict[str, dict[str, Any]]:
        """Return the messages that were sent, by their kind."""
        await self._browser.socket.send_json_auto_id({"type": "ping"})
        messages: dict[str, dict[str, Any]] = {}
        while (message := await self._browser.socket.receive_json())["type"] != "pong":
            event: dict[str, Any] = message["event"]
            kind = next(iter(event))
            assert kind not in messages
            messages[kind] = event
        return messages


@pytest.fixture
def follower(hass: HomeAssistant, browser: Browser) -> Follower:
    return Follower(hass, browser)


def _texts(message: dict[str, Any]) -> list[str]:
    return [line["message"] for line in message["lines"]]


def _log(entry: MockConfigEntry) -> DriverLog:
    log: DriverLog = entry.runtime_data.log
    return log


async def test_the_drivers_are_listed_loaded_or_not(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    unloaded = make_entry("00M09A000000002")
    unloaded.add_to_hass(hass)

    first, second = (await browser.ask("drivers"))["drivers"]

    assert first["health"] == driver_of(entry).health()
    assert first["info"] == {
        "key": "scripted",
        "name": "Scripted",
        "version": "0.1.0",
        "author": "Filament Slots",
        "documentation_url": "https://github.com/filament-slots/filament-slots",
        "component": DOMAIN,
    }
    assert "echo" in [each["id"] for each in first["capabilities"]]
    assert second["capabilities"] == []
    assert second["health"] == {"status": "stopped", "last_error": None}
    assert second["state"] == "not_loaded"
    assert second["info"] == first["info"]


async def test_a_driver_that_is_not_there_has_no_description(
    hass: HomeAssistant, browser: Browser
) -> None:
    await async_set_up(hass, make_entry(driver_key="nowhere"))

    (driver,) = (await browser.ask("drivers"))["drivers"]

    assert driver["info"] is None
    assert driver["health"]["status"] == "waiting"


async def test_the_pipeline_counts_what_became_of_the_events(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass, entry, spool_event("spool_inserted", 3), {"event_type": "nonsense"}
    )

    status = await browser.ask("pipeline/status")

    assert dt_util.parse_datetime(status.pop("last_commit")) is not None
    assert status == {
        "queue": 0,
        "stored": 2,
        "rejected": 1,
        "failed": 0,
        "retried": 0,
    }


async def test_there_is_no_pipeline_without_a_loaded_printer(browser: Browser) -> None:
    assert (await browser.error("pipeline/status"))[0] == "not_loaded"


async def test_status_lines_and_counters_are_sent_first(
    hass: HomeAssistant, follower: Follower, entry: MockConfigEntry
) -> None:
    log = _log(entry)
    log.debug("One")
    log.info("Two", extra={"correlation_id": "01A"})
    log.warning("Three")

    status, lines = await follower.subscribe(entry, lines=2)

    assert status == {
        "status": "running",
        "since": "2026-01-01T00:00:00+00:00",
        "connected": True,
        "last_error": None,
        "transitions": [],
    }
    assert lines["dropped"] == 0
    second, third = lines["lines"]
    assert dt_util.parse_datetime(second.pop("at")) is not None
    assert second == {"level": "info", "message": "Two", "correlation_id": "01A"}
    assert (third["level"], third["message"]) == ("warning", "Three")


async def test_a_subscriber_may_ask_for_no_lines_from_before(
    follower: Follower, entry: MockConfigEntry
) -> None:
    _log(entry).debug("Before")

    assert (await follower.subscribe(entry, lines=0))[1] == {"lines": [], "dropped": 0}


async def test_a_change_of_status_is_sent_once(
    hass: HomeAssistant, follower: Follower, entry: MockConfigEntry
) -> None:
    await follower.subscribe(entry)

    assert await follower.a_second_later() == {}
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.CONNECTION_LOST
    )
    messages = await follower.a_second_later()
    assert [*messages] == ["status"]
    assert messages["status"]["status"]["status"] == "reconnecting"
    assert messages["status"]["status"]["last_error"]["code"] == "connection_lost"
    assert await follower.a_second_later() == {}


async def test_lines_are_sent_together_a_second_later_and_only_severe_ones(
    follower: Follower, entry: MockConfigEntry
) -> None:
    log = _log(entry)
    log.info("Before")
    log.error("Also before")
    _, lines = await follower.subscribe(entry, level="warning")
    assert _texts(lines) == ["Also before"]

    for text in ("One", "Two"):
        log.info("Not severe")
        log.warning(text)

    assert await follower.received() == {}
    messages = await follower.a_second_later()
    assert [*messages] == ["lines"]
    assert _texts(messages["lines"]) == ["One", "Two"]


async def test_counters_are_sent_when_they_have_changed_once_a_second(
    follower: Follower, entry: MockConfigEntry
) -> None:
    await follower.subscribe(entry)
    counters = driver_of(entry).health()["counters"]

    for messages in (5, 6):
        driver_of(entry).show(
            DriverStatus.RUNNING, counters={**counters, "messages": messages}
        )
    messages_sent = await follower.a_second_later()

    assert [*messages_sent] == ["counters"]
    assert messages_sent["counters"]["counters"]["messages"] == 6
    assert await follower.a_second_later() == {}


async def test_ids_and_secrets_in_lines_are_replaced(
    follower: Follower, entry: MockConfigEntry
) -> None:
    log = _log(entry)
    log.debug("%s at 192.0.2.1 reads %s", SERIAL, TAG["rfid_uid"])
    _, lines = await follower.subscribe(entry, lines=1)
    log.debug("The code 12345678 was refused")
    messages = await follower.a_second_later()

    (text,) = _texts(lines)
    assert SERIAL not in text
    assert TAG["rfid_uid"] not in text
    assert "**REDACTED**" in text
    assert _texts(messages["lines"]) == ["The code **REDACTED** was refused"]


async def test_an_event_is_in_the_log_under_the_id_of_the_message_that_caused_it(
    hass: HomeAssistant, follower: Follower, entry: MockConfigEntry
) -> None:
    await follower.subscribe(entry)

    event = spool_event("spool_inserted", 3, event_id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    about = "01BX5ZZKBKACTAV9WEVGEMMVS0"
    await async_deliver(hass, entry, event | {"meta": {"correlation_id": about}})
    await async_deliver(hass, entry, event | {"event_id": None, "meta": 7})
    emitted, publishing, other = (await follower.a_second_later())["lines"]["lines"]

    assert emitted["message"] == f"Emitted spool_inserted, event {event['event_id']}"
    assert publishing["message"].startswith("Publishing spool_inserted, event 01ARZ")
    assert emitted["correlation_id"] == publishing["correlation_id"] == about
    assert other["correlation_id"] is None


async def test_a_subscriber_that_does_not_read_makes_nothing_grow(
    hass: HomeAssistant, follower: Follower, entry: MockConfigEntry
) -> None:
    """A flood of lines of a megabyte is one short message a second."""
    await follower.subscribe(entry)

    for number in range(1_000):
        _log(entry).debug("%d %s", number, "x" * 1_000_000)
    messages = await follower.a_second_later()

    assert [*messages] == ["lines"]
    lines = messages["lines"]
    assert lines["dropped"] == 900
    assert len(lines["lines"]) == 100
    assert lines["lines"][-1]["message"].startswith("999 ")
    assert all(len(text) <= LONGEST_LINE for text in _texts(lines))
    assert await follower.a_second_later() == {}


async def test_a_subscription_follows_the_entry_over_a_reload(
    hass: HomeAssistant, follower: Follower, entry: MockConfigEntry
) -> None:
    await follower.subscribe(entry)
    _log(entry).debug("The last of the old driver")

    await hass.config_entries.async_unload(entry.entry_id)
    messages = await follower.a_second_later()
    assert messages["status"]["status"] == {
        "status": "stopped",
        "since": None,
        "connected": False,
        "last_error": None,
        "transitions": [],
    }
    assert _texts(messages["lines"]) == ["The last of the old driver"]

    await hass.config_entries.async_setup(entry.entry_id)
    _log(entry).debug("The first of the new one")
    messages = await follower.a_second_later()
    assert messages["status"]["status"]["since"] is not None
    assert _texts(messages["lines"]) == ["The first of the new one"]


async def test_a_driver_that_is_not_loaded_has_a_status_and_no_lines(
    hass: HomeAssistant, browser: Browser
) -> None:
    refused = make_entry(port=70000)
    refused.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(refused.entry_id)

    await browser.answer("subscribe_driver", entry_id=refused.entry_id)
    status = (await browser.receive())["status"]
    lines = await browser.receive()

    assert status["status"] == "config_error"
    assert status["last_error"]["code"] == "invalid_config"
    assert lines == {"lines": [], "dropped": 0}
    assert await browser.receives_nothing()


async def test_nothing_is_sent_or_kept_once_the_subscriber_is_gone(
    hass: HomeAssistant, follower: Follower, browser: Browser, entry: MockConfigEntry
) -> None:
    before = list(_log(entry)._listeners)
    await follower.subscribe(entry)
    assert len(_log(entry)._listeners) == len(before) + 1

    await browser.socket.close()
    await hass.async_block_till_done()

    assert _log(entry)._listeners == before


async def test_there_is_no_subscription_to_an_unknown_driver(browser: Browser) -> None:
    error = await browser.error("subscribe_driver", entry_id="nowhere")

    assert error == ("not_found", "There is no such printer")
