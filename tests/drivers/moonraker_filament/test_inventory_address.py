"""The address of the Spoolman server that a Moonraker uses, for a user who adds it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.drivers.fake_host import FakeHost
from tests.printers.moonraker import PYTHON, Moonraker

from .fake_moonraker import UNAUTHORIZED, FakeMoonraker, fake_moonraker

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def fake_host() -> AsyncIterator[FakeHost]:
    async with aiohttp.ClientSession() as session:
        yield FakeHost(session=session)


@pytest.fixture
async def moonraker() -> AsyncIterator[FakeMoonraker]:
    async with fake_moonraker() as moonraker:
        yield moonraker


async def addresses(fake_host: FakeHost, config: dict[str, Any]) -> dict[str, str]:
    driver = Driver(1, config, fake_host.emitter, fake_host.services)
    return dict(await driver.inventory_addresses())


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("http://192.0.2.7:7912", "http://192.0.2.7:7912"),
        (" 192.0.2.7:7912/ ", "http://192.0.2.7:7912"),
        ("https://spool.lan/spoolman", "https://spool.lan/spoolman"),
        # Beside Moonraker, which is on another machine than Home Assistant.
        ("http://localhost:7912", "http://127.0.0.1:7912"),
        ("http://user:s3cr3t@spool.lan", "http://spool.lan"),
    ],
)
async def test_it_is_that_of_its_configuration(
    fake_host: FakeHost, moonraker: FakeMoonraker, server: str, address: str
) -> None:
    moonraker.answers["server.config"] = {"config": {"spoolman": {"server": server}}}

    assert await addresses(fake_host, moonraker.config) == {"spoolman": address}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"config": []},
        {"config": {"spoolman": {}}},
        {"config": {"spoolman": {"server": 5}}},
        {"config": {"spoolman": {"server": " "}}},
        {"config": {"spoolman": {"server": "http://[::1"}}},
        {"config": {"spoolman": {"server": "http://"}}},
    ],
)
async def test_a_moonraker_without_one_has_none(
    fake_host: FakeHost, moonraker: FakeMoonraker, answer: object
) -> None:
    moonraker.answers["server.config"] = answer

    assert await addresses(fake_host, moonraker.config) == {}


async def test_a_moonraker_that_refuses_or_is_off_has_none(
    fake_host: FakeHost, moonraker: FakeMoonraker
) -> None:
    moonraker.errors["server.config"] = UNAUTHORIZED

    assert await addresses(fake_host, moonraker.config) == {}
    assert await addresses(fake_host, {"host": "127.0.0.1", "port": 9}) == {}


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker")
@pytest.mark.parametrize(
    ("spoolman", "found"), [(True, {"spoolman": "http://127.0.0.1:9"}), (False, {})]
)
async def test_a_real_moonraker_names_it(
    fake_host: FakeHost, tmp_path: Path, spoolman: bool, found: dict[str, str]
) -> None:
    async with Moonraker(tmp_path, spoolman=spoolman) as real:
        assert await addresses(fake_host, real.config) == found
