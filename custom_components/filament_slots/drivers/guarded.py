"""Guard of drivers that other components bring: their faults affect no other printer.

What such a driver raises is logged. One that cannot work, or that floods its host with
events, is stopped, and its health shows why. Tasks that it leaves behind are cancelled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any, ClassVar, Final, override

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..model import iso_utc
from ..network.clock import Clock, TimerHandle
from .base import (
    Driver,
    DriverError,
    DriverServices,
    DriverStatus,
    ErrorCode,
    EventEmitter,
    ProbeResult,
)
from .capabilities import Capability, RunningTasks
from .explanation import Explanation
from .faults import fault
from .health import Health, LastError
from .registry import Registered
from .snapshot import NO_MEMORY, Snapshot

# Seconds that a driver may take to start, to stop, or to pass a request on.
_PATIENCE: Final = 10.0
# Seconds until a driver that is not there counts as missing: Home Assistant sets up the
# components that bring drivers while it starts.
_MISSING_AFTER: Final = 180.0

_HEALTH: Final = TypeAdapter(Health)

# A driver that emits more events than this within so many seconds is stopped: a printer
# with all its slots found changed has fewer.
_MOST_EVENTS: Final = 1_000
_WITHIN: Final = 60.0

# The guard whose driver creates a task, directly or not.
_OWNER: ContextVar[object] = ContextVar("filament_slots_driver")


class _LimitedEmitter(EventEmitter):
    """Emits the events of one printer, up to the limit; then calls `exceeded` once."""

    def __init__(
        self,
        printer_id: int,
        emitter: EventEmitter,
        clock: Clock,
        exceeded: Callable[[], None],
    ) -> None:
        super().__init__(emitter.emit)
        self._printer_id = printer_id
        self._clock = clock
        self._exceeded = exceeded
        self._times: deque[float] = deque(maxlen=_MOST_EVENTS + 1)
        self._flooded = False

    def reset(self) -> None:
        """Take events again."""
        self._times.clear()
        self._flooded = False

    @override
    def emit(self, event: Mapping[str, Any]) -> None:
        if self._flooded:
            return
        self._times.append(self._clock.monotonic())
        if (
            len(self._times) > _MOST_EVENTS
            and self._times[-1] - self._times[0] < _WITHIN
        ):
            self._flooded = True
            self._exceeded()
            return
        # No driver reports for the printer of another one.
        super().emit({**event, "printer_id": self._printer_id})


class GuardedDriver(Driver):
    """A driver of another component; without one, a substitute that waits for it.

    Its class is asked for nothing: the config flow uses the driver's own.
    """

    Config: ClassVar[type[BaseModel]] = BaseModel

    @override
    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
        *,
        driver_key: str,
        registered: Registered | None,
    ) -> None:
        """Create the driver, if it is there.

        Raises pydantic.ValidationError for a configuration that it refuses.
        """
        self._key = driver_key
        self._services = services
        self._since = iso_utc(services.clock.now())
        self._error: LastError | None = None
        self._missing_at: TimerHandle | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._performing = RunningTasks()
        self._loop = asyncio.get_running_loop()
        self._emitter = _LimitedEmitter(
            printer_id,
            emitter,
            services.clock,
            self._flooded,
        )
        self._context = copy_context()
        self._context.run(_OWNER.set, self)
        self._driver: Driver | None = None
        if registered is None:
            return
        self._folder = registered.folder
        self.manufacturer = registered.driver.manufacturer  # type: ignore[misc]
        self.capabilities = registered.driver.capabilities  # type: ignore[misc]
        try:
            self._driver = self._context.run(
                registered.driver, printer_id, config, self._emitter, services
            )
        except ValidationError:
            raise
        except Exception as err:  # noqa: BLE001 - of whatever kind
            self._note(err)
            self._fail(ErrorCode.DRIVER_BROKEN, type(err).__name__)

    @property
    @override
    def page(self) -> str | None:
        return self._ask(lambda driver: driver.page, None)

    @override
    async def start(self) -> None:
        if self._driver is None:
            if self._error is None:
                clock = self._services.clock
                self._missing_at = clock.call_at(
                    clock.monotonic() + _MISSING_AFTER, self._missing
                )
            return
        self._error = None
        self._emitter.reset()
        if (err := await self._run(self._driver.start)) is not None:
            self._give_up(type(err).__name__)

    @override
    async def stop(self) -> None:
        if self._missing_at is not None:
            self._missing_at.cancel()
        if self._stopping is not None:
            await self._stopping
        await self._stop()

    @override
    async def sync_state(self) -> None:
        if self._driver is not None:
            await self._run(self._driver.sync_state)

    @override
    async def perform(self, capability: Capability, payload: BaseModel) -> object:
        driver = self._driver
        assert driver is not None
        return await self._performing.run(
            driver.perform(capability, payload), self._context
        )

    @override
    def health(self) -> Health:
        if self._error is None and self._driver is not None:
            try:
                return _HEALTH.validate_python(self._driver.health())
            except Exception as err:  # noqa: BLE001 - of whatever kind
                self._note(err)
                self._give_up(type(err).__name__)
        broken = self._error and self._error["code"] == ErrorCode.DRIVER_BROKEN
        status = DriverStatus.CONFIG_ERROR if broken else DriverStatus.WAITING
        return {
            "driver_key": self._key,
            "status": status.value,
            "connected": False,
            "since": self._since,
            "last_message_at": None,
            "attempts": 0,
            "next_retry_in": None,
            "circuit": "closed",
            "last_error": self._error,
            "counters": {
                "messages": 0,
                "bytes": 0,
                "ignored": 0,
                "decode_errors": 0,
                "events": self._emitter.emitted,
                "reconnects": 0,
            },
            "versions": {},
            "transitions": [],
        }

    @override
    async def inventory_addresses(self) -> Mapping[str, str]:
        if self._driver is None:
            return {}
        found: list[Mapping[str, str]] = []
        driver = self._driver

        async def ask() -> None:
            found.append(dict(await driver.inventory_addresses()))

        await self._run(ask)
        return found[0] if found else {}

    @override
    def explain(self) -> Explanation | None:
        return self._ask(lambda driver: driver.explain(), None)

    @override
    def memory(self) -> Mapping[str, Any]:
        return self._ask(lambda driver: driver.memory(), NO_MEMORY)

    @override
    def capture(self) -> dict[str, Any] | None:
        return self._ask(lambda driver: driver.capture(), None)

    @classmethod
    @override
    def frame_decoder(
        cls, memory: Mapping[str, Any] = NO_MEMORY
    ) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        return lambda frame: None

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        raise DriverError(ErrorCode.UNKNOWN_DRIVER)

    def _ask[T](self, question: Callable[[Driver], T], otherwise: T) -> T:
        """Return the driver's answer, or another one if it has none."""
        if self._driver is None:
            return otherwise
        try:
            return question(self._driver)
        except Exception as err:  # noqa: BLE001 - of whatever kind
            self._note(err)
            return otherwise

    async def _run(self, work: Callable[[], Awaitable[None]]) -> Exception | None:
        """Await work of the driver in its context, for a limited time."""

        async def limited() -> None:
            async with asyncio.timeout(_PATIENCE):
                await work()

        try:
            await self._loop.create_task(limited(), context=self._context)
        except Exception as err:  # noqa: BLE001 - of whatever kind
            self._note(err)
            return err
        return None

    def _flooded(self) -> None:
        """Stop the driver; called in the thread that emits."""
        self._loop.call_soon_threadsafe(self._give_up, "too many events")

    def _give_up(self, why: str) -> None:
        """Stop the driver, and show why in its health."""
        if self._error is None:
            self._fail(ErrorCode.DRIVER_BROKEN, why)
            self._stopping = self._loop.create_task(self._stop())

    async def _stop(self) -> None:
        """Stop the driver, and cancel the tasks of its component that it left behind.

        Home Assistant's own code may have created tasks in the same context.
        """
        if self._driver is None:
            return
        self._performing.cancel()
        await self._run(self._driver.stop)
        left = [
            task
            for task in asyncio.all_tasks()
            if task.get_context().get(_OWNER) is self
            and _file(task).is_relative_to(self._folder)
        ]
        for task in left:
            task.cancel()
        if left:
            self._services.log.warning(
                "Tasks that the driver %s left running: %s", self._key, len(left)
            )

    def _missing(self) -> None:
        self._fail(ErrorCode.UNKNOWN_DRIVER, self._key)

    def _note(self, err: Exception) -> None:
        """Log a fault of the driver."""
        self._services.log.error("The driver %s failed: %s", self._key, fault(err))

    def _fail(self, code: ErrorCode, message: str) -> None:
        self._since = iso_utc(self._services.clock.now())
        self._error = {"code": code.value, "message": message, "at": self._since}
        self._services.health_changed()


def _file(task: asyncio.Task[Any]) -> Path:
    """Return the file that the code of a task is in."""
    code = getattr(task.get_coro(), "cr_code", None)
    return Path(code.co_filename) if code else Path("/")
