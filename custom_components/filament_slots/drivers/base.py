"""The driver contract: what every driver is, is given and has to say of itself."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel
from ulid_transform import ulid_now

from ..model import StoredSlot
from .discovery import UdpDiscovery, ZeroconfDiscovery
from .health import Health
from .snapshot import Snapshot
from .timings import Timings

if TYPE_CHECKING:
    import aiohttp


class DriverStatus(StrEnum):
    """Where a driver stands.

    waiting: connected, but the printer is not ready.
    """

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    RECONNECTING = "reconnecting"
    AUTH_FAILED = "auth_failed"
    CONFIG_ERROR = "config_error"
    STOPPING = "stopping"


class ErrorCode(StrEnum):
    """Why a driver is not running; each has a text a user can act on."""

    HOST_NOT_FOUND = "host_not_found"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_LOST = "connection_lost"
    CLOSED_AFTER_CONNECT = "closed_after_connect"
    TLS_FAILED = "tls_failed"
    NEW_CERTIFICATE = "new_certificate"
    WRONG_PRINTER = "wrong_printer"
    INVALID_AUTH = "invalid_auth"
    SILENT_PRINTER = "silent_printer"
    STREAM_STALLED = "stream_stalled"
    WRONG_SERVICE = "not_moonraker"
    KLIPPY_DISCONNECTED = "klippy_disconnected"
    KLIPPY_NOT_READY = "klippy_not_ready"
    KLIPPY_ERROR = "klippy_error"
    KLIPPY_SHUTDOWN = "klippy_shutdown"
    INVALID_CONFIG = "invalid_config"
    DRIVER_BROKEN = "driver_broken"
    UNKNOWN_DRIVER = "unknown_driver"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Counters:
    """What went over the connection since the driver was created.

    ignored: messages, and parts of messages, that the decoder does not know.
    decode_errors: messages that could not be read at all.
    """

    messages: int = 0
    bytes: int = 0
    ignored: int = 0
    decode_errors: int = 0
    reconnects: int = 0


class DriverError(Exception):
    """A failure with a code; `detail` is for the log and holds no secret."""

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        """Say what failed."""
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


class TimerHandle(Protocol):
    """A call that can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has already run."""


class Clock(Protocol):
    """Time, as everything in `drivers/` is given it."""

    def now(self) -> datetime:
        """Return the time of day, timezone-aware UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run the callback at a monotonic time, on the event loop."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class LoopClock:
    """The real clock, on the running event loop."""

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the event loop's kind of seconds."""
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run the callback at a monotonic time."""
        return asyncio.get_running_loop().call_later(
            max(0.0, when - time.monotonic()), callback
        )

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class EventEmitter:
    """Delivers a driver's events: in order, without blocking, from any thread.

    Gives each event its id, a ULID, so that ids sort in the order of events.

    emitted: the number of events so far.
    """

    def __init__(self, deliver: Callable[[dict[str, Any]], None]) -> None:
        """Pass each event to `deliver`, which neither blocks nor raises."""
        self.emitted = 0
        self._deliver = deliver

    def emit(self, event: Mapping[str, Any]) -> None:
        """Deliver a standard event."""
        self.emitted += 1
        self._deliver({"event_id": ulid_now(), **event})


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverServices:
    """What a driver is handed.

    stored: the slots as they were last known.
    last_seen: when the printer was last heard of, if ever.
    timings: what the owner has set; None for those of the driver.
    ssl_context: makes a client context in a thread, as loading certificates blocks.
    health_changed: to be called when `health()` has something new to say; from any
    thread.
    """

    stored: tuple[StoredSlot, ...] = ()
    last_seen: datetime | None = None
    timings: Timings | None = None
    session: aiohttp.ClientSession | None = None
    clock: Clock
    ssl_context: Callable[[Callable[[], ssl.SSLContext]], Awaitable[ssl.SSLContext]]
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    health_changed: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What the config flow learns of a printer before it makes an entry.

    identity: the printer's own, unique id of the entry (serial, instance id).
    config: what the probe found and the entry keeps (a certificate).
    """

    identity: str
    name: str
    model: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


class Driver(ABC):
    """Reads one printer.

    driver_key: the name of the driver's folder.
    Config: what a user enters to reach a printer.
    timings: how long a change must last on its hardware before it is confirmed.
    discovery: how printers of this kind are found on the network, if they are.
    """

    driver_key: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    timings: ClassVar[Timings] = Timings()
    discovery: ClassVar[tuple[UdpDiscovery | ZeroconfDiscovery, ...]] = ()

    @abstractmethod
    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        """Take what the driver needs; nothing is opened yet.

        Raises pydantic.ValidationError for a configuration that fails `Config`.
        """

    @abstractmethod
    async def start(self) -> None:
        """Return at once; the connection lives in a task of its own."""

    @abstractmethod
    async def stop(self) -> None:
        """Leave no task, thread or socket; calling it again is harmless."""

    @abstractmethod
    def health(self) -> Health:
        """Return the driver's health; never raises or blocks."""

    async def sync_state(self) -> None:
        """Ask the printer for everything again, where it can be asked."""

    def capture(self) -> dict[str, Any] | None:
        """Return the last minutes of the wire as a capture, where it is recorded.

        Only what the decoder reads is in it; ids and secrets are as they came.
        """
        return None

    @classmethod
    @abstractmethod
    def frame_decoder(cls) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        """Return a fresh decoder for the frames of one capture, in their order.

        It is the decoder of the live connection; None for a frame that says nothing
        new. Never raises for a frame.
        """

    @classmethod
    @abstractmethod
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        """Look at a printer for the config flow.

        Raises DriverError with the code of what is in the way.
        """
