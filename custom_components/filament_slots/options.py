"""Options of an entry: what is kept for how long, and what the event bus gets."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .core.tables.retention import Keep

CONF_HISTORY_DAYS: Final = "history_days"
CONF_SNAPSHOT_DAYS: Final = "snapshot_days"
CONF_MAX_MEGABYTES: Final = "max_megabytes"
CONF_BUS_IDENTIFIERS: Final = "bus_identifiers"

# Minimum, maximum and default of each.
HISTORY_OPTIONS: Final[Mapping[str, tuple[int, int, int]]] = {
    CONF_HISTORY_DAYS: (1, 3650, 365),
    CONF_SNAPSHOT_DAYS: (1, 3650, 30),
    CONF_MAX_MEGABYTES: (5, 1024, 50),
}


def history_option(options: Mapping[str, Any], name: str) -> int:
    """Return the value of an option, within its bounds; the default if it is not set."""
    minimum, maximum, default = HISTORY_OPTIONS[name]
    return int(min(max(options.get(name, default), minimum), maximum))


def bus_identifiers(options: Mapping[str, Any]) -> bool:
    """Return whether events on the bus say which spool they are about."""
    return bool(options.get(CONF_BUS_IDENTIFIERS, True))


def history_kept(
    hass: HomeAssistant, entry_id: str | None, keep_days: int | None = None
) -> Keep:
    """Return how long the history of a printer is kept.

    entry_id: of its entry; None for a printer whose entry was removed.
    keep_days: replaces the options, for events and snapshots alike.
    """
    if keep_days is not None:
        return Keep(timedelta(days=keep_days), timedelta(days=keep_days))
    entry = hass.config_entries.async_get_entry(entry_id) if entry_id else None
    options = entry.options if entry else {}
    return Keep(
        timedelta(days=history_option(options, CONF_HISTORY_DAYS)),
        timedelta(days=history_option(options, CONF_SNAPSHOT_DAYS)),
    )


def max_store_bytes(hass: HomeAssistant) -> int:
    """Return how large the store's file may be: the largest size set on any printer."""
    # A default counts as well: another printer's option must not undercut it.
    sizes = [
        history_option(entry.options, CONF_MAX_MEGABYTES)
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    ]
    return max(sizes or [history_option({}, CONF_MAX_MEGABYTES)]) * 1024 * 1024
