"""Base classes of the entities of a printer, its units and its slots."""

from abc import abstractmethod
import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, override

from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    EntityPlatform,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.slot_state import SlotKey
from .devices import UnitKey
from .entity_ids import async_register_alike
from .model import StoredSlot, StoredUnit
from .slot_spools import SlotSpool, slot_spools


@dataclass(frozen=True, kw_only=True)
class SubjectDescription[T](EntityDescription):
    """Describes an entity of a printer, a unit or a slot: its subject.

    value_fn: returns the entity's value. exists_fn: whether the subject has the value;
    an entity that was added once stays.
    """

    value_fn: Callable[[T], Any]
    exists_fn: Callable[[T], bool] = lambda _: True


def has_sensor(slot: StoredSlot) -> bool:
    """Return whether the printer senses presence in the slot."""
    return slot.unit is not None or slot.present is not None


@dataclass(frozen=True, slots=True)
class LinkedSlot:
    """A slot with the spool of an inventory in it; `found` is None if none is known."""

    slot: StoredSlot
    found: SlotSpool | None

    @classmethod
    @callback
    def of(cls, coordinator: SlotCoordinator, key: SlotKey) -> Self:
        """Return a slot in its present state."""
        found = slot_spools(coordinator.hass).of(coordinator, key)
        return cls(coordinator.data.slots[key], found)

    @property
    def is_linked(self) -> bool:
        """Whether the spool in the slot is known."""
        return self.found is not None

    @property
    def low(self) -> bool | None:
        """Whether little is left on the spool; None if that is not known."""
        return None if self.found is None else self.found.low

    @property
    def mismatch(self) -> bool | None:
        """Whether the slot is set to another spool; None if that is not known."""
        if self.found is None:
            return None
        return self.found.mismatch(self.slot.filament)


@callback
def async_add_spool_entities(
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    platform: Platform,
    entity_types: Iterable[
        tuple[
            Callable[[SlotCoordinator, Any, SlotKey], FilamentSlotsEntity[LinkedSlot]],
            SubjectDescription[LinkedSlot],
        ]
    ],
) -> None:
    """Add the entities about spools of slots, once a spool of an inventory is in them."""
    coordinator = entry.runtime_data
    add_new = async_add_subjects(
        entry,
        async_add_entities,
        platform,
        lambda coordinator: {
            key: LinkedSlot.of(coordinator, key) for key in coordinator.slots
        },
        entity_types,
    )

    @callback
    def spool_changed(owner: SlotCoordinator, _: SlotKey) -> None:
        if owner is coordinator:
            add_new()

    entry.async_on_unload(slot_spools(coordinator.hass).async_subscribe(spool_changed))


@callback
def async_add_subjects[K: (UnitKey, SlotKey, None), T](
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    platform: Platform,
    subjects_of: Callable[[SlotCoordinator], Mapping[K, T]],
    entity_types: Iterable[
        tuple[
            Callable[[SlotCoordinator, Any, K], FilamentSlotsEntity[T]],
            SubjectDescription[T],
        ]
    ],
) -> CALLBACK_TYPE:
    """Add the entities of units, slots or the printer, now and when it reports new ones.

    Returns what adds those of subjects that have changed without a report.
    """
    coordinator = entry.runtime_data
    registry = er.async_get(coordinator.hass)
    added: set[tuple[K, str]] = set()

    def is_new(key: K, subject: T, description: SubjectDescription[T]) -> bool:
        if (key, description.key) in added:
            return False
        unique_id = f"{coordinator.devices.unique_id(key)}_{description.key}"
        return description.exists_fn(subject) or bool(
            registry.async_get_entity_id(platform, DOMAIN, unique_id)
        )

    @callback
    def add_new() -> None:
        subjects = subjects_of(coordinator)
        # Home Assistant removed the entities of a device that the user removed.
        added.difference_update([pair for pair in added if pair[0] not in subjects])
        new = [
            (key, make, description)
            for key, subject in subjects.items()
            for make, description in entity_types
            if is_new(key, subject, description)
        ]
        if new:
            added.update((key, description.key) for key, _, description in new)
            async_add_entities(
                make(coordinator, description, key) for key, make, description in new
            )

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))
    return add_new


