"""The driver with a fake Moonraker: sessions, Klippy's states, errors, the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
import json
import logging
from typing import Any
from unittest.mock import AsyncMock, patch

import aiohttp
from pydantic import ValidationError
import pytest

from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.moonraker_filament import (
    jsonrpc as jsonrpc_module,
    session as session_module,
)
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.model import StoredSlot
from tests.clock import SOON, FakeClock
from tests.drivers.fake_host import FakeHost

from .fake_moonraker import (
    INSTANCE,
    KLIPPY_UNAVAILABLE,
    METHOD_NOT_FOUND,
    UNAUTHORIZED,
    FakeMoonraker,
    fake_moonraker,
)
from .systems.statuses import ace_hub, afc

pytestmark = pytest.mark.usefixtures("socket_enabled")

SENSOR = "filament_switch_sensor tool0"


def sensor(*, detected: bool) -> dict[str, Any]:
    return {"filament_detected": detected, "enabled": True}


class Rig:
    """A driver, its Moonraker and the host they run in; the driver's clock is fake."""

    def __init__(
        self, moonraker: FakeMoonraker, session: aiohttp.ClientSession
    ) -> None:
        self.moonraker = moonraker
        self.clock = FakeClock()
        moonraker.time = self.clock.monotonic
        self.session = session
        self.fake_host = FakeHost(self.clock, session=session)
        self.driver: Driver | None = None

    async def start(self, stored: tuple[StoredSlot, ...] = (), **changes: Any) -> None:
        self.fake_host = FakeHost(self.clock, session=self.session, stored=stored)
        self.driver = Driver(
            1,
            self.moonraker.config | changes,
            self.fake_host.emitter,
            self.fake_host.services,
        )
        await self.driver.start()

    async def stop(self) -> None:
        if self.driver is not None:
            await self.driver.stop()

    @property
    def health(self) -> Health:
        assert self.driver is not None
        return self.driver.health()

    @property
    def code(self) -> str | None:
        error = self.health["last_error"]
        return error["code"] if error else None

    @property
    def happened(self) -> list[str]:
        return [
            event["event_type"]
            for event in self.fake_host.events
            if event["event_type"] != "ams_state"
        ]

    async def until(self, condition: Callable[[], bool], pace: float = 0) -> None:
        """Wait, with the clock advancing `pace` seconds between two checks."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.002)
                self.clock.tick(pace)

    async def let(self, seconds: float) -> None:
        """Let time pass in small steps, with real time for answers in between."""
        for _ in range(round(seconds)):
            self.clock.tick(1)
            await asyncio.sleep(0.002)

    async def running(self, pace: float = 0) -> None:
        await self.until(lambda: self.health["status"] == "running", pace)

    async def waiting(self, code: ErrorCode | None = None, pace: float = 0) -> None:
        await self.until(
            lambda: (
                self.health["status"] == "waiting"
                and (code is None or self.code == code)
            ),
            pace,
        )

    async def fails(self, code: ErrorCode, pace: float = 0) -> None:
        await self.until(lambda: self.code == code, pace)
        assert self.health["status"] in {"reconnecting", "auth_failed"}
        assert not self.health["connected"]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Return a printer with one switch; check at the end that all is cleaned up."""
    tasks = asyncio.all_tasks()
    async with (
        fake_moonraker({SENSOR: sensor(detected=False)}) as moonraker,
        aiohttp.ClientSession() as session,
    ):
        rig = Rig(moonraker, session)
        yield rig
        await rig.stop()
        assert rig.clock.pending == 0
        await rig.until(lambda: not moonraker.peers)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}


async def test_changes_of_the_printer_are_events(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.health["connected"]
    assert rig.health["versions"] == {
        "firmware": "Moonraker 0.11.0",
        "system": "sensors",
    }

    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)
    await rig.moonraker.update(SENSOR, filament_detected=False)
    await rig.until(lambda: "spool_removed" in rig.happened, pace=0.5)

    assert rig.happened == ["spool_inserted", "spool_removed"]
    assert rig.health["counters"]["events"] == len(rig.fake_host.events)
    assert rig.health["counters"]["messages"] > 5


