"""Actions: what automations, scripts and dashboards may ask for (docs/actions.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import re
from time import monotonic
from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.device_registry import AnyDeviceEntry
from homeassistant.helpers.service import async_get_device_and_config_entry
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
import probatio

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.assignments import AssignmentRefusedError
from .core.engine.errors import StoreError
from .core.expectations import Assigned, Expectation
from .core.slot_state import SlotKey
from .core.tables.history import EventFilter, read_events
from .devices import UnitKey
from .errors import failure, invalid, store_failure
from .model import MAX_LABEL, EventType, SlotStatus, iso_utc
from .runtime import require_store
from .serializers import Json, printer_device_id, slot_pictures
from .services_store import async_setup_store_services, audited

REFRESH_EVERY: Final = 60.0
MAX_PAGE: Final = 500

_MAX_EXTERNAL_ID: Final = 128
_EXTERNAL_ID: Final = re.compile(r"[a-z][a-z0-9_]*:\S(.*\S)?")
_LONGEST_WAIT: Final = timedelta(days=1)
# When each printer was last asked for everything, by its entry; in monotonic seconds.
_REFRESHED: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_refreshed")


def _external_id(value: object) -> str:
    """Take the identity of a spool, which says where it is an identity."""
    text = str(value).strip()
    if len(text) > _MAX_EXTERNAL_ID or not _EXTERNAL_ID.fullmatch(text):
        raise probatio.Invalid("must name a spool like spoolman:12")
    return text


def _instant(value: object) -> datetime:
    """Take a time; without a time zone it is the one of Home Assistant."""
    return dt_util.as_utc(cv.datetime(value))


_DEVICES: Final = probatio.All(cv.ensure_list, [cv.string])
_LABEL: Final = probatio.All(cv.string, str.strip, probatio.Length(1, MAX_LABEL))

_GET_SLOTS: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID, default=list): _DEVICES,
        probatio.Optional("present"): cv.boolean,
        probatio.Optional("status", default=list): probatio.All(
            cv.ensure_list, [probatio.Coerce(SlotStatus)]
        ),
    }
)
_GET_EVENTS: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional("event_type", default=list): probatio.All(
            cv.ensure_list, [probatio.Coerce(EventType)]
        ),
        probatio.Optional("external_id"): _external_id,
        probatio.Optional("start_time"): _instant,
        probatio.Optional("end_time"): _instant,
        probatio.Optional("order", default="newest"): probatio.In(["newest", "oldest"]),
        probatio.Optional("limit", default=50): probatio.All(
            probatio.Coerce(int), probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): probatio.All(
            probatio.Coerce(int), probatio.Range(0, 2**63 - 1)
        ),
    }
)
_PRINTERS: Final = probatio.Schema({probatio.Required(ATTR_DEVICE_ID): _DEVICES})
_ASSIGN: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional("external_id"): _external_id,
        probatio.Optional("label"): _LABEL,
    }
)
_EXPECT: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Required("external_id"): _external_id,
        probatio.Optional("label"): _LABEL,
        probatio.Optional("timeout", default=timedelta(minutes=5)): probatio.All(
            cv.positive_time_period, probatio.Range(timedelta(seconds=1), _LONGEST_WAIT)
        ),
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Offer the actions; once, whatever entries come and go."""
    only, optional = SupportsResponse.ONLY, SupportsResponse.OPTIONAL
    for name, handler, schema, response in (
        ("get_slots", _async_get_slots, _GET_SLOTS, only),
        ("get_events", _async_get_events, _GET_EVENTS, only),
        ("refresh", _async_refresh, _PRINTERS, optional),
        ("restart_driver", audited(_async_restart_driver), _PRINTERS, optional),
        ("assign_spool", audited(_async_assign_spool), _ASSIGN, optional),
        ("expect_spool", audited(_async_expect_spool), _EXPECT, optional),
    ):
        hass.services.async_register(
            DOMAIN, name, handler, schema, supports_response=response
        )
    async_setup_store_services(hass)


