"""A clock that only advances when a test advances it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import heapq
from itertools import count

# Enough rounds of the event loop for any chain of awaits that needs no I/O.
_ROUNDS = 50
# Seconds of real time: longer than what waits for nothing takes on a busy machine.
SOON = 5.0
# More timers than any test has for one time: one of them is set again and again.
_ENDLESS = 10_000


class FakeTimer:
    """A call that is due at a time, or was cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        """Take the call."""
        self._callback: Callable[[], None] | None = callback

    @property
    def pending(self) -> bool:
        """Whether the call is neither made nor cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Cancel it; harmless if it has already run."""
        self._callback = None

    def run(self) -> None:
        """Make the call, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class FakeClock:
    """Implements `network.clock.Clock`; timers run in the order of their times.

    Timers due at the same time run in the order in which they were set. A timer set
    by a timer runs within the same call when it falls due within it; AssertionError
    where that never ends.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Set the time of day to `start` and the monotonic time to 0."""
        self._start = start
        self._elapsed = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._run_at_once = 0

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._elapsed

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeTimer:
        """Run the callback once the clock has reached `when`."""
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has advanced by `seconds`."""
        woken = asyncio.Event()
        timer = self.call_at(self._elapsed + seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    @property
    def pending(self) -> int:
        """How many timers and sleepers are waiting."""
        return sum(timer.pending for _, _, timer in self._timers)

    @property
    def next_in(self) -> float | None:
        """The seconds until the next timer is due; None when none is set."""
        self._drop_cancelled()
        return max(0.0, self._timers[0][0] - self._elapsed) if self._timers else None

    def tick(self, seconds: float = 0.0) -> None:
        """Advance and run due timers, without an event loop."""
        target = self._elapsed + seconds
        while self._run_next(target):
            pass
        self._elapsed = target

    async def advance(self, seconds: float = 0.0) -> None:
        """Advance; after each timer the tasks that it wakes run until they wait again."""
        target = self._elapsed + seconds
        await settle()
        while self._run_next(target):
            await settle()
        self._elapsed = target
        await settle()

    def _run_next(self, target: float) -> bool:
        """Run the next timer due by `target`; return False if there is none."""
        self._drop_cancelled()
        if not self._timers or self._timers[0][0] > target:
            return False
        when, _, timer = heapq.heappop(self._timers)
        self._run_at_once = self._run_at_once + 1 if when <= self._elapsed else 0
        assert self._run_at_once < _ENDLESS, "a timer is due again at once, endlessly"
        self._elapsed = max(self._elapsed, when)
        timer.run()
        return True

    def _drop_cancelled(self) -> None:
        while self._timers and not self._timers[0][2].pending:
            heapq.heappop(self._timers)


async def settle() -> None:
    """Let every task run until it waits for a timer or for I/O."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