async def test_it_identifies_itself_and_requests_only_what_it_needs(
    rig: Rig,
) -> None:
    rig.moonraker.status |= {"configfile": {"config": {}}, "gcode": {"commands": {}}}
    await rig.start()
    await rig.running()

    info, identify, *_ = rig.moonraker.requests
    assert info["method"] == "server.info"
    assert identify["method"] == "server.connection.identify"
    assert set(identify["params"]) == {"client_name", "version", "type", "url"}
    (subscription,) = (
        request["params"]["objects"]
        for request in rig.moonraker.requests
        if request["method"] == "printer.objects.subscribe"
    )
    assert not subscription.keys() & {"configfile", "gcode"}
    assert "filament_detected" in subscription[SENSOR]


async def test_klippy_that_is_not_ready_is_polled_until_it_is(rig: Rig) -> None:
    rig.moonraker.state = "startup"
    await rig.start()
    await rig.waiting()
    await rig.until(lambda: rig.moonraker.asked("server.info") >= 3, pace=1)
    assert rig.moonraker.asked("printer.objects.subscribe") == 0
    assert rig.health["connected"]
    assert rig.code is None

    await rig.moonraker.enter("ready", silently=True)
    await rig.running(pace=1)

    assert rig.happened == []


async def test_klippy_that_reports_ready_is_read_at_once(rig: Rig) -> None:
    rig.moonraker.state = "startup"
    await rig.start()
    await rig.waiting()

    await rig.moonraker.enter("ready")
    await rig.running()


async def test_klippy_that_stays_unavailable_is_an_error_after_a_minute(
    rig: Rig,
) -> None:
    rig.moonraker.state = "disconnected"
    await rig.start()
    await rig.waiting()
    await rig.let(50)
    assert rig.code is None

    await rig.waiting(ErrorCode.KLIPPY_DISCONNECTED, pace=1)
    assert rig.clock.monotonic() >= 60
    error = rig.health["last_error"]
    await rig.let(60)
    assert error is not None
    assert rig.health["last_error"] == error


async def test_klippy_that_never_finishes_starting_is_an_error_after_a_minute(
    rig: Rig,
) -> None:
    rig.moonraker.state = "startup"
    await rig.start()

    await rig.waiting(ErrorCode.KLIPPY_NOT_READY, pace=1)

    assert rig.clock.monotonic() >= 60


@pytest.mark.parametrize(
    ("state", "code"),
    [("error", ErrorCode.KLIPPY_ERROR), ("shutdown", ErrorCode.KLIPPY_SHUTDOWN)],
)
async def test_klippy_in_error_is_reported_at_once_and_recovers(
    rig: Rig, state: str, code: ErrorCode
) -> None:
    rig.moonraker.state = state
    await rig.start()
    await rig.waiting(code)

    await rig.moonraker.enter("ready")
    await rig.running()


async def test_a_klippy_restart_is_subscribed_to_again(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    await rig.moonraker.enter("disconnected")
    await rig.waiting()
    await rig.moonraker.enter("ready")
    await rig.running()

    assert rig.moonraker.asked("printer.objects.subscribe") == 2
    assert rig.health["counters"]["reconnects"] == 0
    assert rig.happened == []


async def test_an_answer_to_a_query_from_before_a_klippy_restart_is_no_subscription(
    rig: Rig,
) -> None:
    await rig.start()
    await rig.running()
    rig.moonraker.silent.add("printer.objects.query")
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 1, pace=0.5)
    number = rig.moonraker.requests[-1]["id"]
    await rig.moonraker.enter("disconnected")
    await rig.moonraker.enter("ready")

    # It was on its way during the restart, so that the new Klippy answers it.
    answer = {"status": {SENSOR: sensor(detected=True)}}
    await rig.moonraker.send({"jsonrpc": "2.0", "id": number, "result": answer})

    await rig.let(10)

    assert rig.moonraker.asked("printer.objects.subscribe") == 2


