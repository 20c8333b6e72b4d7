"""Websocket commands for dashboards and scripts; all are read-only.

- `filament_slots/printers`: all printers, see `serializers.PrinterSummary`.
- `filament_slots/slots`: the slots of one printer or of all, see `serializers.SlotData`.
- `filament_slots/events`: history, page by page, see `_events`.
- `filament_slots/subscribe`: the present state, then each change, see `_subscribe`.
- `filament_slots/spools`, `subscribe_spools`, `suggest_spools`: see `websocket_spools`.
- `filament_slots/inventory_spools`, `filament_slots/subscribe_inventory_spools`: see
  `websocket_inventory`.
- `filament_slots/failed_events`: for administrators, see `_failed_events`.
- commands about drivers: see `websocket_drivers`.
- `filament_slots/invoke`: see `websocket_invoke`.

`entry_id` is the id of a printer's config entry. Errors: `not_found` for an unknown id,
`not_loaded` if the printer's entry is not loaded, `store_unavailable` if the history
cannot be read.
"""

from datetime import datetime
from typing import Any, Final, TypedDict

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import (
    ERR_INVALID_FORMAT,
    ERR_NOT_FOUND,
)
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .const import DOMAIN
from .coordinator import all_entries, loaded_entries
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
    PrinterSummary,
    SlotData,
    history_data,
    iso,
    printer_summary,
    slots_data,
)
from .slot_filter import FILTER_FIELDS, SlotFilter
from .websocket_drivers import (
    list_drivers,
    list_health,
    show_pipeline,
    subscribe_driver,
)
from .websocket_inventory import list_inventory_spools, subscribe_inventory_spools
from .websocket_invoke import invoke_capability
from .websocket_result import RefusedError, loaded_printer, printer_entry, with_result
from .websocket_spools import list_spools, subscribe_spools, suggest_spools
from .websocket_subscription import Message, Subscription

MAX_PAGE: Final = 500
_PAGE: Final = 50

# The largest integer of SQLite.
_ROW: Final = probatio.All(int, probatio.Range(0, 2**63 - 1))
_PRINTER: Final[dict[str | probatio.Marker, Any]] = {probatio.Optional("entry_id"): str}


class PrintersResult(TypedDict):
    """All printers."""

    printers: list[PrinterSummary]


class SlotsResult(TypedDict):
    """The slots of one printer or of all."""

    slots: list[SlotData]


class EventsResult(TypedDict):
    """A page of the history.

    events: standard events, each with the `entry_id` of its printer, see
    `serializers.history_data`. cursor: of the next page; null on the last page.
    """

    events: list[Json]
    cursor: int | None


class FailedEventData(TypedDict):
    """An event that could not be stored.

    outcome: `rejected` (invalid) or `failed`. payload: the event as it was received.
    """

    id: int
    outcome: str
    printer_id: int | None
    reason: str
    attempts: int
    first_at: str | None
    last_at: str | None
    payload: Any


