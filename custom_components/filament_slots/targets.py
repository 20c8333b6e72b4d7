"""Targets of triggers and conditions: which slots they apply to."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from homeassistant.const import CONF_OPTIONS, CONF_TARGET, Platform
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

    Target ids are not looked up: they may be removed, or not exist yet.

    Raises probatio.Invalid.
    """
    schema = probatio.Schema(
        {
            probatio.Optional(CONF_TARGET): cv.TARGET_FIELDS,
            probatio.Required(CONF_OPTIONS, default={}): options,
        }
    )
    return cast(ConfigType, schema(config))


def matches_any(material: str | None, wanted: Collection[str]) -> bool:
    """Return whether a material is one of these, ignoring case."""
    return (material or "").casefold() in {name.casefold() for name in wanted}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlace:
    """The devices, areas, floors, entities and labels that a slot belongs to.

    devices: the slot, its unit if it has one, and the printer.
    area_ids: as Home Assistant resolves them: an entity's own area outranks that of its
    device. Without an entity, and where that has no area, it is the area of the first
    of the devices that has one.
    floor_ids: of the areas.
    entity_ids: of all these devices, disabled ones included.
    label_ids: of the devices, their entities that are not hidden, and the areas.
    """

    devices: tuple[AnyDeviceEntry, ...]
    area_ids: tuple[str, ...]
    floor_ids: frozenset[str | None]
    entity_ids: frozenset[str]
    label_ids: frozenset[str]

    @classmethod
    @callback
    def of(
        cls, hass: HomeAssistant, device_id: str | None, *platforms: Platform
    ) -> Self | None:
        """Return the place of the slot with this device; None if the device is none.

        platforms: of those entities of the slot whose own areas count.
        """
        if not (devices := _devices(dr.async_get(hass), device_id)):
            return None
        registry = er.async_get(hass)
        entities = [
            entity
            for device in devices
            for entity in er.async_entries_for_device(
                registry, device.id, include_disabled_entities=True
            )
        ]
        shown = [entity for entity in entities if entity.hidden_by is None]
        device_area = next((each.area_id for each in devices if each.area_id), None)
        area_ids = {
            entity.area_id or device_area
            for entity in shown
            if entity.device_id == device_id
            and entity.domain in platforms
            and entity.entity_category is None
        } or {device_area}
        find = ar.async_get(hass).async_get_area
        areas = [area for each in area_ids if each and (area := find(each))]
        return cls(
            devices=devices,
            area_ids=tuple(area.id for area in areas),
            floor_ids=frozenset(area.floor_id for area in areas),
            entity_ids=frozenset(entity.entity_id for entity in entities),
            label_ids=frozenset().union(
                *(each.labels for each in (*devices, *shown, *areas))
            ),
        )


class SlotTarget:
    """The slots that a user selected; all slots if the selection is empty.

    A printer selects its units, a unit its slots, an entity its device.
    """

    def __init__(self, config: ConfigType | None) -> None:
        """Take the selection, and the exclusions that Home Assistant 2026.11 added."""
        self._selected = TargetSelection(config or {})
        self._excluded: TargetSelection | None = getattr(
            self._selected, "exclude", None
        )

    @callback
    def includes(self, place: SlotPlace) -> bool:
        """Return whether the target includes the slot."""
        if self._selected.has_any_target and not _touches(self._selected, place):
            return False
        return self._excluded is None or not _touches(self._excluded, place)


def _devices(
    registry: dr.DeviceRegistry, device_id: str | None
) -> tuple[AnyDeviceEntry, ...]:
    """Return the devices of slot, unit and printer, in this order."""
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
        or not selection.area_ids.isdisjoint(place.area_ids)
        or selection.floor_ids & place.floor_ids
    )