async def test_klippy_that_silently_restarts_in_error_is_noticed(
    rig: Rig,
) -> None:
    await rig.start()
    await rig.running()

    await rig.moonraker.enter("disconnected")
    await rig.waiting()
    await rig.moonraker.enter("error", silently=True)

    await rig.waiting(ErrorCode.KLIPPY_ERROR, pace=1)


async def test_the_values_of_a_printer_in_shutdown_cause_no_event(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    await rig.moonraker.enter("shutdown")
    await rig.waiting(ErrorCode.KLIPPY_SHUTDOWN)
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.let(60)

    assert rig.happened == []


async def test_a_change_while_klippy_was_unavailable_is_detected_late(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    await rig.moonraker.enter("disconnected")
    await rig.waiting()
    rig.moonraker.status[SENSOR] = sensor(detected=True)
    await rig.moonraker.enter("ready")
    await rig.until(lambda: bool(rig.happened), pace=0.5)

    (inserted,) = (
        e for e in rig.fake_host.events if e["event_type"] == "spool_inserted"
    )
    assert inserted["meta"]["detected_late"]
    assert inserted["meta"]["source"] == "reconcile"


async def test_klippy_lost_silently_is_noticed_by_the_next_call(
    rig: Rig,
) -> None:
    rig.moonraker.errors["printer.objects.list"] = KLIPPY_UNAVAILABLE
    await rig.start()
    await rig.until(lambda: rig.moonraker.asked("server.info") >= 2)
    rig.moonraker.state = "disconnected"
    await rig.until(lambda: rig.moonraker.asked("server.info") >= 5, pace=1)

    del rig.moonraker.errors["printer.objects.list"]
    await rig.moonraker.enter("ready")
    await rig.running()


async def test_endpoints_that_klippy_has_not_registered_yet_are_called_again(
    rig: Rig,
) -> None:
    rig.moonraker.errors["printer.objects.subscribe"] = METHOD_NOT_FOUND
    await rig.start()
    await rig.until(lambda: rig.moonraker.asked("printer.objects.subscribe") >= 3, 1)

    del rig.moonraker.errors["printer.objects.subscribe"]
    await rig.running(pace=1)


async def test_a_call_that_klippy_is_too_busy_for_is_repeated(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_ANSWER_TIMEOUT", 0.05)
    rig.moonraker.silent.add("printer.objects.subscribe")
    await rig.start()
    await rig.until(lambda: rig.moonraker.asked("printer.objects.subscribe") >= 2, 1)
    assert rig.health["connected"]

    rig.moonraker.silent.clear()
    await rig.running(pace=1)


async def test_a_moonraker_without_a_version_is_read(rig: Rig) -> None:
    rig.moonraker.answers["server.info"] = {"klippy_state": "ready"}
    await rig.start()

    await rig.running()

    assert rig.health["versions"] == {"system": "sensors"}


async def test_objects_of_a_changer_that_cannot_be_read_are_named_in_health(
    rig: Rig,
) -> None:
    rig.moonraker.status["filament_motion_sensor ifs_motion_sensor"] = {}
    await rig.start()

    await rig.running()

    assert rig.health["versions"] == {
        "firmware": "Moonraker 0.11.0",
        "system": "ifs",
        "not_understood": "filament_motion_sensor ifs_motion_sensor",
    }


async def test_a_moonraker_that_stops_is_reconnected_to(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    await rig.moonraker.kick()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    await rig.running(pace=1)

    assert rig.health["counters"]["reconnects"] == 1
    assert rig.happened == []


async def test_a_printer_that_is_unplugged_is_noticed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    await rig.running()

    rig.moonraker.silent.add("server.info")
    monkeypatch.setattr(jsonrpc_module, "ANSWER_TIMEOUT", 0.05)
    await rig.until(lambda: rig.moonraker.asked("server.info") >= 2, pace=1)
    await rig.fails(ErrorCode.STREAM_STALLED)


async def test_a_quiet_printer_is_polled(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    asked = rig.moonraker.asked("server.info")

    await rig.let(300)

    assert rig.moonraker.asked("server.info") - asked == pytest.approx(15, abs=2)
    assert rig.health["status"] == "running"


async def test_a_printer_that_is_off_is_retried(rig: Rig) -> None:
    await rig.start(host="127.0.0.1", port=9)

    await rig.fails(ErrorCode.CONNECTION_REFUSED)
    await rig.until(lambda: rig.health["attempts"] >= 5, pace=1)

    assert rig.health["circuit"] == "open"


@pytest.mark.parametrize("method", ["server.info", "printer.objects.subscribe"])
async def test_a_refused_key_stops_the_retrying(rig: Rig, method: str) -> None:
    rig.moonraker.errors[method] = UNAUTHORIZED
    await rig.start(api_key="hunter2hunter2")

    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)

    assert rig.code == ErrorCode.INVALID_AUTH
    assert rig.moonraker.asked("server.connection.identify") == 2
    assert "hunter2" not in json.dumps(rig.health)


async def test_trust_that_ends_later_is_noticed(rig: Rig) -> None:
    await rig.start()
    await rig.running()

    rig.moonraker.errors["server.info"] = UNAUTHORIZED

    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)


async def test_a_moonraker_without_identify_is_read_as_well(
    rig: Rig,
) -> None:
    rig.moonraker.errors["server.connection.identify"] = METHOD_NOT_FOUND
    await rig.start()

    await rig.running()


async def test_another_moonraker_at_the_address_is_not_read(rig: Rig) -> None:
    await rig.start(instance_id="f" * 32)

    await rig.fails(ErrorCode.WRONG_PRINTER)

    assert rig.moonraker.asked("printer.objects.list") == 0


@pytest.mark.parametrize("error", [None, METHOD_NOT_FOUND])
async def test_a_moonraker_with_the_known_id_or_none_is_read(
    rig: Rig, error: object
) -> None:
    if error:
        rig.moonraker.errors["server.database.get_item"] = error
    await rig.start(instance_id=INSTANCE)

    await rig.running()


@pytest.mark.parametrize("answer", [{}, [], "hello", None, {"hello": "world"}])
async def test_a_foreign_server_that_answers_is_no_moonraker(
    rig: Rig, answer: object
) -> None:
    rig.moonraker.answers["server.info"] = answer
    await rig.start()

    await rig.fails(ErrorCode.WRONG_SERVICE)


async def test_a_foreign_server_that_is_silent_is_no_moonraker(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonrpc_module, "ANSWER_TIMEOUT", 0.05)
    rig.moonraker.silent |= {"server.connection.identify", "server.info"}
    await rig.start()

    await rig.fails(ErrorCode.WRONG_SERVICE)


async def test_the_active_spool_is_followed(rig: Rig) -> None:
    rig.moonraker.status[SENSOR] = sensor(detected=True)
    rig.moonraker.components.append("spoolman")
    del rig.moonraker.errors["server.spoolman.status"]
    rig.moonraker.answers["server.spoolman.status"] = {
        "spoolman_connected": True,
        "pending_reports": [],
        "spool_id": 7,
    }
    await rig.start()
    await rig.running()
    assert rig.moonraker.asked("server.spoolman.status") == 1
    await rig.moonraker.push("notify_active_spool_set", {"spool_id": 8})

    def identities() -> set[str]:
        return {
            slot["identifiers"]["external_id"]
            for event in rig.fake_host.events
            if event["event_type"] == "ams_state"
            for slot in event["direct_slots"]
        }

    await rig.until(lambda: "spoolman:8" in identities(), pace=1)
    assert rig.happened == []


async def test_slots_are_read_without_spoolman(rig: Rig) -> None:
    rig.moonraker.components.append("spoolman")
    await rig.start()

    await rig.running()

    assert rig.moonraker.asked("server.spoolman.status") == 1


async def test_a_refresh_requests_everything_again(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.driver is not None
    rig.moonraker.status[SENSOR] = sensor(detected=True)

    await rig.driver.sync_state()
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)

    assert rig.moonraker.asked("printer.objects.subscribe") == 1


async def test_a_state_that_is_not_answered_is_requested_again(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    rig.moonraker.silent.add("printer.objects.query")
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 2, pace=0.5)
    assert rig.happened == []

    rig.moonraker.silent.clear()
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)

    assert rig.moonraker.asked("printer.objects.query") == 3


async def answer_late(rig: Rig, *, detected: bool) -> None:
    """Answer the last query with what was so ten seconds ago."""
    await rig.let(10)
    number = rig.moonraker.requests[-1]["id"]
    status = {SENSOR: sensor(detected=detected)}
    await rig.moonraker.send(
        {"jsonrpc": "2.0", "id": number, "result": {"status": status}}
    )


async def test_an_answer_that_was_held_up_confirms_nothing(rig: Rig) -> None:
    rig.moonraker.status[SENSOR] = sensor(detected=True)
    await rig.start()
    await rig.running()
    rig.moonraker.silent.add("printer.objects.query")
    await rig.moonraker.update(SENSOR, filament_detected=False)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 1, pace=0.5)

    rig.moonraker.silent.clear()
    await answer_late(rig, detected=False)
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 2)
    await rig.let(20)

    assert rig.happened == []


