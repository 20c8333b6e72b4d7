"""What the writer knows of a printer."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from .slot_state import PrinterSlots

MAX_RECENT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the writer knows of a printer, ahead of what has been told.

    silent: ids of events that changed nothing and are not on disk. They go there
    with the next change: until then the events would change nothing again.
    """

    slots: PrinterSlots
    silent: tuple[str, ...] = ()


@dataclass(slots=True)
class Ledger:
    """One printer as the writer thread knows it; nobody else changes it.

    stale: the file is behind with the slots: all of them have to be written.
    late: ids of events that are known and wait for the database.
    recent: ids of the latest events, for when the file cannot be asked.
    """

    printer_id: int
    known: Known
    stale: bool = False
    late: set[str] = field(default_factory=set)
    recent: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def note(self, event_id: str) -> None:
        """Know an event, in place of the oldest."""
        self.recent[event_id] = None
        if len(self.recent) > MAX_RECENT:
            self.recent.popitem(last=False)
