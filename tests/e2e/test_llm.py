"""Where is the red PETG? Asked by a language model, over MCP, and by a person."""

import asyncio
from asyncio import subprocess
import json
from pathlib import Path
import shutil
from typing import Any

import pytest

from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import WHITE, x1c
from .client import Client
from .hass import ROOT, HomeAssistant
from .integration import DOMAIN, add_printer, until_shown

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

_CLIENT = Path(__file__).with_name("mcp_client.py")
_TIMEOUT = 60.0

IS_IN_A2 = "PETG HF (PETG, red) is in X1-Carbon 0001 A2. 80 % is left."


async def _ask(
    home_assistant: HomeAssistant, *calls: tuple[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[Any]]:
    """Return our tools by their names, and the answers of these calls."""
    process = await asyncio.create_subprocess_exec(
        home_assistant.python,
        _CLIENT,
        f"{home_assistant.url}/api/mcp",
        home_assistant.client.token,
        json.dumps([(f"{DOMAIN}__{name}", arguments) for name, arguments in calls]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(_TIMEOUT):
        printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    result = json.loads(printed)
    tools = {each["name"]: each for each in result["tools"]}
    return {
        name.removeprefix(f"{DOMAIN}__"): tool
        for name, tool in tools.items()
        if name.startswith(DOMAIN)
    }, [each["answer"] for each in result["answers"]]


async def _answer(client: Client, question: str) -> str:
    """Return what Assist answers to a question."""
    answer = await client.post("conversation/process", {"text": question})
    return str(answer["response"]["speech"]["plain"]["speech"])


async def _expose(client: Client, *slots: str) -> None:
    """Expose the filament of these slots to the assistant, and nothing else of ours."""
    entities = await client.call("config/entity_registry/list")
    ours = {each["entity_id"] for each in entities if each["platform"] == DOMAIN}
    wanted = {f"sensor.x1_carbon_0001_{slot}_filament" for slot in slots}
    assert wanted <= ours
    for shown, chosen in ((True, wanted), (False, ours - wanted)):
        await client.call(
            "homeassistant/expose_entity",
            assistants=["conversation"],
            entity_ids=sorted(chosen),
            should_expose=shown,
        )


@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_where_is_the_red_petg_is_answered_for_exposed_slots_only(
    home_assistant: HomeAssistant,
) -> None:
    client = home_assistant.client
    step = await client.post("config/config_entries/flow", {"handler": "mcp_server"})
    await client.post(f"config/config_entries/flow/{step['flow_id']}", {})
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await until_shown(client, printer.hardware, 90)
        await _expose(client)
        assert await _ask(home_assistant) == ({}, [])
        await _expose(client, "ams_a_slot_a2", "ams_a_slot_a3")
        await printer.play(printer.hardware.insert(1, 3, WHITE))
        await until_shown(client, printer.hardware, 90)

        tools, (red, slots, history) = await _ask(
            home_assistant,
            ("find_filament", {"material": "PETG", "color": "red"}),
            ("get_slots", {"printer": "X1-Carbon 0001"}),
            ("get_history", {}),
        )

    assert tools.keys() == {"find_filament", "get_slots", "get_history"}
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools.values())
    (spool,) = red["spools"]
    assert spool["name"] == "PETG HF"
    assert spool["in"] == [{"slot": "X1-Carbon 0001 · A2"}]
    # Blue PLA is in A1 and green in B1, which are not exposed.
    found = [(each["slot"], each["name"]) for each in slots["slots"]]
    assert found == [
        ("X1-Carbon 0001 · A2", "PETG HF"),
        ("X1-Carbon 0001 · A3", "PLA Basic"),
    ]
    (event,) = history["events"]
    assert event["slot"] == "X1-Carbon 0001 · A3"
    assert event["what"] == "spool_inserted"


async def test_a_question_to_assist_is_answered_by_the_blueprint(
    home_assistant: HomeAssistant,
) -> None:
    client = home_assistant.client
    blueprint = f"{DOMAIN}/answer_where_a_spool_is.yaml"
    installed = home_assistant.folder / "blueprints" / "automation" / blueprint
    installed.parent.mkdir(parents=True)
    shutil.copy(ROOT / "blueprints" / "automation" / blueprint, installed)
    # It brings the conversation.
    step = await client.post("config/config_entries/flow", {"handler": "mcp_server"})
    await client.post(f"config/config_entries/flow/{step['flow_id']}", {})
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        await add_printer(client, printer)
        await until_shown(client, printer.hardware, 90)
        await client.post(
            "config/automation/config/where",
            {"alias": "Where", "use_blueprint": {"path": blueprint, "input": {}}},
        )

        async with asyncio.timeout(_TIMEOUT):
            # The sentences are known a moment after the automation is saved.
            while await _answer(client, "Where is the red PETG?") != IS_IN_A2:
                await asyncio.sleep(0.5)
        answer = await _answer(client, "Wo ist das PETG HF?")

    assert answer == IS_IN_A2
