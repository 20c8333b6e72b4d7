"""Announcements on a real socket: printers are offered, and found again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
import logging
from pathlib import Path
import socket
from typing import Any
from unittest.mock import AsyncMock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import async_get_integration
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.filament_slots import discovery, drivers
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_host import driver_config
from custom_components.filament_slots.drivers.bambulab_mqtt.discovery import UDP
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.discovery import (
    UdpDiscovery,
    ZeroconfDiscovery,
)
from custom_components.filament_slots.drivers.registry import load_driver, load_drivers

from .common import SERIAL, async_set_up, async_show, driver_of, make_entry
from .drivers.bambulab_mqtt.test_discovery import packet
from .test_config_flow import UUID, _zeroconf

pytestmark = pytest.mark.usefixtures("scripted_driver", "socket_enabled")

NEW = "01P09A000000001"


class Ether:
    """The network for announcements: a port on the loopback interface.

    sockets: those that were opened to listen.
    """

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def listen(self, way: UdpDiscovery) -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.setblocking(False)
        listening.bind(("127.0.0.1", 0))
        self.sockets.append(listening)
        return listening

    async def announce(
        self, hass: HomeAssistant, host: str = "192.0.2.7", serial: str = SERIAL
    ) -> None:
        """Send an announcement, and wait until it was processed."""
        await self.send(hass, packet(Location=host, USN=serial))

    async def send(self, hass: HomeAssistant, data: bytes) -> None:
        received = asyncio.Event()
        read = discovery._Listener.datagram_received

        def note(self: Any, *args: Any) -> None:
            read(self, *args)
            received.set()

        with patch.object(discovery._Listener, "datagram_received", note):
            self._sender.sendto(data, self.sockets[-1].getsockname())
            async with asyncio.timeout(5):
                await received.wait()
        await hass.async_block_till_done(wait_background_tasks=True)

    def close(self) -> None:
        self._sender.close()
        for listening in self.sockets:
            listening.close()


@pytest.fixture
async def ether(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, nothing_announced: None
) -> AsyncIterator[Ether]:
    ether = Ether()
    monkeypatch.setattr(discovery, "announcement_socket", ether.listen)
    yield ether
    ether.close()


def _offers(hass: HomeAssistant) -> list[Any]:
    return hass.config_entries.flow.async_progress_by_handler(DOMAIN)


# The listener.


async def test_one_socket_listens_while_there_is_any_entry(
    hass: HomeAssistant, ether: Ether
) -> None:
    first, second = make_entry(), make_entry("00M09A000000002")
    await async_set_up(hass, first)
    await async_set_up(hass, second)
    [listening] = ether.sockets

    await hass.config_entries.async_unload(first.entry_id)
    assert listening.fileno() != -1
    await hass.config_entries.async_unload(second.entry_id)
    await asyncio.sleep(0)
    assert listening.fileno() == -1

    await hass.config_entries.async_setup(first.entry_id)
    assert len(ether.sockets) == 2


async def test_home_assistant_stops_listening_when_it_stops(
    hass: HomeAssistant, ether: Ether
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)

    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await asyncio.sleep(0)
    assert ether.sockets[0].fileno() == -1

    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_without_a_socket_everything_else_works(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.filament_slots")

    driver = await async_set_up(hass, make_entry())

    assert driver.started
    [line] = [
        record
        for record in caplog.records
        if "Cannot listen for announcements" in record.getMessage()
    ]
    assert line.levelname == "DEBUG"


def test_the_socket_shares_the_port_with_other_programs(
    nothing_announced: None,
) -> None:
    first = discovery.announcement_socket(UDP)
    second = discovery.announcement_socket(UDP)

    assert first.getsockname()[1] == second.getsockname()[1] == 2021
    assert not first.getblocking()
    first.close()
    second.close()


def test_the_socket_opens_without_a_route_to_the_group() -> None:
    way = replace(UDP, group="127.0.0.1")  # Not a multicast group.

    with discovery.announcement_socket(way) as listening:
        assert listening.getsockname()[1] == 2021


def test_a_port_that_another_program_uses_exclusively_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 0))
        way = replace(UDP, port=other.getsockname()[1])

        with pytest.raises(OSError, match="in use"):
            discovery.announcement_socket(way)


async def test_a_broken_driver_does_not_keep_others_from_listening(
    hass: HomeAssistant,
    ether: Ether,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a_broken_one").mkdir()
    (tmp_path / "a_broken_one" / "driver.py").write_text("import no_such_module")
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    await async_set_up(hass, make_entry())

    await ether.announce(hass, serial=NEW)

    assert len(_offers(hass)) == 1


DROPPED_IN = """
from typing import ClassVar
from pydantic import BaseModel
from ..connected_driver import ConnectedDriver
from ..discovery import DiscoveredPrinter, UdpDiscovery

