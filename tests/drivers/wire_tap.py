"""A proxy that keeps every byte that a client sends to a server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class WireTap:
    """Passes connections on to a port of this host.

    port: to connect to. sent: what was sent to the server, by connection.
    """

    def __init__(self) -> None:
        """Create it without connections."""
        self.port = 0
        self.sent: list[bytearray] = []

    @property
    def requests(self) -> list[bytes]:
        """The HTTP requests that opened the connections."""
        return [bytes(sent).partition(b"\r\n\r\n")[0] for sent in self.sent]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The JSON-RPC calls over WebSockets; ValueError for any byte that is in none."""
        return [
            orjson.loads(text)
            for sent in self.sent
            for opcode, text in _frames(bytes(sent).partition(b"\r\n\r\n")[2])
            if opcode == _TEXT
        ]


@asynccontextmanager
async def tapped(port: int, host: str = "127.0.0.1") -> AsyncIterator[WireTap]:
    """Yield a proxy to this port."""
    tap = WireTap()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        tap.sent.append(kept)
        their_reader, their_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(
            _pass(reader, their_writer, kept), _pass(their_reader, writer, bytearray())
        )

    server = await asyncio.start_server(serve, host)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
) -> None:
    try:
        while data := await reader.read(65_536):
            kept += data
            writer.write(data)
    except OSError:
        pass  # The other end has left.
    finally:
        writer.close()


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of each frame of a client (RFC 6455, 5.2)."""
    while data:
        opcode, length, at = data[0], data[1] & 0x7F, 2
        if opcode & 0x70 or not data[1] & 0x80:
            raise ValueError("compressed, or not of a client")
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + size]), 2 + size
        mask, content = data[at : at + 4], data[at + 4 : at + 4 + length]
        if opcode & 0xF not in (_TEXT, _CLOSE, _PING, _PONG) or len(content) < length:
            raise ValueError("not a whole frame of text")
        yield (
            opcode & 0xF,
            bytes(byte ^ mask[i % 4] for i, byte in enumerate(content)),
        )
        data = data[at + 4 + length :]
