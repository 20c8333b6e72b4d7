"""Zeroconf services of Moonraker (docs/protocols/moonraker.md 1.5)."""

from typing import Final

from ..discovery import DiscoveredPrinter, ZeroconfDiscovery, ZeroconfService


def read_service(service: ZeroconfService) -> DiscoveredPrinter | None:
    """Return the printer; None for a Moonraker that does not report its instance id."""
    instance_id = service.properties.get("uuid")
    if not instance_id:
        return None
    return DiscoveredPrinter(
        identity=instance_id,
        name=service.hostname.removesuffix(".").removesuffix(".local"),
        host=service.host,
        config={"port": service.port} if service.port is not None else {},
    )


ZEROCONF: Final = ZeroconfDiscovery(
    service_type="_moonraker._tcp.local.", read=read_service
)
