"""Pace of the snapshots that a tracker observes: those of a flood are coalesced."""

from collections.abc import Callable
from typing import Final

from .base import Clock, TimerHandle
from .snapshot import Snapshot

# A printer sends some messages a second, and some tens of them when it starts.
BURST: Final = 100
PER_SECOND: Final = 50.0


class Pace:
    """Passes snapshots on: each one at once, up to a burst, and then the newest only.

    So a printer that sends thousands of changes a second costs what fifty cost.
    """

    def __init__(self, clock: Clock, deliver: Callable[[Snapshot], None]) -> None:
        """Pass each snapshot on to `deliver`."""
        self._clock = clock
        self._deliver = deliver
        self._free = float(BURST)
        self._counted_at = clock.monotonic()
        self._newest: Snapshot | None = None
        self._timer: TimerHandle | None = None

    def take(self, snapshot: Snapshot) -> None:
        """Pass a snapshot on, now or in a moment unless a newer one comes first."""
        if self._timer is not None:
            self._newest = snapshot
            return
        now = self._clock.monotonic()
        since = now - self._counted_at
        self._counted_at = now
        self._free = min(BURST, self._free + since * PER_SECOND)
        if self._free >= 1:
            self._free -= 1
            self._deliver(snapshot)
            return
        self._newest = snapshot
        self._timer = self._clock.call_at(now + 1 / PER_SECOND, self._on_timer)

    def discard(self) -> None:
        """Forget the snapshot that is not passed on yet."""
        self._newest = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        newest, self._newest = self._newest, None
        assert newest is not None
        self._free, self._counted_at = 0.0, self._clock.monotonic()
        self._deliver(newest)
