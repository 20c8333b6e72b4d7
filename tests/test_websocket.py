"""Websocket commands and subscriptions for dashboards and scripts."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
import sqlite3
from typing import Any
from unittest.mock import patch

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.drivers.base import DriverStatus, ErrorCode
from custom_components.filament_slots.runtime import async_shared_core

from .common import (
    NO_TAG,
    PLA,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_deliver,
    async_set_up,
    async_show,
    driver_of,
    make_entry,
    slot_state,
    spool_event,
    state,
    unit_state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

type Ask = Callable[..., Awaitable[dict[str, Any]]]


class Browser:
    """A client of the websocket API."""

    def __init__(self, socket: MockHAClientWebSocket) -> None:
        self.socket = socket

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Return the result of one of our commands."""
        answer = await self.answer(command, **fields)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def error(self, command: str, **fields: Any) -> tuple[str, str]:
        """Return code and text of the error of one of our commands."""
        answer = await self.answer(command, **fields)
        assert not answer["success"]
        return answer["error"]["code"], answer["error"]["message"]

    async def answer(self, command: str, **fields: Any) -> dict[str, Any]:
        await self.socket.send_json_auto_id(
            {"type": f"filament_slots/{command}", **fields}
        )
        answer: dict[str, Any] = await self.socket.receive_json()
        return answer

    async def receive(self) -> dict[str, Any]:
        """Return the next message of the subscription."""
        message = await self.socket.receive_json(timeout=5)
        event: dict[str, Any] = message["event"]
        return event

    async def subscribe(self, **fields: Any) -> dict[str, Any]:
        """Subscribe; return the present state, which is the first message."""
        answer = await self.answer("subscribe", **fields)
        assert answer["success"], answer
        return await self.receive()

    async def receives_nothing(self) -> bool:
        """Return whether no message arrives before the answer to a ping."""
        await self.socket.send_json_auto_id({"type": "ping"})
        answer = await self.socket.receive_json()
        return bool(answer["type"] == "pong")


