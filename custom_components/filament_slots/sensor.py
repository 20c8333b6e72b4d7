"""Sensors: the contents of a slot, telemetry of a unit, status of the driver."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, override

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
    UnitOfInformation,
    UnitOfMass,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.slot_state import SlotKey
from .drivers.base import DriverStatus
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
from .model import Filament, SlotStatus, StoredSlot, StoredUnit

# The coordinator pushes everything but the counters, which change with every message:
# they are read, in memory, once a minute.
PARALLEL_UPDATES = 0
SCAN_INTERVAL = timedelta(minutes=1)

_MAX_STATE = 255
# The state of a sensor of the slot in use where no slot is.
_NONE = "none"


@dataclass(frozen=True, kw_only=True)
class SensorDescription[T](SubjectDescription[T], SensorEntityDescription):
    """Describes a sensor of a printer, a unit or a slot."""


def _filament_name(slot: StoredSlot) -> str | None:
    """Return the filament's name; an assigned label counts only without a tag."""
    if slot.present is False:
        return SlotStatus.EMPTY
    filament = slot.filament or Filament()
    label = None if slot.identifiers.known else slot.assigned_label
    name = label or filament.name or filament.material
    return name[:_MAX_STATE] if name else None


def _spool_name(linked: LinkedSlot) -> str | None:
    """Return the name of the inventory's spool, else its material, else its number."""
    if linked.found is None:
        return None
    spool = linked.found.spool
    return (spool.name or spool.material or f"#{spool.id}")[:_MAX_STATE]


def _remaining_weight(linked: LinkedSlot) -> float | None:
    """Return the inventory's weight, which users correct, else that of the printer."""
    if linked.found is not None and linked.found.spool.remaining_g is not None:
        return linked.found.spool.remaining_g
    return _reported_weight(linked.slot)


def _reported_weight(slot: StoredSlot) -> float | None:
    return slot.filament.remaining_g if slot.filament else None


def _unidentified(coordinator: SlotCoordinator) -> int:
    return sum(
        slot.identifiable and slot.status is SlotStatus.UNIDENTIFIED
        for slot in coordinator.data.slots.values()
    )


def _active(coordinator: SlotCoordinator) -> list[StoredSlot]:
    """Return the slots in use: one, or one for each extruder."""
    return [slot for slot in coordinator.slots.values() if slot.active]


def _reports_active(coordinator: SlotCoordinator) -> bool:
    return any(slot.active is not None for slot in coordinator.slots.values())


def _active_value(
    coordinator: SlotCoordinator, value_fn: Callable[[StoredSlot], str | None]
) -> str | None:
    """Return the values of the slots in use; `none` without such a slot."""
    if not _reports_active(coordinator):
        return None
    if not (active := _active(coordinator)):
        return _NONE
    values = [value for slot in active if (value := value_fn(slot))]
    return ", ".join(values)[:_MAX_STATE] or None


FILAMENT = SensorDescription[StoredSlot](
    key="filament",
    translation_key="filament",
    value_fn=_filament_name,
)

SLOT_SENSORS = (
    SensorDescription[StoredSlot](
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=list(SlotStatus),
        value_fn=lambda slot: slot.status,
        exists_fn=has_sensor,
    ),
    SensorDescription[StoredSlot](
        key="remaining",
        translation_key="remaining",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda slot: slot.filament and slot.filament.remaining_percent,
        exists_fn=lambda slot: bool(
            slot.filament and slot.filament.remaining_percent is not None
        ),
    ),
    SensorDescription[StoredSlot](
        key="inserted",
        translation_key="inserted",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=lambda slot: slot.inserted_at,
        exists_fn=has_sensor,
    ),
)

SPOOL = SensorDescription[LinkedSlot](
    key="spool",
    translation_key="spool",
    entity_registry_enabled_default=False,
    value_fn=_spool_name,
    exists_fn=lambda linked: linked.is_linked,
)

REMAINING_WEIGHT = SensorDescription[LinkedSlot](
    key="remaining_weight",
    translation_key="remaining_weight",
    device_class=SensorDeviceClass.WEIGHT,
    native_unit_of_measurement=UnitOfMass.GRAMS,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=0,
    value_fn=_remaining_weight,
    exists_fn=lambda linked: (
        linked.is_linked or _reported_weight(linked.slot) is not None
    ),
)

UNIT_SENSORS = (
    SensorDescription[StoredUnit](
        key="humidity",
        device_class=SensorDeviceClass.HUMIDITY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda unit: unit.humidity_percent,
        exists_fn=lambda unit: unit.humidity_percent is not None,
    ),
    SensorDescription[StoredUnit](
        key="humidity_index",
        translation_key="humidity_index",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda unit: unit.humidity_index,
        # The coarse scale (1 to 5) is for units that do not report a percentage.
        exists_fn=lambda unit: (
            unit.humidity_index is not None and unit.humidity_percent is None
        ),
    ),
    SensorDescription[StoredUnit](
        key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=lambda unit: unit.temperature_c,
        exists_fn=lambda unit: unit.temperature_c is not None,
    ),
    SensorDescription[StoredUnit](
        key="drying_time_left",
        translation_key="drying_time_left",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        entity_registry_enabled_default=False,
        value_fn=lambda unit: unit.drying_minutes_left,
        exists_fn=lambda unit: unit.drying_minutes_left is not None,
    ),
)

DRIVER_STATUS = SensorDescription[SlotCoordinator](
    key="driver_status",
    translation_key="driver_status",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=list(DriverStatus),
    value_fn=lambda coordinator: coordinator.health["status"],
)