async def _async_get_slots(call: ServiceCall) -> Json:
    """Answer `{slots: [slot]}`, see `_slots`."""
    hass = call.hass
    if device_ids := call.data[ATTR_DEVICE_ID]:
        places = [_place(hass, device_id) for device_id in device_ids]
    else:
        places = [_Place(entry) for entry in _loaded(hass)]
    # A slot that is named twice, by itself and by its printer, is one slot.
    found = {
        answer["device_id"]: answer
        for place in places
        for answer in _slots(hass, place)
    }
    present, statuses = call.data.get("present"), call.data["status"]
    return {
        "slots": [
            slot
            for slot in found.values()
            if (present is None or slot["present"] is present)
            and (not statuses or slot["status"] in statuses)
        ]
    }


async def _async_get_events(call: ServiceCall) -> Json:
    """Answer `{events: [standard event and entry_id], next_cursor: int or null}`.

    entry_id: of the printer whose history it is; null for one that was removed.
    """
    hass, asked = call.hass, call.data
    place = _place(hass, asked[ATTR_DEVICE_ID]) if ATTR_DEVICE_ID in asked else None
    wanted = EventFilter(
        printer_id=place.coordinator.printer_id if place else None,
        unit=place.unit if place else None,
        slot=place.slot if place else None,
        event_types=frozenset(asked["event_type"]),
        external_id=asked.get("external_id"),
        since=asked.get("start_time"),
        until=asked.get("end_time"),
    )
    try:
        page = await read_events(
            require_store(hass).store,
            wanted,
            limit=asked["limit"],
            cursor=asked.get("cursor"),
            newest_first=asked["order"] == "newest",
        )
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err
    entry_ids = {
        entry.runtime_data.printer_id: entry.entry_id for entry in _loaded(hass)
    }
    return {
        "events": [
            event | {"entry_id": entry_ids.get(event["printer_id"])}
            for event in page.events
        ],
        "next_cursor": page.cursor,
    }


async def _async_refresh(call: ServiceCall) -> Json:
    """Answer `{printers: [{entry_id, device_id, refreshed}]}`.

    A printer that was asked less than a minute ago is left alone, as it tells every
    change by itself: no reason to end somebody's script with an error. `refreshed`
    says which it was.
    """
    entries = _printers(call)
    for entry in entries:
        if not entry.runtime_data.connected:
            raise failure("not_connected", printer=entry.title)
    asked = call.hass.data.setdefault(_REFRESHED, {})
    answers = []
    for entry in entries:
        due = monotonic() >= asked.get(entry.entry_id, -REFRESH_EVERY) + REFRESH_EVERY
        if due:
            asked[entry.entry_id] = monotonic()
            await entry.runtime_data.driver.sync_state()
        answers.append(_printer_answer(call.hass, entry) | {"refreshed": due})
    return {"printers": answers}


async def _async_restart_driver(call: ServiceCall) -> Json:
    """Answer `{printers: [{entry_id, device_id}]}`."""
    entries = _printers(call)
    for entry in entries:
        await entry.runtime_data.async_restart_driver()
    return {"printers": [_printer_answer(call.hass, entry) for entry in entries]}


async def _async_assign_spool(call: ServiceCall) -> Json:
    """Answer `{slot: slot}` as it is then; without `external_id` nothing is assigned."""
    hass = call.hass
    assigned = _assigned(call)
    place = _place(hass, call.data[ATTR_DEVICE_ID])
    if place.slot is None:
        raise invalid("not_a_slot", device=place.name)
    try:
        await require_store(hass).handler.assign(
            place.coordinator.printer_id, place.slot, assigned
        )
    except AssignmentRefusedError as err:
        raise invalid(err.reason, slot=place.name) from err
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    (slot,) = _slots(hass, place)
    return {"slot": slot}


async def _async_expect_spool(call: ServiceCall) -> Json:
    """Answer `{expires_at: ISO-8601}`.

    No `unknown_spool_detected` comes for an insertion that took an expected identity:
    by design an assigned spool is identified, and whoever scanned it has answered the
    question that the event would ask.
    """
    hass = call.hass
    assigned = _assigned(call)
    assert assigned is not None
    printer_id = None
    if ATTR_DEVICE_ID in call.data:
        place = _place(hass, call.data[ATTR_DEVICE_ID])
        if place.slot is not None or place.unit is not None:
            raise invalid("not_a_printer", device=place.name)
        printer_id = place.coordinator.printer_id
    now = dt_util.utcnow()
    expectation = Expectation(
        printer_id=printer_id,
        assigned=assigned,
        since=now,
        until=now + call.data["timeout"],
    )
    try:
        require_store(hass).handler.expect(expectation)
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    return {"expires_at": iso_utc(expectation.until)}


