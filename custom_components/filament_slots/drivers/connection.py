"""The reconnect loop that every driver runs its sessions in."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from datetime import datetime
import logging
from typing import Any

from .base import Counters, DriverError, DriverServices, DriverStatus, ErrorCode
from .capture import Recorder
from .standing import Standing

_RETRY_MAXIMUM = 60.0
_CIRCUIT_OPENS_AT = 5
_REFUSALS_BELIEVED_AT = 2
_EARLY_CLOSES_BELIEVED_AT = 3
# A session that ends this soon never was one: the printer took the connection
# only to close it.
_EARLY_SECONDS = 15.0


class Connection:
    """Keeps one session with one printer up for as long as the driver runs.

    `session` opens the connection, stays on it until it closes and closes it behind
    itself however it ends. On the way it says `connected()`, `heard()` for each
    message, `proved()` once the printer has said everything, or `waiting()` when the
    printer is there but not ready. It ends with a DriverError that says why.

    silence: a session without a message for so many seconds has stalled and is
    renewed.
    first_word: the same for the first message after `connected()`: a printer that
    never says a word is not the one that was asked for.
    """

    def __init__(
        self,
        driver_key: str,
        session: Callable[[], Coroutine[Any, Any, None]],
        services: DriverServices,
        *,
        silence: float = 60.0,
        first_word: float = 20.0,
    ) -> None:
        """Take what is needed; nothing is opened yet."""
        self.counters = Counters()
        self.versions: Mapping[str, Any] = {}
        self._driver_key = driver_key
        self._session = session
        self._services = services
        self._clock = services.clock
        self._silence = silence
        self._first_word = first_word
        self._task: asyncio.Task[None] | None = None

        self.recorder = Recorder(self._clock)
        self._standing = Standing(self._clock.now())
        self._error: dict[str, str] | None = None
        self._last_message_at: datetime | None = None
        self._shown: tuple[object, ...] | None = None

        # Of the present attempt.
        self._connected = False
        self._proved = False
        self._started = 0.0
        self._heard: float | None = None
        self._listening = asyncio.Event()

        # Of the attempts in a row that came to nothing.
        self._failures = 0
        self._refusals = 0
        self._early_closes = 0
        self._retry_at: float | None = None
        self._gone = False
        self._ever_connected = False

    def start(self) -> None:
        """Start connecting; harmless when already started."""
        if self._task is not None:
            return
        self._failures = self._refusals = self._early_closes = 0
        self._show(DriverStatus.STARTING)
        self._task = asyncio.create_task(
            self._run(), name=f"{self._driver_key} connection"
        )

    async def stop(self) -> None:
        """End the session and the retrying; calling it again is harmless."""
        task, self._task = self._task, None
        if task is None:
            return
        self._show(DriverStatus.STOPPING)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._retry_at = None
        self._show(DriverStatus.STOPPED)

    def connected(self) -> None:
        """Say that the printer took the connection."""
        self._connected = True
        if self._ever_connected:
            self.counters.reconnects += 1
        self._ever_connected = True
        self._listening.set()
        self._show(DriverStatus.WAITING)

    def heard(self, message: bytes) -> None:
        """Say that a message arrived."""
        self.counters.messages += 1
        self.counters.bytes += len(message)
        self.recorder.record(message)
        self._heard = self._clock.monotonic()
        self._last_message_at = self._clock.now()

    def proved(self) -> None:
        """Say that the printer has said all there is: only now is it back.

        A connection that is taken and then comes to nothing must keep backing off,
        so nothing before this is held in its favour.
        """
        if not self._standing.may_become(DriverStatus.RUNNING):
            return
        self.recorder.opened()
        self._proved = True
        self._failures = self._refusals = self._early_closes = 0
        if self._gone:
            self._services.log.info("Printer is back")
        self._gone = False
        self._show(DriverStatus.RUNNING)

    def waiting(self, error: DriverError | None = None) -> None:
        """Say that the printer is there but not ready, and why where that is known."""
        if error is not None:
            self._note(error)
        self._show(DriverStatus.WAITING)

    def health(self) -> dict[str, Any]:
        """Say how it stands (docs/architecture.md "Driver contract").

        `last_error` is what went wrong last; it is over when `status` is `running`.
        Beyond it, for a report of a fault: `transitions`, the last there were.
        """
        return {
            "driver_key": self._driver_key,
            "status": self._standing.status.value,
            "connected": self._connected,
            "since": self._standing.since.isoformat(),
            "last_message_at": (
                self._last_message_at.isoformat() if self._last_message_at else None
            ),
            "attempts": self._failures,
            "next_retry_in": (
                round(max(0.0, self._retry_at - self._clock.monotonic()), 1)
                if self._retry_at is not None
                else None
            ),
            "circuit": self._circuit(),
            "last_error": dict(self._error) if self._error else None,
            "counters": asdict(self.counters),
            "versions": dict(self.versions),
            "transitions": self._standing.transitions(),
        }

    async def _run(self) -> None:
        """Have one session after the other, for ever."""
        while True:
            error = await self._attempt()
            self._failures += 1
            self._count_kinds(error)
            if self._refusals >= _REFUSALS_BELIEVED_AT:
                # The code was changed at the printer. Asking on would look like
                # guessing it, and only a person can say the new one.
                self._fail(DriverStatus.AUTH_FAILED, error)
                return
            delay = min(2.0 ** min(self._failures - 1, 6), _RETRY_MAXIMUM)
            self._retry_at = self._clock.monotonic() + delay
            self._fail(DriverStatus.RECONNECTING, self._described(error))
            await self._clock.sleep(delay)
            self._retry_at = None

    async def _attempt(self) -> DriverError:
        """Have one session; return why it ended."""
        self._started = self._clock.monotonic()
        self._heard = None
        self._proved = False
        self._listening.clear()
        self.recorder.begin()
        try:
            await race(self._session(), self._watch())
        except DriverError as err:
            return err
        except Exception as err:
            # A driver's own fault must not end the retrying either.
            self._services.log.log(
                logging.DEBUG if self._gone else logging.ERROR,
                "Session failed in the driver itself",
                exc_info=True,
            )
            return DriverError(ErrorCode.DRIVER_BROKEN, type(err).__name__)
        finally:
            self._connected = False
        return DriverError(ErrorCode.CONNECTION_LOST, "closed by the printer")

    async def _watch(self) -> None:
        """End the session once the printer has been silent for too long."""
        await self._listening.wait()
        connected_at = self._clock.monotonic()
        while True:
            if self._heard is None:
                due, code = connected_at + self._first_word, ErrorCode.SILENT_PRINTER
            else:
                due, code = self._heard + self._silence, ErrorCode.STREAM_STALLED
            left = due - self._clock.monotonic()
            if left <= 0:
                raise DriverError(code, "no message arrived")
            await self._clock.sleep(left)

    def _count_kinds(self, error: DriverError) -> None:
        """Count in a row what one occurrence alone does not prove."""
        refused = error.code is ErrorCode.INVALID_AUTH
        self._refusals = self._refusals + 1 if refused else 0
        closed_early = (
            error.code is ErrorCode.CONNECTION_LOST
            and not self._proved
            and self._clock.monotonic() - self._started < _EARLY_SECONDS
        )
        self._early_closes = self._early_closes + 1 if closed_early else 0

    def _described(self, error: DriverError) -> DriverError:
        """Name the cause that several failures in a row point to."""
        if self._early_closes >= _EARLY_CLOSES_BELIEVED_AT:
            return DriverError(ErrorCode.CLOSED_AFTER_CONNECT, error.detail)
        return error

    def _circuit(self) -> str:
        if self._failures < _CIRCUIT_OPENS_AT:
            return "closed"
        return "open" if self._retry_at is not None else "half_open"

    def _fail(self, status: DriverStatus, error: DriverError) -> None:
        if self._gone:
            self._services.log.debug("Printer is still away: %s", error)
        else:
            self._services.log.warning("Printer is away: %s", error)
        self._gone = True
        self._note(error)
        self._show(status)

    def _note(self, error: DriverError) -> None:
        self._error = {
            "code": error.code.value,
            "message": error.detail,
            "at": self._clock.now().isoformat(),
        }

    def _show(self, status: DriverStatus) -> None:
        """Take on a status; tell the reader of `health()` if that says anything new."""
        code = self._error["code"] if self._error else None
        if self._standing.may_become(status):
            over = status is DriverStatus.RUNNING
            self._standing.become(status, self._clock.now(), None if over else code)
        elif status is not self._standing.status:
            # What a session says while it is being ended comes too late to be true.
            self._services.log.debug("%s does not follow here", status)
            return
        shown = (status, self._connected, code, self._failures >= _CIRCUIT_OPENS_AT)
        if shown != self._shown:
            self._shown = shown
            self._services.health_changed()


async def race(*contestants: Coroutine[Any, Any, None]) -> None:
    """Run all until the first one ends, and end as it did; the others are cancelled."""
    tasks = [asyncio.create_task(contestant) for contestant in contestants]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # The one named first has the better reason when several end at once.
    next(task for task in tasks if task in done).result()
