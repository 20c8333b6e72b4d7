"""Discovery: new printers are offered, and known ones found again at a new address."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
import logging
import math
import socket
from time import monotonic
from typing import override

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigEntryState
from homeassistant.const import CONF_HOST, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util.hass_dict import HassKey
from pydantic import ValidationError

from .const import CONF_CONFIG, CONF_DRIVER_KEY, CONF_IDENTITY, CONF_NAME, DOMAIN
from .coordinator import FilamentSlotsConfigEntry
from .driver_host import driver_config, driver_services
from .drivers.base import Driver, DriverError
from .drivers.discovery import (
    DiscoveredPrinter,
    UdpDiscovery,
    ZeroconfDiscovery,
    ZeroconfService,
)
from .drivers.registry import load_drivers
from .repairs_printer import ADDRESS_ERRORS

_LOGGER = logging.getLogger(__name__)

# Seconds between two attempts to find a printer at an announced address, and between two
# changes of its address: it may have two, and announce both.
_BETWEEN_ATTEMPTS = 30.0
_BETWEEN_MOVES = 300.0
# Seconds within which a driver notices that its printer has left its address.
_NOTICED_AFTER = 120.0
# Anything can announce any number of printers: that many are offered at a time, and one in
# that many seconds.
_OFFERS_MAX = 50
_BETWEEN_OFFERS = 60.0


class Announcements:
    """Listens for the UDP announcements of printers while any entry is loaded.

    They go to ports on which Home Assistant's own SSDP does not listen.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Create it without a socket."""
        self._hass = hass
        self._users = 0
        self._transports: list[asyncio.DatagramTransport] = []
        # The keys of the drivers whose sockets are open, if they have any.
        self._listening: set[str] = set()
        self._unsubscribe: Callable[[], None] | None = None
        # The identities that were offered, oldest first.
        self._offered: deque[str] = deque()
        self._offer_at = -math.inf

    async def async_acquire(self) -> None:
        """Add a user; the first one opens the sockets."""
        self._users += 1
        if self._users > 1:
            return
        for driver in await load_drivers():
            await self.async_add(driver)
        # Entries are not unloaded when Home Assistant stops.
        self._unsubscribe = self._hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_STOP, self._async_stopping
        )

    async def async_add(self, driver: type[Driver]) -> None:
        """Open the sockets of a driver, once, while there is a user."""
        if self._users == 0 or driver.driver_key in self._listening:
            return
        self._listening.add(driver.driver_key)
        for way in driver.discovery:
            if isinstance(way, UdpDiscovery):
                await self._async_open(driver.driver_key, way)

    @callback
    def async_release(self) -> None:
        """Remove a user; the last one closes the sockets."""
        self._users -= 1
        if self._users > 0:
            return
        self._async_close()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @callback
    def async_received(self, driver_key: str, printer: DiscoveredPrinter) -> None:
        """Offer a new printer, or compare the address of a known one."""
        entry = self._hass.config_entries.async_entry_for_domain_unique_id(
            DOMAIN, printer.identity
        )
        if entry is None:
            self._offer(driver_key, printer)
        else:
            async_heal_address(self._hass, entry, printer.host)

    async def _async_open(self, driver_key: str, way: UdpDiscovery) -> None:
        try:
            listening = announcement_socket(way)
        except OSError as err:
            _LOGGER.debug("Cannot listen for announcements of printers: %s", err)
            return
        transport, _ = await self._hass.loop.create_datagram_endpoint(
            lambda: _Listener(self, driver_key, way), sock=listening
        )
        self._transports.append(transport)

    @callback
    def _offer(self, driver_key: str, printer: DiscoveredPrinter) -> None:
        """Offer a new printer, once while it is remembered.

        A printer whose turn it is not yet announces itself again.
        """
        now = monotonic()
        if printer.identity in self._offered or now < self._offer_at:
            return
        self._offer_at = now + _BETWEEN_OFFERS
        if len(self._offered) >= _OFFERS_MAX:
            self._withdraw(self._offered.popleft())
        self._offered.append(printer.identity)
        discovery_flow.async_create_flow(
            self._hass,
            DOMAIN,
            context={"source": SOURCE_INTEGRATION_DISCOVERY},
            data={
                CONF_DRIVER_KEY: driver_key,
                CONF_IDENTITY: printer.identity,
                CONF_NAME: printer.name,
                CONF_CONFIG: {CONF_HOST: printer.host, **printer.config},
            },
        )

    @callback
    def _withdraw(self, identity: str) -> None:
        """End the flow of an offer, if it is still there."""
        flows = self._hass.config_entries.flow
        for flow in flows.async_progress_by_handler(
            DOMAIN,
            match_context={
                "source": SOURCE_INTEGRATION_DISCOVERY,
                "unique_id": identity,
            },
        ):
            flows.async_abort(flow["flow_id"])

    @callback
    def _async_stopping(self, _: Event) -> None:
        self._unsubscribe = None
        self._async_close()

    @callback
    def _async_close(self) -> None:
        self._listening.clear()
        while self._transports:
            self._transports.pop().close()


