"""One MQTT connection to one printer, from the first packet to the last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import logging
import socket
import ssl
from typing import Any, Self, override
from uuid import uuid4

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import Client as PahoClient, MQTTMessage

from ..base import DriverError, DriverServices, ErrorCode
from .config import Config
from .tls import fetch_certificate, open_tls, pinned_context

_USER = "bblp"
_KEEPALIVE = 30
# The small boards take up to 5 s to answer a CONNECT (docs/protocols/bambu.md 1.3).
ANSWER_TIMEOUT = 10.0
_REFUSED_CODES = {134, 135}  # CONNACK 4 and 5 as paho names them: user, password

# What paho has to say is in the errors it ends with, and is said once there.
_PAHO_LOG = logging.getLogger(f"{__name__}.paho")
_PAHO_LOG.setLevel(logging.CRITICAL)

type Take = Callable[[bytes], None]


class Session:
    """A connection that the printer has accepted."""

    def __init__(self, client: _Client, serial: str) -> None:
        """Speak to the printer of this serial over the client."""
        self._client = client
        self._request = f"device/{serial}/request"
        self._report = f"device/{serial}/report"

    async def subscribe(self) -> None:
        """Ask for the printer's own reports; boards drop who asks for any others."""
        answer = await self._client.subscribe(self._report)
        if any(_code(code) >= 0x80 for code in answer):
            raise DriverError(ErrorCode.SILENT_PRINTER, "the subscription was refused")

    async def publish(self, request: str) -> None:
        """Send a request; nothing is waited for."""
        await self._client.publish(self._request, request)

    async def ended(self) -> None:
        """Wait until the connection ends, and raise what ended it."""
        await self._client.ended()


@asynccontextmanager
async def open_session(
    config: Config, services: DriverServices, take: Take
) -> AsyncIterator[Session]:
    """Connect to a printer whose certificate is known; `take` is given each report.

    Raises DriverError with the code of what is in the way. The access code is sent
    only after the certificate was found to be the known one.
    """
    connection = await _open_trusted(config, services)
    try:
        async with _Client(connection, config, take) as client:
            yield Session(client, config.serial)
    except MqttConnectError as err:
        if _code(err.rc) in _REFUSED_CODES:
            raise DriverError(
                ErrorCode.INVALID_AUTH, "the access code was refused"
            ) from err
        raise DriverError(ErrorCode.CONNECTION_REFUSED, "refused to connect") from err
    except aiomqtt.MqttError as err:
        raise DriverError(ErrorCode.CONNECTION_LOST, "closed by the printer") from err
    finally:
        connection.close()


async def _open_trusted(config: Config, services: DriverServices) -> ssl.SSLSocket:
    """Open the connection to the known certificate, or say what is there instead."""
    if config.certificate is not None:
        context = await _context(config.certificate, services)
        try:
            return await open_tls(config.host, config.port, context)
        except ssl.SSLCertVerificationError:
            pass
    shown = await fetch_certificate(config.host, config.port, config.serial, services)
    if shown == config.certificate:
        raise DriverError(ErrorCode.TLS_FAILED, "its known certificate does not verify")
    raise DriverError(ErrorCode.NEW_CERTIFICATE, "it shows another certificate")


async def _context(certificate: str, services: DriverServices) -> ssl.SSLContext:
    try:
        return await services.ssl_context(lambda: pinned_context(certificate))
    except ssl.SSLError as err:
        raise DriverError(
            ErrorCode.TLS_FAILED, "the kept certificate is broken"
        ) from err


def _code(code: Any) -> int:
    """Return the number of a paho ReasonCode, or of the plain number it was once."""
    return int(getattr(code, "value", code))


class _Client(aiomqtt.Client):
    """aiomqtt on a connection that is already open.

    Left to itself it lets paho resolve, connect and shake hands in an executor
    thread, which nobody can call off: a printer that is switched off would hold a
    thread for seconds, and a cancelled attempt would leave its socket behind. With
    the socket at hand nothing of paho blocks, so all of it runs on the loop.

    Messages are handed on as they come: aiomqtt's queue would cost a task and four
    turns of the loop for each.
    """

    def __init__(self, connection: ssl.SSLSocket, config: Config, take: Take) -> None:
        super().__init__(
            config.host,
            config.port,
            username=_USER,
            password=config.access_code.get_secret_value(),
            identifier=f"filament-slots-{uuid4().hex}",
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=_KEEPALIVE,
            timeout=ANSWER_TIMEOUT,
            logger=_PAHO_LOG,
        )
        self._client._create_socket = lambda: connection  # type: ignore[method-assign]  # noqa: SLF001
        self._take = take

    @override
    async def __aenter__(self) -> Self:
        try:
            self._client_connect()
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._connected
        except TimeoutError:
            await self._close()
            raise DriverError(
                ErrorCode.CONNECTION_TIMEOUT, "no answer to the login"
            ) from None
        except BaseException:
            await self._close()
            raise
        return self

    @override
    async def __aexit__(self, *exc_info: object) -> None:
        if self._disconnected.done():
            # Whoever listened was told already; asyncio need not complain of it.
            self._disconnected.exception()
        else:
            self._client.disconnect()
            self._client.loop_write()
        await self._close()

    async def ended(self) -> None:
        """Wait until the connection ends, and raise what ended it."""
        await asyncio.wait((self._disconnected,))
        self._disconnected.result()

    async def _close(self) -> None:
        """Close the socket now."""
        try:
            # aiomqtt adds the reader one turn after the socket was opened. Closed
            # before that turn, it would be added when the socket is gone.
            await asyncio.sleep(0)
        finally:
            self._connected.cancel()
            self._client._sock_close()  # noqa: SLF001
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.gather(self._misc_task, return_exceptions=True)

    @override
    def _on_message(
        self, client: PahoClient, userdata: Any, message: MQTTMessage
    ) -> None:
        self._take(message.payload)

    @override
    def _on_socket_register_write(
        self, client: PahoClient, userdata: Any, sock: socket.socket
    ) -> None:
        # aiomqtt leaves this to the next turn, as it may be called from a thread; in
        # between the printer may have closed the socket.
        self._loop.add_writer(sock.fileno(), client.loop_write)

    @override
    def _on_socket_close(
        self, client: PahoClient, userdata: Any, sock: socket.socket
    ) -> None:
        super()._on_socket_close(client, userdata, sock)
        # Whoever waits for an answer need not wait for the timeout.
        answers: list[asyncio.Future[Any]] = [
            self._connected,
            *self._pending_subscribes.values(),
        ]
        for answer in answers:
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError("closed"))
