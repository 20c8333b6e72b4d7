"""Retries of a connection: the pauses between failed attempts, and the circuit."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from .clock import Clock

type Circuit = Literal["closed", "open", "half_open"]

_PAUSE_MAXIMUM: Final = 60.0
# Retries come up to this share earlier, so that connections that were lost together do
# not all come back in the same second.
_SPREAD: Final = 0.2
_CIRCUIT_OPENS_AT: Final = 5


class Retries:
    """Counts the failed attempts in a row: after 1, 2, 4 ... 60 s the next one is due.

    failures: how many there are.
    """

    def __init__(self, clock: Clock, random: Callable[[], float]) -> None:
        """`random` returns a number from 0 to 1, which spreads the retries."""
        self.failures = 0
        self._clock = clock
        self._random = random
        self._due: float | None = None

    @property
    def next_in(self) -> float | None:
        """Seconds until the next attempt; None while none is scheduled."""
        if self._due is None:
            return None
        return round(max(0.0, self._due - self._clock.monotonic()), 1)

    @property
    def is_open(self) -> bool:
        """Whether so many attempts failed in a row that it will not be a moment."""
        return self.failures >= _CIRCUIT_OPENS_AT

    @property
    def circuit(self) -> Circuit:
        """Closed up to the fourth failure; then open, and half open while one runs."""
        if not self.is_open:
            return "closed"
        return "open" if self._due is not None else "half_open"

    def reset(self) -> None:
        """Note that an attempt succeeded, or that they start again."""
        self.failures = 0

    def failed(self) -> None:
        """Count a failed attempt."""
        self.failures += 1

    def schedule(self, at_least: float = 0.0) -> None:
        """Set the time of the next attempt, by the number of failed ones.

        at_least: seconds until then, whatever their number.
        """
        pause = min(2.0 ** min(self.failures - 1, 6), _PAUSE_MAXIMUM)
        pause *= 1 - _SPREAD * self._random()
        self._due = self._clock.monotonic() + max(pause, at_least)

    async def wait(self) -> None:
        """Wait until the time of the next attempt."""
        assert self._due is not None
        try:
            await self._clock.sleep(self._due - self._clock.monotonic())
        finally:
            self._due = None


async def race(*contestants: Coroutine[Any, Any, None]) -> None:
    """Run all until the first one ends, and end as it did; the others are cancelled."""
    tasks = [asyncio.create_task(contestant) for contestant in contestants]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # The first one listed has the better reason when several end at once.
    next(task for task in tasks if task in done).result()
