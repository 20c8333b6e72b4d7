"""Binary sensors: a spool is there, a slot is feeding, something is connected."""

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
    PrinterEntity,
    Shows,
    SlotEntity,
    UnitEntity,
    async_add_as_seen,
    has_sensor,
)
from .model import StoredSlot, StoredUnit

# Nothing is asked for here: the coordinator is told.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ShowsBinary[T](Shows[T], BinarySensorEntityDescription):
    """What a binary sensor shows of its subject."""


SLOT_SENSORS = (
    ShowsBinary[StoredSlot](
        key="spool",
        translation_key="spool",
        value_fn=lambda slot: slot.present,
        exists_fn=has_sensor,
    ),
    ShowsBinary[StoredSlot](
        key="active",
        translation_key="active",
        entity_registry_enabled_default=False,
        value_fn=lambda slot: slot.active,
    ),
)

UNIT_CONNECTED = ShowsBinary[StoredUnit](
    key="connected",
    translation_key="connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
    value_fn=lambda unit: unit.online,
)

PRINTER_CONNECTED = ShowsBinary[SlotCoordinator](
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
    async_add_as_seen(
        entry,
        async_add_entities,
        Platform.BINARY_SENSOR,
        lambda coordinator: coordinator.units,
        [(UnitBinarySensor, UNIT_CONNECTED)],
    )
    async_add_as_seen(
        entry,
        async_add_entities,
        Platform.BINARY_SENSOR,
        lambda coordinator: coordinator.slots,
        [(SlotBinarySensor, shows) for shows in SLOT_SENSORS],
    )


class _ShownBinarySensor[T](FilamentSlotsEntity[T], BinarySensorEntity):
    """Shows what its description takes from its subject."""

    entity_description: ShowsBinary[T]

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether it is so; None where nobody knows."""
        value: bool | None = self.entity_description.value_fn(self.subject)
        return value

    @property
    @override
    def shown(self) -> object:
        """Everything the state is made of."""
        return self.available, self.is_on


class PrinterBinarySensor(PrinterEntity, _ShownBinarySensor[SlotCoordinator]):
    """Shows something of the printer."""


class UnitBinarySensor(UnitEntity, _ShownBinarySensor[StoredUnit]):
    """Shows whether the printer can reach the unit, while the printer can be asked."""

    @property
    @override
    def available(self) -> bool:
        """Whether the printer speaks: it alone knows of its units."""
        return self.coordinator.connected


class SlotBinarySensor(SlotEntity, _ShownBinarySensor[StoredSlot]):
    """Shows something of a slot."""
