"""What a Bambu Lab printer's driver can be asked to do, with a virtual printer."""

import asyncio
from collections.abc import AsyncIterator
import json
import re
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from custom_components.filament_slots.drivers.bambulab_mqtt.requests import (
    GET_VERSION,
    PUSHALL,
)
from custom_components.filament_slots.drivers.capabilities import InvokeError
from custom_components.filament_slots.drivers.invoke import invoke
from tests.drivers.fake_host import FakeHost
from tests.drivers.wire_tap import tapped
from tests.printers.bambu import ACCESS_CODE, BambuPrinter
from tests.printers.bambu_scenarios import WHITE, x1c

pytestmark = pytest.mark.usefixtures("socket_enabled")

STEPS = ["name", "port", "tls", "identity", "sign_in", "first_report"]


@pytest.fixture
async def printer() -> AsyncIterator[BambuPrinter]:
    """A printer that is switched on."""
    async with BambuPrinter(x1c()) as printer:
        yield printer


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP session of the host."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def host(session: aiohttp.ClientSession) -> FakeHost:
    """The host, on the real clock."""
    return FakeHost(session=session)


@pytest.fixture
async def driver(printer: BambuPrinter, host: FakeHost) -> AsyncIterator[Driver]:
    """A driver that has the full state."""
    driver = Driver(1, printer.config, host.emitter, host.services)
    await driver.start()
    await host.wait_for(lambda: driver.health()["status"] == "running")
    yield driver
    await driver.stop()


async def _steps(driver: Driver, **config: Any) -> dict[str, str | bool | None]:
    """Test the connection with other settings; return each step's error or result."""
    driver.config = driver.config.model_copy(update=config)
    result = await invoke(driver, "test_connection", {})
    assert [step["name"] for step in result["steps"]] == STEPS
    assert result["ok"] is all(step["ok"] for step in result["steps"])
    for step in result["steps"]:
        assert (step["seconds"] is None) is (step["ok"] is None)
    return {step["name"]: step["error"] or step["ok"] for step in result["steps"]}


async def test_each_step_of_a_connection_is_tested_and_timed(driver: Driver) -> None:
    assert await _steps(driver) == dict.fromkeys(STEPS, True)
    assert driver.health()["status"] == "running"
    assert driver.health()["counters"]["reconnects"] == 0


async def test_a_closed_port_is_the_step_that_failed(
    driver: Driver, printer: BambuPrinter
) -> None:
    await printer.power_off()

    steps = await _steps(driver)

    assert steps == dict.fromkeys(STEPS) | {
        "name": True,
        "port": "connection_refused",
    }


async def test_a_web_server_at_the_port_is_named(driver: Driver) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    try:
        steps = await _steps(driver, port=server.port)
    finally:
        await server.close()

    assert steps["port"] is True
    assert steps["tls"] == "web_server"
    assert steps["identity"] is None


async def test_where_no_printer_answers_nothing_is_sent_but_a_handshake_and_a_question(
    driver: Driver,
) -> None:
    server = TestServer(web.Application())
    await server.start_server()
    assert server.port is not None
    try:
        async with tapped(server.port) as tap:
            steps = await _steps(driver, port=tap.port)
    finally:
        await server.close()

    assert steps["tls"] == "web_server"
    handshakes = [sent for sent in tap.sent if sent.startswith(b"\x16\x03")]
    questions = [sent for sent in tap.sent if sent.startswith(b"GET / HTTP/1.1\r\n")]
    assert len(handshakes) >= 1
    assert len(questions) == 1
    assert len(tap.sent) == len(handshakes) + 1
    assert not any(ACCESS_CODE.encode() in sent for sent in tap.sent)


async def test_another_certificate_is_the_step_that_failed(
    driver: Driver, printer: BambuPrinter
) -> None:
    printer.change_certificate()

    steps = await _steps(driver)

    assert steps["tls"] is True
    assert steps["identity"] == "new_certificate"
    assert steps["sign_in"] is None


async def test_another_printer_is_the_step_that_failed(driver: Driver) -> None:
    steps = await _steps(driver, serial="00M09A111111111")

    assert steps["identity"] == "wrong_printer"


async def test_a_refused_code_is_the_step_that_failed(
    driver: Driver, printer: BambuPrinter
) -> None:
    printer.access_code = "another1"

    steps = await _steps(driver)

    assert steps["identity"] is True
    assert steps["sign_in"] == "invalid_auth"
    assert steps["first_report"] is None


async def test_a_printer_that_sends_nothing_is_the_step_that_failed(
    driver: Driver, printer: BambuPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Driver, "first_message", 0.05)
    printer.silent = True

    steps = await _steps(driver)

    assert steps["sign_in"] is True
    assert steps["first_report"] == "silent_printer"


async def test_the_test_is_one_connection_at_a_time(
    driver: Driver, printer: BambuPrinter
) -> None:
    before = printer.logins
    most = 0
    login = printer.login

    def counted(user: str, password: str) -> int:
        nonlocal most
        most = max(most, len(printer.clients))
        return login(user, password)

    printer.login = counted  # type: ignore[method-assign]

    await asyncio.gather(*(invoke(driver, "test_connection", {}) for _ in range(3)))

    assert printer.logins == before + 3
    # That of the driver, and none of another test.
    assert most == 1


