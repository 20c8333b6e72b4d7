"""What the tracker's parts tell each other: moments, gaps, and what happened."""

from dataclasses import dataclass
from datetime import datetime

from ...model import EventType, Filament, Identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which a slot was not watched; what comes of it is learnt late.

    since: None where nobody remembers when it was last watched.
    drying: the unit was drying, which pulls filament back without a spool leaving.
    """

    since: datetime | None
    drying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Now: in seconds that never jump, as a time of day, and in which wire message."""

    seconds: float
    at: datetime
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the slot's unit is doing; `idle_since` and `still_since` in seconds.

    idle_since: since when it has fed no print and read no tag; NEVER while it does.
    still_since: since when no presence changed in it and no tag was read.
    """

    drying: bool
    feeding: bool
    reading: bool
    loading: bool
    printing: bool
    reading_enabled: bool
    idle_since: float
    still_since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that is now certain to have happened to the slot."""

    event_type: EventType
    moment: Moment
    identifiers: Identifiers
    gap: Gap | None
    filament: Filament | None = None
    reason: str | None = None
