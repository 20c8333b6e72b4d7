"""A session with Spoolman: the whole list, then its changes, and the list again."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final

import aiohttp
import orjson

from ...network.clock import TimerHandle
from ...network.retries import race
from ..base import Changes, InventoryError, InventoryServices, Spool
from ..connection import Connection
from ..spool_table import SpoolTable
from .config import Config
from .decode import decode_id, decode_scan, decode_spool
from .listing import read_spools
from .rest import BASE_URL, Rest
from .socket import listen, open_socket
from .url import base_urls

# A silent socket proves nothing, and some changes send no frame at all
# (docs/protocols/spoolman.md 4), so that the list is read again: after this time, and a
# moment after a frame about a change in spools that does not name them.
RESYNC: Final = 15 * 60.0
_SOON: Final = 2.0
# Between two reads that frames ask for: a user may edit one filament after the other.
_PAUSE: Final = 30.0
# Of the scans of all readers.
_SCANS: Final = "tag/scan"
_DELETED: Final = "deleted"
_KINDS: Final = ("added", "updated", _DELETED)
# The spools hold a copy of these, and settings describe their extra fields and labels.
_PARTS: Final = ("filament", "vendor")
_SETTINGS: Final = ("extra_fields_spool", BASE_URL)


class Session:
    """Keeps a table of spools up to date for as long as a connection lasts.

    version: of the server.
    last_read_at, unreadable: of the last list.
    label_address: the URL on labels, if the owner has set one.
    """

    def __init__(
        self,
        table: SpoolTable,
        connection: Connection,
        services: InventoryServices,
    ) -> None:
        """Take the table that outlives the session."""
        self.version: str | None = None
        self.last_read_at: datetime | None = None
        self.unreadable = 0
        self.label_address: str | None = None
        self._table = table
        self._connection = connection
        self._services = services
        self._clock = services.clock
        # While the list is read: the last frame of each spool, which is newer than the
        # list. None for a spool that was deleted.
        self._newer: dict[int, Spool | None] | None = None
        self._wake = asyncio.Event()
        self._soon: TimerHandle | None = None
        self._read_at = self._clock.monotonic()

    async def run(self, config: Config, http: aiohttp.ClientSession) -> None:
        """Connect, read and listen until the connection ends; raises InventoryError."""
        base = base_urls(config.url)[0]
        rest = Rest(config, base, http)
        self.version = await rest.read_version()
        # First the socket, then the list: a change between the two is in one of them.
        async with open_socket(config, base, http) as socket:
            self._connection.connected()
            try:
                await race(
                    listen(socket, self.take),
                    self._keep_read(rest),
                    self._follow_scans(rest, config, http),
                )
            finally:
                self._cancel_soon()

    def take(self, data: bytes) -> None:
        """Process a frame."""
        self._connection.message_received()
        match _parse(data):
            case {"type": str(kind), "resource": "spool", "payload": payload} if (
                kind in _KINDS
            ):
                self._take_spool(kind, payload)
            case {"type": str(kind), "resource": str(resource)} if (
                kind in _KINDS and resource in _PARTS
            ):
                self._read_soon()
            case {"resource": "setting", "payload": {"key": key}} if key in _SETTINGS:
                self._read_soon()
            case None:
                self._connection.refuse("a frame that is no JSON")
            case _:
                self._connection.ignored += 1

    async def _follow_scans(
        self, rest: Rest, config: Config, http: aiohttp.ClientSession
    ) -> None:
        """Report scans until the connection ends, then raise InventoryError.

        Where there are none to be had it does not return.
        """
        if self._services.scanned is not None and await rest.relays_scans():
            async with AsyncExitStack() as stack:
                try:
                    socket = await stack.enter_async_context(
                        open_socket(config, rest.base, http, _SCANS)
                    )
                except InventoryError:
                    # Everything else works without it.
                    self._connection.refuse("a websocket for scans that does not open")
                else:
                    await listen(socket, self._take_scan)
        await asyncio.Event().wait()

    def _take_scan(self, data: bytes) -> None:
        self._connection.message_received()
        match _parse(data):
            case {"resource": "tag_scan", "payload": payload}:
                scan = decode_scan(payload, self._connection.refuse)
                if scan is not None and self._services.scanned is not None:
                    self._services.scanned(scan)
            case _:
                self._connection.ignored += 1

    def _take_spool(self, kind: str, payload: Any) -> None:
        if kind == _DELETED:
            spool = None
            spool_id = decode_id(
                payload.get("id") if isinstance(payload, dict) else None
            )
        else:
            spool = decode_spool(payload, self._connection.refuse)
            spool_id = spool.id if spool else None
        if spool_id is None:
            # There is a change, all the same.
            self._read_soon()
        elif self._newer is not None:
            self._newer[spool_id] = spool
        else:
            self._apply(spool_id, spool)

    def _apply(self, spool_id: int, spool: Spool | None) -> None:
        table = self._table
        self._publish(table.put(spool) if spool else table.remove(spool_id))

    def _publish(self, changes: Changes) -> None:
        if changes:
            self._services.changed(changes)

    async def _keep_read(self, rest: Rest) -> None:
        while True:
            self._wake.clear()
            await self._read(rest)
            self._connection.ready()
            timer = self._clock.call_at(self._read_at + RESYNC, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    async def _read(self, rest: Rest) -> None:
        """Read the whole list, and apply what differs from the table."""
        self._cancel_soon()
        self._newer = {}
        try:
            self.label_address = await rest.read_label_address()
            listing = await read_spools(rest, self._connection.refuse)
            self._publish(self._table.replace_all(listing.spools, listing.may_have))
            for spool_id, spool in self._newer.items():
                self._apply(spool_id, spool)
        finally:
            self._newer = None
        self.last_read_at = self._clock.now()
        self._read_at = self._clock.monotonic()
        if listing.unreadable != self.unreadable:
            self.unreadable = listing.unreadable
            self._services.health_changed()

    def _read_soon(self) -> None:
        """Read the list again in a moment, once for all that ask for it until then."""
        if self._soon is None:
            due = max(self._clock.monotonic() + _SOON, self._read_at + _PAUSE)
            self._soon = self._clock.call_at(due, self._wake.set)

    def _cancel_soon(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None


def _parse(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
