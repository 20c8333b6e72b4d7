"""Announcements of printers, read from the bytes they send."""

import pytest

from custom_components.filament_slots.drivers.bambulab_mqtt.discovery import (
    read_announcement,
)
from custom_components.filament_slots.drivers.discovery import DiscoveredPrinter

SENDER = "192.0.2.9"


def packet(**headers: str | None) -> bytes:
    """Return an announcement as a P1S sends it, with some headers changed."""
    lines = {
        "HOST": "239.255.255.250:1900",
        "Server": "UPnP/1.0",
        "Location": "192.0.2.7",
        "NT": "urn:bambulab-com:device:3dprinter:1",
        "USN": "01P09A000000001",
        "Cache-Control": "max-age=1800",
        "DevModel.bambu.com": "C12",
        "DevName.bambu.com": "Workshop",
        "DevConnect.bambu.com": "lan",
    } | headers
    sent = [f"{name}: {value}" for name, value in lines.items() if value is not None]
    return "\r\n".join(["NOTIFY * HTTP/1.1", *sent, "", ""]).encode()


def test_an_announcement_holds_serial_address_model_and_name() -> None:
    assert read_announcement(packet(), SENDER) == DiscoveredPrinter(
        identity="01P09A000000001",
        name="P1S Workshop",
        host="192.0.2.7",
        config={"serial": "01P09A000000001"},
    )


def test_a_printer_without_a_name_goes_by_the_end_of_its_serial() -> None:
    printer = read_announcement(packet(**{"DevName.bambu.com": None}), SENDER)

    assert printer is not None
    assert printer.name == "P1S 0001"


def test_headers_come_in_any_case_and_answers_say_st() -> None:
    shouted = packet(NT=None, ST="urn:bambulab-com:device:3dprinter:1")
    shouted = shouted.replace(b"USN", b"usn").replace(b"Location", b"LOCATION")

    announcement = read_announcement(shouted, SENDER)

    assert announcement is not None
    assert announcement.identity == "01P09A000000001"
    assert announcement.host == "192.0.2.7"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("http://192.0.2.7:80/description.xml", "192.0.2.7"),
        ("", SENDER),
        (None, SENDER),
        ("0.0.0.0", SENDER),
        ("239.255.255.250", SENDER),
        ("printer", SENDER),
    ],
)
def test_the_address_is_the_one_it_names_or_else_the_senders(
    location: str | None, host: str
) -> None:
    announcement = read_announcement(packet(Location=location), SENDER)

    assert announcement is not None
    assert announcement.host == host


def test_the_model_comes_from_the_serial_or_the_model_code_if_at_all() -> None:
    def name(serial: str, code: str | None) -> str:
        announced = packet(USN=serial, **{"DevModel.bambu.com": code})
        printer = read_announcement(announced, SENDER)
        assert printer is not None
        return printer.name

    assert name("09400A000000001", "whatever") == "H2D Workshop"
    assert name("99900A000000001", "N2S") == "A1 Workshop"
    assert name("99900A000000001", "whatever") == "Bambu Lab Workshop"
    assert name("99900A000000001", None) == "Bambu Lab Workshop"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"M-SEARCH * HTTP/1.1\r\n\r\n",
        packet(NT="upnp:rootdevice"),
        packet(NT=None),
        packet(USN=None),
        packet(USN="**REDACTED**"),
        packet() + b"x" * 2048,
    ],
)
def test_anything_else_is_no_announcement(data: bytes) -> None:
    assert read_announcement(data, SENDER) is None


def test_an_announcement_from_nowhere_is_none() -> None:
    assert read_announcement(packet(Location=None), "fe80::1") is None
