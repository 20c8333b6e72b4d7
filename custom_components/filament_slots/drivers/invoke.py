"""Runs a capability of a driver: payload and result follow its schemas, or it fails."""

import asyncio
from collections.abc import Mapping
import logging
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from .base import Driver, DriverError, DriverStatus, ErrorCode
from .capabilities import Capability, InvokeError, InvokeErrorCode
from .faults import fault

_LOGGER = logging.getLogger(__name__)

_STOPPED: Final = frozenset(
    {DriverStatus.STOPPED, DriverStatus.STOPPING, DriverStatus.CONFIG_ERROR}
)


async def invoke(
    driver: Driver,
    capability_id: str,
    payload: Mapping[str, Any],
    timeout: float | None = None,
) -> dict[str, Any]:
    """Return the result of a capability, which is JSON.

    timeout: in seconds; None for that of the capability.

    Raises InvokeError.
    """
    capability = _find(driver, capability_id)
    if driver.health()["status"] in _STOPPED:
        raise InvokeError(InvokeErrorCode.DRIVER_STOPPED)
    try:
        given = capability.input.model_validate(payload)
    except Exception as err:
        raise InvokeError(InvokeErrorCode.INVALID_PAYLOAD, _what(err)) from err
    result = await _run(driver, capability, given, timeout or capability.timeout)
    try:
        plain = result.model_dump() if isinstance(result, BaseModel) else result
        return capability.output.model_validate(plain).model_dump(mode="json")
    except Exception as err:
        # A model of another component can fail in any way.
        raise InvokeError(InvokeErrorCode.INVALID_OUTPUT, _what(err)) from err


def _find(driver: Driver, capability_id: str) -> Capability:
    """Return the capability that may be run."""
    for each in driver.capabilities:
        if each.id == capability_id:
            if not each.read_only:
                raise InvokeError(InvokeErrorCode.NOT_READ_ONLY)
            return each
    raise InvokeError(InvokeErrorCode.UNKNOWN_CAPABILITY)


async def _run(
    driver: Driver, capability: Capability, payload: BaseModel, timeout: float
) -> object:
    """Return the result; a capability that ignores its cancellation is not awaited."""
    # Eagerly, as a driver that stops in between would not end it.
    task = asyncio.create_task(driver.perform(capability, payload), eager_start=True)
    try:
        done, _ = await asyncio.wait((task,), timeout=timeout)
    finally:
        task.cancel()
    if not done:
        raise InvokeError(InvokeErrorCode.TIMEOUT, f"{timeout:g}")
    if task.cancelled():
        # By the driver, which was stopped.
        raise InvokeError(InvokeErrorCode.DRIVER_STOPPED)
    try:
        return task.result()
    except InvokeError:
        raise
    except DriverError as err:
        raise InvokeError(InvokeErrorCode.CAPABILITY_FAILED, err.code) from err
    except Exception as err:
        _LOGGER.error("The capability %s failed: %s", capability.id, fault(err))
        raise InvokeError(
            InvokeErrorCode.CAPABILITY_FAILED, ErrorCode.DRIVER_BROKEN
        ) from err


def _what(err: Exception) -> str:
    """Return what is wrong, with the names of the fields and without the values."""
    if not isinstance(err, ValidationError):
        return type(err).__name__
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'all'}: {each['msg']}"
        for each in err.errors(
            include_url=False, include_context=False, include_input=False
        )
    )
