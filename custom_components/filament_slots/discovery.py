"""Discovery: new printers are offered, and known ones found again at a new address."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
import logging
import socket
from typing import override

from homeassistant.config_entries import (
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .const import CONF_CONFIG, CONF_DRIVER_KEY, CONF_IDENTITY, CONF_NAME, DOMAIN
from .coordinator import FilamentSlotsConfigEntry
from .drivers.bambulab_mqtt.discovery import (
    GROUP,
    PORT,
    Announcement,
    read_announcement,
)
from .drivers.base import ErrorCode

_LOGGER = logging.getLogger(__name__)

# What another address may cure.
_ADDRESS_ERRORS = (
    ErrorCode.HOST_NOT_FOUND,
    ErrorCode.CONNECTION_REFUSED,
    ErrorCode.CONNECTION_TIMEOUT,
    ErrorCode.CONNECTION_LOST,
    ErrorCode.CLOSED_AFTER_CONNECT,
    ErrorCode.TLS_FAILED,
    ErrorCode.NOT_MOONRAKER,
    ErrorCode.WRONG_PRINTER,
)

# A printer with two addresses announces both, and may answer at neither.
_BETWEEN_MOVES = 300.0
# How long a driver may take to notice that its printer has gone to another address.
_NOTICED_AFTER = 120.0
# Who makes up announcements must not fill the user interface.
_OFFERS_MAX = 50

_BAMBU = "bambulab_mqtt"


class Announcements(asyncio.DatagramProtocol):
    """Listens to what Bambu Lab printers announce, while there is any entry.

    Home Assistant's own SSDP does not listen on their port.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Listen to nothing yet."""
        self._hass = hass
        self._users = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._offered: set[str] = set()

    async def async_acquire(self) -> None:
        """Need it; the first who does starts it."""
        self._users += 1
        if self._users > 1:
            return
        try:
            listening = announcement_socket()
        except OSError as err:
            _LOGGER.debug("Announcements of printers are not heard: %s", err)
            return
        self._transport, _ = await self._hass.loop.create_datagram_endpoint(
            lambda: self, sock=listening
        )
        # Entries are not unloaded when Home Assistant stops.
        self._unsubscribe = self._hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_STOP, self._async_stopping
        )

    @callback
    def async_release(self) -> None:
        """Need it no more; the last who does stops it."""
        self._users -= 1
        if self._users > 0 or self._transport is None:
            return
        self._transport.close()
        self._transport = None
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take in an announcement; anything else is passed over."""
        announcement = read_announcement(data, addr[0])
        if announcement is None:
            return
        entry = self._hass.config_entries.async_entry_for_domain_unique_id(
            DOMAIN, announcement.serial
        )
        if entry is None:
            self._offer(announcement)
        else:
            async_heal_address(self._hass, entry, announcement.host)

    @callback
    def _offer(self, announcement: Announcement) -> None:
        """Offer a new printer, once."""
        serial = announcement.serial
        if serial in self._offered or len(self._offered) >= _OFFERS_MAX:
            return
        self._offered.add(serial)
        model = announcement.model or "Bambu Lab"
        discovery_flow.async_create_flow(
            self._hass,
            DOMAIN,
            context={"source": SOURCE_INTEGRATION_DISCOVERY},
            data={
                CONF_DRIVER_KEY: _BAMBU,
                CONF_IDENTITY: serial,
                CONF_NAME: f"{model} {announcement.name or serial[-4:]}",
                CONF_CONFIG: {CONF_HOST: announcement.host, "serial": serial},
            },
        )

    @callback
    def _async_stopping(self, _: Event) -> None:
        self._unsubscribe = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None


_KEY: HassKey[Announcements] = HassKey(f"{DOMAIN}_announcements")
_MOVED: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_moved")


async def async_listen(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Listen to announcements for as long as the entry is loaded."""
    if _KEY not in hass.data:
        hass.data[_KEY] = Announcements(hass)
    await hass.data[_KEY].async_acquire()
    entry.async_on_unload(hass.data[_KEY].async_release)


def announcement_socket() -> socket.socket:
    """Return a socket that hears announcements, beside other programs that do.

    Raises OSError where there can be none.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("", PORT))
    except BaseException:
        listening.close()
        raise
    # Where there is no way to the group, what is sent to everybody is heard all the same.
    with suppress(OSError):
        listening.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0"),
        )
    return listening


@callback
def async_heal_address(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Learn that a known printer announces itself at an address.

    Where it is not found at the one the entry has, it is looked for at this one. That
    it is the same printer is for the driver to find out, as ever.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return
    known = entry.data[CONF_HOST]
    if known == host:
        entry.runtime_data.async_announced()
    # A whole URL says more than an announcement does.
    elif "/" not in known and entry.runtime_data.error in _ADDRESS_ERRORS:
        hass.async_create_background_task(
            _async_move(hass, entry, host), f"{DOMAIN} new address"
        )


@callback
def async_heal_address_soon(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Do the same for an announcement that is not repeated.

    A printer that was restarted may announce itself before its driver has missed it.
    """

    @callback
    def heal(_: datetime) -> None:
        async_heal_address(hass, entry, host)

    async_heal_address(hass, entry, host)
    if entry.state is ConfigEntryState.LOADED and entry.data[CONF_HOST] != host:
        entry.async_on_unload(async_call_later(hass, _NOTICED_AFTER, heal))


async def _async_move(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, host: str
) -> None:
    """Change the address, and start the driver anew, if that is really another one."""
    moved = hass.data.setdefault(_MOVED, {})
    now = hass.loop.time()
    if now - moved.get(entry.entry_id, -_BETWEEN_MOVES) < _BETWEEN_MOVES:
        return
    if host in await _async_addresses(hass, entry.data[CONF_HOST]):
        entry.runtime_data.async_announced()
        return
    moved[entry.entry_id] = now
    entry.runtime_data.log.info("Printer announces itself at another address")
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_HOST: host})
    hass.config_entries.async_schedule_reload(entry.entry_id)


async def _async_addresses(hass: HomeAssistant, host: str) -> set[str]:
    """Return the addresses behind what somebody has entered as one."""
    try:
        return {str(ip_address(host))}
    except ValueError:
        pass
    try:
        found = await hass.loop.getaddrinfo(host, None)
    except OSError, UnicodeError:
        return set()
    return {str(address[0]) for *_, address in found}
