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

# Options of an entry: how long its history is kept, 1 to 3650 days each. The largest
# size, 5 to 1024 MB, is the whole store's: of several entries the most generous counts.
CONF_HISTORY_DAYS: Final = "history_days"
CONF_SNAPSHOT_DAYS: Final = "snapshot_days"
CONF_MAX_MEGABYTES: Final = "max_megabytes"
DEFAULT_HISTORY_DAYS: Final = 365
DEFAULT_SNAPSHOT_DAYS: Final = 30
DEFAULT_MAX_MEGABYTES: Final = 50
