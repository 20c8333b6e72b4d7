"""One printer's coordinator: the slots entities read, and beside them the events."""

from collections.abc import Callable
from datetime import datetime
import logging
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .const import CONF_MODEL, DOMAIN, SPOOL_EVENTS
from .core.ams_slots import PrinterSlots, SlotKey
from .devices import PrinterDevices, UnitKey
from .drivers.base import Driver, DriverStatus, EventEmitter
from .events import StoredSlot, StoredUnit
from .hosting import driver_config, driver_services
from .repairs import async_clear_issues, async_manage_issues, present_error
from .shared import SharedCore

_LOGGER = logging.getLogger(__name__)

type FilamentSlotsConfigEntry = ConfigEntry[SlotCoordinator]
type SpoolEventListener = Callable[[SlotKey, dict[str, Any]], None]


class SlotCoordinator(DataUpdateCoordinator[PrinterSlots]):
    """Hands on what the core has confirmed; compares nothing and decides nothing.

    State and events are two channels: `data` is what is true now, the events are what
    an automation acts on. Events wait until Home Assistant has started, as automations
    are armed only then.
    """

    config_entry: FilamentSlotsConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: FilamentSlotsConfigEntry,
        core: SharedCore,
        printer_id: int,
        driver_class: type[Driver],
    ) -> None:
        """Show what is stored; the driver is made, but not started.

        The core is held until `async_stop`.

        Raises pydantic.ValidationError for a configuration that the driver refuses.
        """
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=entry.title, update_interval=None
        )
        assert entry.unique_id is not None
        self.data = core.handler.slots(printer_id)
        self._stored_last_seen = self.data.last_seen
        self._core = core
        self._stopped = False
        self.printer_id = printer_id
        self._event_listeners: list[SpoolEventListener] = []
        self._held: list[tuple[SlotKey, dict[str, Any]]] | None = []
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self.driver = driver_class(
            printer_id,
            driver_config(entry),
            EventEmitter(core.handler.put),
            driver_services(
                hass,
                entry.title,
                stored=tuple(self.data.slots.values()),
                last_seen=self._stored_last_seen,
                health_changed=self._health_changed,
            ),
        )
        self.health = self.driver.health()
        self.devices = PrinterDevices(
            hass, entry.entry_id, entry.unique_id, entry.title, entry.data[CONF_MODEL]
        )
        self.devices.async_sync(self.data)

    @property
    def units(self) -> dict[UnitKey, StoredUnit]:
        """The units that have a device."""
        return {key: self.data.units[key] for key in self.devices.units}

    @property
    def slots(self) -> dict[SlotKey, StoredSlot]:
        """The slots that have a device."""
        return {key: self.data.slots[key] for key in self.devices.slots}

    @property
    def connected(self) -> bool:
        """Whether the driver has a connection to the printer."""
        return bool(self.health["connected"])

    @property
    def error(self) -> str | None:
        """The code of what keeps the driver from running now."""
        return present_error(self.health)

    @property
    def last_seen(self) -> datetime | None:
        """When the printer was last heard of, here or before Home Assistant started."""
        if (heard := self.health["last_message_at"]) is None:
            return self._stored_last_seen
        return dt_util.parse_datetime(heard)

    async def async_start(self) -> None:
        """Start the driver, once everything that listens is in place."""
        self._unsubscribe = [
            self._core.handler.subscribe(self.printer_id, self._async_event),
            async_at_started(self.hass, self._async_release_held),
        ]
        await self.driver.start()

    async def async_deactivate(self) -> None:
        """Note that the entry is disabled."""
        await self._core.handler.deactivate(self.printer_id)

    async def async_stop(self) -> None:
        """Stop the driver and see its last events through; again is harmless."""
        if self._stopped:
            return
        self._stopped = True
        try:
            await self.driver.stop()
            await self._core.handler.drain(self.printer_id)
        finally:
            for unsubscribe in self._unsubscribe:
                unsubscribe()
            async_clear_issues(self.hass, self.config_entry)
            await self._core.release()

    @callback
    def async_subscribe_events(self, listener: SpoolEventListener) -> CALLBACK_TYPE:
        """Listen to spool events, each with the key of its slot."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    @override
    async def _async_update_data(self) -> PrinterSlots:
        """Ask the printer for everything again; the answer comes as events."""
        await self.driver.sync_state()
        return self.data

    @callback
    def _async_event(self, event: dict[str, Any], slots: PrinterSlots) -> None:
        """Take over what was just committed."""
        self.devices.async_sync(slots)
        self.async_set_updated_data(slots)
        if event["event_type"] not in SPOOL_EVENTS:
            return
        key = slots.key_of(event["slot"])
        if self._held is None:
            self._async_publish(key, event)
        else:
            self._held.append((key, event))

    @callback
    def _async_release_held(self, _: HomeAssistant) -> None:
        """Publish what waited for Home Assistant to start, in order."""
        held, self._held = self._held or [], None
        for key, event in held:
            self._async_publish(key, event)

    @callback
    def _async_publish(self, key: SlotKey, event: dict[str, Any]) -> None:
        """Tell event entities, triggers and the bus."""
        for listener in list(self._event_listeners):
            listener(key, event)
        self.hass.bus.async_fire(
            f"{DOMAIN}_{event['event_type']}",
            event
            | {
                "entry_id": self.config_entry.entry_id,
                "device_id": self.devices.slots.get(key),
            },
        )

    def _health_changed(self) -> None:
        """Hop to the event loop: drivers may call from any thread."""
        self.hass.loop.call_soon_threadsafe(self._async_read_health)

    @callback
    def _async_read_health(self) -> None:
        """Show how the driver stands, and ask the user where only they can help."""
        if self._stopped:
            return
        self.health = self.driver.health()
        self.devices.async_sync_printer(self.health["versions"])
        async_manage_issues(self.hass, self.config_entry, self.health)
        if self.health["status"] == DriverStatus.AUTH_FAILED:
            self.config_entry.async_start_reauth(self.hass)
        self.async_update_listeners()
