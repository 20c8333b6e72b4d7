"""Options of an entry, and those that all share: what is kept, what the bus gets."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN, ENTRY_MINOR_VERSION
from .core.tables.retention import Keep

CONF_HISTORY_DAYS: Final = "history_days"
CONF_SNAPSHOT_DAYS: Final = "snapshot_days"
CONF_MAX_MEGABYTES: Final = "max_megabytes"
CONF_BUS_IDENTIFIERS: Final = "bus_identifiers"

# Minimum, maximum and default of each; of one printer, and of what all printers share.
HISTORY_OPTIONS: Final[Mapping[str, tuple[int, int, int]]] = {
    CONF_HISTORY_DAYS: (1, 3650, 365),
    CONF_SNAPSHOT_DAYS: (1, 3650, 30),
}
SHARED_OPTIONS: Final[Mapping[str, tuple[int, int, int]]] = {
    CONF_MAX_MEGABYTES: (5, 1024, 50),
}


def number_option(options: Mapping[str, Any], name: str) -> int:
    """Return the value of an option, within its bounds; the default if it is not set."""
    minimum, maximum, default = {**HISTORY_OPTIONS, **SHARED_OPTIONS}[name]
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
        timedelta(days=number_option(options, CONF_HISTORY_DAYS)),
        timedelta(days=number_option(options, CONF_SNAPSHOT_DAYS)),
    )


async def async_shared_options(hass: HomeAssistant) -> Mapping[str, Any]:
    """Return the options that all printers share; those that are not set are left out."""
    return await _shared(hass).async_load() or {}


async def async_share_options(hass: HomeAssistant, options: Mapping[str, Any]) -> None:
    """Replace the options that all printers share; defaults are not stored."""
    await _shared(hass).async_save(
        {
            name: number_option(options, name)
            for name, (_, _, default) in SHARED_OPTIONS.items()
            if options[name] != default
        }
    )


async def async_migrate_options(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Move what was an option of each printer to what they share.

    The largest value of all printers applied, and a default counted as well.
    """
    if not await async_shared_options(hass):
        entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        await async_share_options(
            hass,
            {
                name: max(number_option(each.options, name) for each in entries)
                for name in SHARED_OPTIONS
            },
        )
    own = {k: value for k, value in entry.options.items() if k not in SHARED_OPTIONS}
    hass.config_entries.async_update_entry(
        entry, options=own, minor_version=ENTRY_MINOR_VERSION
    )


def _shared(hass: HomeAssistant) -> Store[dict[str, int]]:
    return Store(hass, 1, f"{DOMAIN}.options")
