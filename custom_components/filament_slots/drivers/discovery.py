"""How printers are found on the network: declared by a driver, done by its host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredPrinter:
    """A printer that announced itself.

    identity: as in ProbeResult. name: how the user sees it before it is set up.
    host: its address; the driver's `Config` has a field of this name.
    config: other values of the driver's `Config` that are known.
    """

    identity: str
    name: str
    host: str
    config: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpDiscovery:
    """Announcements that printers send to a UDP multicast group, or broadcast.

    read: returns the printer of a packet and the sender's address, None for a packet
    of anything else. It never raises, whatever the packet holds.
    """

    group: str
    port: int
    read: Callable[[bytes, str], DiscoveredPrinter | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroconfService:
    """A service that was found by zeroconf (mDNS)."""

    host: str
    port: int | None
    hostname: str
    properties: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroconfDiscovery:
    """Zeroconf services of one type, which `manifest.json` lists too.

    read: returns the printer of a service, None for one that does not identify itself.
    """

    service_type: str
    read: Callable[[ZeroconfService], DiscoveredPrinter | None]


type Discovery = UdpDiscovery | ZeroconfDiscovery
