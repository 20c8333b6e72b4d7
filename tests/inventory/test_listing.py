"""The whole list in pages: rows that cannot be shown, and rows that move meanwhile."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from yarl import URL

from custom_components.filament_slots.inventory.base import InventoryError
from custom_components.filament_slots.inventory.spoolman.config import Config
from custom_components.filament_slots.inventory.spoolman.listing import (
    Listing,
    read_spools,
)
from custom_components.filament_slots.inventory.spoolman.rest import Rest

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer

BAD = "x" * 65


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server that is switched on."""
    async with SpoolmanServer() as server:
        yield server


async def read(server: SpoolmanServer) -> tuple[Listing, list[str]]:
    """Return the list, and what of it was not used."""
    refused: list[str] = []
    async with aiohttp.ClientSession() as session:
        rest = Rest(Config(url=server.url), URL(server.url), session)
        return await read_spools(rest, refused.append), refused


def add(server: SpoolmanServer, count: int) -> None:
    """Add spools."""
    for _ in range(count):
        server.add_spool()


def break_row(server: SpoolmanServer, spool_id: int) -> None:
    """Give a spool a location that the server stores, and cannot show."""
    server.database.row(Entity.SPOOL, spool_id)["location"] = BAD


def pages(server: SpoolmanServer) -> list[tuple[int, int]]:
    """Return the offset and the limit of each page that was asked for."""
    queries = [parse_qs(urlsplit(path).query) for path, _ in server.asked]
    return [(int(query["offset"][0]), int(query["limit"][0])) for query in queries]


async def test_an_empty_list_is_complete(server: SpoolmanServer) -> None:
    listing, _ = await read(server)

    assert listing.spools == {}
    assert listing.complete


async def test_a_long_list_is_read_in_pages_with_archived_spools(
    server: SpoolmanServer,
) -> None:
    add(server, 449)
    server.add_spool(archived=True)

    listing, refused = await read(server)

    assert sorted(listing.spools) == list(range(1, 451))
    assert listing.spools[450].archived
    assert listing.complete
    assert not refused
    assert pages(server) == [(0, 200), (200, 200), (400, 200)]


async def test_the_rest_is_read_around_a_row_that_cannot_be_shown(
    server: SpoolmanServer,
) -> None:
    add(server, 230)
    break_row(server, 100)
    break_row(server, 230)

    listing, refused = await read(server)

    assert sorted(listing.spools) == [n for n in range(1, 230) if n != 100]
    assert listing.unreadable == 2
    assert refused == ["a spool that the server cannot show"] * 2
    assert [n for n in range(1, 300) if listing.may_have(n)] == [100, *range(230, 300)]
    assert len(pages(server)) < 45


async def test_a_server_that_can_show_nothing_has_failed(
    server: SpoolmanServer,
) -> None:
    server.failing = 500

    with pytest.raises(InventoryError, match="HTTP status 500"):
        await read(server)

    assert len(server.asked) < 25


async def test_another_status_is_no_bad_row(server: SpoolmanServer) -> None:
    server.failing = 503

    with pytest.raises(InventoryError, match="HTTP status 503"):
        await read(server)

    assert len(server.asked) == 1


def delete_during(server: SpoolmanServer, times: int) -> Callable[[str], Any]:
    """Delete the first spool before each second page, some times."""
    left = times

    async def pause(path: str) -> None:
        nonlocal left
        if "offset=200" in path and left:
            left -= 1
            first = next(iter(server.database.rows(Entity.SPOOL)))
            server.database.delete(Entity.SPOOL, first)

    return pause


async def test_a_list_that_changes_between_its_pages_is_read_again(
    server: SpoolmanServer,
) -> None:
    add(server, 250)
    server.pause = delete_during(server, 1)

    listing, _ = await read(server)

    assert sorted(listing.spools) == list(range(2, 251))
    assert listing.complete
    assert len(pages(server)) == 4


async def test_of_a_list_that_never_holds_still_nothing_is_concluded_missing(
    server: SpoolmanServer,
) -> None:
    add(server, 250)
    server.pause = delete_during(server, 99)

    listing, _ = await read(server)

    assert not listing.complete
    assert listing.may_have(203)
    assert len(pages(server)) == 6


async def test_a_row_that_makes_no_sense_hides_only_itself(
    server: SpoolmanServer,
) -> None:
    add(server, 3)
    server.database.row(Entity.SPOOL, 2)["registered"] = "yesterday"

    listing, refused = await read(server)

    assert sorted(listing.spools) == [1, 3]
    assert [n for n in range(1, 5) if listing.may_have(n)] == [2]
    assert refused == ["a spool without an id or a time of registration"]


async def test_something_that_ignores_pages_is_no_spoolman(
    monkeypatch: pytest.MonkeyPatch, server: SpoolmanServer
) -> None:
    add(server, 3)
    monkeypatch.setattr(
        "custom_components.filament_slots.inventory.spoolman.listing.PAGE", 2
    )
    monkeypatch.setattr(
        "custom_components.filament_slots.inventory.spoolman.listing._ROWS_MAX", 20
    )
    monkeypatch.setattr(
        "tests.inventory.spoolman_server.page",
        lambda kind, rows, query, fields, *, has_tags: (rows, 3),
    )

    with pytest.raises(InventoryError, match="the list of spools has no end"):
        await read(server)
