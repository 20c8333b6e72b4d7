"""Coordinator of a printer: its driver, its confirmed state, and its spool events."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
import logging
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util
from homeassistant.util.signal_type import SignalType

from .const import CONF_DRIVER_KEY, CONF_MODEL, DOMAIN, SPOOL_EVENTS
from .core.expectations import Announcement
from .core.printer_state import Seen
from .core.slot_state import PrinterSlots, SlotKey
from .core.tables.held_events import HeldEvent
from .devices import PrinterDevices, UnitKey
from .driver_host import driver_config, driver_services, driver_timings, make_driver
from .driver_log import DriverLog
from .drivers.base import Driver, DriverStatus, EventEmitter
from .drivers.health import Health
from .entry_kinds import is_printer
from .model import SCHEMA_VERSION, StoredSlot, StoredUnit
from .options import bus_identifiers
from .repairs_printer import (
    async_show_flapping,
    async_show_issue,
    current_error,
    current_issue,
)
from .runtime import SharedCore

_LOGGER = logging.getLogger(__name__)

# How long, in seconds, an announcement counts; printers send one every 10 s.
_ANNOUNCED_FOR = 60.0
# How often, in seconds, the number of changes of a slot is shown again.
_FLAPPING_CHECK = 60.0
# The least time, in seconds, between two requests for a full report.
_REQUEST_INTERVAL: Final = 60.0

type FilamentSlotsConfigEntry = ConfigEntry[SlotCoordinator]
type SpoolEventListener = Callable[[SlotKey, dict[str, Any]], None]

# Carries the spool events and alerts of every printer to triggers, which exist before
# any printer.
SIGNAL_SPOOL_EVENT: SignalType[SlotCoordinator, SlotKey, dict[str, Any]] = SignalType(
    f"{DOMAIN}_spool_event"
)
# Reports a slot whose spool a user has chosen, or no longer.
SIGNAL_SPOOL_CHOSEN: SignalType[SlotCoordinator, SlotKey] = SignalType(
    f"{DOMAIN}_spool_chosen"
)


class SlotCoordinator(DataUpdateCoordinator[PrinterSlots]):
    """Publishes what the core has stored; it compares and decides nothing itself.

    State and events are two channels: `data` is the present state, the events are what
    automations act on. Events wait until Home Assistant has started, as automations
    are not active before: in the core, as the entry may be reloaded meanwhile.
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
        """Restore the stored state and create the driver, without starting it.

        The core stays acquired until `async_stop`.

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
        self._restarting = asyncio.Lock()
        self.printer_id = printer_id
        self._event_listeners: list[SpoolEventListener] = []
        self._started = False
        self._forgetting: asyncio.Task[None] | None = None
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._announced: CALLBACK_TYPE | None = None
        self._new_host: str | None = None
        self._requested_at = -_REQUEST_INTERVAL
        self._health_due = False
        self._flapping_check: CALLBACK_TYPE | None = None
        self.log = DriverLog(entry.title, entry.entry_id)
        self.driver = make_driver(
            driver_class,
            entry.data[CONF_DRIVER_KEY],
            printer_id,
            driver_config(entry),
            EventEmitter(self._deliver),
            driver_services(
                hass,
                self.log,
                stored=tuple(self.data.slots.values()),
                last_seen=self._stored_last_seen,
                memory=self.data.memory,
                timings=driver_timings(entry, driver_class),
                health_changed=self._health_changed,
            ),
        )
        self.health = self.driver.health()
        self.devices = PrinterDevices(
            hass,
            entry.entry_id,
            entry.unique_id,
            entry.title,
            entry.data[CONF_MODEL],
            self.driver,
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
        """The code of the error that keeps the driver from running now."""
        return current_error(self.health)

    @property
    def last_seen(self) -> datetime | None:
        """When the printer last sent a message, also before Home Assistant started."""
        return _received_at(self.health) or self._stored_last_seen

    @property
    def announced(self) -> list[Announcement]:
        """The spools that a user announced for this printer, or for any."""
        return self._core.handler.announced(self.printer_id)

    async def async_start(self) -> None:
        """Start the driver; entities and triggers must be subscribed by now."""
        self._async_update_issue()
        self._async_check_flapping()
        self._unsubscribe = [
            self._core.handler.subscribe(self.printer_id, self._async_event),
            async_at_started(self.hass, self._async_release_held),
            self._core.async_follow_seen(self.printer_id, self._seen),
        ]
        await self.driver.start()

    async def async_restart_driver(self) -> None:
        """Reconnect the driver; entities and the slots' state stay."""
        async with self._restarting:
            if self._stopped:
                return
            await self.driver.stop()
            await self.driver.start()

    async def async_deactivate(self) -> None:
        """Store that the entry is disabled."""
        await self._core.handler.deactivate(self.printer_id)

    async def async_stop(self) -> None:
        """Stop the driver and publish its last events; harmless if already stopped."""
        if self._stopped:
            return
        self._stopped = True
        try:
            async with self._restarting:
                await self.driver.stop()
            await self._core.handler.drain(self.printer_id)
            if self._forgetting is not None:
                await self._forgetting
            self.health = self.driver.health()
            if (last_seen := self.last_seen) is not None:
                await self._core.handler.note_seen(
                    {self.printer_id: (last_seen, self.driver.memory())}
                )
        finally:
            for unsubscribe in self._unsubscribe:
                unsubscribe()
            self._async_cancel_announced()
            if self._flapping_check is not None:
                self._flapping_check()
            async_show_issue(self.hass, self.config_entry, None)
            async_show_flapping(self.hass, self.config_entry, self.data.slots, {})
            await self._core.release()

    @callback
    def async_announced(self) -> None:
        """Note that the printer announces itself at the address of its entry.

        Counts only while the driver cannot connect, and for a minute: a printer that
        announces itself is switched on, so that the user has to act.
        """
        self._async_cancel_announced()
        if self.error is None:
            return
        self._announced = async_call_later(
            self.hass, _ANNOUNCED_FOR, self._async_announcement_expired
        )
        self._async_update_issue()

    @callback
    def async_ask_about_address(self, host: str) -> None:
        """Ask the user whether the printer is at this address, which proves nothing."""
        self._new_host = host
        self._async_update_issue()

    @callback
    def async_subscribe_events(self, listener: SpoolEventListener) -> CALLBACK_TYPE:
        """Subscribe to spool events, each with the key of its slot."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    @callback
    def async_alert(self, key: SlotKey, alert: dict[str, Any]) -> None:
        """Send an alert, which has the shape of a spool event, to triggers and the bus."""
        alert = self._with_place(key, alert)
        async_dispatcher_send(self.hass, SIGNAL_SPOOL_EVENT, self, key, alert)
        self._async_fire(alert, key)

    async def async_request_report(self) -> bool:
        """Ask the printer for a full report; return False less than a minute after one.

        The report arrives as events. Only the `refresh` action is limited: every change
        is reported without it.
        """
        now = monotonic()
        if now < self._requested_at + _REQUEST_INTERVAL:
            return False
        self._requested_at = now
        await self.driver.sync_state()
        return True

    @override
    async def _async_update_data(self) -> PrinterSlots:
        """Ask the printer for a full report, which arrives as events."""
        await self.driver.sync_state()
        return self.data

    @callback
    def _seen(self) -> Seen | None:
        """Return when the printer was seen last, with the memory of its driver.

        None where that is stored already.
        """
        at = _received_at(self.driver.health())
        stored = self._core.handler.slots(self.printer_id).last_seen
        if at is None or (stored is not None and at <= stored):
            return None
        return at, self.driver.memory()

    def _deliver(self, event: dict[str, Any]) -> None:
        """Hand an event of the driver to the core, from any thread."""
        self._log_event("Emitted", event)
        self._core.handler.put(event, self.driver.memory())

    def _log_event(self, what: str, event: Mapping[str, Any]) -> None:
        """Log what happens to an event, under the id of the message that caused it.

        event: of the driver, perhaps invalid, or of the core.
        """
        meta = event.get("meta")
        about = meta.get("correlation_id") if isinstance(meta, Mapping) else None
        self.log.debug(
            "%s %s, event %s",
            what,
            event.get("event_type"),
            event.get("event_id"),
            extra={"correlation_id": about if isinstance(about, str) else None},
        )

    @callback
    def _async_event(self, event: dict[str, Any], slots: PrinterSlots) -> None:
        """Publish an event of the core, with the state after it."""
        self._log_event("Publishing", event)
        if event["meta"].get("replay"):
            self._async_refire(event)
            return
        self.devices.async_sync(slots)
        self.async_set_updated_data(slots)
        if event["event_type"] not in SPOOL_EVENTS:
            if "assigned" in event["meta"]:
                key = _assigned_slot(event, slots)
                async_dispatcher_send(self.hass, SIGNAL_SPOOL_CHOSEN, self, key)
            return
        if self._flapping_check is None:
            self._async_check_flapping()
        key = slots.key_of(event["slot"])
        if self._started:
            self._async_publish(key, event)
        else:
            self._core.async_hold(self.printer_id, HeldEvent(key, event))

    @callback
    def _async_release_held(self, _: HomeAssistant) -> None:
        """Publish the events that waited for Home Assistant to start, in order."""
        self._started = True
        for held in self._core.async_take_held(self.printer_id):
            self._async_publish(held.slot, held.event)
        self._forgetting = self.hass.async_create_task(
            self._core.handler.forget_held(self.printer_id)
        )

    @callback
    def _async_publish(self, key: SlotKey, event: dict[str, Any]) -> None:
        """Send an event to event entities, triggers and the bus."""
        event = self._with_place(key, event)
        for listener in list(self._event_listeners):
            listener(key, event)
        async_dispatcher_send(self.hass, SIGNAL_SPOOL_EVENT, self, key, event)
        self._async_fire(event, key)

    @callback
    def _async_refire(self, event: dict[str, Any]) -> None:
        """Send a past event to the bus only: entities and triggers are for new events."""
        if event["event_type"] in SPOOL_EVENTS:
            key = None
            # Its unit may have been removed since.
            with suppress(KeyError):
                key = self.data.key_of(event["slot"])
            self._async_fire(self._with_place(key, event), key)

    def _with_place(self, key: SlotKey | None, event: dict[str, Any]) -> dict[str, Any]:
        """Return a spool event with the present names of printer and slot in `meta`."""
        meta = event["meta"]
        reported = meta.get("slot_label") or str(event["slot"]["slot_no"])
        place = self.devices.place(key, reported, self.data)
        return event | {"meta": meta | {"place": place}}

    @callback
    def _async_fire(self, event: dict[str, Any], key: SlotKey | None) -> None:
        """Fire an event on the bus; the logbook finds it by its device and its entity."""
        if not bus_identifiers(self.config_entry.options):
            event = _without_identifiers(event)
        self.hass.bus.async_fire(
            f"{DOMAIN}_{event['event_type']}",
            event
            | {
                "schema_version": SCHEMA_VERSION,
                "entry_id": self.config_entry.entry_id,
                ATTR_DEVICE_ID: key and self.devices.slots.get(key),
                ATTR_ENTITY_ID: key and self.devices.event_entity(key),
            },
        )

    def _health_changed(self) -> None:
        """Schedule an update on the event loop: drivers may call from any thread.

        One update is enough for all changes until then.
        """
        if not self._health_due:
            self._health_due = True
            self.hass.loop.call_soon_threadsafe(self._async_read_health)

    @callback
    def _async_read_health(self) -> None:
        """Publish the driver's health; raise an issue or a reauthentication if needed."""
        self._health_due = False
        if self._stopped:
            return
        self.health = self.driver.health()
        self.devices.async_sync_versions(self.health, self.data)
        self._async_update_issue()
        if self.health["status"] == DriverStatus.AUTH_FAILED:
            self.config_entry.async_start_reauth(self.hass)
        self.async_update_listeners()

    @callback
    def _async_update_issue(self) -> None:
        if self.error is None:
            self._new_host = None
        issue, about = current_issue(
            self.health,
            announced=self._announced is not None,
            new_host=self._new_host,
        )
        async_show_issue(self.hass, self.config_entry, issue, **about)

    @callback
    def _async_check_flapping(self, _: datetime | None = None) -> None:
        """Show which slots change too often; every minute while there is one."""
        counts = self._core.handler.flapping(self.printer_id, dt_util.utcnow())
        self._flapping_check = None
        if counts:
            self._flapping_check = async_call_later(
                self.hass, _FLAPPING_CHECK, self._async_check_flapping
            )
        async_show_flapping(self.hass, self.config_entry, self.data.slots, counts)

    @callback
    def _async_announcement_expired(self, _: datetime) -> None:
        """Note that the printer no longer announces itself: it is switched off."""
        self._announced = None
        self._async_update_issue()

    @callback
    def _async_cancel_announced(self) -> None:
        if self._announced is not None:
            self._announced()
            self._announced = None


