"""The one door for events: validate, write, commit, and only then tell."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
import logging
import sqlite3
from typing import Any

from ..model import InvalidEventError, StandardEvent, parse_event
from .assignments import Assignment
from .engine.errors import StoreError, store_error
from .engine.jobs import Job
from .engine.store import Store
from .event_jobs import Outcome, Recording, Refusal
from .expectations import Assigned, Expectation, Expectations
from .printer_queue import PrinterQueue, Waiting
from .printer_state import Known, Ledger
from .replay import Replayed, count_failed, replay_failed
from .slot_state import PrinterSlots, SlotKey
from .tables.history import EventFilter, read_events
from .tables.printers import (
    Registration,
    deactivate,
    mark_deleted,
    printer_entries,
    put_last_seen,
    put_printer,
    restore_printer,
)
from .tables.retention import Keep, Purged, purge
from .tables.row_writer import Recorder, whole_state
from .tables.salvage import Salvaged, read_damaged, write_salvaged
from .tables.seen_events import remember

_LOGGER = logging.getLogger(__name__)

_REPLAY_PAGE = 256

type Subscriber = Callable[[dict[str, Any], PrinterSlots], None]


class _Printer:
    """One printer's queue, slots and subscribers; on the event loop."""

    queue: PrinterQueue

    def __init__(
        self,
        printer_id: int,
        slots: PrinterSlots,
        known: Registration | None = None,
    ) -> None:
        """Begin with what is stored."""
        self.known = known
        self.ledger = Ledger(printer_id, Known(slots))
        self.slots = slots
        self.subscribers: list[Subscriber] = []


