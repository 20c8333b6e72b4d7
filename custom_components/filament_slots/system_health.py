"""System health: connected printers, and state of the store."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .coordinator import all_entries, is_loaded
from .core.engine.errors import StoreError
from .core.tables.history import EventFilter, read_events
from .core.tables.schema import MIGRATIONS
from .inventory_entry import loaded_inventories
from .model import SCHEMA_VERSION
from .runtime import async_shared_core, require_store


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register the system health page of the integration."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the values; slow ones as coroutines."""
    entries = all_entries(hass)
    connected = sum(
        is_loaded(entry) and entry.runtime_data.connected for entry in entries
    )
    return {
        "printers_connected": f"{connected}/{len(entries)}",
        "inventories_connected": _inventories(hass),
        "store_size": _async_store_size(hass),
        "last_event": _async_last_event(hass),
        "store_version": len(MIGRATIONS),
        "event_version": SCHEMA_VERSION,
        **_pipeline(hass),
    }


def _inventories(hass: HomeAssistant) -> str:
    """Return how many of the loaded inventories have a connection."""
    inventories = loaded_inventories(hass)
    connected = sum(host.health["connected"] for host in inventories)
    return f"{connected}/{len(inventories)}"


def _pipeline(hass: HomeAssistant) -> dict[str, Any]:
    """Return the figures of the event pipeline; none while no entry is loaded."""
    try:
        health = require_store(hass).handler.health()
    except StoreError:
        return {}
    commit_ms = health["last_commit_ms"]
    return {
        "queue_depth": health["queue_depth"],
        "events_stored": health["stored"],
        "events_rejected": health["rejected"],
        "events_failed": health["failed"],
        "events_retried": health["retried"],
        "last_commit": health["last_commit_at"] or "-",
        "last_commit_time": "-" if commit_ms is None else f"{commit_ms:.1f} ms",
    }


async def _async_store_size(hass: HomeAssistant) -> str:
    path = async_shared_core(hass).path

    def size() -> str:
        try:
            return f"{path.stat().st_size / 1024 / 1024:.1f} MB"
        except OSError:
            return "-"

    return await hass.async_add_executor_job(size)


async def _async_last_event(hass: HomeAssistant) -> str:
    """Return the time of the newest stored event."""
    try:
        page = await read_events(require_store(hass).store, EventFilter(), limit=1)
    except StoreError:
        return "-"
    return str(page.events[0]["event_at"]) if page.events else "-"
