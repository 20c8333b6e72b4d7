"""Writes to Spoolman: what each answer of a server means for them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.filament_slots.inventory.base import (
    InventoryError,
    InventoryErrorCode,
    Located,
    WriteResult,
)
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)
from custom_components.filament_slots.inventory.spoolman.writes import TAG_FIELD

from .conformance import InventoryStage
from .spoolman_bodies import Entity, FieldBody, FieldType, Refused
from .spoolman_server import SpoolmanServer

CHIP, UUID = "75886B1D", "0123456789ABCDEF0123456789ABCDEF"


@asynccontextmanager
async def staged(server: SpoolmanServer) -> AsyncIterator[InventoryStage]:
    """Return an inventory that has read two spools of a server."""
    for name in ("Jade White", "Silk Gold"):
        server.add_spool(filament={"name": name, "weight": 1000})
    async with server, aiohttp.ClientSession() as session:
        stage = InventoryStage(SpoolmanInventory, {"url": server.url}, session)
        await stage.run()
        yield stage
        await stage.inventory.stop()


def answer_writes(server: SpoolmanServer, status: int, body: Any) -> None:
    """Let the server answer each request to change something so."""

    def refuse(*_: object) -> None:
        raise Refused(status, body)

    server._write = refuse  # type: ignore[method-assign,assignment]


def answer(server: SpoolmanServer, path: str, body: Any) -> None:
    """Let the server answer a path with something else."""
    respond = server._respond

    def other(request: web.Request, data: bytes) -> web.Response:
        if request.path == path:
            return web.json_response(body)
        return respond(request, data)

    server._respond = other  # type: ignore[method-assign]


@pytest.mark.parametrize("text", ["Regal „Küche“ 🧵", "", " x "])
async def test_a_location_is_stored_as_it_is(text: str) -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        located = await stage.locate(1, text, None)

        assert located.result is WriteResult.WRITTEN
        assert server.database.row(Entity.SPOOL, 1)["location"] == text
        # No other key is touched, and there is no Origin, which would be refused.
        assert server.written == [("PATCH", "/api/v1/spool/1", {"location": text})]
        assert not any("origin" in headers for _, headers in server.asked)


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, {"message": "No."}, WriteResult.REFUSED),
        (403, {"message": "Not allowed."}, WriteResult.REFUSED),
        (404, {"message": "No spool with ID 1 found."}, WriteResult.MISSING),
        (405, {"detail": "Method Not Allowed"}, WriteResult.REFUSED),
        (422, {"detail": []}, WriteResult.REFUSED),
    ],
)
async def test_what_is_refused_is_given_up(
    status: int, body: Any, result: WriteResult
) -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        answer_writes(server, status, body)

        assert await stage.locate(1, "X1C A3", None) == Located(result, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"message": "Authentication required."}),
        (404, {"detail": "Not Found"}),
        (404, "<html>"),
        (429, {}),
        (500, {}),
        (502, {}),
        (503, {}),
    ],
)
async def test_what_may_be_answered_otherwise_later_is_an_error(
    status: int, body: Any
) -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        answer_writes(server, status, body)

        with pytest.raises(InventoryError):
            await stage.locate(1, "X1C A3", None)


async def test_a_spool_that_cannot_be_read_is_not_written() -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        # One beyond the server's own limits.
        server.database.row(Entity.SPOOL, 1)["location"] = "x" * 65

        with pytest.raises(InventoryError) as failed:
            await stage.locate(1, "X1C A3", None)

        assert failed.value.code is InventoryErrorCode.SERVER_ERROR
        assert server.written == []


async def test_what_answers_with_something_else_is_not_written_to() -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        answer(server, "/api/v1/spool/1", {"id": 2})

        with pytest.raises(InventoryError) as failed:
            await stage.locate(1, "X1C A3", None)

        assert failed.value.code is InventoryErrorCode.WRONG_SERVICE
        assert server.written == []


def delete(server: SpoolmanServer) -> None:
    """Delete the first spool."""
    row = server.database.row(Entity.SPOOL, 1)
    server.database.delete(Entity.SPOOL, row)


@pytest.mark.parametrize(
    ("meanwhile", "result"),
    [(delete, WriteResult.MISSING), (lambda server: None, None)],
    ids=["deleted", "not stored"],
)
async def test_an_error_after_which_nothing_is_stored(
    meanwhile: Callable[[SpoolmanServer], None], result: WriteResult | None
) -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        server.failing_write = "lost"
        read = 0

        async def pause(path: str) -> None:
            nonlocal read
            read += path.endswith("/spool/1")
            if read == 3:
                # Between the change and reading it back.
                meanwhile(server)

        server.pause = pause
        if result is None:
            with pytest.raises(InventoryError):
                await stage.locate(1, "X1C A3", None)
        else:
            located = await stage.locate(1, "X1C A3", None)
            assert located == Located(result, None)


async def test_a_server_that_stores_tags_gets_them_itself() -> None:
    server = SpoolmanServer(has_tags=True)
    async with staged(server) as stage:
        results = [await stage.link(1, tag) for tag in (CHIP, UUID, CHIP)]
        taken = await stage.link(2, CHIP)

        assert results == [
            WriteResult.WRITTEN,
            WriteResult.WRITTEN,
            WriteResult.UNCHANGED,
        ]
        assert taken is WriteResult.TAKEN
        tags = [tag["uid"] for tag in server.database.row(Entity.SPOOL, 1)["tags"]]
        assert tags == [CHIP, UUID]
        assert server.database.fields(Entity.SPOOL) == []


async def test_a_tag_that_was_stored_in_spite_of_an_error_is_linked() -> None:
    server = SpoolmanServer(has_tags=True)
    async with staged(server) as stage:
        server.failing_write = "stored"

        assert await stage.link(1, CHIP) is WriteResult.WRITTEN


async def test_no_field_is_created_that_the_owner_has_not_agreed_to() -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        assert await stage.link(1, CHIP) is WriteResult.UNSUPPORTED

        assert server.written == []


async def test_a_field_of_another_type_is_left_as_it_is() -> None:
    server = SpoolmanServer()
    body = FieldBody(name="Ours?", field_type=FieldType.INTEGER)
    server.database.define(Entity.SPOOL, TAG_FIELD, body)
    async with staged(server) as stage:
        assert not await stage.inventory.add_tag_field()
        assert await stage.link(1, CHIP) is WriteResult.UNSUPPORTED

        assert server.written == []


async def test_fields_of_other_programs_stay_as_they_are() -> None:
    server = SpoolmanServer()
    for key in ("tag", "active_tray"):
        body = FieldBody(name=key, field_type=FieldType.TEXT)
        server.database.define(Entity.SPOOL, key, body)
    async with staged(server) as stage:
        row = server.database.row(Entity.SPOOL, 1)
        row["extra"] = {"tag": '"ABCD"', "active_tray": '"x"'}
        await stage.inventory.add_tag_field()

        assert await stage.link(1, CHIP) is WriteResult.WRITTEN

        assert row["extra"] == {
            "tag": '"ABCD"',
            "active_tray": '"x"',
            TAG_FIELD: json.dumps(CHIP),
        }
        assert server.written[-1][2] == {"extra": {TAG_FIELD: json.dumps(CHIP)}}


async def test_a_list_of_fields_that_is_none_has_no_field() -> None:
    server = SpoolmanServer()
    async with staged(server) as stage:
        answer(server, "/api/v1/field/spool", {"a": 1})

        assert await stage.link(1, CHIP) is WriteResult.UNSUPPORTED