async def test_an_update_that_was_held_up_confirms_nothing(rig: Rig) -> None:
    rig.moonraker.status[SENSOR] = sensor(detected=True)
    await rig.start()
    await rig.running()
    await rig.moonraker.update(SENSOR, filament_detected=False)
    await rig.let(9)
    made_at = rig.clock.monotonic() - 7
    rig.moonraker.status[SENSOR] = sensor(detected=True)

    await rig.moonraker.push("notify_status_update", {"print_stats": {}}, made_at)
    await rig.let(30)

    assert rig.happened == []


async def held_up(rig: Rig, since: float, name: str, **fields: Any) -> None:
    """Change an object and let the update come only now that was made at a time."""
    rig.moonraker.status[name] |= fields
    await rig.moonraker.push("notify_status_update", {name: fields}, since)


async def test_a_spool_exchanged_while_updates_were_held_up_is_seen(rig: Rig) -> None:
    tagged = {"status": "ready", "sku": "AHPLBK-103", "type": "PLA", "rfid": 2}
    rig.moonraker.status = {**rig.moonraker.status, **ace_hub(slot1=tagged)}
    await rig.start()
    await rig.running()
    await rig.let(60)

    began = rig.clock.monotonic()
    rig.clock.tick(15)
    for second, slot in (
        (0, {}),
        (5, {"status": "preload", "rfid": 3}),
        (10, {"status": "ready", "rfid": 1}),
    ):
        hubs = ace_hub(slot1=slot)["filament_hub"]["filament_hubs"]
        await held_up(rig, began + second, "filament_hub", filament_hubs=hubs)
    await rig.let(60)

    assert rig.happened == [
        "spool_removed",
        "spool_inserted",
        "unknown_spool_detected",
    ]


