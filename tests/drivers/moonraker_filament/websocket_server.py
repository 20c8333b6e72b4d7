"""A WebSocket server whose conversations are controlled by a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

type Talk = Callable[[Peer], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        """Use a socket that was opened with this request."""
        self.socket = socket
        self.headers = request.headers

    async def send(self, message: object) -> None:
        """Send text as it is, or anything else as JSON."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.socket.send_str(text)

    async def receive(self) -> dict[str, Any]:
        """Return the next request."""
        return dict(await self.socket.receive_json())

    async def answer(self, result: object) -> dict[str, Any]:
        """Answer the next request and return it."""
        request = await self.receive()
        await self.send({"jsonrpc": "2.0", "result": result, "id": request["id"]})
        return request


@asynccontextmanager
async def serve(
    talk: Talk, port: int | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Serve one conversation per connection; yield the server's URL.

    port: None for any. Errors of conversations are raised at the end.
    """
    failures: list[BaseException] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        try:
            await talk(Peer(socket, request))
        except asyncio.CancelledError:
            raise
        except ConnectionError, TypeError:
            pass  # the client has left
        except Exception as err:  # noqa: BLE001
            failures.append(err)
        return socket

    application = web.Application()
    application.router.add_get("/websocket", handle)
    server = TestServer(application, host=host, port=port)
    # Do not wait for clients that stay connected.
    await server.start_server(shutdown_timeout=0.05)
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()
    for failure in failures:
        raise failure
