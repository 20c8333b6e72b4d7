"""Backup platform of Home Assistant: keeps the store complete while it is copied."""

import logging

from homeassistant.core import HomeAssistant

from .runtime import async_shared_core

_LOGGER = logging.getLogger(__name__)

# A backup may take longer. Then writing resumes, to a file beside the one being copied.
_HOLD_SECONDS = 60.0


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Write everything to the one file and hold further writes; never raises."""
    core = async_shared_core(hass)
    try:
        if core.is_open:
            await core.store.writer.hold(_HOLD_SECONDS)
    except Exception:
        # An exception raised here would fail the whole backup.
        _LOGGER.exception("The store could not be prepared for the backup")


async def async_post_backup(hass: HomeAssistant) -> None:
    """Resume writing; never raises."""
    core = async_shared_core(hass)
    try:
        if core.is_open:
            core.store.writer.release()
    except Exception:
        _LOGGER.exception("The store could not be released after the backup")
