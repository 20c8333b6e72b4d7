"""The state of every printer as the writer thread knows it, ahead of what is published."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
import sqlite3
from typing import Any, Final

from ..model import Identifiers
from .expectations import Expectation, Expectations
from .slot_changes import AllChanges
from .slot_state import EventRow, PrinterSlots
from .tables.chips import choose_owner
from .tables.held_events import hold_event
from .tables.links import (
    Links,
    SpoolLink,
    chips_of,
    put_link,
    put_links,
    read_links,
    remove_link,
)
from .tables.printers import (
    Registration,
    delete_later,
    put_last_seen,
    put_printer,
    restore_printer,
    whole_state,
)
from .tables.row_writer import RowWriter

# As many events may wait in memory during an outage, and as many change nothing meanwhile.
MAX_RECENT: Final = 20_000

# When a printer was seen last, and the memory of its driver then.
type Seen = tuple[datetime, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PrinterState:
    """One printer; replaced, never changed.

    silent: ids of events that changed nothing and are not on disk. They are written
    with the next change: until then the events would change nothing again.
    stale: the file is behind the slots, so that all of them have to be written.
    changes: how often slots changed lately.
    """

    registration: Registration
    slots: PrinterSlots
    silent: tuple[str, ...] = ()
    stale: bool = False
    changes: AllChanges = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Before:
    """What there was when a transaction or savepoint began."""

    states: dict[int, PrinterState]
    links: Links | None
    recent: int
    taken: int


class Printers:
    """All printers and links; changed by jobs on the writer thread, and undone with them.

    states: by the printer's id.
    links: by their spools, replaced and never changed; None before they are read.
    rows: writes what changed.
    expectations: identities for the next unidentified spools.
    holding: whether spool events are not published yet. Set on the event loop.
    """

    def __init__(self) -> None:
        """Create it with no printer."""
        self.states: dict[int, PrinterState] = {}
        self.links: Links | None = None
        self.rows = RowWriter()
        self.expectations = Expectations()
        self.holding = False
        # Whether a copy of the slots has to be written although no printer is left.
        self._deleted = False
        # Ids of the latest events, the newest last.
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._taken: list[Expectation] = []
        self._before: list[_Before] = []

    def register(
        self, db: sqlite3.Connection, registration: Registration
    ) -> tuple[int, PrinterSlots]:
        """Add a printer, new or known; return its id and its slots."""
        printer_id, slots = put_printer(db, registration)
        known = self.states.get(printer_id, PrinterState(registration, slots))
        self.update(printer_id, replace(known, registration=registration))
        return printer_id, known.slots

    def forget(
        self,
        db: sqlite3.Connection,
        printer_id: int,
        at: datetime,
        entry_id: str | None,
    ) -> bool:
        """Write that a printer is to be deleted; return False where it has an entry."""
        if not delete_later(db, printer_id, at, entry_id):
            return False
        self.states.pop(printer_id, None)
        self.rows.forget()
        self._deleted = True
        return True

    def update(self, printer_id: int, state: PrinterState) -> None:
        """Replace the state of a printer."""
        self.states[printer_id] = state

    def note_seen(self, db: sqlite3.Connection, seen: Mapping[int, Seen]) -> None:
        """Write when printers were seen last, and what their drivers remember."""
        for printer_id, (at, memory) in seen.items():
            put_last_seen(db, printer_id, at, memory)
            state = self.states[printer_id]
            slots = replace(state.slots.seen(at), memory=memory)
            self.update(printer_id, replace(state, slots=slots))

    def read_links(self, db: sqlite3.Connection) -> Links:
        """Read the links of the file, once; return them."""
        if self.links is None:
            self.links = read_links(db)
        return self.links

    def link(self, db: sqlite3.Connection, link: SpoolLink) -> Links:
        """Write a link in place of the one that its spool has; return all."""
        put_link(db, link)
        link = replace(link, chips=chips_of(db, link.spool))
        self.links = {**self.read_links(db), link.spool: link}
        return self.links

    def unlink(self, db: sqlite3.Connection, spools: Collection[Identifiers]) -> Links:
        """Remove the links of these spools; return all others."""
        for spool in spools:
            remove_link(db, spool)
        links = self.read_links(db)
        self.links = {key: link for key, link in links.items() if key not in spools}
        return self.links

    def choose_owner(
        self, db: sqlite3.Connection, claim_id: int, now: int, *, is_new: bool
    ) -> Links:
        """Write whose chip it is; return all links, as they follow chips."""
        choose_owner(db, claim_id, now, is_new=is_new)
        self.rows.forget()
        self.links = read_links(db)
        return self.links

    def hold(self, db: sqlite3.Connection, row: EventRow) -> None:
        """Write that an event has to be published, if that has to wait."""
        if self.holding and row.moves is None:
            hold_event(db, row)

    def is_recent(self, event_id: str) -> bool:
        """Return whether an event of this id is among the latest."""
        return event_id in self._recent

    def note(self, event_id: str) -> None:
        """Remember an event, in place of the oldest."""
        self._recent[event_id] = None

    def take(self, event: Any) -> Expectation | None:
        """Return the expectation that this event fulfils, if any."""
        if (expectation := self.expectations.take(event)) is not None:
            self._taken.append(expectation)
        return expectation

    def reopened(self) -> None:
        """Forget the rows of the file: another one may be open now."""
        self.rows.roll_back()

    def fill(self, db: sqlite3.Connection) -> bool:
        """Write everything into a file that does not have it; return whether to keep that.

        It is kept where there is a printer, or was one that is deleted.
        """
        row_writer = RowWriter()
        for printer_id, state in self.states.items():
            restore_printer(db, printer_id, state.registration)
            rows = whole_state(state.slots)
            row_writer.record(db, printer_id, state.slots, rows)
        row_writer.flush(db)
        if self.links is not None:
            put_links(db, self.links)
        return bool(self.states) or self._deleted

    def begin(self) -> None:
        """Begin a transaction, or a savepoint in one."""
        self._before.append(
            _Before(dict(self.states), self.links, len(self._recent), len(self._taken))
        )

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the slots that changed."""
        self.rows.flush(db)

    def keep(self) -> None:
        """End the innermost transaction or savepoint, which was committed or released."""
        self._before.pop()
        if not self._before:
            self._taken.clear()
            while len(self._recent) > MAX_RECENT:
                self._recent.popitem(last=False)

    def undo(self) -> None:
        """Restore the state from before the innermost transaction or savepoint."""
        before = self._before.pop()
        self.states = before.states
        self.links = before.links
        while len(self._recent) > before.recent:
            self._recent.popitem()
        while len(self._taken) > before.taken:
            self.expectations.give_back(self._taken.pop())
        self.rows.roll_back()
