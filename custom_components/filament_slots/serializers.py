"""Printers, units and slots as JSON: what dashboards and scripts are shown."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import CONF_DRIVER_KEY, CONF_MODEL, DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .model import StoredSlot, StoredUnit, iso_utc

type Json = dict[str, Any]


def printer_picture(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> Json:
    """Return a printer; what is not known is null.

    `{entry_id, printer_id, device_id, name, model, driver_key, state, connected,
    status, error, last_seen, units: [unit], slots: [slot]}`
    state: the config entry's; other than `loaded` the rest says nothing.
    status: the driver's. error: the code of what is in the way now.
    last_seen: ISO-8601, null while the printer is connected.
    """
    printer: Json = {
        "entry_id": entry.entry_id,
        "printer_id": None,
        "device_id": printer_device_id(hass, entry),
        "name": entry.title,
        "model": entry.data.get(CONF_MODEL),
        "driver_key": entry.data[CONF_DRIVER_KEY],
        "state": entry.state.value,
        "connected": False,
        "status": None,
        "error": None,
        "last_seen": None,
        "units": [],
        "slots": [],
    }
    if not is_loaded(entry):
        return printer
    coordinator = entry.runtime_data
    return printer | {
        "printer_id": coordinator.printer_id,
        "connected": coordinator.connected,
        "status": coordinator.health["status"],
        "error": coordinator.error,
        "last_seen": None if coordinator.connected else iso(coordinator.last_seen),
        "units": [
            _unit(unit, coordinator.devices.units[key])
            for key, unit in coordinator.units.items()
        ],
        "slots": slot_pictures(coordinator),
    }


def _unit(unit: StoredUnit, device_id: str) -> Json:
    """Return a unit: the fields of `StoredUnit`, and its `device_id`.

    They are what the printer said last; `online` is null where it said nothing yet.
    """
    return asdict(unit) | {"device_id": device_id}


def slot_pictures(coordinator: SlotCoordinator) -> list[Json]:
    """Return the slots of a printer, see `_slot`."""
    entry_id = coordinator.config_entry.entry_id
    return [
        {"entry_id": entry_id} | _slot(slot, coordinator.devices.slots[key])
        for key, slot in coordinator.slots.items()
    ]


def _slot(slot: StoredSlot, device_id: str) -> Json:
    """Return a slot, with the `entry_id` of its printer.

    `{device_id, unit, is_ams_slot, ams_unit_no, slot_no, label, present, status,
    active, identifiers: {rfid_uid, external_id, vendor_tag}, assigned_external_id,
    assigned_label, filament, inserted_at, updated_at}`
    unit: the key of its unit, null for a direct slot.
    status: `empty`, `unidentified`, `identified`; null before anything is known, and
    where nothing watches the slot.
    filament: as in events (`{}`: nothing known). Times are ISO-8601.
    """
    return {
        "device_id": device_id,
        "unit": slot.unit.key if slot.unit else None,
        "is_ams_slot": slot.unit is not None,
        "ams_unit_no": slot.unit.ams_unit_no if slot.unit else None,
        "slot_no": slot.slot_no,
        "label": slot.label,
        "present": slot.present,
        "status": slot.status,
        "active": slot.active,
        "identifiers": slot.identifiers.model_dump(),
        "assigned_external_id": slot.assigned_external_id,
        "assigned_label": slot.assigned_label,
        "filament": slot.filament.as_dict() if slot.filament else {},
        "inserted_at": iso(slot.inserted_at),
        "updated_at": iso(slot.updated_at),
    }


def printer_device_id(hass: HomeAssistant, entry: ConfigEntry) -> str | None:
    """Return the printer's own device."""
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, str(entry.unique_id)), entry.entry_id
    )
    return device.id if device else None


def is_loaded(entry: ConfigEntry) -> bool:
    """Return whether the entry has a coordinator."""
    return entry.state is ConfigEntryState.LOADED


def iso(at: datetime | None) -> str | None:
    """Return a time as events carry it."""
    return None if at is None else iso_utc(at)
