"""A printer of plain facts in front of the real tracker, on a clock of our own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from custom_components.filament_slots.drivers.base import EventEmitter
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot, Unit
from custom_components.filament_slots.drivers.tracking.tracker import SlotTracker
from custom_components.filament_slots.model import (
    NO_IDENTIFIERS,
    Identifiers,
    StoredSlot,
    parse_event,
)
from tests.clock import FakeClock

SERIAL = "00600A000000001"


def tag(name: str, chip: str | None = None) -> Identifiers:
    """Return the identity of a tagged spool."""
    return Identifiers(
        external_id=f"bambulab:{name}",
        rfid_uid=chip or f"CHIP{name}",
        vendor_tag="GFA00",
    )


RED, BLUE = tag("RED"), tag("BLUE")


class Rig:
    """Says what is so; collects what the tracker says happened.

    Slots stand in one unit, number 1, unless a test arranges the units itself.
    """

    def __init__(
        self,
        *,
        units: int = 1,
        slots: int = 2,
        stored: tuple[StoredSlot, ...] = (),
        last_seen: datetime | None = None,
        **about: Any,
    ) -> None:
        """Arrange empty slots that read tags; nothing is said yet."""
        self.clock = FakeClock()
        self.events: list[dict[str, Any]] = []
        self.snapshot = Snapshot(
            complete=True,
            units=tuple(
                Unit(
                    ams_unit_no=number,
                    slots_total=slots,
                    serial=f"{SERIAL[:-1]}{number}",
                    model="AMS",
                    label="ABCD"[number - 1],
                    slots=tuple(
                        Slot(
                            slot_no=slot,
                            label=f"{'ABCD'[number - 1]}{slot}",
                            present=False,
                            reads_tags=True,
                            read_done=False,
                        )
                        for slot in range(1, slots + 1)
                    ),
                )
                for number in range(1, units + 1)
            ),
        )
        self._about = about
        self._gathering = False
        self.start(stored, last_seen)

    def start(
        self, stored: tuple[StoredSlot, ...] = (), last_seen: datetime | None = None
    ) -> None:
        """Put a fresh tracker before the printer, as after a restart."""
        self.tracker = SlotTracker(
            1,
            EventEmitter(self._collect),
            self.clock,
            stored,
            last_seen,
            **self._about,
        )

    def _collect(self, event: dict[str, Any]) -> None:
        parse_event(event)
        self.events.append(event)

    # What the printer says.

    def say(self, **changes: Any) -> None:
        """Change facts about the printer and say them."""
        self.snapshot = replace(self.snapshot, **changes)
        if not self._gathering:
            self.tracker.observe(self.snapshot)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Gather changes and say them in one message."""
        self._gathering = True
        yield
        self._gathering = False
        self.say()

    def unit(self, number: int = 1, **changes: Any) -> None:
        """Change facts about a unit and say them."""
        self.say(
            units=tuple(
                replace(unit, **changes) if unit.ams_unit_no == number else unit
                for unit in self.snapshot.units
            )
        )

    def slot(self, slot_no: int = 1, unit_no: int = 1, **changes: Any) -> None:
        """Change facts about a slot and say them."""
        unit = next(u for u in self.snapshot.units if u.ams_unit_no == unit_no)
        self.unit(
            unit_no,
            slots=tuple(
                replace(slot, **changes) if slot.slot_no == slot_no else slot
                for slot in unit.slots
            ),
        )

    def put(self, spool: Identifiers | None, slot_no: int = 1, **more: Any) -> None:
        """Put a spool in; its tag has been read, or has been found missing."""
        self.slot(
            slot_no,
            present=True,
            identifiers=spool or NO_IDENTIFIERS,
            read_done=True,
            **more,
        )

    def put_unread(self, slot_no: int = 1, **more: Any) -> None:
        """Put a spool in whose tag nobody has tried to read yet."""
        self.slot(slot_no, present=True, read_done=False, **more)

    def take(self, slot_no: int = 1, **more: Any) -> None:
        """Take the spool out."""
        self.slot(
            slot_no,
            present=False,
            identifiers=NO_IDENTIFIERS,
            read_done=False,
            filament=None,
            **more,
        )

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.tick(seconds)

    def outage(self, seconds: float = 100) -> None:
        """Lose the connection for a while; say() speaks again."""
        self.tracker.disconnected()
        self.wait(seconds)

    # What the tracker said.

    def heard(self) -> list[tuple[str, int, str | None]]:
        """Return and forget the spool events: (what, slot, stable identity)."""
        told = [
            (
                event["event_type"].removeprefix("spool_"),
                event["slot"]["slot_no"],
                (event["identifiers"]["external_id"] or "").removeprefix("bambulab:")
                or None,
            )
            for event in self.events
            if event["event_type"] != "ams_state"
        ]
        self.events.clear()
        return told

    def told_at(self) -> list[tuple[str, float]]:
        """Return and forget the spool events with their seconds since the start."""
        start = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        told = [
            (
                event["event_type"].removeprefix("spool_"),
                (datetime.fromisoformat(event["event_at"]) - start).total_seconds(),
            )
            for event in self.events
            if event["event_type"] != "ams_state"
        ]
        self.events.clear()
        return told

    def spool_events(self) -> list[dict[str, Any]]:
        """Return and forget the spool events, whole."""
        told = [event for event in self.events if event["event_type"] != "ams_state"]
        self.events.clear()
        return told

    def states(self) -> list[dict[str, Any]]:
        """Return and forget the `ams_state` events."""
        told = [event for event in self.events if event["event_type"] == "ams_state"]
        self.events.clear()
        return told


def state_of(
    event: dict[str, Any], slot_no: int = 1, unit_no: int = 1
) -> dict[str, Any]:
    """Return a slot as an `ams_state` shows it."""
    return next(
        slot
        for unit in event["ams_units"]
        if unit["ams_unit_no"] == unit_no
        for slot in unit["slots"]
        if slot["slot_no"] == slot_no
    )
