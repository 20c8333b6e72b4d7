"""Buttons: ask the printer for everything again."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import FilamentSlotsConfigEntry
from .entity import PrinterEntity

# A printer that is asked twice at a time answers no sooner.
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
    """Asks the printer for everything again."""

    @property
    @override
    def shown(self) -> object:
        """Whether it can be pressed is all there is to show."""
        return self.available

    @property
    @override
    def available(self) -> bool:
        """Whether there is anybody to ask."""
        return self.coordinator.connected

    @override
    async def async_press(self) -> None:
        """Ask; the answer comes as any other report does."""
        await self.coordinator.driver.sync_state()
