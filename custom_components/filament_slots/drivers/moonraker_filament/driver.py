"""The driver for Klipper printers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, override

import aiohttp

from ..base import Driver as BaseDriver, DriverServices, EventEmitter, ProbeResult
from ..connection import Connection, Counters, race
from ..snapshot import Snapshot
from ..timings import Timings
from ..tracker import SlotTracker
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
        self._emitter = emitter
        self._tracker = SlotTracker(
            printer_id,
            EventEmitter(self._emit),
            services.clock,
            services.stored,
            services.last_seen,
            services.timings or self.timings,
        )
        self._connection = Connection(self.driver_key, self._run_session, services)
        # Bare sensors keep their numbers from one session to the next.
        self._numbers = {
            slot.label: slot.slot_no
            for slot in services.stored
            if slot.unit is None and slot.label is not None
        }
        self._session: Session | None = None

    @override
    async def start(self) -> None:
        self._connection.start()

    @override
    async def stop(self) -> None:
        await self._connection.stop()
        self._tracker.stop()

    @override
    def health(self) -> dict[str, Any]:
        return self._connection.health()

    @override
    async def sync_state(self) -> None:
        if self._session is not None:
            self._session.refresh()

    @override
    def capture(self) -> dict[str, Any]:
        return self._connection.recorder.capture(self.driver_key, ABOUT, as_frame)

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
        session = Session(
            MoonrakerDecoder(self._services.log, self._numbers),
            self._tracker,
            self._connection,
            self._services.clock,
        )
        async with open_rpc(
            self._config,
            _http(self._services),
            session.take,
            self._connection.heard,
            self._connection.counters,
        ) as rpc:
            self._connection.connected()
            self._session = session
            try:
                await race(rpc.listen(), session.run(rpc, self._config.instance_id))
            finally:
                self._session = None
                self._tracker.disconnected()

    def _emit(self, event: dict[str, Any]) -> None:
        self._connection.counters.events += 1
        self._emitter.emit(event)


def _http(services: DriverServices) -> aiohttp.ClientSession:
    if services.session is None:
        raise RuntimeError("no HTTP session was handed in")
    return services.session
