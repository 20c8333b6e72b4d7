"""The schema of the websocket commands: the file, the code and the answers agree."""

import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus
from scripts.tools.websocket_schema import websocket_schema

from .common import (
    EXTERNAL,
    async_deliver,
    async_set_up,
    async_show,
    command_fields,
    driver_of,
    make_entry,
    spool_event,
    state,
)

pytestmark = pytest.mark.usefixtures("scripted_driver")

DOCS = Path(__file__).parents[1] / "docs"
FILE: dict[str, Any] = json.loads((DOCS / "websocket.schema.json").read_text())
COMMANDS: dict[str, Any] = FILE["commands"]
KINDS: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "number": (int, float),
    "object": dict,
    "string": str,
}


def _fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Return whether JSON follows a schema, as far as this file uses JSON Schema."""
    if ref := schema.get("$ref"):
        return _fits(value, root["$defs"][ref.rpartition("/")[2]], root)
    if kinds := schema.get("anyOf"):
        return any(_fits(value, kind, root) for kind in kinds)
    if "enum" in schema and value not in schema["enum"]:
        return False
    kind = schema.get("type")
    if kind and not isinstance(value, KINDS[kind]):
        return False
    if kind == "array":
        return all(_fits(item, schema["items"], root) for item in value)
    if kind == "object" and "properties" in schema:
        properties = schema["properties"]
        return (
            value.keys() <= properties.keys()
            and value.keys() >= set(schema.get("required", ()))
            and all(_fits(value[name], properties[name], root) for name in value)
        )
    return True


async def test_the_file_has_the_commands_of_the_code_with_their_fields(
    hass: HomeAssistant,
) -> None:
    """Made again with `python -m scripts.tools.websocket_schema`."""
    assert await async_setup_component(hass, DOMAIN, {})

    assert websocket_schema(hass) == FILE


def test_the_page_of_the_commands_names_each_of_them_and_for_whom_it_is() -> None:
    page = (DOCS / "websocket.md").read_text()
    rows = re.findall(
        r"^\| `(filament_slots/\w+)` \| .* \| (.*) \|$", page, re.MULTILINE
    )

    assert {command: who == "administrators" for command, who in rows} == {
        command: schema["admin"] for command, schema in COMMANDS.items()
    }


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
async def test_real_answers_follow_the_schema(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, loaded: bool
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    await async_show(hass, entry, DriverStatus.RUNNING)
    await async_deliver(
        hass,
        entry,
        state(direct=[EXTERNAL]),
        spool_event("spool_inserted", 3),
        {"event_type": "nonsense"},
    )
    other = make_entry("00M09A000000002")
    await async_set_up(hass, other)
    if not loaded:
        await hass.config_entries.async_unload(entry.entry_id)
    client = await hass_ws_client(hass)

    needed = command_fields(entry)
    for command, schema in COMMANDS.items():
        await client.send_json_auto_id({"type": command, **needed.get(command, {})})
        answer = await client.receive_json()
        if command == "filament_slots/invoke" and not loaded:
            assert answer["error"]["code"] == "not_loaded"
            continue
        assert answer["success"], command
        answered = schema.get("result")
        if answered is None:
            answered, answer = schema["messages"], await client.receive_json()
            assert _fits(answer["event"], answered, answered), command
        else:
            assert _fits(answer["result"], answered, answered), command

    if loaded:
        answered = COMMANDS["filament_slots/subscribe"]["messages"]
        await async_deliver(hass, entry, spool_event("spool_removed", 3))
        driver_of(entry).show(DriverStatus.RECONNECTING)
        await hass.config_entries.async_remove(other.entry_id)
        received: list[dict[str, Any]] = []
        while not received or "removed" not in received[-1]:
            received.append((await client.receive_json(timeout=5))["event"])
            assert _fits(received[-1], answered, answered)
        assert any(message.get("event") for message in received)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_request_that_does_not_follow_the_schema_is_refused(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, command: str
) -> None:
    """Each field of the schema has a type, and no other field is accepted."""
    await async_set_up(hass, make_entry())
    client = await hass_ws_client(hass)
    fields = COMMANDS[command]["request"]["properties"].keys() - {"type"}

    for wrong in ({name: {"no": "such value"}} for name in (*fields, "no_such_field")):
        await client.send_json_auto_id({"type": command, **wrong})
        answer = await client.receive_json()
        assert answer["error"]["code"] == "invalid_format", wrong


def test_a_value_that_does_not_follow_a_schema_is_found() -> None:
    schema = COMMANDS["filament_slots/printers"]["result"]

    assert _fits({"printers": []}, schema, schema)
    wrongs: list[Any] = [[], {}, {"printers": [{}]}, {"printers": [], "more": 1}]
    for wrong in wrongs:
        assert not _fits(wrong, schema, schema), wrong
