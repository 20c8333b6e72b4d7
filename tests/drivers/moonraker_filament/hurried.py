"""A driver in a hurry, for a wire that is real."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import time
from typing import Any

import aiohttp

from custom_components.filament_slots.drivers.base import TimerHandle
from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.drivers.fake_host import FakeHost

SPEED = 10.0


class HurriedClock:
    """Ten seconds pass in one: settling and confirming are long, the wire is not."""

    def __init__(self) -> None:
        """Start now."""
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


class HurriedDriver:
    """A driver that runs, and what it says."""

    def __init__(
        self,
        config: dict[str, Any],
        session: aiohttp.ClientSession,
        **services: Any,
    ) -> None:
        """Be ready to start."""
        self.clock = HurriedClock()
        self.fake_host = FakeHost(self.clock, session=session, **services)
        self.driver = Driver(1, config, self.fake_host.emitter, self.fake_host.services)

    @property
    def health(self) -> Health:
        """How it stands."""
        return self.driver.health()

    @property
    def code(self) -> str | None:
        """What went wrong last."""
        error = self.health["last_error"]
        return error["code"] if error else None

    @property
    def told(self) -> list[tuple[str, int, str | None, bool]]:
        """The events so far, `ams_state` apart: type, slot, identity, late."""
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
        """Wait for something that is to come."""
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.01)

    async def status(self, status: str) -> None:
        """Wait for a status."""
        await self.until(lambda: self.health["status"] == status)

    async def tells(self, *events: tuple[str, int, str | None, bool]) -> None:
        """Wait until it has told these, and see that it tells no more."""
        await self.until(lambda: len(self.told) >= len(events))
        await self.clock.sleep(9.5)
        assert self.told == list(events)
