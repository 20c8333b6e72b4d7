"""Devices of a printer: the printer, its units, and a child device for each slot."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo

from .const import DOMAIN
from .core.slot_state import PrinterSlots, SlotKey
from .model import StoredSlot, StoredUnit

type UnitKey = str

# The unit's part in the unique id of a direct slot, which has no unit.
_NO_UNIT = "direct"


class PrinterDevices:
    """Keeps the device registry up to date with the units and slots of a printer.

    identity: the printer's, with which every unique id starts.
    units, slots: the device ids of units and slots that have a device.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        identity: str,
        name: str,
        model: str | None,
    ) -> None:
        """Register the printer itself."""
        self.identity = identity
        self.units: dict[UnitKey, str] = {}
        self.slots: dict[SlotKey, str] = {}
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._name = name
        self._printer_id = self._registry.async_get_or_create(
            config_entry_id=entry_id,
            identifiers={(DOMAIN, self.unique_id())},
            name=name,
            model=model,
            serial_number=identity,
        ).id
        # The details registered last: comparing is cheaper than registering again.
        self._registered: dict[str, dict[str, Any]] = {}

    def unique_id(self, key: UnitKey | SlotKey | None = None) -> str:
        """Return the permanent unique id of a unit, a slot or the printer itself."""
        if key is None:
            return self.identity
        if isinstance(key, str):
            return f"{self.identity}_{key}"
        unit, slot_no = key
        return f"{self.identity}_{unit or _NO_UNIT}_{slot_no}"

    @property
    def printer_info(self) -> DeviceInfo:
        """The device info that links an entity to the printer."""
        return DeviceInfo(identifiers={(DOMAIN, self.unique_id())})

    def unit_info(self, unit: UnitKey) -> DeviceInfo:
        """Return the device info that links an entity to a unit."""
        return DeviceInfo(identifiers={(DOMAIN, self.unique_id(unit))})

    def slot_info(self, slot: SlotKey) -> ChildDeviceInfo:
        """Return the device info that links an entity to a slot."""
        return ChildDeviceInfo(
            identifiers={(DOMAIN, self.unique_id(slot))},
            parent_device_id=self._parent_id(slot),
        )

    @callback
    def async_sync(self, slots: PrinterSlots) -> None:
        """Register new units and slots, and update changed ones."""
        for unit in slots.units.values():
            if unit.key in self.units or self._is_listed(unit):
                self._sync_unit(unit)
        for slot in slots.slots.values():
            if slot.unit is None or slot.unit.key in self.units:
                self._sync_slot(slot)

    @callback
    def async_sync_printer(self, versions: Mapping[str, Any]) -> None:
        """Register model and firmware of the printer, as far as they are known."""
        details = {
            detail: versions[name]
            for name, detail in (("model", "model"), ("firmware", "sw_version"))
            if name in versions
        }
        if self._registered.get(self.identity) != details:
            self._registered[self.identity] = details
            self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, self.unique_id())},
                **details,
            )

    @callback
    def async_forget(self, device: dr.AnyDeviceEntry, slots: PrinterSlots) -> bool:
        """Return whether the user may remove the device, and forget it if so.

        Only a unit that is disconnected may be removed, together with its slots, or a
        device that is no longer the printer's.
        """
        unit = next(
            (key for key, known in self.units.items() if known == device.id), None
        )
        if unit is None:
            return device.id not in {self._printer_id, *self.slots.values()}
        if slots.units[unit].online is not False:
            return False
        del self.units[unit]
        self.slots = {key: known for key, known in self.slots.items() if key[0] != unit}
        self._registered.clear()
        return True

    def _is_listed(self, unit: StoredUnit) -> bool:
        """Return False for a disconnected unit whose device the user has removed."""
        return unit.online is not False or bool(
            self._registry.async_get_device_by_identifier(
                (DOMAIN, self.unique_id(unit.key)), self._entry_id
            )
        )

    def _parent_id(self, slot: SlotKey) -> str:
        unit, _ = slot
        return self._printer_id if unit is None else self.units[unit]

    def _sync_unit(self, unit: StoredUnit) -> None:
        unique_id = self.unique_id(unit.key)
        details: dict[str, Any] = {
            "model": unit.model,
            # A unit without a serial number is known by its name.
            "serial_number": unit.serial if unit.serial != unit.label else None,
            "translation_key": _unit_name(unit),
            "translation_placeholders": {
                "printer": self._name,
                "label": unit.label or str(unit.ams_unit_no),
            },
        }
        if self._registered.get(unique_id) != details:
            self._registered[unique_id] = details
            self.units[unit.key] = self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, unique_id)},
                via_device_id=self._printer_id,
                **details,
            ).id

    def _sync_slot(self, slot: StoredSlot) -> None:
        unique_id = self.unique_id(slot.key)
        details: dict[str, Any] = {
            "translation_key": "slot",
            "translation_placeholders": {"label": slot.label or str(slot.slot_no)},
        }
        if self._registered.get(unique_id) != details:
            self._registered[unique_id] = details
            self.slots[slot.key] = self._registry.async_get_or_create_child(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, unique_id)},
                parent_device_id=self._parent_id(slot.key),
                **details,
            ).id


def _unit_name(unit: StoredUnit) -> str:
    """Return the translation key of a unit's name, which differs for AMS and others."""
    is_ams = unit.model is None or unit.model.startswith("AMS")
    return "unit" if is_ams or unit.label is None else "changer"
