"""The explanation of a printer's slots: the JSON-able dictionary of `Driver.explain()`.

Times are ISO 8601 in UTC. It holds the ids of tags, but no secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

# By the numbers of its unit (None: a direct slot of the printer) and of the slot.
type SlotNumbers = tuple[int | None, int]
type Change = Literal["insertion", "removal", "swap", "unknown"]
type WaitsFor = Literal["time", "tag", "report", "drying", "print", "load"]


class Refused(TypedDict):
    """Reports and values that were not used for one reason: how many, and when last."""

    reason: str
    count: int
    last_at: str


class Pending(TypedDict):
    """A change that is not confirmed yet.

    since: when it was first reported; None if that is not known.
    until: when it is decided if nothing else is reported; None without such a time.
    waits_for: what decides it: that it lasts (time), a tag that is read, a report of the
    printer, the end of drying, of the running print, or of the changer's own load.
    """

    change: Change
    since: str | None
    until: str | None
    waits_for: WaitsFor


class NotObserved(TypedDict):
    """Why a slot is not compared: since when, and whether because its unit dries."""

    since: str | None
    drying: bool


class Reported(TypedDict):
    """What the printer stated last about a slot.

    since: since when presence, tag reads and identity are reported as they are.
    decoded: the attributes of `snapshot.Slot`.
    wire: the values they were decoded from; None if none are of this slot alone.
    """

    since: str
    decoded: dict[str, Any]
    wire: Mapping[str, Any] | None


class SlotExplanation(TypedDict):
    """Why one slot reads as it does.

    present, identifiers: as confirmed.
    departed: the identity of the spool that left, which the printer still reports.
    not_observed: None while the slot is observed.
    reported: None before the first report.
    """

    ams_unit_no: int | None
    unit_serial: str | None
    slot_no: int
    present: bool | None
    identifiers: dict[str, Any]
    departed: dict[str, Any] | None
    not_observed: NotObserved | None
    pending: list[Pending]
    reported: Reported | None


class PrinterReport(TypedDict):
    """What the printer stated last that holds for all its slots.

    last_message_at: when it last sent anything; None if it never did.
    changed_at: when what it reports changed last; None before the first report.
    complete, frozen: see `snapshot.Snapshot`.
    source: what its slots are read from, where it has several possible sources.
    wire: the values that are not of one slot alone.
    refused: what was not used since the driver was created.
    """

    last_message_at: str | None
    changed_at: str | None
    complete: bool
    frozen: bool
    source: str | None
    wire: Mapping[str, Any]
    refused: list[Refused]


class Explanation(TypedDict):
    """Why the slots of a printer read as they do."""

    printer: PrinterReport
    slots: list[SlotExplanation]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireState:
    """The values that a decoder reads the slots from, as the printer sent them last.

    source: what they belong to, where a printer has several possible sources.
    printer: those that are not of one slot alone. slots: those of each slot.
    """

    source: str | None = None
    printer: Mapping[str, Any] = field(default_factory=dict)
    slots: Mapping[SlotNumbers, Mapping[str, Any]] = field(default_factory=dict)