async def test_messages_are_recorded_without_what_identifies_the_printer(
    driver: Driver, printer: BambuPrinter
) -> None:
    recording = asyncio.create_task(invoke(driver, "capture", {"seconds": 1}))
    await asyncio.sleep(0)
    await printer.play(printer.hardware.insert(1, 3, WHITE), speed=1000)
    result = await recording

    shown = json.dumps(result)
    assert WHITE.uuid is not None
    assert result["messages"] > 0
    assert not result["truncated"]
    assert 1 <= result["seconds"] < 5
    units = [unit.serial for unit in printer.hardware.units.values()]
    ids = [printer.hardware.serial, WHITE.uuid, *units]
    for secret in (ACCESS_CODE, "127.0.0.1", *ids):
        assert secret not in shown
    decode = Driver.frame_decoder()
    snapshots = [decode(frame) for frame in result["capture"]["frames"]]
    # With the full state from before, so that it can be replayed.
    assert snapshots[-1] is not None
    assert snapshots[-1].complete
    assert [slot.present for slot in snapshots[-1].units[0].slots][2] is True


async def test_a_recording_ends_when_it_is_full(driver: Driver) -> None:
    recording = asyncio.create_task(invoke(driver, "capture", {"seconds": 60}))
    await asyncio.sleep(0.01)
    report = json.dumps({"print": {"command": "push_status", "msg": 1}}).encode()
    for _ in range(60_000):
        driver.connection.message_received(report)

    result = await asyncio.wait_for(recording, 30)

    assert result["truncated"]
    assert result["messages"] < 60_000
    assert len(json.dumps(result)) < 5_200_000


@pytest.mark.parametrize("seconds", [0, 61, "many"])
async def test_a_recording_takes_a_minute_at_most(
    driver: Driver, seconds: object
) -> None:
    with pytest.raises(InvokeError) as refused:
        await invoke(driver, "capture", {"seconds": seconds})

    assert refused.value.code == "invalid_payload"


async def test_a_slot_is_explained_by_its_numbers(driver: Driver) -> None:
    result = await invoke(driver, "explain_slot", {"ams_unit_no": 1, "slot_no": 2})

    assert (result["slot"]["ams_unit_no"], result["slot"]["slot_no"]) == (1, 2)
    assert result["printer"]["complete"]
    with pytest.raises(InvokeError) as refused:
        await invoke(driver, "explain_slot", {"ams_unit_no": 9, "slot_no": 2})
    assert refused.value.code == "invalid_payload"
    assert "no such slot" in refused.value.reason


async def test_versions_are_those_of_printer_and_units(driver: Driver) -> None:
    result = await invoke(driver, "versions", {})

    assert result["printer"]["model"] == "X1-Carbon"
    assert result["units"][0]["serial"]


async def test_the_state_is_requested_or_the_cause_is_named(
    driver: Driver, printer: BambuPrinter, host: FakeHost
) -> None:
    assert (await invoke(driver, "sync_state", {})).keys() == {"requested_at"}

    await printer.power_off()
    await host.wait_for(lambda: driver.health()["status"] == "reconnecting")
    with pytest.raises(InvokeError) as failed:
        await invoke(driver, "sync_state", {})

    assert failed.value.code == "capability_failed"
    assert failed.value.reason == driver.health()["last_error"]["code"]  # type: ignore[index]


async def test_the_only_bytes_that_a_capability_sends_are_requests_that_read(
    driver: Driver, printer: BambuPrinter
) -> None:
    """All that leaves the host after TLS was decrypted, packet by packet."""
    payloads = {
        "capture": {"seconds": 1},
        "explain_slot": {"ams_unit_no": 1, "slot_no": 1},
    }
    for capability in driver.capabilities:
        await invoke(driver, capability.id, payloads.get(capability.id, {}))
    await driver.stop()
    async with asyncio.timeout(5):
        while printer.clients:
            await asyncio.sleep(0.01)

    serial = printer.hardware.serial.encode()
    text = re.escape
    allowed = [
        # CONNECT: MQTT 3.1.1, clean, with user and password, kept alive for 30 s.
        rb"\x10\x00\x04MQTT\x04\xc2\x00\x1e\x00\x2ffilament-slots-[0-9a-f]{32}"
        rb"\x00\x04bblp\x00\x08" + ACCESS_CODE.encode(),
        # SUBSCRIBE to the reports.
        rb"\x82..\x00." + text(b"device/" + serial + b"/report") + rb"\x00",
        # PUBLISH of the two requests.
        *(
            rb"\x30\x00." + text(b"device/" + serial + b"/request" + request.encode())
            for request in (GET_VERSION, PUSHALL)
        ),
        rb"\xc0",  # PINGREQ
        rb"\xe0",  # DISCONNECT
    ]
    sent = [bytes((header,)) + body for header, body in printer.received]
    # The driver's own session, and that of the test.
    assert sum(packet[0] == 0x10 for packet in sent) == 2
    for pattern in allowed[:4]:
        assert any(re.fullmatch(pattern, packet, re.DOTALL) for packet in sent)
    assert not [
        packet
        for packet in sent
        if not any(re.fullmatch(each, packet, re.DOTALL) for each in allowed)
    ]
