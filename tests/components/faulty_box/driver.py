"""A driver without a printer: it reports one slot, and has the fault that a test sets."""

import asyncio
from collections.abc import Callable, Mapping
import time
from typing import Any, ClassVar, override

from pydantic import BaseModel, SecretStr

from custom_components.filament_slots.api import (
    NO_MEMORY,
    Capability,
    ConnectedDriver,
    DriverError,
    DriverServices,
    ErrorCode,
    EventEmitter,
    Explanation,
    Health,
    NoInput,
    ProbeResult,
    Slot,
    Snapshot,
)

TASKS: set[asyncio.Task[None]] = set()


class Config(BaseModel):
    """Name of the box, and what is wrong with it."""

    host: str
    code: SecretStr
    fault: str = ""


class Answer(BaseModel):
    """Result of `ask`."""

    number: int


async def _ask(driver: Driver, _: NoInput) -> object:
    match driver.config.fault:
        case "capability raises":
            raise RuntimeError(driver.config.code.get_secret_value())
        case "capability hangs":
            await asyncio.Event().wait()
        case "capability breaks":
            return {"number": driver.config.code.get_secret_value()}
        case "capability blocks":
            time.sleep(1.2)  # noqa: ASYNC251 - this is the fault
    return {"number": 1}


class Driver(ConnectedDriver[Config]):
    """Reads a box that is not there."""

    driver_key: ClassVar[str] = "faulty_box"
    Config: ClassVar[type[Config]] = Config
    manufacturer: ClassVar[str | None] = "Boxes"
    capabilities: ClassVar[tuple[Capability, ...]] = (
        *ConnectedDriver.capabilities,
        Capability(
            id="ask",
            name="Ask",
            description="Asks for a number.",
            run=_ask,
            output=Answer,
            read_only=True,
        ),
    )

    @override
    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        super().__init__(printer_id, config, emitter, services)
        self.printer_id = printer_id
        self.emitter = emitter
        self._fault("init")

    def _fault(self, place: str) -> None:
        if self.config.fault == place:
            raise RuntimeError(f"in {place}: {self.config.code.get_secret_value()}")

    @property
    @override
    def page(self) -> str:
        self._fault("page")
        return "http://192.0.2.9"

    @override
    async def start(self) -> None:
        self._fault("start")
        if self.config.fault == "leak":
            TASKS.add(asyncio.create_task(_endless()))
        await super().start()

    @override
    async def stop(self) -> None:
        await super().stop()
        self._fault("stop")

    @override
    def health(self) -> Health:
        self._fault("health")
        return {} if self.config.fault == "no health" else super().health()  # type: ignore[typeddict-item]

    @override
    def explain(self) -> Explanation:
        self._fault("explain")
        return super().explain()

    @override
    async def sync_state(self) -> None:
        self._fault("sync")

    @override
    async def inventory_addresses(self) -> Mapping[str, str]:
        self._fault("inventory")
        return {"spoolman": "http://192.0.2.9:7912"}

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
        box = Config.model_validate(config)
        if box.host == "redirected":
            raise DriverError(
                ErrorCode.REDIRECTED, placeholders={"target": "http://there"}
            )
        if box.host == "raises":
            raise RuntimeError(f"in probe: {box.code.get_secret_value()}")
        if box.host != "box":
            raise DriverError(ErrorCode.HOST_NOT_FOUND)
        return ProbeResult(identity="box-1", name="My box", model="Box")

    @override
    async def run_session(self) -> None:
        self._fault("session")
        with self.connected():
            self.connection.message_received(b"{}")
            self.observe(
                Snapshot(complete=True, direct_slots=(Slot(slot_no=1, present=False),))
            )
            match self.config.fault:
                case "block":
                    time.sleep(1.2)  # noqa: ASYNC251 - this is the fault
                case "flood":
                    for _ in range(5_000):
                        self.emitter.emit({"event_type": "nonsense"})
                case "invalid":
                    for event in ({}, {"event_type": 5}, {"event_type": "ams_state"}):
                        self.emitter.emit(event)
            await asyncio.Event().wait()


async def _endless() -> None:
    await asyncio.Event().wait()
