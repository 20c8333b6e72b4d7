"""The websocket command that asks a driver to do what it can."""

from typing import TypedDict

from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.core import HomeAssistant
import probatio

from .const import DOMAIN
from .driver_capabilities import MOST_SECONDS, async_invoke
from .serializers import Json
from .websocket_result import loaded_printer, with_result


class InvokeResult(TypedDict):
    """The result of a capability, as its output schema describes it."""

    result: Json


@websocket_command(
    {
        "type": f"{DOMAIN}/invoke",
        probatio.Required("entry_id"): str,
        probatio.Required("capability"): str,
        probatio.Optional("payload", default=dict): dict,
        probatio.Optional("timeout"): probatio.All(
            int, probatio.Range(1, MOST_SECONDS)
        ),
    }
)
@require_admin
@async_response
@with_result
async def invoke_capability(hass: HomeAssistant, msg: Json) -> InvokeResult:
    """Run a capability of a driver that only reads.

    payload: as its input schema describes it. timeout: in seconds; that of the
    capability without it.
    Errors have the codes of `drivers.capabilities.InvokeErrorCode`, and texts.
    """
    printer = loaded_printer(hass, msg["entry_id"])
    return {
        "result": await async_invoke(
            hass,
            printer.config_entry,
            msg["capability"],
            msg["payload"],
            msg.get("timeout"),
        )
    }
