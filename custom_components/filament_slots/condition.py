"""Conditions: what is in a slot now.

They ask the coordinators, not the entities, and so work with every entity disabled.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Unpack, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry
from .model import SlotStatus, StoredSlot
from .targets import CONF_MATERIAL, TEXTS, SlotPlace, SlotTarget, among, validate

_BEHAVIOR = {
    probatio.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): probatio.In(
        [BEHAVIOR_ANY, BEHAVIOR_ALL]
    )
}


class SlotCondition(Condition):
    """Asks something of the slots that were picked.

    A slot of which nobody knows whether a spool is in it does not count, neither for
    "any" nor for "all". Where no slot counts, the condition does not hold.
    """

    options: ClassVar[dict[Any, Any]] = _BEHAVIOR

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check the options."""
        return validate(config, cls.options)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Take what was picked."""
        super().__init__(hass, config)
        assert config.options is not None
        self._target = SlotTarget(config.target)
        self._all: bool = config.options[ATTR_BEHAVIOR] == BEHAVIOR_ALL

    @abstractmethod
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether it is so of a slot whose presence is known."""

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        answers = [
            self.holds(slot) for slot in self._slots() if slot.present is not None
        ]
        return bool(answers) and (all(answers) if self._all else any(answers))

    @callback
    def _slots(self) -> Iterator[StoredSlot]:
        """Return the slots that were picked, of printers that are set up."""
        entry: FilamentSlotsConfigEntry
        for entry in self._hass.config_entries.async_loaded_entries(DOMAIN):
            coordinator = entry.runtime_data
            for key, slot in coordinator.slots.items():
                place = SlotPlace.of(self._hass, coordinator.devices.slots[key])
                if place is not None and self._target.includes(place):
                    yield slot


class SlotIsLoadedCondition(SlotCondition):
    """A spool is in the slot."""

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether a spool is there."""
        return slot.present is True


class SlotHoldsMaterialCondition(SlotCondition):
    """A spool of one of these materials is in the slot."""

    options = _BEHAVIOR | {
        probatio.Required(CONF_MATERIAL): probatio.All(TEXTS, probatio.Length(min=1))
    }

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Take the materials."""
        super().__init__(hass, config)
        assert config.options is not None
        self._materials: list[str] = config.options[CONF_MATERIAL]

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether it is one; the material alone never proves a spool."""
        return bool(
            slot.present
            and slot.filament
            and among(slot.filament.material, self._materials)
        )


class SpoolIsKnownCondition(SlotCondition):
    """It is known which spool is in the slot, from its tag or from a person."""

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether it is identified."""
        return slot.status is SlotStatus.IDENTIFIED


CONDITIONS: dict[str, type[Condition]] = {
    "slot_is_loaded": SlotIsLoadedCondition,
    "slot_holds_material": SlotHoldsMaterialCondition,
    "spool_is_known": SpoolIsKnownCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by their names."""
    return CONDITIONS
