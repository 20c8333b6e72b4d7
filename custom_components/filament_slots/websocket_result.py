"""Answers of websocket commands: a result, or an error with a code."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Final

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import (
    ERR_HOME_ASSISTANT_ERROR,
    ERR_NOT_FOUND,
    AsyncWebSocketCommandHandler,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .coordinator import FilamentSlotsConfigEntry, SlotCoordinator, is_loaded
from .core.engine.errors import Problem, StoreError
from .entry_kinds import is_printer

ERR_NOT_LOADED: Final = "not_loaded"
ERR_STORE_UNAVAILABLE: Final = "store_unavailable"

type _Json = dict[str, Any]
type _Handler = Callable[[HomeAssistant, _Json], Awaitable[Mapping[str, object]]]


class RefusedError(Exception):
    """A command that is answered with an error."""

    def __init__(self, code: str, message: str) -> None:
        """Take the error code, and a text for the developer of the client."""
        super().__init__(message)
        self.code = code


def with_result(handler: _Handler) -> AsyncWebSocketCommandHandler:
    """Send the handler's return value as the result, or its error.

    The code of a HomeAssistantError is its translation key.
    """

    @wraps(handler)
    async def handle(
        hass: HomeAssistant, connection: ActiveConnection, msg: _Json
    ) -> None:
        try:
            connection.send_result(msg["id"], await handler(hass, msg))
        except RefusedError as err:
            connection.send_error(msg["id"], err.code, str(err))
        except StoreError as err:
            if err.code is Problem.CLOSED:
                code, text = ERR_NOT_LOADED, "No printer is loaded"
            else:
                code = ERR_STORE_UNAVAILABLE
                text = f"The history cannot be read: {err.code}"
            connection.send_error(msg["id"], code, text)
        except HomeAssistantError as err:
            connection.send_error(
                msg["id"],
                err.translation_key or ERR_HOME_ASSISTANT_ERROR,
                str(err),
                err.translation_key,
                err.translation_domain,
                err.translation_placeholders,
            )

    return handle


def printer_entry(hass: HomeAssistant, entry_id: str) -> FilamentSlotsConfigEntry:
    """Return the entry of a printer; raises RefusedError if there is none."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN or not is_printer(entry):
        raise RefusedError(ERR_NOT_FOUND, "There is no such printer")
    return entry


def loaded_printer(hass: HomeAssistant, entry_id: str) -> SlotCoordinator:
    """Return the coordinator of a printer; raises RefusedError if it has none."""
    entry = printer_entry(hass, entry_id)
    if not is_loaded(entry):
        raise RefusedError(ERR_NOT_LOADED, f"{entry.title} is not loaded")
    return entry.runtime_data
