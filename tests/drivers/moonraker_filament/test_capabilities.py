"""What a Klipper printer's driver can be asked to do, with a fake and a real Moonraker."""

import asyncio
from collections.abc import AsyncIterator
import json
import re
import socket
from typing import Any
from unittest.mock import AsyncMock
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.filament_slots.drivers.capabilities import InvokeError
from custom_components.filament_slots.drivers.invoke import invoke
from custom_components.filament_slots.drivers.moonraker_filament import (
    driver as moonraker_driver,
)
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.drivers.fake_host import FakeHost
from tests.drivers.wire_tap import WireTap, tapped
from tests.printers.klippy import Klippy
from tests.printers.moonraker import PYTHON, Moonraker
from tests.printers.moonraker_scenarios import HappyHare

from .fake_moonraker import INSTANCE, FakeMoonraker, fake_moonraker

pytestmark = pytest.mark.usefixtures("socket_enabled")

SENSOR = "filament_switch_sensor tool0"
STEPS = ["name", "port", "connection", "sign_in", "identity", "first_report"]
KEY = "0123456789abcdef0123456789abcdef"[::-1]

# What may be called: each reads, and changes nothing. An introduction names the client.
ALLOWED = {
    "server.info",
    "server.connection.identify",
    "server.database.get_item",
    "server.spoolman.status",
    "server.spoolman.get_spool_id",
    "machine.system_info",
    "printer.info",
    "printer.objects.list",
    "printer.objects.query",
    "printer.objects.subscribe",
}
# The only members that a call's parameters have.
PARAMETERS = {
    "server.connection.identify": {"client_name", "version", "type", "url", "api_key"},
    "server.database.get_item": {"namespace", "key"},
    "printer.objects.query": {"objects"},
    "printer.objects.subscribe": {"objects"},
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP session of the host."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def moonraker_() -> AsyncIterator[FakeMoonraker]:
    """A fake Moonraker with a switch."""
    status = {SENSOR: {"filament_detected": False, "enabled": True}}
    async with fake_moonraker(status) as moonraker:
        yield moonraker


@pytest.fixture
async def driver(
    moonraker_: FakeMoonraker, session: aiohttp.ClientSession
) -> AsyncIterator[Driver]:
    """A driver that has the full state."""
    driver = await _running(
        {"host": moonraker_.url, "api_key": KEY, "instance_id": INSTANCE}, session
    )
    yield driver
    await driver.stop()


async def _running(config: dict[str, Any], session: aiohttp.ClientSession) -> Driver:
    host = FakeHost(session=session)
    driver = Driver(1, config, host.emitter, host.services)
    await driver.start()
    await host.wait_for(lambda: driver.health()["status"] == "running", timeout=30)
    return driver


async def _steps(driver: Driver, **config: Any) -> dict[str, str | bool | None]:
    """Test the connection with other settings; return each step's error or result."""
    driver.config = driver.config.model_copy(update=config)
    result = await invoke(driver, "test_connection", {})
    assert [step["name"] for step in result["steps"]] == STEPS
    assert result["ok"] is all(step["ok"] for step in result["steps"])
    return {step["name"]: step["error"] or step["ok"] for step in result["steps"]}


async def test_each_step_of_a_connection_is_tested(driver: Driver) -> None:
    assert await _steps(driver) == dict.fromkeys(STEPS, True)
    assert driver.health()["counters"]["reconnects"] == 0


async def test_a_closed_port_is_the_step_that_failed(driver: Driver) -> None:
    steps = await _steps(driver, host="127.0.0.1:9")

    assert steps == dict.fromkeys(STEPS) | {
        "name": True,
        "port": "connection_refused",
    }


async def test_a_name_without_an_address_is_the_step_that_failed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = AsyncMock(side_effect=socket.gaierror)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)

    steps = await _steps(driver, host="gone.example")

    assert steps == dict.fromkeys(STEPS) | {"name": "host_not_found"}


async def test_a_host_that_does_not_answer_is_the_step_that_failed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*args: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    monkeypatch.setattr(moonraker_driver, "_REACH_TIMEOUT", 0.05)

    steps = await _steps(driver)

    assert steps == dict.fromkeys(STEPS) | {
        "name": True,
        "port": "connection_timeout",
    }


async def test_a_port_with_http_instead_of_https_is_named(
    driver: Driver, moonraker_: FakeMoonraker
) -> None:
    steps = await _steps(driver, host=moonraker_.url.replace("http:", "https:"))

    assert steps["connection"] == "http_not_https"


async def test_a_redirect_is_the_step_that_failed(driver: Driver) -> None:
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("https://elsewhere.example/websocket")

    application = web.Application()
    application.router.add_get("/websocket", away)
    server = TestServer(application)
    await server.start_server()
    try:
        steps = await _steps(driver, host=str(server.make_url("/")))
    finally:
        await server.close()

    assert steps["connection"] == "redirected"


async def test_a_refused_key_is_the_step_that_failed(
    driver: Driver, moonraker_: FakeMoonraker
) -> None:
    moonraker_.key = "another"

    steps = await _steps(driver)

    assert steps["connection"] is True
    assert steps["sign_in"] == "invalid_auth"
    assert steps["identity"] is None