NAME = "Box"

class Config(BaseModel):
    host: str

def read(packet, sender):
    return DiscoveredPrinter(identity=packet.decode(), name="Box", host=sender)

class Driver(ConnectedDriver[Config]):
    driver_key: ClassVar[str] = "z_box"
    Config: ClassVar[type[Config]] = Config
    discovery: ClassVar = (UdpDiscovery(group="239.255.255.250", port=4712, read=read),)
"""


async def test_a_driver_that_is_dropped_in_has_its_printers_discovered(
    hass: HomeAssistant,
    ether: Ether,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "z_box").mkdir()
    (tmp_path / "z_box" / "driver.py").write_text(DROPPED_IN)
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    await async_set_up(hass, make_entry())

    await ether.send(hass, b"box-1")  # To the socket opened last, that of the box.

    [flow] = _offers(hass)
    assert flow["step_id"] == "z_box"
    assert flow["context"]["unique_id"] == "box-1"
    assert flow["context"]["title_placeholders"] == {"name": "Box"}


async def test_manifest_lists_the_zeroconf_services_that_drivers_declare(
    hass: HomeAssistant,
) -> None:
    integration = await async_get_integration(hass, DOMAIN)

    assert integration.manifest["zeroconf"] == sorted(
        way.service_type
        for driver in await load_drivers()
        for way in driver.discovery
        if isinstance(way, ZeroconfDiscovery)
    )


# Offers.


async def test_a_new_printer_is_offered_once_with_its_announced_name(
    hass: HomeAssistant, ether: Ether
) -> None:
    await async_set_up(hass, make_entry())

    await ether.announce(hass, serial=NEW)
    [flow] = _offers(hass)
    assert flow["step_id"] == "bambulab_mqtt"
    assert flow["context"]["unique_id"] == NEW
    assert flow["context"]["title_placeholders"] == {"name": "P1S Workshop"}

    hass.config_entries.flow.async_abort(flow["flow_id"])
    await ether.announce(hass, serial=NEW)
    assert _offers(hass) == []


async def test_a_printer_without_a_name_is_offered_by_its_serial(
    hass: HomeAssistant, ether: Ether
) -> None:
    await async_set_up(hass, make_entry())

    await ether.send(
        hass,
        packet(
            USN="99909A000000001",
            **{"DevName.bambu.com": None, "DevModel.bambu.com": None},
        ),
    )

    [flow] = _offers(hass)
    assert flow["context"]["title_placeholders"] == {"name": "Bambu Lab 0001"}


def _offered(hass: HomeAssistant) -> list[str]:
    """Return the serials that are offered, sorted."""
    return sorted(flow["context"]["unique_id"] for flow in _offers(hass))


async def test_one_printer_a_minute_is_offered(
    hass: HomeAssistant, ether: Ether
) -> None:
    await async_set_up(hass, make_entry())
    seconds = 0
    first, second, third = (f"01P09A00000000{number}" for number in range(3))

    with patch.object(discovery, "monotonic", lambda: 1000.0 + seconds):
        for serial in (first, second, third):
            await ether.announce(hass, serial=serial)
        assert _offered(hass) == [first]

        seconds = 59
        await ether.announce(hass, serial=second)
        assert _offered(hass) == [first]

        seconds = 60
        for serial in (first, third, second):
            await ether.announce(hass, serial=serial)
        assert _offered(hass) == [first, third]


async def test_forged_announcements_do_not_end_the_offers(
    hass: HomeAssistant, ether: Ether
) -> None:
    """The oldest offer goes."""
    await async_set_up(hass, make_entry())
    forged = [f"01P09A0000001{number:02}" for number in range(60)]

    for minute, serial in enumerate([*forged, NEW]):
        with patch.object(discovery, "monotonic", return_value=minute * 60.0):
            await ether.announce(hass, serial=serial)

    assert _offered(hass) == [NEW, *forged[-49:]]


async def test_a_withdrawn_offer_may_be_gone_already_and_can_be_made_again(
    hass: HomeAssistant, ether: Ether, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "_BETWEEN_OFFERS", 0)
    monkeypatch.setattr(discovery, "_OFFERS_MAX", 1)
    await async_set_up(hass, make_entry())
    await ether.announce(hass, serial=NEW)
    hass.config_entries.flow.async_abort(_offers(hass)[0]["flow_id"])

    await ether.announce(hass, serial="01P09A000000002")
    assert _offered(hass) == ["01P09A000000002"]
    await ether.announce(hass, serial=NEW)

    assert _offered(hass) == [NEW]


async def test_packets_of_anything_else_are_ignored(
    hass: HomeAssistant, ether: Ether
) -> None:
    await async_set_up(hass, make_entry())

    await ether.send(hass, b"\xff" * 100)

    assert _offers(hass) == []


# New addresses.


async def _set_up_in_trouble(
    hass: HomeAssistant, error: ErrorCode, **data: Any
) -> MockConfigEntry:
    entry = make_entry(**data)
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RECONNECTING, error=error)
    return entry


@pytest.mark.parametrize(
    "error",
    [
        ErrorCode.WRONG_PRINTER,
        ErrorCode.CONNECTION_TIMEOUT,
        ErrorCode.CONNECTION_REFUSED,
        ErrorCode.TLS_FAILED,
    ],
)
async def test_a_printer_that_is_not_at_its_address_is_found_where_it_announces_itself(
    hass: HomeAssistant, ether: Ether, error: ErrorCode
) -> None:
    entry = await _set_up_in_trouble(hass, error)
    before = driver_of(entry)

    await ether.announce(hass, "192.0.2.7")

    assert entry.data == make_entry(host="192.0.2.7").data
    assert before.stopped
    assert driver_of(entry).config.host == "192.0.2.7"
    assert driver_of(entry).started
    assert _offers(hass) == []


@pytest.mark.parametrize(
    "error", [None, ErrorCode.INVALID_AUTH, ErrorCode.NEW_CERTIFICATE]
)
async def test_the_address_is_kept_if_another_one_would_not_help(
    hass: HomeAssistant, ether: Ether, error: ErrorCode | None
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    status = DriverStatus.RECONNECTING if error else DriverStatus.RUNNING
    await async_show(hass, entry, status, error=error)

    await ether.announce(hass, "192.0.2.7")

    assert entry.data == make_entry().data
    assert not driver.stopped


async def test_a_printer_at_its_address_is_not_restarted(
    hass: HomeAssistant, ether: Ether, issue_registry: ir.IssueRegistry
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    await async_show(
        hass,
        entry,
        DriverStatus.RECONNECTING,
        error=ErrorCode.CONNECTION_TIMEOUT,
        circuit="open",
    )

    await ether.announce(hass, "192.0.2.1")

    assert not driver.stopped
    # It is on and cannot be reached, which is worth an issue.
    assert (DOMAIN, f"unreachable_{entry.entry_id}") in issue_registry.issues


async def test_a_printer_with_two_addresses_does_not_alternate_between_them(
    hass: HomeAssistant, ether: Ether
) -> None:
    entry = await _set_up_in_trouble(hass, ErrorCode.CONNECTION_REFUSED)
    await ether.announce(hass, "192.0.2.7")
    await async_show(
        hass, entry, DriverStatus.RECONNECTING, error=ErrorCode.CONNECTION_REFUSED
    )
    driver = driver_of(entry)

    await ether.announce(hass, "192.0.2.8")

    assert entry.data["host"] == "192.0.2.7"
    assert not driver.stopped


@pytest.fixture
async def recognise(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """What the driver concludes about an announced address."""
    recognise = AsyncMock(return_value=True)
    driver = await load_driver("scripted")
    monkeypatch.setattr(driver, "recognise", recognise)
    return recognise


async def test_an_address_that_proves_nothing_is_not_taken_and_the_owner_is_asked(
    hass: HomeAssistant,
    ether: Ether,
    recognise: AsyncMock,
    issue_registry: ir.IssueRegistry,
) -> None:
    recognise.return_value = False
    entry = await _set_up_in_trouble(hass, ErrorCode.CONNECTION_TIMEOUT)
    driver = driver_of(entry)

    await ether.announce(hass, "192.0.2.7")

    assert recognise.call_args.args[0] == {
        **driver_config(entry),
        "host": "192.0.2.7",
    }
    assert entry.data == make_entry().data
    assert not driver.stopped
    issue = (DOMAIN, f"new_address_{entry.entry_id}_192.0.2.7")
    assert issue in issue_registry.issues


@pytest.mark.parametrize(
    "code", [ErrorCode.WRONG_PRINTER, ErrorCode.CONNECTION_REFUSED]
)
async def test_an_address_without_the_printer_is_ignored(
    hass: HomeAssistant,
    ether: Ether,
    recognise: AsyncMock,
    issue_registry: ir.IssueRegistry,
    code: ErrorCode,
) -> None:
    recognise.side_effect = DriverError(code)
    entry = await _set_up_in_trouble(hass, ErrorCode.CONNECTION_TIMEOUT)

    await ether.announce(hass, "192.0.2.7")

    assert recognise.call_count == 1
    assert entry.data == make_entry().data
    assert not [domain for domain, _ in issue_registry.issues if domain == DOMAIN]


async def test_a_printer_that_is_back_during_the_attempt_keeps_its_address(
    hass: HomeAssistant, ether: Ether, recognise: AsyncMock
) -> None:
    entry = await _set_up_in_trouble(hass, ErrorCode.CONNECTION_TIMEOUT)

    async def meanwhile(*about: object) -> bool:
        driver_of(entry).show(DriverStatus.RUNNING)
        await asyncio.sleep(0)
        return True

    recognise.side_effect = meanwhile
    await ether.announce(hass, "192.0.2.7")

    assert recognise.call_count == 1
    assert entry.data == make_entry().data


async def test_addresses_are_tried_one_every_thirty_seconds(
    hass: HomeAssistant, ether: Ether, recognise: AsyncMock
) -> None:
    recognise.side_effect = DriverError(ErrorCode.WRONG_PRINTER)
    await _set_up_in_trouble(hass, ErrorCode.CONNECTION_TIMEOUT)

    for seconds, attempts in ((0, 1), (0, 1), (29, 1), (31, 2), (60, 2), (62, 3)):
        with patch.object(discovery, "monotonic", return_value=1000.0 + seconds):
            await ether.announce(hass, f"192.0.2.{7 + seconds}")
        assert recognise.call_count == attempts


@pytest.mark.parametrize(
    ("addresses", "host"),
    [
        (["192.0.2.7"], "x1c.lan"),
        (["192.0.2.1"], "192.0.2.7"),
        (OSError("no such name"), "192.0.2.7"),
    ],
    ids=["the name has it", "the name has another", "the name is gone"],
)
async def test_a_name_is_kept_while_it_has_the_address(
    hass: HomeAssistant, ether: Ether, addresses: Any, host: str
) -> None:
    entry = await _set_up_in_trouble(hass, ErrorCode.CONNECTION_REFUSED, host="x1c.lan")

    async def resolve(name: str, port: None) -> Any:
        assert name == "x1c.lan"
        if isinstance(addresses, OSError):
            raise addresses
        return [(2, 1, 6, "", (address, 0)) for address in addresses]

    with patch.object(hass.loop, "getaddrinfo", resolve):
        await ether.announce(hass, "192.0.2.7")

    assert entry.data["host"] == host


async def test_a_whole_url_is_kept(hass: HomeAssistant, ether: Ether) -> None:
    entry = await _set_up_in_trouble(
        hass, ErrorCode.CONNECTION_REFUSED, host="http://printers.lan/x1c"
    )

    await ether.announce(hass, "192.0.2.7")

    assert entry.data["host"] == "http://printers.lan/x1c"


async def test_a_disabled_printer_is_neither_offered_nor_moved(
    hass: HomeAssistant, ether: Ether
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_set_up(hass, make_entry("00M09A000000002"))
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )

    await ether.announce(hass, "192.0.2.7")

    assert entry.data == make_entry().data
    assert _offers(hass) == []


# Moonraker, found by Home Assistant's zeroconf.


@pytest.fixture
async def moonraker(hass: HomeAssistant) -> MockConfigEntry:
    entry = make_entry(serial=UUID, host="192.0.2.1")
    await async_set_up(hass, entry)
    return entry


async def _tick(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float
) -> None:
    freezer.tick(seconds)
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_moonraker_is_found_at_its_new_address(
    hass: HomeAssistant, moonraker: MockConfigEntry
) -> None:
    await async_show(
        hass,
        moonraker,
        DriverStatus.RECONNECTING,
        error=ErrorCode.CONNECTION_TIMEOUT,
    )

    result = await _zeroconf(hass, "192.0.2.5")
    await hass.async_block_till_done(wait_background_tasks=True)

    assert result["reason"] == "already_configured"
    assert moonraker.data["host"] == "192.0.2.5"
    assert driver_of(moonraker).config.host == "192.0.2.5"


async def test_a_moonraker_announced_before_its_outage_was_noticed_is_found_later(
    hass: HomeAssistant, moonraker: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await async_show(hass, moonraker, DriverStatus.RUNNING)
    await _zeroconf(hass, "192.0.2.5")
    assert moonraker.data["host"] == "192.0.2.1"
    await async_show(
        hass,
        moonraker,
        DriverStatus.RECONNECTING,
        error=ErrorCode.CONNECTION_TIMEOUT,
    )

    await _tick(hass, freezer, 121)

    assert moonraker.data["host"] == "192.0.2.5"


async def test_a_moonraker_with_two_addresses_keeps_the_one_that_works(
    hass: HomeAssistant, moonraker: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await async_show(hass, moonraker, DriverStatus.RUNNING)

    await _zeroconf(hass, "192.0.2.5")
    await _tick(hass, freezer, 121)

    assert moonraker.data["host"] == "192.0.2.1"


async def test_a_moonraker_at_its_address_is_not_restarted(
    hass: HomeAssistant,
    moonraker: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announced: list[Callable[[], None]] = []
    monkeypatch.setattr(
        moonraker.runtime_data, "async_announced", lambda: announced.append(print)
    )

    result = await _zeroconf(hass, "192.0.2.1")

    assert result["reason"] == "already_configured"
    assert len(announced) == 1
    assert not driver_of(moonraker).stopped
