"""Queries over the spools ever identified or assigned: what is known, and where they are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import sqlite3
from typing import Final

from pydantic import ValidationError

from ...colours import NEAR, ColourName, Rgb, colour_names, distance, parse_colour
from ...model import Filament, Identifiers
from ...remaining import DEFAULT_LIMIT
from ..engine.store import Store
from ..slot_state import NO_FILAMENT, SlotKey
from .codec import pack_json, rows, unpack_id, unpack_time
from .printers import BEING_DELETED
from .spools import find_spool

# The letters that a language adds to a colour at most.
_ENDING: Final = 2

# A spool without any id was known by a chip that turned out to be another's.
_SPOOLS: Final = """
    SELECT * FROM spools
    WHERE (
        external_id IS NOT NULL
        OR EXISTS (SELECT 1 FROM spool_chips WHERE spool_id = spools.id)
    )
"""
_THESE: Final = " AND id IN (SELECT value FROM json_each(:ids))"
_ORDER: Final = " ORDER BY last_seen_at DESC, id DESC"
_PLACES: Final = f"""
    SELECT
        slots.id, slots.printer_id, printers.name AS printer, ams_units.key AS unit,
        ams_units.ams_unit_no, slots.slot_no, slots.label,
        iif(printers.deleted_at IS NULL, spool_id, NULL) AS spool_id
    FROM slots
    JOIN printers ON printers.id = slots.printer_id
    LEFT JOIN ams_units ON ams_units.id = slots.unit_id
    LEFT JOIN slot_assignments ON slot_id = slots.id
    WHERE slots.printer_id NOT IN ({BEING_DELETED})
    ORDER BY slots.printer_id, ams_units.ams_unit_no, slots.slot_no
