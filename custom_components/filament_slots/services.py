"""Actions for automations, scripts and dashboards (docs/actions.md)."""

from datetime import timedelta
from typing import Any, Final, TypedDict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util
import probatio
from ulid_transform import ulid_now

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, loaded_entries
from .core.assignments import AssignmentRefusedError
from .core.engine.errors import StoreError
from .core.expectations import USUAL_WAIT, Assigned, Expectation
from .core.slot_state import SlotKey
from .core.tables.history import EventFilter, read_events
from .drivers.explanation import PrinterReport
from .errors import failure, invalid, store_failure
from .explanation import ExplainedSlot, async_answer_texts, explain
from .model import MAX_LABEL, EventType, SlotStatus, iso_utc
from .permissions import async_require_control
from .places import Place, place_of
from .runtime import require_store
from .serializers import Json, SlotData, history_data, printer_device_id, slots_data
from .services_invoke import async_setup_invoke_service
from .services_links import async_setup_link_services
from .services_spools import async_setup_spool_services
from .services_store import async_setup_store_services, audited, plain, utc_datetime
from .spool_ids import async_spool_id, async_spool_name

MAX_PAGE: Final = 500

_MAX_TIMEOUT: Final = timedelta(days=1)


def _time_period(value: Any) -> timedelta:
    """Validate a positive duration; one that cannot be computed is invalid, too."""
    try:
        return cv.positive_time_period(value)
    except OverflowError as err:
        raise probatio.Invalid("is too long") from err


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
        probatio.Optional("external_id"): cv.string,
        probatio.Optional("start_time"): utc_datetime,
        probatio.Optional("end_time"): utc_datetime,
        probatio.Optional("order", default="newest"): probatio.In(["newest", "oldest"]),
        probatio.Optional("limit", default=50): probatio.All(
            probatio.Coerce(int), probatio.Range(1, MAX_PAGE)
        ),
        probatio.Optional("cursor"): probatio.All(
            probatio.Coerce(int), probatio.Range(0, 2**63 - 1)
        ),
    }
)
_EXPLAIN: Final = probatio.Schema({probatio.Required(ATTR_DEVICE_ID): cv.string})
_PRINTERS: Final = probatio.Schema({probatio.Required(ATTR_DEVICE_ID): _DEVICES})
_ASSIGN: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Optional("external_id"): cv.string,
        probatio.Optional("label"): _LABEL,
    }
)
_EXPECT: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional("external_id"): cv.string,
        probatio.Optional("label"): _LABEL,
        probatio.Optional("timeout", default=USUAL_WAIT): probatio.All(
            _time_period, probatio.Range(timedelta(seconds=1), _MAX_TIMEOUT)
        ),
    }
)


class SlotAnswer(SlotData):
    """A slot with its devices and entities.

    entities: the enabled ones, as `{sensor_filament: entity id}`.
    age: seconds since the printer's last message, 0 while it is connected; null if
    there was none.
    """

    printer: str
    printer_device_id: str | None
    unit_device_id: str | None
    unit_label: str | None
    entities: dict[str, str]
    age: int | None


class SlotsAnswer(TypedDict):
    """Some slots."""

    slots: list[SlotAnswer]


class EventsAnswer(TypedDict):
    """A page of the history, see `serializers.history_data`; null: it is the last one."""

    events: list[Json]
    next_cursor: int | None


class ExplainAnswer(ExplainedSlot):
    """Why a slot reads as it does; report: of its printer, null as `details`."""

    report: PrinterReport | None
    slot: SlotAnswer


class PrinterAnswer(TypedDict):
    """A printer that an action was applied to."""

    entry_id: str
    device_id: str | None


class RefreshedPrinter(PrinterAnswer):
    """A printer that a report was requested of.

    refreshed: false for one that was asked less than a minute ago and is skipped. That is
    no error: every change is reported without a refresh.
    """

    refreshed: bool


class RefreshAnswer(TypedDict):
    """The printers that a report was requested of."""

    printers: list[RefreshedPrinter]


class PrintersAnswer(TypedDict):
    """The printers that an action was applied to."""

    printers: list[PrinterAnswer]


