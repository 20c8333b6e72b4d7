"""JSON schema of the websocket commands, made from the code.

    python -m scripts.tools.websocket_schema > docs/websocket.schema.json

Each command has its request, without `id`, and its result; `admin` is true if only an
administrator may use it. A subscription has the messages it sends instead of a result.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from inspect import unwrap
import json
from typing import Any, get_type_hints

from homeassistant.components.websocket_api.const import DOMAIN as WEBSOCKET_API
from homeassistant.core import HomeAssistant
import probatio
from pydantic import TypeAdapter

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_subscription import DriverMessage
from custom_components.filament_slots.spool_library import colour
from custom_components.filament_slots.websocket import async_register_commands
from custom_components.filament_slots.websocket_inventory import InventorySpoolsMessage
from custom_components.filament_slots.websocket_spools import SpoolsMessage
from custom_components.filament_slots.websocket_subscription import Message

type Json = dict[str, Any]

TITLE = "Websocket commands of Filament Slots"
# What is sent after the result.
_MESSAGES = {
    f"{DOMAIN}/subscribe": Message,
    f"{DOMAIN}/subscribe_driver": DriverMessage,
    f"{DOMAIN}/subscribe_spools": SpoolsMessage,
    f"{DOMAIN}/subscribe_inventory_spools": InventorySpoolsMessage,
}


def websocket_schema(hass: HomeAssistant) -> Json:
    """Return the schema of the commands that are registered."""
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
    }


def _command(command: str, handler: Callable[..., Any], schema: Any) -> Json:
    answer = (
        {"messages": _of_type(_MESSAGES[command])}
        if command in _MESSAGES
        else {"result": _of_type(get_type_hints(unwrap(handler))["return"])}
    )
    return {
        "description": (handler.__doc__ or "").partition("\n")[0],
        "admin": any("require_admin" in layer for layer in _layers(handler)),
        "request": _request(command, schema.schema if schema else {}),
        **answer,
    }


def _of_type(kind: Any) -> Json:
    """Return the schema of typed dictionaries, which have no other keys than theirs."""
    schema = TypeAdapter(kind).json_schema()
    for each in (schema, *schema.get("$defs", {}).values()):
        if "properties" in each:
            each["additionalProperties"] = False
    return schema


def _layers(handler: Callable[..., Any]) -> Iterator[str]:
    """Yield the names of the functions that a handler is wrapped in."""
    layer: Any = handler
    while layer is not None:
        yield layer.__code__.co_qualname
        layer = getattr(layer, "__wrapped__", None)


def _request(command: str, fields: Mapping[Any, Any]) -> Json:
    properties: Json = {"type": {"const": command}}
    required = ["type"]
    for marker, validator in fields.items():
        name = str(getattr(marker, "schema", marker))
        if name in {"id", "type"}:
            continue
        properties[name] = _field(validator)
        default = getattr(marker, "default", probatio.UNDEFINED)
        if not isinstance(default, probatio.Undefined):
            properties[name]["default"] = default() if callable(default) else default
        if isinstance(marker, probatio.Required):
            required.append(name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _field(validator: Any) -> Json:
    """Return the schema of a field; raises TypeError for one that it does not know."""
    kinds = {str: "string", int: "integer", bool: "boolean", dict: "object"}
    match validator:
        case type() if validator in kinds:
            return {"type": kinds[validator]}
        case [item]:
            return {"type": "array", "items": _field(item)}
        case probatio.Coerce(type=kind):
            return {"enum": [str(member) for member in kind]}
        case probatio.In(container=values):
            return {"enum": list(values)}
        case probatio.All(validators=(kind, probatio.Range(min=low, max=high))):
            return {**_field(kind), "minimum": low, "maximum": high}
        case _ if getattr(validator, "__name__", "") == "_aware_datetime":
            return {"type": "string", "format": "date-time"}
        case _ if validator is colour:
            return {"type": "string"}
    raise TypeError(f"no schema of {validator!r}")


async def main() -> None:
    """Print the schema."""
    hass = HomeAssistant("")
    async_register_commands(hass)
    print(json.dumps(websocket_schema(hass), indent=2))


if __name__ == "__main__":
    asyncio.run(main())
