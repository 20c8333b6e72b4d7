"""Scan first: the identity that the next unidentified spool will take."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import threading
from typing import Any, Final

from ..model import EventType, StandardEvent

# How long a spool is expected where the user chooses no other time.
USUAL_WAIT: Final = timedelta(minutes=5)
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
    name: how it is called where the user gives it no name.
    """

    printer_id: int | None
    assigned: Assigned
    name: str | None = None
    since: datetime
    until: datetime

    def is_of(self, other: Expectation) -> bool:
        """Return whether both expect the same spool."""
        return self.assigned.external_id == other.assigned.external_id

    def is_met_by(self, event: StandardEvent) -> bool:
        """Return whether this insertion, on a printer that fits, is the expected one.

        By the time of the insertion, not of its report: reading a tag takes time. One
        from long before, reported late, is another spool.
        """
        return self.since - _REPORTED_WITHIN <= event.event_at <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is shown of an expected spool: that it is waited for, or what took it.

    taken_by: the id of the printer. taken_in: the label of the slot.
    """

    expectation: Expectation
    taken_at: datetime | None = None
    taken_by: int | None = None
    taken_in: str | None = None


class Announcements:
    """The latest announcement of each printer and of any; on the event loop.

    One that was taken, or whose time is over, is kept until the next replaces it.
    """

    def __init__(self) -> None:
        """Create it with none."""
        self._latest: dict[int | None, Announcement] = {}

    def of(self, printer_id: int | None) -> list[Announcement]:
        """Return those that a printer may take, its own first; all if None."""
        scopes = list(self._latest) if printer_id is None else (printer_id, None)
        return [self._latest[scope] for scope in scopes if scope in self._latest]

    def put(self, expectation: Expectation) -> None:
        """Note that a spool is expected, there only."""
        for scope, announced in list(self._latest.items()):
            if announced.taken_at is None and announced.expectation.is_of(expectation):
                del self._latest[scope]
        self._latest[expectation.printer_id] = Announcement(expectation=expectation)

    def withdraw(self, printer_id: int | None) -> None:
        """Forget the one of a printer, or that of any."""
        self._latest.pop(printer_id, None)

    def take(self, expectation: Expectation, event: Mapping[str, Any]) -> None:
        """Note the published insertion that fulfilled an expectation."""
        announced = self._latest.get(expectation.printer_id)
        # The user may have announced another spool, or none, since.
        if announced is None or announced.expectation is not expectation:
            return
        slot = event["slot"]
        self._latest[expectation.printer_id] = replace(
            announced,
            taken_at=datetime.fromisoformat(event["event_at"]),
            taken_by=event["printer_id"],
            taken_in=event["meta"].get("slot_label") or str(slot["slot_no"]),
        )


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
        """Expect a spool, in place of the one expected there before, and there only."""
        with self._lock:
            for scope, expected in list(self._expected.items()):
                if expected.is_of(expectation):
                    del self._expected[scope]
            self._expected[expectation.printer_id] = expectation

    def withdraw(self, printer_id: int | None) -> None:
        """Expect no spool any more on a printer, or on any."""
        with self._lock:
            self._expected.pop(printer_id, None)

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
