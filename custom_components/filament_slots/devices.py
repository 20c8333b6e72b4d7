"""Devices of a printer: the printer, its units, and a child device for each slot."""

from collections.abc import Iterable, Mapping
import re
from typing import Any, Final

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo

from .const import DOMAIN
from .core.slot_state import PrinterSlots, SlotKey
from .drivers.base import Driver
from .drivers.health import Health, UnitVersions
from .model import StoredSlot, StoredUnit

type UnitKey = str

# The unit's part in the unique id of a direct slot, which has no unit.
_NO_UNIT = "direct"

# The key of a slot's event entity.
SPOOL_CHANGE: Final = "spool"

# What a device shows of `versions` in the driver's health.
_VERSION_DETAILS: Final = {
    "model": "model",
    "firmware": "sw_version",
    "hardware": "hw_version",
}


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
        driver: Driver,
    ) -> None:
        """Register the printer itself."""
        self.identity = identity
        self.units: dict[UnitKey, str] = {}
        self.slots: dict[SlotKey, str] = {}
        self._registry = dr.async_get(hass)
        self._entities = er.async_get(hass)
        self._entry_id = entry_id
        self._name = name
        self._manufacturer = driver.manufacturer
        self._printer_id = self._registry.async_get_or_create(
            config_entry_id=entry_id,
            identifiers={(DOMAIN, self.unique_id())},
            name=name,
            manufacturer=driver.manufacturer,
            model=model,
            serial_number=identity,
            configuration_url=driver.page,
        ).id
        # What the printer reports about its units, by their serials.
        self._unit_versions: Mapping[str, UnitVersions] = {}
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

    def device_id(self, key: UnitKey | SlotKey | None) -> str:
        """Return the device of a unit, a slot or the printer, which has one."""
        if key is None:
            return self._printer_id
        return self.units[key] if isinstance(key, str) else self.slots[key]

    def device_name(self, key: UnitKey | SlotKey | None) -> str:
        """Return the present name of a device; empty if it was just removed."""
        device = self._registry.async_get(self.device_id(key))
        return (device and (device.name_by_user or device.name)) or ""

    def event_entity(self, key: SlotKey) -> str | None:
        """Return the entity of a slot's events; it may be disabled."""
        return self._entities.async_get_entity_id(
            Platform.EVENT, DOMAIN, f"{self.unique_id(key)}_{SPOOL_CHANGE}"
        )

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
            parent_device_id=self.device_id(slot[0]),
        )

    @callback
    def place(self, key: SlotKey | None, reported: str, slots: PrinterSlots) -> str:
        """Return the present names of the printer and a slot, as in `X1C · A3`."""
        return " · ".join(self.names(key, reported, slots))

    @callback
    def names(
        self, key: SlotKey | None, reported: str, slots: PrinterSlots
    ) -> tuple[str, ...]:
        """Return the present names of the printer and a slot: `X1C` and `A3`.

        key: None for a slot of a unit that no longer exists; `reported` is its name.
        A slot whose device the user has renamed has that name. Otherwise it is its label,
        with that of the unit if another slot has the same, as in `K2`, `ACE 1` and `2`.
        """
        names = [self.device_name(None) or self._name]
        slot = slots.slots.get(key) if key else None
        if key is None or slot is None:
            return (*names, reported)
        device = self._registry.async_get(self.slots.get(key, ""))
        if device is not None and device.name_by_user:
            return (*names, device.name_by_user)
        label = slot.shown_label
        alike = [each for each in slots.slots.values() if each.shown_label == label]
        if slot.unit and len(alike) > 1:
            names.append(unit_title(slot.unit))
        return (*names, label)

    @callback
    def async_sync(self, slots: PrinterSlots) -> None:
        """Register new units and slots, and update changed ones."""
        listed = [
            unit
            for unit in slots.units.values()
            if unit.key in self.units or self._is_listed(unit)
        ]
        for unit in listed:
            self._sync_unit(unit, _named_alike(unit, listed))
        for slot in slots.slots.values():
            if slot.unit is None or slot.unit.key in self.units:
                self._sync_slot(slot)

    @callback
    def async_sync_versions(self, health: Health, slots: PrinterSlots) -> None:
        """Register what the printer reports about itself and its units."""
        versions = health["versions"]
        details: dict[str, Any] = {
            detail: versions[name]
            for name, detail in _VERSION_DETAILS.items()
            if name in versions
        }
        if mac := versions.get("mac"):
            details["connections"] = {(dr.CONNECTION_NETWORK_MAC, mac)}
        if self._registered.get(self.identity) != details:
            self._registered[self.identity] = details
            self._registry.async_get_or_create(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, self.unique_id())},
                **details,
            )
        units = {unit["serial"]: unit for unit in health.get("units", ())}
        if units != self._unit_versions:
            self._unit_versions = units
            self.async_sync(slots)

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
        """Return whether a unit has a device, or shall have one.

        Not a disconnected unit whose device the user has removed. Nor one that is known
        from an event alone, without its name: the ids of its entities would keep its
        number, beside others with the name.
        """
        named = unit.label is not None and unit.online is not False
        return (
            bool(unit.online)
            or named
            or bool(
                self._registry.async_get_device_by_identifier(
                    (DOMAIN, self.unique_id(unit.key)), self._entry_id
                )
            )
        )

    def _sync_unit(self, unit: StoredUnit, alike: list[StoredUnit]) -> None:
        unique_id = self.unique_id(unit.key)
        details: dict[str, Any] = {
            "manufacturer": self._manufacturer,
            "model": unit.model,
            # A unit without a serial number is known by its name.
            "serial_number": unit.serial if unit.serial != unit.label else None,
            "translation_key": _unit_name(unit, alike),
            "translation_placeholders": {
                "printer": self._name,
                "unit": _distinct_title(unit, alike),
            },
        }
        if versions := self._unit_versions.get(unit.serial or ""):
            details["sw_version"] = versions["firmware"]
            details["hw_version"] = versions["hardware"]
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
            "translation_placeholders": {"label": slot.shown_label},
        }
        if self._registered.get(unique_id) != details:
            self._registered[unique_id] = details
            self.slots[slot.key] = self._registry.async_get_or_create_child(
                config_entry_id=self._entry_id,
                identifiers={(DOMAIN, unique_id)},
                parent_device_id=self.device_id(slot.key[0]),
                **details,
            ).id


