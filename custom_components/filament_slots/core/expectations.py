"""Scan first: the identity that the next unidentified spool will take."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import threading
from typing import Final

from ..model import EventType, StandardEvent

# An insertion is reported when its tag was read or can no longer be: a spool inserted
# just before the scan is reported after it, and is the one that the user means.
_REPORTED_WITHIN: Final = timedelta(seconds=125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The identity that a user gives a spool; `label` is their name for it."""

    external_id: str
    label: str | None = None

    def as_meta(self) -> dict[str, str | None]:
        """Return the content of `meta.assigned` in events."""
        return {"external_id": self.external_id, "label": self.label}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The identity of the next spool on a printer, or on any where printer_id is None.

    since: when the user scanned it. until: how late it may be inserted.
    """

    printer_id: int | None
    assigned: Assigned
    since: datetime
    until: datetime

    def is_met_by(self, event: StandardEvent) -> bool:
        """Return whether this insertion, on a printer that fits, is the expected one.

        By the time of the insertion, not of its report: reading a tag takes time. One
        from long before, reported late, is another spool.
        """
        return self.since - _REPORTED_WITHIN <= event.event_at <= self.until


class Expectations:
    """The expected spools, one a printer and one on any; in memory only.

    After a restart no user waits at the printer with a spool any more.
    Put on the event loop, taken on the writer thread.
    """

    def __init__(self) -> None:
        """Create it with none."""
        self._lock = threading.Lock()
        self._expected: dict[int | None, Expectation] = {}

    def put(self, expectation: Expectation) -> None:
        """Expect a spool, in place of the one expected there before."""
        with self._lock:
            self._expected[expectation.printer_id] = expectation

    def take(self, event: StandardEvent) -> Expectation | None:
        """Return and remove the expectation that this event fulfils.

        That is an insertion without any identity; an expectation of the printer itself
        comes first.
        """
        if event.event_type is not EventType.SPOOL_INSERTED:
            return None
        if event.identifiers is not None and event.identifiers.known:
            return None
        with self._lock:
            for scope in (event.printer_id, None):
                expectation = self._expected.get(scope)
                if expectation is not None and expectation.is_met_by(event):
                    return self._expected.pop(scope)
        return None

    def give_back(self, expectation: Expectation) -> None:
        """Expect it again, as the event was rolled back; a newer one wins."""
        with self._lock:
            self._expected.setdefault(expectation.printer_id, expectation)
