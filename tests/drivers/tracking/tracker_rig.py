"""A rig that feeds snapshots to the real tracker, on a fake clock."""

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
    StoredUnit,
    parse_event,
)

from ...clock import FakeClock

SERIAL = "00600A000000001"
OTHER_SERIAL = "00600A000000002"


def tag(name: str, chip: str | None = None) -> Identifiers:
    """Return the identity of a tagged spool."""
    return Identifiers(
        external_id=f"bambulab:{name}",
        rfid_uid=chip or f"CHIP{name}",
        vendor_tag="GFA00",
    )


RED, BLUE = tag("RED"), tag("BLUE")


def make_unit(
    number: int, serial: str | None, *spools: Identifiers | None, **changes: Any
) -> Unit:
    """Return a unit whose slots hold these spools (None: an empty slot)."""
    return Unit(
        ams_unit_no=number,
        serial=serial,
        slots_total=len(spools),
        slots=tuple(
            Slot(
                slot_no=slot_no,
                present=spool is not None,
                identifiers=spool or NO_IDENTIFIERS,
                reads_tags=True,
                read_done=spool is not None,
            )
            for slot_no, spool in enumerate(spools, start=1)
        ),
        **changes,
    )


def stored_unit(number: int, serial: str | None, **changes: Any) -> StoredUnit:
    """Return a unit as the store keeps it."""
    return StoredUnit(
        key=serial or f"u{number}",
        serial=serial,
        ams_unit_no=number,
        **{"slots_total": 1} | changes,
    )


def stored_slot(slot_no: int = 1, **changes: Any) -> StoredSlot:
    """Return a slot of unit 1 as the store keeps it."""
    unit = stored_unit(
        1, SERIAL, slots_total=2, model="AMS", label="A", online=True, drying=False
    )
    return StoredSlot(unit=unit, slot_no=slot_no, label=f"A{slot_no}", **changes)


class Rig:
    """Feeds snapshots to a tracker and collects its events.

    The slots are those of one unit, number 1, unless a test defines the units itself.
    """

    def __init__(
        self,
        *,
        units: int = 1,
        slots: int = 2,
        stored: tuple[StoredSlot, ...] = (),
        last_seen: datetime | None = None,
        **options: Any,
    ) -> None:
        """Define empty slots that read tags; no snapshot is reported yet."""
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
        self._options = options
        self._gathering = False
        self.requests = 0
        self.start(stored, last_seen)

    def start(
        self, stored: tuple[StoredSlot, ...] = (), last_seen: datetime | None = None
    ) -> None:
        """Create a new tracker, as a restart does."""
        self._connected = False
        self.tracker = SlotTracker(
            1,
            EventEmitter(self._collect),
            self.clock,
            self._count_request,
            stored,
            last_seen,
            **self._options,
        )

    def _count_request(self) -> None:
        self.requests += 1

    def _collect(self, event: dict[str, Any]) -> None:
        parse_event(event)
        self.events.append(event)

    # What the printer reports.

    def report(self, **changes: Any) -> None:
        """Change attributes of the printer and report them."""
        self.snapshot = replace(self.snapshot, **changes)
        if not self._gathering:
            self._connected = True
            self.tracker.observe(self.snapshot)

    @contextmanager
    def one_report(self) -> Iterator[None]:
        """Gather changes and report them in one snapshot."""
        self._gathering = True
        yield
        self._gathering = False
        self.report()

    def unit(self, number: int = 1, **changes: Any) -> None:
        """Change attributes of a unit and report them."""
        self.report(
            units=tuple(
                replace(unit, **changes) if unit.ams_unit_no == number else unit
                for unit in self.snapshot.units
            )
        )

    def slot(self, slot_no: int = 1, unit_no: int = 1, **changes: Any) -> None:
        """Change attributes of a slot and report them."""
        unit = next(u for u in self.snapshot.units if u.ams_unit_no == unit_no)
        self.unit(
            unit_no,
            slots=tuple(
                replace(slot, **changes) if slot.slot_no == slot_no else slot
                for slot in unit.slots
            ),
        )

    def put(self, spool: Identifiers | None, slot_no: int = 1, **more: Any) -> None:
        """Insert a spool whose tag was read; None: a spool without a tag."""
        self.slot(
            slot_no,
            present=True,
            identifiers=spool or NO_IDENTIFIERS,
            read_done=True,
            **more,
        )

    def put_unread(self, slot_no: int = 1, **more: Any) -> None:
        """Insert a spool whose tag has not been read yet."""
        self.slot(slot_no, present=True, read_done=False, **more)

    def take(self, slot_no: int = 1, **more: Any) -> None:
        """Remove the spool."""
        self.slot(
            slot_no,
            present=False,
            identifiers=NO_IDENTIFIERS,
            read_done=False,
            filament=None,
            **more,
        )

    def wait(self, seconds: float) -> None:
        """Let time pass, while the printer repeats its report every half second."""
        while self._connected and seconds > 0:
            self.silence(min(seconds, 0.5))
            self.tracker.observe(self.snapshot)
            seconds -= 0.5
        self.silence(max(seconds, 0))

    def silence(self, seconds: float) -> None:
        """Let time pass in which nothing is reported."""
        self.clock.tick(seconds)

    def outage(self, seconds: float = 100) -> None:
        """Lose the connection for a while; the next report() ends the gap."""
        self.tracker.disconnected()
        self._connected = False
        self.silence(seconds)

    # What the tracker emitted.

    def changes(self) -> list[tuple[str, int, str | None]]:
        """Return and forget the spool events: (type, slot number, external id)."""
        changes = [
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
        return changes

    def changes_at(self) -> list[tuple[str, float]]:
        """Return and forget the spool events with their seconds since the start."""
        start = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        changes = [
            (
                event["event_type"].removeprefix("spool_"),
                (datetime.fromisoformat(event["event_at"]) - start).total_seconds(),
            )
            for event in self.events
            if event["event_type"] != "ams_state"
        ]
        self.events.clear()
        return changes

    def spool_events(self) -> list[dict[str, Any]]:
        """Return and forget the complete spool events."""
        changes = [event for event in self.events if event["event_type"] != "ams_state"]
        self.events.clear()
        return changes

    def states(self) -> list[dict[str, Any]]:
        """Return and forget the `ams_state` events."""
        changes = [event for event in self.events if event["event_type"] == "ams_state"]
        self.events.clear()
        return changes


def state_of(
    event: dict[str, Any], slot_no: int = 1, unit_no: int = 1
) -> dict[str, Any]:
    """Return a slot in an `ams_state`."""
    return next(
        slot
        for unit in event["ams_units"]
        if unit["ams_unit_no"] == unit_no
        for slot in unit["slots"]
        if slot["slot_no"] == slot_no
    )