class EventHandler:
    """Takes standard events, keeps them, and tells the subscribers of their printer.

    Events of one printer are written and told in the order they came; those that
    wait share a commit.
    """

    def __init__(self, store: Store) -> None:
        """Write to a store, which is opened and closed by its owner."""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._recorder = Recorder()
        self._inbox: deque[Mapping[str, Any]] = deque()
        self._called = False
        self._counts = dict.fromkeys(Outcome, 0)
        store.on_fresh = self._fill
        # Called when the number of failed events may be another one.
        self.failures_changed: Callable[[], None] = lambda: None
        self._expectations = Expectations()
        # A purge looks for what no event needs: none must come back meanwhile.
        self._past = asyncio.Lock()
        self._printers: dict[int, _Printer] = {}
        # Events that name no known printer wait here to be rejected.
        self._strangers = self._with_queue(_Printer(0, PrinterSlots()))

    async def register_printer(
        self, identity: str, name: str, driver_key: str, entry_id: str | None
    ) -> int:
        """Make a printer known; return its id, the same for an identity for ever.

        Raises StoreError where it cannot be written.
        """
        known = Registration(identity, name, driver_key, entry_id)
        printer_id, slots = await self._store.write(lambda db: put_printer(db, known))
        if printer_id in self._printers:
            self._printers[printer_id].known = known
        else:
            self._printers[printer_id] = self._with_queue(
                _Printer(printer_id, slots, known)
            )
        return printer_id

    async def deactivate(self, printer_id: int) -> None:
        """Note that the printer's entry is disabled; nothing hangs on it."""
        await self._note(lambda db: deactivate(db, printer_id))

    async def mark_deleted(self, printer_id: int) -> None:
        """Note that the printer's entry is gone; its history stays.

        Raises StoreError where it cannot be written.
        """
        now = datetime.now(UTC)
        await self._store.write(lambda db: mark_deleted(db, printer_id, now))

    async def note_last_seen(self, printer_id: int, at: datetime) -> None:
        """Note when a printer was heard of last; nothing hangs on it.

        KeyError for an unknown printer.
        """
        printer = self._printers[printer_id]

        def note(db: sqlite3.Connection) -> None:
            put_last_seen(db, printer_id, at)
            known = printer.ledger.known
            printer.ledger.known = Known(_seen(known.slots, at), known.silent)

        await self._note(note)
        printer.slots = _seen(printer.slots, at)

    def slots(self, printer_id: int) -> PrinterSlots:
        """Return the slots as they were last told; KeyError for an unknown printer."""
        return self._printers[printer_id].slots

    def last_seen(self, printer_id: int) -> datetime | None:
        """Return when the printer was heard of last, as far as it is stored."""
        return self._printers[printer_id].slots.last_seen

    def subscribe(self, printer_id: int, callback: Subscriber) -> Callable[[], None]:
        """Hear each event after its commit, with the slots as they are after it.

        The event is shared: it must not be changed. KeyError for an unknown printer.
        """
        subscribers = self._printers[printer_id].subscribers
        subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in subscribers:
                subscribers.remove(callback)

        return unsubscribe

    async def handle_printer_event(self, event: Mapping[str, Any]) -> Outcome:
        """Take one event; return what became of it once that is certain.

        Never raises for an event. Rejected and failed ones are in `failed_events`.
        """
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._enqueue(Waiting(event, outcome))
        return await outcome

    def expect(self, expectation: Expectation) -> None:
        """Let the next unidentified insertion that meets it take its identity.

        In the transaction of the insertion, whose event carries it in `meta.assigned`.
        One expected earlier of the same printer, or of any, is expected no more.
        """
        self._expectations.put(expectation)

    async def assign(
        self, printer_id: int, slot: SlotKey, assigned: Assigned | None
    ) -> None:
        """Say who is in a slot, or take it back; return once everybody has heard.

        Raises AssignmentRefusedError for a slot that is empty, or whose spool the
        printer knows; KeyError for a printer or slot that is not known; StoreError
        where it cannot be written.
        """
        printer = self._printers[printer_id]
        told: asyncio.Future[None] = self._loop.create_future()

        def finished(assignment: Assignment) -> None:
            if assignment.event is not None:
                self._publish(printer, assignment.event, assignment.slots)
            if told.done():
                return
            if assignment.error is None:
                told.set_result(None)
            else:
                told.set_exception(store_error(assignment.error))

        self._store.submit(
            Assignment(printer.ledger, self._recorder, slot, assigned, finished)
        )
        await told

    def put(self, event: Mapping[str, Any]) -> None:
        """Queue an event, from any thread; never blocks or raises."""
        self._inbox.append(event)
        # One call for all that come until it runs: waking the loop is what costs.
        if self._called:
            return
        self._called = True
        try:
            self._loop.call_soon_threadsafe(self._empty_inbox)
        except RuntimeError:
            _LOGGER.debug("An event came after the end and is dropped")

    async def replay_failed(self, batch_size: int) -> Replayed:
        """Write the first so many events that failed into history, where they belong.

        Nobody is told again, and what is true now is not touched. Raises
        StoreError where nothing can be written.
        """
        ledgers = {number: one.ledger for number, one in self._printers.items()}
        async with self._past:
            replayed = await self._store.write(
                lambda db: replay_failed(db, self._recorder, ledgers, batch_size),
                self._recorder.roll_back,
            )
        self.failures_changed()
        return replayed

    async def purge(
        self, now: datetime, keep: Mapping[int, Keep], max_bytes: int | None = None
    ) -> Purged:
        """Delete history that is too old, see `retention.purge`."""
        async with self._past:
            return await purge(self._store, now, keep, max_bytes, self._recorder.forget)

    async def printer_entries(self) -> dict[int, str | None]:
        """Return the entry of every printer there is history of; None: removed."""
        return await self._store.read(printer_entries)

    async def salvage(self, run: Callable[..., Awaitable[Salvaged]]) -> int:
        """Take what can be read of damaged files into history; return how many events.

        run: calls a function with its arguments in another thread. The files stay, under
        a name that says that it was done. Raises StoreError.
        """
        events = 0
        for file in self._store.state.set_aside:
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

    async def replay_events(self, wanted: EventFilter) -> int:
        """Tell the subscribers events of history again, oldest first; return how many.

        Each carries `meta.replay`; nothing is written, the slots are those of now.
        Events of printers that are not known are left out. Raises StoreError
        where the history cannot be read.
        """
        # What happens meanwhile is told once, as news.
        wanted = replace(wanted, until=wanted.until or datetime.now(UTC))
        told, cursor = 0, None
        while True:
            page = await read_events(
                self._store,
                wanted,
                limit=_REPLAY_PAGE,
                cursor=cursor,
                newest_first=False,
            )
            for event in page.events:
                if (printer := self._printers.get(event["printer_id"])) is not None:
                    replayed = {**event, "meta": {**event["meta"], "replay": True}}
                    self._publish(printer, replayed, printer.slots)
                    told += 1
            if (cursor := page.cursor) is None:
                return told

    async def count_failed(self) -> int:
        """Return how many events could not be stored and can be replayed."""
        return await self._store.read(count_failed)

    def health(self) -> dict[str, Any]:
        """Return how the pipeline is, as plain JSON; counts since it was opened.

        `{queue_depth, waiting_for_database, stored, unchanged, duplicate, rejected,
        failed, retried, dropped, commits, last_commit_at, last_commit_ms,
        database_bytes, problem, problem_since, damaged_files}`
        queue_depth: events that nobody has heard of yet. waiting_for_database: told
        unstored, written once the database is back. failed: told unstored, for one or
        the other reason. dropped: of these, never to be written.
        """
        counters, state = self._store.counters, self._store.state
        at = counters.last_commit_at
        queued = sum(
            one.queue.depth for one in (*self._printers.values(), self._strangers)
        )
        return {
            "queue_depth": queued,
            "waiting_for_database": self._store.late,
            **{str(outcome): count for outcome, count in self._counts.items()},
            "retried": counters.retried,
            "dropped": counters.dropped,
            "commits": counters.commits,
            "last_commit_at": at.isoformat() if at else None,
            "last_commit_ms": counters.last_commit_ms,
            "database_bytes": counters.database_bytes,
            "problem": state.problem,
            "problem_since": state.since.isoformat() if state.since else None,
            "damaged_files": [file.name for file in state.set_aside],
        }

    async def drain(self, printer_id: int | None = None) -> None:
        """Wait until every event queued before has been told; of one printer, or all."""
        # What another thread, or this one, has put is still on its way to the queue.
        await asyncio.sleep(0)
        if printer_id is None:
            for printer in (*self._printers.values(), self._strangers):
                await printer.queue.idle.wait()
        elif printer_id in self._printers:
            await self._printers[printer_id].queue.idle.wait()

    async def close(self) -> None:
        """Wait for every event, and keep the ids of those that changed nothing."""
        await self.drain()
        ids = [
            event_id
            for printer in self._printers.values()
            for event_id in printer.ledger.known.silent
        ]
        if ids:
            await self._note(lambda db: remember(db, ids))

    def _empty_inbox(self) -> None:
        # First, as another thread may put something in at any moment.
        self._called = False
        while self._inbox:
            self._enqueue(Waiting(self._inbox.popleft()))

    async def _note(self, work: Callable[[sqlite3.Connection], None]) -> None:
        try:
            await self._store.write(work)
        except StoreError as err:
            _LOGGER.debug("A note could not be written: %s", err)

    def _fill(self, db: sqlite3.Connection) -> None:
        """Write what is known into a new file; on the writer thread."""
        self._recorder.roll_back()
        for printer_id, printer in tuple(self._printers.items()):
            assert printer.known is not None
            restore_printer(db, printer_id, printer.known)
            slots = printer.ledger.known.slots
            self._recorder.record(db, printer_id, slots, whole_state(slots))
        self._recorder.flush(db)

    def _with_queue(self, printer: _Printer) -> _Printer:
        printer.queue = PrinterQueue(
            partial(self._hand_over, printer), partial(self._refuse_for_room, printer)
        )
        return printer

    def _enqueue(self, waiting: Waiting) -> None:
        self._printer_of(waiting.event).queue.put(waiting)

    def _printer_of(self, event: object) -> _Printer:
        number = event.get("printer_id") if isinstance(event, Mapping) else None
        # True is a number, too, and equals 1.
        if type(number) is not int:
            return self._strangers
        return self._printers.get(number, self._strangers)

    def _hand_over(self, printer: _Printer, waiting: Waiting) -> None:
        """Give an event to the writer, as a refusal where it is none."""
        try:
            event = parse_event(waiting.event)
        except InvalidEventError as err:
            _LOGGER.debug("Rejected an event: %s", err)
            self._refuse(printer, waiting, Outcome.REJECTED, str(err))
            return
        if printer is self._strangers:
            reason = "printer_id: no such printer"
            self._refuse(printer, waiting, Outcome.REJECTED, reason)
            return
        self._submit(printer, waiting, self._recording(printer, waiting, event))

    def _refuse_for_room(self, printer: _Printer, waiting: Waiting) -> None:
        self._refuse(printer, waiting, Outcome.FAILED, "too many events are waiting")

    def _recording(
        self, printer: _Printer, waiting: Waiting, event: StandardEvent
    ) -> Recording:
        def finished(recording: Recording) -> None:
            if recording.outcome in (Outcome.STORED, Outcome.FAILED):
                self._publish(printer, recording.event, recording.slots)
            self._settle(printer, waiting, recording.outcome)

        return Recording(
            printer.ledger, self._recorder, event, self._expectations, finished
        )

    def _refuse(
        self, printer: _Printer, waiting: Waiting, outcome: Outcome, reason: str
    ) -> None:
        printer_id = printer.ledger.printer_id or None
        refusal = Refusal(
            waiting.event,
            printer_id,
            outcome,
            reason,
            lambda _: self._settle(printer, waiting, outcome),
        )
        self._submit(printer, waiting, refusal)

    def _submit(self, printer: _Printer, waiting: Waiting, job: Job) -> None:
        try:
            self._store.submit(job)
        except StoreError:
            _LOGGER.debug("An event came after the store was closed and is dropped")
            self._loop.call_soon(self._settle, printer, waiting, Outcome.FAILED)

    def _publish(
        self, printer: _Printer, event: dict[str, Any], slots: PrinterSlots
    ) -> None:
        """Tell the subscribers; one that fails stops nobody."""
        printer.slots = slots
        for subscriber in tuple(printer.subscribers):
            try:
                subscriber(event, slots)
            except Exception:
                _LOGGER.exception("A listener failed on an event")

    def _settle(self, printer: _Printer, waiting: Waiting, outcome: Outcome) -> None:
        """Answer whoever waits, and go on with the queue."""
        self._counts[outcome] += 1
        if outcome is Outcome.FAILED and self._store.state.problem is None:
            self.failures_changed()
        if waiting.outcome is not None and not waiting.outcome.done():
            waiting.outcome.set_result(outcome)
        printer.queue.settled()


def _seen(slots: PrinterSlots, at: datetime) -> PrinterSlots:
    """Return the slots of a printer that was heard of, too."""
    if slots.last_seen is not None and slots.last_seen >= at:
        return slots
    return replace(slots, last_seen=at)
