"""The part of an MQTT 3.1.1 server that printers have (OASIS mqtt-v3.1.1)."""

import asyncio
from collections import deque
from enum import IntEnum
import ssl
from typing import Protocol

ACCEPTED = 0
SERVER_UNAVAILABLE = 3
NOT_AUTHORISED = 5
_KEPT = 10_000


class Packet(IntEnum):
    """The packet types in use."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Printer(Protocol):
    """Decides how the server answers.

    granted: what subscriptions are answered with; 0 for what was asked for.
    """

    granted: int

    def login(self, user: str, password: str) -> int:
        """Return the CONNACK code."""

    def welcomed(self, client: Client) -> None:
        """React to a client whose login was accepted."""

    def may_subscribe(self, topic: str) -> bool:
        """Return whether the client stays connected after subscribing to this topic."""

    def requested(self, client: Client, topic: str, payload: bytes) -> None:
        """Take a message from a client."""


class Client:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """Write to the client with the writer."""
        self._writer = writer
        self.client_id = ""
        self.topics: set[str] = set()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message, if the client subscribed to its topic."""
        if topic in self.topics:
            self.send(Packet.PUBLISH << 4, _text(topic) + payload)

    def send(self, header: int, body: bytes) -> None:
        """Send a packet."""
        self.send_raw(bytes((header,)) + _length(len(body)) + body)

    def send_raw(self, data: bytes) -> None:
        """Send bytes, be they a packet or not."""
        if not self._writer.is_closing():
            self._writer.write(data)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class MqttServer:
    """Listens on the loopback and lets the printer decide.

    received: the last packets of all clients, each its first byte and its content.
    """

    def __init__(self, printer: Printer, context: ssl.SSLContext) -> None:
        """Answer as this printer does."""
        self._printer = printer
        self._context = context
        self._server: asyncio.Server | None = None
        self.clients: set[Client] = set()
        self.received: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        server.abort_clients()
        await server.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = Client(writer)
        try:
            # Not the server's own TLS: it would complain to the event loop, which a
            # test may share, of each client that goes away in the middle.
            plain = writer.transport
            try:
                await writer.start_tls(self._context)
            except AttributeError:  # What asyncio raises when it is closed already.
                writer._transport = plain  # type: ignore[attr-defined]
                return
            if await self._welcome(client, reader):
                self.clients.add(client)
                self._printer.welcomed(client)
                while await self._answer(client, *await self._read(reader)):
                    await writer.drain()
        except OSError, EOFError, ValueError, IndexError:
            pass  # It disconnected, or sent something else than MQTT.
        finally:
            self.clients.discard(client)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        packet = await _read(reader)
        self.received.append(packet)
        return packet

    async def _welcome(self, client: Client, reader: asyncio.StreamReader) -> bool:
        header, body = await self._read(reader)
        if header >> 4 != Packet.CONNECT:
            return False
        fields = _Fields(body)
        fields.text()  # Protocol name.
        _level, flags = fields.byte(), fields.byte()
        fields.number()  # Keep alive.
        client.client_id = fields.text()
        user = fields.text() if flags & 0x80 else ""
        password = fields.text() if flags & 0x40 else ""
        code = self._printer.login(user, password)
        client.send(Packet.CONNACK << 4, bytes((0, code)))
        return code == ACCEPTED

    async def _answer(self, client: Client, header: int, body: bytes) -> bool:
        """Answer one packet; False ends the connection."""
        fields = _Fields(body)
        match header >> 4:
            case Packet.PUBLISH:
                topic = fields.text()
                if header >> 1 & 3:
                    client.send(Packet.PUBACK << 4, fields.take(2))
                self._printer.requested(client, topic, fields.rest())
            case Packet.SUBSCRIBE:
                number = fields.take(2)
                granted = bytearray()
                while fields:
                    topic = fields.text()
                    if not self._printer.may_subscribe(topic):
                        return False
                    client.topics.add(topic)
                    asked = fields.byte()
                    granted.append(self._printer.granted or min(asked, 1))
                client.send(Packet.SUBACK << 4, number + bytes(granted))
            case Packet.UNSUBSCRIBE:
                number = fields.take(2)
                while fields:
                    client.topics.discard(fields.text())
                client.send(Packet.UNSUBACK << 4, number)
            case Packet.PINGREQ:
                client.send(Packet.PINGRESP << 4, b"")
            case Packet.PUBACK:
                pass
            case _:
                return False
        return True


class _Fields:
    """Reads the fields of a packet one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._body)

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._body):
            raise ValueError("packet too short")
        self._at += size
        return self._body[self._at - size : self._at]

    def rest(self) -> bytes:
        return self._body[self._at :]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2))

    def text(self) -> str:
        return self.take(self.number()).decode()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the next packet: its first byte and what follows the length."""
    header = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return header, await reader.readexactly(length)
        shift += 7


def _length(length: int) -> bytes:
    out = bytearray()
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes((*out, length))


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2) + raw
