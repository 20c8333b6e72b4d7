"""What every driver of a connection can be asked to do."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from .base import DriverError, ErrorCode
from .capabilities import Capability, InvokeError, InvokeErrorCode, NoInput
from .explanation import PrinterReport, SlotExplanation
from .health import UnitVersions

if TYPE_CHECKING:
    from .connected_driver import ConnectedDriver


class SyncStateOutput(BaseModel):
    """When the state was requested; the report arrives as any other does."""

    requested_at: datetime


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
        name="Versions",
        description="Shows which model, firmware and hardware the printer and its units report.",
        run=_versions,
        output=VersionsOutput,
        read_only=True,
    ),
)
