"""What every driver of a connection can be asked to do."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ..network.retries import race
from ..redaction import Pseudonyms
from .base import DriverError, ErrorCode
from .capabilities import Capability, InvokeError, InvokeErrorCode, NoInput
from .capture import Recorded, Recording, make_capture
from .connection_test import ConnectionTest, Step
from .explanation import PrinterReport, SlotExplanation
from .health import UnitVersions

if TYPE_CHECKING:
    from .connected_driver import ConnectedDriver

# Of a capture on request.
_MOST_BYTES: Final = 5_000_000


class SyncStateOutput(BaseModel):
    """When the state was requested; the report arrives as any other does."""

    requested_at: datetime


class ConnectionTestOutput(BaseModel):
    """Whether it can be connected, and the steps of that in their order."""

    ok: bool
    steps: list[Step]


class CaptureInput(BaseModel):
    """For how many seconds to record."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[int, Field(ge=1, le=60)] = 10


class CaptureOutput(BaseModel):
    """What the printer sent, as `scripts/replay` reads it.

    messages: how many arrived; the capture also has the earlier ones they depend on.
    truncated: there were more than 5 MB, and the recording ended early.
    """

    seconds: float
    messages: int
    truncated: bool
    capture: dict[str, Any]


class ExplainSlotInput(BaseModel):
    """A slot, by its numbers from 1; without a unit it is one of the printer itself."""

    model_config = ConfigDict(extra="forbid")

    ams_unit_no: Annotated[int, Field(ge=1)] | None = None
    slot_no: Annotated[int, Field(ge=1)]


class ExplainSlotOutput(BaseModel):
    """Why a slot reads as it does, and the report that holds for all slots."""

    slot: SlotExplanation
    printer: PrinterReport


class VersionsOutput(BaseModel):
    """What printer and units report about themselves; see Health."""

    printer: dict[str, str | None]
    units: list[UnitVersions]


async def _sync_state(driver: ConnectedDriver[Any], _: NoInput) -> Mapping[str, Any]:
    health = driver.health()
    if not health["connected"]:
        error = health["last_error"]
        raise DriverError(
            ErrorCode(error["code"]) if error else ErrorCode.CONNECTION_LOST
        )
    await driver.sync_state()
    return {"requested_at": driver.services.clock.now()}


async def _test_connection(
    driver: ConnectedDriver[Any], _: NoInput
) -> ConnectionTestOutput:
    """Test it with the driver's own probe, or the driver's other steps."""
    services = driver.services
    test = ConnectionTest(driver.connection_steps, services.clock)
    # A printer has room for few clients.
    async with driver.testing:
        try:
            await driver.try_connection(replace(services, step=test.step))
        except DriverError as err:
            test.failed(err)
    return ConnectionTestOutput(
        ok=all(step.ok for step in test.steps), steps=test.steps
    )


async def _capture(driver: ConnectedDriver[Any], wanted: CaptureInput) -> CaptureOutput:
    """Record, and replace ids and secrets, in a thread as it may take a second."""
    clock, connection = driver.services.clock, driver.connection
    recording = Recording(clock, _MOST_BYTES)
    earlier = connection.recorder.significant()
    started_at = clock.monotonic()
    connection.recordings.add(recording)
    try:
        await race(clock.sleep(wanted.seconds), _until_full(recording))
    finally:
        connection.recordings.discard(recording)
    return CaptureOutput(
        seconds=round(clock.monotonic() - started_at, 3),
        messages=len(recording.messages),
        truncated=recording.full.is_set(),
        capture=await asyncio.to_thread(
            _redacted, driver, [*earlier, *recording.messages]
        ),
    )


async def _until_full(recording: Recording) -> None:
    await recording.full.wait()


def _redacted(driver: ConnectedDriver[Any], recorded: list[Recorded]) -> dict[str, Any]:
    made = make_capture(
        driver.driver_key, driver.capture_about, recorded, driver.capture_frame
    )
    values = (
        value.get_secret_value() if isinstance(value, SecretStr) else value
        for _, value in driver.config
    )
    secrets = [value for value in values if isinstance(value, str)]
    masked: dict[str, Any] = Pseudonyms(ids=(), secrets=secrets).mask(made)
    return masked


async def _explain_slot(
    driver: ConnectedDriver[Any], wanted: ExplainSlotInput
) -> Mapping[str, Any]:
    explanation = driver.explain()
    for slot in explanation["slots"]:
        if (slot["ams_unit_no"], slot["slot_no"]) == (
            wanted.ams_unit_no,
            wanted.slot_no,
        ):
            return {"slot": slot, "printer": explanation["printer"]}
    raise InvokeError(InvokeErrorCode.INVALID_PAYLOAD, "slot_no: there is no such slot")


async def _versions(driver: ConnectedDriver[Any], _: NoInput) -> Mapping[str, Any]:
    health = driver.health()
    return {"printer": health["versions"], "units": health.get("units", [])}


CONNECTION_CAPABILITIES: Final = (
    Capability(
        id="sync_state",
        name="Request the full state",
        description="Asks the printer to report its full state.",
        run=_sync_state,
        output=SyncStateOutput,
        read_only=True,
    ),
    Capability(
        id="test_connection",
        name="Test the connection",
        description=(
            "Connects to the printer step by step, beside the existing connection, and "
            "shows the result of each step."
        ),
        run=_test_connection,
        output=ConnectionTestOutput,
        read_only=True,
        timeout=60.0,
    ),
    Capability(
        id="capture",
        name="Record messages",
        description=(
            "Records what the printer sends, for a bug report. IDs and secrets are "
            "replaced."
        ),
        run=_capture,
        input=CaptureInput,
        output=CaptureOutput,
        read_only=True,
        timeout=75.0,
    ),
    Capability(
        id="explain_slot",
        name="Explain a slot",
        description="Shows why a slot reads as it does.",
        run=_explain_slot,
        input=ExplainSlotInput,
        output=ExplainSlotOutput,
        read_only=True,
    ),
    Capability(
        id="versions",
        name="Show versions",
        description=(
            "Shows the model, firmware and hardware that the printer and its units report."
        ),
        run=_versions,
        output=VersionsOutput,
        read_only=True,
    ),
)
