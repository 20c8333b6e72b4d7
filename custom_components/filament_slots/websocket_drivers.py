"""Websocket commands about drivers, for administrators.

- `filament_slots/drivers`: what each driver is, can do and is doing, see `DriverData`.
- `filament_slots/subscribe_driver`: the status, the log and the counters of one driver.
- `filament_slots/pipeline/status`: what became of the events, see `PipelineStatus`.
- `filament_slots/health`: of `drivers` the health alone; to be removed.
"""

from typing import Final, TypedDict

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.core import HomeAssistant, callback
import probatio

from .const import CONF_DRIVER_KEY, DOMAIN
from .coordinator import FilamentSlotsConfigEntry, all_entries
from .driver_capabilities import CapabilityData, async_capabilities
from .driver_log import LINES_KEPT, LogLevel
from .driver_subscription import DriverMessage, DriverSubscription
from .drivers.health import Health
from .drivers.registry import known_driver
from .entry_health import EntryHealth, entry_health
from .runtime import require_store
from .serializers import Json, printer_device_id
from .websocket_result import RefusedError, printer_entry, with_result

_LINES: Final = 100


class DriverInfoData(TypedDict):
    """What a driver is. component: the domain of the component that brings it."""

    key: str
    name: str
    version: str
    author: str
    documentation_url: str
    component: str


class PrinterHealth(TypedDict):
    """The health of a printer's driver, or of its entry while that is not loaded.

    state: of the config entry.
    """

    entry_id: str
    device_id: str | None
    name: str
    state: str
    health: Health | EntryHealth


class DriverData(PrinterHealth):
    """The driver of a printer. info: null where the driver is not there."""

    info: DriverInfoData | None
    capabilities: list[CapabilityData]


class DriversResult(TypedDict):
    """The drivers of all printers, loaded or not."""

    drivers: list[DriverData]


class HealthResult(TypedDict):
    """The health of one printer or of all."""

    printers: list[PrinterHealth]


class PipelineStatus(TypedDict):
    """What became of the events since the store was opened.

    queue: without an outcome yet. rejected: invalid. failed: published unstored.
    retried: attempts to write that were repeated. last_commit: when it was.
    """

    queue: int
    stored: int
    rejected: int
    failed: int
    retried: int
    last_commit: str | None


@websocket_command({"type": f"{DOMAIN}/drivers"})
@require_admin
@async_response
@with_result
async def list_drivers(hass: HomeAssistant, msg: Json) -> DriversResult:
    """Return the drivers of all printers: what they are, can do and are doing."""
    return {
        "drivers": [
            {
                **_printer_health(hass, entry),
                "info": _driver_info(entry.data[CONF_DRIVER_KEY]),
                "capabilities": await async_capabilities(hass, entry),
            }
            for entry in all_entries(hass)
        ]
    }


@websocket_command({"type": f"{DOMAIN}/health", probatio.Optional("entry_id"): str})
@require_admin
@async_response
@with_result
async def list_health(hass: HomeAssistant, msg: Json) -> HealthResult:
    """Return the health of one driver, or of all; replaced by `drivers`."""
    if "entry_id" in msg:
        entries = [printer_entry(hass, msg["entry_id"])]
    else:
        entries = all_entries(hass)
    return {"printers": [_printer_health(hass, entry) for entry in entries]}


@websocket_command(
    {
        "type": f"{DOMAIN}/subscribe_driver",
        probatio.Required("entry_id"): str,
        probatio.Optional("lines", default=_LINES): probatio.All(
            int, probatio.Range(0, LINES_KEPT)
        ),
        probatio.Optional("level", default=LogLevel.DEBUG): probatio.Coerce(LogLevel),
    }
)
@require_admin
@callback
def subscribe_driver(
    hass: HomeAssistant, connection: ActiveConnection, msg: Json
) -> None:
    """Send the status of a driver, lines of its log and its counters, then each change.

    The messages are those of `driver_subscription`, of each kind at most one a second.
    lines: how many of the last lines to send first, of those that are kept.
    level: the least severe lines to send.
    """
    try:
        entry = printer_entry(hass, msg["entry_id"])
    except RefusedError as err:
        connection.send_error(msg["id"], err.code, str(err))
        return

    def send(message: DriverMessage) -> None:
        connection.send_message(event_message(msg["id"], message))

    connection.send_result(msg["id"])
    subscription = DriverSubscription(hass, send, entry, msg["level"])
    subscription.async_start(msg["lines"])
    connection.subscriptions[msg["id"]] = subscription.async_stop


@websocket_command({"type": f"{DOMAIN}/pipeline/status"})
@require_admin
@async_response
@with_result
async def show_pipeline(hass: HomeAssistant, msg: Json) -> PipelineStatus:
    """Return what became of the events since the store was opened."""
    health = require_store(hass).handler.health()
    return {
        "queue": health["queue_depth"],
        "stored": health["stored"],
        "rejected": health["rejected"],
        "failed": health["failed"],
        "retried": health["retried"],
        "last_commit": health["last_commit_at"],
    }


def _printer_health(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> PrinterHealth:
    return {
        "entry_id": entry.entry_id,
        "device_id": printer_device_id(hass, entry),
        "name": entry.title,
        "state": entry.state.value,
        "health": entry_health(entry),
    }


def _driver_info(driver_key: str) -> DriverInfoData | None:
    if (known := known_driver(driver_key)) is None:
        return None
    return {
        "key": known.info.key,
        "name": known.info.name,
        "version": known.info.version,
        "author": known.info.author,
        "documentation_url": known.info.documentation_url,
        "component": known.component,
    }
