"""A Moonraker without sockets, in front of the virtual Klippy (docs/protocols/moonraker.md 1)."""

from abc import abstractmethod
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import json
import math
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Self

import aiohttp
import orjson

from scripts.tools.package import load
from tests.printers.klippy import REFRESH, Klippy, _Client

from .product import base
from .record import Record, Shows
from .world import World

driver = load("drivers.moonraker_filament.driver")
jsonrpc = load("drivers.moonraker_filament.jsonrpc")


class OracleKlippy(Klippy):
    """A Klippy that is compared when something was done to it, four times a second."""

    def __init__(self) -> None:
        """Be ready."""
        super().__init__(Path("unused"))
        self.state = "ready"
        self.touched: Callable[[], None] = lambda: None

    def set(self, name: str, /, **fields: Any) -> None:
        """Change fields of an object."""
        super().set(name, **fields)
        self.touched()

    def client(self, write: Callable[[dict[str, Any]], None]) -> _Client:
        """Return a client whose messages go to `write`."""
        writer: Any = SimpleNamespace(
            is_closing=lambda: False,
            write=lambda data: write(json.loads(data[:-1])),
            close=lambda: None,
        )
        return _Client(self, writer)

    def refresh(self, client: _Client) -> None:
        """Compare once."""
        before, self.last = self.last, {}
        client.refresh(before)


class Socket:
    """The client's end of a WebSocket."""

    def __init__(self, asked: Callable[[Socket, dict[str, Any]], None]) -> None:
        """Be open; `asked` is given each request."""
        self._asked = asked
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.open = True
        self.close_code: int | None = None

    async def send_str(self, text: str) -> None:
        """Send a request."""
        if not self.open:
            raise ConnectionError
        self._asked(self, json.loads(text))

    def put(self, payload: bytes) -> None:
        """Let a message arrive."""
        if self.open:
            self._queue.put_nowait(payload)

    async def close(self) -> None:
        """Close it from this side."""
        self.open = False

    def break_off(self) -> None:
        """Let the client learn that it is closed."""
        self.open = False
        self.close_code = 1006
        self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        """Return the messages."""
        return self

    async def __anext__(self) -> Any:
        """Return the next message."""
        data = await self._queue.get()
        if data is None:
            raise StopAsyncIteration
        return SimpleNamespace(type=aiohttp.WSMsgType.TEXT, data=data)


