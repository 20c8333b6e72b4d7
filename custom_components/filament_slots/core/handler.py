"""The one door for events: validate, write, commit, and only then publish."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
import logging
import sqlite3
from typing import Any, TypedDict

from ..model import Identifiers
from .assignments import Assignment
from .engine.errors import StoreError, store_error
from .engine.jobs import resolve
from .engine.store import Store
from .event_jobs import EventJob, Outcome
from .expectations import Announcement, Announcements, Assigned, Expectation
from .printer_state import Printers, Seen
from .slot_changes import flapping
from .slot_state import PrinterSlots, SlotKey
from .tables.held_events import forget_held
from .tables.links import Links, SpoolLink
from .tables.printers import Registration, deactivate, mark_deleted
from .tables.row_writer import remember

_LOGGER = logging.getLogger(__name__)

type Subscriber = Callable[[dict[str, Any], PrinterSlots], None]


class PipelineHealth(TypedDict):
    """The state of the pipeline as plain JSON; counts since it was opened.

    queue_depth: events without an outcome yet. waiting_for_database: published unstored,
    to be written after the outage. failed: published unstored, whatever the reason.
    dropped: those of them that will never be written.
    """

    queue_depth: int
    waiting_for_database: int
    stored: int
    unchanged: int
    duplicate: int
    rejected: int
    failed: int
    retried: int
    dropped: int
    commits: int
    last_commit_at: str | None
    last_commit_ms: float | None
    database_bytes: int | None
    problem: str | None
    problem_since: str | None
    damaged_files: list[str]


class _Printer:
    """One printer's published slots and subscribers; on the event loop."""

    def __init__(self, slots: PrinterSlots) -> None:
        self.slots = slots
        self.subscribers: list[Subscriber] = []
        self.pending = 0
        self.idle = asyncio.Event()
        self.idle.set()


