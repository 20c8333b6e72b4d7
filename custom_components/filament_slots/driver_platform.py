"""Platform of drivers: other custom components bring theirs in `filament_slots.py`.

A component that depends on us is set up by us, as nothing else does where it has no
entries of its own. What cannot be used is refused with a repair.
"""

import asyncio
from collections import defaultdict
from functools import partial
from importlib import import_module
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.integration_platform import (
    async_process_integration_platforms,
)
from homeassistant.helpers.typing import ConfigType
from homeassistant.loader import (
    Integration,
    async_get_custom_components,
    async_get_integration,
)
from homeassistant.setup import async_setup_component
from homeassistant.util.hass_dict import HassKey

from .api import API_VERSION
from .const import CONF_DRIVER_KEY, DOMAIN
from .coordinator import all_entries
from .discovery import async_listen_to
from .drivers.registry import (
    DriverInfo,
    KeyTakenError,
    Registered,
    register,
    registered_driver,
)
from .inventory.registry import INVENTORIES
from .loop_watch import async_watch_loop
from .repairs_driver import RefusedDriver, async_refuse

_LOGGER = logging.getLogger(__name__)

_COMPONENTS: HassKey[asyncio.Task[None]] = HassKey(f"{DOMAIN}_components")
# Set once the drivers of a component are registered or refused.
type _Processed = defaultdict[str, asyncio.Event]
# Seconds that the dialog to add a printer waits for the components.
_MOST_WAIT: Final = 10.0

_RELOADED = (
    ConfigEntryState.LOADED,
    ConfigEntryState.SETUP_IN_PROGRESS,
    ConfigEntryState.SETUP_ERROR,
)


async def async_gather_drivers(hass: HomeAssistant, config: ConfigType) -> None:
    """Register the drivers of other components, now and later; waits for none."""
    processed: _Processed = defaultdict(asyncio.Event)
    await async_process_integration_platforms(
        hass, DOMAIN, partial(_async_process, processed)
    )
    hass.data[_COMPONENTS] = hass.async_create_background_task(
        _async_set_up_components(hass, config, processed),
        f"{DOMAIN} components",
        eager_start=False,
    )


async def async_wait_for_drivers(hass: HomeAssistant) -> None:
    """Wait until the drivers of other components are there, for a limited time.

    Before the first printer is added, nothing else sets us up.
    """
    if await async_setup_component(hass, DOMAIN, {}):
        await asyncio.wait((hass.data[_COMPONENTS],), timeout=_MOST_WAIT)


async def _async_set_up_components(
    hass: HomeAssistant, config: ConfigType, processed: _Processed
) -> None:
    await asyncio.gather(
        *(
            _async_set_up(hass, component, config, processed)
            for component in (await async_get_custom_components(hass)).values()
            if DOMAIN in component.dependencies
            and component.platforms_exists((DOMAIN,))
        )
    )


async def _async_set_up(
    hass: HomeAssistant,
    component: Integration,
    config: ConfigType,
    processed: _Processed,
) -> None:
    """Set a component up, and wait until its drivers are registered."""
    try:
        if await async_setup_component(hass, component.domain, config):
            # Home Assistant passes over a platform that cannot be imported.
            await component.async_get_platform(DOMAIN)
            await processed[component.domain].wait()
            return
    except ImportError as err:
        _LOGGER.error("The drivers of %s cannot be used: %s", component.domain, err)
    async_refuse(hass, component, RefusedDriver.BROKEN)


async def _async_process(
    processed: _Processed, hass: HomeAssistant, domain: str, platform: Any
) -> None:
    """Register the drivers of a component, those that can be used."""
    component = await async_get_integration(hass, domain)
    try:
        offered: tuple[DriverInfo, ...] = tuple(platform.DRIVERS)
    except (AttributeError, TypeError) as err:
        _LOGGER.error("The drivers of %s cannot be used: %s", domain, err)
        async_refuse(hass, component, RefusedDriver.BROKEN)
    else:
        for info in offered:
            await _async_register(hass, component, info)
    finally:
        processed[domain].set()


async def _async_register(
    hass: HomeAssistant, component: Integration, info: DriverInfo
) -> None:
    key, theirs = getattr(info, "key", ""), getattr(info, "api_version", "")
    if _major(theirs) != _major(API_VERSION):
        async_refuse(
            hass,
            component,
            RefusedDriver.VERSION,
            driver=str(key),
            theirs=str(theirs),
            ours=API_VERSION,
        )
        return
    if key in INVENTORIES:
        _refuse_key(hass, component, key)
        return
    try:
        module = await hass.async_add_import_executor_job(
            import_module, f"{component.pkg_path}.{info.module}"
        )
        await register(
            Registered(
                info=info,
                driver=module.Driver,
                component=component.domain,
                folder=component.file_path,
            )
        )
    except KeyTakenError:
        _refuse_key(hass, component, key)
        return
    except Exception:
        _LOGGER.exception("The driver %s of %s cannot be used", key, component.domain)
        async_refuse(hass, component, RefusedDriver.BROKEN)
        return
    async_watch_loop(hass)
    for entry in all_entries(hass):
        if entry.data[CONF_DRIVER_KEY] == key and entry.state in _RELOADED:
            hass.config_entries.async_schedule_reload(entry.entry_id)
    await async_listen_to(hass, module.Driver)


def _refuse_key(hass: HomeAssistant, component: Integration, key: str) -> None:
    other = registered_driver(key)
    async_refuse(
        hass,
        component,
        RefusedDriver.KEY_TAKEN,
        driver=key,
        other=other.component if other else DOMAIN,
    )


def _major(version: object) -> str:
    return str(version).partition(".")[0]
