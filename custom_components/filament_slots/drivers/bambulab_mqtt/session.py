"""One MQTT session with one printer: connect, log in, subscribe, publish, close.

paho-mqtt does the protocol through its public callbacks, on the running event loop:
no thread, no task. The TLS connection is opened by `tls.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
import socket
import ssl
from typing import Any, Self, override
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from ...network.clock import Clock, TimerHandle
from ..base import DriverError, DriverServices, ErrorCode
from .config import Config
from .look import unencrypted
from .tls import fetch_certificate, new_certificate, open_tls, pinned_context

_USER = "bblp"
_KEEPALIVE = 30
# Between two looks at whether a ping is due or was not answered.
_KEEPALIVE_CHECK = 5.0
# The small boards take up to 5 s to answer a CONNECT (docs/protocols/bambu.md 1.3).
ANSWER_TIMEOUT = 10.0
# Packets that are read before the rest of Home Assistant has its turn.
_PACKETS_AT_ONCE = 10
_LOOPBACK = "127.0.0.1"
_REFUSED_CODES = {134, 135}  # CONNACK 4 and 5 as paho numbers them: user, password
# As paho numbers the reasons; one of its objects for them takes 13 kB.
_LEAST_FAILURE = 128

type Take = Callable[[bytes], None]


@asynccontextmanager
async def open_session(
    config: Config, services: DriverServices, take: Take
) -> AsyncIterator[Session]:
    """Connect and log in to a printer whose certificate is known.

    take: called with the payload of each report, on the event loop.

    Raises DriverError. The access code is sent only after the certificate was
    verified to be the known one.
    """
    try:
        connection = await _open_trusted(config)
    except DriverError as err:
        raise await unencrypted(err, config) or err from err
    with closing(connection):
        session = Session(connection, config.serial, services.clock, take)
        with closing(session):
            await session.log_in(config.access_code.get_secret_value())
            yield session


class Session:
    """An MQTT session over an open TLS connection.

    Nothing in it blocks, and it may be closed at any time.
    """

    def __init__(
        self,
        connection: ssl.SSLSocket,
        serial: str,
        clock: Clock,
        take: Take,
    ) -> None:
        """Prepare a session with the printer of this serial; nothing is sent yet."""
        self._connection = connection
        self._clock = clock
        self._take = take
        self._request = f"device/{serial}/request"
        self._report = f"device/{serial}/report"
        self._loop = asyncio.get_running_loop()
        self._login: asyncio.Future[int] = self._loop.create_future()
        self._subscription: asyncio.Future[int] = self._loop.create_future()
        self._end: asyncio.Future[Exception] = self._loop.create_future()
        self._keepalive_timer: TimerHandle | None = None
        self._next_read: asyncio.Handle | None = None
        self._client = self._make_client()

    async def log_in(self, access_code: str) -> None:
        """Send the access code and wait until it is accepted; raises DriverError."""
        self._client.username_pw_set(_USER, access_code)
        with socket.create_server((_LOOPBACK, 0)) as unused:
            # Returns at once: see _OpenConnection.
            port = unused.getsockname()[1]
            self._client.connect(_LOOPBACK, port, _KEEPALIVE)
        reason = await self._answer(self._login)
        if reason in _REFUSED_CODES:
            raise DriverError(ErrorCode.INVALID_AUTH, "the access code was refused")
        if reason >= _LEAST_FAILURE:
            raise DriverError(ErrorCode.CONNECTION_REFUSED, "refused to connect")

    async def subscribe(self) -> None:
        """Subscribe to the printer's reports; raises DriverError.

        Boards close the connection of a client that subscribes to any other topic.
        """
        self._client.subscribe(self._report)
        if await self._answer(self._subscription) >= _LEAST_FAILURE:
            raise DriverError(ErrorCode.SILENT_PRINTER, "the subscription was refused")

    def publish(self, request: str) -> None:
        """Send a request; does nothing once the session has ended."""
        self._client.publish(self._request, request)

    async def ended(self) -> None:
        """Wait until the session ends, and raise the error that ended it."""
        await asyncio.wait((self._end,))
        raise self._end.result()

    def close(self) -> None:
        """Close the connection, after a DISCONNECT if it can be sent at once."""
        self._client.disconnect()
        self._client.loop_write()
        # A DISCONNECT that was not sent leaves the connection open. To prepare another
        # one is paho's documented way to close it.
        self._client.connect_async(_LOOPBACK)

    async def _answer[T](self, answer: asyncio.Future[T]) -> T:
        """Wait for an answer of the printer.

        Raises DriverError CONNECTION_TIMEOUT, or the error that ended the session.
        """
        await asyncio.wait(
            (answer, self._end),
            timeout=ANSWER_TIMEOUT,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if answer.done():
            return answer.result()
        if self._end.done():
            raise self._end.result()
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "a request was not answered")

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"filament-slots-{uuid4().hex}",
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.tls_set_context(_OpenConnection(self._connection))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_register_write
        client.on_socket_unregister_write = self._on_socket_unregister_write
        return client

    # The rest is called by paho and by the event loop.

    def _on_connect(
        self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, _: Any
    ) -> None:
        _answered(self._login, reason.value)

    def _on_subscribe(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], _: Any
    ) -> None:
        _answered(self._subscription, max(reason.value for reason in reasons))

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._take(message.payload)

    def _on_socket_open(self, client: Client, userdata: Any, sock: Any) -> None:
        self._loop.add_reader(self._connection, self._read)
        self._check_keepalive()

    def _on_socket_close(self, client: Client, userdata: Any, sock: Any) -> None:
        self._loop.remove_reader(self._connection)
        if self._next_read is not None:
            self._next_read.cancel()
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()
        lost = DriverError(ErrorCode.CONNECTION_LOST, "closed by the printer")
        _answered(self._end, lost)

    def _on_socket_register_write(
        self, client: Client, userdata: Any, sock: Any
    ) -> None:
        self._loop.add_writer(self._connection, client.loop_write)

    def _on_socket_unregister_write(
        self, client: Client, userdata: Any, sock: Any
    ) -> None:
        self._loop.remove_writer(self._connection)

    def _read(self) -> None:
        """Read what has arrived, a few packets at a time; `take` may raise."""
        try:
            for _ in range(_PACKETS_AT_ONCE):
                self._client.loop_read()
                if not self._connection.pending():
                    return
        except Exception as err:  # noqa: BLE001
            self._loop.remove_reader(self._connection)
            _answered(self._end, err)
            return
        # The event loop does not see what TLS has decrypted already: a record may hold
        # thousands of packets, and paho reads one at a time.
        self._next_read = self._loop.call_soon(self._read)

    def _check_keepalive(self) -> None:
        """Send a ping when it is due; paho closes when the last was not answered."""
        self._keepalive_timer = self._clock.call_at(
            self._clock.monotonic() + _KEEPALIVE_CHECK, self._check_keepalive
        )
        self._client.loop_misc()


class _OpenConnection(ssl.SSLContext):
    """The TLS context given to paho: it returns a connection that is already open.

    paho's `connect()` resolves, connects and shakes hands in one blocking call, which
    would hold a thread for each printer that is switched off and cannot be cancelled.
    The address and the TLS context are all that can be chosen of it. So the address
    is an unused port of this host, where it connects at once, and the context exchanges
    that connection for the one to the printer.
    """

    def __new__(cls, connection: ssl.SSLSocket) -> Self:
        """Make a context without certificates: `connection` is verified already."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, connection: ssl.SSLSocket) -> None:
        """Set the connection that is returned."""
        self.check_hostname = False
        self._connection = connection

    @override
    def wrap_socket(
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> ssl.SSLSocket:
        sock.close()
        return self._connection


def _answered[T](future: asyncio.Future[T], answer: T) -> None:
    if not future.done():
        future.set_result(answer)


async def open_pinned(config: Config, certificate: str) -> ssl.SSLSocket:
    """Open a TLS connection to a printer that presents this certificate (PEM).

    Raises ssl.SSLCertVerificationError if it presents another one, or DriverError.
    """
    try:
        context = pinned_context(certificate)
    except ssl.SSLError as err:
        raise DriverError(
            ErrorCode.TLS_FAILED, "the stored certificate is broken"
        ) from err
    return await open_tls(config.host, config.port, context)


async def _open_trusted(config: Config) -> ssl.SSLSocket:
    """Open a TLS connection to the known certificate.

    Raises DriverError, with the certificate that is shown instead looked at.
    """
    if config.certificate is not None:
        with suppress(ssl.SSLCertVerificationError):
            return await open_pinned(config, config.certificate)
    shown = await fetch_certificate(config.host, config.port, config.serial)
    if shown == config.certificate:
        raise DriverError(ErrorCode.TLS_FAILED, "its known certificate does not verify")
    raise new_certificate(config.certificate, shown)
