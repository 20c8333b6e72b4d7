"""The inventory on Spoolman conforms."""

from collections.abc import AsyncIterator

import pytest

from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)

from .conformance import InventoryConformance, ScriptedServer
from .scripted_spoolman import ScriptedSpoolman


class TestSpoolman(InventoryConformance):
    """Spoolman."""

    inventory = SpoolmanInventory

    @pytest.fixture
    async def server(self) -> AsyncIterator[ScriptedServer]:
        """Return a server with two spools."""
        server = ScriptedSpoolman()
        await server.power_on()
        yield server
        await server.power_off()
