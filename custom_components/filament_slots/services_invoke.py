"""The action that asks a driver to do what it can, for administrators."""

from typing import Final, TypedDict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
import probatio

from .const import DOMAIN
from .driver_capabilities import MOST_SECONDS, async_invoke
from .places import place_of
from .serializers import Json
from .services_store import plain

_INVOKE: Final = probatio.Schema(
    {
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Required("capability"): cv.string,
        probatio.Optional("payload", default=dict): dict,
        probatio.Optional("timeout"): probatio.All(
            probatio.Coerce(float), probatio.Range(1, MOST_SECONDS)
        ),
    }
)


class InvokeAnswer(TypedDict):
    """The result of a capability, as its output schema describes it."""

    result: Json


@callback
def async_setup_invoke_service(hass: HomeAssistant) -> None:
    """Register the action, independent of any entry."""
    async_register_admin_service(
        hass,
        DOMAIN,
        "invoke",
        plain(_async_invoke),
        _INVOKE,
        supports_response=SupportsResponse.ONLY,
    )


async def _async_invoke(call: ServiceCall) -> InvokeAnswer:
    """Run a capability of a driver that only reads."""
    data = call.data
    place = place_of(call.hass, data[ATTR_DEVICE_ID])
    result = await async_invoke(
        call.hass, place.entry, data["capability"], data["payload"], data.get("timeout")
    )
    return {"result": result}
