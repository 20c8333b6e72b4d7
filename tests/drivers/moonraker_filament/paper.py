"""A Moonraker on paper: says at once what a test wrote down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.printers.klippy import Status

from .foreign import Peer, serve

INSTANCE = "0123456789abcdef0123456789abcdef"
METHOD_NOT_FOUND = {"code": -32601, "message": "Method not found"}
UNAUTHORIZED = {"code": -32602, "message": "Unauthorized"}
KLIPPY_AWAY = {"code": 503, "message": "Klippy Host not connected"}


class PaperMoonraker:
    """What it says, and what it was asked.

    status: Klippy's objects. errors: what calls fail with. silent: calls that are
    never answered. answers: what calls are answered with instead.
    """

    def __init__(self, status: Status | None = None) -> None:
        """Have a Klippy that is ready."""
        self.url = ""
        self.state = "ready"
        self.status: Status = {"webhooks": {"state": "ready"}} | (status or {})
        self.errors: dict[str, object] = {
            "server.spoolman.status": METHOD_NOT_FOUND,
        }
        self.answers: dict[str, object] = {}
        self.silent: set[str] = set()
        self.components: list[str] = ["database"]
        self.requests: list[dict[str, Any]] = []
        self.peers: list[Peer] = []

    @property
    def config(self) -> dict[str, Any]:
        """What a driver has to be told to reach it."""
        return {"host": self.url}

    def asked(self, method: str) -> int:
        """Return how often it was asked this."""
        return sum(request["method"] == method for request in self.requests)

    async def push(self, method: str, *params: object) -> None:
        """Notify everybody."""
        frame: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        await self.say(frame | ({"params": list(params)} if params else {}))

    async def update(self, name: str, **fields: Any) -> None:
        """Change an object and tell everybody."""
        self.status[name] = self.status.get(name, {}) | fields
        await self.push("notify_status_update", {name: fields}, 1.0)

    async def enter(self, state: str, *, silently: bool = False) -> None:
        """Have Klippy in another state, as Moonraker tells it."""
        self.state = state
        self.status["webhooks"] = {"state": state}
        if not silently:
            await self.push(f"notify_klippy_{state}")

    async def say(self, message: object) -> None:
        """Say anything at all to everybody."""
        for peer in self.peers:
            await peer.say(message)

    async def kick(self) -> None:
        """Close every connection, as a Moonraker does that is stopped."""
        for peer in self.peers:
            await peer.socket.close(code=1001)

    async def talk(self, peer: Peer) -> None:
        """Answer one connection."""
        self.peers.append(peer)
        try:
            while True:
                request = await peer.hear()
                self.requests.append(request)
                method = request["method"]
                if method in self.silent:
                    continue
                head = {"jsonrpc": "2.0", "id": request["id"]}
                if error := self._error(method):
                    await peer.say(head | {"error": error})
                else:
                    await peer.say(head | {"result": self._result(request)})
        finally:
            self.peers.remove(peer)

    def _error(self, method: str) -> object:
        if method in self.errors:
            return self.errors[method]
        away = self.state == "disconnected" and method.startswith("printer.")
        return KLIPPY_AWAY if away else None

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
                return {"eventtime": 1.0, "status": status}
            case "printer.info":
                return {"state": self.state, "hostname": "workshop"}
            case _:
                return {}


@asynccontextmanager
async def on_paper(status: Status | None = None) -> AsyncIterator[PaperMoonraker]:
    """Yield one that listens."""
    moonraker = PaperMoonraker(status)
    async with serve(moonraker.talk) as moonraker.url:
        yield moonraker
