"""Sessions with Spoolman: frames, lists, and what answers instead of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
import json
from typing import Any

import aiohttp
import pytest

from custom_components.filament_slots.inventory.base import (
    InventoryError,
    InventoryErrorCode,
)
from custom_components.filament_slots.inventory.spoolman.inventory import (
    SpoolmanInventory,
)

from . import spoolman_server
from .conformance import InventoryStage
from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer

WHITE, GOLD = 1, 2


@asynccontextmanager
async def staged(
    server: SpoolmanServer, **config: Any
) -> AsyncIterator[InventoryStage]:
    """Return an inventory on a server, not started; it is stopped at the end."""
    async with aiohttp.ClientSession() as session:
        stage = InventoryStage(
            SpoolmanInventory, {"url": server.url, **config}, session
        )
        yield stage
        await stage.inventory.stop()


@pytest.fixture
async def server() -> AsyncIterator[SpoolmanServer]:
    """Return a server with two spools."""
    async with SpoolmanServer() as server:
        server.add_spool(filament={"name": "Jade White", "weight": 1000})
        server.add_spool(
            filament={"name": "Silk Gold", "weight": 1000}, vendor="Eryone"
        )
        yield server


@pytest.fixture
async def stage(server: SpoolmanServer) -> AsyncIterator[InventoryStage]:
    """Return an inventory that has read both."""
    async with staged(server) as stage:
        await stage.run()
        yield stage


async def call(
    server: SpoolmanServer, method: str, path: str, body: Any = None
) -> None:
    """Change something on the server."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{server.url}/api/v1/{path}", json=body) as answer,
    ):
        assert answer.status in (200, 201, 204), await answer.text()


def lists(server: SpoolmanServer) -> int:
    """Return how many lists of spools the server was asked for."""
    return sum("/spool?" in path for path, _ in server.asked)


async def test_the_socket_is_open_before_the_list_is_read(
    server: SpoolmanServer,
) -> None:
    async def pause(path: str) -> None:
        if "offset=0" in path:
            # The frame of this change arrives while the list is on its way.
            server.pause = None
            await call(server, "PATCH", f"spool/{WHITE}", {"location": "Shelf B"})
            await call(server, "DELETE", f"spool/{GOLD}")
            server.database.row(Entity.SPOOL, WHITE)["location"] = "an older one"
            server.database.add_spool(
                {
                    **server.database.row(Entity.SPOOL, WHITE),
                    "remaining_weight": None,
                    "location": "Shelf G",
                }
            )
            await asyncio.sleep(0.05)

    async with staged(server) as stage:
        server.pause = pause
        await stage.run()

        # Frames are newer than the list, whatever it holds.
        assert stage.locations == {WHITE: "Shelf B"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "filament/2", {"name": "Silk Copper"}),
        ("PATCH", "vendor/1", {"name": "Sunlu"}),
        ("DELETE", "vendor/1", None),
        ("POST", "field/spool/tag", {"name": "Tag", "field_type": "text"}),
    ],
)
async def test_a_change_that_concerns_spools_without_naming_them_reads_the_list_again(
    server: SpoolmanServer, stage: InventoryStage, method: str, path: str, body: Any
) -> None:
    await stage.let(60)
    before = lists(server)

    await call(server, method, path, body)
    await stage.until(lambda: lists(server) > before)
    await stage.until(lambda: stage.inventory.health()["messages"] > 0)
    await stage.let(5)

    gold = stage.inventory.spools[GOLD]
    assert (gold.name, gold.vendor) != ("Silk Gold", "Eryone") or path.startswith(
        "field"
    )
    assert lists(server) == before + 1


