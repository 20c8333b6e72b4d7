"""A chip that names another spool than before: both keep their history, a user chooses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.chips import ChipClaim, read_claims
from custom_components.filament_slots.core.tables.history import (
    EventFilter,
    read_events,
)
from custom_components.filament_slots.core.tables.library import (
    Spool,
    SpoolFilter,
    read_spools,
)
from custom_components.filament_slots.core.tables.links import SpoolLink
from custom_components.filament_slots.model import Identifiers

from .conftest import count, inserted, maintenance, register, removed, slot, state, unit
from .test_outage import stored

CHIP = "E123456789ABCDEF"
OLD, NEW, THIRD = "spoolman:12", "spoolman:13", "spoolman:14"


def named(name: str | None) -> dict[str, Any]:
    """Return the identifiers of a spool with the chip."""
    return {"rfid_uid": CHIP, "external_id": name, "vendor_tag": None}


async def put(handler: EventHandler, *names: str | None) -> None:
    """Insert a spool with the chip under each name, and take it out."""
    for name in names:
        for kind in (inserted, removed):
            await handler.handle_printer_event(kind(1, 1, identifiers=named(name)))


async def by_name(store: Store) -> dict[str | None, Spool]:
    """Return the spools by their names."""
    found = await read_spools(store, SpoolFilter(), limit=100)
    return {spool.external_id: spool for spool in found.spools}


async def events_of(store: Store, name: str) -> int:
    """Return how many events the history of a spool has."""
    return len((await read_events(store, EventFilter(external_id=name))).events)


@pytest.fixture
async def claim(handler: EventHandler, store: Store) -> ChipClaim:
    """Return what has to be chosen once the chip has named another spool."""
    await put(handler, OLD, NEW)
    [claim] = await read_claims(store)
    return claim


async def test_a_chip_stays_with_its_spool_until_a_user_chooses(
    handler: EventHandler, store: Store, claim: ChipClaim
) -> None:
    """The slot shows what the printer reports, and each spool has its own history."""
    spools = await by_name(store)
    assert (claim.before, claim.now) == (spools[OLD].id, spools[NEW].id)
    assert spools[OLD].tag_ids == (CHIP,)
    assert spools[NEW].tag_ids == ()
    await handler.handle_printer_event(inserted(1, 1, identifiers=named(NEW)))
    assert handler.slots(1).slots["u1", 1].identifiers.external_id == NEW
    assert (await by_name(store))[NEW].slots
    await handler.handle_printer_event(removed(1, 1, event_id="OUT"))
    assert await read_claims(store) == (claim,)
    assert (await events_of(store, OLD), await events_of(store, NEW)) == (2, 4)


@pytest.mark.parametrize(("is_new", "owner"), [(True, NEW), (False, OLD)])
async def test_the_chip_alone_is_of_the_spool_that_was_chosen(
    handler: EventHandler, store: Store, claim: ChipClaim, is_new: bool, owner: str
) -> None:
    """The question is not asked again, and history is as it was reported."""
    await maintenance(handler).choose_owner(claim.id, claim.now, is_new=is_new)
    assert (await events_of(store, OLD), await events_of(store, NEW)) == (2, 2)
    await handler.handle_printer_event(
        state(unit(1, slot(2, True, identifiers=named(None))), event_id="ALONE")
    )

    spools = await by_name(store)
    assert spools[owner].tag_ids == (CHIP,)
    assert [place.slot for place in spools[owner].slots] == [("u1", 2)]
    await handler.handle_printer_event(
        state(unit(1, slot(2, True, identifiers=named(NEW))), event_id="NAMED")
    )
    assert await read_claims(store) == ()
    assert await count(store, "chip_claims") == (0 if is_new else 1)


async def test_links_follow_the_chip_to_the_spool_that_was_chosen(
    handler: EventHandler, claim: ChipClaim
) -> None:
    links = []
    for number in (OLD, NEW):
        link = SpoolLink(
            spool=Identifiers(external_id=number),
            inventory="i",
            inventory_spool_id=1,
            registered=datetime(2026, 1, 1, tzinfo=UTC),
        )
        await handler.link(link)
    handler.subscribe_links(
        lambda: links.append([bool(link.chips) for link in handler.links.values()])
    )
    await maintenance(handler).choose_owner(claim.id, claim.now, is_new=True)
    assert links == [[False, True]]


async def test_a_chip_that_names_the_spool_of_before_again_is_no_question(
    handler: EventHandler, store: Store
) -> None:
    """A wrong number that was corrected."""
    await put(handler, OLD, NEW, None)
    assert len(await read_claims(store)) == 1
    await put(handler, OLD)
    assert await read_claims(store) == ()
    await put(handler, NEW, OLD, NEW)
    [claim] = await read_claims(store)
    assert claim.now == (await by_name(store))[NEW].id


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_third_name_is_asked_about_and_an_answer_about_another_does_nothing(
    handler: EventHandler, store: Store, claim: ChipClaim, is_new: bool
) -> None:
    await put(handler, THIRD)
    [other] = await read_claims(store)
    assert other.now == (await by_name(store))[THIRD].id
    care = maintenance(handler)

    await care.choose_owner(claim.id, claim.now, is_new=is_new)
    assert await read_claims(store) == (other,)
    assert (await by_name(store))[OLD].tag_ids == (CHIP,)

    await care.choose_owner(other.id, other.now, is_new=False)
    assert await read_claims(store) == ()
    await put(handler, NEW)
    assert len(await read_claims(store)) == 1


async def test_a_chip_known_by_itself_that_gets_a_name_is_no_question(
    handler: EventHandler, store: Store
) -> None:
    await put(handler, None, NEW)
    assert await read_claims(store) == ()
    assert (await by_name(store))[NEW].tag_ids == (CHIP,)


@pytest.mark.parametrize("kept", [True, False])
async def test_a_chip_of_a_spool_that_is_deleted_is_of_the_one_that_it_names(
    handler: EventHandler, store: Store, kept: bool
) -> None:
    other = await register(handler, "OTHER")
    await put(handler, OLD)
    event = inserted(1, 1, identifiers=named(NEW), event_id="OTHER")
    await handler.handle_printer_event(event | {"printer_id": other})
    [claim] = await read_claims(store)
    if kept:
        await maintenance(handler).choose_owner(claim.id, claim.now, is_new=False)

    await handler.mark_deleted(1)
    await maintenance(handler).delete_printer(1)

    spools = await by_name(store)
    assert spools.keys() == {NEW}
    assert spools[NEW].tag_ids == (CHIP,)
    assert await count(store, "chip_claims") == 0
    assert await stored(store) == ["OTHER"]


async def test_a_name_that_is_deleted_with_its_printer_is_no_question_any_more(
    handler: EventHandler, store: Store
) -> None:
    other = await register(handler, "OTHER")
    await put(handler, OLD)
    event = inserted(1, 1, identifiers=named(NEW))
    await handler.handle_printer_event(event | {"printer_id": other})
    assert len(await read_claims(store)) == 1

    await handler.mark_deleted(other)
    await maintenance(handler).delete_printer(other)

    assert await count(store, "chip_claims") == 0
    assert (await by_name(store))[OLD].tag_ids == (CHIP,)
