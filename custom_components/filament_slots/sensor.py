"""Sensors: what is in a slot, how a unit is doing, how the driver stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    Platform,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .drivers.base import DriverStatus
from .entity import (
    FilamentSlotsEntity,
    PrinterEntity,
    Shows,
    SlotEntity,
    UnitEntity,
    async_add_as_seen,
    has_sensor,
)
from .model import Filament, SlotStatus, StoredSlot, StoredUnit

# Nothing is asked for here: the coordinator is told.
PARALLEL_UPDATES = 0

_MAX_STATE = 255


@dataclass(frozen=True, kw_only=True)
class ShowsSensor[T](Shows[T], SensorEntityDescription):
    """What a sensor shows of its subject."""


def _filament_name(slot: StoredSlot) -> str | None:
    """Name the filament; a name given by a person stands in for a tag, not beside it."""
    filament = slot.filament or Filament()
    given = None if slot.identifiers.known else slot.assigned_label
    name = given or filament.name or filament.material
    return name[:_MAX_STATE] if name else None


def _unidentified(coordinator: SlotCoordinator) -> int:
    return sum(
        slot.identifiable and slot.status is SlotStatus.UNIDENTIFIED
        for slot in coordinator.data.slots.values()
    )


FILAMENT = ShowsSensor[StoredSlot](
    key="filament",
    translation_key="filament",
    value_fn=_filament_name,
)

SLOT_SENSORS = (
    ShowsSensor[StoredSlot](
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=list(SlotStatus),
        value_fn=lambda slot: slot.status,
        exists_fn=has_sensor,
    ),
    ShowsSensor[StoredSlot](
        key="remaining",
        translation_key="remaining",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        value_fn=lambda slot: slot.filament and slot.filament.remaining_percent,
        exists_fn=lambda slot: bool(
            slot.filament and slot.filament.remaining_percent is not None
        ),
    ),
    ShowsSensor[StoredSlot](
        key="inserted",
        translation_key="inserted",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=lambda slot: slot.inserted_at,
        exists_fn=has_sensor,
    ),
)

UNIT_SENSORS = (
    ShowsSensor[StoredUnit](
        key="humidity",
        device_class=SensorDeviceClass.HUMIDITY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda unit: unit.humidity_percent,
        exists_fn=lambda unit: unit.humidity_percent is not None,
    ),
    ShowsSensor[StoredUnit](
        key="humidity_index",
        translation_key="humidity_index",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda unit: unit.humidity_index,
        # The coarse scale is for units that have no better one.
        exists_fn=lambda unit: (
            unit.humidity_index is not None and unit.humidity_percent is None
        ),
    ),
    ShowsSensor[StoredUnit](
        key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=lambda unit: unit.temperature_c,
        exists_fn=lambda unit: unit.temperature_c is not None,
    ),
    ShowsSensor[StoredUnit](
        key="drying_time_left",
        translation_key="drying_time_left",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        entity_registry_enabled_default=False,
        value_fn=lambda unit: unit.drying_minutes_left,
        exists_fn=lambda unit: unit.drying_minutes_left is not None,
    ),
)

DRIVER_STATUS = ShowsSensor[SlotCoordinator](
    key="driver_status",
    translation_key="driver_status",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=list(DriverStatus),
    value_fn=lambda coordinator: coordinator.health["status"],
)

PRINTER_SENSORS = (
    ShowsSensor[SlotCoordinator](
        key="unidentified_spools",
        translation_key="unidentified_spools",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_unidentified,
    ),
    ShowsSensor[SlotCoordinator](
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda coordinator: coordinator.last_seen,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the printer, its units and its slots."""
    coordinator = entry.runtime_data
    async_add_entities(
        [
            DriverStatusSensor(coordinator, DRIVER_STATUS),
            *(PrinterSensor(coordinator, shows) for shows in PRINTER_SENSORS),
        ]
    )
    async_add_as_seen(
        entry,
        async_add_entities,
        Platform.SENSOR,
        lambda coordinator: coordinator.units,
        [(UnitSensor, shows) for shows in UNIT_SENSORS],
    )
    async_add_as_seen(
        entry,
        async_add_entities,
        Platform.SENSOR,
        lambda coordinator: coordinator.slots,
        [
            (FilamentSensor, FILAMENT),
            *((SlotSensor, shows) for shows in SLOT_SENSORS),
        ],
    )


class _ShownSensor[T](FilamentSlotsEntity[T], SensorEntity):
    """Shows the value its description takes from its subject."""

    entity_description: ShowsSensor[T]

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """The value of the sensor."""
        value: StateType | datetime = self.entity_description.value_fn(self.subject)
        return value

    @property
    @override
    def shown(self) -> object:
        """Everything the state is made of."""
        return self.available, self.native_value, self.extra_state_attributes


class PrinterSensor(PrinterEntity, _ShownSensor[SlotCoordinator]):
    """Shows something of the printer."""


class UnitSensor(UnitEntity, _ShownSensor[StoredUnit]):
    """Shows telemetry of a unit."""


class SlotSensor(SlotEntity, _ShownSensor[StoredSlot]):
    """Shows something of a slot."""


class FilamentSensor(SlotSensor):
    """Shows which filament is in a slot.

    Its attributes say whose it is and how to print it; they are for cards and
    templates, not for history, which the integration keeps itself.
    """

    _unrecorded_attributes = frozenset(
        {
            "material",
            "color_hex",
            "colors",
            "vendor",
            "preset",
            "nozzle_min_c",
            "nozzle_max_c",
            "rfid_uid",
            "external_id",
            "vendor_tag",
            "last_seen",
        }
    )

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """What else is known; `last_seen` while nobody can know better."""
        slot = self.subject
        filament = slot.filament or Filament()
        spool = slot.identifiers
        return {
            "material": filament.material,
            "color_hex": filament.color_hex,
            "colors": filament.colors,
            "vendor": filament.vendor,
            "preset": filament.preset,
            "nozzle_min_c": filament.nozzle_min_c,
            "nozzle_max_c": filament.nozzle_max_c,
            "rfid_uid": spool.rfid_uid,
            "external_id": spool.external_id or slot.assigned_external_id,
            "vendor_tag": spool.vendor_tag,
            "last_seen": (
                None if self.coordinator.connected else self.coordinator.last_seen
            ),
        }


class DriverStatusSensor(PrinterSensor):
    """Shows how the driver stands, and what keeps it from running."""

    _unrecorded_attributes = frozenset({"error"})

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The code of what is in the way; its text is translated."""
        return {"error": self.coordinator.error}