async def test_many_of_them_read_it_once(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    before = lists(server)

    for number in range(20):
        await call(server, "PATCH", "filament/1", {"name": f"White {number}"})
    await stage.until(lambda: stage.names[WHITE] == "White 19")
    await stage.let(100)

    assert lists(server) == before + 1


async def test_settings_of_the_web_client_read_nothing(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    before = lists(server)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/v1/setting/currency", json='"SEK"') as answer,
    ):
        assert answer.status == 200

    await stage.until(lambda: stage.inventory.health()["ignored"] == 1)
    await stage.let(100)

    assert lists(server) == before


async def test_a_renamed_location_is_found_without_a_frame(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await call(server, "PATCH", f"spool/{WHITE}", {"location": "Shelf A"})
    await stage.until(lambda: stage.locations[WHITE] == "Shelf A")

    await call(server, "PATCH", "location/Shelf A", {"name": "Shelf B"})
    await stage.until(lambda: stage.locations[WHITE] == "Shelf B", pace=5)

    assert stage.clock.monotonic() > 800


async def test_an_archived_spool_stays(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await call(server, "PATCH", f"spool/{GOLD}", {"archived": True})
    await stage.until(lambda: stage.inventory.health()["archived"] == 1)
    await stage.read_again()

    assert stage.inventory.spools[GOLD].archived


async def test_a_spool_whose_row_became_bad_is_kept_and_counted(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    server.database.row(Entity.SPOOL, WHITE)["location"] = "x" * 65
    updates = stage.host.updates
    await stage.read_again()

    assert stage.host.updates == updates + 1
    assert stage.names == {WHITE: "Jade White", GOLD: "Silk Gold"}
    assert stage.inventory.health()["unreadable"] == 1
    assert stage.status == "running"
    await server.stop()
    await stage.until(lambda: stage.status == "reconnecting")
    assert stage.inventory.health()["unreadable"] == 1


async def test_another_spool_with_the_same_id_is_another_spool(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    stage.host.changes.clear()
    server.database.row(Entity.SPOOL, GOLD)["registered"] += server.database.row(
        Entity.SPOOL, GOLD
    )["registered"] - server.database.row(Entity.SPOOL, GOLD)["registered"].replace(
        year=2020
    )
    await stage.read_again()

    (changes,) = stage.host.changes
    assert [spool.id for spool in changes.removed] == [GOLD]
    assert [spool.id for spool in changes.changed] == [GOLD]


async def test_a_server_that_stores_tags_is_known_by_it() -> None:
    async with SpoolmanServer(has_tags=True) as server, staged(server) as stage:
        await stage.run()
        assert stage.inventory.health()["has_tags"] is None

        spool_id = server.add_spool()
        await call(server, "POST", f"spool/{spool_id}/tag", {"uid": "04:a2:b3:c4"})
        await stage.until(lambda: spool_id in stage.inventory.spools)

        assert stage.inventory.health()["has_tags"] is True
        assert stage.inventory.spools[spool_id].tags == ("04A2B3C4",)


async def test_an_older_server_is_known_by_it(stage: InventoryStage) -> None:
    assert stage.inventory.health()["has_tags"] is False
    assert stage.inventory.health()["version"] == "0.26.1"


async def test_a_restart_of_the_server_is_a_lost_connection(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await server.stop()
    await stage.until(lambda: stage.status == "reconnecting", pace=0)

    error = stage.inventory.health()["last_error"]
    assert error is not None
    assert error["code"] == "connection_lost"
    assert error["message"] == "closed with code 1012"


async def test_a_crash_of_the_server_is_a_lost_connection(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await server.drop()
    await stage.until(lambda: stage.status == "reconnecting", pace=0)

    assert stage.code == "connection_lost"
    await stage.until(lambda: stage.status == "running")


async def test_users_that_are_switched_on_close_the_socket(
    server: SpoolmanServer,
) -> None:
    async def pause(path: str) -> None:
        # The version is still answered, and the socket is no longer allowed.
        if path.endswith("/api/v1/"):
            server.api_key = "a key"

    server.pause = pause
    async with staged(server) as stage:
        await stage.inventory.start()
        await stage.until(lambda: stage.status == "reconnecting", pace=0)

        assert stage.code == "invalid_auth"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_auth"),
        (403, "invalid_auth"),
        (404, "wrong_service"),
        (418, "wrong_service"),
        (429, "server_error"),
        (500, "server_error"),
        (502, "server_error"),
    ],
)
async def test_each_status_has_a_meaning(
    server: SpoolmanServer, status: int, code: str
) -> None:
    server.failing = status
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)

    assert refused.value.code == code


async def test_a_server_that_answers_to_other_names_only_is_named(
    server: SpoolmanServer,
) -> None:
    server.allowed_host = "spool.example.org"
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)

    assert refused.value.code is InventoryErrorCode.HOST_REFUSED


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("info", b"[]"),
        ("info", b'{"version": 5}'),
        ("info", b'{"version": " "}'),
        ("info", b"<html>"),
        ("info", b"\xff\xfe"),
        ("spool", b"{}"),
        ("spool", b"null"),
        ("spool", b"<html>"),
    ],
)
async def test_what_answers_otherwise_is_no_spoolman(path: str, body: bytes) -> None:
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith(path):
            return web.Response(body=body, content_type="application/json")
        if request.path.endswith("/info"):
            return web.json_response({"version": "1"})
        return web.json_response([])

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            stage = InventoryStage(SpoolmanInventory, {"url": url}, session)
            with pytest.raises(InventoryError) as refused:
                await SpoolmanInventory.probe({"url": url}, stage.host.services)
    finally:
        await runner.cleanup()

    assert refused.value.code is InventoryErrorCode.WRONG_SERVICE


async def test_a_400_of_another_server_is_no_refused_name(
    server: SpoolmanServer,
) -> None:
    server.failing = 400
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)

    assert refused.value.code is InventoryErrorCode.WRONG_SERVICE


