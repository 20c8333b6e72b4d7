"""How long history is kept, as the entries say, and the purge that follows from it."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import (
    CONF_HISTORY_DAYS,
    CONF_MAX_MEGABYTES,
    CONF_SNAPSHOT_DAYS,
    DEFAULT_HISTORY_DAYS,
    DEFAULT_MAX_MEGABYTES,
    DEFAULT_SNAPSHOT_DAYS,
    DOMAIN,
)
from .core.handler import EventHandler
from .core.retention import Keep, Purged


async def async_purge(
    hass: HomeAssistant,
    handler: EventHandler,
    *,
    entry_id: str | None = None,
    keep_days: int | None = None,
) -> Purged:
    """Delete what is older than the entries say, or than the days given.

    entry_id: of the only printer whose history is looked at; without it, it is all of
    them, those that were removed included, and the file is kept below its largest size.
    Raises sqlite3.Error or StoreClosedError where nothing can be deleted.
    """
    keep = {
        printer_id: _keep(_options(hass, owner), keep_days)
        for printer_id, owner in (await handler.printer_entries()).items()
        if entry_id in (None, owner)
    }
    return await handler.purge(
        dt_util.utcnow(), keep, None if entry_id else _max_bytes(hass)
    )


def _keep(options: dict[str, Any], days: int | None) -> Keep:
    if days is not None:
        return Keep(timedelta(days=days), timedelta(days=days))
    return Keep(
        timedelta(days=options.get(CONF_HISTORY_DAYS, DEFAULT_HISTORY_DAYS)),
        timedelta(days=options.get(CONF_SNAPSHOT_DAYS, DEFAULT_SNAPSHOT_DAYS)),
    )


def _options(hass: HomeAssistant, entry_id: str | None) -> dict[str, Any]:
    """Return the options of an entry; none for one that was removed."""
    entry = hass.config_entries.async_get_entry(entry_id) if entry_id else None
    return dict(entry.options) if entry else {}


def _max_bytes(hass: HomeAssistant) -> int:
    """Return how large the one file may be: as the most generous entry says."""
    said = [
        entry.options[CONF_MAX_MEGABYTES]
        for entry in hass.config_entries.async_entries(DOMAIN)
        if CONF_MAX_MEGABYTES in entry.options
    ]
    return int(max(said, default=DEFAULT_MAX_MEGABYTES)) * 1024 * 1024
