"""Buttons: request a full report from the printer."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import FilamentSlotsConfigEntry
from .entity import PrinterEntity

# A second request while one is pending would only load the printer.
PARALLEL_UPDATES = 1

REFRESH = ButtonEntityDescription(
    key="refresh",
    translation_key="refresh",
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the printer's button."""
    async_add_entities([RefreshButton(entry.runtime_data, REFRESH)])


class RefreshButton(PrinterEntity, ButtonEntity):
    """Requests a full report from the printer."""

    @property
    @override
    def written_state(self) -> object:
        """Everything that the state consists of."""
        return self.available

    @property
    @override
    def available(self) -> bool:
        """Whether the printer is connected."""
        return self.coordinator.connected

    @override
    async def async_press(self) -> None:
        """Request the report, which arrives as any other does."""
        await self.coordinator.driver.sync_state()