"""  # noqa: S608


class SpoolOrder(StrEnum):
    """How spools are sorted."""

    RECENT = "recent"
    NAME = "name"
    REMAINING = "remaining"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPlace:
    """A slot of a printer; `printer` is its name, also of one that was removed."""

    printer_id: int
    printer: str
    unit: str | None
    ams_unit_no: int | None
    slot_no: int
    label: str | None

    @property
    def slot(self) -> SlotKey:
        """The key of the slot."""
        return (self.unit, self.slot_no)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A spool, as it was seen last.

    label: the name that a user gave it. remaining_at, remaining_slot: when and by which
    slot what is left on it was reported; None if that is not known.
    first_seen, last_seen: the times of the first and latest stored change about it.
    slots: where it is now; several where it is reported more than once.
    last_slot: where it was seen last.
    """

    id: int
    external_id: str | None
    tag_ids: tuple[str, ...]
    label: str | None
    filament: Filament
    remaining_at: datetime | None
    remaining_slot: SpoolPlace | None
    first_seen: datetime | None
    last_seen: datetime | None
    slots: tuple[SpoolPlace, ...]
    last_slot: SpoolPlace

    @property
    def name(self) -> str | None:
        """The user's name for it, else that of its filament."""
        return self.label or self.filament.name

    @property
    def colours(self) -> tuple[str, ...]:
        """Its colours as `#RRGGBB` or `#RRGGBBAA`; empty if none is known."""
        return self.filament.all_colours

    @property
    def low(self) -> bool | None:
        """Whether little is left on it; None if that is not known."""
        return DEFAULT_LIMIT.is_low(
            self.filament.remaining_percent, self.filament.remaining_g
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFilter:
    """Which spools; None or empty: any.

    material, vendor: without regard to case. in_slot: in a slot, or in none.
    colour: any colour of the spool has this name, or is near this one.
    words: each is found in a name, material, vendor, colour, id or place of the spool.
    colour_texts: how colours are called, in which words are looked for, too.
    """

    material: str | None = None
    vendor: str | None = None
    in_slot: bool | None = None
    colour: ColourName | Rgb | None = None
    words: tuple[str, ...] = ()
    colour_texts: dict[ColourName, str] = field(default_factory=dict)

    def includes(self, spool: Spool) -> bool:
        """Return whether the spool is one of these."""
        filament = spool.filament
        return (
            _same(self.material, filament.material)
            and _same(self.vendor, filament.vendor)
            and self.in_slot in (None, bool(spool.slots))
            and self._has_colour(spool)
            and self._has_words(spool)
        )

    def _has_colour(self, spool: Spool) -> bool:
        match self.colour:
            case None:
                return True
            case ColourName():
                return self.colour in colour_names(spool.colours)
            case rgb:
                return _distance(spool, rgb) <= NEAR

    def _has_words(self, spool: Spool) -> bool:
        if not self.words:
            return True
        names = colour_names(spool.colours)
        filament = spool.filament
        texts = (
            spool.label,
            filament.name,
            filament.material,
            filament.vendor,
            spool.external_id,
            *spool.tag_ids,
            *names,
            *(self.colour_texts.get(name) for name in names),
            *(text for slot in spool.slots for text in (slot.printer, slot.label)),
        )
        found = "\n".join(filter(None, texts)).casefold()
        colours = [self.colour_texts.get(name, name).casefold() for name in names]
        return all(
            word in found or any(_declined(word, colour) for colour in colours)
            for word in map(str.casefold, self.words)
        )


ALL_SPOOLS: Final = SpoolFilter()


@dataclass(frozen=True, slots=True)
class SpoolList:
    """Some spools, and how many there are of them."""

    spools: tuple[Spool, ...]
    total: int


async def read_spools(
    store: Store,
    wanted: SpoolFilter = ALL_SPOOLS,
    *,
    order: SpoolOrder = SpoolOrder.RECENT,
    limit: int | None,
) -> SpoolList:
    """Return the first spools of a filter, or all of it.

    Those near a colour are sorted by how near they are. What is not known comes last.
    Raises StoreError where the file cannot be read.
    """
    return await store.read(lambda db: _listed(_spools(db), wanted, order, limit))


async def read_spools_of(
    store: Store, identities: Iterable[Identifiers]
) -> tuple[Spool, ...]:
    """Return the spools of these identities. Raises StoreError."""

    def find(db: sqlite3.Connection) -> tuple[Spool, ...]:
        found = {find_spool(db, identity) for identity in identities}
        return tuple(_spools(db, found - {None}))

    return await store.read(find)


async def read_spool(store: Store, spool_id: int) -> Spool | None:
    """Return the spool with this number, None if there is none. Raises StoreError."""
    found = await store.read(lambda db: _spools(db, [spool_id]))
    return found[0] if found else None


def _listed(
    spools: Iterable[Spool], wanted: SpoolFilter, order: SpoolOrder, limit: int | None
) -> SpoolList:
    found = [spool for spool in spools if wanted.includes(spool)]
    match order:
        case SpoolOrder.NAME:
            found.sort(
                key=lambda spool: (not spool.name, (spool.name or "").casefold())
            )
        case SpoolOrder.REMAINING:
            found.sort(key=_remaining)
        case SpoolOrder.RECENT if isinstance(wanted.colour, tuple):
            rgb = wanted.colour
            found.sort(key=lambda spool: _distance(spool, rgb))
    return SpoolList(tuple(found[:limit]), len(found))


def _remaining(spool: Spool) -> tuple[bool, float]:
    """Return what is left as a part of the whole spool, to sort by it."""
    filament = spool.filament
    percent = filament.remaining_percent
    if percent is None and filament.remaining_g is not None:
        percent = filament.remaining_g / (filament.weight_g or 1000) * 100
    return (percent is None, percent or 0)


def _distance(spool: Spool, rgb: Rgb) -> float:
    """Return how far the nearest colour of a spool is from another."""
    return min(
        (distance(known, rgb) for known in map(parse_colour, spool.colours) if known),
        default=float("inf"),
    )


def _declined(word: str, colour: str) -> bool:
    """Return whether a word is a colour with an ending, as German "rotes" of "rot"."""
    return word.startswith(colour) and len(word) <= len(colour) + _ENDING


def _same(wanted: str | None, known: str | None) -> bool:
    return wanted is None or (known or "").casefold() == wanted.casefold()


def _spools(
    db: sqlite3.Connection, ids: Iterable[int | None] | None = None
) -> list[Spool]:
    """Return spools, those seen last first; all, or those of these rows."""
    these = {} if ids is None else {"ids": pack_json(list(ids))}
    query = _SPOOLS + (_THESE if these else "") + _ORDER
    found = rows(db, query, these)
    chips: dict[int, list[str]] = {row["id"]: [] for row in found}
    for uid, spool_id in db.execute("SELECT rfid_uid, spool_id FROM spool_chips"):
        if spool_id in chips:
            chips[spool_id].append(unpack_id(uid) or "")
    places: dict[int, SpoolPlace] = {}
    inside: dict[int, list[SpoolPlace]] = {}
    for row in rows(db, _PLACES, {}):
        place = SpoolPlace(
            printer_id=row["printer_id"],
            printer=row["printer"],
            unit=row["unit"],
            ams_unit_no=row["ams_unit_no"],
            slot_no=row["slot_no"],
            label=row["label"],
        )
        places[row["id"]] = place
        inside.setdefault(row["spool_id"], []).append(place)
    return [
        Spool(
            id=row["id"],
            external_id=row["external_id"],
            tag_ids=tuple(sorted(chips[row["id"]])),
            label=row["label"],
            filament=_filament(row["filament"]),
            remaining_at=unpack_time(row["remaining_at"]),
            remaining_slot=places.get(row["remaining_slot_id"]),
            first_seen=unpack_time(row["first_seen_at"]),
            last_seen=unpack_time(row["last_seen_at"]),
            slots=tuple(inside.get(row["id"], ())),
            last_slot=places[row["last_slot_id"]],
        )
        for row in found
        # Else it goes with its printer.
        if row["last_slot_id"] in places
    ]


def _filament(text: str | None) -> Filament:
    """Return what is stored; nothing where a failing card has damaged it."""
    try:
        return NO_FILAMENT if text is None else Filament.model_validate_json(text)
    except ValidationError:
        return NO_FILAMENT
