"""Triggers: a spool was inserted, removed, cannot be identified, is low, or another one.

They subscribe to the events and alerts of all coordinators, so they work with all entities
disabled, before a printer is set up, and across its reload.
"""

from typing import Any, ClassVar, Final, override

from homeassistant.const import ATTR_AREA_ID, ATTR_DEVICE_ID, ATTR_ENTITY_ID, Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .const import AlertType
from .coordinator import SIGNAL_SPOOL_EVENT, SlotCoordinator
from .core.slot_state import SlotKey
from .model import EventType, Identifiers
from .targets import CONF_MATERIAL, TEXTS, SlotPlace, SlotTarget, matches_any, validate

CONF_IDENTITY: Final = "identity"
CONF_INCLUDE_LATE: Final = "include_late"
CONF_REASON: Final = "reason"
CONF_SPOOL: Final = "spool"

IDENTIFIED: Final = "identified"
UNIDENTIFIED: Final = "unidentified"
RUNOUT: Final = "runout"
OTHER: Final = "other"

_MATERIALS = {probatio.Optional(CONF_MATERIAL, default=[]): TEXTS}
_SPOOLS = {probatio.Optional(CONF_SPOOL, default=[]): TEXTS}
_ANY_SPOOL = _MATERIALS | {
    probatio.Optional(CONF_INCLUDE_LATE, default=True): cv.boolean,
}
_KNOWN_SPOOL = (
    _ANY_SPOOL
    | _SPOOLS
    | {probatio.Optional(CONF_IDENTITY): probatio.In([IDENTIFIED, UNIDENTIFIED])}
)


class SpoolTrigger(Trigger):
    """Base of all triggers: runs for events or alerts of one type in the target's slots."""

    event_type: ClassVar[EventType | AlertType]
    options: ClassVar[dict[Any, Any]]

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Validate the options."""
        return validate(config, cls.options)

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set up the target and the filter."""
        super().__init__(hass, config)
        assert config.options is not None
        self._target = SlotTarget(config.target)
        self._filter = _Filter(config.options)

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Subscribe to the events of all printers, present and future."""

        @callback
        def handle(
            coordinator: SlotCoordinator, key: SlotKey, event: dict[str, Any]
        ) -> None:
            if event["event_type"] != self.event_type:
                return
            device_id = coordinator.devices.slots.get(key)
            place = SlotPlace.of(self._hass, device_id, Platform.EVENT)
            if place is None or not self._target.includes(place):
                return
            where = _where(coordinator, key, place) | {"place": event["meta"]["place"]}
            if reason := self._filter.mismatch(event):
                if did_not_trigger is not None:
                    did_not_trigger(NotTriggeredInfo(reason, event | where))
                return
            description = self.event_type.replace("_", " ")
            run_action(event | where, f"{description} in {where['place']}")

        return async_dispatcher_connect(self._hass, SIGNAL_SPOOL_EVENT, handle)


class SpoolInsertedTrigger(SpoolTrigger):
    """A spool was inserted."""

    event_type = EventType.SPOOL_INSERTED
    options = _KNOWN_SPOOL


class SpoolRemovedTrigger(SpoolTrigger):
    """A spool was removed, or ran out."""

    event_type = EventType.SPOOL_REMOVED
    options = _KNOWN_SPOOL | {
        probatio.Optional(CONF_REASON): probatio.In([RUNOUT, OTHER])
    }


class UnknownSpoolDetectedTrigger(SpoolTrigger):
    """An inserted spool turned out to have no identity."""

    event_type = EventType.UNKNOWN_SPOOL_DETECTED
    options = _ANY_SPOOL


class SpoolLowTrigger(SpoolTrigger):
    """Little is left on the inventory's spool in a slot."""

    event_type = AlertType.SPOOL_LOW
    options = _MATERIALS | _SPOOLS


class SpoolMismatchedTrigger(SpoolTrigger):
    """A slot is set to another material or colour than the inventory's spool in it."""

    event_type = AlertType.SPOOL_MISMATCHED
    options = _MATERIALS | _SPOOLS


TRIGGERS: dict[str, type[Trigger]] = {
    trigger.event_type: trigger
    for trigger in (
        SpoolInsertedTrigger,
        SpoolRemovedTrigger,
        UnknownSpoolDetectedTrigger,
        SpoolLowTrigger,
        SpoolMismatchedTrigger,
    )
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers by name."""
    return TRIGGERS


class _Filter:
    """The options that an event has to match, beside the target."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Take the options; those that a trigger does not have match every event."""
        self._materials: list[str] = options[CONF_MATERIAL]
        self._spools = {name.casefold() for name in options.get(CONF_SPOOL, ())}
        self._identity: str | None = options.get(CONF_IDENTITY)
        self._reason: str | None = options.get(CONF_REASON)
        self._include_late: bool = options.get(CONF_INCLUDE_LATE, True)

    def mismatch(self, event: dict[str, Any]) -> str | None:
        """Return why the event does not match, as traces show it; None if it does."""
        meta = event.get("meta") or {}
        identifiers = Identifiers(**(event.get("identifiers") or {}))
        assigned = (meta.get("assigned") or {}).get("external_id")
        identified = identifiers.known or assigned is not None
        spool = event.get("spool") or {}
        materials = [
            each.get("material") for each in (spool, meta.get("filament") or {})
        ]
        if self._materials and not any(
            matches_any(material, self._materials) for material in materials
        ):
            return "other_material"
        if self._identity == IDENTIFIED and not identified:
            return "not_identified"
        if self._identity == UNIDENTIFIED and identified:
            return "identified"
        if self._spools and self._spools.isdisjoint(
            (name or "").casefold()
            for name in (
                identifiers.external_id,
                identifiers.rfid_uid,
                assigned,
                spool.get("external_id"),
            )
        ):
            return "other_spool"
        if self._reason and (self._reason == RUNOUT) != (meta.get("reason") == RUNOUT):
            return "other_reason"
        if meta.get("detected_late") and not self._include_late:
            return "detected_late"
        return None


def _where(
    coordinator: SlotCoordinator, key: SlotKey, place: SlotPlace
) -> dict[str, Any]:
    """Return the ids that actions and templates need to use an event."""
    slot, *unit, printer = (device.id for device in place.devices)
    return {
        "entry_id": coordinator.config_entry.entry_id,
        ATTR_DEVICE_ID: slot,
        "unit_device_id": unit[0] if unit else None,
        "printer_device_id": printer,
        ATTR_ENTITY_ID: coordinator.devices.event_entity(key),
        ATTR_AREA_ID: next(iter(place.area_ids), None),
    }
