"""Diagnostics: all data that a bug report needs, without personal data.

Ids are replaced by pseudonyms, the same one for the same id throughout a download, so
that `scripts/replay` can reproduce the events from its capture.
"""

from dataclasses import asdict
from typing import cast

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import CONF_DRIVER_KEY
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, is_loaded
from .core.engine.errors import StoreError
from .core.tables.audit import AuditEntry, read_audit
from .diagnostics_inventory import inventory_diagnostics
from .drivers.registry import known_driver
from .entry_health import entry_health
from .entry_kinds import is_printer
from .entry_redaction import SHOWN, entry_pseudonyms
from .explanation import async_answer_texts, explain
from .inventory_entry import InventoryConfigEntry
from .model import SCHEMA_VERSION
from .redaction import REDACTED
from .runtime import require_store
from .serializers import Json, iso, printer_data, slots_data

# Fields of an action that hold paths, or texts written by the user.
_PRIVATE = {"path", "label", "location"}
_ACTIONS_SHOWN = 50


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> Json:
    """Return the diagnostics of a printer or an inventory."""
    if not is_printer(entry):
        return inventory_diagnostics(cast(InventoryConfigEntry, entry))
    report = await _async_entry_report(hass, entry)
    return await hass.async_add_executor_job(entry_pseudonyms(entry).mask, report)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry, device: dr.AnyDeviceEntry
) -> Json:
    """Return the diagnostics of a printer, reduced to one unit or slot if it is one."""
    report = await _async_entry_report(hass, entry)
    printer = report["printer"]
    units = [unit for unit in printer["units"] if unit["device_id"] == device.id]
    keys = {unit["key"] for unit in units}
    slots = [
        slot
        for slot in printer["slots"]
        if slot["device_id"] == device.id or slot["unit"] in keys
    ]
    if units or slots:
        printer |= {"units": units, "slots": slots}
    return await hass.async_add_executor_job(entry_pseudonyms(entry).mask, report)


async def _async_entry_report(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> Json:
    report: Json = {
        "schema_version": SCHEMA_VERSION,
        "entry": {
            "version": entry.version,
            "data": async_redact_data(dict(entry.data), set(entry.data) - SHOWN),
            "options": dict(entry.options),
            "state": entry.state.value,
        },
        "driver": _driver(entry),
        # A name may contain a serial number, and does not help to find a fault.
        "printer": {
            **printer_data(hass, entry),
            "name": None,
            "announced": None,
            "report": None,
        },
        "health": entry_health(entry),
        **await _async_core_report(hass),
        "log": [],
        "capture": None,
    }
    if is_loaded(entry):
        coordinator = entry.runtime_data
        # In English, for those who read the report.
        texts = await async_answer_texts(hass, "en")
        report["printer"] |= _explained(coordinator, texts)
        report["log"] = coordinator.log.lines
        report["capture"] = coordinator.driver.capture()
    return report


def _driver(entry: FilamentSlotsConfigEntry) -> Json | None:
    """Return what is known of the driver; null for one that is not there."""
    known = known_driver(entry.data[CONF_DRIVER_KEY])
    if known is None:
        return None
    return {"component": known.component, **asdict(known.info)}


def _explained(coordinator: SlotCoordinator, texts: dict[str, str]) -> Json:
    """Return the slots, each with its explanation, and the report of the printer."""
    explained = explain(coordinator, texts)
    slots = zip(slots_data(coordinator), explained["slots"].values(), strict=True)
    return {
        "report": explained["report"],
        "slots": [
            {
                **slot,
                # Its page names the server.
                "spool": slot["spool"] and {**slot["spool"], "url": None},
                "explanation": explanation,
            }
            for slot, explanation in slots
        ],
    }


async def _async_core_report(hass: HomeAssistant) -> Json:
    """Return pipeline figures and the audit; null while the store cannot be read."""
    report: Json = {"pipeline": None, "audit": None}
    try:
        core = require_store(hass)
        report["pipeline"] = core.handler.health()
        actions = await read_audit(core.store, _ACTIONS_SHOWN)
    except StoreError:
        return report
    return report | {"audit": [_action(action) for action in actions]}


def _action(action: AuditEntry) -> Json:
    """Return an action, without addresses; of its result only numbers and the error.

    The rest may hold ids of other printers, which have no pseudonyms here.
    """
    result = action.result or {}
    details = async_redact_data(action.details, _PRIVATE)
    return {
        "at": iso(action.at),
        "user_id": action.user_id,
        "action": action.action,
        "details": {
            name: REDACTED if "://" in str(value) else value
            for name, value in details.items()
        },
        "result": {
            name: value
            for name, value in result.items()
            if name == "error" or isinstance(value, int | float)
        },
    }
