"""The spool library: what is known of each spool, where it is, and how it is found."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
import shutil
import sqlite3
from typing import Any

import pytest

from custom_components.filament_slots.colours import ColourName
from custom_components.filament_slots.core.engine.store import Store
from custom_components.filament_slots.core.expectations import Assigned
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.library import (
    Spool,
    SpoolFilter,
    SpoolOrder,
    read_spools,
    read_spools_of,
)
from custom_components.filament_slots.model import Identifiers

from .conftest import (
    identifiers,
    inserted,
    maintenance,
    new_handler,
    new_store,
    register,
    removed,
    slot,
    state,
    unit,
)
from .test_integrity import garbage

STORES = Path(__file__).parents[1] / "stores"
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, SECOND, THIRD = ("u1", 1), ("u1", 2), ("u1", 3)

RED = {
    "name": "PLA Basic",
    "material": "PLA",
    "vendor": "Bambu Lab",
    "color_hex": "#FF0000",
    "remaining_percent": 80.0,
}
CHIP_ONLY = {"rfid_uid": "E123456789ABCDEF", "external_id": None, "vendor_tag": None}


def at(second: int) -> datetime:
    """Return a time of the events in this file."""
    return START + timedelta(seconds=second)


async def spools(store: Store, **wanted: Any) -> tuple[Spool, ...]:
    """Return the spools of a filter."""
    return (await read_spools(store, SpoolFilter(**wanted), limit=100)).spools


async def only(store: Store) -> Spool:
    """Return the one spool of the library."""
    (spool,) = await spools(store)
    return spool


async def written(store: Store) -> int:
    """Return a number that changes with the file."""
    return await store.read(lambda db: db.execute("PRAGMA data_version").fetchone()[0])


def break_an_index(path: Path) -> None:
    """Overwrite a page that no query of spools needs."""
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'slot_events_by_type'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"damaged" * 100)


def external_id(tag: str) -> str:
    """Return the id of a tagged spool."""
    return str(identifiers(tag)["external_id"])


@pytest.fixture
async def four(handler: EventHandler) -> None:
    """A unit with four empty slots."""
    await handler.handle_printer_event(
        state(
            unit(1, *(slot(number, False, label=f"A{number}") for number in (1, 2, 3)))
        )
    )


@pytest.mark.usefixtures("four")
async def test_an_identified_spool_is_known_with_all_that_its_slot_reports(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": RED})
    )

    spool = await only(store)
    assert spool.external_id == external_id("A")
    assert spool.tag_ids == ("A123456789ABCDEF",)
    assert spool.name == "PLA Basic"
    assert spool.filament.as_dict() == RED
    assert spool.first_seen == spool.last_seen == spool.remaining_at == at(2)
    assert [place.slot for place in spool.slots] == [FIRST]
    assert spool.slots[0].printer == "Printer"
    assert spool.slots[0].label == "A1"
    assert spool.remaining_slot == spool.last_slot == spool.slots[0]


@pytest.mark.usefixtures("four")
async def test_a_spool_that_leaves_is_out_since_then_and_its_last_slot_is_known(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(
        inserted(1, 2, tag="A", second=2, meta={"filament": RED})
    )
    await handler.handle_printer_event(removed(1, 2, tag="A", second=30))

    spool = await only(store)
    assert spool.slots == ()
    assert spool.first_seen == at(2)
    assert spool.last_seen == at(30)
    assert spool.last_slot.slot == SECOND
    assert spool.filament.as_dict() == RED


@pytest.mark.usefixtures("four")
async def test_an_assigned_spool_keeps_the_name_that_a_user_gave_it(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(
        inserted(
            1, 1, second=2, meta={"filament": {"name": "Generic", "material": "ABS"}}
        )
    )
    black = Assigned(external_id="spoolman:3", label="Galaxy black")
    await handler.assign(1, FIRST, black)
    spool = await only(store)
    assert (spool.name, spool.filament.material) == ("Galaxy black", "ABS")
    assert [place.slot for place in spool.slots] == [FIRST]

    await handler.assign(1, FIRST, None)
    assert (await only(store)).slots == ()

    await handler.assign(1, FIRST, Assigned(external_id="spoolman:3"))
    spool = await only(store)
    assert spool.name == "Galaxy black"
    assert spool.slots


@pytest.mark.usefixtures("four")
async def test_a_spool_in_two_slots_at_once_is_shown_in_both(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(inserted(1, 1, tag="A", second=2))
    await handler.handle_printer_event(inserted(1, 3, tag="A", second=3))

    spool = await only(store)
    assert [place.slot for place in spool.slots] == [FIRST, THIRD]


@pytest.mark.usefixtures("four")
async def test_what_is_not_reported_any_more_is_kept_and_what_belongs_together_is_replaced(
    handler: EventHandler, store: Store
) -> None:
    """A slot that knows less, such as one of another printer, takes nothing away."""
    two = RED | {"colors": ["#FF0000", "#00FF00"]}
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": two})
    )
    await handler.handle_printer_event(removed(1, 1, tag="A", second=3))
    poor = {"color_hex": "#0000FF", "remaining_g": 500.0}
    await handler.handle_printer_event(
        inserted(1, 2, tag="A", second=4, meta={"filament": poor})
    )

    spool = await only(store)
    assert (
        spool.filament.as_dict()
        == {
            "name": "PLA Basic",
            "material": "PLA",
            "vendor": "Bambu Lab",
        }
        | poor
    )
    assert spool.colours == ("#0000FF",)
    assert spool.remaining_at == at(4)
    assert spool.remaining_slot is not None
    assert spool.remaining_slot.slot == SECOND


@pytest.mark.usefixtures("four")
async def test_what_is_left_follows_reports_that_make_no_history(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": RED})
    )
    less = RED | {"remaining_percent": 12.0}
    await handler.handle_printer_event(
        state(unit(1, slot(1, True, tag="A", filament=less)), second=9)
    )

    spool = await only(store)
    assert spool.filament.remaining_percent == 12.0
    assert spool.remaining_at == at(9)
    assert spool.low is True


@pytest.mark.usefixtures("four")
async def test_a_spool_of_a_removed_printer_is_out(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(inserted(1, 1, tag="A", second=2))
    await handler.mark_deleted(1)

    spool = await only(store)
    assert spool.slots == ()
    assert spool.last_slot.printer == "Printer"


@pytest.mark.usefixtures("four")
async def test_a_chip_that_turns_out_to_be_of_another_spool_leaves_no_spool_behind(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(inserted(1, 1, second=2, identifiers=CHIP_ONLY))
    assert (await only(store)).external_id is None
    known = CHIP_ONLY | {"external_id": external_id("E")}
    await handler.handle_printer_event(
        state(unit(1, slot(1, True, identifiers=known)), second=3)
    )

    spool = await only(store)
    assert spool.external_id == external_id("E")
    assert spool.tag_ids == ("E123456789ABCDEF",)


@pytest.mark.usefixtures("four")
async def test_at_rest_nothing_is_written(handler: EventHandler, store: Store) -> None:
    """The printer repeats what is known: no row changes."""
    report = state(unit(1, slot(1, True, tag="A", filament=RED)))
    await handler.handle_printer_event(report)
    before = await written(store)

    for second in range(1, 4):
        await handler.handle_printer_event(
            report | {"event_at": at(second).isoformat()}
        )

    assert await written(store) == before
    await handler.handle_printer_event(removed(1, 1, tag="A", second=5))
    assert await written(store) != before


@pytest.mark.usefixtures("four")
async def test_damaged_texts_of_a_spool_are_unknown_and_hide_no_other(
    handler: EventHandler, store: Store
) -> None:
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": RED})
    )
    await handler.handle_printer_event(
        inserted(1, 2, tag="B", second=3, meta={"filament": RED})
    )
    await store.write(
        lambda db: db.execute("UPDATE spools SET filament = '{\"name\": ' WHERE id = 1")
    )

    second, first = await spools(store)
    assert second.name == "PLA Basic"
    assert first.name is None

    await handler.handle_printer_event(removed(1, 1, tag="A", second=8))
    await handler.handle_printer_event(
        inserted(1, 3, tag="A", second=9, meta={"filament": RED})
    )
    assert (await spools(store))[0].filament.as_dict() == RED


async def test_spools_that_are_out_are_known_after_damage(path: Path) -> None:
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": RED})
    )
    await handler.handle_printer_event(removed(1, 1, tag="A", second=5))
    before = await only(store)
    await handler.close()
    await store.close()
    await asyncio.to_thread(break_an_index, path)

    store = new_store(path)
    await store.open()
    assert store.writer.state.set_aside
    assert await only(store) == before
    await store.close()


async def test_a_file_that_cannot_be_read_has_no_spools(path: Path) -> None:
    path.parent.mkdir()
    await asyncio.to_thread(garbage, path)
    store = new_store(path)
    await store.open()

    assert await spools(store) == ()
    await store.close()


async def test_salvaged_events_name_their_spools(path: Path) -> None:
    """Where the list of spools was lost, the history brings the spools back."""
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    await handler.handle_printer_event(
        inserted(1, 1, tag="A", second=2, meta={"filament": RED})
    )
    await handler.close()
    await store.close()
    damaged = path.with_name("filament_slots.damaged-20260101T000000000000.db")
    await asyncio.to_thread(path.rename, damaged)
    for copy in await asyncio.to_thread(lambda: list(path.parent.glob("*.slots.db"))):
        await asyncio.to_thread(copy.unlink)
    store = new_store(path)
    await store.open()
    handler = new_handler(store)
    await register(handler)
    assert await spools(store) == ()

    await maintenance(handler).salvage(asyncio.to_thread)

    spool = await only(store)
    assert spool.external_id == external_id("A")
    assert spool.first_seen == at(2)
    assert spool.filament.as_dict() == RED
    await handler.close()
    await store.close()


async def test_a_store_of_the_version_before_has_its_spools(path: Path) -> None:
    """With names and filament as its history has them."""
    path.parent.mkdir()
    await asyncio.to_thread(shutil.copy, STORES / "v6-spools.db", path)
    store = new_store(path)
    await store.open()

    found = {spool.external_id: spool for spool in await spools(store)}
    tagged, left = found[external_id("A")], found[external_id("B")]
    assert tagged.filament.as_dict() == RED
    assert [place.slot for place in tagged.slots] == [FIRST]
    assert tagged.first_seen == tagged.last_seen == at(2)
    assert left.slots == ()
    assert (left.first_seen, left.last_seen) == (at(3), at(9))
    assert left.filament.material == "PETG"
    named, gone = found["spoolman:3"], found["spoolman:4"]
    assert (named.name, named.filament.material) == ("Galaxy black", "ABS")
    assert [place.slot for place in named.slots] == [THIRD]
    assert (gone.name, gone.slots) == ("Old red", ())
    assert found[external_id("F")].slots == ()
    chip = found[None]
    assert chip.tag_ids == ("0123456789ABCDEF0123456789",)
    assert [place.slot for place in chip.slots] == [("u1", 4)]
    assert all(spool.remaining_at is None for spool in found.values())
    await store.close()


@pytest.fixture
async def shelf(handler: EventHandler, store: Store) -> Store:
    """A store of five spools: three in slots, two out."""
    put = handler.handle_printer_event
    await put(
        state(
            unit(1, *(slot(number, False, label=f"A{number}") for number in (1, 2, 3)))
        )
    )
    navy = RED | {"name": "Navy", "color_hex": "#001F5B", "remaining_percent": 10.0}
    petg = RED | {"name": "PETG HF", "material": "PETG", "vendor": "Prusament"}
    for number, (tag, filament) in enumerate(
        {"A": RED, "B": navy, "C": petg}.items(), 1
    ):
        await put(
            inserted(1, number, tag=tag, second=number, meta={"filament": filament})
        )
    await put(removed(1, 3, tag="C", second=10))
    grams = {"color_hex": "#F40000", "remaining_g": 900.0, "material": "pla"}
    await put(inserted(1, 3, tag="D", second=11, meta={"filament": grams}))
    await put(removed(1, 3, tag="D", second=12))
    await put(inserted(1, 3, second=13))
    await handler.assign(1, THIRD, Assigned(external_id="local:1", label="Straße"))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "EDCBA"),
        ({"material": "pla"}, "DBA"),
        ({"material": "Nylon"}, ""),
        ({"vendor": "prusament"}, "C"),
        ({"in_slot": True}, "EBA"),
        ({"in_slot": False}, "DC"),
        ({"colour": ColourName.BLUE}, "B"),
        ({"colour": ColourName.RED}, "DCA"),
        ({"colour": (0xF4, 0, 0)}, "DCA"),
        ({"colour": (0, 0, 0)}, ""),
        ({"words": ("petg", "red")}, "C"),
        ({"words": ("STRASSE",)}, "E"),
        ({"words": ("a2",)}, "B"),
        ({"words": ("B123456789abcdef",)}, "B"),
        ({"words": ("rot",), "colour_texts": {ColourName.RED: "rot"}}, "DCA"),
        ({"words": ("rot",)}, ""),
        ({"words": ("printer", "pla", "navy"), "in_slot": True}, "B"),
    ],
)
async def test_each_filter_finds_its_spools(
    shelf: Store, wanted: dict[str, Any], found: str
) -> None:
    letters = {external_id(tag): tag for tag in "ABCD"} | {"local:1": "E"}
    result = await spools(shelf, **wanted)

    assert "".join(letters[str(spool.external_id)] for spool in result) == found


async def test_spools_are_sorted_and_counted_beyond_the_limit(shelf: Store) -> None:
    by_name = await read_spools(shelf, SpoolFilter(), order=SpoolOrder.NAME, limit=3)
    assert [spool.name for spool in by_name.spools] == ["Navy", "PETG HF", "PLA Basic"]
    assert by_name.total == 5

    left = await read_spools(shelf, SpoolFilter(), order=SpoolOrder.REMAINING, limit=9)
    remaining = [
        spool.filament.remaining_percent or spool.filament.remaining_g
        for spool in left.spools
    ]
    assert remaining == [10.0, 80.0, 80.0, 900.0, None]


async def test_spools_are_found_by_their_identities(shelf: Store) -> None:
    chip = Identifiers(rfid_uid="A123456789ABCDEF")
    unknown = Identifiers(external_id="spoolman:99")

    (spool,) = await read_spools_of(shelf, [chip, unknown])

    assert spool.external_id == external_id("A")
