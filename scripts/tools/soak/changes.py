"""What really happened in the slots, and which events came of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
import time
from typing import Final

from tests.e2e.integration import Event

# Printer, unit and slot by their numbers.
type Place = tuple[int, int, int]

INSERTED: Final = "spool_inserted"
REMOVED: Final = "spool_removed"
UNKNOWN: Final = "unknown_spool_detected"
# How much of what happened before a wrong event is printed, in seconds.
_BEFORE: Final = 150.0


@dataclass(slots=True, eq=False)
class Change:
    """A spool that was put in or taken out, and the events that were seen about it.

    spool: its identity, if it has one. needed: the types of events that must come of
    it, once each. allowed: those that may come as well.
    events: their types by id, published or stored.
    """

    place: Place
    spool: str | None
    needed: frozenset[str]
    allowed: frozenset[str] = frozenset()
    at: float = field(default_factory=time.monotonic)
    took: float | None = None
    events: dict[str, str] = field(default_factory=dict)

    @property
    def reported(self) -> bool:
        """Whether everything that must come of it has come."""
        return self.needed <= set(self.events.values())


class Changes:
    """All changes, and all events by their ids.

    A slot is changed again only after its last change was reported: then each change
    has to be reported exactly once, whatever faults there were.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.made: list[Change] = []
        self.published: Counter[str] = Counter()
        self.unpersisted: set[str] = set()
        self.late: set[str] = set()
        self.stored: set[str] = set()
        self.surplus: dict[str, Event] = {}
        self.misnamed: dict[str, Event] = {}
        self._last: dict[Place, Change] = {}
        self._types: dict[str, str] = {}
        self._story: list[tuple[float, tuple[int, ...], str]] = []

    def note(self, where: tuple[int, ...], text: str) -> None:
        """Remember what happened at a place, at a printer, or to the house: ()."""
        self._story.append((time.monotonic(), where, text))

    def story(self, event: Event) -> list[str]:
        """Return what happened at the place of an event before it was seen, and to it."""
        slot = event["slot"]
        place = (event["printer_id"], slot["ams_unit_no"], slot["slot_no"])
        seen = next(
            at for at, _, text in self._story if text.endswith(event["event_id"])
        )
        return [
            f"{at - seen:7.1f} s {text}"
            for at, where, text in self._story
            if where == place[: len(where)] and -_BEFORE < at - seen < 1
        ]

    @property
    def pending(self) -> list[Change]:
        """The changes that were not reported yet."""
        return [each for each in self._last.values() if not each.reported]

    def is_free(self, place: Place) -> bool:
        """Return whether a slot may be changed."""
        last = self._last.get(place)
        return last is None or last.reported

    def happens(self, change: Change) -> None:
        """Take a change that is being made."""
        assert self.is_free(change.place)
        self.made.append(change)
        self._last[change.place] = change
        self.note(change.place, f"{'/'.join(change.needed)} of {change.spool}")

    def publish(self, event: Event) -> None:
        """Take an event from Home Assistant's bus."""
        self.published[event["event_id"]] += 1
        if not event["meta"].get("persisted", True):
            self.unpersisted.add(event["event_id"])
        self._take(event)

    def store(self, events: Iterable[Event]) -> None:
        """Take events from history."""
        for event in events:
            self.stored.add(event["event_id"])
            self._take(event)

    def _take(self, event: Event) -> None:
        event_id, kind = event["event_id"], event["event_type"]
        if event_id in self._types:
            return
        self._types[event_id] = kind
        if event["meta"]["detected_late"]:
            self.late.add(event_id)
        slot = event["slot"]
        place = (event["printer_id"], slot["ams_unit_no"], slot["slot_no"])
        named = event["identifiers"]["external_id"]
        when = "late" if event["meta"]["detected_late"] else "live"
        self.note(place, f"  {kind} of {named}, {when}: {event_id}")
        change = self._last.get(place)
        if (
            change is None
            or kind not in change.needed | change.allowed
            or kind in change.events.values()
        ):
            self.surplus[event_id] = event
            return
        change.events[event_id] = kind
        if change.reported and change.took is None:
            change.took = time.monotonic() - change.at
        if kind != UNKNOWN and named not in (None, change.spool):
            self.misnamed[event_id] = event

    def rows(self) -> list[tuple[str, str]]:
        """Return what came of the changes, as the rows of a table."""
        needed = Counter(kind for each in self.made for kind in each.needed)
        seen: dict[str, int] = defaultdict(int)
        for each in self.made:
            for kind in each.needed & set(each.events.values()):
                seen[kind] += 1
        published, stored = set(self.published), self.stored
        took = sorted(each.took for each in self.made if each.took is not None)
        rows = [
            (f"{kind}: happened / reported", f"{count:,} / {seen[kind]:,}")
            for kind, count in sorted(needed.items())
        ]
        return [
            *rows,
            (
                "lost (neither published nor stored)",
                f"{needed.total() - sum(seen.values()):,}",
            ),
            ("events published", f"{len(published):,}"),
            (
                "… during an outage of the store, and written later",
                f"{len(self.unpersisted):,}",
            ),
            ("… found late", f"{len(self.late):,}"),
            ("events stored", f"{len(stored):,}"),
            (
                "… not seen on the bus (committed when it was killed)",
                f"{len(stored - published):,}",
            ),
            ("published and not stored", f"{len(published - stored):,}"),
            (
                "published twice",
                f"{sum(count > 1 for count in self.published.values()):,}",
            ),
            (
                "events without a change, or a second one for it",
                f"{len(self.surplus):,}",
            ),
            ("named as another spool", f"{len(self.misnamed):,}"),
            (
                "from change to event, median",
                f"{took[len(took) // 2]:.1f} s" if took else "-",
            ),
            ("… longest", f"{took[-1]:.1f} s" if took else "-"),
        ]

    @property
    def wrong(self) -> int:
        """How much of it must not be."""
        published = set(self.published)
        return (
            len(self.pending)
            + len(published - self.stored)
            + sum(count > 1 for count in self.published.values())
            + len(self.surplus)
            + len(self.misnamed)
        )
