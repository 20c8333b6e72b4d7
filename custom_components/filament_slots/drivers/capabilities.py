"""Capabilities: what a driver can be asked to do, and the errors of that."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class NoInput(BaseModel):
    """The payload of a capability that needs none: `{}`."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Something that a driver can be asked to do.

    id: lower case, digits and underscores; unique within the driver.
    name, description: in English, for languages that there is no translation in.
    run: does it; takes the driver and the payload, an object of `input`, and returns the
    result, an object of `output` or what becomes one. It may raise DriverError with the
    cause of a failure, or InvokeError INVALID_PAYLOAD.
    input, output: the models of payload and result; they make the JSON Schemas.
    read_only: nothing is sent to the printer but requests that read. Only such a
    capability is run.
    timeout: the seconds that it may take where the caller sets no others.

    Raises ValueError for an id that is none.
    """

    id: str
    name: str
    description: str
    run: Callable[[Any, Any], Awaitable[object]]
    output: type[BaseModel]
    input: type[BaseModel] = NoInput
    read_only: bool = False
    timeout: float = 30.0

    def __post_init__(self) -> None:
        """Refuse an id that is none."""
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} cannot be the id of a capability")

    @property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the payload."""
        return _schema(self.input, "validation")

    @property
    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of the result."""
        return _schema(self.output, "serialization")


@cache
def _schema(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    """Return the JSON Schema of a model: made once, as it is listed for each printer."""
    return model.model_json_schema(mode=mode)


class InvokeErrorCode(StrEnum):
    """Why there is no result of a capability; each code has a text."""

    UNKNOWN_CAPABILITY = "unknown_capability"
    NOT_READ_ONLY = "not_read_only"
    DRIVER_STOPPED = "driver_stopped"
    INVALID_PAYLOAD = "invalid_payload"
    TIMEOUT = "timeout"
    CAPABILITY_FAILED = "capability_failed"
    INVALID_OUTPUT = "invalid_output"


class InvokeError(Exception):
    """A capability without a result.

    reason: what is wrong with the payload or the result, the seconds of a time-out, or
    the `ErrorCode` of a failure. It holds no values.
    """

    def __init__(self, code: InvokeErrorCode, reason: str = "") -> None:
        """Create it with a code."""
        super().__init__(f"{code}: {reason}" if reason else str(code))
        self.code = code
        self.reason = reason


class RunningTasks:
    """The tasks in which the capabilities of one driver run; they end with it."""

    def __init__(self) -> None:
        """Create it without tasks."""
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(
        self, work: Coroutine[Any, Any, object], context: Context | None = None
    ) -> object:
        """Return the result of the work; cancelled with the caller, or by `cancel`."""
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        try:
            return await task
        finally:
            self._tasks.discard(task)

    def cancel(self) -> None:
        """Cancel all."""
        for task in self._tasks:
            task.cancel()


def check_capabilities(declared: object) -> None:
    """Check what a driver declares.

    Raises TypeError or ValueError, or what pydantic raises for a model without a schema.
    """
    if not isinstance(declared, tuple):
        raise TypeError("its capabilities are not a tuple")
    known: set[str] = set()
    for each in declared:
        if not isinstance(each, Capability):
            raise TypeError("one of its capabilities is none")
        if each.id in known:
            raise ValueError(f"it has two capabilities {each.id!r}")
        known.add(each.id)
        _ = each.input_schema, each.output_schema
