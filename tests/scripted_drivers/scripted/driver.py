"""A driver with no printer behind it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, override

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from custom_components.filament_slots.drivers.base import (
    Driver as BaseDriver,
    DriverServices,
    DriverStatus,
    ErrorCode,
    EventEmitter,
    ProbeResult,
)
from custom_components.filament_slots.drivers.capabilities import Capability
from custom_components.filament_slots.drivers.explanation import Explanation
from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.snapshot import NO_MEMORY, Snapshot

NAME = "Scripted"
AT = "2026-01-01T00:00:00+00:00"


class Config(BaseModel):
    """The same fields as a Bambu Lab printer has."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    serial: Annotated[str, Field(min_length=4)]
    access_code: Annotated[SecretStr, Field(min_length=1, max_length=64)]
    certificate: str | None = None


class Text(BaseModel):
    """Payload and result of `echo`."""

    text: Annotated[str, Field(max_length=20)]


async def _echo(driver: Driver, given: Text) -> Text:
    return given


ECHO = Capability(
    id="echo",
    name="Echo",
    description="Returns the text.",
    run=_echo,
    input=Text,
    output=Text,
    read_only=True,
)


class Driver(BaseDriver):
    """Emits events and reports health as the test sets them, and counts its calls."""

    driver_key: ClassVar[str] = "scripted"
    Config: ClassVar[type[Config]] = Config
    capabilities: ClassVar[tuple[Capability, ...]] = (ECHO,)

    def __init__(
        self,
        printer_id: int,
        config: Mapping[str, Any],
        emitter: EventEmitter,
        services: DriverServices,
    ) -> None:
        """Keep everything for the test to read."""
        self.config = Config.model_validate(config)
        self.printer_id = printer_id
        self.services = services
        self.started = self.stopped = self.synced = 0
        self.at_stop: Mapping[str, Any] | None = None
        self.explanation: Explanation | None = None
        self._emitter = emitter
        self._health: Health = {
            "driver_key": "scripted",
            "status": "stopped",
            "connected": False,
            "since": AT,
            "last_message_at": None,
            "attempts": 0,
            "next_retry_in": None,
            "circuit": "closed",
            "last_error": None,
            "counters": {
                "messages": 0,
                "bytes": 0,
                "ignored": 0,
                "decode_errors": 0,
                "events": 0,
                "reconnects": 0,
            },
            "versions": {},
            "transitions": [],
        }

    @override
    async def start(self) -> None:
        self.started += 1

    @override
    async def stop(self) -> None:
        self.stopped += 1
        if self.at_stop is not None:
            self.emit(self.at_stop)
        self.show(DriverStatus.STOPPED, connected=False)

    @override
    def health(self) -> Health:
        return self._health.copy()

    @override
    def explain(self) -> Explanation | None:
        return self.explanation

    @override
    async def sync_state(self) -> None:
        self.synced += 1

    def show(
        self,
        status: DriverStatus,
        *,
        connected: bool | None = None,
        error: ErrorCode | None = None,
        **more: Any,
    ) -> None:
        """Set the health and publish the change; from any thread."""
        self._health.update(
            {
                "status": status.value,
                "connected": (
                    status is DriverStatus.RUNNING if connected is None else connected
                ),
                **more,  # type: ignore[typeddict-item]
            }
        )
        if error is not None:
            self._health["last_error"] = {"code": error.value, "message": "", "at": AT}
        self.services.health_changed()

    def emit(self, event: Mapping[str, Any]) -> None:
        """Send an event of this printer; from any thread."""
        self._emitter.emit({"printer_id": self.printer_id, **event})

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
        known = Config.model_validate(config)
        return ProbeResult(
            identity=known.serial,
            name=f"X1C {known.serial[-4:]}",
            model="X1C",
            config={"certificate": f"certificate of {known.serial}"},
        )

    @classmethod
    @override
    async def recognise(
        cls, config: Mapping[str, Any], services: DriverServices
    ) -> bool:
        Config.model_validate(config)
        return True
