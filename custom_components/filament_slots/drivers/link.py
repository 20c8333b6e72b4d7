"""What every driver stands on: a connection that is kept up, and what it feeds."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .base import Driver, DriverServices, EventEmitter
from .connection import Connection
from .snapshot import Snapshot
from .tracking.tracker import SlotTracker


class Link:
    """One printer's connection, and the tracker of what it shows.

    `session` opens the connection, is `up()` for as long as it stays on it, says
    `connection.heard()` for each message and `show()` for each new snapshot, and ends
    as Connection asks of it.
    """

    def __init__(
        self,
        driver: Driver,
        session: Callable[[], Coroutine[Any, Any, None]],
        printer_id: int,
        emitter: EventEmitter,
        services: DriverServices,
        *,
        silence: float = 60.0,
        first_word: float = 20.0,
    ) -> None:
        """Take what is needed; nothing is opened yet. For the times see Connection."""
        self.connection = Connection(
            driver.driver_key,
            session,
            services,
            silence=silence,
            first_word=first_word,
        )
        self._driver_key = driver.driver_key
        self._emitter = emitter
        self._tracker = SlotTracker(
            printer_id,
            EventEmitter(self._emit),
            services.clock,
            services.stored,
            services.last_seen,
            services.timings or driver.timings,
        )

    def start(self) -> None:
        """Start connecting; harmless when already started."""
        self.connection.start()

    async def stop(self) -> None:
        """End the connection and all that waits; calling it again is harmless."""
        await self.connection.stop()
        self._tracker.stop()

    def health(self) -> dict[str, Any]:
        """Say how it stands."""
        return self.connection.health()

    def capture(
        self, about: str, frame: Callable[[Any], Mapping[str, Any] | None]
    ) -> dict[str, Any]:
        """Return the last minutes of the wire; `frame` makes a message a frame."""
        return self.connection.recorder.capture(self._driver_key, about, frame)

    @contextmanager
    def up(self) -> Iterator[None]:
        """Be connected: what is seen in here is so now, and not any more behind it."""
        self.connection.connected()
        try:
            yield
        finally:
            self._tracker.disconnected()

    def show(self, snapshot: Snapshot) -> None:
        """Take in what the message heard last says is so."""
        self.connection.recorder.keep()
        self._tracker.observe(snapshot)
        if snapshot.complete and not snapshot.frozen:
            self.connection.proved()

    def _emit(self, event: dict[str, Any]) -> None:
        self.connection.counters.events += 1
        self._emitter.emit(event)
