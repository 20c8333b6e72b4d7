"""Queue of what is written to an inventory: one wish a spool, one request at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
import sqlite3
from typing import Any, Final

from .core.engine.errors import StoreError
from .core.engine.store import Store
from .core.tables.locations import (
    Pending,
    SpoolLocation,
    TagWish,
    Wish,
    put_location,
    put_tag,
    read_pending,
)
from .inventory.base import (
    Inventory,
    InventoryError,
    InventoryErrorCode,
    InventoryServices,
    InventoryStatus,
    Spool,
    WriteResult,
)
from .network.retries import Retries

# Actions of the audit.
LOCATE: Final = "write_location"
LINK: Final = "write_tag"
# Errors that may be about the one spool: others are tried all the same.
_OF_ONE: Final = (InventoryErrorCode.SERVER_ERROR, InventoryErrorCode.UNKNOWN)
_NOWHERE: Final = (None, "")

type Audit = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[None]]


class LocationQueue:
    """Writes locations and tags once the server is there, and stores what waits.

    Nothing is sent while the inventory is not running: its connection is what finds out
    when the server is back. Errors of single requests are retried after 1, 2, 4 ... 60 s.
    """

    def __init__(
        self,
        inventory: Inventory,
        services: InventoryServices,
        store: Store,
        entry_id: str,
        audit: Audit,
    ) -> None:
        """Create it; `start` reads what is stored.

        audit: stores an action with its details and its result.
        """
        self._inventory = inventory
        self._services = services
        self._store = store
        self._entry_id = entry_id
        self._audit = audit
        self._pending = Pending({}, {})
        self._retries = Retries(services.clock, services.random)
        self._wake = asyncio.Event()
        # What is not stored yet: ids of spools, and tags.
        self._unsaved: set[int | str] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wishes there are."""
        return len(self._spools()) + len(self._pending.tags)

    async def start(self) -> None:
        """Read what is stored, and start to write; raises StoreError."""
        self._pending = await self._store.read(
            lambda db: read_pending(db, self._entry_id)
        )
        self._task = asyncio.create_task(self._run(), name="spool locations")
        self.wake()

    async def stop(self) -> None:
        """End it; what waits is stored."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            # All that waits: the file may be another one than that it was read from.
            self._unsaved |= {*self._pending.locations, *self._pending.tags}
            await self._save()

    def wake(self) -> None:
        """Look again whether something can be written."""
        self._wake.set()

    def is_ours(self, spool: Spool) -> bool:
        """Return whether the location of a spool is the one that was written last."""
        known = self._known(spool)
        # The change is reported before the request that caused it is answered.
        wanted = known.wish.text if known.wish else None
        return spool.location is not None and spool.location in (known.written, wanted)

    def in_slot(self, slot: str) -> list[SpoolLocation]:
        """Return the spools that were seen in a slot last."""
        return [each for each in self._pending.locations.values() if each.slot == slot]

    def slot_of(self, spool_id: int, registered: datetime) -> str | None:
        """Return the slot in which a spool was seen last; None once it has left."""
        return self._known_as(spool_id, registered).slot

    def enter(self, spool: Spool, slot: str, text: str) -> None:
        """Want a text for a spool that is in a slot.

        It replaces the location that is known now: the spool was moved since.
        """
        known = self._known(spool)
        replaces = (spool.location, *_NOWHERE, known.written, *_replaced(known))
        wish = Wish(text=text, replaces=tuple(dict.fromkeys(replaces)))
        self._put(replace(known, slot=slot, wish=wish))

    def leave(self, spool_id: int, registered: datetime, text: str) -> None:
        """Want a text for a spool that is in no slot, unless another client wrote one."""
        known = self._known_as(spool_id, registered)
        ours = _NOWHERE if known.written is None else (known.written,)
        replaces = tuple(dict.fromkeys((*ours, *_replaced(known))))
        wish = Wish(text=text, replaces=replaces)
        self._put(replace(known, slot=None, wish=wish))

    def put_back(self, spool_id: int, registered: datetime) -> None:
        """Want the location of before for a spool, unless another client wrote one."""
        if spool_id not in self._pending.locations:
            return
        known = self._known_as(spool_id, registered)
        ours, before, pending = [known.written], known.before, known.wish
        if pending is not None and pending.text is not None:
            # The server may have it already: an answer can be lost.
            ours.append(pending.text)
            if known.written is None:
                before = pending.replaces[0]
        texts = tuple(text for text in ours if text is not None)
        wish = pending
        if pending is None or pending.text is not None:
            wish = Wish(text=None, replaces=texts) if texts else None
        self._put(replace(known, slot=None, wish=wish, before=before))

    def gone(self, spool_id: int, registered: datetime) -> None:
        """Note that a spool is in no slot, and leave its location as it is."""
        if spool_id in self._pending.locations:
            self._put(replace(self._known_as(spool_id, registered), slot=None))

    def link(self, spool: Spool, tag: str) -> None:
        """Want a tag for a spool."""
        self._pending.tags[tag] = TagWish(spool.id, spool.registered, tag)
        self._unsaved.add(tag)
        self.wake()

    def forget_locations(self) -> None:
        """Forget every location that waits or was written."""
        self._unsaved |= self._pending.locations.keys()
        self._pending.locations.clear()

    def forget_printer(self, printer_id: int) -> None:
        """Forget the locations of spools that were seen last in a deleted printer."""
        for spool_id, known in tuple(self._pending.locations.items()):
            if (known.slot or "").startswith(f"[{printer_id},"):
                del self._pending.locations[spool_id]
                self._unsaved.add(spool_id)
        self.wake()

    def forget_tags(self) -> None:
        """Forget every tag that waits."""
        self._unsaved |= self._pending.tags.keys()
        self._pending.tags.clear()

    def _known(self, spool: Spool) -> SpoolLocation:
        return self._known_as(spool.id, spool.registered)

    def _known_as(self, spool_id: int, registered: datetime) -> SpoolLocation:
        """Return what is known of a spool; another one with its id counts for nothing."""
        known = self._pending.locations.get(spool_id)
        if known is None or known.registered != registered:
            return SpoolLocation(spool_id=spool_id, registered=registered)
        return known

    def _put(self, known: SpoolLocation) -> None:
        if self._pending.locations.get(known.spool_id) != known:
            self._pending.locations[known.spool_id] = known
            self._unsaved.add(known.spool_id)
            self.wake()

    def _spools(self) -> list[int]:
        return [each for each, known in self._pending.locations.items() if known.wish]

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._save()
            while self.waiting and self._is_running():
                failed = not await self._write_all()
                await self._save()
                if failed:
                    self._retries.failed()
                    self._retries.schedule()
                    await self._retries.wait()
                else:
                    self._retries.reset()

    def _is_running(self) -> bool:
        return self._inventory.health()["status"] == InventoryStatus.RUNNING

    async def _write_all(self) -> bool:
        """Try each wish once; return whether none of them has to be tried again.

        An error that may not be about the one spool ends the round.
        """
        complete = True
        writes = [
            *(partial(self._locate, spool_id) for spool_id in self._spools()),
            *(partial(self._link, tag) for tag in self._pending.tags),
        ]
        for write in writes:
            error = await self._try(write())
            complete &= error is None
            if error not in (None, *_OF_ONE):
                break
        return complete

    async def _try(self, write: Awaitable[None]) -> InventoryErrorCode | None:
        """Return why it has to be tried again."""
        try:
            await write
        except InventoryError as err:
            self._services.log.debug("Not written yet: %s", err)
            return err.code
        except Exception:
            # It must not end the queue.
            self._services.log.exception("Not written, by an error of our own")
            return InventoryErrorCode.UNKNOWN
        return None

    async def _locate(self, spool_id: int) -> None:
        """Write the location of a spool."""
        tried = self._pending.locations[spool_id]
        wish = tried.wish
        assert wish is not None
        text = tried.before if wish.text is None else wish.text
        located = await self._inventory.locate(
            spool_id, tried.registered, text, wish.replaces
        )
        await self._audit(
            LOCATE,
            {"inventory": self._entry_id, "spool": spool_id, "location": text},
            {"result": located.result, "before": located.before},
        )
        now = self._pending.locations.get(spool_id)
        # There may be a newer wish by now, or another spool with this id.
        if now and now.registered == tried.registered:
            if now.wish is wish:
                now = replace(now, wish=None)
            match located.result:
                case WriteResult.MISSING:
                    self._services.log.info(
                        "Spool %s is gone, or another one now", spool_id
                    )
                    del self._pending.locations[spool_id]
                case WriteResult.WRITTEN | WriteResult.UNCHANGED:
                    now = _written(now, tried, located.before)
                    self._pending.locations[spool_id] = now
                case _:
                    self._pending.locations[spool_id] = now
        self._unsaved.add(spool_id)

    async def _link(self, tag: str) -> None:
        """Link a tag."""
        wish = self._pending.tags[tag]
        result = await self._inventory.link(wish.spool_id, wish.registered, tag)
        await self._audit(
            LINK,
            {"inventory": self._entry_id, "spool": wish.spool_id},
            {"result": result},
        )
        if self._pending.tags.get(tag) is wish:
            del self._pending.tags[tag]
        self._unsaved.add(tag)

    async def _save(self) -> None:
        """Store what has changed; what cannot be stored now is stored the next time."""
        unsaved, self._unsaved = self._unsaved, set()
        if not unsaved:
            return
        locations, tags = dict(self._pending.locations), dict(self._pending.tags)

        def put(db: sqlite3.Connection) -> None:
            for each in unsaved:
                if isinstance(each, str):
                    put_tag(db, self._entry_id, each, tags.get(each))
                else:
                    put_location(db, self._entry_id, each, locations.get(each))

        try:
            await self._store.write(put)
        except StoreError as err:
            self._unsaved |= unsaved
            self._services.log.debug(
                "What waits to be written could not be stored: %s", err
            )
        except asyncio.CancelledError:
            self._unsaved |= unsaved
            raise


def _replaced(known: SpoolLocation) -> tuple[str | None, ...]:
    """Return what the present wish may replace, and itself: it may be written by now."""
    return (*known.wish.replaces, known.wish.text) if known.wish else ()


def _written(
    now: SpoolLocation, tried: SpoolLocation, before: str | None
) -> SpoolLocation:
    """Return a spool of which a wish was written, and what was there before it.

    A location that was there already may be ours, too: the answer to the request that
    wrote it was lost. What was there before that is what was known at the wish.
    """
    wish = tried.wish
    assert wish is not None
    if wish.text is None:
        # It is the owner's again.
        return replace(now, written=None, before=None)
    if before == wish.text:
        before = wish.replaces[0] if wish.replaces else None
    if before == tried.written:
        before = tried.before
    return replace(now, written=wish.text, before=before)
