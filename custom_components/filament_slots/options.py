"""Options of entries, and those that printers share: history, bus, spools that are low."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN, ENTRY_MINOR_VERSION
from .core.tables.retention import Keep
from .remaining import LowLimit

CONF_HISTORY_DAYS: Final = "history_days"
CONF_SNAPSHOT_DAYS: Final = "snapshot_days"
CONF_MAX_MEGABYTES: Final = "max_megabytes"
CONF_BUS_IDENTIFIERS: Final = "bus_identifiers"
# Of an inventory: the extra field that holds the tags of its spools.
CONF_TAG_FIELD: Final = "tag_field"

# Of an inventory: how much is left at most on a spool that is low, and the extra field of
# a filament that has its own limit, in grams.
CONF_LOW_LIMIT: Final = "low_limit"
CONF_LOW_UNIT: Final = "low_unit"
CONF_LOW_FIELD: Final = "low_field"
LOW_PERCENT: Final = "percent"
LOW_GRAMS: Final = "grams"
LOW_DEFAULTS: Final[Mapping[str, Any]] = {
    CONF_LOW_LIMIT: 15,
    CONF_LOW_UNIT: LOW_PERCENT,
    CONF_LOW_FIELD: "",
}

# Of an inventory: whether a scanned tag announces its spool.
CONF_FOLLOW_SCANS: Final = "follow_scans"

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


def low_limit(options: Mapping[str, Any], numbers: Mapping[str, float]) -> LowLimit:
    """Return when a spool of an inventory is low: its filament's limit comes first.

    numbers: the extra fields of its filament.
    """
    wanted = {**LOW_DEFAULTS, **options}
    if (own := numbers.get(wanted[CONF_LOW_FIELD])) is not None:
        return LowLimit.of_grams(own)
    if wanted[CONF_LOW_UNIT] == LOW_GRAMS:
        return LowLimit.of_grams(wanted[CONF_LOW_LIMIT])
    return LowLimit.of_percent(wanted[CONF_LOW_LIMIT])


def follows_scans(options: Mapping[str, Any]) -> bool:
    """Return whether a scanned tag announces its spool; an option of an inventory."""
    return bool(options.get(CONF_FOLLOW_SCANS, True))


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
