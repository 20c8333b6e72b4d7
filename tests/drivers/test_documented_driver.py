"""The driver in docs/drivers.md passes the conformance suite."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
import json
from pathlib import Path
import re
import tempfile
from typing import Any, override

import pytest

from custom_components.filament_slots import drivers

from .conformance import DriverConformance, ScriptedPrinter
from .fake_host import FakeHost

DOCUMENT = Path(__file__).parents[2] / "docs" / "drivers.md"


def _documented() -> Any:
    """Return the module shown in the document, imported from a temporary folder."""
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "spool_box"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "driver.py").write_text(source)
        before = list(drivers.__path__)
        drivers.__path__ = [*before, folder]
        try:
            return import_module(f"{drivers.__name__}.spool_box.driver")
        finally:
            drivers.__path__ = before


class SpoolBox(ScriptedPrinter):
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
    @override
    def config(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._port, "code": self.secrets[0]}

    @override
    async def power_on(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    @override
    async def power_off(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()
        self._server = None

    @override
    def fall_silent(self) -> None:
        self._silent = True

    @override
    async def insert(self) -> None:
        self._change({"spool": True, "tag": "04A1B2C3"})

    @override
    async def remove(self) -> None:
        self._change({"spool": False})

    @override
    async def send_bad_input(self) -> None:
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


class TestSpoolBox(DriverConformance):
    """The conformance suite."""

    driver = _documented().Driver

    @pytest.fixture
    async def printer(self) -> AsyncIterator[ScriptedPrinter]:
        """Return a box that is switched on."""
        printer = SpoolBox()
        await printer.power_on()
        yield printer
        await printer.power_off()


async def test_a_driver_without_proof_leaves_an_announced_address_to_the_user() -> None:
    driver = _documented().Driver
    config = {"host": "192.0.2.7", "code": "s3cr3t"}

    assert await driver.recognise(config, FakeHost().services) is False
