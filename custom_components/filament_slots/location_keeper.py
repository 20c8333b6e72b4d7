"""Keeps the locations of an inventory's spools right: what moves becomes a wish."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import orjson

from .coordinator import (
    SIGNAL_SPOOL_CHOSEN,
    SIGNAL_SPOOL_EVENT,
    SlotCoordinator,
    loaded_entries,
)
from .core.slot_state import SlotKey
from .inventory.base import Spool
from .inventory_entry import InventoryHost
from .location_options import Leave, WriteOptions, write_options
from .location_queue import LocationQueue
from .location_text import location_text
from .model import EventType
from .slot_spools import slot_spools

type _Known = tuple[int, datetime]


@callback
def async_keep_locations(hass: HomeAssistant, host: InventoryHost) -> CALLBACK_TYPE:
    """Follow the moves of an inventory's spools until the returned function is called."""
    options = write_options(host.entry.options)
    if host.queue is None or not options.locations:
        return lambda: None
    keeper = _Keeper(hass, host, host.queue, options)
    unsubscribe = (
        slot_spools(hass).async_subscribe(keeper.async_resolved),
        async_dispatcher_connect(hass, SIGNAL_SPOOL_EVENT, keeper.async_event),
        async_dispatcher_connect(hass, SIGNAL_SPOOL_CHOSEN, keeper.async_moved),
    )

    @callback
    def stop() -> None:
        for each in unsubscribe:
            each()

    return stop


def location_parts(coordinator: SlotCoordinator, key: SlotKey) -> dict[str, str]:
    """Return what a template can name: the printer, and the slot in it."""
    label = coordinator.data.slots[key].shown_label
    printer, *slot = coordinator.devices.names(key, label, coordinator.data)
    return {"printer": printer, "slot": " ".join(slot)}


class _Keeper:
    """Wants a location for each spool that enters or leaves a slot.

    That is a confirmed event, or the choice of a user. What is merely found, as at the
    start or when the server is back, is no move and changes no location; a spool whose
    insertion was confirmed is located as soon as it is known which one it is.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        host: InventoryHost,
        queue: LocationQueue,
        options: WriteOptions,
    ) -> None:
        self._hass = hass
        self._spools = slot_spools(hass)
        self._host = host
        self._queue = queue
        self._options = options
        # The spools of this inventory, as of the last move of each slot.
        self._inside: dict[str, _Known] = {}
        # Slots with a new spool of which it is not known which one it is.
        self._moved: set[str] = set()
        for coordinator, key in self._slots():
            self.async_resolved(coordinator, key)

    @callback
    def async_event(
        self, coordinator: SlotCoordinator, key: SlotKey, event: Mapping[str, Any]
    ) -> None:
        """Take a spool event."""
        if event["event_type"] != EventType.UNKNOWN_SPOOL_DETECTED:
            self.async_moved(coordinator, key)

    @callback
    def async_moved(self, coordinator: SlotCoordinator, key: SlotKey) -> None:
        """Note that another spool is in a slot, or none."""
        self._moved.add(_name(coordinator, key))
        self.async_resolved(coordinator, key)

    @callback
    def async_resolved(self, coordinator: SlotCoordinator, key: SlotKey) -> None:
        """Look which spool is in a slot."""
        slot = _name(coordinator, key)
        found = self._spools.of(coordinator, key)
        spool = found.spool if found and found.host is self._host else None
        now = (spool.id, spool.registered) if spool else None
        if slot not in self._moved:
            if now is not None:
                self._inside.setdefault(slot, now)
            return
        left = {
            (each.spool_id, each.registered) for each in self._queue.in_slot(slot)
        } | {self._inside.pop(slot, None)}
        for known in left - {now}:
            if known is not None:
                self._leave(slot, known)
        if spool and now:
            self._inside[slot] = now
            self._enter(coordinator, key, spool)
        stored = coordinator.data.slots.get(key)
        if found or stored is None or stored.present is False:
            self._moved.discard(slot)

    def _enter(self, coordinator: SlotCoordinator, key: SlotKey, spool: Spool) -> None:
        parts = location_parts(coordinator, key)
        text = location_text(self._options.template, parts)
        self._queue.enter(spool, _name(coordinator, key), text)

    def _leave(self, slot: str, known: _Known) -> None:
        """Want what the owner chose, unless the spool is in another slot."""
        if self._queue.slot_of(*known) not in (None, slot):
            # It was seen there later.
            return
        spool = self._host.find(known[0])
        for coordinator, key in self._slots():
            if spool and self._inside.get(_name(coordinator, key)) == known:
                self._enter(coordinator, key, spool)
                return
        match self._options.leave:
            case Leave.KEEP:
                self._queue.gone(*known)
            case Leave.PUT_BACK:
                self._queue.put_back(*known)
            case Leave.TEXT:
                self._queue.leave(*known, self._options.text)

    def _slots(self) -> Iterator[tuple[SlotCoordinator, SlotKey]]:
        for entry in loaded_entries(self._hass):
            for key in entry.runtime_data.data.slots:
                yield entry.runtime_data, key


def _name(coordinator: SlotCoordinator, key: SlotKey) -> str:
    """Return what a slot is called in the store."""
    return orjson.dumps([coordinator.printer_id, *key]).decode()
