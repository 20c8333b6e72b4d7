"""System health: how many printers are there, and how the store is doing."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .core.engine.errors import StoreError
from .core.tables.history import EventFilter, read_events
from .core.tables.schema import MIGRATIONS
from .model import SCHEMA_VERSION
from .runtime import async_shared_core, require_store
from .serializers import is_loaded


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Offer what there is to say."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return it; what takes time comes later."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    connected = sum(
        is_loaded(entry) and entry.runtime_data.connected for entry in entries
    )
    return {
        "printers_connected": f"{connected}/{len(entries)}",
        "store_size": _async_store_size(hass),
        "last_event": _async_last_event(hass),
        "store_version": len(MIGRATIONS),
        "event_version": SCHEMA_VERSION,
        **_pipeline(hass),
    }


def _pipeline(hass: HomeAssistant) -> dict[str, Any]:
    """Return how events fare on their way; nothing while nobody needs the store."""
    try:
        health = require_store(hass).handler.health()
    except StoreError:
        return {}
    took = health["last_commit_ms"]
    return {
        "queue_depth": health["queue_depth"],
        "events_stored": health["stored"],
        "events_rejected": health["rejected"],
        "events_failed": health["failed"],
        "events_retried": health["retried"],
        "last_commit": health["last_commit_at"] or "-",
        "last_commit_time": "-" if took is None else f"{took:.1f} ms",
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
    """Return when the newest event in the store happened."""
    try:
        store = require_store(hass).store
    except StoreError:
        return "-"
    page = await read_events(store, EventFilter(), limit=1)
    return str(page.events[0]["event_at"]) if page.events else "-"
