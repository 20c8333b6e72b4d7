"""The Bambu Lab driver does what every driver has to."""

from collections.abc import AsyncIterator
from typing import Any, override

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from tests.drivers.conformance import DriverConformance, ScriptedPrinter
from tests.printers.bambu import ACCESS_CODE, BambuPrinter
from tests.printers.bambu_scenarios import WHITE, x1c


class VirtualPrinter(ScriptedPrinter):
    """The virtual printer, with one slot of its AMS empty."""

    secrets = (ACCESS_CODE,)

    def __init__(self, printer: BambuPrinter) -> None:
        """Be that printer."""
        self.printer = printer

    @property
    @override
    def config(self) -> dict[str, Any]:
        return self.printer.config

    @override
    async def power_on(self) -> None:
        await self.printer.power_on()

    @override
    async def power_off(self) -> None:
        await self.printer.power_off()

    @override
    def fall_silent(self) -> None:
        self.printer.silent = True

    @override
    async def insert(self) -> None:
        await self.printer.play(self.printer.hardware.insert(1, 3, WHITE), speed=1000)

    @override
    async def remove(self) -> None:
        await self.printer.play(self.printer.hardware.remove(1, 3), speed=1000)

    @override
    async def send_bad_input(self) -> None:
        for payload in (b"no JSON", b"[]", b"\xff\x00", b'{"print": 5}', b"5"):
            self.printer.publish_raw(payload)


class TestBambuLab(DriverConformance):
    """The suite."""

    driver = Driver

    @pytest.fixture
    async def printer(self) -> AsyncIterator[ScriptedPrinter]:
        """Return a printer that is switched on."""
        async with BambuPrinter(x1c()) as printer:
            yield VirtualPrinter(printer)
