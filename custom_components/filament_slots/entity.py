"""What the entities of all platforms share: whose they are, and when they write."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.slot_state import SlotKey
from .devices import UnitKey
from .model import StoredSlot, StoredUnit


@dataclass(frozen=True, kw_only=True)
class Shows[T](EntityDescription):
    """What an entity shows of its subject.

    exists_fn: whether there is anything to show; once there was, the entity stays.
    """

    value_fn: Callable[[T], Any]
    exists_fn: Callable[[T], bool] = lambda _: True


def has_sensor(slot: StoredSlot) -> bool:
    """Whether anything senses presence; where nothing does it is never known."""
    return slot.unit is not None or slot.present is not None


@callback
def async_add_as_seen[K: (UnitKey, SlotKey), T](
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    platform: Platform,
    seen: Callable[[SlotCoordinator], Mapping[K, T]],
    kinds: Iterable[
        tuple[Callable[[SlotCoordinator, Any, K], FilamentSlotsEntity[T]], Shows[T]]
    ],
) -> None:
    """Add the entities of what the printer has, and of what it is seen to have later."""
    coordinator = entry.runtime_data
    registry = er.async_get(coordinator.hass)
    added: set[tuple[K, str]] = set()

    def wanted(key: K, subject: T, shows: Shows[T]) -> bool:
        if (key, shows.key) in added:
            return False
        unique_id = f"{coordinator.devices.unique_id(key)}_{shows.key}"
        return shows.exists_fn(subject) or bool(
            registry.async_get_entity_id(platform, DOMAIN, unique_id)
        )

    @callback
    def add_new() -> None:
        subjects = seen(coordinator)
        # The entities of a device that the user removed went with it.
        added.difference_update([pair for pair in added if pair[0] not in subjects])
        new = [
            (key, make, shows)
            for key, subject in subjects.items()
            for make, shows in kinds
            if wanted(key, subject, shows)
        ]
        if new:
            added.update((key, shows.key) for key, _, shows in new)
            async_add_entities(
                make(coordinator, shows, key) for key, make, shows in new
            )

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))


class FilamentSlotsEntity[T](CoordinatorEntity[SlotCoordinator]):
    """Shows what the coordinator holds; written only when that has changed."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: SlotCoordinator, description: EntityDescription, stem: str
    ) -> None:
        """Take the description; `stem` is the unique id of what it describes."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{stem}_{description.key}"
        self._written: object = None

    @property
    @override
    def available(self) -> bool:
        """The last known state is worth showing: a spool doesn't vanish with the power."""
        return True

    @property
    @abstractmethod
    def subject(self) -> T:
        """What is shown: as it is now."""

    @property
    @abstractmethod
    def shown(self) -> object:
        """Everything the state is made of."""

    @override
    async def async_added_to_hass(self) -> None:
        """Note what the first state, written after this, is made of."""
        await super().async_added_to_hass()
        self._written = self.shown

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it is another one."""
        if (shown := self.shown) != self._written:
            self._written = shown
            self.async_write_ha_state()


class PrinterEntity(FilamentSlotsEntity[SlotCoordinator]):
    """Shows the printer itself."""

    def __init__(
        self, coordinator: SlotCoordinator, description: EntityDescription
    ) -> None:
        """Belong to the printer's device."""
        devices = coordinator.devices
        super().__init__(coordinator, description, devices.unique_id())
        self._attr_device_info = devices.printer_info

    @property
    @override
    def subject(self) -> SlotCoordinator:
        """What is shown."""
        return self.coordinator


class UnitEntity(FilamentSlotsEntity[StoredUnit]):
    """Shows the telemetry of a unit, which is worth nothing once the unit is away."""

    def __init__(
        self, coordinator: SlotCoordinator, description: EntityDescription, key: UnitKey
    ) -> None:
        """Belong to the unit's device."""
        devices = coordinator.devices
        super().__init__(coordinator, description, devices.unique_id(key))
        self._attr_device_info = devices.unit_info(key)
        self._key = key

    @property
    @override
    def subject(self) -> StoredUnit:
        """What is shown."""
        return self.coordinator.data.units[self._key]

    @property
    @override
    def available(self) -> bool:
        """Whether the printer speaks and has the unit."""
        return self.coordinator.connected and self.subject.online is not False


class SlotEntity(FilamentSlotsEntity[StoredSlot]):
    """Shows a slot."""

    def __init__(
        self, coordinator: SlotCoordinator, description: EntityDescription, key: SlotKey
    ) -> None:
        """Belong to the slot's device."""
        devices = coordinator.devices
        super().__init__(coordinator, description, devices.unique_id(key))
        self._attr_device_info = devices.slot_info(key)
        self._key = key

    @property
    @override
    def subject(self) -> StoredSlot:
        """What is shown."""
        return self.coordinator.data.slots[self._key]
