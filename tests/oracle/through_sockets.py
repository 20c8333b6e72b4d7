"""The same histories through real sockets and the real store file.

The Bambu Lab printer is an MQTT server with TLS on the loopback, and each event is
committed by the writer thread. Time is virtual all the same: it moves on when no
message is on its way and nothing waits for a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
import selectors
from typing import Any, override

from scripts.tools.package import load
from tests.printers.bambu import BambuPrinter
from tests.printers.mqtt_server import Client

from .bambu import BambuWorld
from .bambu_parts import SETUPS, Link, Setup
from .bambu_wire import driver
from .play import Player
from .product import Product, base, schema
from .record import Record
from .world import World

store_file = load("core.engine.store")
handling = load("core.handler")
printer_state = load("core.printer_state")

_open_session = driver.open_session
# Seconds to wait for what is on its way through the loopback, at most.
_PATIENCE = 0.05
# So often in a row nothing came: 30 s.
_HUNG = 600


class _IoFirst(selectors.DefaultSelector):
    """A selector whose time moves on when no I/O is to be expected.

    on_their_way: messages that were sent and not received.
    working: what waits for a thread or an answer, and takes no virtual time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0
        self.on_their_way = 0
        self.working = 0
        self._in_vain = 0

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.working or self.on_their_way:
            ready = super().select(_PATIENCE)
            self._in_vain = 0 if ready else self._in_vain + 1
            if self._in_vain > _HUNG:
                raise RuntimeError("an answer or a thread never comes")
            if ready or timeout is None or self.working:
                return ready
            self.on_their_way = 0
        self.elapsed += timeout
        return []


class SocketLoop(asyncio.SelectorEventLoop):
    """An event loop with real I/O and virtual time."""

    def __init__(self) -> None:
        """Begin at second 0."""
        self.io = _IoFirst()
        super().__init__(self.io)

    @override
    def time(self) -> float:
        return self.io.elapsed


@contextmanager
def _no_time() -> Iterator[_IoFirst]:
    """Let no virtual time pass."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SocketLoop)
    loop.io.working += 1
    try:
        yield loop.io
    finally:
        loop.io.working -= 1


class _Server(BambuPrinter):
    """A printer that leaves the answers to the world."""

    asked: Callable[[str], None] = staticmethod(lambda request: None)

    @override
    def requested(self, client: Client, topic: str, payload: bytes) -> None:
        self.asked(payload.decode())


class _SocketLink(Link):
    """A session over the server's connections."""

    def __init__(self, server: _Server, io: _IoFirst) -> None:
        super().__init__(lambda link, request: None, self._send)
        self._server = server
        self._io = io

    def _send(self, payload: bytes) -> None:
        self._io.on_their_way += len(self._server.clients)
        self._server.publish_raw(payload)

    @override
    def break_off(self) -> None:
        self.open = False
        self._server.kick()


class SocketWorld(BambuWorld):
    """A Bambu Lab printer that listens on the loopback."""

    def __init__(self, setup: Setup, rng: Random, record: Record) -> None:
        """Set it up; it listens from its first session on."""
        super().__init__(setup, rng, record)
        self._server = _Server(self.printer)
        self._listening = False

    @override
    def config(self) -> dict[str, Any]:
        return super().config() | {
            "access_code": self._server.access_code,
            "certificate": self._server.certificate,
        }

    @override
    @asynccontextmanager
    async def open_session(
        self, config: Any, services: Any, take: Callable[[bytes], None]
    ) -> AsyncIterator[Any]:
        if not (self.powered and self.network):
            await asyncio.sleep(4.0)
            raise base.DriverError(base.ErrorCode.CONNECTION_TIMEOUT, "no answer")
        if not self._listening:
            self._listening = True
            with _no_time():
                await self._server.power_on()
        at = config.model_copy(update={"host": "127.0.0.1", "port": self._server.port})
        async with AsyncExitStack() as stack:
            with _no_time() as io:
                link = _SocketLink(self._server, io)
                self._server.asked = lambda request: self.asked(link, request)

                def arrived(report: bytes) -> None:
                    io.on_their_way = max(0, io.on_their_way - 1)
                    take(report)

                session = await stack.enter_async_context(
                    _open_session(at, services, arrived)
                )
            self._link = link
            self._stalled = None
            self._requests.clear()
            self.printer.report_delta()
            try:
                yield session
            finally:
                link.open = False
                if self._link is link:
                    self._link = None
                self.record.blind(self.now)

    @override
    async def close(self) -> None:
        await super().close()
        with _no_time():
            await self._server.power_off()


class FileProduct(Product):
    """The product with the real store: writer thread, commits, one file."""

    folder: Path

    @override
    async def _open(self) -> tuple[int, Any]:
        memory = printer_state.Printers()
        path = self.folder / f"{self._identity}.db"
        self._file = store_file.Store(path, schema.TABLES, memory, lambda state: None)
        with _no_time():
            await self._file.open()
            self._handler = handling.EventHandler(self._file, memory, lambda: None)
            printer_id = await self._handler.register_printer(
                self._identity, self._identity, self._make.driver_key, self._identity
            )
        return printer_id, self._handler.slots(printer_id)

    @override
    def _write(self, event: dict[str, Any]) -> None:
        self._handler.put(event, self._driver.memory())

    @override
    async def drain(self) -> None:
        with _no_time():
            await self._handler.drain()
        self._slots = self._handler.slots(self._printer_id)

    @override
    async def _close(self, memory: Any) -> None:
        await self.drain()
        at = datetime.fromtimestamp(0, UTC)
        with _no_time():
            await self._handler.note_seen({self._printer_id: (at, memory)})
            await self._handler.close()
            await self._file.close()


class SocketPlayer(Player):
    """Plays histories of Bambu Lab printers through sockets and files."""

    loop = SocketLoop

    def __init__(self, folder: Path) -> None:
        """Keep the files in a folder."""
        super().__init__()
        self.product = type("FileProduct", (FileProduct,), {"folder": folder})

    @override
    def world(self, hardware: str, rng: Random, record: Record) -> World:
        return SocketWorld(SETUPS[hardware], rng, record)
