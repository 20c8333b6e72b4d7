"""What a device stands for that an action is applied to: a printer, unit or slot."""

from dataclasses import dataclass

from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import AnyDeviceEntry
from homeassistant.helpers.service import async_get_device_and_config_entry

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator
from .core.slot_state import SlotKey
from .devices import UnitKey
from .errors import invalid
from .serializers import printer_device_id


@dataclass(frozen=True, slots=True)
class Place:
    """A printer, one of its units, or one of its slots, given by a device."""

    entry: FilamentSlotsConfigEntry
    device: AnyDeviceEntry | None = None
    unit: UnitKey | None = None
    slot: SlotKey | None = None

    @property
    def coordinator(self) -> SlotCoordinator:
        """The coordinator of the printer."""
        return self.entry.runtime_data

    @property
    def name(self) -> str:
        """The name of the device, as the user knows it."""
        device = self.device
        return (device and (device.name_by_user or device.name)) or self.entry.title

    def includes(self, slot: SlotKey) -> bool:
        """Return whether the place is the slot, or its unit or printer."""
        return self.slot in (None, slot) and self.unit in (None, slot[0])


def place_of(hass: HomeAssistant, device_id: str) -> Place:
    """Return the printer, unit or slot of a device.

    Raises ServiceValidationError for the device of another integration, of an entry
    that is not loaded, or of a unit or slot that no longer exists.
    """
    device, entry = async_get_device_and_config_entry(hass, DOMAIN, device_id)
    devices = entry.runtime_data.devices
    for slot, known in devices.slots.items():
        if known == device_id:
            return Place(entry, device, slot=slot)
    for unit, known in devices.units.items():
        if known == device_id:
            return Place(entry, device, unit=unit)
    if device_id == printer_device_id(hass, entry):
        return Place(entry, device)
    raise invalid("device_gone", device=device.name_by_user or device.name or device_id)