async def test_a_proxy_that_hides_the_count_hides_no_spool(
    server: SpoolmanServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = spoolman_server._json
    monkeypatch.setattr(spoolman_server, "_json", lambda body, total=None: plain(body))
    async with staged(server) as stage:
        await stage.run()

        assert stage.names == {WHITE: "Jade White", GOLD: "Silk Gold"}


async def test_a_server_that_goes_before_the_socket_is_open_is_retried(
    server: SpoolmanServer,
) -> None:
    async def pause(path: str) -> None:
        if path.endswith("/api/v1/"):
            server.hang_up = True

    server.pause = pause
    async with staged(server) as stage:
        await stage.inventory.start()
        await stage.until(lambda: stage.status == "reconnecting", pace=0)
        code = stage.code
        server.pause, server.hang_up = None, False
        await stage.until(lambda: stage.status == "running")

    assert code == "connection_lost"


async def test_a_frame_that_breaks_the_rules_ends_the_session(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await server.send_bytes(b"\xff" * 20)
    await stage.until(lambda: stage.status == "reconnecting", pace=0)

    assert stage.code == "connection_lost"


async def test_a_web_page_that_answers_200_is_no_spoolman(
    server: SpoolmanServer,
) -> None:
    server.html = True
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)

    assert refused.value.code is InventoryErrorCode.WRONG_SERVICE


async def test_a_program_that_speaks_no_http_is_no_spoolman() -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
    async with other, aiohttp.ClientSession() as session:
        stage = InventoryStage(SpoolmanInventory, {"url": url}, session)
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": url}, stage.host.services)

    assert refused.value.code is InventoryErrorCode.WRONG_SERVICE


async def test_an_answer_without_end_is_no_spoolman(
    server: SpoolmanServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.filament_slots.inventory.spoolman.rest._BYTES_MAX", 10
    )
    async with staged(server) as stage:
        with pytest.raises(InventoryError, match="too large"):
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)


@pytest.mark.parametrize(
    "path", ["", "/", "/api/v1", "/api/v1/info", "/spool/show/5", "/locations"]
)
@pytest.mark.parametrize("base", ["", "/spoolman", "/a/spool"])
async def test_a_probe_finds_the_server_above_any_of_its_pages(
    base: str, path: str
) -> None:
    async with SpoolmanServer(base=base) as server, staged(server) as stage:
        found = await SpoolmanInventory.probe(
            {"url": server.url + path, "verify_ssl": False}, stage.host.services
        )

    assert found.config == {"url": server.url, "verify_ssl": False}
    assert found.name == "Spoolman (127.0.0.1)"
    assert found.oldest == ()


