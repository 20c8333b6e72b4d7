"""Scan first: the identity that the next spool nobody identified will take."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import threading
from typing import Final

from ..model import EventType, Identifiers, StandardEvent

# An insertion is told when its tag was read, or no more is hoped for: what was put in
# just before the scan is told after it, and is what the person means.
_TOLD_WITHIN: Final = timedelta(seconds=125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """Who a spool is, in the word of a person; `label` is what they call it."""

    external_id: str
    label: str | None = None

    @property
    def identifiers(self) -> Identifiers:
        """The same, as history knows spools."""
        return Identifiers(external_id=self.external_id)

    def as_meta(self) -> dict[str, str | None]:
        """Return it as events carry it, in `meta.assigned`."""
        return {"external_id": self.external_id, "label": self.label}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Who the next spool on a printer is, or on any where printer_id is None.

    since: when the person said so. until: how late it may have been put in.
    """

    printer_id: int | None
    assigned: Assigned
    since: datetime
    until: datetime

    def is_met_by(self, event: StandardEvent) -> bool:
        """Return whether this insertion, of a printer that fits, is the one.

        By when it happened, not by when it is told: reading a tag takes time. One that
        happened long before, told late or replayed, is another spool.
        """
        return self.since - _TOLD_WITHIN <= event.event_at <= self.until


class Expectations:
    """What is expected now, one spool a printer and one of any; kept in memory only.

    After a restart nobody stands at the printer with a spool in hand any more.
    Said on the event loop, met on the writer thread.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._expected: dict[int | None, Expectation] = {}

    def put(self, expectation: Expectation) -> None:
        """Expect a spool, in place of the one that was expected there before."""
        with self._lock:
            self._expected[expectation.printer_id] = expectation

    def take(self, event: StandardEvent) -> Expectation | None:
        """Return what this event fulfils, which is expected no more then.

        That is an insertion without any identity; what is expected of the printer
        itself comes first.
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
        """Expect it again: the event was undone. What was said meanwhile counts more."""
        with self._lock:
            self._expected.setdefault(expectation.printer_id, expectation)
