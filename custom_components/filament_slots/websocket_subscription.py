"""A subscriber of the websocket: the present state, and each change as it comes."""

from collections.abc import Callable

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
from .coordinator import FilamentSlotsConfigEntry
from .core.slot_state import PrinterSlots
from .model import EventType
from .runtime import async_shared_core
from .serializers import Json, is_loaded, printer_picture


class Watch:
    """One subscriber, and the printers that are followed for it."""

    def __init__(
        self,
        hass: HomeAssistant,
        tell: Callable[[Json], None],
        entry_id: str | None,
        event_types: frozenset[EventType],
    ) -> None:
        """Follow one printer, or all; nothing is told before the start."""
        self._hass = hass
        self._tell = tell
        self._entry_id = entry_id
        self._event_types = event_types
        self._told: dict[str, Json] = {}
        self._followed: dict[str, list[CALLBACK_TYPE]] = {}
        self._unsubscribe: CALLBACK_TYPE

    @callback
    def async_start(self) -> None:
        """Tell the present state and follow it."""
        entries = [
            entry
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            if self._wants(entry)
        ]
        for entry in entries:
            self._told[entry.entry_id] = printer_picture(self._hass, entry)
            if is_loaded(entry):
                self._follow(entry)
        self._tell({"printers": list(self._told.values())})
        self._unsubscribe = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed
        )

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more."""
        self._unsubscribe()
        for entry_id in list(self._followed):
            self._let_go(entry_id)

    def _wants(self, entry: ConfigEntry) -> bool:
        # An offer that somebody ignored is an entry, too, and no printer.
        return (
            entry.domain == DOMAIN
            and entry.source != SOURCE_IGNORE
            and self._entry_id in (None, entry.entry_id)
        )

    def _follow(self, entry: FilamentSlotsConfigEntry) -> None:
        coordinator = entry.runtime_data
        data = coordinator.data

        @callback
        def event_committed(event: Json, slots: PrinterSlots) -> None:
            nonlocal data
            data = slots
            self._tell_event(entry, event)

        @callback
        def coordinator_updated() -> None:
            # Where the slots differ, the event that changed them is about to be told.
            if coordinator.data is data:
                self._tell_state(entry)

        handler = async_shared_core(self._hass).handler
        self._followed[entry.entry_id] = [
            handler.subscribe(coordinator.printer_id, event_committed),
            coordinator.async_add_listener(coordinator_updated),
        ]

    def _let_go(self, entry_id: str) -> None:
        for unsubscribe in self._followed.pop(entry_id, ()):
            unsubscribe()

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if not self._wants(entry):
            return
        if change is ConfigEntryChange.REMOVED:
            self._let_go(entry.entry_id)
            self._told.pop(entry.entry_id, None)
            if not self._event_types:
                self._tell({"removed": entry.entry_id})
            return
        if is_loaded(entry) and entry.entry_id not in self._followed:
            self._follow(entry)
        # While it is unloaded its last events are still to come.
        elif entry.state is ConfigEntryState.NOT_LOADED:
            self._let_go(entry.entry_id)
        self._tell_state(entry)

    def _tell_event(self, entry: FilamentSlotsConfigEntry, event: Json) -> None:
        printer = self._told[entry.entry_id] = printer_picture(self._hass, entry)
        if not self._event_types or event["event_type"] in self._event_types:
            self._tell({"printer": printer, "event": event})

    def _tell_state(self, entry: ConfigEntry) -> None:
        printer = printer_picture(self._hass, entry)
        if printer == self._told.get(entry.entry_id):
            return
        self._told[entry.entry_id] = printer
        if not self._event_types:
            self._tell({"printer": printer, "event": None})
