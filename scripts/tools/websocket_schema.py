"""JSON schema of the websocket commands and of the actions, made from the code.

    python -m scripts.tools.websocket_schema > docs/websocket.schema.json

Each command has its request, without `id`, and its result; `admin` is true if only an
administrator may use it. A subscription has the messages it sends instead of a result.
The types are the annotation of what the handler returns, or those of `_MESSAGES`.
"""

import asyncio
from collections.abc import Callable, Iterator
from inspect import unwrap
import json
from typing import Any, get_type_hints

from homeassistant.components.websocket_api.const import DOMAIN as WEBSOCKET_API
from homeassistant.core import HomeAssistant

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_subscription import DriverMessage
from custom_components.filament_slots.services import async_setup_services
from custom_components.filament_slots.websocket import async_register_commands
from custom_components.filament_slots.websocket_inventory import InventorySpoolsMessage
from custom_components.filament_slots.websocket_spools import SpoolsMessage
from custom_components.filament_slots.websocket_subscription import Message

from .action_schema import action_schema
from .json_schema import Json, of_type, request

TITLE = "Websocket commands and actions of Filament Slots"
# What is sent after the result.
_MESSAGES = {
    f"{DOMAIN}/subscribe": Message,
    f"{DOMAIN}/subscribe_driver": DriverMessage,
    f"{DOMAIN}/subscribe_spools": SpoolsMessage,
    f"{DOMAIN}/subscribe_inventory_spools": InventorySpoolsMessage,
}


def websocket_schema(hass: HomeAssistant) -> Json:
    """Return the schema of the commands and actions that are registered."""
    commands = {
        command: registered
        for command, registered in sorted(hass.data[WEBSOCKET_API].items())
        if command.startswith(f"{DOMAIN}/")
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "commands": {
            command: _command(command, handler, schema)
            for command, (handler, schema) in commands.items()
        },
        "actions": action_schema(hass),
    }


def _command(command: str, handler: Callable[..., Any], schema: Any) -> Json:
    answer = (
        {"messages": of_type(_MESSAGES[command])}
        if command in _MESSAGES
        else {"result": of_type(get_type_hints(unwrap(handler))["return"])}
    )
    return {
        "description": (handler.__doc__ or "").partition("\n")[0],
        "admin": any("require_admin" in layer for layer in _layers(handler)),
        "request": request(schema.schema if schema else {}, type=command),
        **answer,
    }


def _layers(handler: Callable[..., Any]) -> Iterator[str]:
    """Yield the names of the functions that a handler is wrapped in."""
    layer: Any = handler
    while layer is not None:
        yield layer.__code__.co_qualname
        layer = getattr(layer, "__wrapped__", None)


async def main() -> None:
    """Print the schema."""
    hass = HomeAssistant("")
    async_register_commands(hass)
    async_setup_services(hass)
    print(json.dumps(websocket_schema(hass), indent=2))


if __name__ == "__main__":
    asyncio.run(main())
