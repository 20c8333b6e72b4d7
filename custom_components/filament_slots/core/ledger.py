"""What the writer knows of a printer."""

from dataclasses import dataclass, field

from .ams_slots import PrinterSlots


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
    """

    printer_id: int
    known: Known
    stale: bool = False
    late: set[str] = field(default_factory=set)
