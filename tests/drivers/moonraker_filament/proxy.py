"""A reverse proxy before a Moonraker, as users have one, that a test makes fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

HOST = "127.0.0.1"

type Fault = Callable[[], web.Response]


class Proxy:
    """Passes requests on, and refuses what a test sets.

    socket_status: what a WebSocket is refused with; None where it is passed on, 0 where
    it is passed on as a plain request, without the header Upgrade.
    fault: answers requests by HTTP in place of Moonraker. delay: of each, in seconds.
    requests: method and path of those by HTTP; sockets: how many WebSockets were asked for.
    keys: the API keys that requests showed.
    """

    def __init__(self, target: str) -> None:
        """Pass requests on to this URL."""
        self.url = ""
        self.socket_status: int | None = 400
        self.fault: Fault | None = None
        self.delay = 0.0
        self.requests: list[tuple[str, str]] = []
        self.sockets = 0
        self.keys: list[str | None] = []
        self._target = target

    @property
    def config(self) -> dict[str, Any]:
        """The config of the driver of the Moonraker behind it."""
        return {"host": self.url}

    def asked(self, path: str) -> int:
        """Return how often a path was requested."""
        return sum(asked == path for _, asked in self.requests)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self.sockets += 1
            if self.socket_status is None:
                return await self._bridge(request)
            if self.socket_status:
                return web.Response(status=self.socket_status, text="<html>no</html>")
            return await self._forward(request)
        self.requests.append((request.method, request.path))
        self.keys.append(request.headers.get("X-Api-Key"))
        await asyncio.sleep(self.delay)
        if self.fault is not None:
            return self.fault()
        return await self._forward(request)

    async def _forward(self, request: web.Request) -> web.Response:
        kept = {"X-Api-Key"} & request.headers.keys()
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                f"{self._target}{request.path_qs}",
                headers={name: request.headers[name] for name in kept},
            ) as answer,
        ):
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type=answer.content_type,
            )

    async def _bridge(self, request: web.Request) -> web.StreamResponse:
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._target}{request.path_qs}") as theirs,
        ):

            async def pass_on(source: Any, target: Any) -> None:
                async for message in source:
                    await target.send_str(message.data)

            tasks = [
                asyncio.create_task(pass_on(ours, theirs)),
                asyncio.create_task(pass_on(theirs, ours)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        return ours


@asynccontextmanager
async def proxy(target: str) -> AsyncIterator[Proxy]:
    """Yield a proxy that is listening."""
    made = Proxy(target)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    server = TestServer(application, host=HOST)
    await server.start_server(shutdown_timeout=0.05)
    made.url = str(server.make_url("/"))
    try:
        yield made
    finally:
        await server.close()
