"""The two kinds of entries: printers, and inventories."""

from typing import Any

from homeassistant.config_entries import ConfigEntry

from .const import CONF_INVENTORY_KEY


def is_printer(entry: ConfigEntry[Any]) -> bool:
    """Return whether the entry is one of a printer, not of an inventory."""
    return CONF_INVENTORY_KEY not in entry.data
