"""Finds and loads drivers: each is a subfolder with a `driver.py`."""

import asyncio
from contextlib import suppress
from importlib import import_module
import logging
from pathlib import Path
import sys

from .base import Driver, DriverError, ErrorCode

_LOGGER = logging.getLogger(__name__)

# The drivers that were loaded: nothing but a restart replaces one.
_loaded: dict[str, type[Driver]] = {}
# Drivers whose failure was logged already; another attempt must not fill the log.
_logged: set[str] = set()


async def available_drivers() -> tuple[str, ...]:
    """Return the keys of all drivers, sorted."""
    return await asyncio.to_thread(_find_drivers)


async def load_driver(driver_key: str) -> type[Driver]:
    """Return the driver of this key, imported off the event loop if it is not yet.

    Raises DriverError: UNKNOWN_DRIVER if there is none, DRIVER_BROKEN if it cannot be
    used. A broken driver affects no other.
    """
    if (driver := _loaded.get(driver_key)) is not None:
        return driver
    return await asyncio.to_thread(load_driver_now, driver_key)


async def load_drivers() -> tuple[type[Driver], ...]:
    """Return all drivers that can be used, imported off the event loop."""
    return await asyncio.to_thread(_load_usable)


def _load_usable() -> tuple[type[Driver], ...]:
    drivers = []
    for driver_key in _find_drivers():
        with suppress(DriverError):  # Logged already.
            drivers.append(load_driver_now(driver_key))
    return tuple(drivers)


def _find_drivers() -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                file.parent.name
                for folder in sys.modules[__package__].__path__
                for file in Path(folder).glob("*/driver.py")
                if file.parent.name.isidentifier()
            }
        )
    )


def load_driver_now(driver_key: str) -> type[Driver]:
    """Load a driver in the current thread, which its imports block."""
    if driver_key not in _find_drivers():
        raise DriverError(ErrorCode.UNKNOWN_DRIVER, driver_key)
    try:
        module = import_module(f".{driver_key}.driver", __package__)
        driver = _checked(module.Driver, driver_key)
    except Exception as err:
        if driver_key not in _logged:
            _logged.add(driver_key)
            _LOGGER.exception("Driver %s cannot be used", driver_key)
        raise DriverError(
            ErrorCode.DRIVER_BROKEN, f"{driver_key}: {type(err).__name__}: {err}"
        ) from err
    _logged.discard(driver_key)
    _loaded[driver_key] = driver
    return driver


def _checked(driver: object, driver_key: str) -> type[Driver]:
    """Return the driver if it is a Driver with the key of its folder."""
    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        raise TypeError("its Driver is not a driver")
    if driver.driver_key != driver_key:
        raise ValueError(f"its key is {driver.driver_key}, not its folder's name")
    return driver