class EventHandler:
    """Takes standard events, stores them, and publishes them to subscribers.

    Events of one printer are written and published in the order they came; waiting
    events share a commit.
    """

    def __init__(
        self, store: Store, printers: Printers, failures_changed: Callable[[], None]
    ) -> None:
        """Create it for a store that its owner opens and closes.

        printers: the memory of the same store. failures_changed: called when the number
        of failed events may have changed.
        """
        self._store = store
        self._state = printers
        self._failures_changed = failures_changed
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[Mapping[str, Any], Mapping[str, Any] | None]] = deque()
        self._called = False
        self._counts = dict.fromkeys(Outcome, 0)
        self._printers: dict[int, _Printer] = {}
        self._announcements = Announcements()
        self._announced: list[Callable[[], None]] = []
        self._linked: list[Callable[[], None]] = []
        self._links: Links = {}
        # Takes the events that name no known printer, to be rejected.
        self._unknown = _Printer(PrinterSlots())

    async def register_printer(
        self, identity: str, name: str, driver_key: str, entry_id: str | None
    ) -> int:
        """Add a printer; return its id, permanently the same for an identity.

        Raises StoreError where it cannot be written.
        """
        registration = Registration(identity, name, driver_key, entry_id)
        printer_id, slots = await self._store.write(
            lambda db: self._state.register(db, registration)
        )
        self._printers.setdefault(printer_id, _Printer(slots))
        return printer_id

    async def deactivate(self, printer_id: int) -> None:
        """Write that the printer's entry is disabled; a failure is only logged."""
        await self._note(lambda db: deactivate(db, printer_id))

    async def mark_deleted(self, printer_id: int) -> None:
        """Write that the printer's entry is removed; its history stays.

        Raises StoreError where it cannot be written.
        """
        now = datetime.now(UTC)
        await self._store.write(lambda db: mark_deleted(db, printer_id, now))

    def hold(self, held: bool) -> None:
        """Note whether spool events are to be published later than they are stored.

        Until `forget_held` those that were stored since are in `held_events`.
        """
        self._state.holding = held

    async def forget_held(self, printer_id: int) -> None:
        """Write that all events of a printer are published; a failure is only logged."""
        # After the events of the printer that are being stored.
        await self._note(lambda db: forget_held(db, printer_id), printer_id)

    async def note_seen(self, seen: Mapping[int, Seen]) -> None:
        """Write when printers were seen last, in one transaction.

        A failure is only logged. KeyError for an unknown printer.
        """
        printers = {printer_id: self._printers[printer_id] for printer_id in seen}
        await self._note(lambda db: self._state.note_seen(db, seen))
        for printer_id, printer in printers.items():
            at, memory = seen[printer_id]
            printer.slots = replace(printer.slots.seen(at), memory=memory)

    def slots(self, printer_id: int) -> PrinterSlots:
        """Return the slots as last published; KeyError for an unknown printer."""
        return self._printers[printer_id].slots

    def flapping(self, printer_id: int, now: datetime) -> dict[SlotKey, int]:
        """Return the slots that change too often, and how often in the last hour.

        KeyError for an unknown printer.
        """
        return flapping(self._state.states[printer_id].changes, now)

    def subscribe(self, printer_id: int, callback: Subscriber) -> Callable[[], None]:
        """Call back with each event after its commit, and the slots after it.

        The event is shared: it must not be changed. KeyError for an unknown printer.
        """
        return _added(self._printers[printer_id].subscribers, callback)

    def handle_printer_event(
        self, event: Mapping[str, Any], memory: Mapping[str, Any] | None = None
    ) -> asyncio.Future[Outcome]:
        """Take one event, on the event loop; return what becomes of it, once final.

        memory: of the driver, written with the event if that changes anything.

        Never raises for an event. Rejected and failed ones are in `failed_events`.
        """
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        number = event.get("printer_id") if isinstance(event, Mapping) else None
        # True is a number, too, and equals 1.
        if type(number) is not int or number not in self._printers:
            number = None
        printer = self._unknown if number is None else self._printers[number]
        printer.pending += 1
        printer.idle.clear()

        def finished(job: EventJob) -> None:
            if (published := job.published) is not None:
                if job.expectation is not None:
                    self._announcements.take(job.expectation, published)
                self._publish(printer, published, job.slots)
            self._settle(printer, outcome, job.outcome)
            if job.expectation is not None:
                self._announcements_changed()

        try:
            self._store.submit(EventJob(self._state, event, number, finished, memory))
        except StoreError:
            _LOGGER.debug("An event came after the store was closed and is dropped")
            self._loop.call_soon(self._settle, printer, outcome, Outcome.FAILED)
        return outcome

    def put(
        self, event: Mapping[str, Any], memory: Mapping[str, Any] | None = None
    ) -> None:
        """Hand an event to `handle_printer_event`, from any thread; never raises."""
        self._inbox.append((event, memory))
        # One call for all that come until it runs: waking the loop is what costs.
        if self._called:
            return
        self._called = True
        try:
            self._loop.call_soon_threadsafe(self._empty_inbox)
        except RuntimeError:
            _LOGGER.debug("An event came after the end and is dropped")

    def expect(self, expectation: Expectation) -> None:
        """Let the next unidentified insertion that fulfils it take its identity.

        In the transaction of the insertion, whose event carries it in `meta.assigned`.
        It replaces an earlier one of the same printer, or of any, and one of the same
        spool elsewhere.
        """
        self._state.expectations.put(expectation)
        self._announcements.put(expectation)
        self._announcements_changed()

    def withdraw(self, printer_id: int | None) -> None:
        """Expect no spool any more on a printer, or on any."""
        self._state.expectations.withdraw(printer_id)
        self._announcements.withdraw(printer_id)
        self._announcements_changed()

    def announced(self, printer_id: int | None = None) -> list[Announcement]:
        """Return the announced spools that a printer may take or that were taken; or all."""
        return self._announcements.of(printer_id)

    def subscribe_announced(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever what is announced on any printer has changed."""
        return _added(self._announced, callback)

    async def assign(
        self, printer_id: int, slot: SlotKey, assigned: Assigned | None
    ) -> None:
        """Assign an identity to a slot, or remove it; return once it is published.

        Raises AssignmentRefusedError for a slot that is empty, or whose spool the
        printer identifies; KeyError for an unknown printer or slot; StoreError where it
        cannot be written.
        """
        printer = self._printers[printer_id]
        done: asyncio.Future[None] = self._loop.create_future()

        def finished(assignment: Assignment) -> None:
            if assignment.event is not None:
                self._publish(printer, assignment.event, assignment.slots)
            if assignment.error is None:
                resolve(done, None)
            elif not done.done():
                done.set_exception(store_error(assignment.error))

        self._store.submit(
            Assignment(self._state, printer_id, slot, assigned, finished)
        )
        await done

    @property
    def links(self) -> Links:
        """Which spools of inventories spools of ours are, by our spools."""
        return self._links

    async def read_links(self) -> None:
        """Read the links; raises StoreError."""
        self._links = await self._store.write(self._state.read_links)

    async def link(self, link: SpoolLink) -> None:
        """Write a link in place of the one that its spool has. Raises StoreError."""
        self._links = await self._store.write(lambda db: self._state.link(db, link))
        self._links_changed()

    async def unlink(self, spools: Collection[Identifiers]) -> None:
        """Remove the links of these spools. Raises StoreError."""
        self._links = await self._store.write(lambda db: self._state.unlink(db, spools))
        self._links_changed()

    def subscribe_links(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever a link was added or removed."""
        return _added(self._linked, callback)

    def refire(self, event: dict[str, Any]) -> bool:
        """Publish an event of history again, with the slots as they are now.

        Returns False for a printer that is not registered.
        """
        if (printer := self._printers.get(event["printer_id"])) is None:
            return False
        self._publish(printer, event, printer.slots)
        return True

    def health(self) -> PipelineHealth:
        """Return the state of the pipeline."""
        counters, state = self._store.writer.counters, self._store.writer.state
        at = counters.last_commit_at
        return {
            "queue_depth": sum(printer.pending for printer in self._all()),
            "waiting_for_database": self._store.writer.buffered,
            "stored": self._counts[Outcome.STORED],
            "unchanged": self._counts[Outcome.UNCHANGED],
            "duplicate": self._counts[Outcome.DUPLICATE],
            "rejected": self._counts[Outcome.REJECTED],
            "failed": self._counts[Outcome.FAILED],
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
        """Wait until all events put before have an outcome; of one printer, or all."""
        # What any thread has put is still on its way to the queue.
        await asyncio.sleep(0)
        if printer_id is None:
            for printer in self._all():
                await printer.idle.wait()
        elif printer_id in self._printers:
            await self._printers[printer_id].idle.wait()

    async def close(self) -> None:
        """Wait for all events, and write the ids of those that changed nothing."""
        await self.drain()
        ids = [
            event_id
            for state in self._state.states.values()
            for event_id in state.silent
        ]
        if ids:
            await self._note(lambda db: remember(db, ids))

    def _all(self) -> tuple[_Printer, ...]:
        return (*self._printers.values(), self._unknown)

    def _empty_inbox(self) -> None:
        # First, as another thread may put something in at any moment.
        self._called = False
        while self._inbox:
            self.handle_printer_event(*self._inbox.popleft())

    async def _note(
        self, work: Callable[[sqlite3.Connection], None], key: int | None = None
    ) -> None:
        try:
            await self._store.write(work, key)
        except StoreError as err:
            _LOGGER.debug("A note could not be written: %s", err)

    def _publish(
        self, printer: _Printer, event: dict[str, Any], slots: PrinterSlots
    ) -> None:
        """Call the subscribers; one that fails does not stop the others."""
        printer.slots = slots
        for subscriber in tuple(printer.subscribers):
            try:
                subscriber(event, slots)
            except Exception:
                _LOGGER.exception("A subscriber failed on an event")

    def _announcements_changed(self) -> None:
        for subscriber in tuple(self._announced):
            subscriber()

    def _links_changed(self) -> None:
        for subscriber in tuple(self._linked):
            subscriber()

    def _settle(
        self, printer: _Printer, waiting: asyncio.Future[Outcome], outcome: Outcome
    ) -> None:
        self._counts[outcome] += 1
        if outcome is Outcome.FAILED and self._store.writer.state.problem is None:
            self._failures_changed()
        resolve(waiting, outcome)
        printer.pending -= 1
        if not printer.pending:
            printer.idle.set()


def _added[T](subscribers: list[T], subscriber: T) -> Callable[[], None]:
    """Add a subscriber; return what removes it, which may be called twice."""
    subscribers.append(subscriber)

    def unsubscribe() -> None:
        if subscriber in subscribers:
            subscribers.remove(subscriber)

    return unsubscribe