PRINTER_SENSORS = (
    SensorDescription[SlotCoordinator](
        key="unidentified_spools",
        translation_key="unidentified_spools",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_unidentified,
    ),
    SensorDescription[SlotCoordinator](
        key="active_slot",
        translation_key="active_slot",
        value_fn=lambda coordinator: _active_value(
            coordinator, lambda slot: slot.shown_label
        ),
        exists_fn=_reports_active,
    ),
    SensorDescription[SlotCoordinator](
        key="active_filament",
        translation_key="active_filament",
        value_fn=lambda coordinator: _active_value(coordinator, _filament_name),
        exists_fn=_reports_active,
    ),
    SensorDescription[SlotCoordinator](
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda coordinator: coordinator.last_seen,
    ),
)


def _counter(
    name: str,
    state_class: SensorStateClass = SensorStateClass.TOTAL_INCREASING,
    device_class: SensorDeviceClass | None = None,
    unit: str | None = None,
) -> SensorDescription[SlotCoordinator]:
    """Return the description of a counter of the driver, see `drivers.health`."""
    return SensorDescription[SlotCoordinator](
        key=f"counter_{name}",
        translation_key=f"counter_{name}",
        device_class=device_class,
        native_unit_of_measurement=unit,
        state_class=state_class,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda coordinator: coordinator.driver.health()["counters"].get(name),
        exists_fn=lambda coordinator: name in coordinator.health["counters"],
    )


_DATA: Final = (SensorDeviceClass.DATA_SIZE, UnitOfInformation.BYTES)

COUNTERS = (
    _counter("messages"),
    _counter("bytes", SensorStateClass.TOTAL_INCREASING, *_DATA),
    _counter("ignored"),
    _counter("decode_errors"),
    _counter("events"),
    _counter("reconnects"),
    _counter("errors"),
    _counter(
        "cpu_ms",
        SensorStateClass.TOTAL_INCREASING,
        SensorDeviceClass.DURATION,
        UnitOfTime.MILLISECONDS,
    ),
    _counter("bytes_held", SensorStateClass.MEASUREMENT, *_DATA),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the printer, its units and its slots."""
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.SENSOR,
        lambda coordinator: {None: coordinator},
        [
            (DriverStatusSensor, DRIVER_STATUS),
            *((PrinterSensor, description) for description in PRINTER_SENSORS),
            *((CounterSensor, description) for description in COUNTERS),
        ],
    )
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.SENSOR,
        lambda coordinator: coordinator.units,
        [(UnitSensor, description) for description in UNIT_SENSORS],
    )
    async_add_subjects(
        entry,
        async_add_entities,
        Platform.SENSOR,
        lambda coordinator: coordinator.slots,
        [
            (FilamentSensor, FILAMENT),
            *((SlotSensor, description) for description in SLOT_SENSORS),
        ],
    )
    async_add_spool_entities(
        entry,
        async_add_entities,
        Platform.SENSOR,
        [(SpoolSensor, SPOOL), (RemainingWeightSensor, REMAINING_WEIGHT)],
    )


class _SubjectSensor[T](FilamentSlotsEntity[T], SensorEntity):
    """A sensor whose state is a value of its subject."""

    entity_description: SensorDescription[T]

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """The value of the sensor."""
        value: StateType | datetime = self.entity_description.value_fn(self.subject)
        return value

    @property
    @override
    def written_state(self) -> object:
        """Everything that the state consists of."""
        return self.available, self.native_value, self.extra_state_attributes


class PrinterSensor(PrinterEntity, _SubjectSensor[SlotCoordinator]):
    """A sensor of the printer."""


class CounterSensor(PrinterSensor):
    """A counter of the driver, which is read once a minute while it is enabled."""

    @property
    @override
    def should_poll(self) -> bool:
        """True: a counter changes without an update of the coordinator."""
        return True

    @override
    async def async_update(self) -> None:
        """Read nothing: the state is written after this, from the driver's counters."""

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Wait until the next minute: a flood of events would write as many states."""


class UnitSensor(UnitEntity, _SubjectSensor[StoredUnit]):
    """A sensor of a unit."""


class SlotSensor(SlotEntity, _SubjectSensor[StoredSlot]):
    """A sensor of a slot."""


class FilamentSensor(SlotSensor):
    """The filament in a slot.

    Its attributes, the spool's identity and print settings, are for cards and templates;
    the recorder skips them, as the integration keeps its own history.
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
        """Details of spool and filament; `last_seen` while the printer is not connected."""
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


class SpoolSensor(SpoolEntity, _SubjectSensor[LinkedSlot]):
    """The inventory's spool in a slot; its attributes lead to it."""

    _unrecorded_attributes = frozenset({"spool_id", "url", "source"})

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The number of the spool, its page, and what it is known from."""
        found = self.subject.found
        return {
            "spool_id": found and found.spool.id,
            "url": found and found.host.spool_page(found.spool.id),
            "source": found and found.source,
        }


class RemainingWeightSensor(SpoolEntity, _SubjectSensor[LinkedSlot]):
    """The weight of what is left on the spool in a slot.

    Enabled by default where the printer reports it: an inventory has it for every spool.
    """

    def __init__(
        self,
        coordinator: SlotCoordinator,
        description: SensorDescription[LinkedSlot],
        key: SlotKey,
    ) -> None:
        """Set up the sensor of a slot."""
        super().__init__(coordinator, description, key)
        self._attr_entity_registry_enabled_default = (
            _reported_weight(self.subject.slot) is not None
        )


class DriverStatusSensor(PrinterSensor):
    """The status of the driver, with the error that keeps it from running."""

    _unrecorded_attributes = frozenset({"error"})

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The error's code, and how the printer is read where that differs from the usual."""
        versions = self.coordinator.health["versions"]
        how = {"transport": versions["transport"]} if "transport" in versions else {}
        return {"error": self.coordinator.error, **how}