class AssignAnswer(TypedDict):
    """The slot as it is now."""

    slot: SlotAnswer


class ExpectAnswer(TypedDict):
    """The spool that is expected; all null without one: then none is any more.

    expires_at: ISO-8601. name: null for a spool that is not known.
    """

    expires_at: str | None
    external_id: str | None
    name: str | None


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, independent of any entry."""
    only, optional = SupportsResponse.ONLY, SupportsResponse.OPTIONAL
    for name, handler, schema, response in (
        ("get_slots", plain(_async_get_slots), _GET_SLOTS, only),
        ("get_events", plain(_async_get_events), _GET_EVENTS, only),
        ("explain_slot", plain(_async_explain_slot), _EXPLAIN, only),
        ("refresh", plain(_async_refresh), _PRINTERS, optional),
        ("assign_spool", audited(_async_assign_spool), _ASSIGN, optional),
        ("expect_spool", audited(_async_expect_spool), _EXPECT, optional),
    ):
        hass.services.async_register(
            DOMAIN, name, handler, schema, supports_response=response
        )
    async_register_admin_service(
        hass,
        DOMAIN,
        "restart_driver",
        audited(_async_restart_driver),
        _PRINTERS,
        supports_response=optional,
    )
    async_setup_invoke_service(hass)
    async_setup_link_services(hass)
    async_setup_spool_services(hass)
    async_setup_store_services(hass)


async def _async_get_slots(call: ServiceCall) -> SlotsAnswer:
    """Return the slots of the devices, or all, that fit the filter."""
    hass = call.hass
    if device_ids := call.data[ATTR_DEVICE_ID]:
        places = [place_of(hass, device_id) for device_id in device_ids]
    else:
        places = [Place(entry) for entry in loaded_entries(hass)]
    # A slot that is given twice, by itself and by its printer, is returned once.
    found = {
        answer["device_id"]: answer
        for place in places
        for answer in _slot_answers(hass, place)
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


async def _async_get_events(call: ServiceCall) -> EventsAnswer:
    """Return a page of the history."""
    hass, data = call.hass, call.data
    place = place_of(hass, data[ATTR_DEVICE_ID]) if ATTR_DEVICE_ID in data else None
    external_id = await _async_external_id(call)
    wanted = EventFilter(
        printer_id=place.coordinator.printer_id if place else None,
        unit=place.unit if place else None,
        slot=place.slot if place else None,
        event_types=frozenset(data["event_type"]),
        external_id=external_id,
        since=data.get("start_time"),
        until=data.get("end_time"),
    )
    try:
        page = await read_events(
            require_store(hass).store,
            wanted,
            limit=data["limit"],
            cursor=data.get("cursor"),
            newest_first=data["order"] == "newest",
        )
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err
    return {"events": history_data(hass, page.events), "next_cursor": page.cursor}


async def _async_explain_slot(call: ServiceCall) -> ExplainAnswer:
    """Explain a slot, see `explanation.py`."""
    hass = call.hass
    texts = await async_answer_texts(hass, hass.config.language)
    place = place_of(hass, call.data[ATTR_DEVICE_ID])
    if place.slot is None:
        raise invalid("not_a_slot", device=place.name)
    explained = explain(place.coordinator, texts)
    (slot,) = _slot_answers(hass, place)
    return {
        **explained["slots"][place.slot],
        "report": explained["report"],
        "slot": slot,
    }


async def _async_refresh(call: ServiceCall) -> RefreshAnswer:
    """Request a full report from printers."""
    entries = _printers(call)
    await async_require_control(call, call.data[ATTR_DEVICE_ID])
    for entry in entries:
        if not entry.runtime_data.connected:
            raise failure("not_connected", printer=entry.title)
    return {
        "printers": [
            {
                **_printer_answer(call.hass, entry),
                "refreshed": await entry.runtime_data.async_request_report(),
            }
            for entry in entries
        ]
    }


async def _async_restart_driver(call: ServiceCall) -> PrintersAnswer:
    """Reconnect to printers."""
    entries = _printers(call)
    for entry in entries:
        await entry.runtime_data.async_restart_driver()
    return {"printers": [_printer_answer(call.hass, entry) for entry in entries]}


async def _async_assign_spool(call: ServiceCall) -> AssignAnswer:
    """Assign a spool to a slot; without a spool the assignment is removed."""
    hass = call.hass
    assigned = await _async_assigned(call)
    place = place_of(hass, call.data[ATTR_DEVICE_ID])
    if place.slot is None:
        raise invalid("not_a_slot", device=place.name)
    await async_require_control(call, [call.data[ATTR_DEVICE_ID]])
    try:
        await require_store(hass).handler.assign(
            place.coordinator.printer_id, place.slot, assigned
        )
    except AssignmentRefusedError as err:
        raise invalid(err.reason, slot=place.name) from err
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    (slot,) = _slot_answers(hass, place)
    return {"slot": slot}


async def _async_expect_spool(call: ServiceCall) -> ExpectAnswer:
    """Announce a spool.

    The inserted spool then counts as identified: no `unknown_spool_detected` follows.
    """
    hass = call.hass
    assigned = await _async_assigned(call)
    printer_id = None
    if ATTR_DEVICE_ID in call.data:
        place = place_of(hass, call.data[ATTR_DEVICE_ID])
        if place.slot is not None or place.unit is not None:
            raise invalid("not_a_printer", device=place.name)
        printer_id = place.coordinator.printer_id
        entries = [place.entry]
    else:
        entries = loaded_entries(hass)
    await async_require_control(
        call, [printer_device_id(hass, entry) for entry in entries]
    )
    try:
        handler = require_store(hass).handler
        if assigned is None:
            handler.withdraw(printer_id)
            return {"expires_at": None, "external_id": None, "name": None}
        name = await async_spool_name(hass, assigned.external_id)
    except StoreError as err:
        raise store_failure(err, "not_saved") from err
    now = dt_util.utcnow()
    expectation = Expectation(
        printer_id=printer_id,
        assigned=assigned,
        name=name,
        since=now,
        until=now + call.data["timeout"],
    )
    handler.expect(expectation)
    return {
        "expires_at": iso_utc(expectation.until),
        "external_id": assigned.external_id,
        "name": assigned.label or name,
    }


async def _async_assigned(call: ServiceCall) -> Assigned | None:
    """Return the given spool, a new one if it has a name only; None if there is none."""
    external_id, label = await _async_external_id(call), call.data.get("label")
    if external_id is None and label is None:
        return None
    return Assigned(external_id=external_id or f"local:{ulid_now()}", label=label)


async def _async_external_id(call: ServiceCall) -> str | None:
    """Return the id of the given spool, None if none is given."""
    text = call.data.get("external_id")
    try:
        return None if text is None else await async_spool_id(call.hass, text)
    except StoreError as err:
        raise store_failure(err, "history_unavailable") from err


def _printers(call: ServiceCall) -> list[FilamentSlotsConfigEntry]:
    """Return the printers of the given devices, each once."""
    places = [place_of(call.hass, device_id) for device_id in call.data[ATTR_DEVICE_ID]]
    return list({place.entry.entry_id: place.entry for place in places}.values())


def _printer_answer(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> PrinterAnswer:
    return {"entry_id": entry.entry_id, "device_id": printer_device_id(hass, entry)}


def _slot_answers(hass: HomeAssistant, place: Place) -> list[SlotAnswer]:
    """Return the slots of a place."""
    coordinator = place.coordinator
    now = dt_util.utcnow()
    seen_at = now if coordinator.connected else coordinator.last_seen
    age = None if seen_at is None else round((now - seen_at).total_seconds())
    device_id = printer_device_id(hass, place.entry)
    units = coordinator.devices.units
    return [
        {
            **data,
            "printer": place.entry.title,
            "printer_device_id": device_id,
            "unit_device_id": units[slot.unit.key] if slot.unit else None,
            "unit_label": slot.unit.label if slot.unit else None,
            "entities": _entities(hass, coordinator, key),
            "age": age,
        }
        for (key, slot), data in zip(
            coordinator.slots.items(), slots_data(coordinator), strict=True
        )
        if place.includes(key)
    ]


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