class FilamentSlotsEntity[T](CoordinatorEntity[SlotCoordinator]):
    """Base of all entities: writes its state only when its subject has changed it.

    What Home Assistant reads once, as its device and its unique id, is not kept: a
    printer has a hundred entities.
    """

    _attr_has_entity_name = True
    _key: UnitKey | SlotKey | None

    def __init__(
        self,
        coordinator: SlotCoordinator,
        description: EntityDescription,
        key: UnitKey | SlotKey | None = None,
    ) -> None:
        """Set up the entity of the subject with this key; the printer needs none."""
        super().__init__(coordinator)
        self.entity_description = description
        self._key = key
        self._written: object = None

    @property
    @override
    def unique_id(self) -> str:
        """The unique id of its subject's device, with the key of its description."""
        stem = self.coordinator.devices.unique_id(self._key)
        return f"{stem}_{self.entity_description.key}"

    @property
    @override
    def available(self) -> bool:
        """True: the last known state stays valid while the printer is switched off."""
        return True

    @property
    @abstractmethod
    def subject(self) -> T:
        """The printer, unit or slot in its present state."""

    @property
    @abstractmethod
    def written_state(self) -> object:
        """Everything that the state consists of; a change of it is written."""

    @callback
    @override
    def add_to_platform_start(
        self,
        hass: HomeAssistant,
        platform: EntityPlatform,
        parallel_updates: asyncio.Semaphore | None,
    ) -> None:
        """Take an id that begins as those of its device do."""
        super().add_to_platform_start(hass, platform, parallel_updates)
        async_register_alike(self, self.unique_id, self.coordinator.devices, self._key)

    @override
    async def async_added_to_hass(self) -> None:
        """Remember the first state, which Home Assistant writes after this."""
        await super().async_added_to_hass()
        self._written = self.written_state

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it has changed."""
        if (state := self.written_state) != self._written:
            self._written = state
            self.async_write_ha_state()


class PrinterEntity(FilamentSlotsEntity[SlotCoordinator]):
    """An entity of the printer."""

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """The printer's device."""
        return self.coordinator.devices.printer_info

    @property
    @override
    def subject(self) -> SlotCoordinator:
        """The coordinator of the printer."""
        return self.coordinator


class UnitEntity(FilamentSlotsEntity[StoredUnit]):
    """An entity of a unit; unavailable while the unit is."""

    _key: UnitKey

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """The unit's device."""
        return self.coordinator.devices.unit_info(self._key)

    @property
    @override
    def subject(self) -> StoredUnit:
        """The unit in its present state."""
        return self.coordinator.data.units[self._key]

    @property
    @override
    def available(self) -> bool:
        """Whether printer and unit are connected."""
        return self.coordinator.connected and self.subject.online is not False


class _SlotDeviceEntity[T](FilamentSlotsEntity[T]):
    """An entity of a slot's device."""

    _key: SlotKey

    @property
    @override
    def device_info(self) -> ChildDeviceInfo:
        """The slot's device."""
        return self.coordinator.devices.slot_info(self._key)


class SlotEntity(_SlotDeviceEntity[StoredSlot]):
    """An entity of a slot."""

    @property
    @override
    def subject(self) -> StoredSlot:
        """The slot in its present state."""
        return self.coordinator.data.slots[self._key]


class SpoolEntity(_SlotDeviceEntity[LinkedSlot]):
    """An entity about the spool in a slot; unknown while no spool is known."""

    @property
    @override
    def subject(self) -> LinkedSlot:
        """The slot and its spool in their present state."""
        return LinkedSlot.of(self.coordinator, self._key)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the spool, whose values change without a report of the printer."""
        await super().async_added_to_hass()
        self.async_on_remove(
            slot_spools(self.hass).async_subscribe(self._async_spool_changed)
        )

    @callback
    def _async_spool_changed(self, owner: SlotCoordinator, key: SlotKey) -> None:
        if owner is self.coordinator and key == self._key:
            self._handle_coordinator_update()
