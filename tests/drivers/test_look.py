"""What is reported when something else answers at an address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import socket
import ssl
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt import look as bambu_look
from custom_components.filament_slots.drivers.bambulab_mqtt.driver import (
    Driver as BambuDriver,
)
from custom_components.filament_slots.drivers.base import (
    Driver,
    DriverError,
    DriverServices,
    ErrorCode,
    EventEmitter,
)
from custom_components.filament_slots.drivers.moonraker_filament import look
from custom_components.filament_slots.drivers.moonraker_filament.driver import (
    Driver as MoonrakerDriver,
)
from custom_components.filament_slots.network import http
from tests.printers.bambu import HOST, BambuPrinter
from tests.printers.bambu_scenarios import p1s
from tests.printers.certificates import make_certificate

from .fake_host import FakeHost

pytestmark = pytest.mark.usefixtures("socket_enabled")

BAMBU = {"host": HOST, "serial": "01P09A000000002", "access_code": "12345678"}
# As Moonraker answers `/server/info`, and with an API key that was not sent.
INFO = {"result": {"klippy_connected": True, "klippy_state": "ready"}}
LOCKED = {"error": {"code": 401, "message": "Unauthorized"}}


@pytest.fixture
async def services() -> AsyncIterator[DriverServices]:
    """Return a driver's services with a real HTTP session."""
    async with aiohttp.ClientSession() as session:
        yield FakeHost(session=session).services


