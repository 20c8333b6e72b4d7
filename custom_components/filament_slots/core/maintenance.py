"""Work on history beside the events: retry, re-fire, purge, salvage."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
import logging
import sqlite3
from typing import Any, Final

import orjson

from ..model import StandardEvent, parse_event
from .engine.errors import StoreError
from .engine.store import Store
from .handler import EventHandler
from .printer_state import Printers
from .slot_state import EventRow, apply
from .tables.codec import pack_time, rows
from .tables.deletion import Deleted, being_deleted, delete_printer
from .tables.failed_events import unpack_about
from .tables.history import EventFilter, read_events
from .tables.printers import printer_entries, whole_state
from .tables.retention import Keep, Purged, purge
from .tables.row_writer import is_in_history, put_summary
from .tables.salvage import Salvaged, read_damaged, write_salvaged

_LOGGER = logging.getLogger(__name__)

_PAGE: Final = 256
# What has failed more often than others lets them go first.
_FAILED: Final = """
    SELECT id, printer_id, payload, sequence, about, place FROM failed_events
    WHERE outcome = 'failed' ORDER BY attempts, sequence, id LIMIT :limit
"""
_FAILED_AGAIN: Final = """
    UPDATE failed_events
    SET attempts = attempts + 1, reason = :reason, last_at = :at WHERE id = :id
