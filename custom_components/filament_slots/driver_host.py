"""Host of drivers: their services, and their configuration in an entry."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from pydantic import SecretStr, ValidationError

from .const import CONF_DRIVER_KEY, CONF_MODEL, DOMAIN
from .driver_log import DriverLog
from .drivers.base import (
    Driver,
    DriverError,
    DriverServices,
    ErrorCode,
    EventEmitter,
    ProbeResult,
)
from .drivers.faults import fault
from .drivers.guarded import GuardedDriver
from .drivers.registry import load_drivers, registered_driver
from .drivers.snapshot import NO_MEMORY
from .drivers.timings import Timings
from .entry_kinds import is_printer
from .model import StoredSlot
from .network.address import parse_address
from .network.clock import LoopClock

if TYPE_CHECKING:
    # The coordinator imports this module.
    from .coordinator import FilamentSlotsConfigEntry

_LOGGER = logging.getLogger(__package__)

# Seconds that printers have to name the inventory that they use.
_INVENTORY_WAIT = 5.0

# The confirmation times a user can set, with minimum and maximum in seconds. The rules of
# the tracker hold for every combination within these bounds.
SETTLE_TIMES: Mapping[str, tuple[float, float]] = {
    "insert_settle": (0.5, 10),
    "removal_confirm": (5, 60),
    "identity_wait": (10, 120),
    "unknown_after_idle": (30, 600),
}


async def async_probe(
    hass: HomeAssistant, driver: type[Driver], config: Mapping[str, Any]
) -> tuple[ProbeResult, dict[str, Any]]:
    """Probe a printer; return the result, and the config to save in its entry.

    Raises pydantic.ValidationError for a config that the driver refuses, DriverError
    with the cause of a failure.
    """
    driver.Config.model_validate(config)
    try:
        found = await driver.probe(config, driver_services(hass, DriverLog("Set-up")))
        kept = driver.Config.model_validate({**config, **found.config})
    except DriverError, ValidationError:
        raise
    except Exception as err:
        _LOGGER.error("Unexpected error while probing a printer: %s", fault(err))
        raise DriverError(ErrorCode.UNKNOWN, type(err).__name__) from err
    return found, {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in kept
        if value is not None
    }


async def async_look(
    hass: HomeAssistant, driver: type[Driver], config: Mapping[str, Any]
) -> str | None:
    """Return the name of a printer of another type at an address, if one is there.

    driver, config: with which the address was probed in vain.
    """
    try:
        address = parse_address(str(config[CONF_HOST]))
    except KeyError, ValueError:
        return None
    services = driver_services(hass, DriverLog("Set-up"))
    found = await asyncio.gather(
        *(
            other.look(address.host, address.port, services)
            for other in await load_drivers()
            if other.driver_key != driver.driver_key
        ),
        return_exceptions=True,
    )
    return next((name for name in found if name and isinstance(name, str)), None)


async def async_inventory_address(
    hass: HomeAssistant, inventory_key: str
) -> str | None:
    """Return the address of an inventory that a connected printer uses; None if none does."""
    drivers = [
        entry.runtime_data.driver
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
        if is_printer(entry) and entry.runtime_data.connected
    ]
    with suppress(TimeoutError):
        async with asyncio.timeout(_INVENTORY_WAIT):
            found = await asyncio.gather(
                *(driver.inventory_addresses() for driver in drivers)
            )
            return next(
                (each[inventory_key] for each in found if inventory_key in each), None
            )
    return None


def driver_config(entry: FilamentSlotsConfigEntry) -> dict[str, Any]:
    """Return the driver's config of an entry."""
    ours = {CONF_DRIVER_KEY, CONF_MODEL}
    return {key: value for key, value in entry.data.items() if key not in ours}


def driver_timings(entry: FilamentSlotsConfigEntry, driver: type[Driver]) -> Timings:
    """Return the driver's timings, with the options that the user has set."""
    return replace(
        driver.timings,
        **{
            name: min(max(float(entry.options[name]), shortest), longest)
            for name, (shortest, longest) in SETTLE_TIMES.items()
            if name in entry.options
        },
    )


def make_driver(
    kind: type[Driver],
    driver_key: str,
    printer_id: int,
    config: Mapping[str, Any],
    emitter: EventEmitter,
    services: DriverServices,
) -> Driver:
    """Create a driver; one that is not ours, or not there, is guarded.

    kind: GuardedDriver stands for a driver that is not there.

    Raises pydantic.ValidationError for a configuration that it refuses.
    """
    registered = registered_driver(driver_key)
    if registered is None and kind is not GuardedDriver:
        return kind(printer_id, config, emitter, services)
    return GuardedDriver(
        printer_id,
        config,
        emitter,
        services,
        driver_key=driver_key,
        registered=registered,
    )


def driver_services(
    hass: HomeAssistant,
    log: DriverLog,
    *,
    stored: tuple[StoredSlot, ...] = (),
    last_seen: datetime | None = None,
    memory: Mapping[str, Any] = NO_MEMORY,
    timings: Timings | None = None,
    health_changed: Callable[[], None] = lambda: None,
) -> DriverServices:
    """Return the services of a driver."""

    return DriverServices(
        stored=stored,
        last_seen=last_seen,
        memory=memory,
        timings=timings,
        session=async_get_clientsession(hass),
        clock=LoopClock(),
        log=log,
        health_changed=health_changed,
    )
