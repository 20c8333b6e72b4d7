"""JSON-RPC over a WebSocket, with a server that sends anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import socket
import ssl
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.filament_slots.drivers.base import (
    Counters,
    DriverError,
    ErrorCode,
)
from custom_components.filament_slots.drivers.moonraker_filament import jsonrpc
from custom_components.filament_slots.drivers.moonraker_filament.config import Config
from custom_components.filament_slots.drivers.moonraker_filament.jsonrpc import (
    JsonRpc,
    Refusal,
    RpcError,
    open_rpc,
    unrecorded,
)
from tests.clock import SOON
from tests.printers.certificates import make_certificate

from .websocket_server import Peer, Talk, serve

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Client:
    """A client under test and what it received."""

    def __init__(self, rpc: JsonRpc, counters: Counters) -> None:
        self.rpc = rpc
        self.call = rpc.call
        self.counters = counters
        self.taken: list[dict[str, Any]] = []
        self.received: list[bytes] = []


@asynccontextmanager
async def connected(talk: Talk, **config: Any) -> AsyncIterator[Client]:
    """Yield a client that listens to a server with this conversation."""
    taken: list[dict[str, Any]] = []
    received: list[bytes] = []
    counters = Counters()

    def process(message: bytes, take: Callable[[bytes], None]) -> None:
        received.append(message)
        take(message)

    async with (
        serve(talk) as url,
        aiohttp.ClientSession() as session,
        open_rpc(
            Config.model_validate({"host": url} | config),
            session,
            taken.append,
            process,
            counters,
        ) as rpc,
    ):
        client = Client(rpc, counters)
        client.taken, client.received = taken, received
        listening = asyncio.create_task(rpc.listen())
        try:
            yield client
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def until_closed(peer: Peer) -> None:
    await peer.socket.receive()


async def test_a_call_is_answered_by_the_reply_with_its_id() -> None:
    async def talk(peer: Peer) -> None:
        first, second = await peer.receive(), await peer.receive()
        assert first["method"] == "server.info"
        assert "params" not in first
        assert second["params"] == {"a": 1}
        await peer.send({"jsonrpc": "2.0", "result": "second", "id": second["id"]})
        await peer.send({"jsonrpc": "2.0", "result": "first", "id": first["id"]})
        await until_closed(peer)

    async with connected(talk) as client:
        first, second = await asyncio.gather(
            client.call("server.info"), client.call("x", {"a": 1})
        )
    assert (first, second) == ("first", "second")


async def test_messages_are_passed_on_in_their_order() -> None:
    async def talk(peer: Peer) -> None:
        request = await peer.receive()
        await peer.send({"jsonrpc": "2.0", "method": "notify_before"})
        await peer.send({"jsonrpc": "2.0", "result": {}, "id": request["id"]})
        await peer.send({"jsonrpc": "2.0", "method": "notify_after", "params": [1]})
        await until_closed(peer)

    async with connected(talk) as client:
        await client.call("printer.objects.subscribe", {"objects": {}})
        await asyncio.sleep(0.02)

        assert [frame.get("method") for frame in client.taken] == [
            "notify_before",
            None,
            "notify_after",
        ]
        assert len(client.received) == 3
        assert client.counters == Counters()


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        ({"code": -32602, "message": "Unauthorized"}, Refusal.UNAUTHORIZED),
        ({"code": -32602, "message": "Invalid API Key"}, Refusal.UNAUTHORIZED),
        ({"code": 401, "message": "Unauthorized"}, Refusal.UNAUTHORIZED),
        ({"code": -32602, "message": "Invalid params:\nx"}, Refusal.OTHER),
        ({"code": -32601, "message": "Method not found"}, Refusal.NO_SUCH_METHOD),
        ({"code": 404, "message": "Not Found"}, Refusal.NO_SUCH_METHOD),
        (
            {"code": 503, "message": "Klippy Host not connected"},
            Refusal.KLIPPY_UNAVAILABLE,
        ),
        ({"code": 400, "message": "Invalid Argument"}, Refusal.OTHER),
        ({"code": 403, "message": "Forbidden namespace"}, Refusal.OTHER),
        ("no object", Refusal.OTHER),
        (None, Refusal.OTHER),
    ],
)
async def test_the_meaning_of_an_error(error: object, refusal: Refusal) -> None:
    async def talk(peer: Peer) -> None:
        request = await peer.receive()
        await peer.send({"jsonrpc": "2.0", "error": error, "id": request["id"]})
        await until_closed(peer)

    async with connected(talk) as client:
        with pytest.raises(RpcError) as refused:
            await client.call("server.info")

    assert refused.value.refusal is refusal


async def test_no_answer_is_an_error_and_a_late_one_is_counted() -> None:
    async def talk(peer: Peer) -> None:
        request = await peer.receive()
        await peer.answer("in time")
        await peer.send({"jsonrpc": "2.0", "result": "late", "id": request["id"]})
        await until_closed(peer)

    async with connected(talk) as client:
        with pytest.raises(RpcError) as refused:
            await client.call("slow", timeout=0.05)
        assert await client.call("quick") == "in time"
        await asyncio.sleep(0.02)

        assert refused.value.refusal is Refusal.NO_ANSWER
        assert client.counters.ignored == 1
        assert len(client.taken) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"jsonrpc": "2.0", "result": {"status": {"mmu": {}}}, "id": 4711},
        {"jsonrpc": "2.0", "result": 1, "id": "1"},
        {"jsonrpc": "2.0", "result": 1, "id": True},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "x"}, "id": None},
        {"jsonrpc": "2.0", "method": "ask_me", "id": 1},
        {"method": 5},
        {"hello": "world"},
        {},
    ],
)
async def test_a_message_of_no_use_is_counted_and_not_passed_on(value: object) -> None:
    async def talk(peer: Peer) -> None:
        await peer.send(value)
        await peer.answer("still here")
        await until_closed(peer)

    async with connected(talk) as client:
        assert await client.call("server.info") == "still here"

        assert client.counters.ignored == 1
        assert len(client.taken) == 1


async def test_a_second_answer_to_a_call_is_counted_and_not_passed_on() -> None:
    async def talk(peer: Peer) -> None:
        request = await peer.answer("first")
        await peer.send({"jsonrpc": "2.0", "result": "second", "id": request["id"]})
        await peer.answer("next")
        await until_closed(peer)

    async with connected(talk) as client:
        assert await client.call("one") == "first"
        assert await client.call("two") == "next"

        assert client.counters.ignored == 1


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "5", "null", '"hi"', "\ufeff{}", '{"a": NaN}', "[" * 5000]
)
async def test_a_message_that_is_no_object_is_counted(value: str) -> None:
    async def talk(peer: Peer) -> None:
        await peer.send(value)
        await peer.answer("still here")
        await until_closed(peer)

    async with connected(talk) as client:
        assert await client.call("server.info") == "still here"

        assert client.counters.decode_errors == 1


async def test_bytes_that_are_no_text_are_counted() -> None:
    async def talk(peer: Peer) -> None:
        await peer.socket.send_bytes(b"\xff\xfe\x00")
        await peer.answer("still here")
        await until_closed(peer)

    async with connected(talk) as client:
        assert await client.call("server.info") == "still here"

        assert client.counters.decode_errors == 1


async def test_a_message_of_20_mb_costs_neither_the_connection_nor_a_parse() -> None:
    async def talk(peer: Peer) -> None:
        await peer.send({"jsonrpc": "2.0", "method": "x" * 20_000_000})
        await peer.answer("still here")
        await until_closed(peer)

    async with connected(talk) as client:
        assert await client.call("server.info") == "still here"

        assert client.counters.decode_errors == 1
        assert len(client.received[0]) > 20_000_000


async def test_a_connection_that_is_closed_ends_the_listening() -> None:
    async def talk(peer: Peer) -> None:
        await peer.socket.close(code=1001)

    async with connected(talk) as client:
        with pytest.raises(DriverError, match="1001") as ended:
            await client.rpc.listen()

    assert ended.value.code is ErrorCode.CONNECTION_LOST


async def test_a_message_above_the_limit_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jsonrpc, "_BYTES_RECEIVED_MAX", 1000)

    async def talk(peer: Peer) -> None:
        await peer.send("x" * 2000)
        await until_closed(peer)

    async with (
        serve(talk) as url,
        aiohttp.ClientSession() as session,
        open_rpc(Config(host=url), session, print, unrecorded, Counters()) as rpc,
    ):
        with pytest.raises(DriverError) as ended:
            await rpc.listen()

    assert ended.value.code is ErrorCode.CONNECTION_LOST


async def test_a_call_over_a_lost_connection_fails() -> None:
    async def close(peer: Peer) -> None:
        await peer.socket.close()

    async with connected(close) as client:
        await asyncio.sleep(0.02)
        with pytest.raises(DriverError) as ended:
            await client.call("server.info")

    assert ended.value.code is ErrorCode.CONNECTION_LOST


async def test_the_handshake_contains_neither_the_key_nor_an_origin() -> None:
    seen: list[str] = []

    async def talk(peer: Peer) -> None:
        seen.append(str(peer.headers))
        assert "Origin" not in peer.headers
        await until_closed(peer)

    async with connected(talk, api_key="hunter2hunter2"):
        pass

    assert len(seen) == 1
    assert "hunter2" not in seen[0]


async def test_closing_does_not_wait_for_a_peer_that_is_gone() -> None:
    async def talk(peer: Peer) -> None:
        await asyncio.sleep(2 * SOON)

    async with (
        serve(talk) as url,
        aiohttp.ClientSession() as session,
        asyncio.timeout(SOON),
        open_rpc(Config(host=url), session, print, unrecorded, Counters()),
    ):
        pass


async def fails(host: str, **config: Any) -> ErrorCode:
    """Return the code with which connecting fails."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(DriverError) as failed:
            async with open_rpc(
                Config.model_validate({"host": host} | config),
                session,
                print,
                unrecorded,
                Counters(),
            ):
                pass
    return failed.value.code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (300, ErrorCode.WRONG_SERVICE),
        (200, ErrorCode.WRONG_SERVICE),
        (404, ErrorCode.WRONG_SERVICE),
        (401, ErrorCode.INVALID_AUTH),
        (403, ErrorCode.INVALID_AUTH),
        (500, ErrorCode.CONNECTION_REFUSED),
        (502, ErrorCode.CONNECTION_REFUSED),
    ],
)
async def test_the_meaning_of_an_http_status_without_a_websocket(
    status: int, code: ErrorCode
) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get("/websocket", handle)
    async with TestServer(application) as server:
        assert await fails(str(server.make_url("/"))) is code