async def test_another_moonraker_is_the_step_that_failed(driver: Driver) -> None:
    steps = await _steps(driver, instance_id="another-instance")

    assert steps["identity"] == "wrong_printer"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("startup", "klippy_not_ready"),
        ("error", "klippy_error"),
        ("shutdown", "klippy_shutdown"),
        ("disconnected", "klippy_disconnected"),
    ],
)
async def test_a_klippy_that_is_not_ready_is_the_step_that_failed(
    driver: Driver, moonraker_: FakeMoonraker, state: str, code: str
) -> None:
    moonraker_.state = state

    steps = await _steps(driver)

    assert steps["identity"] is True
    assert steps["first_report"] == code


async def test_a_klippy_that_answers_with_an_error_is_not_ready(
    driver: Driver, moonraker_: FakeMoonraker
) -> None:
    moonraker_.errors["printer.objects.list"] = {"code": 503, "message": "Not there"}

    assert (await _steps(driver))["first_report"] == "klippy_not_ready"


async def test_messages_are_recorded(driver: Driver, moonraker_: FakeMoonraker) -> None:
    recording = asyncio.create_task(invoke(driver, "capture", {"seconds": 1}))
    await asyncio.sleep(0)
    await moonraker_.update(SENSOR, filament_detected=True)
    result = await recording

    assert result["messages"] > 0
    assert KEY not in json.dumps(result)
    decode = Driver.frame_decoder()
    snapshots = [decode(frame) for frame in result["capture"]["frames"]]
    assert snapshots[-1] is not None
    assert [slot.present for slot in snapshots[-1].direct_slots] == [True]


async def test_a_slot_is_explained_by_its_number(driver: Driver) -> None:
    result = await invoke(driver, "explain_slot", {"slot_no": 1})

    assert result["slot"]["present"] is False
    with pytest.raises(InvokeError, match="no such slot"):
        await invoke(driver, "explain_slot", {"slot_no": 2})


async def test_versions_are_those_that_are_reported(driver: Driver) -> None:
    result = await invoke(driver, "versions", {})

    assert result["printer"]["firmware"] == "Moonraker 0.11.0"
    assert result["units"] == []


async def _run_all(driver: Driver, payload: dict[str, Any]) -> None:
    payloads = {"capture": {"seconds": 1}, "explain_slot": payload}
    for capability in driver.capabilities:
        result = await invoke(driver, capability.id, payloads.get(capability.id, {}))
        assert result.get("ok", True)
    await driver.stop()


def _assert_reads_only(tap: WireTap) -> None:
    """Each connection is one request for a WebSocket; each of its frames one call."""
    requests = [request for request in tap.requests if request]
    # The driver's own session and that of the test, which has opened the port before.
    assert (len(requests), len(tap.requests)) == (2, 3)
    for request in requests:
        first, *headers = request.decode().split("\r\n")
        assert first == "GET /websocket HTTP/1.1"
        names = {header.partition(":")[0].lower() for header in headers}
        assert names <= {
            *("host", "upgrade", "connection", "accept", "accept-encoding"),
            *("sec-websocket-version", "sec-websocket-key", "user-agent"),
        }
    assert len(tap.calls) > 10
    for call in tap.calls:
        assert call["method"] in ALLOWED
        assert call.keys() <= {"jsonrpc", "method", "id", "params"}
        wanted = PARAMETERS.get(call["method"], set())
        assert set(call.get("params", {})) <= wanted, call
        if call["method"] == "server.database.get_item":
            assert call["params"] == {"namespace": "moonraker", "key": "instance_id"}
        if "objects" in wanted:
            assert all(
                fields is None or all(re.fullmatch(r"\w+", field) for field in fields)
                for fields in call["params"]["objects"].values()
            )


async def test_the_only_bytes_that_a_capability_sends_are_requests_that_read(
    moonraker_: FakeMoonraker, session: aiohttp.ClientSession
) -> None:
    port = urlsplit(moonraker_.url).port
    assert port is not None
    async with tapped(port) as tap:
        config = {"host": "127.0.0.1", "port": tap.port, "instance_id": INSTANCE}
        driver = await _running(config | {"api_key": KEY}, session)
        await _run_all(driver, {"slot_no": 1})

        _assert_reads_only(tap)
        # The key is sent to a Moonraker that requires one, and to no other.
        assert not any(KEY.encode() in sent for sent in tap.sent)
        assert KEY not in json.dumps(tap.calls)


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker")
async def test_the_same_with_a_real_moonraker_and_a_changer(
    moonraker: Moonraker, klippy: Klippy, session: aiohttp.ClientSession
) -> None:
    HappyHare(klippy)
    await klippy.start()
    await moonraker.sees("ready")
    async with tapped(moonraker.port) as tap:
        config = {"host": "127.0.0.1", "port": tap.port}
        known = config | {"instance_id": moonraker.instance_id}
        driver = await _running(known, session)
        await _run_all(driver, {"ams_unit_no": 1, "slot_no": 1})

        _assert_reads_only(tap)
