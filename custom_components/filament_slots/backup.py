"""Home Assistant's backup takes the store along: whole, and without a half event."""

import logging

from homeassistant.core import HomeAssistant

from .runtime import async_shared_core

_LOGGER = logging.getLogger(__name__)

# A backup may take longer; then events are written again, but beside the file that is
# being copied.
_HOLD_SECONDS = 60.0


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Bring everything into the one file, and let events wait; never raises."""
    core = async_shared_core(hass)
    try:
        if core.is_open:
            await core.store.hold(_HOLD_SECONDS)
    except Exception:
        # What is raised here would cost the user the whole backup.
        _LOGGER.exception("The store could not be prepared for the backup")


async def async_post_backup(hass: HomeAssistant) -> None:
    """Go on writing; never raises."""
    core = async_shared_core(hass)
    try:
        if core.is_open:
            core.store.release()
    except Exception:
        _LOGGER.exception("The store could not be released after the backup")
