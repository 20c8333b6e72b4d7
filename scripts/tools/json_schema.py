"""JSON schema of the fields of a command or action, and of the types of its answer."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

import probatio
from pydantic import TypeAdapter

type Json = dict[str, Any]

_TYPES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
}
# Validators that are functions or of a class without parameters, by their names.
_FUNCTIONS: Mapping[str, Json] = {
    "_aware_datetime": {"type": "string", "format": "date-time"},
    "_colour": {"type": "string"},
    "_path": {"type": "string"},
    "_time_period": {
        "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "object"}]
    },
    "boolean": {"type": "boolean"},
    "colour": {"type": "string"},
    # One value stands for a list of it.
    "EnsureList": {},
    "string": {"type": "string"},
    "strip": {},
    "utc_datetime": {"type": "string", "format": "date-time"},
}


def of_type(kind: Any) -> Json:
    """Return the schema of typed dictionaries, which have no other keys than theirs."""
    schema = TypeAdapter(kind).json_schema()
    for each in (schema, *schema.get("$defs", {}).values()):
        if "properties" in each:
            each["additionalProperties"] = False
    return schema


def request(fields: Mapping[Any, Any], **constants: str) -> Json:
    """Return the schema of an object with these fields, and with constant ones."""
    properties: Json = {name: {"const": value} for name, value in constants.items()}
    required = [*constants]
    for marker, validator in fields.items():
        name = str(getattr(marker, "schema", marker))
        if name in {"id", "type"}:
            continue
        properties[name] = _field(validator)
        default = getattr(marker, "default", probatio.UNDEFINED)
        if not isinstance(default, probatio.Undefined):
            properties[name]["default"] = _plain(
                default() if callable(default) else default
            )
        if isinstance(marker, probatio.Required):
            required.append(name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _plain(value: Any) -> Any:
    """Return a default as JSON; a time is in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def _field(validator: Any) -> Json:
    """Return the schema of a field; raises TypeError for one that it does not know."""
    match validator:
        case type() if issubclass(validator, Enum):
            return {"enum": [str(member) for member in validator]}
        case type() if validator in _TYPES:
            return {"type": _TYPES[validator]}
        case [item]:
            return {"type": "array", "items": _field(item)}
        case probatio.Coerce(type=kind):
            return _field(kind)
        case probatio.In(container=values):
            return {"enum": list(values)}
        case probatio.Length(min=low, max=high):
            return {"minLength": low, "maxLength": high}
        case probatio.Range(min=timedelta()):
            return {}
        case probatio.Range(min=low, max=high):
            return {"minimum": low, "maximum": high}
        case probatio.All(validators=validators):
            return {
                key: value for each in validators for key, value in _field(each).items()
            }
    name = getattr(validator, "__name__", type(validator).__name__)
    if name in _FUNCTIONS:
        return dict(_FUNCTIONS[name])
    raise TypeError(f"no schema of {validator!r}")
