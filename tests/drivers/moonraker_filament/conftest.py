"""A real Moonraker, with a fake Klippy behind it and a driver on a fast clock."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
import tempfile

import aiohttp
import pytest

from tests.printers.klippy import Klippy
from tests.printers.moonraker import Moonraker

from .fast_driver import SPEED, FastDriver


@pytest.fixture(scope="session")
def shared() -> Iterator[Moonraker]:
    """Return a Moonraker for all tests; the first one that needs it starts it.

    A Unix socket's path must be short.
    """
    with tempfile.TemporaryDirectory(prefix="mr") as folder:
        moonraker = Moonraker(Path(folder), spoolman=True)
        yield moonraker
        moonraker.end()


@pytest.fixture
async def moonraker(shared: Moonraker) -> Moonraker:
    """Return the shared one, started."""
    await shared.start()
    return shared


@pytest.fixture
async def klippy(moonraker: Moonraker) -> AsyncIterator[Klippy]:
    """Return a Klippy that is switched off."""
    klippy = Klippy(moonraker.klippy_socket, speed=SPEED)
    yield klippy
    await klippy.stop()
    await moonraker.sees("disconnected")


@pytest.fixture
async def driver(moonraker: Moonraker) -> AsyncIterator[FastDriver]:
    """Return a driver that has not been started."""
    async with aiohttp.ClientSession() as session:
        driver = FastDriver(moonraker.config, session)
        yield driver
        await driver.driver.stop()
