"""The same histories through real sockets and the real store file.

The Bambu Lab printer is an MQTT server with TLS on the loopback, and each event is
committed by the writer thread. Time is virtual all the same: it moves on when no
socket and no thread has had anything to report for a moment.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
# Loopback and threads answer sooner, as long as the machine is not overloaded.
_PATIENCE = 0.001


class _Impatient(selectors.DefaultSelector):
    """A selector for which time moves on when there is no I/O."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        ready = super().select(timeout and min(timeout, _PATIENCE))
        if not ready and timeout is not None:
            self.elapsed += timeout
        return ready


class SocketLoop(asyncio.SelectorEventLoop):
    """An event loop with real I/O and virtual time."""

    def __init__(self) -> None:
        """Begin at second 0."""
        self._io = _Impatient()
        super().__init__(self._io)

    @override
    def time(self) -> float:
        return self._io.elapsed


class _Server(BambuPrinter):
    """A printer that leaves the answers to the world."""

    asked: Callable[[str], None] = staticmethod(lambda request: None)

    @override
    def requested(self, client: Client, topic: str, payload: bytes) -> None:
        self.asked(payload.decode())


class _SocketLink(Link):
    """A session over the server's connections."""

    def __init__(self, server: _Server) -> None:
        super().__init__(lambda link, request: None, server.publish_raw)
        self._server = server

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
            await self._server.power_on()
        at = config.model_copy(update={"host": "127.0.0.1", "port": self._server.port})
        link = _SocketLink(self._server)
        self._server.asked = lambda request: self.asked(link, request)
        async with _open_session(at, services, take) as session:
            self._link = link
            self._stalled = None
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
        await self._server.power_off()


class FileProduct(Product):
    """The product with the real store: writer thread, commits, one file."""

    folder: Path

    @override
    async def _open(self) -> tuple[int, Any]:
        memory = printer_state.Printers()
        path = self.folder / f"{self._identity}.db"
        self._file = store_file.Store(path, schema.TABLES, memory, lambda state: None)
        await self._file.open()
        self._handler = handling.EventHandler(self._file, memory, lambda: None)
        printer_id = await self._handler.register_printer(
            self._identity, self._identity, self._make.driver_key, self._identity
        )
        return printer_id, self._handler.slots(printer_id)

    @override
    def _write(self, event: dict[str, Any]) -> None:
        self._handler.put(event)

    @override
    async def drain(self) -> None:
        await self._handler.drain()
        self._slots = self._handler.slots(self._printer_id)

    @override
    async def _close(self) -> None:
        await self.drain()
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
