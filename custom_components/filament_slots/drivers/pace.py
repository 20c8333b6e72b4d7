"""Pace of work that every message of a printer asks for: that of a flood is coalesced."""

from collections.abc import Callable
from typing import Final

from ..network.clock import Clock, TimerHandle

# A printer sends some messages a second, and some tens of them when it starts.
BURST: Final = 100
PER_SECOND: Final = 50.0


class Pace:
    """Runs on each request at once, up to a burst, and then fifty times a second.

    So a printer that sends thousands of messages a second costs what fifty cost.
    """

    def __init__(self, clock: Clock, run: Callable[[], None]) -> None:
        """`run` does the work that was requested since it ran last."""
        self._clock = clock
        self._run = run
        self._free = float(BURST)
        self._counted_at = clock.monotonic()
        self._timer: TimerHandle | None = None

    def request(self) -> None:
        """Run, now or in a moment."""
        if self._timer is not None:
            return
        now = self._clock.monotonic()
        since = now - self._counted_at
        self._counted_at = now
        self._free = min(BURST, self._free + since * PER_SECOND)
        if self._free >= 1:
            self._free -= 1
            self._run()
        else:
            self._timer = self._clock.call_at(now + 1 / PER_SECOND, self._on_timer)

    def discard(self) -> None:
        """Forget what was requested and did not run yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self._free, self._counted_at = 0.0, self._clock.monotonic()
        self._run()
