"""The driver for SpoolBox: a TCP port that sends a line of JSON with its slots."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar, override

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from custom_components.filament_slots.api import (
    NO_MEMORY,
    Capability,
    ConnectedDriver,
    Counters,
    DriverError,
    DriverServices,
    ErrorCode,
    Identifiers,
    NoInput,
    ProbeResult,
    Slot,
    Snapshot,
    Unit,
    boolean,
    clean_tag,
)


class Config(BaseModel):
    """Address and code of a box."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 4711
    code: Annotated[SecretStr, Field(min_length=1, max_length=64)]


def decode(message: object, counters: Counters) -> Snapshot | None:
    """Return the state; None for a message that does not hold it."""
    match message:
        case {"slots": [*slots]}:
            unit = Unit(
                ams_unit_no=1,
                slots_total=len(slots),
                label="Box",
                slots=tuple(
                    _slot(number, slot) for number, slot in enumerate(slots, 1)
                ),
            )
            return Snapshot(complete=True, units=(unit,))
    counters.ignored += 1
    counters.refuse("a message without slots")
    return None


def _slot(number: int, value: object) -> Slot:
    fields = value if isinstance(value, dict) else {}
    present = boolean(fields.get("spool"))
    return Slot(
        slot_no=number,
        label=f"Box {number}",
        present=present,
        reads_tags=True,
        identifiers=Identifiers(rfid_uid=clean_tag(fields.get("tag"))),
        read_done=present is True,
    )


class PingOutput(BaseModel):
    """How long a box took to answer."""

    seconds: float


async def _ping(driver: Driver, _: NoInput) -> PingOutput:
    return PingOutput(seconds=await driver.ping())


class Driver(ConnectedDriver[Config]):
    """Reads one SpoolBox."""

    driver_key: ClassVar[str] = "spool_box"
    Config: ClassVar[type[Config]] = Config
    capabilities: ClassVar[tuple[Capability, ...]] = (
        *ConnectedDriver.capabilities,
        Capability(
            id="ping",
            name="Ping",
            description="Measures how long the box takes to report its slots.",
            run=_ping,
            output=PingOutput,
            read_only=True,
        ),
    )
    # A box sends nothing while nothing changes, so silence is normal.
    silence: ClassVar[float] = 86_400
    _writer: asyncio.StreamWriter | None = None
    _answer: asyncio.Event | None = None

    async def ping(self) -> float:
        """Return the seconds that the box takes to answer; raises DriverError."""
        if self._writer is None:
            raise DriverError(ErrorCode.CONNECTION_LOST, "there is no connection")
        clock = self.services.clock
        asked_at = clock.monotonic()
        answer = self._answer = asyncio.Event()
        self.request_state()
        await answer.wait()
        return clock.monotonic() - asked_at

    @override
    def request_state(self) -> None:
        if self._writer is not None:
            self._writer.write(b"\n")

    @classmethod
    @override
    def frame_decoder(
        cls, memory: Mapping[str, Any] = NO_MEMORY
    ) -> Callable[[Mapping[str, Any]], Snapshot | None]:
        counters = Counters()
        return lambda frame: decode(frame.get("payload"), counters)

    @classmethod
    @override
    async def probe(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> ProbeResult:
        box = Config.model_validate(config)
        async with _open(box) as (reader, _):
            await reader.readline()
        return ProbeResult(identity=f"{box.host}:{box.port}", name="SpoolBox")

    @override
    async def run_session(self) -> None:
        async with _open(self.config) as (reader, writer):
            with self.connected():
                self._writer = writer
                try:
                    while line := await reader.readline():
                        self.connection.process(line, self._take)
                except (OSError, ValueError) as err:  # lost, or an endless line
                    raise DriverError(ErrorCode.CONNECTION_LOST) from err
                finally:
                    self._writer = None

    def _take(self, line: bytes) -> None:
        if self._answer is not None:
            self._answer.set()
        counters = self.connection.counters
        try:
            snapshot = decode(orjson.loads(line), counters)
        except ValueError:  # not JSON, or an invalid tag
            counters.decode_errors += 1
            counters.refuse("a message that is not valid")
            return
        if snapshot is not None:
            self.observe(snapshot)


@asynccontextmanager
async def _open(
    config: Config,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect and send the code."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(config.host, config.port)
    except ConnectionRefusedError as err:
        raise DriverError(ErrorCode.CONNECTION_REFUSED, "the port is closed") from err
    except OSError as err:
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err
    try:
        writer.write(config.code.get_secret_value().encode() + b"\n")
        yield reader, writer
    finally:
        writer.close()
