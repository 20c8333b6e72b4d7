"""A SpoolBox as a program: it listens where a real one would."""

import asyncio
import json
from typing import Any


class SpoolBox:
    """The fictional printer."""

    secrets = ("c0d3c0d3",)

    def __init__(self) -> None:
        """Create it switched off, with an empty slot."""
        self._port = 0
        self._slots: list[dict[str, Any]] = [{"spool": False}]
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent = False

    @property
    def config(self) -> dict[str, Any]:
        """Return the config of its driver."""
        return {"host": "127.0.0.1", "port": self._port, "code": self.secrets[0]}

    async def power_on(self) -> None:
        """Switch it on, at the same address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def power_off(self) -> None:
        """Switch it off."""
        if self._server is None:
            return
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()
        self._server = None

    def fall_silent(self) -> None:
        """Report nothing any more."""
        self._silent = True

    async def insert(self) -> None:
        """Put a spool into the slot."""
        self._change({"spool": True, "tag": "04A1B2C3"})

    async def remove(self) -> None:
        """Take it out."""
        self._change({"spool": False})

    async def send_bad_input(self) -> None:
        """Send invalid messages."""
        for line in ("no JSON", "[]", "5", '{"slots": 5}', '{"slots": [{"spool": 1}]}'):
            self._send(line)

    def _change(self, slot: dict[str, Any]) -> None:
        self._slots = [slot]
        self._send(self._state())

    def _state(self) -> str:
        return json.dumps({"slots": self._slots})

    def _send(self, line: str) -> None:
        for writer in self._writers:
            if not self._silent:
                writer.write(line.encode() + b"\n")

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if await reader.readline() == self.secrets[0].encode() + b"\n":
            self._writers.add(writer)
            self._send(self._state())
            while await reader.readline():
                self._send(self._state())
            self._writers.discard(writer)
        writer.close()