class _Listener(asyncio.DatagramProtocol):
    """Reads the packets that arrive at one socket by the rules of its driver."""

    def __init__(
        self, announcements: Announcements, driver_key: str, way: UdpDiscovery
    ) -> None:
        self._announcements = announcements
        self._driver_key = driver_key
        self._read = way.read

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        printer = self._read(data, addr[0])
        if printer is not None:
            self._announcements.async_received(self._driver_key, printer)


_KEY: HassKey[Announcements] = HassKey(f"{DOMAIN}_announcements")
# When the next address may be tried, by the id of the entry.
_TRY_AT: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_try_at")


async def async_listen(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> None:
    """Listen for announcements for as long as the entry is loaded."""
    if _KEY not in hass.data:
        hass.data[_KEY] = Announcements(hass)
    await hass.data[_KEY].async_acquire()
    entry.async_on_unload(hass.data[_KEY].async_release)


async def async_listen_to(hass: HomeAssistant, driver: type[Driver]) -> None:
    """Listen for the printers of a driver that came later, if there is a listener."""
    if _KEY in hass.data:
        await hass.data[_KEY].async_add(driver)


def announcement_socket(way: UdpDiscovery) -> socket.socket:
    """Return a socket that receives announcements, beside other programs that do.

    Raises OSError where the port cannot be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("", way.port))
    except BaseException:
        listening.close()
        raise
    # Without a route to the group, broadcasts are still received.
    with suppress(OSError):
        listening.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(way.group) + socket.inet_aton("0.0.0.0"),
        )
    return listening


async def async_read_zeroconf(
    info: ZeroconfServiceInfo,
) -> tuple[str, DiscoveredPrinter] | None:
    """Return the printer behind a service, with the key of its driver.

    None for a service that does not identify itself.
    """
    service = ZeroconfService(
        host=info.host,
        port=info.port,
        hostname=info.hostname,
        properties=info.properties,
    )
    for driver in await load_drivers():
        for way in driver.discovery:
            if isinstance(way, ZeroconfDiscovery) and way.service_type == info.type:
                printer = way.read(service)
                if printer is not None:
                    return driver.driver_key, printer
    return None


@callback
def async_heal_address(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Compare the address at which a known printer announces itself.

    Where the printer is not found at the address of the entry, this one is tried. An
    announcement proves nothing: see `Driver.recognise`.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return
    known = entry.data[CONF_HOST]
    if known == host:
        entry.runtime_data.async_announced()
    # A whole URL holds more than an announcement does.
    elif "/" not in known and entry.runtime_data.error in ADDRESS_ERRORS:
        hass.async_create_background_task(
            _async_try_address(hass, entry, host), f"{DOMAIN} new address"
        )


@callback
def async_heal_address_soon(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Do the same now and a little later, for an announcement that is not repeated.

    A restarted printer may announce itself before its driver notices the restart.
    """

    @callback
    def heal(_: datetime) -> None:
        async_heal_address(hass, entry, host)

    async_heal_address(hass, entry, host)
    if entry.state is ConfigEntryState.LOADED and entry.data[CONF_HOST] != host:
        entry.async_on_unload(async_call_later(hass, _NOTICED_AFTER, heal))


async def _async_try_address(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Change the address of the entry once its printer has proved that it is there.

    Where it cannot prove that without a secret, the user is asked.
    """
    try_at = hass.data.setdefault(_TRY_AT, {})
    now = monotonic()
    if now < try_at.get(entry.entry_id, now):
        return
    coordinator = entry.runtime_data
    if host in await _async_addresses(hass, entry.data[CONF_HOST]):
        coordinator.async_announced()
        return
    try_at[entry.entry_id] = now + _BETWEEN_ATTEMPTS
    try:
        proved = await coordinator.driver.recognise(
            driver_config(entry) | {CONF_HOST: host},
            driver_services(hass, coordinator.log),
        )
    except (DriverError, ValidationError) as err:
        coordinator.log.debug("Printer is not at the announced address: %s", err)
        return
    if coordinator.error not in ADDRESS_ERRORS:
        return
    if not proved:
        coordinator.async_ask_about_address(host)
        return
    try_at[entry.entry_id] = now + _BETWEEN_MOVES
    coordinator.log.info("Printer has proved itself at another address")
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_HOST: host})
    hass.config_entries.async_schedule_reload(entry.entry_id)


async def _async_addresses(hass: HomeAssistant, host: str) -> set[str]:
    """Return the IP addresses of a host: itself, or those its name resolves to."""
    try:
        return {str(ip_address(host))}
    except ValueError:
        pass
    try:
        found = await hass.loop.getaddrinfo(host, None)
    except OSError, UnicodeError:
        return set()
    return {str(address[0]) for *_, address in found}
