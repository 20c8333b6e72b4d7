"""What the product can hold a slot for."""

from dataclasses import dataclass

from .record import Reel, Stay


@dataclass(frozen=True, slots=True)
class Belief:
    """What the product can hold a slot for.

    reported: the spool was called unknown.
    ran_out: the spool before, for which this one is taken, ran out.
    unnamed: one of the limits allowed that its name did not count, though it was read.
    """

    reel: Reel | None
    identity: str | None
    inserted: bool = False
    reported: bool = False
    stay: Stay | None = None
    ran_out: bool = False
    unnamed: bool = False
