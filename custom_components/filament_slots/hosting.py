"""What Home Assistant lends a driver, and where an entry keeps the driver's config."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
import logging
import ssl
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from pydantic import SecretStr

from .const import CONF_DRIVER_KEY, CONF_MODEL
from .drivers.base import (
    Driver,
    DriverError,
    DriverServices,
    ErrorCode,
    LoopClock,
    ProbeResult,
)
from .events import StoredSlot

_LOGGER = logging.getLogger(__package__)


async def async_probe(
    hass: HomeAssistant, driver: type[Driver], config: Mapping[str, Any]
) -> tuple[ProbeResult, dict[str, Any]]:
    """Look at a printer; return what it is, and the config that an entry keeps.

    Raises pydantic.ValidationError for a config that the driver refuses, DriverError
    with the code of what is in the way.
    """
    driver.Config.model_validate(config)
    try:
        found = await driver.probe(config, driver_services(hass, "Set-up"))
    except DriverError:
        raise
    except Exception as err:
        _LOGGER.exception("Unexpected error while looking at a printer")
        raise DriverError(ErrorCode.UNKNOWN, type(err).__name__) from err
    kept = driver.Config.model_validate({**config, **found.config})
    return found, {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in kept
        if value is not None
    }


def driver_config(entry: ConfigEntry) -> dict[str, Any]:
    """Return what the entry keeps for its driver."""
    ours = {CONF_DRIVER_KEY, CONF_MODEL}
    return {key: value for key, value in entry.data.items() if key not in ours}


def driver_services(
    hass: HomeAssistant,
    name: str,
    *,
    stored: tuple[StoredSlot, ...] = (),
    last_seen: datetime | None = None,
    health_changed: Callable[[], None] = lambda: None,
) -> DriverServices:
    """Return what a driver is handed; `name` is the printer's, for the log."""

    def ssl_context(make: Callable[[], ssl.SSLContext]) -> Awaitable[ssl.SSLContext]:
        return hass.async_add_executor_job(make)

    return DriverServices(
        stored=stored,
        last_seen=last_seen,
        session=async_get_clientsession(hass),
        clock=LoopClock(),
        ssl_context=ssl_context,
        log=_NamedLogger(name),
        health_changed=health_changed,
    )


class _NamedLogger(logging.LoggerAdapter[logging.Logger]):
    """Says which printer a line is about; drivers don't know its name."""

    def __init__(self, printer: str) -> None:
        """Take the printer's name."""
        super().__init__(_LOGGER)
        # In a log message it would begin a placeholder.
        self._printer = printer.replace("%", "")

    @override
    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the name in front."""
        return f"{self._printer}: {msg}", kwargs
