"""Conditions: what is in a slot now.

They read the coordinators, not the entities, so they work with all entities disabled.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Unpack, override

from homeassistant.const import Platform
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

from .coordinator import loaded_entries
from .entity import LinkedSlot
from .model import SlotStatus, StoredSlot
from .targets import CONF_MATERIAL, TEXTS, SlotPlace, SlotTarget, matches_any, validate

# Of the entities that show what is in a slot.
_PLATFORMS = (Platform.BINARY_SENSOR, Platform.SENSOR)
_BEHAVIOR = {
    probatio.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): probatio.In(
        [BEHAVIOR_ANY, BEHAVIOR_ALL]
    )
}


class SlotCondition(Condition):
    """Base of all conditions: tests any or all of the target's slots.

    A slot of which the answer is unknown is ignored. If no slot is left, the condition
    is false.
    """

    options: ClassVar[dict[Any, Any]] = _BEHAVIOR

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Validate the options."""
        return validate(config, cls.options)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Set up the target and the behaviour."""
        super().__init__(hass, config)
        assert config.options is not None
        self._target = SlotTarget(config.target)
        self._all: bool = config.options[ATTR_BEHAVIOR] == BEHAVIOR_ALL

    @abstractmethod
    def answer(self, slot: LinkedSlot) -> bool | None:
        """Return whether a slot meets the condition; None if that is unknown."""

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        results = [
            result
            for slot in self._slots()
            if (result := self.answer(slot)) is not None
        ]
        return bool(results) and (all(results) if self._all else any(results))

    @callback
    def _slots(self) -> Iterator[LinkedSlot]:
        """Yield the target's slots, of loaded printers."""
        for entry in loaded_entries(self._hass):
            coordinator = entry.runtime_data
            for key in coordinator.slots:
                place = SlotPlace.of(
                    self._hass, coordinator.devices.slots[key], *_PLATFORMS
                )
                if place is not None and self._target.includes(place):
                    yield LinkedSlot.of(coordinator, key)


class PresenceCondition(SlotCondition):
    """Base of conditions for slots whose presence is known."""

    @override
    def answer(self, slot: LinkedSlot) -> bool | None:
        """Return whether the slot meets the condition; None without a sensor."""
        return None if slot.slot.present is None else self.holds(slot.slot)

    @abstractmethod
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether a slot whose presence is known meets the condition."""


class SlotIsLoadedCondition(PresenceCondition):
    """A spool is in the slot."""

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether a spool is in the slot."""
        return slot.present is True


class SlotHoldsMaterialCondition(PresenceCondition):
    """A spool of one of these materials is in the slot."""

    options = _BEHAVIOR | {
        probatio.Required(CONF_MATERIAL): probatio.All(TEXTS, probatio.Length(min=1))
    }

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Set up the materials."""
        super().__init__(hass, config)
        assert config.options is not None
        self._materials: list[str] = config.options[CONF_MATERIAL]

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether the slot holds one; a set material does not prove a spool."""
        return bool(
            slot.present
            and slot.filament
            and matches_any(slot.filament.material, self._materials)
        )


class SpoolIsKnownCondition(PresenceCondition):
    """The spool in the slot is identified, by its tag or an assignment."""

    @override
    def holds(self, slot: StoredSlot) -> bool:
        """Return whether the spool is identified."""
        return slot.status is SlotStatus.IDENTIFIED


class SpoolIsLowCondition(SlotCondition):
    """Little is left on the inventory's spool in the slot."""

    @override
    def answer(self, slot: LinkedSlot) -> bool | None:
        """Return whether it is low."""
        return slot.low


class SlotMatchesSpoolCondition(SlotCondition):
    """The slot is set to material and colour of the inventory's spool in it."""

    @override
    def answer(self, slot: LinkedSlot) -> bool | None:
        """Return whether it is."""
        return None if slot.mismatch is None else not slot.mismatch


CONDITIONS: dict[str, type[Condition]] = {
    "slot_is_loaded": SlotIsLoadedCondition,
    "slot_holds_material": SlotHoldsMaterialCondition,
    "spool_is_known": SpoolIsKnownCondition,
    "spool_is_low": SpoolIsLowCondition,
    "slot_matches_spool": SlotMatchesSpoolCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by name."""
    return CONDITIONS
