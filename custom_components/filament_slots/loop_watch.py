"""Watch of the event loop: which component's driver blocks it.

A thread sends the event loop a signal now and then. Where it is not answered, the stack
of the event loop's thread shows whose code is running.
"""

from collections.abc import Iterator
from pathlib import Path
import sys
import threading
import time
from types import FrameType
from typing import Final

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.loader import async_get_loaded_integration
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .drivers.registry import registered_drivers
from .repairs_driver import RefusedDriver, async_refuse

# Seconds between two signals, and for which the event loop may be blocked.
_INTERVAL: Final = 0.25
_MOST: Final = 1.0

_KEY: HassKey[_LoopWatch] = HassKey(f"{DOMAIN}_loop_watch")


@callback
def async_watch_loop(hass: HomeAssistant) -> None:
    """Watch the event loop until Home Assistant stops; harmless if it is watched."""
    if _KEY not in hass.data:
        watch = hass.data[_KEY] = _LoopWatch(hass)
        watch.start()
        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, watch.async_stop)


class _LoopWatch(threading.Thread):
    """The thread; created on the event loop."""

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__(name=f"{DOMAIN} loop watch", daemon=True)
        self._hass = hass
        self._loop_thread = threading.get_ident()
        self._stopped = threading.Event()

    async def async_stop(self, _: Event) -> None:
        self._stopped.set()
        await self._hass.async_add_executor_job(self.join)

    def run(self) -> None:
        answered = time.monotonic()
        while not self._stopped.wait(_INTERVAL):
            answer = threading.Event()
            self._hass.loop.call_soon_threadsafe(answer.set)
            blocking: str | None = None
            while not answer.wait(_INTERVAL) and not self._stopped.is_set():
                blocking = self._component() or blocking
            now = time.monotonic()
            if blocking is not None and now - answered >= _MOST:
                self._hass.loop.call_soon_threadsafe(
                    self._async_report, blocking, now - answered
                )
            answered = now

    def _component(self) -> str | None:
        """Return the component whose driver runs in the event loop now."""
        folders = {each.folder: each.component for each in registered_drivers()}
        frames = sys._current_frames()  # noqa: SLF001 - documented, in spite of its name
        for file in _files(frames.get(self._loop_thread)):
            for folder, component in folders.items():
                if file.is_relative_to(folder):
                    return component
        return None

    @callback
    def _async_report(self, component: str, seconds: float) -> None:
        async_refuse(
            self._hass,
            async_get_loaded_integration(self._hass, component),
            RefusedDriver.BLOCKS,
            seconds=f"{seconds:.1f}",
        )


def _files(frame: FrameType | None) -> Iterator[Path]:
    """Return the files of a stack, innermost first."""
    while frame is not None:
        yield Path(frame.f_code.co_filename)
        frame = frame.f_back
