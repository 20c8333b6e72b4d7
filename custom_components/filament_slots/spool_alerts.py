"""Alerts about spools of inventories in slots: little is left, or the slot is set to another."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, AlertType
from .coordinator import SlotCoordinator
from .core.slot_state import SlotKey
from .model import StoredSlot, iso_utc
from .serializers import spool_data
from .slot_spools import SlotSpool, slot_spools

_KEY: HassKey[SpoolAlerts] = HassKey(f"{DOMAIN}_spool_alerts")

_STORE_VERSION: Final = 1
# Seconds in which many new spools are written once.
_SAVE_DELAY: Final = 10.0
# Seconds for which something must be so: a printer reports the values of a new spool one
# after the other, and a user who links a spool sets the slot right after it.
_SETTLE: Final = 10.0

type _Slot = tuple[SlotCoordinator, SlotKey]


@dataclass(slots=True)
class _Insertion:
    """A spool in a slot since it was inserted, and the alerts that were sent about it."""

    spool: list[Any]
    sent: list[AlertType] = field(default_factory=list)


@callback
def spool_alerts(hass: HomeAssistant) -> SpoolAlerts:
    """Return the alerts about the slots of all printers."""
    if _KEY not in hass.data:
        hass.data[_KEY] = SpoolAlerts(hass)
    return hass.data[_KEY]


class SpoolAlerts:
    """Sends each alert once for a spool and its insertion, also across restarts.

    What is sent is stored before. As with all events, nothing is sent before Home
    Assistant has started.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Wait for Home Assistant to start."""
        self._hass = hass
        self._store: Store[dict[str, dict[str, dict[str, Any]]]] = Store(
            hass, _STORE_VERSION, f"{DOMAIN}.spool_alerts"
        )
        # By the entry of the printer and the slot.
        self._insertions: dict[str, dict[str, _Insertion]] = {}
        # What was looked at last: most updates change neither.
        self._seen: dict[_Slot, tuple[StoredSlot, SlotSpool | None]] = {}
        self._due: dict[tuple[_Slot, AlertType], CALLBACK_TYPE] = {}
        self._followed: list[SlotCoordinator] = []
        self._started = False
        slot_spools(hass).async_subscribe(self._async_check)
        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_stop)
        async_at_started(hass, self._async_start)

    @callback
    def async_follow(self, coordinator: SlotCoordinator) -> CALLBACK_TYPE:
        """Follow the slots of a printer until the returned function is called."""

        @callback
        def unfollow() -> None:
            unsubscribe()
            self._followed.remove(coordinator)
            for slot in [slot for slot in self._seen if slot[0] is coordinator]:
                del self._seen[slot]
                self._cancel(slot, AlertType)

        self._followed.append(coordinator)
        check = partial(self._async_check_all, coordinator)
        unsubscribe = coordinator.async_add_listener(check)
        check()
        return unfollow

    async def _async_start(self, _: HomeAssistant) -> None:
        stored = await self._store.async_load() or {}
        self._insertions = {
            entry_id: {
                slot: _Insertion(each["spool"], list(map(AlertType, each["sent"])))
                for slot, each in slots.items()
            }
            for entry_id, slots in stored.items()
        }
        self._started = True
        for coordinator in self._followed:
            self._async_check_all(coordinator)

    @callback
    def _async_stop(self, _: Event) -> None:
        self._started = False
        for slot in self._seen:
            self._cancel(slot, AlertType)

    @callback
    def _async_check_all(self, coordinator: SlotCoordinator) -> None:
        for key in coordinator.slots:
            self._async_check(coordinator, key)

    @callback
    def _async_check(self, coordinator: SlotCoordinator, key: SlotKey) -> None:
        """Send what is due about a slot, once it has been so for a while."""
        slot = (coordinator, key)
        if not self._started or coordinator not in self._followed:
            return
        stored = coordinator.data.slots[key]
        found = slot_spools(self._hass).of(coordinator, key)
        seen = self._seen.get(slot)
        if seen is not None and seen[0] is stored and seen[1] is found:
            return
        self._seen[slot] = (stored, found)
        due = self._due_alerts(coordinator, stored, found)
        self._cancel(slot, set(AlertType) - due)
        for alert in due - {alert for other, alert in self._due if other == slot}:
            self._due[slot, alert] = async_call_later(
                self._hass, _SETTLE, partial(self._async_send, slot, alert)
            )

    async def _async_send(self, slot: _Slot, alert: AlertType, _: datetime) -> None:
        """Store that an alert is sent, then send it."""
        del self._due[slot, alert]
        coordinator, key = slot
        stored, found = self._seen[slot]
        assert found is not None
        self._insertion(coordinator, stored, found).sent.append(alert)
        await self._store.async_save(self._as_json())
        coordinator.async_alert(key, _event(coordinator, alert, stored, found))

    def _due_alerts(
        self, coordinator: SlotCoordinator, stored: StoredSlot, found: SlotSpool | None
    ) -> set[AlertType]:
        """Return what is so now, and was not sent for this insertion."""
        if found is None:
            return set()
        sent = self._insertion(coordinator, stored, found).sent
        is_so = {
            AlertType.SPOOL_LOW: found.low,
            AlertType.SPOOL_MISMATCHED: found.mismatch(stored.filament),
        }
        return {alert for alert, so in is_so.items() if so and alert not in sent}

    def _insertion(
        self, coordinator: SlotCoordinator, stored: StoredSlot, found: SlotSpool
    ) -> _Insertion:
        """Return what was sent for the spool in a slot; nothing for a new insertion."""
        slots = self._insertions.setdefault(coordinator.config_entry.entry_id, {})
        unit, slot_no = stored.key
        name = f"{unit or ''}/{slot_no}"
        spool = [
            found.host.entry.entry_id,
            found.spool.id,
            iso_utc(found.spool.registered),
            stored.inserted_at and iso_utc(stored.inserted_at),
        ]
        if (known := slots.get(name)) is not None and known.spool == spool:
            return known
        slots[name] = _Insertion(spool)
        self._store.async_delay_save(self._as_json, _SAVE_DELAY)
        return slots[name]

    def _cancel(self, slot: _Slot, alerts: Iterable[AlertType]) -> None:
        for alert in alerts:
            if (cancel := self._due.pop((slot, alert), None)) is not None:
                cancel()

    def _as_json(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what is stored, without printers that were removed."""
        return {
            entry_id: {
                name: {"spool": each.spool, "sent": list(each.sent)}
                for name, each in slots.items()
            }
            for entry_id, slots in self._insertions.items()
            if self._hass.config_entries.async_get_entry(entry_id)
        }


def _event(
    coordinator: SlotCoordinator, alert: AlertType, slot: StoredSlot, found: SlotSpool
) -> dict[str, Any]:
    """Return an alert in the shape of a spool event, with the inventory's spool."""
    unit = slot.unit
    assigned = {"external_id": slot.assigned_external_id, "label": slot.assigned_label}
    return {
        "event_type": alert,
        "event_at": iso_utc(dt_util.utcnow()),
        "printer_id": coordinator.printer_id,
        "slot": {
            "is_ams_slot": unit is not None,
            "ams_unit_no": unit.ams_unit_no if unit else None,
            "slot_no": slot.slot_no,
            "slots_total": unit.slots_total if unit else None,
        },
        "identifiers": slot.identifiers.model_dump(),
        "spool": {
            **spool_data(found, slot.filament),
            "external_id": found.host.external_id(found.spool.id),
        },
        "meta": {
            "slot_label": slot.label,
            "filament": slot.filament.as_dict() if slot.filament else {},
            "assigned": assigned if slot.assigned_external_id else {},
        },
    }
