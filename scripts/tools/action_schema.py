"""JSON schema of the actions, made from the code.

Each action has its request and its response, whose type is the annotation of what the
handler returns; `admin` is true if only an administrator may call it, and
`supports_response` is `only` or `optional`. Its description is that of translations/en.json.
"""

from collections.abc import Callable
from functools import partial
from inspect import unwrap
import json
from pathlib import Path
from typing import Any, get_type_hints

from homeassistant.core import HomeAssistant, Service
import probatio

from custom_components.filament_slots import const

from .json_schema import Json, of_type, request

TEXTS = Path(const.__file__).parent / "translations" / "en.json"


def action_schema(hass: HomeAssistant) -> Json:
    """Return the schema of the actions that are registered."""
    texts = json.loads(TEXTS.read_text())["services"]
    registered = hass.services.async_services_for_domain(const.DOMAIN)
    return {
        name: {
            "description": texts[name]["description"],
            **_action(service),
        }
        for name, service in sorted(registered.items())
    }


def _action(service: Service) -> Json:
    handler: Callable[..., Any] = service.job.target
    # Home Assistant wraps the handlers of administrators.
    admin = isinstance(handler, partial)
    if isinstance(handler, partial):
        handler = handler.args[1].target
    return {
        "admin": admin,
        "supports_response": str(service.supports_response),
        "request": request(_fields(service.schema)),
        "response": of_type(get_type_hints(unwrap(handler))["return"]),
    }


def _fields(schema: Any) -> Json:
    """Return the fields of an action, without the rules that are about several."""
    match schema.schema:
        case probatio.All(validators=(fields, *_)):
            return dict(fields)
        case fields:
            return dict(fields)
