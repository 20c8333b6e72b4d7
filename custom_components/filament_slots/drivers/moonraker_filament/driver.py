"""The driver for Klipper printers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
import logging
from typing import Any, ClassVar, Final, override

import aiohttp
from pydantic import SecretStr

from ...network.retries import Retries, race
from ..base import (
    Counters,
    DriverError,
    DriverServices,
    ErrorCode,
    EventEmitter,
    MarkStep,
    ProbeResult,
)
from ..connected_driver import ConnectedDriver
from ..discovery import Discovery
from ..explanation import WireState
from ..snapshot import NO_MEMORY, Snapshot
from ..tcp import open_tcp
from ..timings import Timings
from .capture import ABOUT, as_frame
from .config import Config
from .discovery import ZEROCONF
from .explanation import wire_state
from .identity import authorise, confirm_identity, identify, read_objects, read_spoolman
from .jsonrpc import Frame, HandshakeRefusedError, Process, Rpc, open_rpc, unrecorded
from .limits import Limits
from .look import look_for_moonraker, other_scheme
from .polling import open_polled
from .session import Session
from .state import TIMINGS, MoonrakerDecoder

NAME: Final = "Klipper (Moonraker)"
_REACH_TIMEOUT: Final = 10.0


class Driver(ConnectedDriver[Config]):
    """Reads one Klipper printer through its Moonraker."""

    driver_key: ClassVar[str] = "moonraker_filament"
    Config: ClassVar[type[Config]] = Config
    timings: ClassVar[Timings] = TIMINGS
    discovery: ClassVar[tuple[Discovery, ...]] = (ZEROCONF,)
    manufacturer: ClassVar[str | None] = "Klipper"
    connection_steps: ClassVar[tuple[str, ...]] = (
        *("name", "port", "connection", "sign_in", "identity", "first_report"),
    )
    capture_about: ClassVar[str] = ABOUT
    capture_frame = staticmethod(as_frame)

    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        """Take what the driver needs; raises pydantic.ValidationError."""
        super().__init__(printer_id, config, emitter, services)
        # Bare sensors and tools keep their numbers across sessions.
        self._numbers = {
            slot.label: slot.slot_no
            for slot in services.stored
            if slot.unit is None and slot.label is not None
        }
        self._limits = Limits(
            slot.unit.serial
            for slot in services.stored
            if slot.unit is not None and slot.unit.serial is not None
        )
        self._polls = Retries(services.clock, services.random)
        self._session: Session | None = None
        # The one that made the last snapshot.
        self._decoder: MoonrakerDecoder | None = None

    @property
    @override
    def page(self) -> str:
        return self.config.page

    @override
    async def inventory_addresses(self) -> Mapping[str, str]:
        found: list[str | None] = []

        async def ask(rpc: Rpc) -> None:
            await authorise(rpc, self.config)
            found.append(await read_spoolman(rpc, self.config))

        try:
            await _ask(self.config, self.services, ask)
        except DriverError as err:
            self.services.log.debug("The inventory's address is not known: %s", err)
        address = found[0] if found else None
        return {"spoolman": address} if address else {}

    @override
    async def try_connection(self, services: DriverServices) -> None:
        # TLS and WebSocket are one step, whose error names which of them it is.
        config = self.config

        async def ask(rpc: Rpc) -> None:
            with services.step("sign_in"):
                info = await authorise(rpc, config)
            with services.step("identity"):
                await confirm_identity(rpc, config)
            with services.step("first_report"):
                await read_objects(rpc, info["klippy_state"])

        try:
            await _reach(config, services.step)
            await _ask(config, services, ask)
        except DriverError as err:
            raise await other_scheme(err, config.url, _http(services)) or err from err

    @override
    def request_state(self) -> None:
        if self._session is not None:
            self._session.refresh()

    @override
    def wire_state(self) -> WireState:
        return wire_state(self._decoder) if self._decoder else WireState()

    @classmethod
    @override
    def frame_decoder(
        cls, memory: Mapping[str, Any] = NO_MEMORY
    ) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        decoder = MoonrakerDecoder(logging.getLogger(__name__))

        def decode(frame: Mapping[str, Any]) -> Snapshot | None:
            message = frame.get("frame")
            if frame.get("dir") != "<-" or not isinstance(message, dict):
                return None
            # An answer by HTTP has no id.
            decoder.polled = message.get("id", "") is None
            return decoder.feed(message)

        return decode

    @classmethod
    @override
    def where_to_find(cls, known: Mapping[str, Any]) -> tuple[str, ...]:
        return ("address", "api_key")

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        known = Config.model_validate(config)
        try:
            return await _identify(known, services)
        except DriverError as err:
            other = await other_scheme(err, known.url, _http(services))
            raise other or err from err

    @classmethod
    @override
    async def recognise(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> bool:
        known = Config.model_validate(config)
        keyless = known.model_copy(update={"api_key": SecretStr("")})
        try:
            found = await _identify(keyless, services)
        except DriverError as err:
            if err.code is ErrorCode.INVALID_AUTH and known.api_key:
                return False
            raise
        if found.identity != known.instance_id:
            raise DriverError(ErrorCode.WRONG_PRINTER, "another Moonraker is there")
        # Any device can answer with the id. Without a key nothing is lost by that.
        return not known.api_key

    @classmethod
    @override
    async def look(
        cls, host: str, port: int | None, services: DriverServices
    ) -> str | None:
        return await look_for_moonraker(_http(services), host, port)

    @override
    async def run_session(self) -> None:
        # One that is read by HTTP ends once a WebSocket is accepted again.
        while True:
            await self._run_session()

    async def _run_session(self) -> None:
        counters = self.connection.counters
        decoder = MoonrakerDecoder(
            self.services.log, self._numbers, counters, self._limits
        )

        def observe(snapshot: Snapshot, held_up: bool) -> None:
            self._decoder = decoder
            self.observe(snapshot, held_up=held_up)

        session = Session(decoder, self.connection, observe, self.services.clock)
        async with _open(
            self.config,
            self.services,
            self._polls,
            session.take,
            self.connection.process,
            counters,
        ) as rpc:
            with self.connected():
                self._session = session
                try:
                    await race(rpc.listen(), session.run(rpc, self.config))
                finally:
                    self._session = None
                    session.close()


async def _reach(config: Config, step: MarkStep) -> None:
    """Look the host up and open its port; nothing is sent."""
    url = config.url
    try:
        async with asyncio.timeout(_REACH_TIMEOUT):
            (await open_tcp(url.host or "", url.port or 0, step)).close()
    except TimeoutError as err:
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err


async def _identify(config: Config, services: DriverServices) -> ProbeResult:
    """Connect once and identify the Moonraker."""
    found: list[ProbeResult] = []

    async def ask(rpc: Rpc) -> None:
        found.append(await identify(rpc, config))

    await _ask(config, services, ask)
    return found[0]


async def _ask(
    config: Config,
    services: DriverServices,
    ask: Callable[[Rpc], Coroutine[Any, Any, None]],
) -> None:
    """Connect once, and ask."""
    polls = Retries(services.clock, services.random)
    async with AsyncExitStack() as stack:
        with services.step("connection"):
            rpc = await stack.enter_async_context(_open(config, services, polls))
        await race(ask(rpc), rpc.listen())


@asynccontextmanager
async def _open(
    config: Config,
    services: DriverServices,
    polls: Retries,
    take: Callable[[Frame], None] = lambda frame: None,
    process: Process = unrecorded,
    counters: Counters | None = None,
) -> AsyncIterator[Rpc]:
    """Connect to a Moonraker, by HTTP where a proxy refuses its WebSocket.

    polls: the failed requests by HTTP. Raises DriverError with the cause of a failure.
    """
    counters = counters or Counters()
    session = _http(services)
    async with AsyncExitStack() as stack:
        try:
            rpc: Rpc = await stack.enter_async_context(
                open_rpc(config, session, take, process, counters)
            )
        except HandshakeRefusedError as refused:
            rpc = await stack.enter_async_context(
                open_polled(
                    refused, config, session, polls, services, take, process, counters
                )
            )
            services.log.debug("Read by HTTP, as a WebSocket is refused: %s", refused)
        yield rpc


def _http(services: DriverServices) -> aiohttp.ClientSession:
    if services.session is None:
        raise RuntimeError("services hold no HTTP session")
    return services.session
