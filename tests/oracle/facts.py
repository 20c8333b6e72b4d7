"""What the judge goes by: times of the hardware, and what it is to overlook."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What holds for the hardware, in seconds.

    absent_must, absent_may: an absence in sight for so long has to be, may be reported.
    present_must, present_may: the same for a presence.
    settles_by: a presence is settled by then, unless its switch opens before.
    names_by: an identity read so soon after the insertion comes with it.
    removed_by, inserted_by: how long a change in sight may take to be reported.
    dated_by: an event's own time is that long after the first report of the change.
    reads: a reader finds identities; otherwise software assigns them.
    unknown: spools without identity are reported.
    untimed: reports do not contain when they were made.
    shows_untagged: that a spool was read and has no tag stays in the reports.
    """

    absent_must: float = 16.0
    absent_may: float = 7.9
    present_must: float = 5.0
    present_may: float = 2.4
    settles_by: float = 5.0
    names_by: float = 24.0
    removed_by: float = 25.0
    inserted_by: float = 135.0
    dated_by: float = 3.0
    reads: bool = True
    unknown: bool = True
    untimed: bool = False
    shows_untagged: bool = True


@dataclass(frozen=True, slots=True)
class Leniency:
    """What is overlooked, to find out what is wrong."""

    lateness: bool = False
    time: bool = False
    identity: bool = False
    reason: bool = False
    unknown: bool = False
    dates: bool = False
    filament: bool = False