async def test_an_id_that_waited_in_the_socket_while_we_were_frozen_is_the_spool_s(
    rig: Rig,
) -> None:
    rig.moonraker.status = {**rig.moonraker.status, **afc()}
    await rig.start()
    await rig.running()
    await rig.let(60)
    stepper = "AFC_stepper lane3"
    messages = rig.health["counters"]["messages"]
    await rig.moonraker.update(stepper, prep=True, filament_status="Prep")
    await rig.until(lambda: rig.health["counters"]["messages"] > messages)

    began = rig.clock.monotonic()
    rig.clock.tick(10)
    await held_up(rig, began + 1, stepper, load=True, filament_status="Ready")
    await held_up(
        rig, began + 2.5, stepper, status="Loaded", spool_id=8, material="PLA"
    )
    await rig.let(60)

    assert rig.happened == ["spool_inserted"]
    (inserted,) = (
        event
        for event in rig.fake_host.events
        if event["event_type"] == "spool_inserted"
    )
    assert inserted["identifiers"]["external_id"] == "spoolman:8"


async def test_an_update_is_on_time_if_it_is_as_late_as_the_last_answer(
    rig: Rig,
) -> None:
    await rig.start()
    await rig.running()
    messages = rig.health["counters"]["messages"]
    await rig.moonraker.update("print_stats", state="standby")
    await rig.until(lambda: rig.health["counters"]["messages"] > messages)
    rig.moonraker.time = lambda: rig.clock.monotonic() - 60
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.happened == ["spool_inserted"], pace=0.5)
    asked = rig.moonraker.asked("printer.objects.query")

    await rig.moonraker.update(SENSOR, filament_detected=False)
    await rig.let(9)
    await rig.moonraker.update("print_stats", state="printing")
    await rig.until(lambda: rig.happened[1:] == ["spool_removed"])

    assert rig.moonraker.asked("printer.objects.query") == asked