@pytest.fixture
async def browser(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Browser:
    """A browser whose user is an administrator."""
    assert await async_setup_component(hass, DOMAIN, {})
    return Browser(await hass_ws_client(hass))


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A running printer with one unit of four slots."""
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)
    await async_deliver(hass, entry, state())
    return entry


def _inserted(slot_no: int, **fields: Any) -> dict[str, Any]:
    return spool_event("spool_inserted", slot_no, **fields)


def _stored(path: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT count(*) FROM slot_events").fetchone()
    return int(count)


def _kinds(page: dict[str, Any]) -> list[tuple[str, int]]:
    return [(event["event_type"], event["slot"]["slot_no"]) for event in page["events"]]


async def test_printers_are_listed_with_their_units(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    (printer,) = (await browser.ask("printers"))["printers"]

    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, SERIAL), entry.entry_id
    )
    assert device is not None
    (unit,) = printer.pop("units")
    assert printer == {
        "entry_id": entry.entry_id,
        "printer_id": 1,
        "device_id": device.id,
        "name": "X1C",
        "model": "X1C",
        "driver_key": "scripted",
        "state": "loaded",
        "connected": True,
        "status": "running",
        "error": None,
        "last_seen": None,
    }
    assert unit.pop("device_id")
    assert unit == {
        "key": UNIT_SERIAL,
        "ams_unit_no": 1,
        "slots_total": 4,
        "serial": UNIT_SERIAL,
        "model": "AMS",
        "label": "A",
        "online": True,
        "drying": None,
        "humidity_percent": 30.0,
        "humidity_index": None,
        "temperature_c": 25.5,
        "drying_minutes_left": 0,
    }


async def test_slots_are_listed_with_their_contents(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass, entry, _inserted(3, meta={"filament": {"material": "ABS"}})
    )

    slots = (await browser.ask("slots", entry_id=entry.entry_id))["slots"]

    assert [slot["status"] for slot in slots] == [
        "identified",
        "unidentified",
        "unidentified",
        "empty",
    ]
    assert len({slot.pop("device_id") for slot in slots}) == 4
    assert slots[0] | {"updated_at": None} == {
        "entry_id": entry.entry_id,
        "unit": UNIT_SERIAL,
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
        "filament": PLA,
        "spool": None,
        "linkable": False,
        "inserted_at": None,
        "updated_at": None,
    }
    assert slots[2]["inserted_at"] == "2026-11-01T12:00:00Z"
    assert slots[2]["filament"] == {"material": "ABS"}
    assert slots[3]["identifiers"] == NO_TAG
    assert slots[3]["filament"] == {}


async def test_slots_of_all_printers_are_listed_together(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    await async_deliver(hass, other, state(direct=[slot_state(1, None)]))

    slots = (await browser.ask("slots"))["slots"]

    assert [slot["entry_id"] for slot in slots] == [entry.entry_id] * 4 + [
        other.entry_id
    ] * 5
    direct = slots[-1]
    assert (direct["unit"], direct["is_ams_slot"], direct["status"]) == (
        None,
        False,
        None,
    )


async def test_a_printer_that_is_not_loaded_is_listed_without_its_state(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)

    (printer,) = (await browser.ask("printers"))["printers"]

    assert printer["state"] == "not_loaded"
    assert printer["device_id"] is not None
    assert (printer["printer_id"], printer["status"], printer["units"]) == (
        None,
        None,
        [],
    )
    assert await browser.ask("slots") == {"slots": []}
    for command in ("slots", "events"):
        assert await browser.error(command, entry_id=entry.entry_id) == (
            "not_loaded",
            "X1C is not loaded",
        )
    for command in ("events", "failed_events"):
        assert await browser.error(command) == ("not_loaded", "No printer is loaded")


@pytest.mark.parametrize("command", ["slots", "events", "subscribe", "health"])
async def test_an_unknown_printer_is_not_found(
    hass: HomeAssistant, browser: Browser, command: str
) -> None:
    stranger = MockConfigEntry(domain="sun")
    stranger.add_to_hass(hass)
    for entry_id in ("nonsense", stranger.entry_id):
        assert await browser.error(command, entry_id=entry_id) == (
            "not_found",
            "There is no such printer",
        )


async def test_history_is_sent_newest_first_in_pages(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 1, identifiers=TAG),
        _inserted(3),
        _inserted(4, identifiers=TAG),
    )
    spools = {"event_types": ["spool_inserted", "spool_removed"]}

    first = await browser.ask("events", limit=2, **spools)
    second = await browser.ask("events", limit=2, cursor=first["cursor"], **spools)
    oldest = await browser.ask("events", order="oldest", **spools)

    assert _kinds(first) == [("spool_inserted", 4), ("spool_inserted", 3)]
    assert _kinds(second) == [("spool_removed", 1)]
    assert second["cursor"] is None
    assert _kinds(oldest) == [*_kinds(second), *reversed(_kinds(first))]
    event = first["events"][0]
    assert event["entry_id"] == entry.entry_id
    assert event["identifiers"] == TAG
    assert event["meta"]["previous_slot"]["slot_label"] == "A1"


@pytest.mark.parametrize(
    ("wanted", "slots"),
    [
        ({"unit": UNIT_SERIAL}, [3, 4, 2]),
        ({"unit": UNIT_SERIAL, "slot_no": 3}, [3]),
        ({"slot_no": 1}, [1]),
        ({"external_id": TAG["external_id"]}, [4]),
        ({"spool_id": 1}, [4]),
        ({"spool_id": 0}, []),
        ({"correlation_id": "one message"}, [3]),
        ({"correlation_id": "another"}, []),
        ({"since": "2026-11-02T00:00:00+01:00"}, [2]),
        ({"until": "2026-11-02T00:00:00+01:00"}, [3, 4, 1]),
        ({"since": "2026-11-05T00:00:00Z"}, []),
    ],
)
async def test_history_is_filtered(
    hass: HomeAssistant,
    browser: Browser,
    entry: MockConfigEntry,
    wanted: dict[str, Any],
    slots: list[int],
) -> None:
    await async_deliver(
        hass,
        entry,
        state(direct=[slot_state(1)]),
        _inserted(3, meta={"correlation_id": "one message"}),
        _inserted(4, identifiers=TAG),
        _inserted(1, unit_no=None),
        _inserted(2, event_at="2026-11-03T00:00:00Z"),
    )

    page = await browser.ask(
        "events",
        entry_id=entry.entry_id,
        event_types=["spool_inserted"],
        order="oldest",
        **wanted,
    )

    assert [event["slot"]["slot_no"] for event in page["events"]] == slots


async def test_events_caused_by_one_message_are_found_by_its_correlation_id(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    """In pages, and of all printers."""
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    swap = {"correlation_id": "swap"}
    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 1, identifiers=TAG, meta=swap),
        _inserted(3, meta={"correlation_id": "else"}),
        _inserted(1, meta=swap),
        _inserted(4),
    )
    await async_deliver(hass, other, _inserted(2, meta=swap))

    first = await browser.ask("events", limit=2, **swap)
    rest = await browser.ask("events", limit=2, cursor=first["cursor"], **swap)
    inserted = await browser.ask(
        "events", entry_id=entry.entry_id, event_types=["spool_inserted"], **swap
    )

    assert _kinds(first) == [("spool_inserted", 2), ("spool_inserted", 1)]
    assert _kinds(rest) == [("spool_removed", 1)]
    assert rest["cursor"] is None
    assert _kinds(inserted) == [("spool_inserted", 1)]
    assert {event["meta"]["correlation_id"] for event in first["events"]} == {"swap"}


async def test_an_ignored_discovery_is_no_printer(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    """Home Assistant stores it as an entry without data."""
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, data={}).add_to_hass(hass)

    for command in ("printers", "health"):
        printers = (await browser.ask(command))["printers"]
        assert [printer["entry_id"] for printer in printers] == [entry.entry_id]
    printers = (await browser.subscribe())["printers"]
    assert [printer["entry_id"] for printer in printers] == [entry.entry_id]


async def test_history_of_a_removed_printer_is_kept_without_an_entry_id(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await async_deliver(hass, entry, _inserted(3))
    await async_set_up(hass, make_entry("00M09A000000002"))
    await hass.config_entries.async_remove(entry.entry_id)

    page = await browser.ask("events", event_types=["spool_inserted"])

    assert [event["entry_id"] for event in page["events"]] == [None]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"unit": "nonsense"}, "not_found"),
        ({"unit": UNIT_SERIAL, "slot_no": 9}, "not_found"),
        ({"slot_no": 1}, "not_found"),
        ({"event_types": ["nonsense"]}, "invalid_format"),
        ({"since": "2026-11-02T00:00:00"}, "invalid_format"),
        ({"since": "yesterday"}, "invalid_format"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "invalid_format"),
        ({"until": "9999-12-31T23:59:59-12:00"}, "invalid_format"),
        ({"limit": 0}, "invalid_format"),
        ({"limit": 501}, "invalid_format"),
        ({"cursor": 2**63}, "invalid_format"),
        ({"order": "random"}, "invalid_format"),
    ],
)
async def test_an_invalid_command_is_refused(
    browser: Browser, entry: MockConfigEntry, wanted: dict[str, Any], code: str
) -> None:
    error, _ = await browser.error("events", entry_id=entry.entry_id, **wanted)

    assert error == code


@pytest.mark.parametrize("place", [{"unit": UNIT_SERIAL}, {"slot_no": 1}])
async def test_a_filter_by_unit_or_slot_needs_the_printer(
    browser: Browser, entry: MockConfigEntry, place: dict[str, Any]
) -> None:
    assert await browser.error("events", **place) == (
        "invalid_format",
        "A unit or a slot needs its entry_id",
    )


async def test_a_store_that_cannot_be_read_is_reported_as_an_error(
    browser: Browser, entry: MockConfigEntry
) -> None:
    with patch.object(Store, "read", side_effect=StoreError(Problem.IO_ERROR)):
        assert await browser.error("events") == (
            "store_unavailable",
            "The history cannot be read: io_error",
        )


async def test_a_subscriber_gets_the_state_and_then_each_change_once(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    (before,) = (await browser.subscribe())["printers"]
    assert [slot["status"] for slot in before["slots"]] == [
        "identified",
        "unidentified",
        "empty",
        "empty",
    ]

    await async_deliver(hass, entry, _inserted(3, identifiers=TAG))

    message = await browser.receive()
    assert message["event"]["event_type"] == "spool_inserted"
    assert message["printer"]["slots"][2]["status"] == "identified"
    assert await browser.receives_nothing()


async def test_a_change_is_sent_after_its_commit(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe()
    found: list[int] = []
    path = hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db")
    send = vars(ActiveConnection)["send_message"]

    def look(self: ActiveConnection, message: Any) -> None:
        found.append(_stored(path))
        send(self, message)

    before = _stored(path)
    with patch.object(ActiveConnection, "send_message", look):
        await async_deliver(hass, entry, _inserted(3))

    assert found == [before + 1]


async def test_nothing_is_sent_while_nothing_changes(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe()

    for minute in range(10):
        await async_deliver(hass, entry, state(at=f"2026-11-01T12:{minute:02}:00Z"))
        await async_show(
            hass,
            entry,
            DriverStatus.RUNNING,
            last_message_at=f"2026-11-01T12:{minute:02}:00+00:00",
        )

    assert await browser.receives_nothing()


async def test_a_lost_and_a_restored_connection_are_sent(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe(entry_id=entry.entry_id)

    await async_show(
        hass,
        entry,
        DriverStatus.RECONNECTING,
        error=ErrorCode.CONNECTION_REFUSED,
        last_message_at="2026-11-01T12:00:00+00:00",
    )
    offline = await browser.receive()
    await async_show(hass, entry, DriverStatus.RUNNING)
    online = await browser.receive()

    assert offline["event"] is None
    assert offline["printer"]["connected"] is False
    assert offline["printer"]["last_seen"] == "2026-11-01T12:00:00Z"
    assert offline["printer"]["error"] == "connection_refused"
    assert online["printer"]["connected"] is True
    assert online["printer"]["last_seen"] is None
    assert await browser.receives_nothing()


async def test_an_announced_spool_is_sent_and_then_what_took_it(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    """To subscribers of every printer, where it may be inserted in any."""
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    first = await browser.subscribe(entry_id=entry.entry_id)
    assert first["printers"][0]["announced"] == []

    await hass.services.async_call(
        DOMAIN,
        "expect_spool",
        {"external_id": "12", "label": "Galaxy black", "timeout": {"hours": 24}},
        blocking=True,
    )
    (announced,) = (await browser.receive())["printer"]["announced"]
    until = announced.pop("until")
    assert announced == {
        "printer_id": None,
        "external_id": "spoolman:12",
        "label": "Galaxy black",
        "taken_at": None,
        "taken_by": None,
        "taken_in": None,
    }

    at = datetime.now(UTC).isoformat()
    await async_deliver(
        hass,
        other,
        state(at=at),
        spool_event("spool_inserted", 3, event_at=at, meta={"slot_label": "A3"}),
    )

    message = await browser.receive()
    assert message["event"] is None
    (taken,) = message["printer"]["announced"]
    assert taken["until"] == until
    assert (taken["taken_by"], taken["taken_in"]) == (2, "A3")
    assert await browser.receives_nothing()


async def test_a_subscriber_gets_only_its_event_types_and_printer(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    first = await browser.subscribe(
        entry_id=entry.entry_id, event_types=["spool_removed"]
    )

    await async_deliver(hass, other, state(), spool_event("spool_removed", 1))
    await async_deliver(hass, entry, _inserted(3))
    await async_show(hass, entry, DriverStatus.RECONNECTING)
    await async_deliver(hass, entry, spool_event("spool_removed", 3))
    await hass.config_entries.async_remove(other.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)

    assert [printer["entry_id"] for printer in first["printers"]] == [entry.entry_id]
    message = await browser.receive()
    assert (message["event"]["event_type"], message["printer"]["name"]) == (
        "spool_removed",
        "X1C",
    )
    assert await browser.receives_nothing()


async def test_a_subscriber_follows_printers_that_are_added_reloaded_and_removed(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    other = make_entry("00M09A000000002")
    other.add_to_hass(hass)
    first = await browser.subscribe()
    assert [printer["state"] for printer in first["printers"]] == [
        "loaded",
        "not_loaded",
    ]

    await hass.config_entries.async_reload(entry.entry_id)
    states = [(await browser.receive())["printer"]["state"] for _ in range(4)]
    assert states == [
        "unload_in_progress",
        "not_loaded",
        "setup_in_progress",
        "loaded",
    ]

    await async_deliver(hass, entry, _inserted(4))
    assert (await browser.receive())["event"]["slot"]["slot_no"] == 4

    await async_set_up(hass, other)
    while (message := await browser.receive())["printer"]["state"] != "loaded":
        pass
    assert message["printer"]["entry_id"] == other.entry_id
    await async_deliver(hass, other, state(unit_state(2)))
    message = await browser.receive()
    assert message["printer"]["units"][0]["ams_unit_no"] == 2

    await hass.config_entries.async_remove(other.entry_id)
    while "removed" not in message:
        message = await browser.receive()
    assert message == {"removed": other.entry_id}
    assert await browser.receives_nothing()


async def test_the_last_events_of_an_entry_that_unloads_are_sent(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    await browser.subscribe(event_types=["spool_inserted"])
    driver_of(entry).at_stop = _inserted(3)

    await hass.config_entries.async_unload(entry.entry_id)

    assert (await browser.receive())["event"]["event_type"] == "spool_inserted"


async def test_a_closed_connection_is_unsubscribed(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    handler = async_shared_core(hass).handler
    subscribers = handler._printers[1].subscribers
    listeners = entry.runtime_data._listeners
    announced = handler._announced
    before = len(subscribers), len(listeners)
    await browser.subscribe()
    assert (len(subscribers), len(listeners)) == (before[0] + 1, before[1] + 1)
    assert len(announced) == 1

    await browser.socket.close()
    await hass.async_block_till_done()

    assert (len(subscribers), len(listeners)) == before
    assert announced == []


async def test_the_health_of_all_drivers_is_for_administrators(
    hass: HomeAssistant,
    browser: Browser,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    unloaded = make_entry("00M09A000000002")
    unloaded.add_to_hass(hass)

    first, second = (await browser.ask("health"))["printers"]

    assert first["health"] == driver_of(entry).health()
    assert (first["entry_id"], first["name"], first["state"]) == (
        entry.entry_id,
        "X1C",
        "loaded",
    )
    assert second["state"] == "not_loaded"
    assert second["health"] == {"status": "stopped", "last_error": None}
    (one,) = (await browser.ask("health", entry_id=unloaded.entry_id))["printers"]
    assert one == second
    guest = Browser(await hass_ws_client(hass, hass_read_only_access_token))
    for command in ("health", "failed_events"):
        assert (await guest.error(command))[0] == "unauthorized"
    assert len((await guest.ask("printers"))["printers"]) == 2


async def test_the_health_of_a_refused_configuration_states_what_is_wrong_with_it(
    hass: HomeAssistant, browser: Browser
) -> None:
    refused = make_entry("00M09A000000002", port=70000)
    refused.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(refused.entry_id)

    (one,) = (await browser.ask("health", entry_id=refused.entry_id))["printers"]

    assert one["state"] == "setup_error"
    assert one["health"]["status"] == "config_error"
    error = one["health"]["last_error"]
    assert error["code"] == "invalid_config"
    assert error["placeholders"]["field"] == "port"
    assert "The setting port is not valid" in error["message"]


@pytest.mark.parametrize(
    ("state", "reason", "status", "code"),
    [
        (ConfigEntryState.SETUP_RETRY, "No answer", "waiting", "unknown"),
        (ConfigEntryState.SETUP_ERROR, "A fault", "stopped", "unknown"),
        (ConfigEntryState.SETUP_IN_PROGRESS, None, "starting", None),
    ],
)
async def test_the_health_of_an_entry_that_is_not_loaded_has_its_reason(
    hass: HomeAssistant,
    browser: Browser,
    state: ConfigEntryState,
    reason: str | None,
    status: str,
    code: str | None,
) -> None:
    other = make_entry("00M09A000000002")
    other.add_to_hass(hass)
    other.mock_state(hass, state, reason)

    (one,) = (await browser.ask("health", entry_id=other.entry_id))["printers"]

    assert one["health"]["status"] == status
    error = one["health"]["last_error"]
    assert (error and error["code"], error and error["message"]) == (code, reason)


async def test_failed_events_are_listed_with_their_reason(
    hass: HomeAssistant, browser: Browser, entry: MockConfigEntry
) -> None:
    broken = [_inserted(0), _inserted(3, event_at="never"), _inserted(-1)]
    await async_deliver(hass, entry, *broken)

    first = await browser.ask("failed_events", limit=2)
    second = await browser.ask("failed_events", limit=2, cursor=first["cursor"])

    events = first["failed_events"] + second["failed_events"]
    assert second["cursor"] is None
    assert [event["payload"]["slot"]["slot_no"] for event in events] == [0, 3, -1]
    assert events[0]["outcome"] == "rejected"
    assert events[0]["printer_id"] == 1
    assert events[0]["reason"].startswith("slot.slot_no")
    assert datetime.fromisoformat(events[0]["first_at"]).tzinfo is not None
