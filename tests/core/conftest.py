"""A real store on a real file, and events for it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from custom_components.filament_slots.core.engine.errors import StoreState
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.maintenance import Maintenance
from custom_components.filament_slots.core.printer_state import Printers
from custom_components.filament_slots.core.tables.schema import TABLES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "filament_slots" / "filament_slots.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """Return an open store."""
    store = new_store(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def handler(store: Store) -> EventHandler:
    """Return a handler that knows printer 1."""
    handler = new_handler(store)
    assert await register(handler) == 1
    return handler


def ignore(_: object = None) -> None:
    """Do nothing, where a callback is needed."""


def new_store(path: Path, changed: Callable[[StoreState], None] = ignore) -> Store:
    """Return a store that is not open yet."""
    return Store(path, TABLES, Printers(), changed)


def new_handler(
    store: Store, failures_changed: Callable[[], None] = ignore
) -> EventHandler:
    """Return the handler of a store."""
    assert isinstance(store._memory, Printers)
    return EventHandler(store, store._memory, failures_changed)


def fresh_handler(store: Store) -> EventHandler:
    """Return a handler that knows nothing but what it reads from the file."""
    return EventHandler(store, Printers(), ignore)


def maintenance(
    handler: EventHandler, failures_changed: Callable[[], None] = ignore
) -> Maintenance:
    """Return the maintenance of a handler's store."""
    return Maintenance(handler._store, handler._state, handler, failures_changed)


async def register(handler: EventHandler, identity: str = "SERIAL") -> int:
    """Register a printer."""
    return await handler.register_printer(identity, "Printer", "bambulab_mqtt", "entry")


async def count(store: Store, table: str) -> int:
    """Return how many rows a table has."""
    return await store.read(
        lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    )


def spool(
    kind: str, unit: int | None, slot: int, *, second: int = 0, **more: Any
) -> dict[str, Any]:
    """Return an event about a spool; `tag` is short for the identifiers of a spool."""
    if (tag := more.pop("tag", None)) is not None:
        more["identifiers"] = identifiers(tag)
    return {
        "event_type": kind,
        "event_at": f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00",
        "printer_id": 1,
        "slot": {
            "is_ams_slot": unit is not None,
            "ams_unit_no": unit,
            "slot_no": slot,
            "slots_total": 4,
        },
        **more,
    }


def inserted(unit: int | None, slot: int, **more: Any) -> dict[str, Any]:
    """Return an insert."""
    return spool("spool_inserted", unit, slot, **more)


def removed(unit: int | None, slot: int, **more: Any) -> dict[str, Any]:
    """Return a remove."""
    return spool("spool_removed", unit, slot, **more)


def unknown(unit: int | None, slot: int, **more: Any) -> dict[str, Any]:
    """Return an *unknown*."""
    return spool("unknown_spool_detected", unit, slot, **more)


def state(
    *units: dict[str, Any], direct: Any = (), second: int = 0, **more: Any
) -> dict[str, Any]:
    """Return an `ams_state`."""
    return {
        "event_type": "ams_state",
        "event_at": f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00",
        "printer_id": 1,
        "ams_units": list(units),
        "direct_slots": list(direct),
        **more,
    }


def unit(number: int, *slots: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a unit of an `ams_state`."""
    return {"ams_unit_no": number, "slots_total": 4, "slots": list(slots), **more}


def slot(number: int, present: bool | None = None, **more: Any) -> dict[str, Any]:
    """Return a slot of an `ams_state`."""
    if (tag := more.pop("tag", None)) is not None:
        more["identifiers"] = identifiers(tag)
    return {"slot_no": number, "present": present, **more}


def identifiers(tag: str) -> dict[str, Any]:
    """Return the identifiers of a tagged spool; `tag` is one hex digit."""
    return {
        "rfid_uid": f"{tag}123456789ABCDEF",
        "external_id": f"bambulab:{tag * 31}F",
        "vendor_tag": "GFA00",
    }