async def test_a_klippy_that_is_always_slow_is_read_all_the_same(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    rig.moonraker.silent.add("printer.objects.query")
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 1, pace=0.5)
    await answer_late(rig, detected=True)
    await rig.until(lambda: rig.moonraker.asked("printer.objects.query") == 2)
    assert rig.happened == []
    await answer_late(rig, detected=True)

    await rig.until(lambda: rig.happened == ["spool_inserted"])


async def test_a_refresh_without_a_session_is_harmless(rig: Rig) -> None:
    await rig.start(host="127.0.0.1", port=9)
    assert rig.driver is not None

    await rig.driver.sync_state()

    await rig.fails(ErrorCode.CONNECTION_REFUSED)


async def test_sensors_keep_their_numbers_over_connections_and_restarts(
    rig: Rig,
) -> None:
    rig.moonraker.status["filament_switch_sensor a"] = sensor(detected=False)
    stored = StoredSlot(unit=None, slot_no=1, label="tool0", present=False)
    await rig.start(stored=(stored,))
    await rig.running()
    await rig.moonraker.kick()
    await rig.fails(ErrorCode.CONNECTION_LOST)
    await rig.running(pace=1)
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)

    (inserted,) = (
        e for e in rig.fake_host.events if e["event_type"] == "spool_inserted"
    )
    assert inserted["slot"]["slot_no"] == 1


BAD_INPUT = [
    "no JSON",
    [],
    {},
    {
        "jsonrpc": "2.0",
        "result": {"status": {SENSOR: {"filament_detected": True}}},
        "id": 999,
    },
    {"method": "notify_status_update"},
    {"method": "notify_status_update", "params": None},
    {"method": "notify_status_update", "params": [None]},
    {"method": "notify_status_update", "params": [{SENSOR: None}, 1.0]},
    {"method": "notify_status_update", "params": [{SENSOR: []}, 1.0]},
    {
        "method": "notify_status_update",
        "params": [{SENSOR: {"filament_detected": "yes"}}],
    },
    {"method": "notify_status_update", "params": [{SENSOR: {"filament_detected": 1}}]},
    {"method": "notify_active_spool_set", "params": [{"spool_id": "seven"}]},
    {"method": "notify_klippy_ready", "params": 5},
    {"method": "notify_of_something_else", "params": [{"a": 1}]},
]


async def test_bad_input_neither_ends_the_session_nor_causes_an_event(
    rig: Rig,
) -> None:
    await rig.start()
    await rig.running()
    for value in BAD_INPUT:
        await rig.moonraker.send(value)
    await rig.let(60)
    assert rig.happened == []
    assert rig.health["status"] == "running"
    counters = rig.health["counters"]
    assert counters["ignored"] + counters["decode_errors"] >= 8
    assert counters["reconnects"] == 0

    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)


async def test_a_capture_decodes_to_what_was_reported(rig: Rig) -> None:
    await rig.start(api_key="hunter2hunter2")
    await rig.running()
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.moonraker.push("notify_gcode_response", "// private")
    await rig.until(lambda: "spool_inserted" in rig.happened, pace=0.5)
    assert rig.driver is not None

    capture = rig.driver.capture()
    decode = Driver.frame_decoder()
    snapshots = [decode(frame) for frame in capture["frames"]]

    present = [snapshot.direct_slots[0].present for snapshot in snapshots if snapshot]
    # The last report is the one that confirmed the insertion.
    assert present == [False, True, True]
    assert "hunter2" not in json.dumps(capture)
    assert "private" not in json.dumps(capture)


