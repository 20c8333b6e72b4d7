"""What the store costs: ratios and sizes, measured side by side in one run.

Run it: `python -m scripts.tools.bench_store`. Each function returns its numbers.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import gc
from itertools import batched
from pathlib import Path
import random
import resource
import sqlite3
import tempfile
import time
from typing import Any
from unittest.mock import patch

from ulid_transform import ulid_now

from custom_components.filament_slots.core.engine import database_file
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.engine.transactions import BEGIN
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.maintenance import Maintenance
from custom_components.filament_slots.core.printer_state import Printers
from custom_components.filament_slots.core.tables.codec import rows
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    events_query,
)
from custom_components.filament_slots.core.tables.library import (
    SpoolFilter,
    read_spools,
)
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.core.tables.schema import TABLES, migrate
from custom_components.filament_slots.model import EventType

_START = datetime(2026, 1, 1, tzinfo=UTC)
# On the average: far more than a printer reports, so that a range of time holds many.
_BETWEEN_EVENTS = timedelta(seconds=15)
_FILAMENTS = [
    {
        "name": f"Bambu {material} {finish}",
        "material": material,
        "color_hex": f"#{colour:06X}",
        "vendor": "Bambu Lab",
        "preset": "GFL99",
        "remaining_percent": remaining,
        "weight_g": 1000,
        "nozzle_min_c": 190,
        "nozzle_max_c": 240,
    }
    for material in ("PLA", "PETG", "ABS")
    for finish in ("Basic", "Matte")
    for colour in (0xFF6A13, 0x00AE42, 0x101010)
    for remaining in (20, 45, 80, 100)
]


def slot_events(
    printer_id: int, count: int, *, spools: int = 200
) -> Iterator[dict[str, Any]]:
    """Yield inserts and removes over four units, with ids and filament as real ones."""
    chance = random.Random(printer_id)
    ids = [
        (f"{chance.getrandbits(64):016X}", f"{chance.getrandbits(128):032X}")
        for _ in range(spools)
    ]
    inside: dict[tuple[int, int], int] = {}
    at = _START
    for _ in range(count):
        at += chance.uniform(0, 2) * _BETWEEN_EVENTS
        place = (chance.randrange(1, 5), chance.randrange(1, 5))
        spool = inside.pop(place, None)
        kind = "spool_removed" if spool is not None else "spool_inserted"
        if spool is None:
            spool = inside[place] = chance.randrange(spools)
        rfid_uid, external_id = ids[spool]
        unit, slot = place
        yield {
            "event_id": ulid_now(),
            "event_type": kind,
            "event_at": at.isoformat(),
            "printer_id": printer_id,
            "slot": {
                "is_ams_slot": True,
                "ams_unit_no": unit,
                "slot_no": slot,
                "slots_total": 4,
            },
            "identifiers": {
                "rfid_uid": rfid_uid,
                "external_id": f"bambulab:{external_id}",
                "vendor_tag": "GFA00",
            },
            "meta": {
                "source": "live",
                "filament": _FILAMENTS[spool % len(_FILAMENTS)],
                "unit": {
                    "model": "AMS 2 Pro",
                    "serial": f"19C06A5{unit:08d}",
                    "label": f"AMS {unit}",
                },
                "slot_label": f"{'ABCD'[unit - 1]}{slot}",
                "correlation_id": ulid_now(),
            },
        }


async def durable_events(count: int = 1000) -> dict[str, float]:
    """Events a second: bare loop, one by one, and many waiting; and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        statements = await _statements(Path(folder) / "traced.db", count)
        bare = _bare_loop(Path(folder) / "bare.db", statements, count)
        one_by_one = await _one_by_one(Path(folder) / "one.db", count)
        waiting, cpu = await _all_at_once(Path(folder) / "many.db", 20 * count)
    return {
        "bare_per_s": bare,
        "one_by_one_per_s": one_by_one,
        "one_by_one_ratio": one_by_one / bare,
        "under_load_per_s": waiting,
        "under_load_cpu_us": cpu,
    }


