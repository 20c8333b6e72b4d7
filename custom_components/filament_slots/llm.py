"""Tools for language models: where a filament is, and what is and was in the slots.

They read only, and know of the slots of which an entity is exposed to the assistant.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util import dt as dt_util
import probatio

from .colours import ColourName, colour_names
from .const import DOMAIN, SPOOL_EVENTS
from .coordinator import SlotCoordinator, loaded_entries
from .core.engine.errors import StoreError
from .core.slot_state import SlotKey
from .core.tables.history import EventFilter, read_events
from .core.tables.library import Spool, SpoolPlace, read_spools
from .model import Filament, StoredSlot
from .runtime import require_store
from .slot_spools import slot_spools
from .spool_library import MAX_SPOOLS, colour, spool_filter, unidentified_spools

_READS: Final = ToolAnnotations(
    read_only=True, destructive=False, idempotent=True, open_world=False
)
# As many spools or events fit an answer.
_MOST: Final = 20
_COLOURS: Final = ", ".join(ColourName)
_CHANGES: Final = frozenset(SPOOL_EVENTS)


@callback
def async_get_tools(
    hass: HomeAssistant, llm_context: LLMContext, api_id: str
) -> LLMTools | None:
    """Return the tools, if a slot is exposed to the assistant."""
    if api_id != LLM_API_ASSIST:
        return None
    slots = _exposed_slots(hass, llm_context.assistant)
    if not slots:
        return None
    return LLMTools(
        tools=[FindFilamentTool(), GetSlotsTool(slots), GetHistoryTool(slots)]
    )


@dataclass(frozen=True, slots=True)
class _ExposedSlot:
    """A slot that the assistant may know of; place: as in `X1C · A3`."""

    coordinator: SlotCoordinator
    key: SlotKey
    place: str

    @property
    def slot(self) -> StoredSlot:
        return self.coordinator.slots[self.key]

    @property
    def printer(self) -> str:
        return self.coordinator.config_entry.title


type _Slots = Mapping[tuple[int, SlotKey], _ExposedSlot]


class _Tool(Tool, ABC):
    """Base of the tools: validates what was asked for, and answers with what is wrong."""

    annotations = _READS
    integration = DOMAIN

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        """Answer a call."""
        try:
            wanted = self.parameters(tool_input.tool_args)
            slots = _exposed_slots(hass, llm_context.assistant)
            return ToolResult(data=await self.answer(hass, slots, wanted))
        except probatio.Invalid as err:
            return ToolResult(data={"error": str(err)}, error=True)
        except StoreError:
            return ToolResult(data={"error": "The history is unavailable"}, error=True)

    @abstractmethod
    async def answer(
        self, hass: HomeAssistant, slots: _Slots, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the answer. Raises probatio.Invalid, StoreError."""


