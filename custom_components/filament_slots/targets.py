"""What triggers and conditions share: which slots are meant, and of what material."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.device_registry import AnyDeviceEntry, ChildDeviceEntry
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.typing import ConfigType
import probatio

CONF_MATERIAL: Final = "material"

TEXTS = probatio.All(probatio.EnsureList(), [cv.string])


def validate(config: ConfigType, options: dict[Any, Any]) -> ConfigType:
    """Return the config of a trigger or a condition, with defaults filled in.

    What is picked is not looked up: it may be gone, or yet to come.

    Raises probatio.Invalid.
    """
    schema = probatio.Schema(
        {
            probatio.Optional(CONF_TARGET): cv.TARGET_FIELDS,
            probatio.Required(CONF_OPTIONS, default={}): options,
        }
    )
    return cast(ConfigType, schema(config))


def among(material: str | None, wanted: Collection[str]) -> bool:
    """Return whether a material is one of those, however it is spelt."""
    return (material or "").casefold() in {name.casefold() for name in wanted}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlace:
    """Where a slot is, in the words of Home Assistant.

    devices: the slot, its unit if it has one, and the printer.
    area_id, floor_id: of the nearest of these devices that has an area.
    entity_ids: of all these devices, disabled ones too.
    label_ids: of the devices, their entities and the area.
    """

    devices: tuple[AnyDeviceEntry, ...]
    area_id: str | None
    floor_id: str | None
    entity_ids: frozenset[str]
    label_ids: frozenset[str]

    @classmethod
    @callback
    def of(cls, hass: HomeAssistant, device_id: str | None) -> Self | None:
        """Return the place of the slot with this device; None if there is none."""
        if not (devices := _devices(dr.async_get(hass), device_id)):
            return None
        area_id = next((each.area_id for each in devices if each.area_id), None)
        area = ar.async_get(hass).async_get_area(area_id) if area_id else None
        registry = er.async_get(hass)
        entities = [
            entity
            for device in devices
            for entity in er.async_entries_for_device(
                registry, device.id, include_disabled_entities=True
            )
        ]
        return cls(
            devices=devices,
            area_id=area_id,
            floor_id=area.floor_id if area else None,
            entity_ids=frozenset(entity.entity_id for entity in entities),
            label_ids=frozenset().union(
                *(each.labels for each in (*devices, *entities)),
                area.labels if area else (),
            ),
        )

    @property
    def name(self) -> str:
        """What people call the slot, and the printer it belongs to."""
        slot, *_, printer = (each.name_by_user or each.name for each in self.devices)
        return f"{slot} of {printer}"


class SlotTarget:
    """The slots that a person picked; all of them where nothing was.

    A printer stands for its units, a unit for its slots, an entity for its device.
    """

    def __init__(self, config: ConfigType | None) -> None:
        """Take what was picked, and since 2026.11 what was excluded from it."""
        self._picked = TargetSelection(config or {})
        self._excluded: TargetSelection | None = getattr(self._picked, "exclude", None)

    @callback
    def includes(self, place: SlotPlace) -> bool:
        """Return whether the slot is among them."""
        if self._picked.has_any_target and not _touches(self._picked, place):
            return False
        return self._excluded is None or not _touches(self._excluded, place)


def _devices(
    registry: dr.DeviceRegistry, device_id: str | None
) -> tuple[AnyDeviceEntry, ...]:
    """Return the slot and what it belongs to, the printer last."""
    slot = registry.async_get(device_id) if device_id else None
    if not isinstance(slot, ChildDeviceEntry):
        return ()
    parent = registry.async_get(slot.parent_device_id, include_child_devices=False)
    if parent is None:
        return ()
    printer = registry.async_get(parent.via_device_id) if parent.via_device_id else None
    return (slot, parent, printer) if printer else (slot, parent)


def _touches(selection: TargetSelection, place: SlotPlace) -> bool:
    return bool(
        not selection.device_ids.isdisjoint(each.id for each in place.devices)
        or selection.entity_ids & place.entity_ids
        or selection.label_ids & place.label_ids
        or place.area_id in selection.area_ids
        or place.floor_id in selection.floor_ids
    )
