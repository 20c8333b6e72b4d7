"""Diagnostics of an inventory: figures and causes, without spools, addresses and keys."""

from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState

from .const import CONF_INVENTORY_KEY
from .inventory_entry import InventoryConfigEntry
from .redaction import Pseudonyms

# Everything else in an entry's data may be a secret of some inventory.
_SHOWN: Final = {CONF_INVENTORY_KEY, "verify_ssl"}


def inventory_diagnostics(entry: InventoryConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of an inventory."""
    report: dict[str, Any] = {
        "entry": {
            "version": entry.version,
            "data": async_redact_data(dict(entry.data), set(entry.data) - _SHOWN),
            "state": entry.state.value,
            "reason": entry.error_reason_translation_key,
        },
        "health": None,
        "identities": None,
        "waiting_to_be_written": None,
        "log": [],
    }
    if entry.state is ConfigEntryState.LOADED:
        host = entry.runtime_data
        report["health"] = host.health
        report["identities"] = {
            "reused": len(host.identities.reused),
            "exchanged": host.identities.exchanged,
        }
        if host.queue is not None:
            report["waiting_to_be_written"] = host.queue.waiting
        report["log"] = host.log.lines
    secrets = [
        value
        for name, value in entry.data.items()
        if name not in _SHOWN and isinstance(value, str)
    ]
    masked: dict[str, Any] = Pseudonyms(ids=(), secrets=secrets).mask(report)
    return masked
