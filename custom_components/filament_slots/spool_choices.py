"""The spools that a user may mean, the likeliest for a slot first."""

from typing import TypedDict

from homeassistant.core import HomeAssistant

from .colours import alike_colours
from .core.tables.library import Spool, read_spools
from .inventory_entry import loaded_inventories
from .materials import same_material
from .model import Filament
from .places import Place
from .runtime import require_store
from .slot_spools import LinkSource, SlotSpool
from .spool_library import MAX_SPOOLS, SpoolData, SpoolSlotData, spools_data


class SpoolChoice(TypedDict):
    """A spool that can be assigned or announced, of the library or of an inventory.

    title: its name, material and what is left, as far as they are known.
    location: the inventory's text. slots: where it is now. last_slot: where it was seen
    last; null for one that has been in no slot.
    """

    external_id: str
    title: str
    name: str | None
    material: str | None
    vendor: str | None
    colors: list[str]
    remaining_percent: float | None
    remaining_g: float | None
    low: bool | None
    location: str | None
    slots: list[SpoolSlotData]
    last_slot: SpoolSlotData | None


async def async_spool_choices(
    hass: HomeAssistant,
    slot: Place | None = None,
    limit: int = MAX_SPOOLS,
    *,
    of_inventory: bool = False,
) -> list[SpoolChoice]:
    """Return the spools of the library and of the inventories, the likeliest first.

    of_inventory: only those of the inventories, each with its id there.

    For a slot: those seen in it last, then those of its material and colour, then those
    of its material. What was seen last comes before the rest, and what is in a slot comes
    last, as it would have to leave it. Archived ones are left out.
    Raises StoreError where the library cannot be read.
    """
    seen_spools: tuple[Spool, ...] = ()
    if not of_inventory:
        store = require_store(hass).store
        seen_spools = (await read_spools(store, limit=MAX_SPOOLS)).spools
    stocked = {
        (host.entry.entry_id, spool.id): SlotSpool(
            host=host, spool=spool, source=LinkSource.ASSIGNED
        )
        for host in loaded_inventories(hass)
        for spool in host.spools.values()
    }
    found: dict[str, tuple[SpoolData | None, SlotSpool | None]] = {}
    for seen in spools_data(hass, seen_spools):
        known = seen["inventory_spool"]
        stock = (
            stocked.pop((known["inventory_entry_id"], known["id"]), None)
            if known
            else None
        )
        external_id = seen["external_id"]
        if external_id is None and stock is not None:
            external_id = _external_id(stock)
        if external_id is not None:
            found[external_id] = seen, stock
    for stock in stocked.values():
        found.setdefault(_external_id(stock), (None, stock))
    choices = [
        _choice(external_id, seen, stock)
        for external_id, (seen, stock) in found.items()
        if stock is None or not stock.spool.archived
    ]
    choices.sort(key=lambda choice: _rank(choice, slot))
    return choices[:limit]


def _external_id(stock: SlotSpool) -> str:
    return stock.host.external_id(stock.spool.id)


def _choice(
    external_id: str, seen: SpoolData | None, stock: SlotSpool | None
) -> SpoolChoice:
    """Return a spool with what is known: what an inventory knows of it is newer."""
    choice = SpoolChoice(
        external_id=external_id,
        title="",
        name=seen["name"] if seen else None,
        material=seen["material"] if seen else None,
        vendor=seen["vendor"] if seen else None,
        colors=seen["colors"] if seen else [],
        remaining_percent=seen["remaining_percent"] if seen else None,
        remaining_g=seen["remaining_g"] if seen else None,
        low=seen["low"] if seen else None,
        location=None,
        slots=seen["slots"] if seen else [],
        last_slot=seen["last_slot"] if seen else None,
    )
    if stock is not None:
        spool = stock.spool
        choice["name"] = choice["name"] or spool.name
        choice["material"] = spool.material or choice["material"]
        choice["vendor"] = spool.vendor or choice["vendor"]
        choice["colors"] = list(spool.colors) or choice["colors"]
        choice["remaining_percent"] = stock.remaining_percent
        choice["remaining_g"] = spool.remaining_g
        choice["low"] = stock.low
        choice["location"] = spool.location
    choice["title"] = _title(choice)
    return choice


def _title(choice: SpoolChoice) -> str:
    name = choice["name"] or choice["external_id"]
    material = choice["material"]
    left = None
    if (percent := choice["remaining_percent"]) is not None:
        left = f"{percent:.0f} %"
    elif (grams := choice["remaining_g"]) is not None:
        left = f"{grams:.0f} g"
    is_named = material is not None and material in name
    return " · ".join(filter(None, [name, None if is_named else material, left]))


def _rank(choice: SpoolChoice, slot: Place | None) -> int:
    """Return how likely a spool is meant, the least number most."""
    if choice["slots"]:
        return 4
    if slot is None or slot.slot is None or slot.device is None:
        return 3
    last = choice["last_slot"]
    if last is not None and last["device_id"] == slot.device.id:
        return 0
    filament = slot.coordinator.slots[slot.slot].filament or Filament()
    if not same_material(filament.material, choice["material"]):
        return 3
    alike = alike_colours(filament.all_colours, tuple(choice["colors"]))
    return 1 if alike else 2
