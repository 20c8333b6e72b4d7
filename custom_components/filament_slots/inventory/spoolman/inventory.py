"""The inventory on a Spoolman server."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar, override

import aiohttp

from ...network.http import without_redirects
from ..base import (
    Inventory,
    InventoryError,
    InventoryErrorCode,
    InventoryProbe,
    InventoryServices,
    Located,
    Spool,
    SpoolCode,
    WriteResult,
)
from ..connection import Connection
from ..health import InventoryHealth
from ..spool_table import SpoolTable
from .code import read_code
from .config import Config
from .decode import decode_spool
from .rest import Rest
from .session import Session
from .url import as_address, base_urls
from .writes import define_tag_field, write_location, write_tag

_OLDEST = 5


class SpoolmanInventory(Inventory):
    """Reads one Spoolman server, and writes to it what is asked for."""

    inventory_key: ClassVar[str] = "spoolman"
    Config: ClassVar[type[Config]] = Config

    def __init__(self, config: Mapping[str, Any], services: InventoryServices) -> None:
        """Take what the inventory needs; raises pydantic.ValidationError."""
        self.config = Config.model_validate(config)
        self._services = services
        self._table = SpoolTable()
        self._connection = Connection(self.inventory_key, self._run_session, services)
        self._session: Session | None = None

    @property
    @override
    def spools(self) -> Mapping[int, Spool]:
        return self._table.spools

    @property
    @override
    def page(self) -> str:
        return self.config.url

    @property
    @override
    def addresses(self) -> frozenset[str]:
        printed = self._session.label_address if self._session else None
        own = as_address(base_urls(self.config.url)[0])
        return frozenset({own, printed} if printed else {own})

    @classmethod
    @override
    def read_code(cls, text: str) -> SpoolCode | None:
        return read_code(text)

    @override
    def spool_page(self, spool_id: int) -> str:
        return f"{self.page}/spool/show/{spool_id}"

    @override
    async def start(self) -> None:
        self._connection.start()

    @override
    async def stop(self) -> None:
        await self._connection.stop()

    @override
    def health(self) -> InventoryHealth:
        connection, session = self._connection, self._session
        spools = self._table.spools.values()
        read_at = session.last_read_at if session else None
        message_at = connection.last_message_at
        return {
            "inventory_key": self.inventory_key,
            "status": connection.status.value,
            "connected": connection.is_connected,
            "since": connection.since,
            "attempts": connection.attempts,
            "next_retry_in": connection.next_retry_in,
            "circuit": connection.circuit,
            "last_error": connection.last_error,
            "last_message_at": message_at.isoformat() if message_at else None,
            "last_read_at": read_at.isoformat() if read_at else None,
            "messages": connection.messages,
            "ignored": connection.ignored,
            "reconnects": connection.reconnects,
            "refused": dict(connection.refused),
            "version": session.version if session else None,
            "has_tags": any(spool.tags is not None for spool in spools)
            if spools
            else None,
            "spools": len(spools),
            "archived": sum(spool.archived for spool in spools),
            "unreadable": session.unreadable if session else 0,
            "transitions": connection.transitions,
        }

    @override
    async def locate(
        self,
        spool_id: int,
        registered: datetime,
        text: str | None,
        replaces: Collection[str | None],
    ) -> Located:
        async with self._requests() as rest:
            return await write_location(rest, spool_id, registered, text, replaces)

    @override
    async def link(self, spool_id: int, registered: datetime, tag: str) -> WriteResult:
        async with self._requests() as rest:
            return await write_tag(rest, spool_id, registered, tag)

    @override
    async def add_tag_field(self) -> str | None:
        async with self._requests() as rest:
            return await define_tag_field(rest)

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: InventoryServices
    ) -> InventoryProbe:
        entered = Config.model_validate(config)
        async with without_redirects(services.session) as http:
            rest = await _find(entered, http)
            answer = await rest.read_page(0, _OLDEST)
        spools = (decode_spool(row, lambda why: None) for row in answer.body)
        return InventoryProbe(
            config={**config, "url": as_address(rest.base)},
            name=f"Spoolman ({rest.base.host})",
            oldest=tuple((spool.id, spool.registered) for spool in spools if spool),
        )

    @asynccontextmanager
    async def _requests(self) -> AsyncIterator[Rest]:
        async with without_redirects(self._services.session) as http:
            yield Rest(self.config, base_urls(self.config.url)[0], http)

    async def _run_session(self) -> None:
        services = self._services
        before, self._session = (
            self._session,
            Session(self._table, self._connection, services),
        )
        if before is not None:
            # Still true until the list is read again.
            self._session.last_read_at = before.last_read_at
            self._session.unreadable = before.unreadable
            self._session.label_address = before.label_address
        async with without_redirects(services.session) as http:
            await self._session.run(self.config, http)


async def _find(config: Config, http: aiohttp.ClientSession) -> Rest:
    """Return requests to the server at an address, or at a path above it.

    Where a page of the server's web client was entered, that answers first.
    """
    *pages, root = base_urls(config.url)
    for base in pages:
        rest = Rest(config, base, http)
        try:
            await rest.read_version()
        except InventoryError as err:
            if err.code is not InventoryErrorCode.WRONG_SERVICE:
                raise
        else:
            return rest
    rest = Rest(config, root, http)
    await rest.read_version()
    return rest
