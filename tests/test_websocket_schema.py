"""The schema of commands and actions: the file, the code and the answers agree."""

from functools import partial
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots import const
from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.drivers.base import DriverStatus
from scripts.tools.websocket_schema import websocket_schema

from .common import (
    EXTERNAL,
    async_connected_entry,
    async_deliver,
    async_set_up,
    async_show,
    command_fields,
    driver_of,
    make_entry,
    spool_event,
    state,
)
from .test_permissions import action_data, async_remove_another

pytestmark = pytest.mark.usefixtures("scripted_driver")

DOCS = Path(__file__).parents[1] / "docs"
FILE: dict[str, Any] = json.loads((DOCS / "websocket.schema.json").read_text())
COMMANDS: dict[str, Any] = FILE["commands"]
ACTIONS: dict[str, Any] = FILE["actions"]
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


async def test_the_file_has_the_commands_and_actions_of_the_code_with_their_fields(
    hass: HomeAssistant,
) -> None:
    """Made again with `python -m scripts.tools.websocket_schema`."""
    assert await async_setup_component(hass, DOMAIN, {})

    assert websocket_schema(hass) == FILE


async def test_every_action_in_the_editor_is_in_the_file_with_its_fields() -> None:
    described: dict[str, Any] = load_yaml_dict(
        str(Path(const.__file__).parent / "services.yaml")
    )

    assert {
        action: {
            name: bool(field.get("required", False))
            for name, field in described[action].get("fields", {}).items()
        }
        for action in described
    } == {
        action: {
            name: name in schema["request"]["required"]
            for name in schema["request"]["properties"]
        }
        for action, schema in ACTIONS.items()
    }


@pytest.mark.parametrize("action", ACTIONS)
async def test_the_answer_of_an_action_follows_the_schema(
    hass: HomeAssistant, action: str
) -> None:
    hass.config.allowlist_external_dirs = {hass.config.config_dir}
    entry = await async_connected_entry(hass)
    await async_deliver(hass, entry, spool_event("spool_inserted", 3))
    await async_remove_another(hass)
    call = partial(
        hass.services.async_call,
        DOMAIN,
        action,
        action_data(hass, entry).get(action, {}),
        blocking=True,
        return_response=True,
    )

    if action == "link_spool":
        # It has an answer where there is an inventory, see tests/inventory/test_links.py.
        with pytest.raises(ServiceValidationError):
            await call()
        return
    answer = json.loads(json.dumps(await call()))

    schema = ACTIONS[action]["response"]
    assert _fits(answer, schema, schema), answer


def test_the_page_of_the_commands_names_each_of_them_and_for_whom_it_is() -> None:
    page = (DOCS / "websocket.md").read_text()
    rows = re.findall(
        r"^\| `(filament_slots/[\w/]+)` \| .* \| (.*) \|$", page, re.MULTILINE
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
    subscriptions: dict[int, dict[str, Any]] = {}

    async def receive(wanted: int, kind: str) -> dict[str, Any]:
        """Return the next message to one command; those of the others are checked."""
        while True:
            message: dict[str, Any] = await client.receive_json(timeout=5)
            if message["type"] == "event":
                answered = subscriptions[message["id"]]
                assert _fits(message["event"], answered, answered), message
            if (message["id"], message["type"]) == (wanted, kind):
                return message

    for number, (command, schema) in enumerate(COMMANDS.items(), 1):
        if "messages" in schema:
            subscriptions[number] = schema["messages"]
        fields = needed.get(command, {})
        await client.send_json({"id": number, "type": command, **fields})
        answer = await receive(number, "result")
        if command == "filament_slots/invoke" and not loaded:
            assert answer["error"]["code"] == "not_loaded"
            continue
        assert answer["success"], (command, answer)
        if "messages" in schema:
            await receive(number, "event")
        else:
            answered = schema["result"]
            assert _fits(answer["result"], answered, answered), command

    if loaded:
        subscribed = [*COMMANDS].index("filament_slots/subscribe") + 1
        await async_deliver(hass, entry, spool_event("spool_removed", 3))
        driver_of(entry).show(DriverStatus.RECONNECTING)
        await hass.config_entries.async_remove(other.entry_id)
        received: list[dict[str, Any]] = []
        while not received or "removed" not in received[-1]:
            received.append((await receive(subscribed, "event"))["event"])
        assert any(message.get("event") for message in received)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_request_that_does_not_follow_the_schema_is_refused(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, command: str
) -> None:
    """Each field of the schema has a type, and no other field is accepted."""
    entry = make_entry()
    await async_set_up(hass, entry)
    client = await hass_ws_client(hass)
    required = command_fields(entry).get(command, {})
    fields = COMMANDS[command]["request"]["properties"]
    wrongs: dict[str, Any] = {
        name: 7 if field.get("type") == "object" else {"no": "such value"}
        for name, field in fields.items()
        if name != "type"
    }

    for wrong in ({name: wrongs.get(name)} for name in (*wrongs, "no_such_field")):
        await client.send_json_auto_id({"type": command, **required, **wrong})
        answer = await client.receive_json()
        assert answer["error"]["code"] == "invalid_format", wrong


def test_a_value_that_does_not_follow_a_schema_is_found() -> None:
    schema = COMMANDS["filament_slots/printers"]["result"]

    assert _fits({"printers": []}, schema, schema)
    wrongs: list[Any] = [[], {}, {"printers": [{}]}, {"printers": [], "more": 1}]
    for wrong in wrongs:
        assert not _fits(wrong, schema, schema), wrong
