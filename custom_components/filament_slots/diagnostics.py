"""Diagnostics: everything a report of a fault needs, and nothing of whose it is.

Ids are replaced by stand-ins, the same for the same everywhere in one download, so that
the capture in it shows `scripts/replay` the events that were seen.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import CONF_DRIVER_KEY, CONF_MODEL
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.engine.errors import StoreError
from .core.tables.audit import AuditEntry, read_audit
from .drivers.base import DriverStatus
from .model import SCHEMA_VERSION
from .redaction import StandIns
from .runtime import require_store
from .serializers import Json, is_loaded, iso, printer_picture

# Everything else that a driver's config holds may be a secret of a driver to come.
_SHOWN = {CONF_DRIVER_KEY, CONF_MODEL, "port", "verify_ssl"}
# Of an action: where files lie, and an owner's own words.
_PRIVATE = {"path", "label"}
_ACTIONS_SHOWN = 50


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> Json:
    """Return the whole printer."""
    told = await _async_told_of_entry(hass, entry)
    return await hass.async_add_executor_job(_stand_ins(entry).mask, told)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, device: dr.AnyDeviceEntry
) -> Json:
    """Return a unit or a slot, and how its printer is doing; or the whole printer."""
    told = await _async_told_of_entry(hass, entry)
    printer = told["printer"]
    units = [unit for unit in printer["units"] if unit["device_id"] == device.id]
    keys = {unit["key"] for unit in units}
    slots = [
        slot
        for slot in printer["slots"]
        if slot["device_id"] == device.id or slot["unit"] in keys
    ]
    if units or slots:
        printer |= {"units": units, "slots": slots}
    return await hass.async_add_executor_job(_stand_ins(entry).mask, told)


async def _async_told_of_entry(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> Json:
    told: Json = {
        "schema_version": SCHEMA_VERSION,
        "entry": {
            "version": entry.version,
            "data": async_redact_data(dict(entry.data), set(entry.data) - _SHOWN),
            "options": dict(entry.options),
            "state": entry.state.value,
        },
        # Names may be made of serials, and say nothing of a fault.
        "printer": printer_picture(hass, entry) | {"name": None},
        "health": _health(entry),
        **await _async_told_of_core(hass),
        "log": [],
        "capture": None,
    }
    if is_loaded(entry):
        coordinator = entry.runtime_data
        told["log"] = coordinator.log.lines
        told["capture"] = coordinator.driver.capture()
    return told


async def _async_told_of_core(hass: HomeAssistant) -> Json:
    """Return how events fare, and who changed what; null while that can't be told."""
    told: Json = {"pipeline": None, "audit": None}
    try:
        core = require_store(hass)
        told["pipeline"] = core.handler.health()
        actions = await read_audit(core.store, _ACTIONS_SHOWN)
    except StoreError:
        return told
    return told | {"audit": [_action(action) for action in actions]}


def _action(action: AuditEntry) -> Json:
    """Return an action; of its result the numbers, and what went wrong.

    The rest are pictures, of other printers too, whose ids have no stand-ins here.
    """
    result = action.result or {}
    return {
        "at": iso(action.at),
        "user_id": action.user_id,
        "action": action.action,
        "details": async_redact_data(action.details, _PRIVATE),
        "result": {
            name: value
            for name, value in result.items()
            if name == "error" or isinstance(value, int | float)
        },
    }


def _health(entry: FilamentSlotsConfigEntry) -> Mapping[str, Any]:
    """Return the driver's health; where there is no driver, why there is none."""
    if is_loaded(entry):
        return entry.runtime_data.driver.health()
    return {
        "status": DriverStatus.CONFIG_ERROR.value,
        "last_error": {
            "code": entry.error_reason_translation_key,
            "message": entry.reason,
        },
    }


def _stand_ins(entry: FilamentSlotsConfigEntry) -> StandIns:
    """Return what replaces every id and secret that is known from the start."""
    identity = str(entry.unique_id)
    secrets = [
        value
        for name, value in entry.data.items()
        if name not in _SHOWN and isinstance(value, str) and value != identity
    ]
    ids = _ids(entry.runtime_data) if is_loaded(entry) else ()
    return StandIns(ids=[identity, *ids], secrets=secrets)


def _ids(coordinator: SlotCoordinator) -> Iterable[str]:
    """Yield the serials of the units, and everything a spool is known by."""
    for unit in coordinator.data.units.values():
        if unit.serial is not None:
            yield unit.serial
    for slot in coordinator.data.slots.values():
        spool = slot.identifiers
        for known in (spool.rfid_uid, spool.external_id, slot.assigned_external_id):
            if known is not None:
                yield known
