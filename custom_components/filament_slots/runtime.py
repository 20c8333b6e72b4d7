"""Runtime of the integration: the event core that all entries share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
import logging
from pathlib import Path
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import (
    async_track_time_change,
    async_track_utc_time_change,
)
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN
from .core.engine.errors import Problem, StoreError, StoreState
from .core.engine.store import Store
from .core.handler import EventHandler
from .core.maintenance import Maintenance
from .core.printer_state import Printers, Seen
from .core.tables.audit import AuditEntry, write_audit
from .core.tables.deletion import Deleted
from .core.tables.held_events import HeldEvent, read_held
from .core.tables.retention import Purged
from .core.tables.schema import TABLES
from .options import (
    CONF_MAX_MEGABYTES,
    async_shared_options,
    history_kept,
    number_option,
)
from .repairs_store import async_manage_store_issues, async_settle_history

_LOGGER = logging.getLogger(__name__)

_KEY: HassKey[SharedCore] = HassKey(DOMAIN)
# The id of a printer whose history is being deleted.
SIGNAL_PRINTER_DELETED: SignalType[int] = SignalType(f"{DOMAIN}_printer_deleted")


@callback
def async_shared_core(hass: HomeAssistant) -> SharedCore:
    """Return the shared core, open or not."""
    if _KEY not in hass.data:
        path = hass.config.path(".storage", DOMAIN, f"{DOMAIN}.db")
        hass.data[_KEY] = SharedCore(hass, Path(path))
    return hass.data[_KEY]


@callback
def require_store(hass: HomeAssistant) -> SharedCore:
    """Return the core with its store open.

    Raises StoreError with the code `closed` while no entry is loaded.
    """
    core = async_shared_core(hass)
    if not core.is_open:
        raise StoreError(Problem.CLOSED)
    return core


class SharedCore:
    """Event handler, maintenance and store, open while at least one entry uses them.

    path: of the store's file.
    handler, maintenance, store: set while the core is open.
    """

    handler: EventHandler
    maintenance: Maintenance
    store: Store

    def __init__(self, hass: HomeAssistant, path: Path) -> None:
        """Create a closed core for the store at `path`."""
        self.path = path
        self._hass = hass
        self._state = StoreState()
        self._failed = 0
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._seen: dict[int, Callable[[], Seen | None]] = {}
        # Another entry may be set up or unloaded while the store opens or closes.
        self._lock = asyncio.Lock()
        self._users = 0
        # By printer; None until those of an earlier run are read.
        self._held: dict[int, list[HeldEvent]] | None = None
        self._count_scheduled = False

    @property
    def is_open(self) -> bool:
        """Whether handler and store can be used."""
        return self._users > 0

    async def acquire(self) -> None:
        """Keep the core open until `release`; the first user opens it.

        Raises StoreError if the store cannot be opened.
        """
        async with self._lock:
            if self._users == 0:
                await self._open()
            self._users += 1

    async def release(self) -> None:
        """Undo one `acquire`; the last user closes the core."""
        async with self._lock:
            self._users -= 1
            if self._users == 0:
                await self._close()

    @callback
    def async_follow_seen(
        self, printer_id: int, latest: Callable[[], Seen | None]
    ) -> CALLBACK_TYPE:
        """Store every minute when a printer was seen, until what is returned is called.

        latest: returns None where it was not seen since that was stored.
        """
        self._seen[printer_id] = latest
        return partial(self._seen.__delitem__, printer_id)

    @callback
    def async_hold(self, printer_id: int, held: HeldEvent) -> None:
        """Keep an event until Home Assistant has started, whatever its entry does."""
        assert self._held is not None
        self._held.setdefault(printer_id, []).append(held)

    @callback
    def async_take_held(self, printer_id: int) -> list[HeldEvent]:
        """Return the events of a printer that waited, those of an earlier run first.

        Once they are published, `EventHandler.forget_held` has to be called.
        """
        assert self._held is not None
        return self._held.pop(printer_id, [])

    async def async_audit(
        self, user_id: str | None, action: str, details: Any, result: Any
    ) -> None:
        """Store who did what, with what result; a failure to store it is only logged."""
        entry = AuditEntry(
            at=dt_util.utcnow(),
            user_id=user_id,
            action=action,
            details=details,
            result=result,
        )
        try:
            await write_audit(require_store(self._hass).store, entry)
        except StoreError as err:
            _LOGGER.debug("The audit entry could not be stored: %s", err)

    async def async_salvage(self) -> int:
        """Import the readable events of damaged files; return how many there were.

        The files are kept, renamed to mark them as salvaged. Raises StoreError.
        """
        salvaged = await require_store(self._hass).maintenance.salvage(
            self._hass.async_add_executor_job
        )
        self.store.writer.look_again()
        return salvaged

    async def async_purge(
        self, *, entry_id: str | None = None, keep_days: int | None = None
    ) -> Purged:
        """Delete history that is older than its options allow, or than `keep_days`.

        entry_id: of the one printer to purge. Without it all printers are, removed
        ones included, and the file is brought below its maximum size.

        Raises StoreError.
        """
        maintenance = require_store(self._hass).maintenance
        keep = {
            printer_id: history_kept(self._hass, owner, keep_days)
            for printer_id, owner in (await maintenance.printer_entries()).items()
            if entry_id in (None, owner)
        }
        max_bytes = None
        if entry_id is None:
            shared = await async_shared_options(self._hass)
            max_bytes = number_option(shared, CONF_MAX_MEGABYTES) * 1024 * 1024
        return await maintenance.purge(dt_util.utcnow(), keep, max_bytes)

    async def async_delete_printer(self, printer_id: int) -> Deleted | None:
        """Delete a printer whose entry was removed, with all its history.

        Returns None for one that has an entry, or is not known. Raises StoreError.
        """
        maintenance = require_store(self._hass).maintenance
        entry_id = (await maintenance.printer_entries()).get(printer_id)
        if entry_id and self._hass.config_entries.async_get_entry(entry_id):
            return None
        deleted = await maintenance.delete_printer(printer_id, entry_id)
        if deleted is not None:
            self.async_take_held(printer_id)
            async_settle_history(self._hass, printer_id)
            async_dispatcher_send(self._hass, SIGNAL_PRINTER_DELETED, printer_id)
        return deleted

    @asynccontextmanager
    async def use(self) -> AsyncIterator[EventHandler]:
        """Keep the core open for the length of a with block."""
        await self.acquire()
        try:
            yield self.handler
        finally:
            await self.release()

    async def _open(self) -> None:
        printers = Printers()
        self.store = Store(self.path, TABLES, printers, self._state_changed)
        self.handler = EventHandler(self.store, printers, self._failures_changed)
        try:
            await self.store.open()
            if self._held is None:
                self._held = await self.store.read(read_held)
            await self.handler.read_links()
        except StoreError as err:
            await self.store.close()
            self._state_changed(StoreState(problem=err.code))
            raise
        self._state_changed(self.store.writer.state)
        self.maintenance = Maintenance(
            self.store, printers, self.handler, self._failures_changed
        )
        self._failures_changed()
        self._hass.async_create_background_task(
            self._async_finish_deletions(), f"{DOMAIN} deletions"
        )
        self.handler.hold(True)
        self._unsubscribe = [
            async_at_started(self._hass, self._async_started),
            async_track_time_change(
                self._hass, self._async_nightly, hour=4, minute=27, second=0
            ),
            async_track_utc_time_change(self._hass, self._async_note_seen, second=0),
        ]

    async def _close(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        try:
            await self.handler.close()
        finally:
            await self.store.close()
            self._failed = 0
            self._state_changed(StoreState())

    @callback
    def _async_started(self, _: HomeAssistant) -> None:
        self.handler.hold(False)

    async def _async_note_seen(self, _: datetime) -> None:
        """Store every minute which printers were seen, as a kill may come at any time."""
        seen = {
            printer_id: now
            for printer_id, latest in self._seen.items()
            if (now := latest()) is not None
        }
        if seen:
            await self.handler.note_seen(seen)

    async def _async_finish_deletions(self) -> None:
        """Delete what is left of printers where that was interrupted."""
        try:
            await self.maintenance.finish_deletions()
        except StoreError as err:
            _LOGGER.debug("Printers could not be deleted completely: %s", err)

    async def _async_nightly(self, _: datetime) -> None:
        """Purge all history once a night."""
        await self._async_finish_deletions()
        try:
            purged = await self.async_purge()
        except StoreError as err:
            _LOGGER.warning("The history could not be purged: %s", err)
        else:
            await self.async_audit(None, "purge", {}, asdict(purged))

    @callback
    def _state_changed(self, state: StoreState) -> None:
        self._state = state
        async_manage_store_issues(self._hass, state, self._failed)

    @callback
    def _failures_changed(self) -> None:
        """Count the failed events again, once for all that fail together."""
        if not self._count_scheduled:
            self._count_scheduled = True
            self._hass.async_create_task(self._async_count_failed(), eager_start=False)

    async def _async_count_failed(self) -> None:
        self._count_scheduled = False
        try:
            self._failed = await require_store(self._hass).maintenance.count_failed()
        except StoreError:
            return
        self._state_changed(self._state)
