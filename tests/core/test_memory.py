"""What outlasts a restart beside the state of the slots: memory and departed spools."""

from datetime import UTC, datetime
from pathlib import Path
import sqlite3

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.event_jobs import Outcome
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.slot_state import PrinterSlots
from custom_components.filament_slots.core.tables.schema import MIGRATIONS
from custom_components.filament_slots.model import NO_IDENTIFIERS, Identifiers

from .conftest import (
    fresh_handler,
    identifiers,
    inserted,
    new_handler,
    new_store,
    register,
    removed,
    slot,
    state,
    unit,
)

RED = Identifiers(**identifiers("A"))


async def _reopened(store: Store) -> PrinterSlots:
    """Return the slots of the printer as a restart reads them."""
    handler = fresh_handler(store)
    return handler.slots(await register(handler))


async def test_the_memory_of_a_driver_is_written_with_an_event(
    handler: EventHandler, store: Store
) -> None:
    full = state(unit(1, slot(1, True, tag="A")))
    await handler.handle_printer_event(full, {"version": 1})
    assert (await _reopened(store)).memory == {"version": 1}
    await handler.handle_printer_event(removed(1, 1), {"version": 2})
    assert (await _reopened(store)).memory == {"version": 2}
    assert handler.slots(1).memory == {"version": 2}


async def test_the_memory_of_a_driver_alone_is_not_written(
    handler: EventHandler, store: Store
) -> None:
    full = state(unit(1, slot(1, True)))
    await handler.handle_printer_event(full, {"version": 1})
    statements: list[str] = []
    await store.write(lambda db: db.set_trace_callback(statements.append))
    outcome = await handler.handle_printer_event(full, {"version": 2})
    await store.write(lambda db: db.set_trace_callback(None))
    assert outcome is Outcome.UNCHANGED
    assert not any("UPDATE" in statement for statement in statements)
    # With the next event that changes something it is.
    await handler.handle_printer_event(inserted(1, 2))
    assert (await _reopened(store)).memory == {"version": 2}


async def test_the_memory_of_a_driver_is_written_when_it_stops(
    handler: EventHandler, store: Store
) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    await handler.note_seen({1: (at, {"version": 3})})
    again = await _reopened(store)
    assert (again.memory, again.last_seen) == ({"version": 3}, at)
    assert handler.slots(1).memory == {"version": 3}
    await handler.handle_printer_event(inserted(1, 1))
    assert (await _reopened(store)).memory == {"version": 3}


async def test_memory_that_is_damaged_is_none(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(inserted(1, 1, tag="A"), {"version": 1})
    await handler.handle_printer_event(removed(1, 1))
    for damaged in ("{", "5"):

        def damage(db: sqlite3.Connection, text: str = damaged) -> None:
            db.execute("UPDATE printers SET memory = ?", (text,))
            db.execute("UPDATE slot_assignments SET departed = ?", (text,))

        await store.write(damage)
        again = await _reopened(store)
        assert again.memory == {}
        assert again.slots["u1", 1].departed == NO_IDENTIFIERS


async def test_the_identity_of_the_spool_that_left_is_kept_until_another_is_known(
    handler: EventHandler, store: Store
) -> None:
    async def departed() -> Identifiers:
        return (await _reopened(store)).slots["u1", 1].departed

    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    assert await departed() == NO_IDENTIFIERS
    await handler.handle_printer_event(removed(1, 1, tag="A"))
    assert await departed() == RED
    await handler.handle_printer_event(inserted(1, 1))
    assert await departed() == RED
    await handler.handle_printer_event(removed(1, 1))
    assert await departed() == RED
    await handler.handle_printer_event(inserted(1, 1, tag="B"))
    await handler.handle_printer_event(state(unit(1, slot(1, False))))
    assert await departed() == Identifiers(**identifiers("B"))


async def test_a_store_of_the_version_before_opens_without_memory(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    for script in MIGRATIONS[:3]:
        db.executescript(script)
    db.executescript(
        "PRAGMA user_version = 3;"
        " INSERT INTO printers (identity, name, driver_key) VALUES ('SERIAL', '', '');"
        " INSERT INTO slots (printer_id, slot_no) VALUES (1, 1);"
        " INSERT INTO slot_assignments (slot_id, present, external_id, unknown_reported)"
        " VALUES (1, 1, 'spoolman:1', 0);"
    )
    db.close()
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    slots = handler.slots(await register(handler))
    assert slots.memory == {}
    assert slots.slots[None, 1].present is True
    assert slots.slots[None, 1].departed == NO_IDENTIFIERS
    await store.close()
