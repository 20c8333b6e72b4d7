"""Constants that several modules of the Home Assistant side use."""

from enum import StrEnum
from typing import Final

from homeassistant.const import Platform

from .model import EventType

DOMAIN: Final = "filament_slots"

# Entry data: the driver, the printer's model, and the driver's own config.
CONF_DRIVER_KEY: Final = "driver_key"
CONF_MODEL: Final = "model"

# Entry data of an inventory: its kind, and the inventory's own config. An entry without
# it is a printer's.
CONF_INVENTORY_KEY: Final = "inventory_key"

# Data of a discovery flow; the config prefills the driver's form.
CONF_IDENTITY: Final = "identity"
CONF_NAME: Final = "name"
CONF_CONFIG: Final = "config"

# Version of the entry's data; a higher one needs a step in `async_migrate_entry`.
ENTRY_VERSION: Final = 1
# Of 2: what all printers share is no option of an entry.
ENTRY_MINOR_VERSION: Final = 2

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
]


class AlertType(StrEnum):
    """What automations act on, beside events: it is not of a printer, nor in the history."""

    SPOOL_LOW = "spool_low"
    SPOOL_MISMATCHED = "spool_mismatched"


# The events that automations act on; `ams_state` is a state, not an event of a spool.
SPOOL_EVENTS: Final = (
    EventType.SPOOL_INSERTED,
    EventType.SPOOL_REMOVED,
    EventType.UNKNOWN_SPOOL_DETECTED,
)
