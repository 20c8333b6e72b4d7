"""The inventory contract: the base class, what an inventory receives, and its errors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import logging
import random
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel

from ..network.clock import Clock
from .health import InventoryHealth

if TYPE_CHECKING:
    import aiohttp


# The most characters of a location. Spoolman stores a longer one under some conditions,
# and then fails to show any list with it (docs/protocols/spoolman.md 3.6).
LOCATION_MAX: Final = 64


class InventoryStatus(StrEnum):
    """The status of an inventory.

    waiting: connected, but its spools are not read yet.
    """

    STOPPED = "stopped"
    STARTING = "starting"
    WAITING = "waiting"
    RUNNING = "running"
    RECONNECTING = "reconnecting"
    AUTH_FAILED = "auth_failed"
    STOPPING = "stopping"


class InventoryErrorCode(StrEnum):
    """Why an inventory is not running; each code has a text that helps to fix it."""

    HOST_NOT_FOUND = "host_not_found"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_LOST = "connection_lost"
    TLS_FAILED = "tls_failed"
    WRONG_SERVICE = "wrong_service"
    REDIRECTED = "redirected"
    INVALID_AUTH = "invalid_auth"
    HOST_REFUSED = "host_refused"
    WEBSOCKET_REFUSED = "websocket_refused"
    SERVER_ERROR = "server_error"
    UNKNOWN = "unknown"


class InventoryError(Exception):
    """A failure with a code; `detail` is for the log and holds no secret.

    placeholders: of the text of its code, where that has any: `target` of REDIRECTED.
    suggested: values of the inventory's `Config` that solve it if the user agrees.
    """

    def __init__(
        self,
        code: InventoryErrorCode,
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


class WriteResult(StrEnum):
    """What became of something that was to be written; each one is final.

    unchanged: the server had it already. edited: it was changed by another client since, and
    stays as it is. missing: there is no such spool, or another one has its id. taken: the
    tag is another spool's. unsupported: the server has no place for it. refused: the
    server does not accept it.
    """

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    EDITED = "edited"
    MISSING = "missing"
    TAKEN = "taken"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Located:
    """The result of writing a location.

    before: the location that was read before it; None also for a missing spool.
    """

    result: WriteResult
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A spool of an inventory. What the server does not know is None or empty.

    id, registered: identify it together, as a server may hand out an id again.
    name, vendor, material: of its filament.
    colors: "#RRGGBB" or "#RRGGBBAA", several for a filament of several colours.
    remaining_g, weight_g: what is left of the filament, and what a full spool holds.
    location: free text; "" is a text, too.
    tags: ids of its chips, upper-case hexadecimal digits; None if the server knows none
    for any spool.
    extra: texts of the fields that the owner has defined, by their keys.
    filament_numbers: numbers of those that the owner has defined for filaments.
    """

    id: int
    registered: datetime
    name: str | None = None
    vendor: str | None = None
    material: str | None = None
    colors: tuple[str, ...] = ()
    remaining_g: float | None = None
    weight_g: float | None = None
    location: str | None = None
    archived: bool = False
    tags: tuple[str, ...] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    filament_numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolCode:
    """A code on a label: the id of a spool, and perhaps the server that it is of.

    address: one of `Inventory.addresses`; None for a code that names no server.
    """

    spool_id: int
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A tag that was held to a reader of the server.

    tag: as in `Spool.tags`. spool_id: the spool that has it; None if the server knows none.
    """

    tag: str
    spool_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed in an inventory at once.

    changed: new spools, and those with other values than before.
    removed: spools that are no longer there, with their last values.
    """

    changed: tuple[Spool, ...] = ()
    removed: tuple[Spool, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.changed or self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryServices:
    """What the host provides to an inventory.

    random: returns a number from 0 to 1; spreads the retries.
    health_changed: called when `health()` has changed.
    changed: called with each change once `Inventory.spools` has it.
    scanned: called with each scan of a tag; None if scans are not to be followed.
    """

    session: aiohttp.ClientSession
    clock: Clock
    random: Callable[[], float] = random.random
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    health_changed: Callable[[], None]
    changed: Callable[[Changes], None]
    scanned: Callable[[Scan], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryProbe:
    """What a probe found out about a server.

    config: the whole config, with the address at which the server was found.
    name: for its entry.
    oldest: up to five spools, those with the lowest ids: a server that has the same
    ones is the same server.
    """

    config: Mapping[str, Any]
    name: str
    oldest: tuple[tuple[int, datetime], ...]


class Inventory(ABC):
    """Reads the spools of one server, and follows their changes.

    inventory_key: the name of the inventory's folder.
    Config: what a user enters to reach a server.
    """

    inventory_key: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    @abstractmethod
    def __init__(self, config: Mapping[str, Any], services: InventoryServices) -> None:
        """Create it stopped; nothing is opened yet.

        Raises pydantic.ValidationError for a configuration that fails `Config`.
        """

    @abstractmethod
    async def start(self) -> None:
        """Start connecting in a task of its own; returns at once."""

    @abstractmethod
    async def stop(self) -> None:
        """End all tasks and sockets; calling it again is harmless."""

    @abstractmethod
    def health(self) -> InventoryHealth:
        """Return the health; never raises or blocks."""

    @property
    @abstractmethod
    def spools(self) -> Mapping[int, Spool]:
        """The spools by their ids, archived ones too: as last read, also while away."""

    @property
    @abstractmethod
    def page(self) -> str:
        """The URL of the server's own page."""

    @abstractmethod
    def spool_page(self, spool_id: int) -> str:
        """Return the URL of the server's page of a spool."""

    @abstractmethod
    async def locate(
        self,
        spool_id: int,
        registered: datetime,
        text: str | None,
        replaces: Collection[str | None],
    ) -> Located:
        """Write the location of a spool, if it is one of `replaces` now.

        text: at most LOCATION_MAX characters; None for no location.

        Raises InventoryError where it is not known to be written and may be tried again:
        it is read first, so that nothing is written twice.
        """

    @abstractmethod
    async def link(self, spool_id: int, registered: datetime, tag: str) -> WriteResult:
        """Add the id of a tag, in upper-case hexadecimal digits, to a spool.

        Only where the server stores tags, or has the field of `add_tag_field`.
        Raises InventoryError as `locate` does.
        """

    @abstractmethod
    async def add_tag_field(self) -> str | None:
        """Create the field in which `link` stores tags on a server that knows none.

        Only for an owner who agreed to it. Returns its key; None where it is there with
        another type. Raises InventoryError.
        """

    @property
    @abstractmethod
    def addresses(self) -> frozenset[str]:
        """The URLs by which codes on labels name this server."""

    @classmethod
    @abstractmethod
    def read_code(cls, text: str) -> SpoolCode | None:
        """Return the content of a code on a label; None for any other text."""

    @classmethod
    @abstractmethod
    async def probe(
        cls, config: Mapping[str, Any], services: InventoryServices
    ) -> InventoryProbe:
        """Connect to a server once, for the config flow.

        Raises InventoryError with the cause of a failure, pydantic.ValidationError for a
        configuration that fails `Config`.
        """
