"""The driver for Bambu Lab printers."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
import json
import logging
import math
import ssl
from typing import Any, ClassVar, Final, override

from ...network.retries import race
from ..base import DriverError, DriverServices, ErrorCode, EventEmitter, ProbeResult
from ..connected_driver import ConnectedDriver
from ..discovery import Discovery
from ..explanation import WireState
from ..snapshot import NO_MEMORY, Snapshot
from .capture import ABOUT, as_frame
from .config import Config
from .discovery import UDP
from .explanation import wire_state
from .look import look_for_printer, unencrypted, web_server
from .menus import where_to_find
from .report import ReportDecoder
from .requests import GET_VERSION, PUSHALL, Requests
from .session import Session, open_pinned, open_session
from .tls import fetch_certificate, new_certificate
from .versions import model_by_serial

NAME: Final = "Bambu Lab"

# Seconds that a probe waits for the model once the printer has sent its first report.
_MODEL_WAIT = 5.0


class Driver(ConnectedDriver[Config]):
    """Reads one Bambu Lab printer over its own MQTT server."""

    driver_key: ClassVar[str] = "bambulab_mqtt"
    Config: ClassVar[type[Config]] = Config
    discovery: ClassVar[tuple[Discovery, ...]] = (UDP,)
    manufacturer: ClassVar[str | None] = "Bambu Lab"
    connection_steps: ClassVar[tuple[str, ...]] = (
        *("name", "port", "tls", "identity", "sign_in", "first_report"),
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
        self._clock = services.clock
        self._requests: Requests | None = None
        self._ask = asyncio.Event()
        # The one that made the last snapshot.
        self._decoder: ReportDecoder | None = None

    @override
    def request_state(self) -> None:
        if self._requests is not None:
            self._requests.want_everything()
            self._ask.set()

    @override
    async def try_connection(self, services: DriverServices) -> None:
        await self.probe(self.config.model_dump(), services)

    @override
    def wire_state(self) -> WireState:
        return wire_state(self._decoder.merged) if self._decoder else WireState()

    @classmethod
    @override
    def frame_decoder(
        cls, memory: Mapping[str, Any] = NO_MEMORY
    ) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        decoder = ReportDecoder(logging.getLogger(__name__), memory=memory)
        # A capture that went through an editor may hold what orjson does not write.
        return lambda frame: decoder.feed(json.dumps(frame.get("payload")))

    @classmethod
    @override
    def where_to_find(cls, known: Mapping[str, Any]) -> tuple[str, ...]:
        return where_to_find(known.get("serial"))

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        known = Config.model_validate(config)
        try:
            shown = await fetch_certificate(
                known.host, known.port, known.serial, services.step
            )
        except DriverError as err:
            better = await web_server(err, known, services)
            raise better or await unencrypted(err, known) or err from err
        with services.step("identity"):
            if known.certificate not in (None, shown):
                raise new_certificate(known.certificate, shown)
        decoder = ReportDecoder(services.log)
        received = asyncio.Event()

        def take(report: bytes) -> None:
            decoder.feed(report)
            received.set()

        trusted = known.model_copy(update={"certificate": shown})
        async with AsyncExitStack() as stack:
            with services.step("sign_in"):
                session = await stack.enter_async_context(
                    open_session(trusted, services, take)
                )
            with services.step("first_report"):
                await session.subscribe()
                for request in (GET_VERSION, PUSHALL):
                    session.publish(request)
                await race(_introduced(decoder, received), session.ended())
        model = decoder.model or model_by_serial(known.serial)
        return ProbeResult(
            identity=known.serial,
            name=f"{model or 'Bambu Lab'} {known.serial[-4:]}",
            model=model,
            config={"certificate": shown},
        )

    @classmethod
    @override
    async def recognise(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> bool:
        known = Config.model_validate(config)
        if known.certificate is None:
            return False
        try:
            connection = await open_pinned(known, known.certificate)
        except ssl.SSLCertVerificationError as err:
            raise DriverError(
                ErrorCode.WRONG_PRINTER, "it shows another certificate"
            ) from err
        connection.close()
        return True

    @classmethod
    @override
    async def look(
        cls, host: str, port: int | None, services: DriverServices
    ) -> str | None:
        return await look_for_printer(host)

    @override
    async def run_session(self) -> None:
        connection = self.connection
        decoder = ReportDecoder(self.services.log, connection.counters, self.memory())
        requests = Requests(decoder)

        process = partial(connection.process, take=partial(self._take, decoder))
        async with open_session(self.config, self.services, process) as session:
            with self.connected():
                self._requests = requests
                try:
                    await session.subscribe()
                    await race(session.ended(), self._keep_asking(session, requests))
                finally:
                    self._requests = None

    def _take(self, decoder: ReportDecoder, report: bytes) -> None:
        before = decoder.snapshot
        snapshot = decoder.feed(report)
        self.connection.versions = decoder.versions
        self.connection.units = decoder.unit_versions
        if decoder.snapshot is not before or decoder.contradiction:
            self._ask.set()
        if snapshot is not None:
            self._decoder = decoder
            self.observe(snapshot)

    async def _keep_asking(self, session: Session, requests: Requests) -> None:
        for request in requests.opening(self._clock.monotonic()):
            session.publish(request)
        while True:
            await self._wait_to_ask(requests.next_at())
            for request in requests.due(self._clock.monotonic()):
                session.publish(request)

    async def _wait_to_ask(self, until: float) -> None:
        """Wait for that monotonic time, or for a new reason to send a request."""
        self._ask.clear()
        if until == math.inf:
            await self._ask.wait()
            return
        timer = self._clock.call_at(until, self._ask.set)
        try:
            await self._ask.wait()
        finally:
            timer.cancel()


async def _introduced(decoder: ReportDecoder, received: asyncio.Event) -> None:
    """Wait for the first report, and a short time for the model.

    Raises DriverError SILENT_PRINTER for a printer that sends no report at all.
    """
    try:
        async with asyncio.timeout(Driver.first_message):
            await received.wait()
    except TimeoutError:
        raise DriverError(
            ErrorCode.SILENT_PRINTER, "no report for this serial"
        ) from None
    with suppress(TimeoutError):
        async with asyncio.timeout(_MODEL_WAIT):
            while decoder.model is None:
                received.clear()
                await received.wait()
