"""The one door for events: validate, write, commit, and only then tell."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
from typing import Any

from ..events import EventType, InvalidEventError, StandardEvent, parse_event
from . import records
from .ams_slots import PrinterSlots
from .recording import Known, Ledger, Outcome, Recording, Refusal
from .store import Job, Store, StoreClosedError

_LOGGER = logging.getLogger(__name__)

QUEUE_LIMIT = 100_000
_WINDOW = 256

type Subscriber = Callable[[dict[str, Any], PrinterSlots], None]


@dataclass(slots=True)
class _Waiting:
    """An event that is not with the writer yet, and who wants to hear of it."""

    event: Mapping[str, Any]
    outcome: asyncio.Future[Outcome] | None


class _Printer:
    """One printer's queue, slots and subscribers; on the event loop."""

    def __init__(self, printer_id: int, slots: PrinterSlots) -> None:
        """Begin with what is stored."""
        self.ledger = Ledger(printer_id, Known(slots))
        self.slots = slots
        self.queue: deque[_Waiting] = deque()
        self.in_flight = 0
        self.subscribers: list[Subscriber] = []
        self.idle = asyncio.Event()
        self.idle.set()


class EventHandler:
    """Takes standard events, keeps them, and tells the subscribers of their printer.

    Events of one printer are written and told in the order they came; those that
    wait share a commit.
    """

    def __init__(self, store: Store) -> None:
        """Write to a store, which is opened and closed by its owner."""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._recorder = records.Recorder()
        self._printers: dict[int, _Printer] = {}
        # Events that name no known printer wait here to be rejected.
        self._strangers = _Printer(0, PrinterSlots())

    async def register_printer(
        self, identity: str, name: str, driver_key: str, entry_id: str | None
    ) -> int:
        """Make a printer known; return its id, the same for an identity for ever.

        Raises sqlite3.Error where it cannot be written.
        """
        printer_id, slots = await self._store.write(
            lambda db: records.put_printer(db, identity, name, driver_key, entry_id)
        )
        if printer_id not in self._printers:
            self._printers[printer_id] = _Printer(printer_id, slots)
        return printer_id

    async def deactivate(self, printer_id: int) -> None:
        """Note that the printer's entry is disabled.

        Raises sqlite3.Error where it cannot be written.
        """
        await self._store.write(lambda db: records.deactivate(db, printer_id))

    async def mark_deleted(self, printer_id: int) -> None:
        """Note that the printer's entry is gone; its history stays.

        Raises sqlite3.Error where it cannot be written.
        """
        now = datetime.now(UTC)
        await self._store.write(lambda db: records.mark_deleted(db, printer_id, now))

    def slots(self, printer_id: int) -> PrinterSlots:
        """Return the slots as they were last told; KeyError for an unknown printer."""
        return self._printers[printer_id].slots

    def last_seen(self, printer_id: int) -> datetime | None:
        """Return when the latest event that changed something happened."""
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
        self._enqueue(_Waiting(event, outcome))
        return await outcome

    def put(self, event: Mapping[str, Any]) -> None:
        """Queue an event, from any thread; never blocks or raises."""
        try:
            self._loop.call_soon_threadsafe(self._enqueue, _Waiting(event, None))
        except RuntimeError:
            _LOGGER.debug("An event came after the end and is dropped")

    async def drain(self, printer_id: int | None = None) -> None:
        """Wait until every event queued before has been told; of one printer, or all."""
        # What another thread, or this one, has put is still on its way to the queue.
        await asyncio.sleep(0)
        if printer_id is None:
            for printer in (*self._printers.values(), self._strangers):
                await printer.idle.wait()
        elif printer_id in self._printers:
            await self._printers[printer_id].idle.wait()

    async def close(self) -> None:
        """Wait for every event, and keep the ids of those that changed nothing."""
        await self.drain()
        ids = [
            event_id
            for printer in self._printers.values()
            for event_id in printer.ledger.known.silent
        ]
        if ids:
            await self._store.write(lambda db: records.remember(db, ids))

    def _enqueue(self, waiting: _Waiting) -> None:
        printer = self._printer_of(waiting.event)
        printer.idle.clear()
        if len(printer.queue) < QUEUE_LIMIT:
            printer.queue.append(waiting)
        else:
            self._make_room(printer, waiting)
        self._pump(printer)

    def _printer_of(self, event: object) -> _Printer:
        number = event.get("printer_id") if isinstance(event, Mapping) else None
        # True is a number, too, and equals 1.
        if type(number) is not int:
            return self._strangers
        return self._printers.get(number, self._strangers)

    def _make_room(self, printer: _Printer, newest: _Waiting) -> None:
        """Refuse the oldest `ams_state`, as a later one says it all again."""
        printer.queue.append(newest)
        for waiting in printer.queue:
            if isinstance(waiting.event, Mapping) and (
                waiting.event.get("event_type") == EventType.AMS_STATE
            ):
                break
        else:
            waiting = newest
        printer.queue.remove(waiting)
        printer.in_flight += 1
        self._refuse(printer, waiting, Outcome.FAILED, "too many events are waiting")

    def _pump(self, printer: _Printer) -> None:
        """Hand waiting events to the writer, a window at a time."""
        while printer.queue and printer.in_flight < _WINDOW:
            waiting = printer.queue.popleft()
            printer.in_flight += 1
            try:
                event = parse_event(waiting.event)
            except InvalidEventError as err:
                _LOGGER.debug("Rejected an event: %s", err)
                self._refuse(printer, waiting, Outcome.REJECTED, str(err))
                continue
            if printer is self._strangers:
                self._refuse(
                    printer, waiting, Outcome.REJECTED, "printer_id: no such printer"
                )
                continue
            self._submit(printer, waiting, self._recording(printer, waiting, event))

    def _recording(
        self, printer: _Printer, waiting: _Waiting, event: StandardEvent
    ) -> Recording:
        def finished(recording: Recording) -> None:
            if recording.outcome in (Outcome.STORED, Outcome.FAILED):
                self._publish(printer, recording)
            self._settle(printer, waiting, recording.outcome)

        return Recording(printer.ledger, self._recorder, event, finished)

    def _refuse(
        self, printer: _Printer, waiting: _Waiting, outcome: Outcome, reason: str
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

    def _submit(self, printer: _Printer, waiting: _Waiting, job: Job) -> None:
        try:
            self._store.submit(job)
        except StoreClosedError:
            _LOGGER.debug("An event came after the store was closed and is dropped")
            self._loop.call_soon(self._settle, printer, waiting, Outcome.FAILED)

    def _publish(self, printer: _Printer, recording: Recording) -> None:
        """Tell the subscribers; one that fails stops nobody."""
        printer.slots = recording.slots
        event = recording.event
        for subscriber in tuple(printer.subscribers):
            try:
                subscriber(event, recording.slots)
            except Exception:
                _LOGGER.exception("A listener failed on an event")

    def _settle(self, printer: _Printer, waiting: _Waiting, outcome: Outcome) -> None:
        """Answer whoever waits, and go on with the queue."""
        if waiting.outcome is not None and not waiting.outcome.done():
            waiting.outcome.set_result(outcome)
        printer.in_flight -= 1
        self._pump(printer)
        if not printer.in_flight:
            printer.idle.set()
