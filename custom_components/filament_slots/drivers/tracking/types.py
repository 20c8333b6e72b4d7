"""Values that the parts of the tracker exchange."""

from dataclasses import dataclass
from datetime import datetime

from ...model import EventType, Filament, Identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """A point in time, and the wire message it belongs to.

    monotonic: seconds of a clock that never jumps, for measuring how long things hold.
    at: the time of day, for events.
    correlation_id: the ULID shared by all events that one wire message causes.
    """

    monotonic: float
    at: datetime
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A period in which a slot was not observed; a change found after it is late.

    since: when the slot was last observed; None where that is not known.
    drying: the unit dried, or may have, so that its filament may be pulled back although
    no spool left.
    """

    since: datetime | None
    drying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitActivity:
    """What the unit of a slot and its printer are doing.

    can_dry: it has a dryer.
    drying_until: monotonic seconds when it stopped drying; NEVER while it dries, minus
    infinity if it has not dried since it is observed.
    drying_watched: it was observed before it began to dry.
    filled_since: monotonic seconds since when the slot that is filled longest is.
    cleared_at: monotonic seconds at which each of its slots was cleared last.
    reading_until: monotonic seconds when the last read of a tag ended, in this unit or in
    another one of the printer; NEVER while one is read, minus infinity if none was.
    reading_enabled: the printer reads tags on insertion (a setting of the printer).
    idle_since: monotonic seconds since when nothing prevents that a tag is read; NEVER
    while the unit feeds a print, dries or has its filament pulled back, or a tag is read.
    still_since: monotonic seconds of the last presence change or tag read in the unit.
    polled: what it does between two reports is not observed.
    """

    drying: bool
    can_dry: bool
    drying_until: float
    drying_watched: bool
    filled_since: float
    cleared_at: tuple[float, ...]
    feeding: bool
    reading_until: float
    loading: bool
    printing: bool
    reading_enabled: bool
    idle_since: float
    still_since: float
    polled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotChange:
    """A confirmed change of a slot, to be emitted as a spool event.

    gap: the gap after which the change was found; None where it was observed live.
    reason: "runout" for a removal that emptied the slot during a print.
    """

    event_type: EventType
    time: Timestamp
    identifiers: Identifiers
    gap: Gap | None
    filament: Filament | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChange:
    """An insertion or a removal since `time` that is not confirmed yet."""

    time: Timestamp
    gap: Gap | None
    runout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleSwap:
    """The spool may be another one: after a gap, or after a short absence.

    removed_at, inserted_at: the limits of the short absence; None after a gap.
    """

    gap: Gap | None
    removed_at: Timestamp | None = None
    inserted_at: Timestamp | None = None