async def latency(rate: int = 1000, seconds: float = 5) -> dict[str, float]:
    """Milliseconds from emit to published, at a steady rate of single events."""
    with tempfile.TemporaryDirectory() as folder:
        store, handler, printer_id = await _open(Path(folder) / "latency.db")
        emitted: dict[str, float] = {}
        took: list[float] = []
        handler.subscribe(
            printer_id,
            lambda event, _: took.append(
                time.perf_counter() - emitted[event["event_id"]]
            ),
        )
        begin = time.perf_counter()
        for i, event in enumerate(slot_events(printer_id, int(rate * seconds))):
            if (early := begin + i / rate - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            emitted[event["event_id"]] = time.perf_counter()
            handler.put(event)
        await handler.drain()
        await handler.close()
        await store.close()
    took.sort()
    return {
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[len(took) * 99 // 100] * 1000,
        "max_ms": took[-1] * 1000,
    }


async def history(count: int = 1_000_000, pages: int = 20) -> dict[str, float]:
    """Bytes an event, and milliseconds for a page (100 events) of each kind.

    memory_mb: more than before. purge_*: of the older half, in seconds,
    and how long a write waited meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        memory = _memory_mb()
        store, handler, printer_id = await _open(path)
        for chunk in batched(slot_events(printer_id, count), 10_000):
            for event in chunk:
                handler.put(event)
            await handler.drain()
        await handler.close()
        external_id = next(slot_events(printer_id, 1))["identifiers"]["external_id"]
        unit = next(iter(handler.slots(printer_id).units))
        await store.close()
        result = {"bytes_per_event": path.stat().st_size / count}
        db = sqlite3.connect(path)
        middle = _START + count * _BETWEEN_EVENTS / 2
        filters = {
            "first": (EventFilter(), None),
            "deep": (EventFilter(printer_id=printer_id), count // 2),
            "printer": (EventFilter(printer_id=printer_id), None),
            "slot": (EventFilter(printer_id=printer_id, slot=(unit, 1)), None),
            "unit": (EventFilter(printer_id=printer_id, unit=unit), None),
            "type": (
                EventFilter(event_types=frozenset({EventType.SPOOL_REMOVED})),
                None,
            ),
            "spool": (EventFilter(external_id=external_id), None),
            "day": (EventFilter(since=middle, until=middle + timedelta(days=1)), None),
            "week": (
                EventFilter(
                    printer_id=printer_id,
                    since=middle,
                    until=middle + timedelta(days=7),
                ),
                None,
            ),
            "all_of_time": (EventFilter(since=_START), None),
            "rare_types": (
                EventFilter(
                    event_types=frozenset(
                        {EventType.UNKNOWN_SPOOL_DETECTED, EventType.AMS_STATE}
                    )
                ),
                None,
            ),
        }
        for name, (wanted, cursor) in filters.items():
            query, parameters = events_query(
                wanted, limit=100, cursor=cursor, newest_first=True
            )
            took = []
            for _ in range(pages):
                begin = time.perf_counter()
                found = rows(db, query, parameters)
                took.append(time.perf_counter() - begin)
            assert bool(found) is (name != "rare_types")
            result[f"{name}_page_ms"] = sorted(took)[pages // 2] * 1000
        db.close()
        result["memory_mb"] = _memory_mb() - memory
        result["open_ms"] = await _reopen(path)
        result |= await _purge(path, middle)
    return result


async def library(count: int = 2000, queries: int = 20) -> dict[str, float]:
    """Milliseconds for a query over a library of so many spools, filters included."""
    with tempfile.TemporaryDirectory() as folder:
        store, handler, printer_id = await _open(Path(folder) / "library.db")
        for event in slot_events(printer_id, 12 * count, spools=count):
            handler.put(event)
        await handler.drain()
        filters = {
            "all": SpoolFilter(),
            "near": SpoolFilter(material="petg", colour=(0xFF, 0x6A, 0x13)),
            "words": SpoolFilter(words=("matte", "green", "bambu")),
        }
        result = {}
        for name, wanted in filters.items():
            took = []
            for _ in range(queries):
                begin = time.perf_counter()
                found = await read_spools(store, wanted, limit=count)
                took.append(time.perf_counter() - begin)
            assert found.spools
            result[f"{name}_ms"] = sorted(took)[queries // 2] * 1000
        result["spools"] = (await read_spools(store, SpoolFilter(), limit=1)).total
        await handler.close()
        await store.close()
    return result


async def _reopen(path: Path) -> float:
    """Return how many milliseconds it takes to check and open the file."""
    began = time.perf_counter()
    store, _ = await open_store(path)
    took = time.perf_counter() - began
    await store.close()
    return took * 1000


async def _purge(path: Path, middle: datetime) -> dict[str, float]:
    """Delete the older half while events are written; say how long these wait."""
    store, handler, printer_id = await _open(path)
    waited: list[float] = []

    async def write() -> None:
        for event in slot_events(printer_id + 1, 1_000_000):
            begin = time.perf_counter()
            await handler.handle_printer_event(event | {"printer_id": printer_id})
            waited.append((time.perf_counter() - begin) * 1000)
            await asyncio.sleep(0.005)

    writing = asyncio.create_task(write())
    begin = time.perf_counter()
    keep = Keep(timedelta(0), timedelta(0))
    maintenance = Maintenance(store, handler._state, handler, _ignore)  # noqa: SLF001
    purged = await maintenance.purge(middle, {printer_id: keep})
    took = time.perf_counter() - begin
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await handler.close()
    await store.close()
    waited.sort()
    return {
        "purged": purged.events,
        "purge_s": took,
        "purge_write_p50_ms": waited[len(waited) // 2],
        "purge_write_p99_ms": waited[len(waited) * 99 // 100],
        "purge_write_max_ms": waited[-1],
        "purged_file_mb": purged.database_bytes / 1024 / 1024,
    }


def _memory_mb() -> float:
    """Return how much memory this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def _open(path: Path) -> tuple[Store, EventHandler, int]:
    store, handler = await open_store(path)
    return (
        store,
        handler,
        await handler.register_printer("01P00A000000001", "X1C", "bambulab_mqtt", None),
    )


async def open_store(path: Path) -> tuple[Store, EventHandler]:
    """Return an open store and its handler, as the integration has them."""
    printers = Printers()
    store = Store(path, TABLES, printers, _ignore)
    await store.open()
    return store, EventHandler(store, printers, _ignore)


def _ignore(_: object = None) -> None:
    """Do nothing, where a callback is needed."""


async def _one_by_one(path: Path, count: int) -> float:
    store, handler, printer_id = await _open(path)
    events = list(slot_events(printer_id, count))
    begin = time.perf_counter()
    for event in events:
        await handler.handle_printer_event(event)
    took = time.perf_counter() - begin
    await handler.close()
    await store.close()
    return count / took


async def _all_at_once(path: Path, count: int) -> tuple[float, float]:
    """Return events a second, and microseconds of CPU an event."""
    store, handler, printer_id = await _open(path)
    events = list(slot_events(printer_id, count))
    # A house has no such list: its garbage collector need not look through it.
    gc.collect()
    gc.freeze()
    begin, cpu = time.perf_counter(), time.process_time()
    for event in events:
        handler.put(event)
    await handler.drain()
    took, cpu = time.perf_counter() - begin, time.process_time() - cpu
    gc.unfreeze()
    await handler.close()
    await store.close()
    return count / took, cpu / count * 1e6


class _Recording(sqlite3.Connection):
    """A connection that notes what it executes."""

    executed: list[tuple[str, Any]]

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Note and execute."""
        self.executed.append((sql, parameters))
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        """Note each and execute."""
        parameters = list(parameters)
        self.executed.extend((sql, each) for each in parameters)
        return super().executemany(sql, parameters)


async def _statements(path: Path, count: int) -> list[tuple[str, Any]]:
    """Return what the store executes for the events, one by one."""
    executed: list[tuple[str, Any]] = []

    def connect(opened: Path) -> sqlite3.Connection:
        db = sqlite3.connect(
            opened, isolation_level=None, check_same_thread=False, factory=_Recording
        )
        # Not those of the copy that is written at the end.
        db.executed = executed if opened == path else []
        return db

    with patch.object(database_file, "connect", connect):
        store, handler, printer_id = await _open(path)
        for event in slot_events(printer_id, count):
            await handler.handle_printer_event(event)
        await handler.close()
        await store.close()
    begin = executed.index((BEGIN, ()))
    return executed[begin:-1]


def _bare_loop(path: Path, statements: list[tuple[str, Any]], count: int) -> float:
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    begin = time.perf_counter()
    for sql, parameters in statements:
        db.execute(sql, parameters).fetchall()
    took = time.perf_counter() - begin
    db.close()
    return count / took


if __name__ == "__main__":
    for measure in (durable_events, latency, history, library):
        print(measure.__name__)
        for name, value in asyncio.run(measure()).items():
            print(f"  {name:20} {value:12.2f}")
