"""The spool library as JSON: which spools there are, and where each of them is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypedDict

from homeassistant.core import HomeAssistant
import probatio

from .colours import ColourName, Rgb, parse_colour
from .coordinator import loaded_entries
from .core.tables.library import Spool, SpoolFilter, SpoolPlace, read_spools
from .inventory_entry import loaded_inventories
from .model import Identifiers, SlotStatus
from .runtime import require_store
from .serializers import SlotSpoolData, iso, spool_data
from .slot_spools import LinkSource, SlotSpool, slot_spools

# The most that one answer holds.
MAX_SPOOLS: Final = 2000


class SpoolSlotData(TypedDict):
    """A slot in which a spool is or was.

    entry_id, device_id: null if the printer was removed or is not loaded.
    """

    entry_id: str | None
    device_id: str | None
    printer: str
    unit: str | None
    ams_unit_no: int | None
    slot_no: int
    label: str | None


class SpoolData(TypedDict):
    """A spool, as it was seen last.

    id: its number in the library. external_id: null for one that is known by its tag
    only. name: that of a user, else of the filament.
    inventory_spool: the spool of an inventory that it is, if it is known which one.
    remaining_at, remaining_from: when and by which slot that was reported last.
    slots: where it is now, more than one if several report it. out_since: null while it
    is in a slot. last_slot: where it was seen last. low: by the limit of its inventory,
    where that knows what is left.
    """

    id: int
    external_id: str | None
    tag_ids: list[str]
    inventory_spool: SlotSpoolData | None
    name: str | None
    material: str | None
    vendor: str | None
    colors: list[str]
    remaining_percent: float | None
    remaining_g: float | None
    remaining_at: str | None
    remaining_from: SpoolSlotData | None
    low: bool | None
    first_seen: str | None
    last_seen: str | None
    out_since: str | None
    slots: list[SpoolSlotData]
    last_slot: SpoolSlotData


class SpoolList(TypedDict):
    """Some spools of the library; total: how many fit the filter."""

    spools: list[SpoolData]
    total: int


class InventorySpoolData(TypedDict):
    """A spool of an inventory, wherever it is.

    external_id: by which it can be assigned. location: the inventory's text. url: of its
    page, by which it is known among those of several inventories.
    """

    external_id: str
    name: str | None
    material: str | None
    vendor: str | None
    colors: list[str]
    remaining_percent: float | None
    remaining_g: float | None
    low: bool | None
    location: str | None
    url: str


def colour(value: object) -> ColourName | Rgb:
    """Validate a colour: a name such as `blue`, or `#RRGGBB`.

    Raises probatio.Invalid.
    """
    text = str(value).strip().lower()
    if (rgb := parse_colour(text)) is not None:
        return rgb
    try:
        return ColourName(text)
    except ValueError:
        raise probatio.Invalid(
            f"must be #RRGGBB or one of {', '.join(ColourName)}"
        ) from None


def spool_filter(
    data: Mapping[str, Any], colour_texts: dict[ColourName, str] | None = None
) -> SpoolFilter:
    """Return the filter of an action or a command.

    colour_texts: how colours are called, where the text may contain one.
    """
    return SpoolFilter(
        material=data.get("material"),
        vendor=data.get("vendor"),
        colour=data.get("color"),
        in_slot=data.get("in_slot"),
        words=tuple(data.get("text", "").replace(",", " ").split()),
        colour_texts=colour_texts or {},
    )


async def async_list_spools(hass: HomeAssistant, data: Mapping[str, Any]) -> SpoolList:
    """Return the spools that an action or a command asks for. Raises StoreError.

    low: by the limit that the inventory of a spool has, which the store does not know.
    """
    low, limit = data.get("low"), data["limit"]
    found = await read_spools(
        require_store(hass).store,
        spool_filter(data),
        order=data["order"],
        limit=limit if low is None else None,
    )
    spools = spools_data(hass, found.spools)
    if low is None:
        return {"spools": spools, "total": found.total}
    spools = [spool for spool in spools if spool["low"] is low]
    return {"spools": spools[:limit], "total": len(spools)}


def unidentified_spools(hass: HomeAssistant) -> Iterator[Spool]:
    """Yield the spools without identity in the slots, as the library would have them.

    It holds none of them: their id is 0.
    """
    for entry in loaded_entries(hass):
        coordinator = entry.runtime_data
        for slot in coordinator.slots.values():
            if slot.status is not SlotStatus.UNIDENTIFIED or slot.filament is None:
                continue
            unit = slot.unit
            place = SpoolPlace(
                printer_id=coordinator.printer_id,
                printer=entry.title,
                unit=unit.key if unit else None,
                ams_unit_no=unit.ams_unit_no if unit else None,
                slot_no=slot.slot_no,
                label=slot.label,
            )
            yield Spool(
                id=0,
                external_id=None,
                tag_ids=(),
                label=None,
                filament=slot.filament,
                remaining_at=slot.updated_at,
                remaining_slot=place,
                first_seen=slot.inserted_at,
                last_seen=slot.inserted_at,
                slots=(place,),
                last_slot=place,
            )


def spools_data(hass: HomeAssistant, spools: Iterable[Spool]) -> list[SpoolData]:
    """Return spools with the devices of their slots."""
    printers = {
        entry.runtime_data.printer_id: entry.runtime_data
        for entry in loaded_entries(hass)
    }

    def slot_data(place: SpoolPlace) -> SpoolSlotData:
        printer = printers.get(place.printer_id)
        return SpoolSlotData(
            entry_id=printer.config_entry.entry_id if printer else None,
            device_id=printer.devices.slots.get(place.slot) if printer else None,
            printer=printer.config_entry.title if printer else place.printer,
            unit=place.unit,
            ams_unit_no=place.ams_unit_no,
            slot_no=place.slot_no,
            label=place.label,
        )

    def low(spool: Spool, known: SlotSpoolData | None) -> bool | None:
        by_inventory = known["low"] if known else None
        return spool.low if by_inventory is None else by_inventory

    known_spools = ((spool, _inventory_spool(hass, spool)) for spool in spools)
    return [
        SpoolData(
            id=spool.id,
            external_id=spool.external_id,
            tag_ids=list(spool.tag_ids),
            inventory_spool=known,
            name=spool.name,
            material=spool.filament.material,
            vendor=spool.filament.vendor,
            colors=list(spool.colours),
            remaining_percent=spool.filament.remaining_percent,
            remaining_g=spool.filament.remaining_g,
            remaining_at=iso(spool.remaining_at),
            remaining_from=(
                slot_data(spool.remaining_slot) if spool.remaining_slot else None
            ),
            low=low(spool, known),
            first_seen=iso(spool.first_seen),
            last_seen=iso(spool.last_seen),
            out_since=None if spool.slots else iso(spool.last_seen),
            slots=[slot_data(place) for place in spool.slots],
            last_slot=slot_data(spool.last_slot),
        )
        for spool, known in known_spools
    ]


def inventory_spools_data(hass: HomeAssistant) -> list[InventorySpoolData]:
    """Return the spools of all inventories, without archived ones."""
    found = (
        SlotSpool(host=host, spool=spool, source=LinkSource.ASSIGNED)
        for host in loaded_inventories(hass)
        for spool in host.spools.values()
        if not spool.archived
    )
    return [
        InventorySpoolData(
            external_id=each.host.external_id(each.spool.id),
            name=each.spool.name,
            material=each.spool.material,
            vendor=each.spool.vendor,
            colors=list(each.spool.colors),
            remaining_percent=each.remaining_percent,
            remaining_g=each.spool.remaining_g,
            low=each.low,
            location=each.spool.location,
            url=each.host.spool_page(each.spool.id),
        )
        for each in found
    ]


def _inventory_spool(hass: HomeAssistant, spool: Spool) -> SlotSpoolData | None:
    for tag in spool.tag_ids or (None,):
        identifiers = Identifiers(external_id=spool.external_id, rfid_uid=tag)
        if (found := slot_spools(hass).identify(identifiers)) is not None:
            return spool_data(found)
    return None
