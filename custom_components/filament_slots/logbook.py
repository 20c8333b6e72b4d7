"""Logbook: one line for each spool event on the bus."""

from collections.abc import Callable
from typing import Any, Final

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN, SPOOL_EVENTS
from .model import EventType

_CATEGORY: Final = "config_panel"
_TEXTS: Final = f"component.{DOMAIN}.{_CATEGORY}.logbook."

_RUNOUT: Final = "runout"
_ICONS: Final = {
    EventType.SPOOL_INSERTED: "mdi:tray-arrow-down",
    EventType.SPOOL_REMOVED: "mdi:tray-arrow-up",
    _RUNOUT: "mdi:tray-remove",
    EventType.UNKNOWN_SPOOL_DETECTED: "mdi:help-circle-outline",
}


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[Event[dict[str, Any]]], dict[str, str]]], None
    ],
) -> None:
    """Describe the spool events, in Home Assistant's language.

    Events that were recorded by a former version lack `meta.place` and have their label.
    """

    # Home Assistant calls it from other threads as well; the texts are loaded by then.
    def describe(event: Event[dict[str, Any]]) -> dict[str, str]:
        texts = async_get_cached_translations(
            hass, hass.config.language, _CATEGORY, DOMAIN
        )
        meta = event.data.get("meta") or {}
        runout = meta.get("reason") == _RUNOUT
        kind = _RUNOUT if runout else str(event.event_type).removeprefix(f"{DOMAIN}_")
        place = meta.get("place") or meta.get("slot_label")
        message = texts[_TEXTS + kind].format(place=place or "?")
        for mark in ("detected_late", "replay"):
            if meta.get(mark):
                message += texts[_TEXTS + mark]
        filament = meta.get("filament") or {}
        assigned = meta.get("assigned") or {}
        return {
            LOGBOOK_ENTRY_NAME: assigned.get("label")
            or filament.get("name")
            or filament.get("material")
            or texts[f"{_TEXTS}a_spool"],
            LOGBOOK_ENTRY_MESSAGE: message,
            LOGBOOK_ENTRY_ICON: _ICONS[kind],
        }

    for event_type in SPOOL_EVENTS:
        async_describe_event(DOMAIN, f"{DOMAIN}_{event_type}", describe)
