"""What the driver of a printer can be asked to do, and the asking."""

from collections.abc import Mapping
from typing import Any, Final, TypedDict

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from .const import CONF_DRIVER_KEY, DOMAIN
from .coordinator import FilamentSlotsConfigEntry, is_loaded
from .drivers.capabilities import Capability, InvokeError, InvokeErrorCode
from .drivers.connection_capabilities import CONNECTION_CAPABILITIES
from .drivers.invoke import invoke
from .drivers.registry import registered_driver
from .errors import failure, invalid

# The seconds that a caller may wait for a result.
MOST_SECONDS: Final = 120

_TEXTS: Final = "config_panel"
_ERROR_TEXTS: Final = (
    f"component.{DOMAIN}.entity.sensor.driver_status.state_attributes.error.state."
)
# Mistakes of the caller; the rest are failures.
_INVALID: Final = frozenset(
    {
        InvokeErrorCode.UNKNOWN_CAPABILITY,
        InvokeErrorCode.NOT_READ_ONLY,
        InvokeErrorCode.INVALID_PAYLOAD,
    }
)


class CapabilityData(TypedDict):
    """A capability, see `drivers.capabilities`, with its texts.

    name, description: in the language of Home Assistant, otherwise in English.
    input_schema, output_schema: JSON Schemas.
    """

    id: str
    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    read_only: bool


async def async_capabilities(
    hass: HomeAssistant, entry: FilamentSlotsConfigEntry
) -> list[CapabilityData]:
    """Return what the driver can be asked to do; nothing while there is no driver.

    The texts of another component's driver are in its translations, as ours are.
    """
    if not is_loaded(entry):
        return []
    registered = registered_driver(entry.data[CONF_DRIVER_KEY])
    component = registered.component if registered else DOMAIN
    texts = await async_get_translations(
        hass, hass.config.language, _TEXTS, {component, DOMAIN}
    )

    def text(capability: Capability, group: str, english: str) -> str:
        shared = capability in CONNECTION_CAPABILITIES
        keys = (
            f"component.{domain}.{_TEXTS}.{group}.{capability.id}"
            for domain in ((component, DOMAIN) if shared else (component,))
        )
        return next((texts[key] for key in keys if key in texts), english)

    return [
        {
            "id": each.id,
            "name": text(each, "capability", each.name),
            "description": text(each, "capability_description", each.description),
            "input_schema": each.input_schema,
            "output_schema": each.output_schema,
            "read_only": each.read_only,
        }
        for each in entry.runtime_data.driver.capabilities
    ]


async def async_invoke(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    capability_id: str,
    payload: Mapping[str, Any],
    timeout: float | None,
) -> dict[str, Any]:
    """Return the result of a capability of a loaded entry's driver.

    Raises HomeAssistantError; its translation key is the `InvokeErrorCode`.
    """
    try:
        return await invoke(entry.runtime_data.driver, capability_id, payload, timeout)
    except InvokeError as err:
        raise await _async_error(hass, entry, capability_id, err) from err


async def _async_error(
    hass: HomeAssistant,
    entry: FilamentSlotsConfigEntry,
    capability_id: str,
    err: InvokeError,
) -> HomeAssistantError:
    reason = err.reason
    if err.code is InvokeErrorCode.CAPABILITY_FAILED:
        texts = await async_get_translations(
            hass, hass.config.language, "entity", {DOMAIN}
        )
        reason = texts.get(_ERROR_TEXTS + reason, reason)
    make = invalid if err.code in _INVALID else failure
    return make(err.code, printer=entry.title, capability=capability_id, reason=reason)
