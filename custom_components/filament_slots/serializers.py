"""Printers, units, slots and history as JSON, for the websocket, actions and diagnostics.

A value that is not known is null. Times are ISO-8601 in UTC.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import CONF_DRIVER_KEY, CONF_MODEL, DOMAIN
from .coordinator import (
    FilamentSlotsConfigEntry,
    SlotCoordinator,
    is_loaded,
    loaded_entries,
)
from .core.slot_state import SlotKey
from .model import Filament, SlotStatus, StoredSlot, StoredUnit, iso_utc
from .slot_spools import LinkSource, SlotSpool, slot_spools

type Json = dict[str, Any]


class UnitData(TypedDict):
    """A unit: the fields of `StoredUnit`, and its device.

    online: null until the printer has reported it.
    """

    device_id: str
    key: str
    ams_unit_no: int
    slots_total: int
    serial: str | None
    model: str | None
    label: str | None
    online: bool | None
    drying: bool | None
    humidity_percent: float | None
    humidity_index: int | None
    temperature_c: float | None
    drying_minutes_left: int | None


class SlotSpoolData(TypedDict):
    """The spool of an inventory in a slot.

    inventory_entry_id, id: identify it. remaining_percent: of a full spool.
    low: whether little is left. mismatch: whether the slot has another material or
    colour. url: of its page. source: what it is known from, see `LinkSource`.
    location: where it is by the inventory. location_ours: whether that was written by
    this integration, and by no other client since.
    """

    inventory_entry_id: str
    id: int
    name: str | None
    vendor: str | None
    material: str | None
    colors: list[str]
    remaining_g: float | None
    weight_g: float | None
    remaining_percent: float | None
    low: bool | None
    mismatch: bool | None
    url: str
    source: LinkSource
    location: str | None
    location_ours: bool


class SlotData(TypedDict):
    """A slot, with the entry of its printer.

    unit: the key of its unit, null for a direct slot.
    status: null before anything is known, and where the slot has no sensor.
    identifiers: `{rfid_uid, external_id, vendor_tag}`, as the printer reported them.
    filament: as in events; `{}` if nothing is known.
    spool: of an inventory; null if none is known. linkable: whether a user can link the
    slot's spool to one of an inventory.
    """

    entry_id: str
    device_id: str
    unit: str | None
    is_ams_slot: bool
    ams_unit_no: int | None
    slot_no: int
    label: str | None
    present: bool | None
    status: SlotStatus | None
    active: bool | None
    identifiers: Json
    assigned_external_id: str | None
    assigned_label: str | None
    filament: Json
    spool: SlotSpoolData | None
    linkable: bool
    inserted_at: str | None
    updated_at: str | None


class AnnouncedData(TypedDict):
    """A spool that a user announced with `expect_spool`.

    printer_id: the printer in which it is expected; null for any.
    label: the user's name for it, else that of an inventory or the library.
    until: how late it may be inserted.
    taken_at, taken_by, taken_in: when it was inserted, in which printer, and the label
    of the slot; null until then.
    """

    printer_id: int | None
    external_id: str
    label: str | None
    until: str
    taken_at: str | None
    taken_by: int | None
    taken_in: str | None


class PrinterSummary(TypedDict):
    """A printer without its slots.

    state: the config entry's; unless it is `loaded`, the fields below it are empty.
    status: the driver's. error: the code of the error that keeps it from running now.
    last_seen: null while the printer is connected.
    """

    entry_id: str
    device_id: str | None
    name: str
    model: str | None
    driver_key: str
    state: str
    printer_id: int | None
    connected: bool
    status: str | None
    error: str | None
    last_seen: str | None
    units: list[UnitData]


class PrinterData(PrinterSummary):
    """A printer with its slots.

    announced: the latest spool announced for this printer, and the latest for any, which
    stay here after they were taken or their time was over.
    """

    slots: list[SlotData]
    announced: list[AnnouncedData]


def printer_summary(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> PrinterSummary:
    """Return a printer without its slots."""
    summary = PrinterSummary(
        entry_id=entry.entry_id,
        device_id=printer_device_id(hass, entry),
        name=entry.title,
        model=entry.data.get(CONF_MODEL),
        driver_key=entry.data[CONF_DRIVER_KEY],
        state=entry.state.value,
        printer_id=None,
        connected=False,
        status=None,
        error=None,
        last_seen=None,
        units=[],
    )
    if is_loaded(entry):
        coordinator = entry.runtime_data
        summary["printer_id"] = coordinator.printer_id
        summary["connected"] = coordinator.connected
        summary["status"] = coordinator.health["status"]
        summary["error"] = coordinator.error
        if not coordinator.connected:
            summary["last_seen"] = iso(coordinator.last_seen)
        summary["units"] = [
            _unit_data(unit, coordinator.devices.units[key])
            for key, unit in coordinator.units.items()
        ]
    return summary


def printer_data(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> PrinterData:
    """Return a printer with its slots."""
    loaded = is_loaded(entry)
    return {
        **printer_summary(hass, entry),
        "slots": slots_data(entry.runtime_data) if loaded else [],
        "announced": announced_data(entry.runtime_data) if loaded else [],
    }


def slots_data(coordinator: SlotCoordinator) -> list[SlotData]:
    """Return the slots of a printer."""
    return [
        _slot_data(coordinator, key, slot) for key, slot in coordinator.slots.items()
    ]


def spool_data(found: SlotSpool, filament: Filament | None = None) -> SlotSpoolData:
    """Return a spool of an inventory; filament: of the slot that it is in, if any."""
    spool, host = found.spool, found.host
    return SlotSpoolData(
        inventory_entry_id=host.entry.entry_id,
        id=spool.id,
        name=spool.name,
        vendor=spool.vendor,
        material=spool.material,
        colors=list(spool.colors),
        remaining_g=spool.remaining_g,
        weight_g=spool.weight_g,
        remaining_percent=found.remaining_percent,
        low=found.low,
        mismatch=found.mismatch(filament),
        url=host.spool_page(spool.id),
        source=found.source,
        location=spool.location,
        location_ours=host.queue is not None and host.queue.is_ours(spool),
    )


def announced_data(coordinator: SlotCoordinator) -> list[AnnouncedData]:
    """Return the spools announced for a printer or for any."""
    return [
        AnnouncedData(
            printer_id=announced.expectation.printer_id,
            external_id=announced.expectation.assigned.external_id,
            label=announced.expectation.assigned.label or announced.expectation.name,
            until=iso_utc(announced.expectation.until),
            taken_at=iso(announced.taken_at),
            taken_by=announced.taken_by,
            taken_in=announced.taken_in,
        )
        for announced in coordinator.announced
    ]


def history_data(hass: HomeAssistant, events: Iterable[Json]) -> list[Json]:
    """Return stored events, each with the `entry_id` of its printer.

    entry_id: null for a printer whose entry was removed or is not loaded.
    """
    entry_ids = {
        entry.runtime_data.printer_id: entry.entry_id for entry in loaded_entries(hass)
    }
    return [
        event | {"entry_id": entry_ids.get(event["printer_id"])} for event in events
    ]


def printer_device_id(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> str | None:
    """Return the id of the printer's own device."""
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, str(entry.unique_id)), entry.entry_id
    )
    return device.id if device else None


