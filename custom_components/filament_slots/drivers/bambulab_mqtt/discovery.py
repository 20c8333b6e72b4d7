"""Reads announcements, which printers broadcast every few seconds.

They look like SSDP (docs/protocols/bambu.md 1.6), but go to a port of their own, where
Home Assistant's SSDP does not listen. Nothing in them is secret, and nothing is proven:
what is found at the address has to present the printer's certificate.
"""

from ipaddress import IPv4Address
from typing import Final

from ..discovery import DiscoveredPrinter, UdpDiscovery
from .versions import model_by_code, model_by_serial
from .wire import serial_number, text

_PACKET_MAX: Final = 2048
_KIND: Final = "urn:bambulab-com:device:3dprinter:1"


def read_announcement(packet: bytes, sender: str) -> DiscoveredPrinter | None:
    """Read a packet that came from the address `sender`; None for anything else.

    Header names come in any case, and the port in the HOST line is wrong. The printer
    names its address itself; where that is none, the sender's is used.
    """
    if len(packet) > _PACKET_MAX:
        return None
    headers = _headers(packet.decode(errors="replace"))
    if _KIND not in (headers.get("nt"), headers.get("st")):
        return None
    serial = serial_number(headers.get("usn", "").upper())
    host = _address(headers.get("location", "")) or _address(sender)
    if serial is None or host is None:
        return None
    model = model_by_serial(serial) or model_by_code(
        headers.get("devmodel.bambu.com", "")
    )
    name = text(headers.get("devname.bambu.com"), 64) or serial[-4:]
    return DiscoveredPrinter(
        identity=serial,
        name=f"{model or 'Bambu Lab'} {name}",
        host=host,
        config={"serial": serial},
    )


def _headers(packet: str) -> dict[str, str]:
    lines = (line.partition(":") for line in packet.splitlines())
    return {
        name.strip().lower(): value.strip() for name, colon, value in lines if colon
    }


def _address(location: str) -> str | None:
    """Return a unicast address; `location` is an address or a URL."""
    host = location.rpartition("//")[2].partition("/")[0].partition(":")[0]
    try:
        address = IPv4Address(host)
    except ValueError:
        return None
    if address.is_unspecified or address.is_multicast:
        return None
    return str(address)


UDP: Final = UdpDiscovery(group="239.255.255.250", port=2021, read=read_announcement)
