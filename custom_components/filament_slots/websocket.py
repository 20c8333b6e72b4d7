"""What dashboards and scripts may ask over the websocket, and follow live.

Commands, all of them reading only:

- `filament_slots/printers`: every printer, see `serializers.printer_picture`.
- `filament_slots/slots` `{entry_id?}`: the slots of a printer or of all, see `serializers.py`.
- `filament_slots/events`: history, a page at a time, see `_events`.
- `filament_slots/subscribe`: the present state, then each change, see `_subscribe`.
- `filament_slots/health`, `filament_slots/failed_events`: for administrators.

A printer is named by the id of its config entry. Errors: `not_found` for an id nobody
knows, `not_loaded` for a printer whose entry is not loaded, `store_unavailable` where
the history cannot be read.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, Final

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import (
    ERR_INVALID_FORMAT,
    ERR_NOT_FOUND,
    AsyncWebSocketCommandHandler,
)
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
import probatio

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.engine.errors import Problem, StoreError
from .core.slot_state import SlotKey
from .core.tables.history import (
    EventFilter,
    FailedEvent,
    read_events,
    read_failed_events,
)
from .model import EventType
from .runtime import require_store
from .serializers import (
    Json,
    is_loaded,
    iso,
    printer_device_id,
    printer_picture,
    slot_pictures,
)
from .websocket_subscription import Watch

ERR_NOT_LOADED: Final = "not_loaded"
ERR_STORE_UNAVAILABLE: Final = "store_unavailable"
MAX_PAGE: Final = 500
_PAGE: Final = 50

type _Answer = Callable[[HomeAssistant, Json], Awaitable[Json]]

# What SQLite can count to.
_CURSOR: Final = probatio.All(int, probatio.Range(0, 2**63 - 1))
_PRINTER: Final[dict[str | probatio.Marker, Any]] = {probatio.Optional("entry_id"): str}


class _RefusedError(Exception):
    """A question without an answer, with its error code."""

    def __init__(self, code: str, message: str) -> None:
        """Take the code, and a text for whoever wrote the question."""
        super().__init__(message)
        self.code = code


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Make the commands known; once, whatever entries come and go."""
    for command in (_printers, _slots, _events, _subscribe, _health, _failed_events):
        async_register_command(hass, command)


def _aware_datetime(value: object) -> datetime:
    """Take an ISO-8601 datetime with its time zone."""
    at = cv.datetime(value)
    if at.tzinfo is None:
        raise probatio.Invalid("must have a time zone")
    return at


def _answering(answer: _Answer) -> AsyncWebSocketCommandHandler:
    """Send what is returned, or the error where there is no answer."""

    @wraps(answer)
    async def handle(
        hass: HomeAssistant, connection: ActiveConnection, msg: Json
    ) -> None:
        try:
            connection.send_result(msg["id"], await answer(hass, msg))
        except _RefusedError as err:
            connection.send_error(msg["id"], err.code, str(err))
        except StoreError as err:
            if err.code is Problem.CLOSED:
                code, text = ERR_NOT_LOADED, "No printer is loaded"
            else:
                code = ERR_STORE_UNAVAILABLE
                text = f"The history cannot be read: {err.code}"
            connection.send_error(msg["id"], code, text)

    return handle


@websocket_command({"type": f"{DOMAIN}/printers"})
@async_response
@_answering
async def _printers(hass: HomeAssistant, msg: Json) -> Json:
    """Answer `{printers: [printer without its slots]}`."""
    printers = [printer_picture(hass, entry) for entry in _entries(hass)]
    for printer in printers:
        del printer["slots"]
    return {"printers": printers}


@websocket_command({"type": f"{DOMAIN}/slots", **_PRINTER})
@async_response
@_answering
async def _slots(hass: HomeAssistant, msg: Json) -> Json:
    """Answer `{slots: [slot]}`; without `entry_id` those of all loaded printers."""
    if "entry_id" in msg:
        printers = [_coordinator(hass, msg["entry_id"])]
    else:
        printers = [entry.runtime_data for entry in _loaded(hass)]
    return {"slots": [slot for printer in printers for slot in slot_pictures(printer)]}


@websocket_command(
    {
        "type": f"{DOMAIN}/events",
        **_PRINTER,
        probatio.Optional("unit"): str,
        probatio.Optional("slot_no"): int,
        probatio.Optional("event_types", default=list): [probatio.Coerce(EventType)],
        probatio.Optional("external_id"): str,
        probatio.Optional("correlation_id"): str,
        probatio.Optional("since"): _aware_datetime,
        probatio.Optional("until"): _aware_datetime,
        probatio.Optional("order", default="newest"): probatio.In(["newest", "oldest"]),
        probatio.Optional("limit", default=_PAGE): probatio.All(
            int, probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): _CURSOR,
    }
)
@async_response
@_answering
async def _events(hass: HomeAssistant, msg: Json) -> Json:
    """Answer `{events: [standard event and entry_id], cursor: int or null}`.

    entry_id: of the printer whose history it is; without it all printers', those
    that were removed included. `entry_id` of an event is null for these.
    unit: the key of a unit. slot_no: with a unit one of its slots, without one a
    direct slot. Both need `entry_id`.
    external_id: of a spool, wherever it was.
    correlation_id: what one message of a printer caused.
    since (included), until (not): ISO-8601 with a time zone.
    order: `newest` or `oldest` first. limit: 1 to 500.
    cursor: what the page before came with; null there says that it was the last.
    """
    wanted = _event_filter(hass, msg)
    page = await read_events(
        require_store(hass).store,
        wanted,
        limit=msg["limit"],
        cursor=msg.get("cursor"),
        newest_first=msg["order"] == "newest",
    )
    entry_ids = {
        entry.runtime_data.printer_id: entry.entry_id for entry in _loaded(hass)
    }
    return {
        "events": [
            event | {"entry_id": entry_ids.get(event["printer_id"])}
            for event in page.events
        ],
        "cursor": page.cursor,
    }


