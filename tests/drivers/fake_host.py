"""The host of a driver in tests."""

import asyncio
from collections.abc import Callable
import logging
from typing import Any

from custom_components.filament_slots.drivers.base import DriverServices, EventEmitter
from custom_components.filament_slots.network.clock import Clock, LoopClock


class FakeHost:
    """Provides a driver's emitter and services, and records their use.

    events: the emitted events. changes: how often the health changed.
    """

    def __init__(self, clock: Clock | None = None, **services: Any) -> None:
        """Use the real clock or another one; retries are not spread."""
        self.events: list[dict[str, Any]] = []
        self.changes = 0
        self.changed = asyncio.Event()
        self.emitter = EventEmitter(self.events.append)
        services.setdefault("random", lambda: 0.0)
        self.services = DriverServices(
            clock=clock or LoopClock(),
            log=logging.getLogger("tests.driver"),
            health_changed=self._health_changed,
            **services,
        )

    def _health_changed(self) -> None:
        self.changes += 1
        self.changed.set()

    async def wait_for(self, condition: Callable[[], bool], timeout: float = 5) -> None:
        """Wait for a condition, checked at each change of the health."""
        async with asyncio.timeout(timeout):
            while not condition():
                self.changed.clear()
                await self.changed.wait()
