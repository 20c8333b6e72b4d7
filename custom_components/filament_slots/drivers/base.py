"""The driver contract: the base class, what a driver receives, and its errors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
import logging
import random
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel
from ulid_transform import ulid_now

from ..model import StoredSlot, iso_utc
from ..network.clock import Clock
from .capabilities import Capability
from .discovery import Discovery
from .explanation import Explanation, Refused
from .health import Health
from .snapshot import NO_MEMORY, Snapshot
from .timings import Timings

if TYPE_CHECKING:
    import aiohttp


class DriverStatus(StrEnum):
    """The status of a driver.

    waiting: connected, but the printer is not ready; or the driver is not there.
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
    """Why a driver is not running; each code has a text that helps the user to fix it."""

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
    WEB_SERVER = "web_server"
    UNENCRYPTED = "unencrypted"
    HTTP_NOT_HTTPS = "http_not_https"
    HTTPS_NOT_HTTP = "https_not_http"
    REDIRECTED = "redirected"
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
    errors: attempts to connect that failed, and sessions that ended.
    cpu_seconds: CPU time of processing messages, extrapolated; see Connection.process.
    refused: what was not used, by its reason.
    now: the time of day, for `refused`.
    """

    messages: int = 0
    bytes: int = 0
    ignored: int = 0
    decode_errors: int = 0
    reconnects: int = 0
    errors: int = 0
    cpu_seconds: float = 0.0
    refused: dict[str, Refused] = field(default_factory=dict)
    now: Callable[[], datetime] = field(default=partial(datetime.now, UTC), repr=False)

    def refuse(self, why: str) -> bool:
        """Note that something was not used; return whether it is the first of its kind.

        why: a text without values, as there is one entry for each.
        """
        before = self.refused.get(why)
        self.refused[why] = {
            "reason": why,
            "count": before["count"] + 1 if before else 1,
            "last_at": iso_utc(self.now()),
        }
        return before is None


class DriverError(Exception):
    """A failure with a code; `detail` is for the log and holds no secret.

    placeholders: of the text of its code, where that has any: `old` and `new`
    fingerprint of NEW_CERTIFICATE, `target` of REDIRECTED.
    suggested: values of the driver's `Config` that solve it if the user agrees.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str = "",
        *,
        placeholders: Mapping[str, str] | None = None,
        suggested: Mapping[str, Any] | None = None,
    ) -> None:
        """Create it with a code."""
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail
        self.placeholders = placeholders or {}
        self.suggested = suggested or {}


type MarkStep = Callable[[str], AbstractContextManager[object]]


def unmeasured(name: str) -> AbstractContextManager[object]:
    """Mark a step of an attempt to connect that is not tested."""
    return nullcontext()


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
    """What the host provides to a driver.

    stored: the slots with their last confirmed state.
    last_seen: when the printer last sent a message, if ever.
    memory: what `Driver.memory` returned last; nothing at the first start.
    timings: set by the user; None for the driver's own.
    random: returns a number from 0 to 1; spreads the retries of many printers.
    health_changed: called when `health()` has changed; from any thread.
    step: marks, by its name, the step of a probe that runs in its context.
    """

    stored: tuple[StoredSlot, ...] = ()
    last_seen: datetime | None = None
    memory: Mapping[str, Any] = NO_MEMORY
    timings: Timings | None = None
    session: aiohttp.ClientSession | None = None
    clock: Clock
    random: Callable[[], float] = random.random
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    health_changed: Callable[[], None]
    step: MarkStep = unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a probe found out about a printer.

    identity: the printer's serial or instance id, the unique id of its entry.
    config: values of `Config` that the probe determined (a certificate).
    """

    identity: str
    name: str
    model: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


class Driver(ABC):
    """Reads one printer.

    driver_key: names it in entries; of our own drivers, the name of the folder.
    Config: what a user enters to reach a printer.
    timings: how long a change must last on its hardware before it is confirmed.
    discovery: how printers of this kind are found on the network, if they are.
    manufacturer: of the printers and their units, as their devices show it.
    capabilities: what it can be asked to do, see `invoke`.
    """

    driver_key: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    timings: ClassVar[Timings] = Timings()
    discovery: ClassVar[tuple[Discovery, ...]] = ()
    manufacturer: ClassVar[str | None] = None
    capabilities: ClassVar[tuple[Capability, ...]] = ()

    @abstractmethod
    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        """Create it stopped; nothing is opened yet.

        Raises pydantic.ValidationError for a configuration that fails `Config`.
        """

    @abstractmethod
    async def start(self) -> None:
        """Start connecting in a task of its own; returns at once."""

    @abstractmethod
    async def stop(self) -> None:
        """End all tasks, threads and sockets; calling it again is harmless."""

    @abstractmethod
    def health(self) -> Health:
        """Return the driver's health; never raises or blocks."""

    @property
    def page(self) -> str | None:
        """The URL of the printer's own page, if it has one."""
        return None

    async def sync_state(self) -> None:
        """Request the full state from the printer again, if that is possible."""

    async def perform(self, capability: Capability, payload: BaseModel) -> object:
        """Run one of the capabilities, and return its result; `invoke` checks both.

        Raises what the capability raises.
        """
        return await capability.run(self, payload)

    async def inventory_addresses(self) -> Mapping[str, str]:
        """Return the addresses of inventories that the printer uses, by their keys.

        Asked while a user adds an inventory; never raises.
        """
        return {}

    def explain(self) -> Explanation | None:
        """Return why the slots read as they do, if that is known; never raises."""
        return None

    def memory(self) -> Mapping[str, Any]:
        """Return what the driver needs again after a restart: a few values of JSON.

        It is stored with the events that change something, every minute and when the
        driver stops: it may be older than the last message. `services.memory` brings it
        back.
        """
        return NO_MEMORY

    def capture(self) -> dict[str, Any] | None:
        """Return the last minutes of the connection as a capture, if recorded.

        It holds only what the decoder reads; ids in it are not redacted.
        """
        return None

    @classmethod
    @abstractmethod
    def frame_decoder(
        cls, memory: Mapping[str, Any] = NO_MEMORY
    ) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        """Return a new decoder for the frames of one capture, in their order.

        It is the decoder of live connections. For each report of the printer's state it
        returns the snapshot, the same object where nothing changed, and None for other
        frames. It never raises.

        memory: as in `DriverServices`.
        """

    @classmethod
    def where_to_find(cls, known: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the texts on where to find the settings of `Config`.

        known: the settings that are known already, which may narrow it down.
        A text's full key is `selector.where_<driver_key>_<key>.value`.
        """
        return ()

    @classmethod
    @abstractmethod
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        """Connect to a printer once and identify it, for the config flow.

        Raises DriverError with the cause of a failure.
        """

    @classmethod
    async def recognise(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> bool:
        """Look for a known printer at an address that only an announcement named.

        config: its own, with that address. No secret may be sent there.
        Returns whether the printer there has proved that it is the same one; False
        where nothing can prove it, so that the user has to decide.
        Raises DriverError if it is not there.
        """
        return False

    @classmethod
    async def look(
        cls, host: str, port: int | None, services: DriverServices
    ) -> str | None:
        """Return the name of what answers at a host, if it is a printer of this kind.

        Asked where a printer of another kind was expected; no secret is known then.
        port: as entered for that kind, if it was. Never raises.
        """
        return None
