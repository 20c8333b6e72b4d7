"""Websocket commands for the spool library: the list, and each change of it.

- `filament_slots/spools`: the spools, see `spool_library.SpoolData`.
- `filament_slots/subscribe_spools`: all spools, then those that changed.
- `filament_slots/suggest_spools`: those likeliest meant, see `spool_choices.SpoolChoice`.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, TypedDict

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
import probatio

from .const import DOMAIN
from .core.engine.errors import StoreError
from .core.tables.library import SpoolOrder, read_spools, read_spools_of
from .model import NO_IDENTIFIERS, Identifiers
from .places import place_of
from .runtime import require_store
from .serializers import Json, PrinterData, SlotData
from .slot_filter import SlotFilter
from .slot_spools import slot_spools
from .spool_choices import SpoolChoice, async_spool_choices
from .spool_library import (
    MAX_SPOOLS,
    SpoolData,
    SpoolList,
    async_list_spools,
    colour,
    spools_data,
)
from .websocket_result import with_result
from .websocket_subscription import Message, Subscription

# Changes are collected as long, so that a flood of events costs one query a second.
_COLLECT_SECONDS: Final = 1.0


class SpoolsMessage(TypedDict):
    """All spools first, then those that changed."""

    spools: list[SpoolData]


@websocket_command(
    {
        "type": f"{DOMAIN}/spools",
        probatio.Optional("material"): str,
        probatio.Optional("vendor"): str,
        probatio.Optional("color"): colour,
        probatio.Optional("in_slot"): bool,
        probatio.Optional("low"): bool,
        probatio.Optional("text", default=""): str,
        probatio.Optional("order", default=SpoolOrder.RECENT): probatio.Coerce(
            SpoolOrder
        ),
        probatio.Optional("limit", default=MAX_SPOOLS): probatio.All(
            int, probatio.Range(1, MAX_SPOOLS)
        ),
    }
)
@async_response
@with_result
async def list_spools(hass: HomeAssistant, msg: Json) -> SpoolList:
    """Return the spools of the library.

    material, vendor: without regard to case. color: a name, or `#RRGGBB` and those near.
    in_slot: only those that are in a slot, or that are not. low: little left, or more.
    text: words, each in a name, material, vendor, colour, id or place of the spool.
    order: `recent` first, by `name`, or the least `remaining` first.
    """
    return await async_list_spools(hass, msg)


class SuggestResult(TypedDict):
    """The spools that are likeliest meant, the likeliest first."""

    spools: list[SpoolChoice]


@websocket_command(
    {
        "type": f"{DOMAIN}/suggest_spools",
        probatio.Optional("device_id"): str,
        probatio.Optional("of_inventory", default=False): bool,
        probatio.Optional("limit", default=MAX_SPOOLS): probatio.All(
            int, probatio.Range(1, MAX_SPOOLS)
        ),
    }
)
@async_response
@with_result
async def suggest_spools(hass: HomeAssistant, msg: Json) -> SuggestResult:
    """Return the spools to pick from, the likeliest first.

    device_id: of the slot that one is picked for. of_inventory: only those of an
    inventory, by their ids there.
    """
    place = place_of(hass, msg["device_id"]) if "device_id" in msg else None
    return {
        "spools": await async_spool_choices(
            hass, place, msg["limit"], of_inventory=msg["of_inventory"]
        )
    }


@websocket_command({"type": f"{DOMAIN}/subscribe_spools"})
@async_response
async def subscribe_spools(
    hass: HomeAssistant, connection: ActiveConnection, msg: Json
) -> None:
    """Send all spools, then those that changed, at most once a second.

    Nothing is sent while no printer is loaded.
    """

    @callback
    def send(message: SpoolsMessage) -> None:
        connection.send_message(event_message(msg["id"], message))

    connection.send_result(msg["id"])
    subscription = SpoolSubscription(hass, send)
    connection.subscriptions[msg["id"]] = subscription.async_stop
    await subscription.async_start()


class SpoolSubscription:
    """Sends one subscriber all spools, and those that an event was about."""

    def __init__(
        self, hass: HomeAssistant, send: Callable[[SpoolsMessage], None]
    ) -> None:
        """Set up a subscription; nothing is sent before `async_start`."""
        self._hass = hass
        self._send = send
        self._complete = False
        self._slots: dict[str, dict[str, SlotData]] = {}
        self._changed: set[Identifiers] = set()
        self._cancel: CALLBACK_TYPE | None = None
        self._printers = Subscription(
            hass, self._printers_changed, SlotFilter(), frozenset()
        )
        self._unsubscribe: CALLBACK_TYPE

    async def async_start(self) -> None:
        """Send all spools, and follow changes."""
        self._printers.async_start()
        self._unsubscribe = slot_spools(self._hass).async_subscribe_links(
            self._links_changed
        )
        await self._async_send()

    @callback
    def async_stop(self) -> None:
        """Unsubscribe from everything."""
        self._printers.async_stop()
        self._unsubscribe()
        if self._cancel is not None:
            self._cancel()

    @callback
    def _printers_changed(self, message: Message) -> None:
        """Note the spools of the slots that changed."""
        if "printers" in message:
            self._slots = {
                each["entry_id"]: _slots(each) for each in message["printers"]
            }
            return
        if "removed" in message:
            before, after = self._slots.pop(message["removed"], {}), {}
        else:
            printer = message["printer"]
            before = self._slots.get(printer["entry_id"], {})
            after = self._slots[printer["entry_id"]] = _slots(printer)
        for device_id in before.keys() | after.keys():
            pair = before.get(device_id), after.get(device_id)
            if pair[0] != pair[1]:
                self._changed.update(_identity(slot) for slot in pair if slot)
        self._changed.discard(NO_IDENTIFIERS)
        self._send_soon()

    @callback
    def _links_changed(self, spools: Collection[Identifiers]) -> None:
        """Note the spools that have another link, which may be in no slot."""
        self._changed.update(spools)
        self._send_soon()

    @callback
    def _send_soon(self) -> None:
        due = self._changed or not self._complete
        if due and self._cancel is None:
            self._cancel = async_call_later(
                self._hass, _COLLECT_SECONDS, self._async_send
            )

    async def _async_send(self, _: datetime | None = None) -> None:
        """Send what changed; all spools until that succeeded once."""
        self._cancel = None
        changed, self._changed = self._changed, set()
        try:
            store = require_store(self._hass).store
            if self._complete:
                found = await read_spools_of(store, changed)
            else:
                everything = await read_spools(store, limit=MAX_SPOOLS)
                found = everything.spools
        except StoreError:
            return
        self._complete = True
        self._send({"spools": spools_data(self._hass, found)})


def _slots(printer: PrinterData) -> dict[str, SlotData]:
    return {slot["device_id"]: slot for slot in printer["slots"]}


def _identity(slot: SlotData) -> Identifiers:
    """Return the identity of the spool in a slot: the printer's, else the assigned one."""
    reported = Identifiers.model_validate(slot["identifiers"])
    assigned = slot["assigned_external_id"]
    if reported.known or assigned is None:
        return reported
    return Identifiers(external_id=assigned)
