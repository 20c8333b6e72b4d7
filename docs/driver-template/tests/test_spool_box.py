"""The driver of SpoolBox passes the suites of Filament Slots."""

from collections.abc import AsyncIterator
from pathlib import Path

from custom_components.spool_box.driver import Driver, decode
from filament_slots_kit import ComponentConformance, DriverConformance, ScriptedPrinter
import pytest

from custom_components.filament_slots.api import Counters

from .spool_box import SpoolBox


class ScriptedSpoolBox(SpoolBox, ScriptedPrinter):
    """The printer as the suite drives it."""


class TestDriver(DriverConformance):
    """Life cycle, health, events, cleaning up, secrets, bad input, lost connections."""

    driver = Driver

    @pytest.fixture
    async def printer(self) -> AsyncIterator[ScriptedPrinter]:
        """Return a box that is switched on."""
        printer = ScriptedSpoolBox()
        await printer.power_on()
        yield printer
        await printer.power_off()


class TestComponent(ComponentConformance):
    """Manifest, declaration and texts."""

    folder = Path(__file__).parents[1] / "custom_components" / "spool_box"


def test_a_slot_with_a_spool_has_its_tag() -> None:
    """Each fact about the protocol has a test, against the decoder alone."""
    snapshot = decode({"slots": [{"spool": True, "tag": "04A1B2C3"}]}, Counters())

    assert snapshot is not None
    (slot,) = snapshot.units[0].slots
    assert slot.present
    assert slot.identifiers.rfid_uid == "04A1B2C3"


def test_a_message_without_slots_is_counted_and_changes_nothing() -> None:
    counters = Counters()

    assert decode({"hello": "world"}, counters) is None
    assert list(counters.refused) == ["a message without slots"]