async def test_stopping_is_quick_and_may_be_repeated(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    assert rig.driver is not None

    async with asyncio.timeout(SOON):
        await rig.driver.stop()
        await rig.driver.stop()

    assert rig.health["status"] == "stopped"


async def test_a_driver_without_an_http_session_is_broken(
    rig: Rig,
) -> None:
    fake_host = FakeHost(rig.clock)
    driver = Driver(1, rig.moonraker.config, fake_host.emitter, fake_host.services)
    await driver.start()

    await rig.until(lambda: driver.health()["last_error"] is not None)

    error = driver.health()["last_error"]
    assert error is not None
    assert error["code"] == ErrorCode.DRIVER_BROKEN
    await driver.stop()


async def test_an_invalid_config_is_refused(rig: Rig) -> None:
    with pytest.raises(ValidationError):
        await rig.start(port=0)


async def test_the_key_is_never_logged(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rig.moonraker.errors["server.info"] = {
        "code": -32602,
        "message": "Invalid API Key",
    }
    await rig.start(api_key="hunter2hunter2")
    await rig.until(lambda: rig.health["status"] == "auth_failed", pace=1)

    assert "hunter2" not in caplog.text


# What the config flow asks.


async def probe(rig: Rig, **changes: Any) -> Any:
    return await Driver.probe(rig.moonraker.config | changes, rig.fake_host.services)


async def test_a_probe_identifies_the_printer(rig: Rig) -> None:
    found = await probe(rig)

    assert found.identity == INSTANCE
    assert found.name == "workshop"
    assert found.config == {"instance_id": INSTANCE}


async def test_a_moonraker_without_an_id_is_identified_by_its_hardware_address(
    rig: Rig,
) -> None:
    rig.moonraker.errors["server.database.get_item"] = METHOD_NOT_FOUND
    rig.moonraker.answers["machine.system_info"] = {
        "system_info": {
            "network": {
                "docker0": {"mac_address": "02:00:00:00:00:01"},
                "eth0": {"mac_address": "00:00:00:00:00:00"},
                "eth1": "down",
                "wlan0": {"mac_address": "DC:A6:32:00:00:02"},
                "wlan1": {"mac_address": "dc:a6:32:00:00:03"},
            }
        }
    }

    found = await probe(rig)

    assert found.identity == "dca632000002"
    assert found.config == {"instance_id": None}


@pytest.mark.parametrize("answer", [{}, {"system_info": {"network": {}}}, []])
async def test_a_moonraker_without_any_id_is_identified_by_its_address(
    rig: Rig, answer: object
) -> None:
    rig.moonraker.answers |= {
        "server.database.get_item": {"value": 5},
        "machine.system_info": answer,
        "printer.info": {"hostname": " "},
    }

    found = await probe(rig)

    port = rig.moonraker.url.rstrip("/").rpartition(":")[2]
    assert found.identity == f"127.0.0.1:{port}"
    assert found.name == "127.0.0.1"


async def test_a_printer_that_is_off_behind_its_moonraker_can_be_set_up(
    rig: Rig,
) -> None:
    rig.moonraker.state = "disconnected"

    found = await probe(rig)

    assert found.identity == INSTANCE
    assert found.name == "127.0.0.1"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ({"errors": {"server.info": UNAUTHORIZED}}, ErrorCode.INVALID_AUTH),
        ({"errors": {"server.info": METHOD_NOT_FOUND}}, ErrorCode.WRONG_SERVICE),
        ({"answers": {"server.info": {}}}, ErrorCode.WRONG_SERVICE),
    ],
)
async def test_a_probe_reports_the_cause_of_a_failure(
    rig: Rig, trouble: dict[str, dict[str, object]], code: ErrorCode
) -> None:
    for kind, calls in trouble.items():
        getattr(rig.moonraker, kind).update(calls)

    with pytest.raises(DriverError) as failed:
        await probe(rig)

    assert failed.value.code is code


