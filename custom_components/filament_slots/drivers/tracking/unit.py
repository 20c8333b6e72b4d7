"""A tracked unit: its identity, what it is doing, and its slots."""

from collections.abc import Iterable
from typing import Any

from ...model import StoredUnit
from ..snapshot import Slot, Snapshot, Unit
from ..timings import NEVER, Timings
from .slot import TrackedSlot
from .types import Gap, Timestamp, UnitActivity

_TELEMETRY = (
    "humidity_percent",
    "humidity_index",
    "temperature_c",
    "drying_minutes_left",
)


class TrackedUnit:
    """A unit as last confirmed, or the printer's direct slots (`number` None).

    resolved: its serial is known, or the wait for one has ended; nothing of the unit
    is emitted before.
    online: None until the printer has reported it, False once it is missing for long.
    missing_since: monotonic seconds; None while the printer reports it.
    """

    def __init__(self, number: int | None, timings: Timings) -> None:
        """Create a unit of which only the number is known."""
        self.number = number
        self.serial: str | None = None
        self.resolved = False
        self.online: bool | None = None
        self.description: Unit | StoredUnit | None = None
        self.slots: dict[int, TrackedSlot] = {}
        self.missing_since: float | None = None
        self._timings = timings
        self._idle_since = NEVER
        self._still_since = NEVER
        self._reported: tuple[Slot, ...] = ()
        self._reading_until = -NEVER
        self._drying_until = -NEVER
        self._drying_watched = False
        self._filled_at: dict[int, float] = {}
        # When each slot was cleared last, and since when it had been filled.
        self._cleared: dict[int, tuple[float, float]] = {}

    def suspend(self, gap: Gap) -> None:
        """Stop observing its slots."""
        for slot in self.slots.values():
            slot.suspend(gap)
        self._idle_since = NEVER
        self._reported = ()
        self._reading_until = -NEVER
        self._drying_until = -NEVER
        self._drying_watched = False
        self._filled_at.clear()
        self._cleared.clear()

    def resume_reads(self, reading: Iterable[Slot]) -> None:
        """Follow the reads that were reported before it was identified."""
        for slot in reading:
            if tracked := self.slots.get(slot.slot_no):
                tracked.spool.reads.resume(slot)

    def observe(
        self, reported: tuple[Slot, ...], snapshot: Snapshot, now: Timestamp
    ) -> None:
        """Pass what the printer reports about the slots to them."""
        self._note_still(reported, now)
        self._note_drying(now)
        self._note_reading(snapshot, now)
        activity = self.activity(snapshot)
        for slot in reported:
            tracked = self.slots.get(slot.slot_no)
            if tracked is None:
                tracked = self.slots[slot.slot_no] = TrackedSlot(
                    self._timings, Gap(since=None)
                )
            tracked.observe(slot, activity, now)

    def note_idle(self, snapshot: Snapshot, now: Timestamp) -> None:
        """Note since when it is idle, once its slots were observed or decided."""
        if not self._reported or self._busy(snapshot):
            self._idle_since = NEVER
        elif self._idle_since == NEVER:
            self._idle_since = now.monotonic

    def activity(self, snapshot: Snapshot) -> UnitActivity:
        """Return what the unit is doing."""
        unit = self.description if isinstance(self.description, Unit) else None
        return UnitActivity(
            drying=self._drying_until == NEVER,
            can_dry=unit is not None
            and (unit.drying or unit.drying_minutes_left is not None),
            drying_until=self._drying_until,
            drying_watched=self._drying_watched,
            filled_since=min(self._filled_at.values(), default=NEVER),
            cleared_at=tuple(at for at, _ in self._cleared.values()),
            feeding=self._feeding(snapshot),
            reading_until=self._reading_until,
            loading=unit is not None and unit.loading,
            printing=snapshot.printing,
            reading_enabled=snapshot.reading_enabled,
            idle_since=self._idle_since,
            still_since=self._still_since,
            polled=snapshot.polled,
        )

    def slots_total(self) -> int:
        """Return how many slots the unit has, or how many direct slots there are."""
        return self.description.slots_total if self.description else len(self.slots)

    @property
    def label(self) -> str | None:
        """Its label, as last reported."""
        return self.description.label if self.description else None

    def identification(self) -> dict[str, Any]:
        """Return model, serial and label, as events carry them."""
        unit = self.description
        return {
            "model": unit.model if unit else None,
            "serial": self.serial,
            "label": self.label,
        }

    def drying(self) -> bool | None:
        """Whether it dries, as last reported."""
        return self.description.drying if self.description else None

    def telemetry(self) -> dict[str, Any]:
        """Return humidity in whole %, temperature in 0.5 °C steps, minutes."""
        telemetry = {key: getattr(self.description, key, None) for key in _TELEMETRY}
        if telemetry["humidity_percent"] is not None:
            telemetry["humidity_percent"] = round(telemetry["humidity_percent"])
        if telemetry["temperature_c"] is not None:
            telemetry["temperature_c"] = round(telemetry["temperature_c"] * 2) / 2
        return telemetry

    def slot_states(self) -> list[dict[str, Any]]:
        """Return the confirmed slots, as an `ams_state` lists them."""
        return [
            {
                "slot_no": number,
                "present": slot.presence.confirmed,
                "active": slot.active,
                "label": slot.label,
                "identifiers": (
                    slot.spool.identifiers.model_dump() if slot.identifiable else None
                ),
                "filament": (
                    slot.spool.filament.as_dict() if slot.spool.filament else None
                ),
            }
            for number, slot in sorted(self.slots.items())
        ]

    def _feeding(self, snapshot: Snapshot) -> bool:
        """Whether it feeds a print: for direct slots, when one of them is active."""
        if isinstance(self.description, Unit):
            return self.description.feeding
        return snapshot.printing and any(slot.active for slot in self._reported)

    def _busy(self, snapshot: Snapshot) -> bool:
        """Whether it cannot read the tag of a spool now.

        A printer reads one tag at a time, in whichever unit.
        """
        return (
            self._drying_until == NEVER
            or self._feeding(snapshot)
            or self._reading_until == NEVER
            or any(slot.presence.pulled_back for slot in self.slots.values())
        )

    def _note_still(self, reported: tuple[Slot, ...], now: Timestamp) -> None:
        """Note when its slots were filled and cleared, and since when it is still."""
        before, self._reported = self._reported, reported
        known = {slot.slot_no: slot.present for slot in before}
        present = {slot.slot_no: slot.present for slot in reported}
        if present != known or any(slot.reading for slot in reported):
            self._still_since = now.monotonic
        for slot_no, there in present.items():
            if there and slot_no not in self._filled_at:
                # What is pulled back comes back only after the drying.
                flicker = self._cleared.pop(slot_no, None) if self.drying() else None
                self._filled_at[slot_no] = flicker[1] if flicker else now.monotonic
            elif not there and slot_no in self._filled_at:
                filled_at = self._filled_at.pop(slot_no)
                self._cleared[slot_no] = now.monotonic, filled_at

    def _note_drying(self, now: Timestamp) -> None:
        if self.drying():
            if self._drying_until < NEVER:
                # What was cleared longer ago is confirmed, and what is filled again only
                # flickered: neither was pulled back.
                since = now.monotonic - self._timings.removal_confirm
                self._cleared = {
                    slot_no: times
                    for slot_no, times in self._cleared.items()
                    if times[0] > since and slot_no not in self._filled_at
                }
            self._drying_until = NEVER
        else:
            self._drying_watched = True
            if self._drying_until == NEVER:
                self._drying_until = now.monotonic

    def _note_reading(self, snapshot: Snapshot, now: Timestamp) -> None:
        """Note whether a tag is read: a printer reads those of its units one by one."""
        if any(slot.reading for unit in snapshot.units for slot in unit.slots):
            self._reading_until = NEVER
        elif self._reading_until == NEVER:
            self._reading_until = now.monotonic