def _assigned(call: ServiceCall) -> Assigned | None:
    """Return who the spool is said to be; None for nobody."""
    external_id, label = call.data.get("external_id"), call.data.get("label")
    if external_id is not None:
        return Assigned(external_id=external_id, label=label)
    if label is not None:
        raise invalid("label_without_spool")
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """What a device stands for: a printer, a unit of it, or a slot."""

    entry: FilamentSlotsConfigEntry
    device: AnyDeviceEntry | None = None
    unit: UnitKey | None = None
    slot: SlotKey | None = None

    @property
    def coordinator(self) -> SlotCoordinator:
        """Who knows the slots."""
        return self.entry.runtime_data

    @property
    def name(self) -> str:
        """What people call it."""
        device = self.device
        return (device and (device.name_by_user or device.name)) or self.entry.title

    def holds(self, slot: SlotKey) -> bool:
        """Return whether the slot is it, or belongs to it."""
        return self.slot in (None, slot) and self.unit in (None, slot[0])


def _place(hass: HomeAssistant, device_id: str) -> _Place:
    """Return what a device stands for.

    Raises ServiceValidationError for a device that is not ours, not loaded or gone.
    """
    device, entry = async_get_device_and_config_entry(hass, DOMAIN, device_id)
    devices = entry.runtime_data.devices
    for slot, known in devices.slots.items():
        if known == device_id:
            return _Place(entry, device, slot=slot)
    for unit, known in devices.units.items():
        if known == device_id:
            return _Place(entry, device, unit=unit)
    if device_id == printer_device_id(hass, entry):
        return _Place(entry, device)
    raise invalid("device_gone", device=device.name_by_user or device.name or device_id)


def _printers(call: ServiceCall) -> list[FilamentSlotsConfigEntry]:
    """Return the printers that the devices are or belong to, each once."""
    places = [_place(call.hass, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
    return list({place.entry.entry_id: place.entry for place in places}.values())


def _printer_answer(hass: HomeAssistant, entry: FilamentSlotsConfigEntry) -> Json:
    return {"entry_id": entry.entry_id, "device_id": printer_device_id(hass, entry)}


def _slots(hass: HomeAssistant, place: _Place) -> list[Json]:
    """Return the slots of a place.

    Each as `serializers.py` says, and beside it `{printer, printer_device_id,
    unit_device_id, unit_label, entities: {sensor_filament: entity id, ...}, age}`
    age: seconds since the printer was last heard of, 0 while it is connected; null
    if it never was.
    """
    coordinator = place.coordinator
    since = dt_util.utcnow()
    heard = since if coordinator.connected else coordinator.last_seen
    printer = {
        "printer": place.entry.title,
        "printer_device_id": printer_device_id(hass, place.entry),
        "age": None if heard is None else round((since - heard).total_seconds()),
    }
    answers = []
    for (key, slot), picture in zip(
        coordinator.slots.items(), slot_pictures(coordinator), strict=True
    ):
        if place.holds(key):
            unit = {
                "unit_device_id": slot.unit
                and coordinator.devices.units[slot.unit.key],
                "unit_label": slot.unit and slot.unit.label,
            }
            entities = {"entities": _entities(hass, coordinator, key)}
            answers.append(picture | printer | unit | entities)
    return answers


def _entities(
    hass: HomeAssistant, coordinator: SlotCoordinator, slot: SlotKey
) -> dict[str, str]:
    """Return the enabled entities of a slot, as `{sensor_filament: entity id}`."""
    stem = f"{coordinator.devices.unique_id(slot)}_"
    return {
        f"{entity.domain}_{entity.unique_id.removeprefix(stem)}": entity.entity_id
        for entity in er.async_entries_for_device(
            er.async_get(hass), coordinator.devices.slots[slot]
        )
        if entity.platform == DOMAIN
    }


def _loaded(hass: HomeAssistant) -> list[FilamentSlotsConfigEntry]:
    return hass.config_entries.async_loaded_entries(DOMAIN)
