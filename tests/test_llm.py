"""Language models: they find filament, and know of exposed slots only."""

from typing import Any
from unittest.mock import patch

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    APIInstance,
    LLMContext,
    ToolInput,
    ToolResult,
    async_get_api,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.engine.errors import Problem, StoreError
from custom_components.filament_slots.llm import async_get_tools

from .common import (
    NO_TAG,
    PLA,
    SERIAL,
    TAG,
    UNIT_SERIAL,
    async_connected_entry,
    async_deliver,
    slot_state,
    spool_event,
    state,
    unit_state,
)
from .test_services import device_of

pytestmark = pytest.mark.usefixtures("scripted_driver")

ASSISTANT = "conversation"
RED_PETG = {"material": "PETG", "color_hex": "#FF0000", "vendor": "Generic"}


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer with a tagged spool in A1; no entity is exposed."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "llm", {})
    await hass.config.async_set_time_zone("UTC")
    entry = await async_connected_entry(hass)
    for each in list(er.async_get(hass).entities.values()):
        async_expose_entity(hass, ASSISTANT, each.entity_id, False)
    return entry


def with_red_petg() -> dict[str, Any]:
    """Return a report of the unit with red PETG without a tag in A2."""
    first, second, *others = unit_state()["slots"]
    return state(unit_state(slots=[first, second | {"filament": RED_PETG}, *others]))


def expose(hass: HomeAssistant, entry: MockConfigEntry, number: int) -> None:
    """Expose the filament sensor of a slot to Assist."""
    device = device_of(hass, entry, f"{SERIAL}_{UNIT_SERIAL}_{number}")
    (entity,) = (
        each.entity_id
        for each in er.async_entries_for_device(er.async_get(hass), device)
        if each.unique_id.endswith("_filament")
    )
    async_expose_entity(hass, ASSISTANT, entity, True)


async def api(hass: HomeAssistant, api_id: str = LLM_API_ASSIST) -> APIInstance:
    """Return what a language model is given."""
    context = LLMContext(
        platform="test",
        context=Context(),
        language="en",
        assistant=ASSISTANT,
        device_id=None,
    )
    return await async_get_api(hass, api_id, context)


async def call(hass: HomeAssistant, tool: str, **arguments: Any) -> Any:
    """Call one of our tools; return its answer."""
    instance = await api(hass)
    (found,) = (each for each in instance.tools if each.name == f"{DOMAIN}__{tool}")
    wanted = ToolInput(tool_name=found.name, tool_args=arguments)
    result = await found.async_call(hass, wanted, instance.llm_context)
    assert isinstance(result, ToolResult)
    assert result.error is ("error" in result.data)
    return result.data


async def test_no_tool_is_offered_while_no_slot_is_exposed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    names = [tool.name for tool in (await api(hass)).tools]

    assert not [name for name in names if name.startswith(DOMAIN)]


async def test_the_red_petg_is_found_with_its_slot_and_since_when(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass,
        entry,
        spool_event(
            "spool_inserted", 2, identifiers=NO_TAG, meta={"filament": RED_PETG}
        ),
        with_red_petg(),
    )
    expose(hass, entry, 1)
    expose(hass, entry, 2)

    answer = await call(hass, "find_filament", material="petg", color="red")

    assert answer == {
        "spools": [
            {
                "material": "PETG",
                "vendor": "Generic",
                "colors": "red",
                "in": [{"slot": "X1C · A2", "since": "2026-11-01 12:00"}],
            }
        ],
        "total": 1,
    }


async def test_a_spool_that_was_taken_out_is_found_where_it_was(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)
    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 1, identifiers=TAG, meta={"filament": PLA}),
        state(unit_state(slots=[slot_state(1)])),
    )

    answer = await call(hass, "find_filament", color="#F01010", in_slot=False)

    (spool,) = answer["spools"]
    assert spool["name"] == "PLA Basic"
    assert spool["remaining_percent"] == 80.0
    assert spool["last_in"] == "X1C · A1"
    assert spool["out_since"] == "2026-11-01 12:00"


