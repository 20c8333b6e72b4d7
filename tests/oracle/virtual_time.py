"""An event loop whose time jumps to the next timer: hours of a printer in milliseconds."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
import selectors
from typing import Any, override

START = datetime(2026, 1, 1, tzinfo=UTC)


class _NoWaiting(selectors.BaseSelector):
    """A selector without I/O: waiting moves the time on."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    @override
    def register(
        self, fileobj: Any, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    @override
    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("a task waits for what never comes")
        self.elapsed += max(0.0, timeout)
        return []

    @override
    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits."""

    def __init__(self) -> None:
        """Begin at second 0."""
        self._waiting = _NoWaiting()
        super().__init__(self._waiting)

    @override
    def time(self) -> float:
        return self._waiting.elapsed


class LoopClock:
    """Implements `network.clock.Clock` on a virtual loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the time of this loop."""
        self._loop = loop

    def now(self) -> datetime:
        """Return the time of day."""
        return START + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._loop.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Run the callback at a monotonic time."""
        return self._loop.call_at(when, callback)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