class KlipperWire(World):
    """Moonraker and Klippy, on their way to the driver.

    klippy_there: Klippy runs; Moonraker may run without it.
    components: those of Moonraker.
    """

    components: tuple[str, ...] = ("spoolman",)

    driver = driver.Driver

    def __init__(self, rng: Random, record: Record) -> None:
        """Have nothing connected."""
        super().__init__(rng, record)
        self.klippy = OracleKlippy()
        self.klippy.touched = self._touched
        self.klippy_there = True
        self._socket: Socket | None = None
        self._client: Any = None
        self._comparing = False
        self._stalled: list[tuple[bytes, Shows | None]] | None = None
        # Requests that wait on their way as well.
        self._requests: list[dict[str, Any]] = []
        self._last_delivery = 0.0
        # What the last message shows that was sent.
        self._shown_before: Shows = {}
        # When each call was sent, by its number; and whether one for all updates was
        # answered: nothing that is sent before is taken.
        self._asked_at: dict[int, float] = {}
        self.subscribed = False

    def config(self) -> dict[str, Any]:
        """Return the driver's configuration."""
        return {"host": "printer"}

    @asynccontextmanager
    async def open_session(
        self,
        config: Any,
        session: Any,
        take: Callable[[Any], None],
        process: Any,
        counters: Any,
        *more: Any,
    ) -> AsyncIterator[Any]:
        """Replace the driver's WebSocket."""
        await asyncio.sleep(0.2)
        if not (self.powered and self.network):
            await asyncio.sleep(4.0)
            raise base.DriverError(base.ErrorCode.CONNECTION_TIMEOUT, "no answer")
        socket = self._socket = Socket(self._asked)
        self._requests.clear()
        self._asked_at.clear()
        self._new_client()
        try:
            yield jsonrpc.JsonRpc(socket, take, process, counters)
        finally:
            socket.open = False
            if self._socket is socket:
                self._socket = None
            self.record.blind(self.now)

    def _new_client(self) -> None:
        self.subscribed = False
        self.klippy.last = {}
        self._client = self.klippy.client(self._from_klippy)

    @abstractmethod
    def shows(self) -> Shows:
        """Return what the status of now shows."""

    def _asked(self, socket: Socket, request: dict[str, Any]) -> None:
        if request["method"] == "printer.objects.subscribe":
            self._asked_at.setdefault(request["id"], self.now)
        if socket is not self._socket or not self.powered:
            return
        if self.network:
            self.later(0.02, self._answer, request)
        elif self._stalled is not None:
            self._requests.append(request)

    def _answer(self, request: dict[str, Any]) -> None:
        number, method = request["id"], request["method"]
        if not self.powered:
            return
        match method:
            case "server.info":
                result: Any = {
                    "klippy_connected": self.klippy_there,
                    "klippy_state": (
                        self.klippy.state if self.klippy_there else "disconnected"
                    ),
                    "components": ["database", *self.components],
                    "moonraker_version": "v0.11.0",
                }
            case "server.connection.identify":
                result = {"connection_id": 1}
            case "server.spoolman.status" if "spoolman" in self.components:
                result = {
                    "spoolman_connected": True,
                    "pending_reports": [],
                    "spool_id": None,
                }
            case (
                "printer.objects.list"
                | "printer.objects.query"
                | ("printer.objects.subscribe")
            ):
                if not self.klippy_there:
                    self._refuse(number, 503, "Klippy Host not connected")
                    return
                name = method.removeprefix("printer.").replace(".", "/")
                self._client.answer(
                    {"id": number, "method": name, "params": request.get("params", {})}
                )
                self._touched()
                return
            case _:
                self._refuse(number, -32601, "Method not found")
                return
        self.send({"jsonrpc": "2.0", "id": number, "result": result}, None)

    def _refuse(self, number: int, code: int, text: str) -> None:
        error = {"code": code, "message": text}
        self.send({"jsonrpc": "2.0", "id": number, "error": error}, None)

    def refuse_pending(self) -> None:
        """Refuse what Klippy has not answered, as Moonraker does when Klippy is gone."""
        asked, self._client.asked = self._client.asked, []
        for number, _ in asked:
            self._refuse(number, 503, "Klippy Disconnected")

    def _touched(self) -> None:
        """Compare at the next quarter of a second."""
        if not self._comparing and self._client is not None:
            self._comparing = True
            self.later(REFRESH - self.now % REFRESH, self._compare)

    def _compare(self) -> None:
        self._comparing = False
        if self.klippy_there and self.powered and self._client is not None:
            self.klippy.refresh(self._client)

    def _from_klippy(self, message: dict[str, Any]) -> None:
        match message:
            case {"id": number, "result": {"status": _} as result}:
                shows = self.shows() if number is not None else None
                self.send({"jsonrpc": "2.0", "id": number, "result": result}, shows)
            case {"id": number, "result": result}:
                self.send({"jsonrpc": "2.0", "id": number, "result": result}, None)
            case {"params": {"status": status, "eventtime": made_at}}:
                self.send(
                    {
                        "jsonrpc": "2.0",
                        "method": "notify_status_update",
                        "params": [status, made_at],
                    },
                    self.shows(),
                )

    def notify(self, method: str) -> None:
        """Send a notification without content."""
        self.send({"jsonrpc": "2.0", "method": method}, None)

    def send(self, message: dict[str, Any], shows: Shows | None) -> None:
        """Send a message; `shows` is what it shows of the slots, {} for out of sight."""
        socket = self._socket
        if socket is None or not self.powered:
            return
        self._shown_before = shows or self._shown_before
        payload = orjson.dumps(message)
        if not self.network:
            if self._stalled is not None:
                self._stalled.append((payload, shows))
            return
        # One after the other: the loop does not keep the order of equal times.
        after = math.nextafter(self._last_delivery, math.inf)
        at = max(self.now + self.rng.random() * 0.1, after)
        self._last_delivery = at
        self.loop.call_at(at, self._deliver, socket, payload, shows)

    def _deliver(self, socket: Socket, payload: bytes, shows: Shows | None) -> None:
        if not socket.open:
            return
        self.record.silent_since = math.inf
        if not self.subscribed:
            asked_at = self._asked_at.get(orjson.loads(payload).get("id"), -math.inf)
            # The client waits for an answer for so long.
            self.subscribed = self.now < asked_at + 25.0
        if shows and self.subscribed:
            self.take_in(shows)
        elif shows == {}:
            self.record.blind(self.now)
        socket.put(payload)

    def take_in(self, shows: Shows) -> None:
        """Note what a message that the product received shows."""
        self.record.delivered(shows, self.now)

    def flow(self) -> None:
        """Let what waits on its way arrive."""
        waiting, self._stalled = self._stalled, None
        self.network = True
        self.record.stalls.append((self._stalled_at, self.now))
        if waiting and self._socket is not None:
            for payload, shows in waiting:
                self._deliver(self._socket, payload, shows)
        requests, self._requests = self._requests, []
        if self._socket is not None:
            for request in requests:
                self._asked(self._socket, request)
