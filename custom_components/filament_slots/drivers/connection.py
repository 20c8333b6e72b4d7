"""The reconnect loop that every driver runs its sessions in."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
import logging
from time import thread_time
from typing import Any, Final

from ..network.retries import Retries, race
from .base import Counters, DriverError, DriverServices, DriverStatus, ErrorCode
from .capture import Recorder, Recording
from .faults import fault
from .health import Health, LastError, Transition, UnitVersions
from .message import begin_message, end_message

# Which statuses may follow each one. A driver that could not even be created has
# `config_error`, and never a connection.
NEXT_STATUSES: Final[Mapping[DriverStatus, frozenset[DriverStatus]]] = {
    DriverStatus.STOPPED: frozenset({DriverStatus.STARTING}),
    DriverStatus.STARTING: frozenset(
        {DriverStatus.WAITING, DriverStatus.RECONNECTING, DriverStatus.STOPPING}
    ),
    DriverStatus.WAITING: frozenset(
        {
            DriverStatus.RUNNING,
            DriverStatus.RECONNECTING,
            DriverStatus.AUTH_FAILED,
            DriverStatus.STOPPING,
        }
    ),
    DriverStatus.RUNNING: frozenset(
        {DriverStatus.WAITING, DriverStatus.RECONNECTING, DriverStatus.STOPPING}
    ),
    DriverStatus.RECONNECTING: frozenset(
        {DriverStatus.WAITING, DriverStatus.AUTH_FAILED, DriverStatus.STOPPING}
    ),
    DriverStatus.AUTH_FAILED: frozenset({DriverStatus.STOPPING}),
    DriverStatus.STOPPING: frozenset({DriverStatus.STOPPED}),
    DriverStatus.CONFIG_ERROR: frozenset(),
}
_TRANSITIONS_KEPT = 50
# Of as many messages the CPU time of one is measured.
_MEASURED: Final = 31

_REFUSALS_CONFIRMED_AT = 2
_EARLY_CLOSES_CONFIRMED_AT = 3
# A session that ends within these seconds was never usable: the printer accepted the
# connection only to close it.
_EARLY_SECONDS = 15.0


class Connection:
    """Keeps one session with one printer open for as long as the driver runs.

    `session` opens the connection, reads from it until it closes, and releases it
    however it ends. Meanwhile it calls `connected()`, `process()` for each message
    (`message_received()` for one that is not processed at once), and `ready()` once the
    printer has reported its full state, or `not_ready()` when the printer answers but
    cannot report it yet. It ends with a DriverError that names the cause.

    silence: seconds without a message after which a session is stalled and renewed.
    first_message: the same for the first message after `connected()`. A printer that
    never sends one is not the one that was asked for.
    """

    def __init__(
        self,
        driver_key: str,
        session: Callable[[], Coroutine[Any, Any, None]],
        services: DriverServices,
        *,
        silence: float = 60.0,
        first_message: float = 20.0,
    ) -> None:
        """Create it stopped; nothing is opened yet."""
        self.counters = Counters(now=services.clock.now)
        self.versions: Mapping[str, str | None] = {}
        self.units: Sequence[UnitVersions] = ()
        self._driver_key = driver_key
        self._session = session
        self._services = services
        self._clock = services.clock
        self._silence = silence
        self._first_message = first_message
        self._task: asyncio.Task[None] | None = None

        self.recorder = Recorder(self._clock)
        self.recordings: set[Recording] = set()
        self._status = DriverStatus.STOPPED
        self._since = self._clock.now()
        self._transitions: deque[Transition] = deque(maxlen=_TRANSITIONS_KEPT)
        self._error: LastError | None = None
        self._started_at: datetime | None = None
        self._last_message_at: datetime | None = None
        self._published: tuple[object, ...] | None = None

        # The current attempt.
        self._connected = False
        self._was_ready = False
        self._started = 0.0
        self._last_message: float | None = None
        self._watching = asyncio.Event()

        # The failed attempts in a row.
        self._retries = Retries(self._clock, services.random)
        self._refusals = 0
        self._early_closes = 0
        self._unavailable = False
        self._ever_connected = False

    def start(self) -> None:
        """Start connecting; harmless when already started."""
        if self._task is not None:
            return
        self._retries.reset()
        self._refusals = self._early_closes = 0
        self._started_at = self._clock.now()
        self._set_status(DriverStatus.STARTING)
        self._task = asyncio.create_task(
            self._run(), name=f"{self._driver_key} connection"
        )

    async def stop(self) -> None:
        """End the session and the retries; calling it again is harmless."""
        task, self._task = self._task, None
        if task is None:
            return
        self._set_status(DriverStatus.STOPPING)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._started_at = None
        self._set_status(DriverStatus.STOPPED)

    def connected(self) -> None:
        """Note that the printer accepted the connection."""
        self._connected = True
        if self._ever_connected:
            self.counters.reconnects += 1
        self._ever_connected = True
        self._watching.set()
        self._set_status(DriverStatus.WAITING)

    def message_received(self, message: bytes) -> None:
        """Count and record a message."""
        self.counters.messages += 1
        self.counters.bytes += len(message)
        self.recorder.record(message)
        for recording in self.recordings:
            recording.record(message)
        self._last_message = self._clock.monotonic()
        self._last_message_at = self._clock.now()

    def process(self, message: bytes, take: Callable[[bytes], None]) -> None:
        """Count and record a message, and let `take` process it.

        What `take` logs and emits has the correlation id of the message. The CPU time
        is measured of one message in 31 and counts 31 times: reading the clock takes as
        long as a small message. The number is a prime, as printers send in cycles.
        """
        self.message_received(message)
        counters = self.counters
        measured = not counters.messages % _MEASURED
        token = begin_message()
        started = thread_time() if measured else 0.0
        try:
            take(message)
        finally:
            if measured:
                counters.cpu_seconds += (thread_time() - started) * _MEASURED
            end_message(token)

    def ready(self) -> None:
        """Note that the printer has reported its full state.

        Only this ends the backoff: a connection that is accepted and then comes to
        nothing must not be retried faster and faster.
        """
        if DriverStatus.RUNNING not in NEXT_STATUSES[self._status]:
            return
        self.recorder.full_state_recorded()
        self._was_ready = True
        self._retries.reset()
        self._refusals = self._early_closes = 0
        if self._unavailable:
            self._services.log.info("Printer is available again")
        self._unavailable = False
        self._set_status(DriverStatus.RUNNING)

    def not_ready(self, error: DriverError | None = None) -> None:
        """Note that the printer answers but is not ready, with the cause if known."""
        if error is not None:
            self._note_error(error)
        self._set_status(DriverStatus.WAITING)

    def health(self, events: int = 0) -> Health:
        """Return the health, with the number of events that the driver emitted."""
        counters = self.counters
        return {
            "driver_key": self._driver_key,
            "status": self._status.value,
            "connected": self._connected,
            "since": self._since.isoformat(),
            "started_at": self._started_at.isoformat() if self._started_at else None,
            "last_message_at": (
                self._last_message_at.isoformat() if self._last_message_at else None
            ),
            "attempts": self._retries.failures,
            "next_retry_in": self._retries.next_in,
            "circuit": self._retries.circuit,
            "last_error": self._error,
            "counters": {
                "messages": counters.messages,
                "bytes": counters.bytes,
                "ignored": counters.ignored,
                "decode_errors": counters.decode_errors,
                "events": events,
                "reconnects": counters.reconnects,
                "errors": counters.errors,
                "cpu_ms": round(counters.cpu_seconds * 1000, 1),
                "bytes_held": self.recorder.bytes_held,
            },
            "versions": dict(self.versions),
            "units": list(self.units),
            "transitions": list(self._transitions),
        }

    async def _run(self) -> None:
        """Run one session after the other until cancelled or refused."""
        while True:
            error = await self._attempt()
            self.counters.errors += 1
            self._retries.failed()
            self._count_kinds(error)
            if self._refusals >= _REFUSALS_CONFIRMED_AT:
                # The access code was changed on the printer. Further attempts would
                # look like guessing it, and only the user can enter the new one.
                self._fail(DriverStatus.AUTH_FAILED, error)
                return
            self._retries.schedule()
            self._fail(DriverStatus.RECONNECTING, self._described(error))
            await self._retries.wait()

    async def _attempt(self) -> DriverError:
        """Run one session; return why it ended."""
        self._started = self._clock.monotonic()
        self._last_message = None
        self._was_ready = False
        self._watching.clear()
        self.recorder.session_started()
        try:
            await race(self._session(), self._watch())
        except DriverError as err:
            return err
        except Exception as err:  # noqa: BLE001 - of whatever kind
            # A fault of the driver itself must not end the retries either.
            self._services.log.log(
                logging.DEBUG if self._unavailable else logging.ERROR,
                "The session failed in the driver itself: %s",
                fault(err),
            )
            return DriverError(ErrorCode.DRIVER_BROKEN, type(err).__name__)
        finally:
            self._connected = False
        return DriverError(ErrorCode.CONNECTION_LOST, "closed by the printer")

    async def _watch(self) -> None:
        """End the session once the printer has been silent for too long."""
        await self._watching.wait()
        connected_at = self._clock.monotonic()
        while True:
            if self._last_message is None:
                due, code = (
                    connected_at + self._first_message,
                    ErrorCode.SILENT_PRINTER,
                )
            else:
                due, code = (
                    self._last_message + self._silence,
                    ErrorCode.STREAM_STALLED,
                )
            left = due - self._clock.monotonic()
            if left <= 0:
                raise DriverError(code, "no message arrived")
            await self._clock.sleep(left)

    def _count_kinds(self, error: DriverError) -> None:
        """Count the failures that one occurrence alone does not confirm."""
        refused = error.code is ErrorCode.INVALID_AUTH
        self._refusals = self._refusals + 1 if refused else 0
        closed_early = (
            error.code is ErrorCode.CONNECTION_LOST
            and not self._was_ready
            and self._clock.monotonic() - self._started < _EARLY_SECONDS
        )
        self._early_closes = self._early_closes + 1 if closed_early else 0

    def _described(self, error: DriverError) -> DriverError:
        """Name the cause that several failures in a row point to."""
        if self._early_closes >= _EARLY_CLOSES_CONFIRMED_AT:
            return DriverError(ErrorCode.CLOSED_AFTER_CONNECT, error.detail)
        return error

    def _fail(self, status: DriverStatus, error: DriverError) -> None:
        if self._unavailable:
            self._services.log.debug("Printer is still unavailable: %s", error)
        else:
            self._services.log.warning("Printer is unavailable: %s", error)
        self._unavailable = True
        self._note_error(error)
        self._set_status(status)

    def _note_error(self, error: DriverError) -> None:
        self._error = {
            "code": error.code.value,
            "message": error.detail,
            "at": self._clock.now().isoformat(),
        }

    def _set_status(self, status: DriverStatus) -> None:
        """Change the status where the table allows it; announce a change of health."""
        code = self._error["code"] if self._error else None
        if status in NEXT_STATUSES[self._status]:
            self._status = status
            self._since = self._clock.now()
            self._transitions.append(
                {
                    "at": self._since.isoformat(),
                    "status": status.value,
                    "error": None if status is DriverStatus.RUNNING else code,
                }
            )
        elif status is not self._status:
            # What a session reports while it is being ended is out of date.
            self._services.log.debug("%s may not follow %s", status, self._status)
            return
        published = (
            status,
            self._connected,
            code,
            self._retries.is_open,
        )
        if published != self._published:
            self._published = published
            self._services.health_changed()
