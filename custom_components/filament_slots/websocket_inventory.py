"""Websocket commands for the spools of inventories: the list, and each change of it.

- `filament_slots/inventory_spools`: the spools, see `spool_library.InventorySpoolData`.
- `filament_slots/subscribe_inventory_spools`: all spools, then those that changed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypedDict

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    websocket_command,
)
from homeassistant.components.websocket_api.messages import event_message
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN
from .inventory_entry import InventoryHost, loaded_inventories
from .serializers import Json
from .spool_library import InventorySpoolData, inventory_spools_data
from .websocket_result import with_result

# Changes are collected as long, so that a flood of them costs one message a second.
_COLLECT_SECONDS: Final = 1.0


class InventorySpoolsResult(TypedDict):
    """The spools of all inventories."""

    spools: list[InventorySpoolData]


class InventorySpoolsMessage(TypedDict):
    """All spools first, then those that changed.

    removed: the URLs of those that are gone or archived, or whose inventory is not loaded
    any more.
    """

    spools: list[InventorySpoolData]
    removed: list[str]


@websocket_command({"type": f"{DOMAIN}/inventory_spools"})
@async_response
@with_result
async def list_inventory_spools(hass: HomeAssistant, _: Json) -> InventorySpoolsResult:
    """Return the spools of all inventories, whether they were ever in a slot or not."""
    return {"spools": inventory_spools_data(hass)}


@websocket_command({"type": f"{DOMAIN}/subscribe_inventory_spools"})
@callback
def subscribe_inventory_spools(
    hass: HomeAssistant, connection: ActiveConnection, msg: Json
) -> None:
    """Send the spools of all inventories, then those that changed, at most once a second."""

    @callback
    def send(message: InventorySpoolsMessage) -> None:
        connection.send_message(event_message(msg["id"], message))

    connection.send_result(msg["id"])
    subscription = InventorySubscription(hass, send)
    connection.subscriptions[msg["id"]] = subscription.async_stop
    subscription.async_start()


class InventorySubscription:
    """Sends one subscriber the spools of all inventories, and each change."""

    def __init__(
        self, hass: HomeAssistant, send: Callable[[InventorySpoolsMessage], None]
    ) -> None:
        """Set up a subscription; nothing is sent before `async_start`."""
        self._hass = hass
        self._send = send
        self._sent: dict[str, InventorySpoolData] = {}
        self._followed: dict[InventoryHost, CALLBACK_TYPE] = {}
        self._cancel: CALLBACK_TYPE | None = None
        self._unsubscribe: CALLBACK_TYPE

    @callback
    def async_start(self) -> None:
        """Send all spools, and follow changes."""
        self._unsubscribe = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed
        )
        self._follow()
        self._sent = {each["url"]: each for each in self._spools()}
        self._send({"spools": list(self._sent.values()), "removed": []})

    @callback
    def async_stop(self) -> None:
        """Unsubscribe from everything."""
        self._unsubscribe()
        for unfollow in self._followed.values():
            unfollow()
        if self._cancel is not None:
            self._cancel()

    def _spools(self) -> list[InventorySpoolData]:
        return inventory_spools_data(self._hass)

    @callback
    def _follow(self) -> None:
        """Follow the inventories that are loaded, and no others."""
        loaded = loaded_inventories(self._hass)
        for host in self._followed.keys() - set(loaded):
            self._followed.pop(host)()
        for host in loaded:
            if host not in self._followed:
                self._followed[host] = host.async_subscribe(self._changed)

    @callback
    def _entry_changed(self, *_: object) -> None:
        self._follow()
        self._changed()

    @callback
    def _changed(self, *_: object) -> None:
        if self._cancel is None:
            self._cancel = async_call_later(
                self._hass, _COLLECT_SECONDS, self._send_changed
            )

    @callback
    def _send_changed(self, _: datetime) -> None:
        self._cancel = None
        before = self._sent
        self._sent = {each["url"]: each for each in self._spools()}
        changed = [each for url, each in self._sent.items() if before.get(url) != each]
        removed = [url for url in before if url not in self._sent]
        if changed or removed:
            self._send({"spools": changed, "removed": removed})
