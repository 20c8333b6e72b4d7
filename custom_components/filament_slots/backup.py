"""Home Assistant's backup takes the store along: whole, and without a half event."""

import logging

from homeassistant.core import HomeAssistant

from .core.engine.errors import StoreError
from .runtime import require_store

_LOGGER = logging.getLogger(__name__)

# A backup may take longer; then events are written again, but beside the file that is
# being copied.
_HOLD_SECONDS = 60.0


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Bring everything into the one file, and let events wait; never raises."""
    try:
        await require_store(hass).store.hold(_HOLD_SECONDS)
    except StoreError:
        _LOGGER.debug("No store is open")
    except Exception:
        # What is raised here would cost the user the whole backup.
        _LOGGER.exception("The store could not be prepared for the backup")


async def async_post_backup(hass: HomeAssistant) -> None:
    """Go on writing; never raises."""
    try:
        require_store(hass).store.release()
    except StoreError:
        _LOGGER.debug("No store is open")
    except Exception:
        _LOGGER.exception("The store could not be released after the backup")
