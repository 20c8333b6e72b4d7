"""A second host that announces itself with a known identity gets no secret and no entry."""

import asyncio
from collections.abc import AsyncIterator
import json
import socket

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import pytest_socket

from custom_components.filament_slots import discovery
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.network import retries

from .common import FixFlow
from .drivers.moonraker_filament.fake_moonraker import INSTANCE, FakeMoonraker
from .drivers.moonraker_filament.websocket_server import serve
from .printers.bambu import BambuPrinter
from .printers.bambu_scenarios import x1c
from .real_printer import entry_of, issues, running, set_up, until
from .test_config_flow import _zeroconf
from .test_discovery import Ether, ether as ether  # noqa: PLC0414 - a fixture

CONFIRMED = "127.0.0.1"
ELSEWHERE = "127.0.0.2"
KEY = "hunter2hunter2"


@pytest.fixture(autouse=True)
async def quick(
    hass: HomeAssistant, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """Retry at once, and unload the integration after the test."""
    pytest_socket.socket_allow_hosts([CONFIRMED, ELSEWHERE], allow_unix_socket=True)
    monkeypatch.setattr(retries, "_PAUSE_MAXIMUM", 0.05)
    monkeypatch.setattr(retries, "_CIRCUIT_OPENS_AT", 2)
    monkeypatch.setattr(discovery, "_BETWEEN_ATTEMPTS", 0.0)
    yield
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((CONFIRMED, 0))
        return int(probe.getsockname()[1])


def klipper(port: int, key: str = KEY) -> MockConfigEntry:
    """Return the entry of a Moonraker at the confirmed address."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Voron",
        unique_id=INSTANCE,
        data={
            "driver_key": "moonraker_filament",
            "model": None,
            "host": CONFIRMED,
            "port": port,
            "api_key": key,
            "verify_ssl": True,
            "instance_id": INSTANCE,
        },
    )


async def announce(hass: HomeAssistant) -> None:
    """Let a Moonraker announce itself elsewhere, and wait until that was processed."""
    await _zeroconf(hass, ELSEWHERE, INSTANCE)
    await hass.async_block_till_done(wait_background_tasks=False)


def received(impostor: FakeMoonraker) -> str:
    """Return everything that was sent to a fake Moonraker."""
    return json.dumps([impostor.headers, impostor.requests])


# Moonraker.


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "open"])
async def test_an_announced_moonraker_gets_no_key_and_the_owner_is_asked(
    hass: HomeAssistant, locked: bool
) -> None:
    port = free_port()
    entry = klipper(port)
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])
    impostor = FakeMoonraker()
    impostor.key = "any" if locked else None
    async with serve(impostor.talk, port, ELSEWHERE):
        for _ in range(2):
            await announce(hass)
            await until(lambda: issues(hass) == ["new_address"])
        await asyncio.sleep(0.3)  # Some attempts of the driver.

    assert len(impostor.headers) == 2
    assert KEY not in received(impostor)
    assert entry.data == klipper(port).data


async def test_the_owner_moves_a_moonraker_with_a_key(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    port = free_port()
    entry = klipper(port)
    assert await async_setup_component(hass, "repairs", {})
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])
    moonraker = FakeMoonraker()
    moonraker.key = KEY
    async with serve(moonraker.talk, port, ELSEWHERE):
        await announce(hass)
        await until(lambda: issues(hass) == ["new_address"])
        assert KEY not in received(moonraker)

        fix = FixFlow(await hass_client())
        form = await fix.start(f"new_address_{entry.entry_id}_{ELSEWHERE}")
        assert form["description_placeholders"]["host"] == CONFIRMED
        assert form["description_placeholders"]["new_host"] == ELSEWHERE
        assert KEY not in received(moonraker)
        result = await fix.confirm()
        assert result["type"] == "create_entry"

        await hass.async_block_till_done()
        await running(entry)
        assert entry.data == {**klipper(port).data, "host": ELSEWHERE}
        assert issues(hass) == []


async def test_a_confirmed_address_with_another_moonraker_is_not_saved(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> None:
    port = free_port()
    entry = klipper(port)
    assert await async_setup_component(hass, "repairs", {})
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])
    other = FakeMoonraker()
    other.key = KEY
    other.answers["server.database.get_item"] = {"value": "f" * 32}
    async with serve(other.talk, port, ELSEWHERE):
        await announce(hass)
        await until(lambda: issues(hass) == ["new_address"])
        fix = FixFlow(await hass_client())
        await fix.start(f"new_address_{entry.entry_id}_{ELSEWHERE}")

        refused = await fix.confirm()

    assert refused["errors"] == {"base": "wrong_printer"}
    assert entry.data == klipper(port).data


async def test_a_moonraker_without_a_key_is_found_where_it_announces_itself(
    hass: HomeAssistant,
) -> None:
    port = free_port()
    entry = klipper(port, key="")
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])
    moonraker = FakeMoonraker()
    async with serve(moonraker.talk, port, ELSEWHERE):
        await announce(hass)
        await until(lambda: entry.data["host"] == ELSEWHERE)
        await hass.async_block_till_done()
        await running(entry)


@pytest.mark.parametrize("trouble", ["another id", "locked", "nothing there"])
async def test_a_moonraker_that_is_not_found_where_it_announces_itself_stays(
    hass: HomeAssistant, trouble: str
) -> None:
    port = free_port()
    entry = klipper(port, key="")
    await set_up(hass, entry)
    await until(lambda: issues(hass) == ["unreachable"])
    impostor = FakeMoonraker()
    impostor.key = "any" if trouble == "locked" else None
    impostor.answers["server.database.get_item"] = {"value": "f" * 32}
    at = port if trouble != "nothing there" else free_port()
    async with serve(impostor.talk, at, ELSEWHERE):
        await announce(hass)
        await until(lambda: impostor.headers or trouble == "nothing there")
        await asyncio.sleep(0.2)

    assert entry.data == klipper(port, key="").data
    assert issues(hass) == ["unreachable"]


async def test_a_redirect_carries_nothing_to_another_host(hass: HomeAssistant) -> None:
    impostor = FakeMoonraker()
    seen: list[str] = []
    async with serve(impostor.talk, None, ELSEWHERE) as target:

        async def redirect(request: web.Request) -> web.Response:
            seen.append(str(request.headers))
            return web.Response(status=302, headers={"Location": f"{target}websocket"})

        application = web.Application()
        application.router.add_get("/websocket", redirect)
        async with TestServer(application, host=CONFIRMED) as server:
            assert server.port is not None
            entry = klipper(server.port)
            await set_up(hass, entry)
            await until(lambda: issues(hass) == ["redirected"])
            await until(lambda: len(seen) >= 2)
            assert entry.runtime_data.health["last_error"]["message"] == target
            await hass.config_entries.async_unload(entry.entry_id)

    assert impostor.headers == []
    assert KEY not in str(seen)
    assert entry.data == klipper(entry.data["port"]).data


# Bambu Lab.


async def test_an_announced_printer_with_another_certificate_gets_no_code(
    hass: HomeAssistant, ether: Ether
) -> None:
    known = BambuPrinter(x1c())
    known.port = free_port()
    entry = entry_of(known)
    impostor = BambuPrinter(x1c())  # The same serial in a certificate of its own.
    seen: list[bool] = []
    impostor.server_context.sni_callback = lambda *about: seen.append(True)
    await impostor.power_on(known.port, ELSEWHERE)
    try:
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["unreachable"])

        for _ in range(2):
            await ether.announce(hass, ELSEWHERE, known.hardware.serial)
            await asyncio.sleep(0.2)
    finally:
        await impostor.power_off()

    assert seen
    assert impostor.logins == 0
    assert entry.data == entry_of(known).data
    # A new certificate is offered only at the address of the entry.
    assert issues(hass) == ["unreachable"]


async def test_an_announced_printer_with_its_own_certificate_is_found(
    hass: HomeAssistant, ether: Ether
) -> None:
    printer = BambuPrinter(x1c())
    await printer.power_on(free_port(), ELSEWHERE)
    try:
        entry = entry_of(printer)
        await set_up(hass, entry)
        await until(lambda: issues(hass) == ["unreachable"])

        await ether.announce(hass, ELSEWHERE, printer.hardware.serial)
        await hass.async_block_till_done()
        await running(entry)

        assert entry.data == entry_of(printer, host=ELSEWHERE).data
        await hass.config_entries.async_unload(entry.entry_id)
    finally:
        await printer.power_off()