@asynccontextmanager
async def tcp_server(answer: bytes | None) -> AsyncIterator[int]:
    """Yield the port of a server without HTTP; None: it hangs up."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_server_without_http_is_the_wrong_service() -> None:
    async with tcp_server(b"SSH-2.0-OpenSSH_9.9\r\n\r\n") as port:
        assert await fails("127.0.0.1", port=port) is ErrorCode.WRONG_SERVICE


async def test_a_peer_that_hangs_up_at_once_is_a_lost_connection() -> None:
    async with tcp_server(None) as port:
        assert await fails("127.0.0.1", port=port) is ErrorCode.CONNECTION_LOST


async def test_a_closed_port_is_a_refused_connection() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert await fails("127.0.0.1", port=port) is ErrorCode.CONNECTION_REFUSED


async def test_a_silent_peer_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jsonrpc, "_CONNECT_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        assert await fails("127.0.0.1", port=port) is ErrorCode.CONNECTION_TIMEOUT


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (socket.gaierror(-2, "no such name"), ErrorCode.HOST_NOT_FOUND),
        (OSError(113, "no route to host"), ErrorCode.CONNECTION_TIMEOUT),
    ],
)
async def test_an_unreachable_host_has_a_code(
    problem: OSError, code: ErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*args: Any, **options: Any) -> None:
        raise problem

    loop = asyncio.get_running_loop()
    if isinstance(problem, socket.gaierror):
        monkeypatch.setattr(loop, "getaddrinfo", connect)
    monkeypatch.setattr(loop, "sock_connect", connect)

    host = "gone.invalid" if isinstance(problem, socket.gaierror) else "127.0.0.1"
    assert await fails(host) is code


async def test_a_self_signed_certificate_is_accepted_only_without_verification() -> (
    None
):
    certificate = make_certificate("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_into(context)

    async def handle(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        await answer.receive()
        return answer

    application = web.Application()
    application.router.add_get("/websocket", handle)
    async with TestServer(application, scheme="https") as server:
        await server.close()
        server = TestServer(application, scheme="https")
        await server.start_server(ssl=context)
        url = str(server.make_url("/"))

        assert await fails(url) is ErrorCode.TLS_FAILED
        async with (
            aiohttp.ClientSession() as session,
            open_rpc(
                Config(host=url, verify_ssl=False),
                session,
                print,
                unrecorded,
                Counters(),
            ),
        ):
            pass
        await server.close()