def iso(at: datetime | None) -> str | None:
    """Return a time as ISO-8601 in UTC, or None."""
    return None if at is None else iso_utc(at)


def _unit_data(unit: StoredUnit, device_id: str) -> UnitData:
    return UnitData(
        device_id=device_id,
        key=unit.key,
        ams_unit_no=unit.ams_unit_no,
        slots_total=unit.slots_total,
        serial=unit.serial,
        model=unit.model,
        label=unit.label,
        online=unit.online,
        drying=unit.drying,
        humidity_percent=unit.humidity_percent,
        humidity_index=unit.humidity_index,
        temperature_c=unit.temperature_c,
        drying_minutes_left=unit.drying_minutes_left,
    )


def _slot_data(
    coordinator: SlotCoordinator, key: SlotKey, slot: StoredSlot
) -> SlotData:
    spools = slot_spools(coordinator.hass)
    spool = spools.of(coordinator, key)
    return SlotData(
        entry_id=coordinator.config_entry.entry_id,
        device_id=coordinator.devices.slots[key],
        unit=slot.unit.key if slot.unit else None,
        is_ams_slot=slot.unit is not None,
        ams_unit_no=slot.unit.ams_unit_no if slot.unit else None,
        slot_no=slot.slot_no,
        label=slot.label,
        present=slot.present,
        status=slot.status,
        active=slot.active,
        identifiers=slot.identifiers.model_dump(),
        assigned_external_id=slot.assigned_external_id,
        assigned_label=slot.assigned_label,
        filament=slot.filament.as_dict() if slot.filament else {},
        spool=spool_data(spool, slot.filament) if spool else None,
        linkable=spools.linkable(slot),
        inserted_at=iso(slot.inserted_at),
        updated_at=iso(slot.updated_at),
    )
