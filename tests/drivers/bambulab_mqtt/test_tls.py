"""Trust on first use, against real servers on the loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
import socket
import ssl
from typing import Any
from unittest.mock import AsyncMock

from cryptography import x509
import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt import tls
from custom_components.filament_slots.drivers.bambulab_mqtt.tls import (
    fetch_certificate,
    open_tls,
    pinned_context,
)
from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from tests.clock import SOON
from tests.printers.certificates import Certificate, make_certificate

pytestmark = pytest.mark.usefixtures("socket_enabled")

HOST = "127.0.0.1"
SERIAL = "01P09A000000002"
# The TLS alert `protocol_version`, fatal.
WRONG_VERSION = bytes.fromhex("15030300020246")

type Handler = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None
]


@asynccontextmanager
async def tls_server(certificate: Certificate) -> AsyncIterator[int]:
    """Listen with this certificate; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    certificate.load_into(context)
    async with plain_server(lambda reader, writer: None, ssl=context) as port:
        yield port


@asynccontextmanager
async def plain_server(handler: Handler, **options: Any) -> AsyncIterator[int]:
    """Listen and do this with each connection; yield the port."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        answer = handler(reader, writer)
        if answer is not None:
            await answer

    server = await asyncio.start_server(serve, HOST, 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


async def code_of(port: int, host: str = HOST) -> ErrorCode:
    """Return the code that fetching the certificate fails with."""
    with pytest.raises(DriverError) as caught:
        await fetch_certificate(host, port, SERIAL)
    return caught.value.code


def test_certificates_are_v1_as_the_printers_have_them() -> None:
    certificate = x509.load_pem_x509_certificate(make_certificate(SERIAL).pem.encode())

    assert certificate.version is x509.Version.v1
    assert certificate.subject.rfc4514_string() == f"CN={SERIAL}"
    assert certificate.issuer.rfc4514_string() == "CN=BBL CA"
    assert not list(certificate.extensions)


async def test_the_certificate_is_fetched_from_the_printer_that_was_asked_for() -> None:
    certificate = make_certificate(SERIAL)
    async with tls_server(certificate) as port:
        pem = await fetch_certificate(HOST, port, SERIAL)

    assert ssl.PEM_cert_to_DER_cert(pem) == ssl.PEM_cert_to_DER_cert(certificate.pem)


async def test_a_certificate_with_another_serial_is_the_wrong_printer() -> None:
    async with tls_server(make_certificate("01P09A000000099")) as port:
        assert await code_of(port) is ErrorCode.WRONG_PRINTER


async def test_a_certificate_without_a_name_is_refused() -> None:
    async with tls_server(make_certificate(None)) as port:
        assert await code_of(port) is ErrorCode.TLS_FAILED


async def test_the_pinned_v1_certificate_is_believed_without_its_authority() -> None:
    certificate = make_certificate(SERIAL)
    async with tls_server(certificate) as port:
        with await open_tls(HOST, port, pinned_context(certificate.pem)) as connection:
            assert connection.version() == "TLSv1.2"
            assert connection.getpeercert(binary_form=True)


async def test_an_expired_certificate_is_as_good_as_it_was_when_pinned() -> None:
    certificate = make_certificate(SERIAL, not_after=datetime(2020, 1, 1, tzinfo=UTC))
    async with tls_server(certificate) as port:
        with await open_tls(HOST, port, pinned_context(certificate.pem)) as connection:
            assert connection.version() == "TLSv1.2"


async def test_any_other_certificate_of_the_same_name_is_refused() -> None:
    context = pinned_context(make_certificate(SERIAL).pem)
    async with tls_server(make_certificate(SERIAL)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await open_tls(HOST, port, context)


async def test_a_server_without_tls_1_2_is_refused() -> None:
    async with plain_server(lambda reader, writer: writer.write(WRONG_VERSION)) as port:
        assert await code_of(port) is ErrorCode.TLS_FAILED


async def test_a_server_that_speaks_no_tls_is_refused() -> None:
    async with plain_server(
        lambda reader, writer: writer.write(b"hello\n" * 9)
    ) as port:
        assert await code_of(port) is ErrorCode.TLS_FAILED


async def test_a_server_that_hangs_up_is_a_lost_connection() -> None:
    async with plain_server(lambda reader, writer: writer.close()) as port:
        assert await code_of(port) is ErrorCode.CONNECTION_LOST


async def test_a_closed_port_is_a_refused_connection(unused_port: int) -> None:
    assert await code_of(unused_port) is ErrorCode.CONNECTION_REFUSED


async def test_a_server_that_does_not_answer_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls, "CONNECT_TIMEOUT", 0.1)
    async with plain_server(lambda reader, writer: None) as port:
        assert await code_of(port) is ErrorCode.CONNECTION_TIMEOUT


async def test_a_name_without_an_address_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no_address(*args: object, **kwargs: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_address)

    assert await code_of(8883, "printer.invalid") is ErrorCode.HOST_NOT_FOUND


async def test_a_name_that_resolves_to_nothing_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*args: object, **kwargs: object) -> list[object]:
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nothing)

    assert await code_of(8883, "printer.invalid") is ErrorCode.CONNECTION_TIMEOUT


async def test_the_next_address_is_tried_when_one_is_dead(
    monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    async with tls_server(make_certificate(SERIAL)) as port:

        async def two(*args: object, **kwargs: object) -> list[object]:
            return [(*stream, (HOST, unused_port)), (*stream, (HOST, port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        assert await fetch_certificate("name", 1, SERIAL)


@pytest.mark.parametrize(
    ("host", "family"),
    [("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6)],
)
async def test_an_address_is_not_looked_up(
    monkeypatch: pytest.MonkeyPatch, host: str, family: socket.AddressFamily
) -> None:
    loop = asyncio.get_running_loop()
    connect = AsyncMock(side_effect=ConnectionRefusedError)
    monkeypatch.setattr(loop, "sock_connect", connect)
    monkeypatch.setattr(loop, "getaddrinfo", None)

    assert await code_of(8883, host) is ErrorCode.CONNECTION_REFUSED
    connection, address = connect.call_args.args
    assert (connection.family, address) == (family, (host, 8883))


async def test_connecting_to_a_silent_host_can_be_called_off_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = asyncio.Event()

    async def never(*args: object) -> None:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    task = asyncio.create_task(open_tls(HOST, 8883, ssl.create_default_context()))
    await started.wait()

    task.cancel()
    async with asyncio.timeout(SOON):
        await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()


@pytest.fixture
def unused_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
