"""Zeroconf services of Moonraker."""

from custom_components.filament_slots.drivers.discovery import (
    DiscoveredPrinter,
    ZeroconfService,
)
from custom_components.filament_slots.drivers.moonraker_filament.discovery import (
    read_service,
)


def _service(port: int | None = 7125, **properties: str | None) -> ZeroconfService:
    return ZeroconfService(
        host="192.0.2.5", port=port, hostname="voron.local.", properties=properties
    )


def test_a_service_holds_instance_id_address_and_host_name() -> None:
    assert read_service(_service(uuid="0123")) == DiscoveredPrinter(
        identity="0123", name="voron", host="192.0.2.5", config={"port": 7125}
    )


def test_a_service_without_a_port_leaves_the_port_to_the_form() -> None:
    printer = read_service(_service(None, uuid="0123"))

    assert printer is not None
    assert printer.config == {}


def test_a_service_without_an_instance_id_is_no_printer() -> None:
    assert read_service(_service()) is None
    assert read_service(_service(uuid="")) is None
    assert read_service(_service(uuid=None)) is None
