"""Event entities: insertions and removals of a slot's spools."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import SPOOL_EVENTS
from .coordinator import FilamentSlotsConfigEntry
from .core.slot_state import SlotKey
from .devices import SPOOL_CHANGE
from .entity import SlotEntity, SubjectDescription, async_add_subjects, has_sensor
from .model import StoredSlot

# Nothing is polled: the coordinator pushes.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class EventDescription(SubjectDescription[StoredSlot], EventEntityDescription):
    """Describes an event entity of a slot."""


SPOOL = EventDescription(
    key=SPOOL_CHANGE,
    translation_key="spool",
    event_types=[str(event_type) for event_type in SPOOL_EVENTS],
    value_fn=lambda _: None,
    exists_fn=has_sensor,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one event entity for each slot."""
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.EVENT,
        lambda coordinator: coordinator.slots,
        [(SpoolEventEntity, SPOOL)],
    )


class SpoolEventEntity(SlotEntity, EventEntity):
    """Publishes spool events; the state at start-up is no event."""

    _unrecorded_attributes = frozenset(
        {"rfid_uid", "external_id", "vendor_tag", "event_id"}
    )

    @property
    @override
    def written_state(self) -> object:
        """Nothing: the state is written with each event, never with an update."""
        return None

    @override
    async def async_added_to_hass(self) -> None:
        """Subscribe to events."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_subscribe_events(self._async_handle_event)
        )

    @callback
    def _async_handle_event(self, key: SlotKey, event: dict[str, Any]) -> None:
        """Publish the event if it is this slot's."""
        if key != self._key:
            return
        meta = event.get("meta") or {}
        filament = meta.get("filament") or {}
        self._trigger_event(
            event["event_type"],
            {
                "event_id": event["event_id"],
                "event_at": event["event_at"],
                "name": filament.get("name"),
                "material": filament.get("material"),
                "color_hex": filament.get("color_hex"),
                **(event.get("identifiers") or {}),
                "source": meta.get("source"),
                "detected_late": meta.get("detected_late"),
                "reason": meta.get("reason"),
            },
        )
        self.async_write_ha_state()
