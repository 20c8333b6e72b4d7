"""How long history is kept, as the entries say, and the purge that follows from it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

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
from .core.tables.retention import Keep, Purged

# What an owner may want of history: the least, the most, and the usual.
HISTORY_OPTIONS: Final[Mapping[str, tuple[int, int, int]]] = {
    CONF_HISTORY_DAYS: (1, 3650, DEFAULT_HISTORY_DAYS),
    CONF_SNAPSHOT_DAYS: (1, 3650, DEFAULT_SNAPSHOT_DAYS),
    CONF_MAX_MEGABYTES: (5, 1024, DEFAULT_MAX_MEGABYTES),
}


def history_option(options: Mapping[str, Any], name: str) -> int:
    """Return what the options say, within the bounds; else the usual."""
    least, most, usual = HISTORY_OPTIONS[name]
    return int(min(max(options.get(name, usual), least), most))


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


def _keep(options: Mapping[str, Any], days: int | None) -> Keep:
    if days is not None:
        return Keep(timedelta(days=days), timedelta(days=days))
    return Keep(
        timedelta(days=history_option(options, CONF_HISTORY_DAYS)),
        timedelta(days=history_option(options, CONF_SNAPSHOT_DAYS)),
    )


def _options(hass: HomeAssistant, entry_id: str | None) -> Mapping[str, Any]:
    """Return the options of an entry; none for one that was removed."""
    entry = hass.config_entries.async_get_entry(entry_id) if entry_id else None
    return entry.options if entry else {}


def _max_bytes(hass: HomeAssistant) -> int:
    """Return how large the one file may be: as the most generous entry says."""
    # The usual counts as well: what a form shows must not be cut by another's.
    sizes = (
        history_option(entry.options, CONF_MAX_MEGABYTES)
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    )
    return max(sizes, default=DEFAULT_MAX_MEGABYTES) * 1024 * 1024