def unit_title(unit: StoredUnit) -> str:
    """Return the name of a unit as on the printer: `AMS 2 Pro B`, `AMS HT-A`, `Turtle 1`.

    The card has the same names (`unitTitle` in frontend/src/model.ts).
    """
    kind = (unit.model or "AMS").replace("_", " ")
    label = (unit.label or str(unit.ams_unit_no)).replace("_", " ")
    if kind.endswith(f" {label}"):
        return kind
    # `Box 1` and `Turtle 1` are names; `A` and `T1` only distinguish units of one model.
    if re.search(r"[^\W\d_]{3}", label):
        return label
    words = kind.split(" ")
    # `HT-A` has the end of `AMS HT` in it.
    if label.startswith(f"{words[-1]}-"):
        words.pop()
    return " ".join([*words, label])


def _named_alike(unit: StoredUnit, units: Iterable[StoredUnit]) -> list[StoredUnit]:
    """Return the other units that have the same name: before and after a swap, say."""
    return [
        other
        for other in units
        if other is not unit and unit_title(other) == unit_title(unit)
    ]


def _unit_name(unit: StoredUnit, alike: list[StoredUnit]) -> str:
    """Return the translation key of a unit's name.

    A disconnected unit is named so where another one has its name: it was swapped for that.
    """
    replaced = unit.online is False and any(
        other.online is not False for other in alike
    )
    return "unit_disconnected" if replaced else "unit"


def _distinct_title(unit: StoredUnit, alike: list[StoredUnit]) -> str:
    """Return its name, with the end of its serial if another unit has the same.

    Without a serial in which they differ it is the unit's number.
    """
    title = unit_title(unit)
    if not alike:
        return title
    ends = [_serial_end(each) for each in (unit, *alike)]
    if ends[0] is not None and ends.count(ends[0]) == 1:
        return f"{title} ({ends[0]})"
    return f"{title} ({unit.ams_unit_no})"


def _serial_end(unit: StoredUnit) -> str | None:
    """Return the last digits of the serial; None for a unit known by its name."""
    return unit.serial[-4:] if unit.serial and unit.serial != unit.label else None