def _received_at(health: Health) -> datetime | None:
    """Return when a printer sent its last message since the driver was created."""
    at = health["last_message_at"]
    return None if at is None else dt_util.parse_datetime(at)


def _assigned_slot(event: dict[str, Any], slots: PrinterSlots) -> SlotKey:
    """Return the only slot of the `ams_state` of an assignment."""
    for unit in event["ams_units"]:
        slot_no = unit["slots"][0]["slot_no"]
        return slots.key_of({"ams_unit_no": unit["ams_unit_no"], "slot_no": slot_no})
    return None, event["direct_slots"][0]["slot_no"]


def _without_identifiers(event: dict[str, Any]) -> dict[str, Any]:
    """Return a spool event without what identifies the spool; the keys stay."""
    without = {
        "identifiers": dict.fromkeys(event["identifiers"]),
        "meta": event["meta"] | {"assigned": {}},
        "spool": None,
    }
    return event | {key: value for key, value in without.items() if key in event}


def is_loaded(entry: FilamentSlotsConfigEntry) -> bool:
    """Return whether the entry has a coordinator."""
    return entry.state is ConfigEntryState.LOADED


def loaded_entries(hass: HomeAssistant) -> list[FilamentSlotsConfigEntry]:
    """Return the entries of printers that have a coordinator."""
    return [
        e for e in hass.config_entries.async_loaded_entries(DOMAIN) if is_printer(e)
    ]


def all_entries(hass: HomeAssistant) -> list[FilamentSlotsConfigEntry]:
    """Return the entries of all printers, loaded or not; ignored discoveries are none."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    return [entry for entry in entries if is_printer(entry)]