class FailedEventsResult(TypedDict):
    """A page of failed events; cursor: of the next page, null on the last page."""

    failed_events: list[FailedEventData]
    cursor: int | None


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the commands, independent of any entry."""
    for command in (
        _printers,
        _slots,
        _events,
        _subscribe,
        list_spools,
        subscribe_spools,
        suggest_spools,
        list_inventory_spools,
        subscribe_inventory_spools,
        list_drivers,
        subscribe_driver,
        show_pipeline,
        list_health,
        invoke_capability,
        _failed_events,
    ):
        async_register_command(hass, command)


def _aware_datetime(value: object) -> datetime:
    """Validate an ISO-8601 datetime with a time zone; return it in UTC."""
    at = cv.datetime(value)
    if at.tzinfo is None:
        raise probatio.Invalid("must have a time zone")
    try:
        return dt_util.as_utc(at)
    except OverflowError as err:
        raise probatio.Invalid("has no UTC") from err


@websocket_command({"type": f"{DOMAIN}/printers"})
@async_response
@with_result
async def _printers(hass: HomeAssistant, msg: Json) -> PrintersResult:
    """Return all printers, loaded or not."""
    return {"printers": [printer_summary(hass, entry) for entry in all_entries(hass)]}


@websocket_command({"type": f"{DOMAIN}/slots", **FILTER_FIELDS})
@async_response
@with_result
async def _slots(hass: HomeAssistant, msg: Json) -> SlotsResult:
    """Return the slots of the loaded printers, or those of them that a filter wants.

    The fields are those of `slot_filter.SlotFilter`.
    """
    wanted = SlotFilter.of(msg)
    if wanted.entry_id is not None:
        loaded_printer(hass, wanted.entry_id)
    slots = [
        slot
        for entry in loaded_entries(hass)
        if wanted.includes(entry)
        for slot in slots_data(entry.runtime_data)
    ]
    return {"slots": wanted.slots(slots)}


@websocket_command(
    {
        "type": f"{DOMAIN}/events",
        **_PRINTER,
        probatio.Optional("unit"): str,
        probatio.Optional("slot_no"): int,
        probatio.Optional("event_types", default=list): [probatio.Coerce(EventType)],
        probatio.Optional("assignments", default=False): bool,
        probatio.Optional("external_id"): str,
        probatio.Optional("spool_id"): _ROW,
        probatio.Optional("correlation_id"): str,
        probatio.Optional("since"): _aware_datetime,
        probatio.Optional("until"): _aware_datetime,
        probatio.Optional("order", default="newest"): probatio.In(["newest", "oldest"]),
        probatio.Optional("limit", default=_PAGE): probatio.All(
            int, probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): _ROW,
    }
)
@async_response
@with_result
async def _events(hass: HomeAssistant, msg: Json) -> EventsResult:
    """Return a page of the history.

    entry_id: only the history of this printer; without it that of all printers,
    removed ones included.
    unit: the key of a unit. slot_no: a slot of the unit, or a direct slot without
    `unit`. Both need `entry_id`.
    assignments: beside `event_types`, each `ams_state` by which a user assigned a spool.
    external_id, spool_id: only events of this spool, in any slot; by its own id, or by
    its number in the library.
    correlation_id: only events caused by the same message of a printer.
    since (inclusive), until (exclusive): ISO-8601 with a time zone.
    order: `newest` or `oldest` first. limit: 1 to 500.
    cursor: the `cursor` of the previous page.
    """
    wanted = _event_filter(hass, msg)
    page = await read_events(
        require_store(hass).store,
        wanted,
        limit=msg["limit"],
        cursor=msg.get("cursor"),
        newest_first=msg["order"] == "newest",
    )
    return {"events": history_data(hass, page.events), "cursor": page.cursor}


@websocket_command(
    {
        "type": f"{DOMAIN}/subscribe",
        **FILTER_FIELDS,
        probatio.Optional("event_types", default=list): [probatio.Coerce(EventType)],
    }
)
@callback
def _subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: Json) -> None:
    """Send the present state, then each change once it is stored.

    The messages are those of `websocket_subscription`: first a `StateMessage`, then a
    `ChangeMessage` or a `RemovedMessage` for each change.
    All printers that the filter wants are followed, new ones included. Its fields are
    those of `slot_filter.SlotFilter`.
    event_types: send only changes made by events of these types.
    """
    wanted = SlotFilter.of(msg)
    try:
        if wanted.entry_id is not None:
            printer_entry(hass, wanted.entry_id)
    except RefusedError as err:
        connection.send_error(msg["id"], err.code, str(err))
        return

    def send(message: Message) -> None:
        connection.send_message(event_message(msg["id"], message))

    connection.send_result(msg["id"])
    subscription = Subscription(hass, send, wanted, frozenset(msg["event_types"]))
    subscription.async_start()
    connection.subscriptions[msg["id"]] = subscription.async_stop


@websocket_command(
    {
        "type": f"{DOMAIN}/failed_events",
        probatio.Optional("limit", default=_PAGE): probatio.All(
            int, probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): _ROW,
    }
)
@require_admin
@async_response
@with_result
async def _failed_events(hass: HomeAssistant, msg: Json) -> FailedEventsResult:
    """Return a page of the events that could not be stored, oldest first.

    cursor: the `cursor` of the previous page.
    """
    limit = msg["limit"]
    found = await read_failed_events(
        require_store(hass).store, limit=limit + 1, cursor=msg.get("cursor")
    )
    return {
        "failed_events": [_failed_event(event) for event in found[:limit]],
        "cursor": found[limit - 1].id if len(found) > limit else None,
    }


def _failed_event(event: FailedEvent) -> FailedEventData:
    return FailedEventData(
        id=event.id,
        outcome=event.outcome,
        printer_id=event.printer_id,
        reason=event.reason,
        attempts=event.attempts,
        first_at=iso(event.first_at),
        last_at=iso(event.last_at),
        payload=event.payload,
    )


def _event_filter(hass: HomeAssistant, msg: Json) -> EventFilter:
    unit, slot_no = msg.get("unit"), msg.get("slot_no")
    printer_id: int | None = None
    slot: SlotKey | None = None
    if "entry_id" in msg:
        coordinator = loaded_printer(hass, msg["entry_id"])
        printer_id = coordinator.printer_id
        if unit is not None and unit not in coordinator.data.units:
            raise RefusedError(ERR_NOT_FOUND, "There is no such unit")
        if slot_no is not None:
            slot = (unit, slot_no)
            if slot not in coordinator.data.slots:
                raise RefusedError(ERR_NOT_FOUND, "There is no such slot")
    elif unit is not None or slot_no is not None:
        raise RefusedError(ERR_INVALID_FORMAT, "A unit or a slot needs its entry_id")
    return EventFilter(
        printer_id=printer_id,
        # The key of a slot includes its unit.
        unit=None if slot else unit,
        slot=slot,
        event_types=frozenset(msg["event_types"]),
        assignments=msg["assignments"],
        external_id=msg.get("external_id"),
        spool_id=msg.get("spool_id"),
        correlation_id=msg.get("correlation_id"),
        since=msg.get("since"),
        until=msg.get("until"),
    )
