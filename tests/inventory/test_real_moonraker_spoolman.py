"""A real Moonraker and the inventory on one virtual Spoolman: they agree on its spools."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)
from tests.drivers.fake_host import FakeHost
from tests.printers.moonraker import PYTHON, Moonraker

from .conformance import InventoryStage
from .spoolman_server import SpoolmanServer

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="scripts/setup makes Moonraker"
)


async def status(moonraker: Moonraker) -> dict[str, Any]:
    """Return what Moonraker knows of its Spoolman."""
    found: dict[str, Any] = await moonraker.call("server.spoolman.status")
    return found


async def until(moonraker: Moonraker, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until Moonraker's Spoolman has a status."""
    async with asyncio.timeout(60):
        while not holds(await status(moonraker)):
            await asyncio.sleep(0.1)


async def test_the_active_spool_is_the_same_in_both_until_it_is_deleted(
    tmp_path: Path,
) -> None:
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        spool_id = server.add_spool(filament={"name": "Jade White", "weight": 1000})
        async with Moonraker(tmp_path, spoolman=server.url) as moonraker:
            await until(moonraker, lambda found: found["spoolman_connected"])
            host = FakeHost(session=session)
            driver = Driver(1, moonraker.config, host.emitter, host.services)
            found = await driver.inventory_addresses()
            # What Moonraker uses is what a user is offered.
            stage = InventoryStage(
                SpoolmanInventory, {"url": found["spoolman"]}, session
            )
            await stage.run()

            await moonraker.call("server.spoolman.post_spool_id", spool_id=spool_id)
            await until(moonraker, lambda found: found["spool_id"] == spool_id)
            assert stage.names == {spool_id: "Jade White"}

            url = f"{server.url}/api/v1/spool/{spool_id}"
            async with session.delete(url) as answer:
                assert answer.status == 200
            await until(moonraker, lambda found: found["spool_id"] is None)
            await stage.until(lambda: stage.inventory.spools == {})
            await stage.inventory.stop()