class FindFilamentTool(_Tool):
    """Finds filament by its material, colour, manufacturer and name."""

    name = f"{DOMAIN}__find_filament"
    title = "Find filament"
    description = (
        "Find spools of filament: in which slot of which 3D printer each is and since "
        "when, or where it was last, and how much is left. Every parameter narrows the "
        "search; without any, all spools are returned."
    )
    parameters = probatio.Schema(
        {
            probatio.Optional("material", description="Such as PLA, PETG or ABS"): str,
            probatio.Optional(
                "color", description=f"#RRGGBB or one of {_COLOURS}"
            ): str,
            probatio.Optional("vendor", description="The manufacturer"): str,
            probatio.Optional("name", description="Words of the spool's name"): str,
            probatio.Optional(
                "in_slot", description="Whether it is in a printer"
            ): bool,
        }
    )

    @override
    async def answer(
        self, hass: HomeAssistant, slots: _Slots, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        """Return `{spools, total}`."""
        if "color" in wanted:
            wanted["color"] = colour(wanted["color"])
        wanted["text"] = wanted.pop("name", "")
        wanted_spools = spool_filter(wanted)
        store = require_store(hass).store
        found = [
            *(await read_spools(store, wanted_spools, limit=MAX_SPOOLS)).spools,
            *filter(wanted_spools.includes, unidentified_spools(hass)),
        ]
        known = [
            _spool(spool, slots)
            for spool in found
            if any(_id(place) in slots for place in spool.slots or (spool.last_slot,))
        ]
        return {"spools": known[:_MOST], "total": len(known)}


class GetSlotsTool(_Tool):
    """Returns what is in the slots."""

    name = f"{DOMAIN}__get_slots"
    title = "Get slots of 3D printers"
    description = (
        "Get what is in the filament slots of the 3D printers: which filament, since "
        "when, how much is left, and whether the printer is connected."
    )

    def __init__(self, slots: _Slots) -> None:
        """Take the slots; a printer is chosen by its name."""
        printers = sorted({each.printer for each in slots.values()})
        self.parameters = probatio.Schema(
            {
                probatio.Optional("printer", description="Default: all"): probatio.In(
                    printers
                )
            }
        )

    @override
    async def answer(
        self, hass: HomeAssistant, slots: _Slots, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        """Return `{slots}`."""
        return {
            "slots": [
                {
                    "slot": each.place,
                    "status": each.slot.status or "unknown",
                    "printer_connected": each.coordinator.connected,
                    **_content(each),
                }
                for each in slots.values()
                if wanted.get("printer") in (None, each.printer)
            ]
        }


class GetHistoryTool(_Tool):
    """Returns what was in a slot, or where a spool was."""

    name = f"{DOMAIN}__get_history"
    title = "Get history of spools"
    description = (
        "Get the latest insertions and removals of spools, newest first: of one slot, "
        "or of the spool with a name, or of all slots."
    )

    def __init__(self, slots: _Slots) -> None:
        """Take the slots, which are chosen by their places."""
        places = [each.place for each in slots.values()]
        self.parameters = probatio.Schema(
            {
                probatio.Optional("slot"): probatio.In(places),
                probatio.Optional("spool", description="Words of its name"): str,
            }
        )

    @override
    async def answer(
        self, hass: HomeAssistant, slots: _Slots, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        """Return `{events}`."""
        store = require_store(hass).store
        if (place := wanted.get("slot")) is not None:
            filters = [
                EventFilter(printer_id=printer_id, slot=key, event_types=_CHANGES)
                for (printer_id, key), each in slots.items()
                if each.place == place
            ]
        elif "spool" in wanted:
            named = spool_filter({"text": wanted["spool"]})
            found = await read_spools(store, named, limit=_MOST)
            filters = [
                EventFilter(external_id=spool.external_id, event_types=_CHANGES)
                for spool in found.spools
                if spool.external_id is not None
            ]
        else:
            filters = [
                EventFilter(printer_id=printer_id, event_types=_CHANGES)
                for printer_id in {printer_id for printer_id, _ in slots}
            ]
        pages = [await read_events(store, each, limit=_MOST) for each in filters]
        events = [event for page in pages for event in page.events]
        events.sort(key=lambda event: str(event["event_at"]), reverse=True)
        known = (_event(event, slots) for event in events)
        return {"events": [event for event in known if event is not None][:_MOST]}


@callback
def _exposed_slots(hass: HomeAssistant, assistant: str) -> _Slots:
    """Return the slots of which an entity is exposed, in the order of the printers."""
    registry = er.async_get(hass)
    found = {}
    for entry in loaded_entries(hass):
        coordinator = entry.runtime_data
        for key, slot in coordinator.slots.items():
            device_id = coordinator.devices.slots[key]
            if any(
                async_should_expose(hass, assistant, entity.entity_id)
                for entity in er.async_entries_for_device(registry, device_id)
            ):
                place = coordinator.devices.place(
                    key, slot.shown_label, coordinator.data
                )
                found[coordinator.printer_id, key] = _ExposedSlot(
                    coordinator, key, place
                )
    return found


def _id(place: SpoolPlace) -> tuple[int, SlotKey]:
    return place.printer_id, place.slot


def _spool(spool: Spool, slots: _Slots) -> dict[str, Any]:
    """Return what is known of a spool, and where it is among the exposed slots."""
    inside = [slots[_id(place)] for place in spool.slots if _id(place) in slots]
    answer = _filament(spool.name, spool.filament)
    if inside:
        answer["in"] = [{"slot": each.place, **_since(each.slot)} for each in inside]
    else:
        answer["last_in"] = slots[_id(spool.last_slot)].place
        answer["out_since"] = spool.last_seen and _local(spool.last_seen.isoformat())
    return answer


def _content(each: _ExposedSlot) -> dict[str, Any]:
    """Return what is known of the spool in a slot: nothing of an empty one."""
    slot = each.slot
    if slot.present is False:
        return {}
    found = slot_spools(each.coordinator.hass).of(each.coordinator, each.key)
    answer = _filament(slot.assigned_label, slot.filament or Filament())
    if found is not None:
        answer["name"] = found.spool.name or answer.get("name")
        answer["remaining_percent"] = found.remaining_percent
        answer["remaining_g"] = found.spool.remaining_g
    return {
        name: value
        for name, value in (answer | _since(slot)).items()
        if value is not None
    }


def _filament(name: str | None, filament: Filament) -> dict[str, Any]:
    answer = {
        "name": name or filament.name,
        "material": filament.material,
        "vendor": filament.vendor,
        "colors": ", ".join(colour_names(filament.all_colours)) or None,
        "remaining_percent": filament.remaining_percent,
        "remaining_g": filament.remaining_g,
    }
    return {name: value for name, value in answer.items() if value is not None}


def _since(slot: StoredSlot) -> dict[str, Any]:
    at = slot.inserted_at
    return {} if at is None else {"since": _local(at.isoformat())}


def _event(event: dict[str, Any], slots: _Slots) -> dict[str, Any] | None:
    """Return what an event was about; None for a slot that is not exposed."""
    printers = {printer_id: each for (printer_id, _), each in slots.items()}
    if (printer := printers.get(event["printer_id"])) is None:
        return None
    try:
        key = printer.coordinator.data.key_of(event["slot"])
        each = slots[event["printer_id"], key]
    except KeyError:
        return None
    meta = event.get("meta") or {}
    filament = meta.get("filament") or {}
    assigned = (meta.get("assigned") or {}).get("label")
    answer = {
        "at": _local(event["event_at"]),
        "slot": each.place,
        "what": meta.get("reason") or event["event_type"],
        "name": assigned or filament.get("name"),
        "material": filament.get("material"),
        "detected_late": meta.get("detected_late") or None,
    }
    return {name: value for name, value in answer.items() if value is not None}


def _local(at: str) -> str:
    """Return a time in the time zone of Home Assistant, to the minute."""
    parsed = dt_util.parse_datetime(at, raise_on_error=True)
    return dt_util.as_local(parsed).strftime("%Y-%m-%d %H:%M")
