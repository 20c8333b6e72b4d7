"""Explains a tracked slot: what is confirmed, what is pending, and what it waits for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ...model import NO_IDENTIFIERS, iso_utc
from ..explanation import Change, NotObserved, Pending, SlotExplanation, WaitsFor
from ..timings import NEVER
from .slot import TrackedSlot
from .types import Gap, Timestamp, UnitActivity
from .unit import TrackedUnit


def explain_slot(
    unit: TrackedUnit,
    number: int,
    activity: UnitActivity | None,
    now: Timestamp,
) -> SlotExplanation:
    """Return the explanation of a slot without what was reported about it.

    activity: what its unit is doing; None while nothing is observed.
    """
    slot = unit.slots[number]
    reported = slot.reported
    named = reported.identifiers if reported is not None else NO_IDENTIFIERS
    masked = (
        reported is not None
        and named.known
        and not named.same_spool(slot.spool.identifiers)
        and not slot.spool.reads.names_present(reported, now)[0]
    )
    return {
        "ams_unit_no": unit.number,
        "unit_serial": unit.serial,
        "slot_no": number,
        "present": slot.presence.confirmed,
        "identifiers": slot.spool.identifiers.model_dump(),
        "departed": named.model_dump() if masked else None,
        "not_observed": _not_observed(slot.presence.gap),
        "pending": list(_pending(slot, activity, now)),
        "reported": None,
    }


def _not_observed(gap: Gap | None) -> NotObserved | None:
    if gap is None:
        return None
    return {"since": _iso(gap.since), "drying": gap.drying}


def _pending(
    slot: TrackedSlot, unit: UnitActivity | None, now: Timestamp
) -> Iterator[Pending]:
    """Yield the changes that are not confirmed; of several, all wait for the same."""
    presence, spool, reported = slot.presence, slot.spool, slot.reported
    left = slot.due - now.monotonic
    until = _iso(now.at + timedelta(seconds=left)) if 0 < left < NEVER else None

    def change(kind: Change, since: datetime | None, waits_for: WaitsFor) -> Pending:
        return {
            "change": kind,
            "since": _iso(since),
            "until": until,
            # Once it has lasted, a report confirms it.
            "waits_for": waits_for if left > 0 else "report",
        }

    removal, insertion, gap = presence.removal, presence.insertion, presence.gap
    if removal is not None:
        dried = removal.gap is not None and removal.gap.drying
        yield change("removal", removal.time.at, "drying" if dried else "time")
    elif gap is not None and presence.confirmed:
        # It is compared once the unit no longer dries.
        if reported is not None and reported.present is False:
            yield change("removal", gap.since, "drying")
    if insertion is not None:
        settled = now.monotonic >= presence.settled_at(insertion)
        reads = reported is not None and reported.reads_tags
        identity: WaitsFor = "tag" if reads else "load"
        waits_for = identity if settled and removal is None else "time"
        yield change("insertion", insertion.time.at, waits_for)
    elif presence.inlet_since is not None and not presence.confirmed:
        yield change("insertion", presence.inlet_since.at, "time")
    if spool.pending_identity is not None:
        yield change("swap", spool.pending_identity[1].at, "time")
    elif (swap := spool.possible_swap) is not None:
        yield change("swap", swap.removed_at.at if swap.removed_at else None, "tag")
    if spool.pending_unknown and presence.confirmed:
        began = spool.last_insertion.time.at if spool.last_insertion else None
        if unit is None:
            yield change("unknown", began, "report")
        else:
            yield change("unknown", began, "print" if unit.feeding else "tag")


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso_utc(at)
