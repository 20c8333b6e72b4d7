"""The Moonraker driver passes the conformance suite."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, override
from urllib.parse import urlsplit

import pytest

from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.drivers.conformance import DriverConformance, ScriptedPrinter

from .fake_moonraker import FakeMoonraker
from .websocket_server import serve

SENSOR = "filament_switch_sensor tool0"


class PaperPrinter(ScriptedPrinter):
    """A bare switch behind a fake Moonraker."""

    secrets = ("0123456789abcdef0123456789abcdef"[::-1],)

    def __init__(self) -> None:
        """Create it switched off."""
        self.moonraker = FakeMoonraker(
            {SENSOR: {"filament_detected": False, "enabled": True}}
        )
        self._port: int | None = None
        self._server = AsyncExitStack()

    @property
    @override
    def config(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._port, "api_key": self.secrets[0]}

    @override
    async def power_on(self) -> None:
        url = await self._server.enter_async_context(
            serve(self.moonraker.talk, self._port)
        )
        self._port = urlsplit(url).port

    @override
    async def power_off(self) -> None:
        await self._server.aclose()

    @override
    def fall_silent(self) -> None:
        self.moonraker.fall_silent()

    @override
    async def insert(self) -> None:
        await self.moonraker.update(SENSOR, filament_detected=True)

    @override
    async def remove(self) -> None:
        await self.moonraker.update(SENSOR, filament_detected=False)

    @override
    async def send_bad_input(self) -> None:
        messages: list[Any] = [
            "no JSON",
            [],
            {"jsonrpc": "2.0", "result": {"status": {SENSOR: {}}}, "id": 4711},
            {"method": "notify_status_update", "params": [{SENSOR: []}]},
            {"method": "notify_status_update", "params": 5},
        ]
        for message in messages:
            await self.moonraker.send(message)


class TestMoonraker(DriverConformance):
    """The conformance suite."""

    driver = Driver

    @pytest.fixture
    async def printer(self) -> AsyncIterator[ScriptedPrinter]:
        """Return a printer that is switched on."""
        printer = PaperPrinter()
        await printer.power_on()
        yield printer
        await printer.power_off()
