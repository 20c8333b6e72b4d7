"""Source of time: the contract of a clock, and the real one."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
import time
from typing import Protocol


class TimerHandle(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel it; harmless when it has already run."""


class Clock(Protocol):
    """The source of time for everything in `drivers/` and `inventory/`."""

    def now(self) -> datetime:
        """Return the time of day, timezone-aware UTC."""

    def monotonic(self) -> float:
        """Return seconds that are not affected by changes of the system clock."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run the callback at a monotonic time, on the event loop."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class LoopClock:
    """The real clock, on the running event loop."""

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the event loop's seconds."""
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run the callback at a monotonic time."""
        return asyncio.get_running_loop().call_later(
            max(0.0, when - time.monotonic()), callback
        )

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
