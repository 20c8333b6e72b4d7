"""Links of spools to those of an inventory: kept permanently, and through damage."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
from unittest.mock import patch

import pytest

from custom_components.filament_slots.core.engine import writer
from custom_components.filament_slots.core.engine.errors import StoreError
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.links import (
    SpoolLink,
    linked_by,
    read_links,
)
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.model import NO_IDENTIFIERS, Identifiers
from scripts.tools.faults import DAMAGES

from .conftest import identifiers, inserted, maintenance, new_handler, new_store
from .test_integrity import garbage
from .test_outage import until_well
from .test_spools import break_an_index

REGISTERED = datetime(2026, 1, 1, 12, 0, 0, 123456, UTC)
UUID = Identifiers(external_id=identifiers("A")["external_id"])
CHIP = Identifiers(rfid_uid="75886B1D")


def link(spool: Identifiers = UUID, number: int = 12) -> SpoolLink:
    """Return a link of a spool to one of an inventory."""
    return SpoolLink(
        spool=spool,
        inventory="entry",
        inventory_spool_id=number,
        registered=REGISTERED,
    )


async def reopened(path: Path) -> tuple[Store, EventHandler]:
    """Return the store opened again, with what is in the file."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await handler.read_links()
    return store, handler


@pytest.mark.parametrize(
    ("spool", "linked"),
    [
        (Identifiers(**identifiers("A")), UUID),
        (Identifiers(rfid_uid="75886B1D", vendor_tag="GFA00"), CHIP),
        (Identifiers(vendor_tag="GFA00"), None),
        (NO_IDENTIFIERS, None),
    ],
)
def test_a_spool_is_linked_by_its_stable_identity_else_by_its_chip(
    spool: Identifiers, linked: Identifiers | None
) -> None:
    assert linked_by(spool) == linked


async def test_a_link_is_kept_until_it_is_removed(
    path: Path, store: Store, handler: EventHandler
) -> None:
    calls: list[int] = []
    unsubscribe = handler.subscribe_links(lambda: calls.append(len(handler.links)))

    await handler.link(link(UUID, 11))
    await handler.link(link(UUID, 12))
    await handler.link(link(CHIP, 13))
    await handler.unlink([CHIP])
    unsubscribe()
    await store.close()
    assert calls == [1, 1, 2, 1]

    store, handler = await reopened(path)
    assert handler.links == {UUID: link(UUID, 12)}
    await handler.unlink([UUID, CHIP])
    assert handler.links == {}
    await store.close()


async def test_a_link_has_the_chips_that_its_spool_was_seen_with(
    path: Path, store: Store, handler: EventHandler
) -> None:
    chip = identifiers("A")["rfid_uid"]
    await handler.handle_printer_event(inserted(1, 1, tag="A"))

    await handler.link(link())
    await handler.link(link(CHIP))

    assert [each.chips for each in handler.links.values()] == [{chip}, {"75886B1D"}]
    before = handler.links
    await store.close()
    store, handler = await reopened(path)
    assert handler.links == before
    await store.close()


async def test_a_link_that_cannot_be_written_is_none(
    path: Path, store: Store, handler: EventHandler
) -> None:
    await handler.link(link())
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    await asyncio.to_thread(blocker.execute, "BEGIN IMMEDIATE")

    with pytest.raises(StoreError):
        await handler.link(link(CHIP))
    with pytest.raises(StoreError):
        await handler.unlink([UUID])

    assert handler.links == {UUID: link()}
    assert handler._state.links == {UUID: link()}
    blocker.close()


async def test_a_link_outlives_its_history(store: Store, handler: EventHandler) -> None:
    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    await handler.link(link())
    keep = Keep(events=timedelta(0), snapshots=timedelta(0))

    await maintenance(handler).purge(datetime.now(UTC), {1: keep})

    assert await store.read(read_links) == handler.links


@pytest.mark.parametrize("damage", [break_an_index, garbage])
async def test_links_are_known_after_damage_that_a_start_finds(
    path: Path, store: Store, handler: EventHandler, damage: Callable[[Path], None]
) -> None:
    """From the damaged file, or from the copy of the slots."""
    await handler.handle_printer_event(inserted(1, 1, tag="A"))
    await handler.link(link())
    await handler.link(link(CHIP))
    await store.close()
    before = handler.links
    await asyncio.to_thread(damage, path)

    store, handler = await reopened(path)

    assert store.writer.state.set_aside
    assert handler.links.keys() == before.keys()
    await store.close()


@pytest.mark.parametrize("damage", DAMAGES)
async def test_links_are_kept_through_damage_of_an_open_file(
    path: Path, store: Store, handler: EventHandler, damage: str
) -> None:
    """Those that are removed stay so."""
    await handler.link(link(CHIP))
    await handler.link(link(UUID, 11))
    await handler.unlink([CHIP])
    with patch.object(writer, "_LOOK_AGAIN", (0.05, 0.1)):
        await asyncio.to_thread(DAMAGES[damage], path)
        # Noticed at the next commit.
        await handler.handle_printer_event(inserted(1, 1))
        await until_well(store)

    await handler.link(link(UUID, 12))
    await store.close()
    store, handler = await reopened(path)
    assert handler.links == {UUID: link(UUID, 12)}
    await store.close()
