"""Answers of websocket commands: a result, or an error with a code."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Final

from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import AsyncWebSocketCommandHandler
from homeassistant.core import HomeAssistant

from .core.engine.errors import Problem, StoreError

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
    """Send the handler's return value as the result, or its error."""

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

    return handle
