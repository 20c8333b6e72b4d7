"""Registry of drivers: our own, a subfolder each, and those of other components."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
import json
import logging
from pathlib import Path
import re
import sys
from typing import Final

from .base import Driver, DriverError, ErrorCode
from .capabilities import check_capabilities

_LOGGER = logging.getLogger(__name__)

# Of `api`, which explains it.
API_VERSION: Final = "1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverInfo:
    """What is known of a driver; a component declares it for each of its own.

    key: lower case, digits and underscores; entries name their driver by it.
    name: the printer type, as a user selects it.
    documentation_url: where to find its documentation and report problems.
    api_version: the version of `api` that it was written for.
    module: the component's module with the class `Driver`, imported once everything
    else is in order.
    """

    key: str
    name: str
    version: str
    author: str
    documentation_url: str
    api_version: str
    module: str = "driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A driver and what is known of it.

    component: the domain of the component that it is part of. folder: of the component.
    """

    info: DriverInfo
    driver: type[Driver]
    component: str
    folder: Path


class KeyTakenError(Exception):
    """There is another driver with this key."""


# Those of other components, by their keys: nothing but a restart removes one.
_registered: dict[str, Registered] = {}
# Our own that were loaded: nothing but a restart replaces one.
_loaded: dict[str, Registered] = {}
# Drivers whose failure was logged already; another attempt must not fill the log.
_logged: set[str] = set()


async def available_drivers() -> tuple[str, ...]:
    """Return the keys of all drivers: our own first, each part sorted."""
    ours = await asyncio.to_thread(_find_drivers)
    return *ours, *sorted(_registered)


async def register(registered: Registered) -> None:
    """Add the driver of another component.

    Raises KeyTakenError, or TypeError or ValueError for a driver that cannot be used.
    """
    key = registered.info.key
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key):
        raise ValueError(f"{key!r} cannot be the key of a driver")
    _checked(registered.driver, key)
    if key in await available_drivers():
        raise KeyTakenError(key)
    _registered[key] = registered


def registered_driver(driver_key: str) -> Registered | None:
    """Return what another component registered under a key; None for our own drivers."""
    return _registered.get(driver_key)


def known_driver(driver_key: str) -> Registered | None:
    """Return a driver with what is known of it; None for one that is not there.

    One of our own is there once it was loaded.
    """
    return _registered.get(driver_key) or _loaded.get(driver_key)


def registered_drivers() -> tuple[Registered, ...]:
    """Return the drivers of other components."""
    return tuple(_registered.values())


async def load_driver(driver_key: str) -> type[Driver]:
    """Return the driver of this key, imported off the event loop if it is not yet.

    Raises DriverError: UNKNOWN_DRIVER if there is none, DRIVER_BROKEN if it cannot be
    used. A broken driver affects no other.
    """
    if (known := known_driver(driver_key)) is not None:
        return known.driver
    return await asyncio.to_thread(load_driver_now, driver_key)


async def load_drivers() -> tuple[type[Driver], ...]:
    """Return all drivers that can be used, imported off the event loop."""
    ours = await asyncio.to_thread(_load_usable)
    return *ours, *(each.driver for each in _registered.values())


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
    """Load one of our own in the current thread, which its imports block."""
    if driver_key not in _find_drivers():
        raise DriverError(ErrorCode.UNKNOWN_DRIVER, driver_key)
    try:
        module = import_module(f".{driver_key}.driver", __package__)
        known = _ours(driver_key, _checked(module.Driver, driver_key), module.NAME)
    except Exception as err:
        if driver_key not in _logged:
            _logged.add(driver_key)
            _LOGGER.exception("Driver %s cannot be used", driver_key)
        raise DriverError(
            ErrorCode.DRIVER_BROKEN, f"{driver_key}: {type(err).__name__}: {err}"
        ) from err
    _logged.discard(driver_key)
    _loaded[driver_key] = known
    return known.driver


def _ours(driver_key: str, driver: type[Driver], name: str) -> Registered:
    """Return a driver of our own: all but its name is as in the manifest."""
    folder = Path(__file__).parents[1]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    info = DriverInfo(
        key=driver_key,
        name=name,
        version=manifest["version"],
        author=manifest["name"],
        documentation_url=manifest["documentation"],
        api_version=API_VERSION,
    )
    return Registered(
        info=info, driver=driver, component=manifest["domain"], folder=folder
    )


def _checked(driver: object, driver_key: str) -> type[Driver]:
    """Return the driver if it is a Driver with this key."""
    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        raise TypeError("its Driver is not a driver")
    if driver.driver_key != driver_key:
        raise ValueError(f"its key is {driver.driver_key}, not {driver_key}")
    check_capabilities(driver.capabilities)
    return driver