@asynccontextmanager
async def web_server(answer: object = None, *, tls: bool = False) -> AsyncIterator[int]:
    """Serve one JSON document at /server/info, and 404 elsewhere; yield the port."""

    async def info(request: web.Request) -> web.Response:
        assert not request.headers.keys() & {"X-Api-Key", "Authorization", "Cookie"}
        return web.json_response(answer)

    application = web.Application()
    application.router.add_get("/server/info", info)
    server = TestServer(application, host=HOST, scheme="https" if tls else "http")
    context: dict[str, Any] = {}
    if tls:
        context["ssl"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        make_certificate("voron").load_into(context["ssl"])
    await server.start_server(shutdown_timeout=0.05, **context)
    try:
        assert server.port is not None
        yield server.port
    finally:
        await server.close()


async def _failure(
    driver: type[Driver], config: dict[str, Any], services: DriverServices
) -> DriverError:
    with pytest.raises(DriverError) as failed:
        await driver.probe(config, services)
    return failed.value


@pytest.mark.parametrize("tls", [False, True])
async def test_a_web_server_is_no_bambu_lab_printer(
    services: DriverServices, tls: bool
) -> None:
    async with web_server(tls=tls) as port:
        err = await _failure(BambuDriver, BAMBU | {"port": port}, services)

    assert err.code is ErrorCode.WEB_SERVER


async def test_a_server_that_speaks_no_http_keeps_the_cause(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_LOOK_TIMEOUT", 0.2)

    async def hang_up(_: object, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        bambu = await _failure(BambuDriver, BAMBU | {"port": port}, services)
        config = {"host": HOST, "port": port}
        moonraker = await _failure(MoonrakerDriver, config, services)

    assert bambu.code is ErrorCode.CONNECTION_LOST
    assert moonraker.code is ErrorCode.CONNECTION_LOST


@pytest.mark.parametrize(
    ("tls", "typed", "code", "offered"),
    [
        (False, "https", ErrorCode.HTTP_NOT_HTTPS, "http"),
        (True, "http", ErrorCode.HTTPS_NOT_HTTP, "https"),
    ],
)
async def test_the_other_one_of_http_and_https_is_named_and_offered(
    services: DriverServices, tls: bool, typed: str, code: ErrorCode, offered: str
) -> None:
    async with web_server(tls=tls) as port:
        host = f"{typed}://{HOST}:{port}/two"
        err = await _failure(
            MoonrakerDriver, {"host": host, "verify_ssl": False}, services
        )

    assert err.code is code
    assert err.suggested == {"host": f"{offered}://{HOST}:{port}/two/"}


async def test_a_web_server_that_speaks_what_was_asked_is_not_moonraker(
    services: DriverServices,
) -> None:
    async with web_server() as port:
        config = {"host": f"http://{HOST}:{port}"}
        err = await _failure(MoonrakerDriver, config, services)

    assert err.code is ErrorCode.WRONG_SERVICE


@pytest.mark.parametrize("answer", [INFO, LOCKED])
async def test_a_moonraker_is_known_by_its_answer_without_a_key(
    services: DriverServices, answer: object
) -> None:
    async with web_server(answer) as port:
        assert await MoonrakerDriver.look(HOST, port, services) == "Moonraker"


async def test_a_moonraker_is_looked_for_at_its_usual_port(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with web_server(INFO) as port:
        monkeypatch.setattr(look, "PORT", port)

        assert await MoonrakerDriver.look(HOST, None, services) == "Moonraker"


async def test_another_web_server_is_no_moonraker(services: DriverServices) -> None:
    async with web_server({"result": "hello"}) as port:
        assert await MoonrakerDriver.look(HOST, port, services) is None


async def test_a_bambu_lab_printer_is_known_by_its_certificate(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with BambuPrinter(p1s()) as printer:
        monkeypatch.setattr(bambu_look, "PORT", printer.port)

        assert await BambuDriver.look(HOST, 80, services) == "Bambu Lab P1S"
        assert printer.logins == 0


@pytest.mark.parametrize("tls", [False, True])
async def test_a_web_server_is_not_taken_for_a_bambu_lab_printer(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    async with web_server(tls=tls) as port:
        monkeypatch.setattr(bambu_look, "PORT", port)
        monkeypatch.setattr(bambu_look, "_TIMEOUT", 0.5)

        assert await BambuDriver.look(HOST, None, services) is None


@asynccontextmanager
async def unencrypted_printer(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[dict[str, Any], list[bytes]]]:
    """Serve MQTT without TLS where 8883 is closed; yield the config and what was sent."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = await reader.read(1024)
        received.append(sent)
        # A server that expects MQTT ends a connection that begins with TLS.
        if sent[:1] == b"\x10":
            writer.write(answer)
            received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(bambu_look, "UNENCRYPTED_PORT", port)
    with socket.create_server((HOST, 0)) as closed:
        config = BAMBU | {"port": closed.getsockname()[1]}
    async with server:
        yield config, received


# An MQTT server that takes no anonymous client, and one that does.
@pytest.mark.parametrize("connack", ["20020005", "20020000"])
async def test_a_bambu_lab_printer_without_tls_is_recognised_without_the_access_code(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch, connack: str
) -> None:
    async with unencrypted_printer(bytes.fromhex(connack), monkeypatch) as (
        config,
        received,
    ):
        err = await _failure(BambuDriver, config, services)

    assert err.code is ErrorCode.UNENCRYPTED
    [connect, *rest] = received
    assert connect == bytes.fromhex("100c00044d5154540402000a0000")
    assert b"".join(rest) == b""


async def test_port_1883_may_be_the_one_that_the_user_entered(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with unencrypted_printer(bytes.fromhex("20020005"), monkeypatch) as (
        config,
        received,
    ):
        port = bambu_look.UNENCRYPTED_PORT
        err = await _failure(BambuDriver, config | {"port": port}, services)

    assert err.code is ErrorCode.UNENCRYPTED
    assert b"12345678" not in b"".join(received)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_what_speaks_no_mqtt_on_port_1883_changes_no_error(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async with unencrypted_printer(answer, monkeypatch) as (config, _):
        monkeypatch.setattr(bambu_look, "_CONNACK_TIMEOUT", 0.2)
        err = await _failure(BambuDriver, config, services)

    assert err.code is ErrorCode.CONNECTION_REFUSED


async def test_a_known_bambu_lab_printer_without_tls_has_that_error(
    services: DriverServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"certificate": make_certificate(BAMBU["serial"]).pem}
    async with unencrypted_printer(bytes.fromhex("20020005"), monkeypatch) as (
        config,
        received,
    ):
        driver = BambuDriver(1, config | known, EventEmitter(lambda _: None), services)
        await driver.start()
        async with asyncio.timeout(10):
            while (error := driver.health()["last_error"]) is None:
                await asyncio.sleep(0.01)
        await driver.stop()

    assert error["code"] == ErrorCode.UNENCRYPTED
    assert b"12345678" not in b"".join(received)
