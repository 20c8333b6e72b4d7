"""Load: emits spool events inside Home Assistant, faster than any printer could.

Websocket commands `filament_slots_load/start` (rate: events a second) and
`filament_slots_load/stop`, which returns what was emitted and published.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components import websocket_api
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    websocket_command,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now
import probatio

# The name under which Home Assistant imports the integration.
from custom_components.filament_slots.runtime import async_shared_core

DOMAIN: Final = "filament_slots_load"
_TICK: Final = 0.01
_SLOTS: Final = 4


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the commands."""
    hass.data[DOMAIN] = Load(hass)
    websocket_api.async_register_command(hass, _start)
    websocket_api.async_register_command(hass, _stop)
    return True


class Load:
    """Emits events of the first printer, and records what is published of them."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Create it idle."""
        self._hass = hass
        self._emitted: list[str] = []
        self._published: list[tuple[str, float, bool]] = []
        self._running: asyncio.Task[None] | None = None
        self._longest = 0.0

    @callback
    def start(self, rate: float) -> None:
        """Begin to emit so many events a second."""
        core = async_shared_core(self._hass)
        core.handler.subscribe(1, self._note)
        self._running = self._hass.async_create_background_task(
            self._emit(rate), "load"
        )

    async def stop(self) -> dict[str, Any]:
        """Stop, wait until everything is published, and return what happened.

        emitted: the ids in their order. published: id, time, and whether it was stored.
        longest: the longest pause of the event loop, in seconds.
        """
        assert self._running is not None
        self._running.cancel()
        await async_shared_core(self._hass).handler.drain()
        return {
            "emitted": self._emitted,
            "published": self._published,
            "longest": self._longest,
        }

    async def _emit(self, rate: float) -> None:
        handler = async_shared_core(self._hass).handler
        # Of one time: a slot that changes again and again would only be counted.
        at = dt_util.utcnow().isoformat()
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            before = loop.time()
            await asyncio.sleep(_TICK)
            self._longest = max(self._longest, loop.time() - before - _TICK)
            while number < (loop.time() - began) * rate:
                event = _event(number, at)
                self._emitted.append(event["event_id"])
                handler.put(event)
                number += 1

    @callback
    def _note(self, event: Mapping[str, Any], _: object) -> None:
        self._published.append(
            (
                event["event_id"],
                dt_util.utcnow().timestamp(),
                event["meta"].get("persisted", True),
            )
        )


def _event(number: int, at: str) -> dict[str, Any]:
    return {
        "event_id": ulid_now(),
        "event_type": "spool_removed" if number % 2 else "spool_inserted",
        "event_at": at,
        "printer_id": 1,
        "slot": {
            "is_ams_slot": True,
            "ams_unit_no": 1,
            "slot_no": number // 2 % _SLOTS + 1,
            "slots_total": _SLOTS,
        },
        "meta": {},
    }


@websocket_command(
    {
        probatio.Required("type"): f"{DOMAIN}/start",
        probatio.Required("rate"): probatio.Coerce(float),
    }
)
@callback
def _start(
    hass: HomeAssistant,
    connection: ActiveConnection,
    message: dict[str, Any],
) -> None:
    hass.data[DOMAIN].start(message["rate"])
    connection.send_result(message["id"])


@websocket_command({probatio.Required("type"): f"{DOMAIN}/stop"})
@async_response
async def _stop(
    hass: HomeAssistant,
    connection: ActiveConnection,
    message: dict[str, Any],
) -> None:
    connection.send_result(message["id"], await hass.data[DOMAIN].stop())