"""


@dataclass(frozen=True, slots=True)
class Retried:
    """How many failed events are in history now, failed again, and are left."""

    replayed: int
    failed: int
    remaining: int


class Maintenance:
    """What administrators and the nightly purge do with the store."""

    def __init__(
        self,
        store: Store,
        printers: Printers,
        handler: EventHandler,
        failures_changed: Callable[[], None],
    ) -> None:
        """Create it for an open store and its handler."""
        self._store = store
        self._printers = printers
        self._handler = handler
        self._failures_changed = failures_changed
        # A purge looks for rows that no event needs: none must be written meanwhile
        # but by new events.
        self._past = asyncio.Lock()

    async def retry_failed(self, batch_size: int) -> Retried:
        """Write the first failed events into history, at their original places.

        They are not published again, and the slots are not changed. Raises StoreError
        where nothing can be written.
        """
        async with self._past:
            retried = await self._store.write(
                lambda db: _retry_failed(db, self._printers, batch_size)
            )
            # They are in no other place any more.
            self._store.writer.prove()
        self._failures_changed()
        return retried

    async def count_failed(self) -> int:
        """Return how many events could not be stored and can be retried."""
        return await self._store.read(_count_failed)

    async def refire(self, wanted: EventFilter) -> int:
        """Publish events of history again, oldest first; return how many.

        Each carries `meta.replay`; nothing is written. Events of printers that are not
        registered are left out. Raises StoreError where the history cannot be read.
        """
        # What happens meanwhile is published once, as a new event.
        wanted = replace(wanted, until=wanted.until or datetime.now(UTC))
        fired, cursor = 0, None
        while True:
            page = await read_events(
                self._store, wanted, limit=_PAGE, cursor=cursor, newest_first=False
            )
            for event in page.events:
                again = {**event, "meta": {**event["meta"], "replay": True}}
                fired += self._handler.refire(again)
            if (cursor := page.cursor) is None:
                return fired

    async def purge(
        self, now: datetime, keep: Mapping[int, Keep], max_bytes: int | None = None
    ) -> Purged:
        """Delete history that is too old, see `retention.purge`."""
        async with self._past:
            forget = self._printers.rows.forget
            return await purge(self._store, now, keep, max_bytes, forget)

    async def delete_printer(
        self, printer_id: int, entry_id: str | None = None
    ) -> Deleted | None:
        """Delete a removed printer with its history; None: it has an entry.

        entry_id: of an entry that is known to be gone, where the printer has it still.
        From the first transaction on it is shown nowhere, and what is left of it goes by
        `finish_deletions` where this is interrupted. Raises StoreError.
        """
        now = datetime.now(UTC)
        # After its events that wait.
        if not await self._store.write(
            lambda db: self._printers.forget(db, printer_id, now, entry_id), printer_id
        ):
            return None
        return await self.finish_deletions()

    async def finish_deletions(self) -> Deleted:
        """Delete what is left of printers that are being deleted. Raises StoreError."""
        total = Deleted(0, 0, 0)
        async with self._past:
            for printer_id in await self._store.read(being_deleted):
                deleted = await delete_printer(
                    self._store,
                    printer_id,
                    self._printers.rows.forget,
                    self._printers.unlink,
                )
                total = total.plus(deleted)
                # Those of its spools are gone.
                await self._handler.unlink(())
                self._failures_changed()
        return total

    async def choose_owner(self, claim_id: int, now: int, *, is_new: bool) -> None:
        """Write whose chip it is: the spool's that it names now, or the one's before.

        Nothing is written where it names another one than `now`. Raises StoreError.
        """
        await self._store.write(
            lambda db: self._printers.choose_owner(db, claim_id, now, is_new=is_new)
        )
        # The links of both may be found by it.
        await self._handler.unlink(())

    async def printer_entries(self) -> dict[int, str | None]:
        """Return the entry of every printer with history; None: removed."""
        return await self._store.read(printer_entries)

    async def salvage(self, run: Callable[..., Awaitable[Salvaged]]) -> int:
        """Copy what is readable in damaged files into history; return how many events.

        run: calls a function with its arguments in another thread. The files stay, as
        `salvaged` ones. Raises StoreError.
        """
        events = 0
        for file in self._store.writer.state.set_aside:
            cursor: int | None = None
            while True:
                try:
                    found = await run(read_damaged, file, cursor)
                except StoreError as err:
                    _LOGGER.warning("%s cannot be read at all: %s", file.name, err)
                    break
                async with self._past:
                    events += await self._store.write(
                        partial(write_salvaged, salvaged=found)
                    )
                if (cursor := found.cursor) is None:
                    break
            await self._store.rename(file, file.name.replace("damaged", "salvaged"))
        return events


def _retry_failed(
    db: sqlite3.Connection, printers: Printers, batch_size: int
) -> Retried:
    """Write failed events into history, in the order of their sequence.

    Those that fail again come after the others the next time.
    """
    for printer_id, state in printers.states.items():
        if state.stale:
            printers.rows.record(db, printer_id, state.slots, whole_state(state.slots))
    printers.flush(db)
    retried = failed = 0
    for row in rows(db, _FAILED, {"limit": batch_size}):
        db.execute("SAVEPOINT retry")
        try:
            _retry(db, printers, row)
            db.execute("DELETE FROM failed_events WHERE id = :id", {"id": row["id"]})
            retried += 1
        except Exception as err:  # noqa: BLE001 - one that fails never stops the next
            db.execute("ROLLBACK TO retry")
            printers.rows.forget()
            db.execute(
                _FAILED_AGAIN,
                {
                    "id": row["id"],
                    "reason": f"{type(err).__name__}: {err}",
                    "at": pack_time(datetime.now(UTC)),
                },
            )
            failed += 1
        db.execute("RELEASE retry")
    return Retried(retried, failed, _count_failed(db))


def _count_failed(db: sqlite3.Connection) -> int:
    (count,) = db.execute(
        "SELECT count(*) FROM failed_events WHERE outcome = 'failed'"
    ).fetchone()
    return int(count)


def _retry(db: sqlite3.Connection, printers: Printers, row: sqlite3.Row) -> None:
    event = _marked(parse_event(orjson.loads(row["payload"])))
    if is_in_history(db, event.event_id):
        if "summary" in (event.meta or {}):
            put_summary(db, event, row["sequence"])
        return
    if row["about"] is not None:
        about = unpack_about(row["about"])
        if about:
            printers.rows.put_event(
                db, row["sequence"], EventRow(event, about), row["place"], moves=False
            )
        return
    # It was never applied to the slots, and has no place of its own.
    slots = printers.states[event.printer_id].slots
    for change in apply(slots, event)[1]:
        if isinstance(change, EventRow):
            printers.rows.put_event(db, slots.sequence, change, moves=False)


def _marked(event: StandardEvent) -> StandardEvent:
    meta: dict[str, Any] = {**(event.meta or {}), "replay": True}
    return event.model_copy(update={"meta": meta})
