"""The reconnect loop that an inventory runs its sessions in."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
import logging
from typing import Any, Final

from ..network.retries import Circuit, Retries
from .base import InventoryError, InventoryErrorCode, InventoryServices, InventoryStatus
from .health import InventoryFailure, InventoryTransition

# Which statuses may follow each one.
NEXT_STATUSES: Final[Mapping[InventoryStatus, frozenset[InventoryStatus]]] = {
    InventoryStatus.STOPPED: frozenset({InventoryStatus.STARTING}),
    InventoryStatus.STARTING: frozenset(
        {
            InventoryStatus.WAITING,
            InventoryStatus.RECONNECTING,
            InventoryStatus.STOPPING,
        }
    ),
    InventoryStatus.WAITING: frozenset(
        {
            InventoryStatus.RUNNING,
            InventoryStatus.RECONNECTING,
            InventoryStatus.AUTH_FAILED,
            InventoryStatus.STOPPING,
        }
    ),
    InventoryStatus.RUNNING: frozenset(
        {InventoryStatus.RECONNECTING, InventoryStatus.STOPPING}
    ),
    InventoryStatus.RECONNECTING: frozenset(
        {
            InventoryStatus.WAITING,
            InventoryStatus.AUTH_FAILED,
            InventoryStatus.STOPPING,
        }
    ),
    InventoryStatus.AUTH_FAILED: frozenset({InventoryStatus.STOPPING}),
    InventoryStatus.STOPPING: frozenset({InventoryStatus.STOPPED}),
}
_TRANSITIONS_KEPT = 50
# A proxy that restarts may refuse a key that is right.
_REFUSALS_CONFIRMED_AT = 2


class Connection:
    """Keeps one session with one server open for as long as the inventory runs.

    `session` connects, reads until the connection closes, and releases it however it
    ends. Meanwhile it calls `connected()`, `message_received()` for each frame, and
    `ready()` once all spools are read. It ends with an InventoryError that names the
    cause.

    messages, ignored, refused: counted by the session, see InventoryHealth.
    """

    def __init__(
        self,
        name: str,
        session: Callable[[], Coroutine[Any, Any, None]],
        services: InventoryServices,
    ) -> None:
        """Create it stopped; nothing is opened yet."""
        self.messages = 0
        self.ignored = 0
        self.refused: Counter[str] = Counter()
        self.reconnects = 0
        self.status = InventoryStatus.STOPPED
        self.is_connected = False
        self.last_error: InventoryFailure | None = None
        self.last_message_at: datetime | None = None
        self._name = name
        self._session = session
        self._services = services
        self._clock = services.clock
        self._task: asyncio.Task[None] | None = None
        self._since = self._clock.now()
        self._transitions: deque[InventoryTransition] = deque(maxlen=_TRANSITIONS_KEPT)
        self._published: tuple[object, ...] | None = None
        self._retries = Retries(self._clock, services.random)
        self._refusals = 0
        self._unavailable = False
        self._ever_connected = False

    @property
    def since(self) -> str:
        """When the status changed last, as ISO 8601."""
        return self._since.isoformat()

    @property
    def attempts(self) -> int:
        """The failed attempts in a row."""
        return self._retries.failures

    @property
    def next_retry_in(self) -> float | None:
        """Seconds until the next attempt; None while none is scheduled."""
        return self._retries.next_in

    @property
    def circuit(self) -> Circuit:
        """Whether attempts are made, or so many failed that it will not be a moment."""
        return self._retries.circuit

    @property
    def transitions(self) -> list[InventoryTransition]:
        """The last changes of the status, oldest first."""
        return list(self._transitions)

    def start(self) -> None:
        """Start connecting; harmless when already started."""
        if self._task is not None:
            return
        self._retries.reset()
        self._refusals = 0
        self._set_status(InventoryStatus.STARTING)
        self._task = asyncio.create_task(self._run(), name=f"{self._name} connection")

    async def stop(self) -> None:
        """End the session and the retries; calling it again is harmless."""
        task, self._task = self._task, None
        if task is None:
            return
        self._set_status(InventoryStatus.STOPPING)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._set_status(InventoryStatus.STOPPED)

    def connected(self) -> None:
        """Note that the server accepted the connection."""
        self.is_connected = True
        if self._ever_connected:
            self.reconnects += 1
        self._ever_connected = True
        self._set_status(InventoryStatus.WAITING)

    def message_received(self) -> None:
        """Count a frame."""
        self.messages += 1
        self.last_message_at = self._clock.now()

    def refuse(self, why: str) -> None:
        """Count that something was not used; the first of its kind is logged.

        why: a text without values, as there is one entry for each.
        """
        self.refused[why] += 1
        if self.refused[why] == 1:
            self._services.log.debug("Not used: %s", why)

    def ready(self) -> None:
        """Note that all spools are read.

        Only this ends the backoff: a connection that is accepted and then comes to
        nothing must not be retried faster and faster.
        """
        self._retries.reset()
        self._refusals = 0
        if self._unavailable:
            self._services.log.info("The inventory is available again")
        self._unavailable = False
        self._set_status(InventoryStatus.RUNNING)

    async def _run(self) -> None:
        """Run one session after the other until cancelled or refused."""
        while True:
            error = await self._attempt()
            self._retries.failed()
            refused = error.code is InventoryErrorCode.INVALID_AUTH
            self._refusals = self._refusals + 1 if refused else 0
            if self._refusals >= _REFUSALS_CONFIRMED_AT:
                # Only the user can enter the new key.
                self._fail(InventoryStatus.AUTH_FAILED, error)
                return
            self._retries.schedule()
            self._fail(InventoryStatus.RECONNECTING, error)
            await self._retries.wait()

    async def _attempt(self) -> InventoryError:
        """Run one session; return why it ended."""
        try:
            await self._session()
        except InventoryError as err:
            return err
        except Exception as err:
            # A fault of the inventory itself must not end the retries either.
            self._services.log.log(
                logging.DEBUG if self._unavailable else logging.ERROR,
                "Session failed in the inventory itself",
                exc_info=True,
            )
            return InventoryError(InventoryErrorCode.UNKNOWN, type(err).__name__)
        finally:
            self.is_connected = False
        return InventoryError(
            InventoryErrorCode.CONNECTION_LOST, "closed by the server"
        )

    def _fail(self, status: InventoryStatus, error: InventoryError) -> None:
        if self._unavailable:
            self._services.log.debug("The inventory is still unavailable: %s", error)
        else:
            self._services.log.warning("The inventory is unavailable: %s", error)
        self._unavailable = True
        self.last_error = {
            "code": error.code.value,
            "message": error.detail,
            "at": self._clock.now().isoformat(),
        }
        self._set_status(status)

    def _set_status(self, status: InventoryStatus) -> None:
        """Change the status where the table allows it; announce a change of health."""
        code = self.last_error["code"] if self.last_error else None
        if status in NEXT_STATUSES[self.status]:
            self.status = status
            self._since = self._clock.now()
            self._transitions.append(
                {
                    "at": self.since,
                    "status": status.value,
                    "error": None if status is InventoryStatus.RUNNING else code,
                }
            )
        elif status is not self.status:
            # What a session reports while it is being ended is out of date.
            return
        published = (status, self.is_connected, code, self._retries.is_open)
        if published != self._published:
            self._published = published
            self._services.health_changed()
