"""Names that more than one module of the Home Assistant side uses."""

from typing import Final

from homeassistant.const import Platform

from .model import EventType

DOMAIN: Final = "filament_slots"

# Entry data: the driver, what it is, and beside them the driver's own config.
CONF_DRIVER_KEY: Final = "driver_key"
CONF_MODEL: Final = "model"

# What a discovery flow is told of a printer; the config is what is filled in already.
CONF_IDENTITY: Final = "identity"
CONF_NAME: Final = "name"
CONF_CONFIG: Final = "config"

# Of the entry's data. A later version brings its own step in `async_migrate_entry`.
ENTRY_VERSION: Final = 1

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
]

# What an automation can act on; `ams_state` is state, not news.
SPOOL_EVENTS: Final = (
    EventType.SPOOL_INSERTED,
    EventType.SPOOL_REMOVED,
    EventType.UNKNOWN_SPOOL_DETECTED,
)