@websocket_command(
    {
        "type": f"{DOMAIN}/subscribe",
        **_PRINTER,
        probatio.Optional("event_types", default=list): [probatio.Coerce(EventType)],
    }
)
@callback
def _subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: Json) -> None:
    """Tell the present state, then each change after its commit, and nothing else.

    The first message is `{printers: [printer]}`. Then, a change each:
    `{printer: printer, event: standard event or null}`, with null where the connection
    or the entry changed; `{removed: entry_id}`.
    entry_id: of the printer to follow; without it all, new ones included.
    event_types: only the changes that these events made, and nothing but them.
    """
    entry_id = msg.get("entry_id")
    try:
        if entry_id is not None:
            _entry(hass, entry_id)
    except _RefusedError as err:
        connection.send_error(msg["id"], err.code, str(err))
        return

    def tell(message: Json) -> None:
        connection.send_message(event_message(msg["id"], message))

    connection.send_result(msg["id"])
    watch = Watch(hass, tell, entry_id, frozenset(msg["event_types"]))
    watch.async_start()
    connection.subscriptions[msg["id"]] = watch.async_stop


@websocket_command({"type": f"{DOMAIN}/health", **_PRINTER})
@require_admin
@async_response
@_answering
async def _health(hass: HomeAssistant, msg: Json) -> Json:
    """Answer `{printers: [{entry_id, name, state, device_id, health}]}`.

    health: what the driver says of itself, null for an entry that is not loaded.
    """
    entries = [_entry(hass, msg["entry_id"])] if "entry_id" in msg else _entries(hass)
    return {
        "printers": [
            {
                "entry_id": entry.entry_id,
                "name": entry.title,
                "state": entry.state.value,
                "device_id": printer_device_id(hass, entry),
                "health": (
                    entry.runtime_data.driver.health() if is_loaded(entry) else None
                ),
            }
            for entry in entries
        ]
    }


@websocket_command(
    {
        "type": f"{DOMAIN}/failed_events",
        probatio.Optional("limit", default=_PAGE): probatio.All(
            int, probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): _CURSOR,
    }
)
@require_admin
@async_response
@_answering
async def _failed_events(hass: HomeAssistant, msg: Json) -> Json:
    """Answer `{failed_events: [failed event], cursor: int or null}`, oldest first.

    A failed event is `{id, outcome, printer_id, reason, attempts, first_at, last_at,
    payload}`; `outcome` is `rejected` or `failed`, `payload` the event as it came.
    """
    limit = msg["limit"]
    found = await read_failed_events(
        require_store(hass).store, limit=limit + 1, cursor=msg.get("cursor")
    )
    return {
        "failed_events": [_failed_event(event) for event in found[:limit]],
        "cursor": found[limit - 1].id if len(found) > limit else None,
    }


def _failed_event(event: FailedEvent) -> Json:
    return asdict(event) | {
        "first_at": iso(event.first_at),
        "last_at": iso(event.last_at),
    }


def _entries(hass: HomeAssistant) -> list[FilamentSlotsConfigEntry]:
    return hass.config_entries.async_entries(DOMAIN, include_ignore=False)


def _loaded(hass: HomeAssistant) -> list[FilamentSlotsConfigEntry]:
    return hass.config_entries.async_loaded_entries(DOMAIN)


def _entry(hass: HomeAssistant, entry_id: str) -> FilamentSlotsConfigEntry:
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN:
        raise _RefusedError(ERR_NOT_FOUND, "There is no such printer")
    return entry


def _coordinator(hass: HomeAssistant, entry_id: str) -> SlotCoordinator:
    entry = _entry(hass, entry_id)
    if not is_loaded(entry):
        raise _RefusedError(ERR_NOT_LOADED, f"{entry.title} is not loaded")
    return entry.runtime_data


def _event_filter(hass: HomeAssistant, msg: Json) -> EventFilter:
    unit, slot_no = msg.get("unit"), msg.get("slot_no")
    printer_id: int | None = None
    slot: SlotKey | None = None
    if "entry_id" in msg:
        coordinator = _coordinator(hass, msg["entry_id"])
        printer_id = coordinator.printer_id
        if unit is not None and unit not in coordinator.data.units:
            raise _RefusedError(ERR_NOT_FOUND, "There is no such unit")
        if slot_no is not None:
            slot = (unit, slot_no)
            if slot not in coordinator.data.slots:
                raise _RefusedError(ERR_NOT_FOUND, "There is no such slot")
    elif unit is not None or slot_no is not None:
        raise _RefusedError(ERR_INVALID_FORMAT, "A unit or a slot needs its entry_id")
    return EventFilter(
        printer_id=printer_id,
        # The slot names its unit.
        unit=None if slot else unit,
        slot=slot,
        event_types=frozenset(msg["event_types"]),
        external_id=msg.get("external_id"),
        correlation_id=msg.get("correlation_id"),
        since=msg.get("since"),
        until=msg.get("until"),
    )
