"""The driver for Klipper printers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, override

import aiohttp

from ..base import (
    Counters,
    Driver as BaseDriver,
    DriverServices,
    EventEmitter,
    ProbeResult,
)
from ..connection import race
from ..link import Link
from ..snapshot import Snapshot
from ..timings import Timings
from .capture import ABOUT, as_frame
from .config import Config
from .identity import introduce
from .jsonrpc import JsonRpc, open_rpc
from .session import Session
from .state import TIMINGS, MoonrakerDecoder, frame_decoder


class Driver(BaseDriver):
    """Reads one Klipper printer through its Moonraker."""

    driver_key: ClassVar[str] = "moonraker_filament"
    Config: ClassVar[type[Config]] = Config
    timings: ClassVar[Timings] = TIMINGS

    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        """Take what the driver needs; raises pydantic.ValidationError."""
        self._config = Config.model_validate(config)
        self._services = services
        self._link = Link(self, self._run_session, printer_id, emitter, services)
        # Bare sensors keep their numbers from one session to the next.
        self._numbers = {
            slot.label: slot.slot_no
            for slot in services.stored
            if slot.unit is None and slot.label is not None
        }
        self._session: Session | None = None

    @override
    async def start(self) -> None:
        self._link.start()

    @override
    async def stop(self) -> None:
        await self._link.stop()

    @override
    def health(self) -> dict[str, Any]:
        return self._link.health()

    @override
    async def sync_state(self) -> None:
        if self._session is not None:
            self._session.refresh()

    @override
    def capture(self) -> dict[str, Any]:
        return self._link.capture(ABOUT, as_frame)

    @classmethod
    @override
    def frame_decoder(cls) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        return frame_decoder()

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        known = Config.model_validate(config)
        found: list[ProbeResult] = []

        async def ask(rpc: JsonRpc) -> None:
            found.append(await introduce(rpc, known))

        async with open_rpc(
            known, _http(services), lambda frame: None, lambda data: None, Counters()
        ) as rpc:
            await race(ask(rpc), rpc.listen())
        return found[0]

    async def _run_session(self) -> None:
        connection = self._link.connection
        decoder = MoonrakerDecoder(
            self._services.log, self._numbers, connection.counters
        )
        session = Session(decoder, self._link, self._services.clock)
        async with open_rpc(
            self._config,
            _http(self._services),
            session.take,
            connection.heard,
            connection.counters,
        ) as rpc:
            with self._link.up():
                self._session = session
                try:
                    await race(rpc.listen(), session.run(rpc, self._config.instance_id))
                finally:
                    self._session = None


def _http(services: DriverServices) -> aiohttp.ClientSession:
    if services.session is None:
        raise RuntimeError("no HTTP session was handed in")
    return services.session