async def test_a_probe_leaves_no_connection(rig: Rig) -> None:
    with suppress(DriverError):
        await probe(rig)

    assert rig.moonraker.asked("server.info") == 1
    await rig.until(lambda: not rig.moonraker.peers)


# Floods.


@pytest.mark.parametrize("kind", ["updates", "pings"])
async def test_a_flood_leaves_the_event_loop_its_turns(rig: Rig, kind: str) -> None:
    """However many messages have arrived already, few are read in one go."""
    await rig.start()
    await rig.running()
    (peer,) = rig.moonraker.peers
    at_once: list[int] = []

    def read() -> int:
        return pong.await_count + rig.health["counters"]["messages"]

    async def watch() -> None:
        before = read()
        while True:
            await asyncio.sleep(0)
            at_once.append(read() - before)
            before += at_once[-1]

    with patch.object(aiohttp.ClientWebSocketResponse, "pong", AsyncMock()) as pong:
        watching = asyncio.create_task(watch())
        for number in range(3000):
            if kind == "pings":
                await peer.socket.ping()
            else:
                await rig.moonraker.update(SENSOR, filament_detected=number % 2 == 0)
        await rig.until(lambda: sum(at_once) >= 3000)
        watching.cancel()

    assert max(at_once) <= 20
    assert rig.health["status"] == "running"


async def test_of_a_flood_the_last_state_counts(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    for number in range(1001):
        await rig.moonraker.update(SENSOR, filament_detected=number % 2 == 0)
    assert rig.driver is not None
    await rig.until(lambda: rig.health["counters"]["messages"] > 1001)

    await rig.let(10)

    assert rig.happened == ["spool_inserted"]


async def test_the_updates_of_a_flood_count_before_the_message_that_follows(
    rig: Rig,
) -> None:
    """A Klippy that shuts down freezes the state: what came before it is not lost."""
    await rig.start()
    await rig.running()
    for number in range(201):
        await rig.moonraker.update(SENSOR, filament_detected=number % 2 == 0)

    await rig.moonraker.enter("shutdown")
    await rig.waiting(ErrorCode.KLIPPY_SHUTDOWN)

    assert rig.driver is not None
    (slot,) = rig.driver.explain()["slots"]
    assert slot["reported"] is not None
    assert slot["reported"]["decoded"]["present"] is True


async def test_a_pong_that_was_not_asked_for_is_ignored(rig: Rig) -> None:
    await rig.start()
    await rig.running()
    (peer,) = rig.moonraker.peers
    before = rig.health["counters"]

    await peer.socket.pong()
    await rig.moonraker.update(SENSOR, filament_detected=True)
    await rig.until(lambda: rig.health["counters"]["messages"] > before["messages"])

    after = rig.health["counters"]
    assert after["messages"] == before["messages"] + 1
    for counter in ("ignored", "decode_errors", "reconnects", "errors"):
        assert after[counter] == before[counter]


async def test_health_names_what_is_left_out_of_a_huge_moonraker(rig: Rig) -> None:
    rig.moonraker.status |= {
        f"filament_switch_sensor s{number}": sensor(detected=False)
        for number in range(10_000)
    }

    await rig.start()
    await rig.running()

    assert rig.health["versions"]["left_out"] == "9001 objects, 744 sensors"


async def test_health_names_the_machine_that_moonraker_runs_on(rig: Rig) -> None:
    rig.moonraker.answers["machine.system_info"] = {
        "system_info": {
            "network": {"wlan0": {"mac_address": "B8:27:EB:01:23:45"}},
            "cpu_info": {"model": "Raspberry Pi 4 Model B Rev 1.1"},
        }
    }

    await rig.start()
    await rig.running()

    assert rig.health["versions"] == {
        "firmware": "Moonraker 0.11.0",
        "hardware": "Raspberry Pi 4 Model B Rev 1.1",
        "mac": "b827eb012345",
        "system": "sensors",
    }
