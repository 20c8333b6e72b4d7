"""Integration that looks into the Home Assistant it runs in, for the benchmarks."""

import asyncio
import gc
from pathlib import Path
import time
import tracemalloc
from typing import Any

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import websocket_command
from homeassistant.const import (
    EVENT_HOMEASSISTANT_FINAL_WRITE,
    EVENT_HOMEASSISTANT_STOP,
)
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.typing import ConfigType
import probatio

# In the configuration folder: the seconds from the request to stop until all
# integrations have stopped.
STOPPED = "bench_stopped"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the command, and measure the stop."""
    async_register_command(hass, _memory)
    file = Path(hass.config.path(STOPPED))

    @callback
    def stopping(_: Event) -> None:
        began = time.monotonic()

        @callback
        def stopped(_: Event) -> None:
            file.write_text(str(time.monotonic() - began))

        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, stopped)

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stopping)
    return True


@websocket_command({"type": "bench_probe/memory", probatio.Required("trace"): bool})
@callback
def _memory(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Return the bytes allocated by Python since tracing began that it still needs.

    trace: whether to trace from now on. entities: how many have a state. tasks: how many
    there are.
    """
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    if msg["trace"]:
        tracemalloc.start()
    else:
        tracemalloc.stop()
    entities = len(hass.states.async_entity_ids())
    tasks = len(asyncio.all_tasks())
    connection.send_result(
        msg["id"], {"bytes": used, "entities": entities, "tasks": tasks}
    )
