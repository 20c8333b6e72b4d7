"""The product under test: real drivers, `apply` and store, without Home Assistant."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
import logging
from pathlib import Path
import sqlite3
from typing import Any

from scripts.tools.package import load

from .virtual_time import START, LoopClock

base = load("drivers.base")
model = load("model")
slot_state = load("core.slot_state")
schema = load("core.tables.schema")
printers = load("core.tables.printers")
row_writer = load("core.tables.row_writer")

LOG = logging.getLogger("oracle")
LOG.setLevel(logging.CRITICAL)
LOG.propagate = False

type Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Emitted:
    """A spool event: when it was emitted, and what it reports.

    dated: the time of the change itself, in seconds since the start.
    colour: of the filament; None for none.
    """

    at: float
    dated: float
    kind: str
    place: Place
    identity: str | None
    late: bool
    reason: str | None
    colour: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the product shows of a slot."""

    present: bool | None
    identity: str | None
    colour: str | None = None


class MemoryStore:
    """The real tables in one memory database that all histories share."""

    def __init__(self) -> None:
        """Make the tables."""
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        schema.migrate(self._db, Path("unused"))
        self._recorder = row_writer.RowWriter()
        self._count = count(1)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def identity(self) -> str:
        """Return a printer that no history had before; the old ones are dropped."""
        for (table,) in self._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608
        self._recorder = row_writer.RowWriter()
        return f"printer{next(self._count)}"

    def open_printer(self, identity: str, driver_key: str) -> tuple[int, Any]:
        """Return the id and the stored slots of a printer."""
        known = printers.Registration(identity, identity, driver_key, identity)
        found: tuple[int, Any] = printers.put_printer(self._db, known)
        return found

    def write(self, printer_id: int, slots: Any, rows: Any) -> None:
        """Write what one event changed, in a transaction of its own."""
        self._db.execute("BEGIN")
        self._recorder.record(self._db, printer_id, slots, rows)
        self._recorder.flush(self._db)
        self._db.execute("COMMIT")

    def remember(self, printer_id: int, memory: Any) -> None:
        """Write the memory of a driver that was stopped."""
        at = datetime.fromtimestamp(0, UTC)
        printers.put_last_seen(self._db, printer_id, at, memory)


class Product:
    """One configured printer: its driver, and its slots in memory and in the store."""

    def __init__(
        self,
        driver: Any,
        config: dict[str, Any],
        clock: LoopClock,
        store: MemoryStore,
        taken: Callable[[Emitted], None],
    ) -> None:
        """Set it up; `taken` is given each spool event."""
        self.events: list[dict[str, Any]] = []
        self._make = driver
        self._config = config
        self._clock = clock
        self._store = store
        self._taken = taken
        self._identity = store.identity()
        self._driver: Any = None
        self._printer_id = 0
        self._slots: Any = None

    async def start(self) -> None:
        """Start as after a start of Home Assistant."""
        self._printer_id, self._slots = await self._open()

        self._driver = self._make(
            self._printer_id,
            self._config,
            base.EventEmitter(self._deliver),
            base.DriverServices(
                stored=tuple(self._slots.slots.values()),
                last_seen=self._slots.last_seen,
                memory=self._slots.memory,
                clock=self._clock,
                random=lambda: 0.0,
                session=object(),
                log=LOG,
                health_changed=lambda: None,
            ),
        )
        await self._driver.start()

    async def stop(self) -> None:
        """Stop as with Home Assistant."""
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.stop()
            await self._close(driver.memory())

    async def _open(self) -> tuple[int, Any]:
        """Return the id of the printer and its stored slots."""
        return self._store.open_printer(self._identity, self._make.driver_key)

    async def _close(self, memory: Any) -> None:
        """Write the memory of the driver, and close what was opened."""
        self._store.remember(self._printer_id, memory)

    async def drain(self) -> None:
        """Wait until all events are written."""

    @property
    def running(self) -> bool:
        """Whether Home Assistant runs."""
        return self._driver is not None

    @property
    def status(self) -> str:
        """The driver's status."""
        return str(self._driver.health()["status"]) if self._driver else "stopped"

    def shown(self) -> dict[Place, Shown]:
        """Return what each slot is shown as."""
        return {
            _place(slot.unit.serial or slot.unit.label, slot.slot_no)
            if slot.unit
            else ("direct", slot.slot_no): Shown(
                slot.present,
                slot.identifiers.external_id or slot.identifiers.vendor_tag,
                slot.filament.color_hex if slot.filament else None,
            )
            for slot in self._slots.slots.values()
        }

    def _deliver(self, event: dict[str, Any]) -> None:
        self._write(event)
        if event["event_type"] == "ams_state":
            return
        meta, slot, names = event["meta"], event["slot"], event["identifiers"] or {}
        unit = meta.get("unit") or {}
        self._taken(
            Emitted(
                self._clock.monotonic(),
                (datetime.fromisoformat(event["event_at"]) - START).total_seconds(),
                event["event_type"],
                _place(unit.get("serial") or unit.get("label"), slot["slot_no"])
                if slot["is_ams_slot"]
                else ("direct", slot["slot_no"]),
                names.get("external_id") or names.get("vendor_tag"),
                meta["detected_late"],
                meta.get("reason"),
                (meta.get("filament") or {}).get("color_hex"),
            )
        )

    def _write(self, event: dict[str, Any]) -> None:
        parsed = model.parse_event(event)
        slots = replace(self._slots, memory=self._driver.memory())
        self._slots, rows = slot_state.apply(slots, parsed)
        if rows:
            self._store.write(self._printer_id, self._slots, rows)


def _place(unit: str | None, slot_no: int) -> Place:
    return (unit or "?", slot_no)
