"""SpoolBox for Filament Slots: a component that brings a driver, and nothing else."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.typing import ConfigType


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up nothing: Filament Slots finds the driver in `filament_slots.py`."""
    return True
