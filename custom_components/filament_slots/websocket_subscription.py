"""Websocket subscription: the present state of the printers, then each change."""

from collections.abc import Callable
from typing import TypedDict, final

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_IGNORE,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, is_loaded
from .core.slot_state import PrinterSlots, SlotKey
from .entry_kinds import is_printer
from .model import EventType
from .runtime import async_shared_core
from .serializers import Json, PrinterData, printer_data
from .slot_filter import SlotFilter
from .slot_spools import slot_spools


@final
class StateMessage(TypedDict):
    """The first message: the present state of all printers of the subscription."""

    printers: list[PrinterData]


@final
class ChangeMessage(TypedDict):
    """A printer after a change.

    event: the standard event that made the change; null for a change of the connection,
    of the entry, of the announced spools, or of an inventory's spool.
    """

    printer: PrinterData
    event: Json | None


@final
class RemovedMessage(TypedDict):
    """A printer was removed; `removed` is the id of its entry."""

    removed: str


type Message = StateMessage | ChangeMessage | RemovedMessage


class Subscription:
    """Sends one subscriber the state of the printers it wants, and each change."""

    def __init__(
        self,
        hass: HomeAssistant,
        send: Callable[[Message], None],
        wanted: SlotFilter,
        event_types: frozenset[EventType],
    ) -> None:
        """Set up a subscription; nothing is sent before `async_start`.

        wanted: which printers to follow, new ones included, and which slots of them.
        event_types: send only changes made by events of these types; empty for all.
        """
        self._hass = hass
        self._send = send
        self._wanted = wanted
        self._event_types = event_types
        self._sent: dict[str, PrinterData] = {}
        self._followed: dict[str, list[CALLBACK_TYPE]] = {}
        self._unsubscribe: CALLBACK_TYPE

    @callback
    def async_start(self) -> None:
        """Send the present state, and follow changes."""
        entries = [
            entry
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            if self._includes(entry)
        ]
        for entry in entries:
            self._sent[entry.entry_id] = self._data(entry)
            if is_loaded(entry):
                self._follow(entry)
        self._send({"printers": list(self._sent.values())})
        self._unsubscribe = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed
        )

    @callback
    def async_stop(self) -> None:
        """Unsubscribe from everything."""
        self._unsubscribe()
        for entry_id in list(self._followed):
            self._unfollow(entry_id)

    def _includes(self, entry: ConfigEntry) -> bool:
        # An ignored discovery and an inventory are entries, too, but not printers.
        return (
            entry.domain == DOMAIN
            and entry.source != SOURCE_IGNORE
            and is_printer(entry)
            and self._wanted.includes(entry)
        )

    def _follow(self, entry: FilamentSlotsConfigEntry) -> None:
        coordinator = entry.runtime_data
        data = coordinator.data

        @callback
        def event_committed(event: Json, slots: PrinterSlots) -> None:
            nonlocal data
            data = slots
            self._send_event(entry, event)

        @callback
        def coordinator_updated() -> None:
            # If the slots differ, the event that changed them is sent right after this.
            if coordinator.data is data:
                self._send_state(entry)

        @callback
        def spool_changed(owner: SlotCoordinator, _: SlotKey) -> None:
            if owner is coordinator:
                coordinator_updated()

        handler = async_shared_core(self._hass).handler
        self._followed[entry.entry_id] = [
            handler.subscribe(coordinator.printer_id, event_committed),
            coordinator.async_add_listener(coordinator_updated),
            handler.subscribe_announced(lambda: self._send_state(entry)),
            slot_spools(self._hass).async_subscribe(spool_changed),
        ]

    def _unfollow(self, entry_id: str) -> None:
        for unsubscribe in self._followed.pop(entry_id, ()):
            unsubscribe()

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if not self._includes(entry):
            return
        if change is ConfigEntryChange.REMOVED:
            self._unfollow(entry.entry_id)
            self._sent.pop(entry.entry_id, None)
            if not self._event_types:
                self._send({"removed": entry.entry_id})
            return
        if is_loaded(entry) and entry.entry_id not in self._followed:
            self._follow(entry)
        # Until an entry is unloaded its last events may still arrive.
        elif entry.state is ConfigEntryState.NOT_LOADED:
            self._unfollow(entry.entry_id)
        self._send_state(entry)

    def _data(self, entry: FilamentSlotsConfigEntry) -> PrinterData:
        return self._wanted.printer(printer_data(self._hass, entry))

    def _send_event(self, entry: FilamentSlotsConfigEntry, event: Json) -> None:
        before = self._sent.get(entry.entry_id)
        printer = self._sent[entry.entry_id] = self._data(entry)
        if self._event_types and event["event_type"] not in self._event_types:
            return
        if self._wanted.concerns(event, before, printer):
            self._send({"printer": printer, "event": event})

    def _send_state(self, entry: FilamentSlotsConfigEntry) -> None:
        printer = self._data(entry)
        if printer == self._sent.get(entry.entry_id):
            return
        self._sent[entry.entry_id] = printer
        if not self._event_types:
            self._send({"printer": printer, "event": None})
