"""The base class of drivers: a connection that is kept open, and the slot tracker."""

from abc import abstractmethod
import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, cast, override

from pydantic import BaseModel

from ..model import iso_utc
from .base import Driver, DriverServices, EventEmitter
from .capabilities import Capability, RunningTasks
from .connection import Connection
from .connection_capabilities import CONNECTION_CAPABILITIES
from .explanation import Explanation, WireState
from .health import Health
from .last_report import LastReport
from .pace import Pace
from .snapshot import Snapshot
from .tracking.tracker import SlotTracker


class ConnectedDriver[ConfigT: BaseModel](Driver):
    """Starts, stops, retries, measures and records the sessions of one printer.

    A subclass defines `run_session()`, a decoder and `probe()`.

    silence, first_message: see Connection.
    connection_steps: the names of the steps of `try_connection()`, in their order.
    capture_about: the description that a capture carries.
    """

    capabilities: ClassVar[tuple[Capability, ...]] = CONNECTION_CAPABILITIES
    connection_steps: ClassVar[tuple[str, ...]] = ("connection",)
    silence: ClassVar[float] = 60.0
    first_message: ClassVar[float] = 20.0
    capture_about: ClassVar[str] = "The last minutes of a printer."

    @override
    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        self.config = cast(ConfigT, self.Config.model_validate(config))
        self.services = services
        self.connection = Connection(
            self.driver_key,
            self.run_session,
            services,
            silence=self.silence,
            first_message=self.first_message,
        )
        self._emitter = emitter
        self._performing = RunningTasks()
        self.testing = asyncio.Lock()
        self._last_report = LastReport()
        self._newest = self._last_report.snapshot
        self._held_up = False
        self._pace = Pace(services.clock, self._observe)
        self._memory = services.memory
        self._tracker = SlotTracker(
            printer_id,
            emitter,
            services.clock,
            self.request_state,
            services.stored,
            services.last_seen,
            services.timings or self.timings,
        )

    @abstractmethod
    async def run_session(self) -> None:
        """Connect and read until the connection ends; see Connection.

        Reads within `connected()`, and calls `connection.process()` for each message
        and `observe()` for each report of the printer's state.
        """

    def request_state(self) -> None:
        """Request a report of the printer's state, as soon as that is allowed.

        Does nothing while there is no session, or where the printer cannot be asked.
        """

    @override
    async def sync_state(self) -> None:
        self.request_state()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Mark the connection as open; at its end the tracker stops concluding."""
        self.connection.connected()
        try:
            yield
        finally:
            self._pace.discard()
            self._tracker.disconnected()

    def observe(self, snapshot: Snapshot, *, held_up: bool = False) -> None:
        """Pass what the last message reported to the tracker.

        To be called for each report of the printer's state, with the same object where
        nothing changed: a change is confirmed by a report, never by silence, nor by one
        that was held up on its way.
        """
        if snapshot is not self._last_report.snapshot:
            self.connection.recorder.mark_significant()
        self._newest, self._held_up = snapshot, held_up
        self._memory = snapshot.memory
        self._pace.request()

    def _observe(self) -> None:
        snapshot = self._newest
        if snapshot is not self._last_report.snapshot:
            self._last_report.observe(snapshot, self.services.clock.now())
        self._tracker.observe(snapshot, held_up=self._held_up)
        if snapshot.complete and not snapshot.frozen:
            self.connection.ready()

    @override
    async def start(self) -> None:
        self.connection.start()

    @override
    async def stop(self) -> None:
        self._performing.cancel()
        await self.connection.stop()
        self._tracker.stop()

    async def try_connection(self, services: DriverServices) -> None:
        """Connect again, beside the session; each step within `services.step`.

        Raises DriverError with the cause of a failure.
        """
        with services.step("connection"):
            await self.probe(self.config.model_dump(), services)

    @override
    async def perform(self, capability: Capability, payload: BaseModel) -> object:
        return await self._performing.run(super().perform(capability, payload))

    @override
    def health(self) -> Health:
        return self.connection.health(self._emitter.emitted)

    @override
    def explain(self) -> Explanation:
        wire = self.wire_state()
        last = self._last_report
        return {
            "printer": {
                "last_message_at": self.health()["last_message_at"],
                "changed_at": iso_utc(last.at) if last.at else None,
                "complete": last.snapshot.complete,
                "frozen": last.snapshot.frozen,
                "source": wire.source,
                "wire": wire.printer,
                "refused": list(self.connection.counters.refused.values()),
            },
            "slots": [
                {**slot, "reported": last.about(slot, wire)}
                for slot in self._tracker.explain()
            ],
        }

    def wire_state(self) -> WireState:
        """Return the values that the decoder read last, for an explanation."""
        return WireState()

    @override
    def memory(self) -> Mapping[str, Any]:
        return self._memory

    @override
    def capture(self) -> dict[str, Any]:
        return self.connection.recorder.capture(
            self.driver_key, self.capture_about, self.capture_frame
        )

    @staticmethod
    def capture_frame(message: Any) -> Mapping[str, Any] | None:
        """Return a JSON message as the frame that `frame_decoder()` reads.

        None leaves the message out. Overridden where messages hold private data.
        """
        return {"payload": message}
