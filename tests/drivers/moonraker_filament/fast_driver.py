"""A driver on an accelerated clock, for tests with a real network."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import time
from typing import Any

import aiohttp

from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.network.clock import TimerHandle
from tests.drivers.fake_host import FakeHost

SPEED = 10.0


class FastClock:
    """A clock that runs ten times faster, as confirmation times are long."""

    def __init__(self) -> None:
        """Start at zero."""
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return (time.monotonic() - self._started) * SPEED

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run the callback at a monotonic time."""
        delay = max(0.0, when - self.monotonic()) / SPEED
        return asyncio.get_running_loop().call_later(delay, callback)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds / SPEED)


class FastDriver:
    """A driver on a fast clock, with its host."""

    def __init__(
        self,
        config: dict[str, Any],
        session: aiohttp.ClientSession,
        **services: Any,
    ) -> None:
        """Create the driver; it is not started."""
        self.clock = FastClock()
        self.fake_host = FakeHost(self.clock, session=session, **services)
        self.driver = Driver(1, config, self.fake_host.emitter, self.fake_host.services)

    @property
    def health(self) -> Health:
        """The health of the driver."""
        return self.driver.health()

    @property
    def code(self) -> str | None:
        """The code of the last error."""
        error = self.health["last_error"]
        return error["code"] if error else None

    @property
    def events(self) -> list[tuple[str, int, str | None, bool]]:
        """The spool events so far: type, slot, identifier, detected late."""
        return [
            (
                event["event_type"],
                event["slot"]["slot_no"],
                event["identifiers"]["external_id"] or event["identifiers"]["rfid_uid"],
                event["meta"]["detected_late"],
            )
            for event in self.fake_host.events
            if event["event_type"] != "ams_state"
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.01)

    async def status(self, status: str) -> None:
        """Wait for a status."""
        await self.until(lambda: self.health["status"] == status)

    async def expect_events(self, *events: tuple[str, int, str | None, bool]) -> None:
        """Wait for these events, and check that no more follow."""
        await self.until(lambda: len(self.events) >= len(events))
        await self.clock.sleep(9.5)
        assert self.events == list(events), self.events