async def test_a_proxy_that_demands_a_key_is_not_asked_again_above(
    server: SpoolmanServer,
) -> None:
    server.failing = 401
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe(
                {"url": f"{server.url}/spool/show/5"}, stage.host.services
            )

    assert refused.value.code is InventoryErrorCode.INVALID_AUTH
    assert len(server.asked) == 1


async def test_an_inventory_below_a_base_path_runs() -> None:
    async with SpoolmanServer(base="/spoolman") as server, staged(server) as stage:
        server.add_spool()
        await stage.run()

        assert stage.inventory.page == server.url
        assert len(stage.inventory.spools) == 1


async def test_a_proxy_without_websockets_is_named(server: SpoolmanServer) -> None:
    server.no_websockets = True
    async with staged(server) as stage:
        await stage.inventory.start()
        await stage.until(lambda: stage.status == "reconnecting", pace=0)

        assert stage.code == "websocket_refused"


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_auth"), (403, "invalid_auth"), (502, "server_error")],
)
async def test_a_refused_handshake_is_named(
    server: SpoolmanServer, status: int, code: str
) -> None:
    async def pause(path: str) -> None:
        if path.endswith("/api/v1/"):
            server.failing = status

    server.pause = pause
    async with staged(server) as stage:
        await stage.inventory.start()
        await stage.until(lambda: stage.status == "reconnecting", pace=0)

        assert stage.code == code


async def test_no_key_follows_a_redirect(server: SpoolmanServer) -> None:
    async with SpoolmanServer() as other:
        server.redirect = other.url
        async with staged(server, api_key="s3cr3t") as stage:
            with pytest.raises(InventoryError) as refused:
                await SpoolmanInventory.probe(
                    {"url": server.url, "api_key": "s3cr3t"}, stage.host.services
                )
            await stage.inventory.start()
            await stage.until(lambda: stage.status == "reconnecting", pace=0)

        assert refused.value.code is InventoryErrorCode.REDIRECTED
        assert refused.value.placeholders == {"target": f"{other.url}/"}
        # Another host is not offered, nor the same one without encryption.
        assert refused.value.suggested == {}
        assert stage.code == "redirected"
        assert other.asked == []


async def test_the_same_host_over_https_is_offered(server: SpoolmanServer) -> None:
    server.redirect = "https://127.0.0.1:8443/spoolman"
    async with staged(server) as stage:
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe({"url": server.url}, stage.host.services)

    assert refused.value.suggested == {"url": "https://127.0.0.1:8443/spoolman"}


async def test_a_socket_that_is_redirected_is_not_followed(
    server: SpoolmanServer,
) -> None:
    async with SpoolmanServer() as other:

        async def pause(path: str) -> None:
            if path.endswith("/api/v1/"):
                server.redirect = other.url

        server.pause = pause
        async with staged(server, api_key="s3cr3t") as stage:
            await stage.inventory.start()
            await stage.until(lambda: stage.status == "reconnecting", pace=0)

            assert stage.code == "redirected"
        assert other.asked == []


async def test_every_request_has_the_key_and_no_origin(server: SpoolmanServer) -> None:
    async with staged(
        server, api_key="Bearer s3cr3t", api_key_header="Authorization"
    ) as stage:
        await stage.run()

    headers = [headers for _, headers in server.asked]
    assert {each.get("Authorization") for each in headers} == {"Bearer s3cr3t"}
    assert not any("Origin" in each for each in headers)
    assert any(each.get("Upgrade") == "websocket" for each in headers)


