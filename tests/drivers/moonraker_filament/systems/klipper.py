"""A Klipper of plain facts in front of the real decoder and tracker."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
import logging
from typing import Any

from custom_components.filament_slots.drivers.base import EventEmitter
from custom_components.filament_slots.drivers.moonraker_filament.state import (
    TIMINGS,
    Ask,
    MoonrakerDecoder,
)
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot, Unit
from custom_components.filament_slots.drivers.tracking.tracker import SlotTracker
from custom_components.filament_slots.model import StoredSlot, parse_event
from tests.clock import FakeClock

type Status = Mapping[str, Mapping[str, Any]]


def answer(result: Any) -> dict[str, Any]:
    """Return an answer of Moonraker's."""
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def notification(method: str, *params: Any) -> dict[str, Any]:
    """Return a notification; those without params have no such key."""
    return {
        "jsonrpc": "2.0",
        "method": method,
        **({"params": [*params]} if params else {}),
    }


def info(state: str = "ready", *components: str) -> dict[str, Any]:
    """Return the answer to server.info."""
    return answer({"klippy_state": state, "components": ["database", *components]})


class Klipper:
    """A fake Klipper that answers the decoder's calls and sends changes.

    status: every object with all its fields, as Klipper has them now.
    """

    def __init__(
        self,
        status: Status,
        *,
        spool_id: int | str | None = "no Spoolman",
        numbers: dict[str, int] | None = None,
        stored: Iterable[StoredSlot] = (),
    ) -> None:
        """Create it ready, with all calls answered."""
        self.status: dict[str, dict[str, Any]] = deepcopy(
            {name: dict(fields) for name, fields in status.items()}
        )
        self.asked: list[Ask] = []
        self.clock = FakeClock()
        self.events: list[dict[str, Any]] = []
        self.decoder = MoonrakerDecoder(logging.getLogger(__name__), numbers)
        self.tracker = SlotTracker(
            1,
            EventEmitter(self._collect),
            self.clock,
            self.repeat,
            stored,
            timings=TIMINGS,
        )
        self._spool_id = spool_id
        self._state = "ready"
        self.answer_all()

    # Messages.

    def answer_all(self) -> None:
        """Answer until there is no call left, or Klippy is not ready."""
        while ask := self.decoder.ask:
            self.asked.append(ask)
            self.receive(self._answer(ask))
            if self._state != "ready":
                return

    def change(self, name: str, **fields: Any) -> Snapshot | None:
        """Change fields of an object and send the change."""
        self.status.setdefault(name, {}).update(fields)
        return self.receive(notification("notify_status_update", {name: fields}, 1.0))

    def stop(self, state: str = "disconnected") -> None:
        """Put Klippy into a state in which it is not ready."""
        self._state = state
        self.receive(notification(f"notify_klippy_{state}"))

    def start(self, status: Status | None = None) -> None:
        """Make Klippy ready again, with another status."""
        self._state = "ready"
        if status is not None:
            self.status = deepcopy({name: dict(status[name]) for name in status})
        self.receive(notification("notify_klippy_ready"))
        self.answer_all()

    def wait(self, seconds: float) -> None:
        """Let time pass, after which a report changes nothing."""
        self.clock.tick(seconds)
        self.repeat()

    def repeat(self) -> None:
        """Report that nothing has changed, if Klippy is ready."""
        if self._state == "ready":
            self.receive(notification("notify_status_update", {}, 1.0))

    def receive(self, message: dict[str, Any]) -> Snapshot | None:
        """Pass a message on; return the snapshot if it is a new one."""
        before = self.decoder.snapshot
        snapshot = self.decoder.feed(message)
        if snapshot is not None:
            self.tracker.observe(snapshot)
        return None if snapshot is before else snapshot

    def _answer(self, ask: Ask) -> dict[str, Any]:
        match ask:
            case Ask("server.info"):
                spoolman = () if self._spool_id == "no Spoolman" else ("spoolman",)
                return info(self._state, *spoolman)
            case Ask("server.spoolman.status"):
                return answer({"spoolman_connected": True, "spool_id": self._spool_id})
            case Ask("printer.objects.list"):
                return answer({"objects": [*self.status]})
            case Ask(_, {"objects": wanted}):
                return answer(
                    {
                        "eventtime": 1.0,
                        "status": {
                            name: {key: self.status[name].get(key) for key in keys}
                            if name in self.status
                            else {}
                            for name, keys in wanted.items()
                        },
                    }
                )
        raise AssertionError(ask)

    # What is made of it.

    @property
    def snapshot(self) -> Snapshot:
        """The decoder's snapshot."""
        assert self.decoder.snapshot is not None
        return self.decoder.snapshot

    def frozen(self) -> bool:
        """Whether the snapshot is frozen."""
        return self.snapshot.frozen

    def unit(self, number: int = 1) -> Unit:
        """Return a unit."""
        return next(unit for unit in self.snapshot.units if unit.ams_unit_no == number)

    def slot(self, slot_no: int, unit: int = 1) -> Slot:
        """Return a slot of a unit."""
        return next(slot for slot in self.unit(unit).slots if slot.slot_no == slot_no)

    def direct(self, slot_no: int) -> Slot:
        """Return a slot outside any unit."""
        return next(
            slot for slot in self.snapshot.direct_slots if slot.slot_no == slot_no
        )

    @property
    def happened(self) -> list[tuple[str, int, str | None]]:
        """The spool events: type, slot, identifier."""
        return [
            (
                event["event_type"]
                .removeprefix("spool_")
                .removesuffix("_spool_detected"),
                event["slot"]["slot_no"],
                event["identifiers"]["external_id"]
                or event["identifiers"]["rfid_uid"]
                or event["identifiers"]["vendor_tag"],
            )
            for event in self.events
            if event["event_type"] != "ams_state"
        ]

    def _collect(self, event: dict[str, Any]) -> None:
        parse_event(event)
        self.events.append(event)
