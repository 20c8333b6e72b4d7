"""The core that all printers share: open while at least one entry needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .core.handler import EventHandler
from .core.store import Store

_KEY: HassKey[SharedCore] = HassKey(DOMAIN)


@callback
def async_shared_core(hass: HomeAssistant) -> SharedCore:
    """Return the one there is."""
    if _KEY not in hass.data:
        path = hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db")
        hass.data[_KEY] = SharedCore(Path(path))
    return hass.data[_KEY]


class SharedCore:
    """Counts who needs the handler; the first opens the store, the last closes it.

    handler, store: there while somebody needs them.
    """

    handler: EventHandler
    store: Store

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet."""
        self._path = path
        # Opening and closing take time, in which another entry may come or go.
        self._lock = asyncio.Lock()
        self._users = 0

    async def acquire(self) -> None:
        """Need it: `handler` is there, and its store open, until the release.

        Raises NewerStoreError, sqlite3.Error or OSError when it cannot be opened.
        """
        async with self._lock:
            if self._users == 0:
                self.store = Store(self._path)
                await self.store.open()
                self.handler = EventHandler(self.store)
            self._users += 1

    async def release(self) -> None:
        """Need it no more."""
        async with self._lock:
            self._users -= 1
            if self._users == 0:
                try:
                    await self.handler.close()
                finally:
                    await self.store.close()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[EventHandler]:
        """Need it for a moment."""
        await self.acquire()
        try:
            yield self.handler
        finally:
            await self.release()
