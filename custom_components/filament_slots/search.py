"""Search for printers: which announce themselves while the dialog to add one is open.

The first printer is found this way, before any entry exists and listens for others.
"""

import asyncio
from typing import Final, override

from homeassistant.core import HomeAssistant, callback

from . import discovery
from .const import DOMAIN
from .drivers.discovery import DiscoveredPrinter, UdpDiscovery
from .drivers.registry import load_drivers

# Printers repeat their announcement about every 10 s.
_SECONDS: Final = 10.0
# Anything on the network may send announcements.
_MOST: Final = 50


class Search:
    """A search of ten seconds; it ends early with `cancel()`.

    found: by the key of the driver, then by the identity of the printer. It has the keys
    of all drivers whose printers announce themselves.
    task: ends with the search; None if no port can be used.
    """

    def __init__(self) -> None:
        """Create it without a socket."""
        self.found: dict[str, dict[str, DiscoveredPrinter]] = {}
        self.task: asyncio.Task[None] | None = None
        self._transports: list[asyncio.DatagramTransport] = []

    async def async_start(self, hass: HomeAssistant) -> None:
        """Open the sockets."""
        for driver in await load_drivers():
            for way in driver.discovery:
                if isinstance(way, UdpDiscovery):
                    printers = self.found.setdefault(driver.driver_key, {})
                    await self._async_open(hass, way, printers)
        if self._transports:
            self.task = hass.async_create_background_task(
                self._async_end(), f"{DOMAIN} search"
            )

    @callback
    def cancel(self) -> None:
        """End the search, and close the sockets."""
        if self.task is not None:
            self.task.cancel()
        self._close()

    async def _async_open(
        self,
        hass: HomeAssistant,
        way: UdpDiscovery,
        printers: dict[str, DiscoveredPrinter],
    ) -> None:
        try:
            listening = discovery.announcement_socket(way)
        except OSError:
            return
        transport, _ = await hass.loop.create_datagram_endpoint(
            lambda: _Listener(way, printers), sock=listening
        )
        self._transports.append(transport)

    async def _async_end(self) -> None:
        await _time_over()
        self._close()

    @callback
    def _close(self) -> None:
        while self._transports:
            self._transports.pop().close()


async def _time_over() -> None:
    await asyncio.sleep(_SECONDS)


class _Listener(asyncio.DatagramProtocol):
    """Collects the printers that announce themselves at one socket."""

    def __init__(
        self, way: UdpDiscovery, printers: dict[str, DiscoveredPrinter]
    ) -> None:
        self._read = way.read
        self._printers = printers

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        printer = self._read(data, addr[0])
        if printer is not None and len(self._printers) < _MOST:
            self._printers[printer.identity] = printer
