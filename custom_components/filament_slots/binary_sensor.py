"""Binary sensors: spool presence, the feeding slot, connections."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .entity import (
    FilamentSlotsEntity,
    LinkedSlot,
    PrinterEntity,
    SlotEntity,
    SpoolEntity,
    SubjectDescription,
    UnitEntity,
    async_add_spool_entities,
    async_add_subjects,
    has_sensor,
)
from .model import StoredSlot, StoredUnit

# Nothing is polled: the coordinator pushes.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BinarySensorDescription[T](SubjectDescription[T], BinarySensorEntityDescription):
    """Describes a binary sensor of a printer, a unit or a slot."""


SLOT_SENSORS = (
    BinarySensorDescription[StoredSlot](
        key="spool",
        translation_key="spool",
        value_fn=lambda slot: slot.present,
        exists_fn=has_sensor,
    ),
    BinarySensorDescription[StoredSlot](
        key="active",
        translation_key="active",
        value_fn=lambda slot: slot.active,
        exists_fn=lambda slot: slot.active is not None,
    ),
)

SPOOL_SENSORS = (
    BinarySensorDescription[LinkedSlot](
        key="spool_low",
        translation_key="spool_low",
        value_fn=lambda linked: linked.low,
        exists_fn=lambda linked: linked.is_linked,
    ),
    BinarySensorDescription[LinkedSlot](
        key="spool_mismatch",
        translation_key="spool_mismatch",
        value_fn=lambda linked: linked.mismatch,
        exists_fn=lambda linked: linked.is_linked,
    ),
)

UNIT_CONNECTED = BinarySensorDescription[StoredUnit](
    key="connected",
    translation_key="connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
    value_fn=lambda unit: unit.online,
)

PRINTER_CONNECTED = BinarySensorDescription[SlotCoordinator](
    key="connected",
    translation_key="connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
    value_fn=lambda coordinator: coordinator.connected,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of the printer, its units and its slots."""
    async_add_entities([PrinterBinarySensor(entry.runtime_data, PRINTER_CONNECTED)])
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.BINARY_SENSOR,
        lambda coordinator: coordinator.units,
        [(UnitBinarySensor, UNIT_CONNECTED)],
    )
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.BINARY_SENSOR,
        lambda coordinator: coordinator.slots,
        [(SlotBinarySensor, description) for description in SLOT_SENSORS],
    )
    async_add_spool_entities(
        entry,
        async_add_entities,
        Platform.BINARY_SENSOR,
        [(SpoolBinarySensor, description) for description in SPOOL_SENSORS],
    )


class _SubjectBinarySensor[T](FilamentSlotsEntity[T], BinarySensorEntity):
    """A binary sensor whose state is a value of its subject."""

    entity_description: BinarySensorDescription[T]

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether it is on; None if unknown."""
        value: bool | None = self.entity_description.value_fn(self.subject)
        return value

    @property
    @override
    def written_state(self) -> object:
        """Everything that the state consists of."""
        return self.available, self.is_on


class PrinterBinarySensor(PrinterEntity, _SubjectBinarySensor[SlotCoordinator]):
    """A binary sensor of the printer."""


class UnitBinarySensor(UnitEntity, _SubjectBinarySensor[StoredUnit]):
    """A binary sensor of a unit."""

    @property
    @override
    def available(self) -> bool:
        """Whether the printer is connected: it reports its units."""
        return self.coordinator.connected


class SlotBinarySensor(SlotEntity, _SubjectBinarySensor[StoredSlot]):
    """A binary sensor of a slot."""


class SpoolBinarySensor(SpoolEntity, _SubjectBinarySensor[LinkedSlot]):
    """A binary sensor about the spool in a slot."""
