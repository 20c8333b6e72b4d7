"""Capabilities of a driver, run with the action and with the websocket command."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.driver_capabilities import async_capabilities
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.capabilities import Capability

from .common import SERIAL, async_connected_entry, async_show, driver_of
from .scripted_drivers.scripted.driver import ECHO, Driver, Text
from .test_services import device_of

pytestmark = pytest.mark.usefixtures("scripted_driver")

HELLO = {"text": "hello"}


async def _fail(driver: Driver, given: Text) -> object:
    match given.text:
        case "cause":
            raise DriverError(ErrorCode.HOST_NOT_FOUND)
        case "fault":
            raise RuntimeError
        case "hang":
            await asyncio.Event().wait()
    return {"text": 5}


def _declare(capability_id: str, *, read_only: bool = True) -> Capability:
    return Capability(
        id=capability_id,
        name="Fail",
        description="Fails in some way.",
        run=_fail,
        input=Text,
        output=Text,
        read_only=read_only,
    )


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """A connected printer whose driver has some capabilities."""
    entry = await async_connected_entry(hass)
    driver = driver_of(entry)
    driver.capabilities = (  # type: ignore[misc]
        ECHO,
        _declare("fail"),
        _declare("heat", read_only=False),
    )
    return entry


async def _act(
    hass: HomeAssistant, entry: MockConfigEntry, capability: str, **more: Any
) -> Any:
    return await hass.services.async_call(
        DOMAIN,
        "invoke",
        {
            "device_id": device_of(hass, entry, SERIAL),
            "capability": capability,
            **more,
        },
        blocking=True,
        return_response=True,
    )


async def test_the_action_returns_the_result(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    answer = await _act(hass, entry, "echo", payload=HELLO, timeout=5)

    assert answer == {"result": HELLO}


async def test_the_command_returns_the_result(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass)

    await client.send_json_auto_id(
        {
            "type": f"{DOMAIN}/invoke",
            "entry_id": entry.entry_id,
            "capability": "echo",
            "payload": HELLO,
            "timeout": 5,
        }
    )

    assert (await client.receive_json())["result"] == {"result": HELLO}


ERRORS = [
    (
        "print_a_boat",
        {},
        "unknown_capability",
        "The driver of X1C has no capability print_a_boat. ",
    ),
    (
        "heat",
        HELLO,
        "not_read_only",
        "heat is not marked as read-only by the driver of X1C, so it is not run.",
    ),
    ("echo", {}, "invalid_payload", "The input of echo is not valid: text: Field"),
    ("fail", {"text": "hang"}, "timeout", "No response from X1C within 1 s."),
    (
        "fail",
        {"text": "cause"},
        "capability_failed",
        "fail failed for X1C: Host not found.",
    ),
    (
        "fail",
        {"text": "fault"},
        "capability_failed",
        "fail failed for X1C: ",
    ),
    (
        "fail",
        {"text": "break"},
        "invalid_output",
        "The driver of X1C gave an invalid answer to fail: text: ",
    ),
]


@pytest.mark.parametrize(("capability", "payload", "code", "text"), ERRORS)
async def test_each_error_has_a_code_and_a_text(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    capability: str,
    payload: dict[str, Any],
    code: str,
    text: str,
) -> None:
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": f"{DOMAIN}/invoke",
            "entry_id": entry.entry_id,
            "capability": capability,
            "payload": payload,
            "timeout": 1,
        }
    )
    error = (await client.receive_json())["error"]

    with pytest.raises(HomeAssistantError) as failed:
        await _act(hass, entry, capability, payload=payload, timeout=1)

    assert error["code"] == error["translation_key"] == code
    assert error["translation_domain"] == DOMAIN
    assert error["message"] == str(failed.value)
    assert str(failed.value).startswith(text)
    # A mistake of the caller is no failure of the printer.
    assert isinstance(failed.value, ServiceValidationError) is (
        code in {"unknown_capability", "not_read_only", "invalid_payload"}
    )


async def test_a_stopped_driver_is_an_error_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await async_show(hass, entry, DriverStatus.STOPPED)

    with pytest.raises(HomeAssistantError) as failed:
        await _act(hass, entry, "echo", payload=HELLO)

    assert failed.value.translation_key == "driver_stopped"
    assert str(failed.value).startswith("The driver of X1C is stopped.")


@pytest.mark.parametrize(
    ("entry_id", "code"), [("no such", "not_found"), (None, "not_loaded")]
)
async def test_the_printer_must_be_known_and_loaded(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    entry_id: str | None,
    code: str,
) -> None:
    client = await hass_ws_client(hass)
    await hass.config_entries.async_unload(entry.entry_id)

    await client.send_json_auto_id(
        {
            "type": f"{DOMAIN}/invoke",
            "entry_id": entry_id or entry.entry_id,
            "capability": "echo",
        }
    )

    assert (await client.receive_json())["error"]["code"] == code


async def test_what_a_driver_can_do_is_listed_with_its_schemas(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    echo, _, heat = await async_capabilities(hass, entry)

    assert echo["name"] == "Echo"
    assert echo["description"] == "Returns the text."
    assert echo["input_schema"]["properties"]["text"]["maxLength"] == 20
    assert echo["output_schema"]["required"] == ["text"]
    assert (echo["read_only"], heat["read_only"]) == (True, False)


async def test_nothing_is_listed_without_a_driver(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)

    assert await async_capabilities(hass, entry) == []
