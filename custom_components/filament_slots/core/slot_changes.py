"""Changes of single slots: how often there are any, and what becomes of too many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ..model import (
    AmsStateEvent,
    EventType,
    SlotState,
    SpoolEvent,
    StandardEvent,
    StoredSlot,
    UnitState,
)
from . import slot_state
from .slot_state import EventRow, PrinterSlots, Row, SlotKey

# What is found in `meta` of an entry that counts changes, and of a counted change.
COUNT_META: Final = frozenset({"summary", "counted_in"})

_HOUR: Final = timedelta(hours=1)
_MINUTES: Final = 60
# More changes in an hour than this are a fault, not spools that are changed.
_FLAPPING: Final = 30
# From this change in an hour on, an entry of history counts those that follow.
_COUNTED_FROM: Final = 60


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a slot in the last hour, and where others are counted.

    minutes: how many by minute since 1970; of the last hour only. A removal and an
    insertion at the same time are one: another spool.
    latest: the time of the last one.
    entry: the latest entry of history that counts changes; None below their rate.
    """

    minutes: Mapping[int, int] = field(default_factory=dict)
    latest: datetime | None = None
    entry: EventRow | None = None

    def in_hour_to(self, at: datetime) -> int:
        """Return how many there were in the hour before this time."""
        return sum(_of_hour(self.minutes, at).values())

    def and_one(self, at: datetime) -> Changes:
        """Return them with one more; those that were not in the hour before are gone."""
        if at == self.latest:
            return self
        minutes = _of_hour(self.minutes, at)
        minute = _minute(at)
        minutes[minute] = minutes.get(minute, 0) + 1
        return replace(self, minutes=minutes, latest=at)


type AllChanges = Mapping[SlotKey, Changes]


def flapping(changes: AllChanges, now: datetime) -> dict[SlotKey, int]:
    """Return the slots that changed too often in the last hour, and how often."""
    counts = {slot: known.in_hour_to(now) for slot, known in changes.items()}
    return {slot: count for slot, count in counts.items() if count > _FLAPPING}


@dataclass(frozen=True, slots=True)
class Applied:
    """What an event changes: the slots after it, rows to write, what is published."""

    slots: PrinterSlots
    rows: Sequence[Row]
    published: StandardEvent
    changes: AllChanges


def apply(changes: AllChanges, before: PrinterSlots, event: StandardEvent) -> Applied:
    """Apply an event to the slots, as `slot_state.apply` does, and count it.

    The 60th change of a slot within an hour, and any that follows, is counted in an
    entry of history: in `meta.summary` of a spool event, for an hour after that. The
    change is published as an `ams_state`: the slots follow it, automations do not.
    A change that shows another spool is an entry of its own.
    """
    slots, rows = slot_state.apply(before, event)
    row = rows[-1] if rows else None
    if not isinstance(row, EventRow) or not isinstance(row.event, SpoolEvent):
        return Applied(slots, rows, event, changes)
    (key,) = row.spools
    at, slot = event.event_at, before.slots.get(key)
    known = changes.get(key, Changes())
    if slot is None or slot.present is not slots.slots[key].present:
        known = known.and_one(at)
    entry: EventRow | None = None
    published: StandardEvent = row.event
    if known.in_hour_to(at) >= _COUNTED_FROM:
        if known.entry is not None and _continues(known.entry, row):
            entry = _counting(known.entry, row)
            published = _published_instead(event, entry, slots.slots[key])
        else:
            published = _summary(row.event, dict.fromkeys(_COUNTED, 0), at)
            entry = replace(row, event=published)
        rows = (*rows[:-1], entry)
    changes = {**changes, key: replace(known, entry=entry)}
    return Applied(slots, rows, published, changes)


def about_slot(slot: StoredSlot, state: SlotState, **head: Any) -> AmsStateEvent:
    """Return an `ams_state` about one slot.

    state: what it reports of the slot. head: the fields that every event has.
    """
    places: dict[str, Any] = {"direct_slots": (state,)}
    if (unit := slot.unit) is not None:
        names = ("ams_unit_no", "slots_total", "serial", "model", "label")
        values = {name: getattr(unit, name) for name in names}
        places = {"ams_units": (UnitState(**values, slots=(state,)),)}
    return AmsStateEvent(event_type=EventType.AMS_STATE, **head, **places)


def _published_instead(
    event: StandardEvent, entry: EventRow, slot: StoredSlot
) -> AmsStateEvent:
    """Return what is published of a change that an entry counts."""
    state = SlotState(
        slot_no=slot.slot_no,
        present=slot.present,
        active=slot.active,
        label=slot.label,
        identifiers=slot.identifiers if slot.identifiable else None,
        filament=slot.filament,
    )
    summary = (entry.event.meta or {})["summary"]
    return about_slot(
        slot,
        state,
        event_id=event.event_id,
        event_at=event.event_at,
        printer_id=event.printer_id,
        meta={"counted_in": entry.event.event_id, "summary": summary},
    )


_COUNTED: Final = (
    EventType.SPOOL_INSERTED,
    EventType.SPOOL_REMOVED,
    EventType.UNKNOWN_SPOOL_DETECTED,
)


def _continues(entry: EventRow, row: EventRow) -> bool:
    """Return whether an entry counts a change: it is an hour old at most, of one spool."""
    (spool,), (of_entry,) = row.spools.values(), entry.spools.values()
    age = row.event.event_at - entry.event.event_at
    same = not spool.known or spool.same_spool(of_entry)
    return same and timedelta(0) <= age < _HOUR


def _counting(entry: EventRow, row: EventRow) -> EventRow:
    """Return an entry that counts one change more."""
    kind, (spool,) = row.event.event_type, row.spools.values()
    summary = (entry.event.meta or {})["summary"]
    counts = {each: summary[each] + (each is kind) for each in _COUNTED}
    event = _summary(entry.event, counts, row.event.event_at)
    moves = kind is EventType.SPOOL_INSERTED and spool.known
    return EventRow(event, entry.spools, moves=moves)


def _summary(
    event: StandardEvent, counts: Mapping[EventType, int], until: datetime
) -> StandardEvent:
    """Return an event that counts changes up to a time."""
    texts = {str(kind): count for kind, count in counts.items()}
    summary = texts | {"until": until.isoformat()}
    return event.model_copy(update={"meta": {**(event.meta or {}), "summary": summary}})


def _of_hour(minutes: Mapping[int, int], at: datetime) -> dict[int, int]:
    now = _minute(at)
    return {
        minute: count
        for minute, count in minutes.items()
        if now - _MINUTES < minute <= now
    }


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
