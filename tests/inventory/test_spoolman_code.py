"""The QR codes that Spoolman prints on labels, and the addresses in them."""

import aiohttp
import pytest

from custom_components.filament_slots.inventory.base import SpoolCode
from custom_components.filament_slots.inventory.spoolman.code import read_code
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)

from . import spoolman_database as database
from .conformance import InventoryStage
from .spoolman_server import SpoolmanServer


@pytest.mark.parametrize(
    ("text", "spool_id", "address"),
    [
        ("web+spoolman:s-12", 12, None),
        ("WEB+SPOOLMAN:S-12", 12, None),
        ("http://spoolman.lan:7912/spool/show/12", 12, "http://spoolman.lan:7912"),
        ("HTTPS://Spool.Example.org/spool/show/5/", 5, "https://spool.example.org"),
        ("http://a.lan:80/base/spool/show/5?x=1#y", 5, "http://a.lan/base"),
    ],
)
def test_a_code_names_a_spool_and_perhaps_its_server(
    text: str, spool_id: int, address: str | None
) -> None:
    assert read_code(text) == SpoolCode(spool_id=spool_id, address=address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "spoolman:12",
        "web+spoolman:f-12",
        "web+spoolman:s-",
        "web+spoolman:s--1",
        "web+spoolman:s-٣",
        "web+spoolman:s-9223372036854775808",
        "web+spoolman:s-" + "9" * 5000,
        "http://spoolman.lan/filament/show/12",
        "http://spoolman.lan/spool/show/",
        "http://spoolman.lan/spool/show/x",
        "http://user:secret@spoolman.lan/spool/show/12",
        "http://spoolman.lan:0/spool/show/12",
        "http:///spool/show/12",
        "ftp://spoolman.lan/spool/show/12",
        "https://example.org/?to=http://spoolman.lan/spool/show/12",
    ],
)
def test_any_other_text_is_no_code(text: str) -> None:
    assert read_code(text) is None


async def test_a_server_is_named_by_its_address_and_by_that_of_its_labels() -> None:
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        config = {"url": f"{server.url}/"}
        stage = InventoryStage(SpoolmanInventory, config, session)
        assert stage.inventory.addresses == {server.url}
        await stage.run()
        assert stage.inventory.addresses == {server.url}

        async def set_base_url(text: str) -> None:
            await session.post(f"{server.url}/api/v1/setting/base_url", json=text)

        await set_base_url('"https://Spool.example.org/"')
        labels = {server.url, "https://spool.example.org"}
        await stage.until(lambda: stage.inventory.addresses == labels)
        await server.drop()
        await stage.until(lambda: stage.status == "reconnecting")
        assert stage.inventory.addresses == labels
        await stage.until(lambda: stage.status == "running")
        assert stage.inventory.addresses == labels
        await set_base_url('"no address: at all"')
        await stage.until(lambda: stage.inventory.addresses == {server.url})
        await stage.inventory.stop()


async def test_a_server_without_that_setting_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {key: kind for key, kind in database._SETTINGS.items() if key != "base_url"}
    monkeypatch.setattr(database, "_SETTINGS", known)
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        server.add_spool()
        stage = InventoryStage(SpoolmanInventory, {"url": server.url}, session)
        await stage.run()

        assert len(stage.inventory.spools) == 1
        assert stage.inventory.addresses == {server.url}
        await stage.inventory.stop()