async def test_a_fault_of_the_inventory_ends_no_retries(
    server: SpoolmanServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(
        "custom_components.filament_slots.inventory.spoolman.session.read_spools",
        lambda rest, refuse: 1 / 0,
    )
    async with staged(server) as stage:
        await stage.inventory.start()
        await stage.until(lambda: stage.inventory.health()["attempts"] > 2)

        assert stage.code == "unknown"
    errors = [r for r in caplog.records if r.levelname == "ERROR"]
    assert [r.getMessage() for r in errors] == [
        "Session failed in the inventory itself"
    ]


async def test_a_name_without_an_address_is_named() -> None:
    async with aiohttp.ClientSession() as session:
        stage = InventoryStage(
            SpoolmanInventory, {"url": "no-such-host.invalid"}, session
        )
        with pytest.raises(InventoryError) as refused:
            await SpoolmanInventory.probe(
                {"url": "no-such-host.invalid"}, stage.host.services
            )

    assert refused.value.code is InventoryErrorCode.HOST_NOT_FOUND


async def test_a_flood_of_frames_is_applied_in_order(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    row = server.database.row(Entity.SPOOL, WHITE)
    for number in range(500):
        row["used_weight"] = float(number)
        payload = server.database.show(Entity.SPOOL, row)
        payload["registered"] = payload["registered"].isoformat()
        payload["filament"]["registered"] = payload["registered"]
        frame = {"type": "updated", "resource": "spool", "payload": payload}
        await server.send(json.dumps(frame))
    await stage.until(lambda: stage.inventory.spools[WHITE].remaining_g == 501)

    assert len(stage.host.changes) == 1 + 499
    assert stage.inventory.health()["messages"] == 500


@pytest.fixture
async def scanner() -> AsyncIterator[SpoolmanServer]:
    """Return a server that relays scans of tags."""
    async with SpoolmanServer(has_tags=True) as server:
        server.add_spool()
        yield server


async def test_a_server_without_scans_is_not_asked_for_them_again(
    server: SpoolmanServer, stage: InventoryStage
) -> None:
    await stage.let(60)

    assert [path for path, _ in server.asked if "/tag" in path] == [
        "/api/v1/tag/reader"
    ]
    assert server.subscribers == 1


async def test_scans_are_left_alone_where_they_are_not_followed(
    scanner: SpoolmanServer,
) -> None:
    async with staged(scanner) as stage:
        services = replace(stage.host.services, scanned=None)
        stage.inventory = SpoolmanInventory({"url": scanner.url}, services)
        await stage.run()
        await stage.let(5)

        assert not [path for path, _ in scanner.asked if "/tag" in path]


async def test_frames_that_are_no_scan_are_counted(scanner: SpoolmanServer) -> None:
    async with staged(scanner) as stage:
        await stage.run()
        await stage.until(lambda: scanner.subscribers == 2)
        for frame in (
            "{",
            '{"resource": "spool", "payload": {}}',
            '{"resource": "tag_scan"}',
            '{"resource": "tag_scan", "payload": null}',
            '{"resource": "tag_scan", "payload": {"uid": 5}}',
            '{"resource": "tag_scan", "payload": {"uid": "0000"}}',
            '{"resource": "tag_scan", "payload": {"uid": "nope"}}',
        ):
            await scanner.send(frame, "tag/scan")
        await call(scanner, "POST", "tag/scan", {"uid": "04-aa-bb-cc"})
        await stage.until(lambda: bool(stage.host.scans))
        health = stage.inventory.health()

        assert [scan.tag for scan in stage.host.scans] == ["04AABBCC"]
        assert health["ignored"] == 3
        assert health["refused"] == {"a scan of a tag that is none": 4}
        assert stage.status == "running"


async def test_a_proxy_without_the_websocket_for_scans_keeps_the_rest(
    scanner: SpoolmanServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "_is_pool", lambda path: path == "/")
    async with staged(scanner) as stage:
        await stage.run()
        why = "a websocket for scans that does not open"
        await stage.until(lambda: why in stage.inventory.health()["refused"])
        await stage.let(60)

        assert stage.status == "running"
        assert stage.inventory.health()["reconnects"] == 0


async def test_a_lost_websocket_for_scans_is_opened_again(
    scanner: SpoolmanServer,
) -> None:
    async with staged(scanner) as stage:
        await stage.run()
        await stage.until(lambda: scanner.subscribers == 2)
        (socket,) = (s for s, pool in scanner._pools.items() if pool == "tag/scan")
        await socket.close()
        await stage.until(lambda: stage.inventory.health()["reconnects"] == 1)
        await stage.until(lambda: scanner.subscribers == 2)

        await call(scanner, "POST", "tag/scan", {"uid": "04AABBCC"})
        await stage.until(lambda: bool(stage.host.scans))