async def test_nothing_is_known_of_a_slot_that_is_not_exposed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_deliver(
        hass,
        entry,
        spool_event("spool_removed", 1, identifiers=TAG, meta={"filament": PLA}),
        spool_event("spool_inserted", 1, identifiers=TAG, meta={"filament": PLA}),
    )
    expose(hass, entry, 3)

    assert await call(hass, "find_filament") == {"spools": [], "total": 0}
    (slot,) = (await call(hass, "get_slots"))["slots"]
    assert slot["slot"] == "X1C · A3"
    assert await call(hass, "get_history") == {"events": []}
    assert await call(hass, "get_history", spool="PLA Basic") == {"events": []}
    assert "error" in await call(hass, "get_history", slot="X1C · A1")


async def test_the_slots_of_a_printer_are_returned_with_their_filament(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)
    expose(hass, entry, 3)

    answer = await call(hass, "get_slots", printer="X1C")

    assert answer == {
        "slots": [
            {
                "slot": "X1C · A1",
                "status": "identified",
                "printer_connected": True,
                "name": "PLA Basic",
                "material": "PLA",
                "vendor": "Bambu Lab",
                "colors": "red",
                "remaining_percent": 80.0,
            },
            {"slot": "X1C · A3", "status": "empty", "printer_connected": True},
        ]
    }
    assert "error" in await call(hass, "get_slots", printer="Another")


async def test_the_history_of_a_slot_and_of_a_spool_is_returned_newest_first(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)
    expose(hass, entry, 2)
    await async_deliver(
        hass,
        entry,
        spool_event(
            "spool_removed",
            1,
            identifiers=TAG,
            event_at="2026-11-01T12:01:00+00:00",
            meta={"filament": PLA, "reason": "runout"},
        ),
        spool_event(
            "spool_inserted",
            2,
            identifiers=TAG,
            event_at="2026-11-01T12:02:00+00:00",
            meta={"filament": PLA, "detected_late": True},
        ),
    )
    removed = {
        "at": "2026-11-01 12:01",
        "slot": "X1C · A1",
        "what": "runout",
        "name": "PLA Basic",
        "material": "PLA",
    }
    inserted = {
        "at": "2026-11-01 12:02",
        "slot": "X1C · A2",
        "what": "spool_inserted",
        "name": "PLA Basic",
        "material": "PLA",
        "detected_late": True,
    }

    assert await call(hass, "get_history", slot="X1C · A1") == {"events": [removed]}
    assert await call(hass, "get_history", spool="pla basic") == {
        "events": [inserted, removed]
    }
    assert await call(hass, "get_history") == {"events": [inserted, removed]}


async def test_a_colour_that_is_none_is_answered_with_those_that_are(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)

    answer = await call(hass, "find_filament", color="reddish")

    assert "must be #RRGGBB or one of clear, black" in answer["error"]


async def test_an_unreadable_history_is_an_answer_too(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)
    with patch(
        "custom_components.filament_slots.llm.read_spools",
        side_effect=StoreError(Problem.DAMAGED),
    ):
        answer = await call(hass, "find_filament")

    assert answer == {"error": "The history is unavailable"}


async def test_tools_only_read_and_are_of_the_assist_api(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    expose(hass, entry, 1)
    tools = [tool for tool in (await api(hass)).tools if tool.integration == DOMAIN]

    assert [tool.name for tool in tools] == [
        "filament_slots__find_filament",
        "filament_slots__get_slots",
        "filament_slots__get_history",
    ]
    assert all(tool.annotations.read_only for tool in tools)
    context = LLMContext(
        platform="test",
        context=Context(),
        language="en",
        assistant=ASSISTANT,
        device_id=None,
    )
    assert async_get_tools(hass, context, "another_api") is None
