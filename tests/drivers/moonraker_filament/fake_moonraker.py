"""A fake Moonraker that answers at once, as a test sets it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import time
from typing import Any

from tests.printers.klippy import Status

from .websocket_server import Peer, serve

INSTANCE = "0123456789abcdef0123456789abcdef"
METHOD_NOT_FOUND = {"code": -32601, "message": "Method not found"}
UNAUTHORIZED = {"code": -32602, "message": "Unauthorized"}
KLIPPY_UNAVAILABLE = {"code": 503, "message": "Klippy Host not connected"}


class FakeMoonraker:
    """A fake Moonraker and its Klippy, with the requests they received.

    status: Klippy's objects. errors: the errors of calls, by method. silent: methods
    that are never answered. answers: the results of calls, instead of the usual ones.
    key: the API key it requires, None for one that trusts every client.
    headers: those of each connection.
    """

    def __init__(self, status: Status | None = None) -> None:
        """Create it with a Klippy that is ready."""
        self.url = ""
        self.state = "ready"
        self.status: Status = {"webhooks": {"state": "ready"}} | (status or {})
        self.errors: dict[str, object] = {
            "server.spoolman.status": METHOD_NOT_FOUND,
        }
        self.answers: dict[str, object] = {}
        self.time: Callable[[], float] = time.monotonic
        self.silent: set[str] = set()
        self._fallen_silent = False
        self.components: list[str] = ["database"]
        self.requests: list[dict[str, Any]] = []
        self.peers: list[Peer] = []
        self.key: str | None = None
        self.headers: list[dict[str, str]] = []

    @property
    def config(self) -> dict[str, Any]:
        """The config of its driver."""
        return {"host": self.url}

    def asked(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(request["method"] == method for request in self.requests)

    async def push(self, method: str, *params: object) -> None:
        """Send a notification to all clients."""
        frame: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        await self.send(frame | ({"params": list(params)} if params else {}))

    async def update(self, name: str, **fields: Any) -> None:
        """Change an object and notify all clients."""
        self.status[name] = self.status.get(name, {}) | fields
        await self.push("notify_status_update", {name: fields}, self.time())

    async def enter(self, state: str, *, silently: bool = False) -> None:
        """Change Klippy's state and notify all clients, if not silently."""
        self.state = state
        self.status["webhooks"] = {"state": state}
        if not silently:
            await self.push(f"notify_klippy_{state}")

    def fall_silent(self) -> None:
        """Answer nothing any more, on connections that stay open."""
        self._fallen_silent = True

    async def send(self, message: object) -> None:
        """Send any message to all clients."""
        for peer in self.peers:
            await peer.send(message)

    async def kick(self) -> None:
        """Close every connection, as a Moonraker that stops."""
        for peer in self.peers:
            await peer.socket.close(code=1001)

    async def talk(self, peer: Peer) -> None:
        """Serve one connection."""
        self.peers.append(peer)
        self.headers.append(dict(peer.headers))
        authorised = self.key is None
        try:
            while True:
                request = await peer.receive()
                self.requests.append(request)
                method = request["method"]
                if method == "server.connection.identify":
                    shown = request["params"].get("api_key")
                    authorised = shown == self.key or (authorised and shown is None)
                if self._fallen_silent or method in self.silent:
                    continue
                head = {"jsonrpc": "2.0", "id": request["id"]}
                if error := self._error(method) if authorised else UNAUTHORIZED:
                    await peer.send(head | {"error": error})
                else:
                    await peer.send(head | {"result": self._result(request)})
        finally:
            self.peers.remove(peer)

    def _error(self, method: str) -> object:
        if method in self.errors:
            return self.errors[method]
        away = self.state == "disconnected" and method.startswith("printer.")
        return KLIPPY_UNAVAILABLE if away else None

    def _result(self, request: dict[str, Any]) -> object:
        method = request["method"]
        if method in self.answers:
            return self.answers[method]
        match method:
            case "server.info":
                return {
                    "klippy_connected": self.state != "disconnected",
                    "klippy_state": self.state,
                    "components": self.components,
                    "moonraker_version": "0.11.0",
                }
            case "server.database.get_item":
                return {"namespace": "moonraker", "value": INSTANCE}
            case "printer.objects.list":
                return {"objects": list(self.status)}
            case "printer.objects.subscribe" | "printer.objects.query":
                wanted = request["params"]["objects"]
                status = {
                    name: {field: self.status[name].get(field) for field in fields}
                    if name in self.status
                    else {}
                    for name, fields in wanted.items()
                }
                return {"eventtime": self.time(), "status": status}
            case "printer.info":
                return {"state": self.state, "hostname": "workshop"}
            case _:
                return {}


@asynccontextmanager
async def fake_moonraker(status: Status | None = None) -> AsyncIterator[FakeMoonraker]:
    """Yield a fake Moonraker that is listening."""
    moonraker = FakeMoonraker(status)
    async with serve(moonraker.talk) as moonraker.url:
        yield moonraker
