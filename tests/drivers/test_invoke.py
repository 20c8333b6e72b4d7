"""Capabilities of a driver: what is run, and what is answered with an error."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import logging
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator
import pytest

from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.capabilities import (
    Capability,
    InvokeError,
    InvokeErrorCode,
    NoInput,
    check_capabilities,
)
from custom_components.filament_slots.drivers.invoke import invoke
from tests.scripted_drivers.scripted.driver import Driver

from .fake_host import FakeHost

SECRET = "s3cr3t-code"


class Number(BaseModel):
    """Payload and result."""

    number: Annotated[int, Field(ge=1)]


def driver_with(
    run: Callable[[Any, Any], Awaitable[object]], **fields: Any
) -> tuple[Driver, list[Any]]:
    """Return a running driver with the capability `count`, and the payloads it got."""
    payloads: list[Any] = []

    async def noted(driver: Driver, payload: Any) -> object:
        payloads.append(payload)
        return await run(driver, payload)

    host = FakeHost()
    config = {"host": "box", "serial": "box-1", "access_code": SECRET}
    driver = Driver(1, config, host.emitter, host.services)
    driver.show(DriverStatus.RUNNING)
    declared: dict[str, Any] = {
        "id": "count",
        "name": "Count",
        "description": "Counts.",
        "run": noted,
        "input": Number,
        "output": Number,
        "read_only": True,
    }
    driver.capabilities = (Capability(**declared | fields),)  # type: ignore[misc]
    return driver, payloads


async def _next(driver: Driver, payload: Number) -> dict[str, int]:
    return {"number": payload.number + 1}


async def _code(
    driver: Driver, capability: str = "count", payload: Any = None, **more: Any
) -> tuple[InvokeErrorCode, str]:
    with pytest.raises(InvokeError) as failed:
        await invoke(driver, capability, payload or {"number": 1}, **more)
    return failed.value.code, failed.value.reason


async def test_the_result_is_json_by_the_schema() -> None:
    class At(BaseModel):
        seconds: tuple[float, ...]

    async def run(driver: Driver, payload: NoInput) -> At:
        return At(seconds=(1, 2))

    driver, _ = driver_with(run, input=NoInput, output=At)

    assert await invoke(driver, "count", {}) == {"seconds": [1.0, 2.0]}


async def test_an_unknown_capability_is_named_as_such() -> None:
    driver, payloads = driver_with(_next)

    code, _ = await _code(driver, "print_a_boat")

    assert code == "unknown_capability"
    assert payloads == []


async def test_what_is_not_marked_as_read_only_is_not_run() -> None:
    driver, payloads = driver_with(_next, read_only=False)

    code, _ = await _code(driver)

    assert code == "not_read_only"
    assert payloads == []


def test_nothing_is_read_only_unless_it_is_marked() -> None:
    declared = Capability(id="a", name="", description="", run=_next, output=Number)

    assert not declared.read_only


@pytest.mark.parametrize(
    "status",
    [DriverStatus.STOPPED, DriverStatus.STOPPING, DriverStatus.CONFIG_ERROR],
)
async def test_a_stopped_driver_runs_nothing(status: DriverStatus) -> None:
    driver, payloads = driver_with(_next)
    driver.show(status)

    code, _ = await _code(driver)

    assert code == "driver_stopped"
    assert payloads == []


@pytest.mark.parametrize("status", [DriverStatus.RECONNECTING, DriverStatus.WAITING])
async def test_a_driver_without_a_connection_still_answers(
    status: DriverStatus,
) -> None:
    driver, _ = driver_with(_next)
    driver.show(status)

    assert await invoke(driver, "count", {"number": 1}) == {"number": 2}


async def test_a_wrong_payload_is_refused_with_its_fields_and_without_its_values() -> (
    None
):
    driver, payloads = driver_with(_next)

    code, reason = await _code(driver, payload={"number": SECRET})

    assert code == "invalid_payload"
    assert reason.startswith("number: ")
    assert SECRET not in reason
    assert payloads == []


async def test_a_model_that_fails_on_a_payload_refuses_it() -> None:
    class Faulty(BaseModel):
        @model_validator(mode="before")
        @classmethod
        def _fail(cls, _: Any) -> Any:
            raise RuntimeError(SECRET)

    driver, _ = driver_with(_next, input=Faulty)

    assert await _code(driver) == ("invalid_payload", "RuntimeError")


@pytest.mark.parametrize(
    "result", [{"number": 0}, {"number": SECRET}, {}, None, "text", object()]
)
async def test_a_result_that_breaks_its_own_schema_is_an_error(result: object) -> None:
    async def run(driver: Driver, payload: Number) -> object:
        return result

    driver, _ = driver_with(run)

    code, reason = await _code(driver)

    assert code == "invalid_output"
    assert SECRET not in reason


async def test_a_result_that_was_made_without_checks_is_checked() -> None:
    async def run(driver: Driver, payload: Number) -> Number:
        return Number.model_construct(number=0)

    driver, _ = driver_with(run)

    assert (await _code(driver))[0] == "invalid_output"


async def test_a_result_that_is_no_json_is_an_error() -> None:
    class Thing(BaseModel):
        thing: Any

    async def run(driver: Driver, payload: Number) -> dict[str, object]:
        return {"thing": object()}

    driver, _ = driver_with(run, output=Thing)

    assert (await _code(driver))[0] == "invalid_output"


async def test_no_response_in_time_is_an_error_and_ends_the_work() -> None:
    ended = asyncio.Event()

    async def run(driver: Driver, payload: Number) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    driver, _ = driver_with(run, timeout=0.01)

    assert await _code(driver) == ("timeout", "0.01")
    await asyncio.wait_for(ended.wait(), 1)
    assert await _code(driver, timeout=0.02) == ("timeout", "0.02")


async def test_work_that_ignores_its_cancellation_is_not_waited_for() -> None:
    released = asyncio.Event()

    async def run(driver: Driver, payload: Number) -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    driver, _ = driver_with(run)

    assert (await _code(driver, timeout=0.01))[0] == "timeout"
    released.set()


async def test_the_work_ends_with_the_caller() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def run(driver: Driver, payload: Number) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    driver, _ = driver_with(run)
    caller = asyncio.create_task(invoke(driver, "count", {"number": 1}))
    await started.wait()

    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(ended.wait(), 1)


async def test_work_that_was_cancelled_by_its_driver_was_stopped() -> None:
    async def run(driver: Driver, payload: Number) -> None:
        raise asyncio.CancelledError

    driver, _ = driver_with(run)

    assert (await _code(driver))[0] == "driver_stopped"


async def test_the_cause_of_a_failure_is_passed_on() -> None:
    async def run(driver: Driver, payload: Number) -> None:
        raise DriverError(ErrorCode.HOST_NOT_FOUND, "printer.local")

    driver, _ = driver_with(run)

    assert await _code(driver) == ("capability_failed", "host_not_found")


async def test_a_capability_can_refuse_what_its_schema_allows() -> None:
    async def run(driver: Driver, payload: Number) -> None:
        raise InvokeError(InvokeErrorCode.INVALID_PAYLOAD, "number: there is none")

    driver, _ = driver_with(run)

    assert await _code(driver) == ("invalid_payload", "number: there is none")


async def test_a_fault_is_logged_without_its_text_and_is_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run(driver: Driver, payload: Number) -> None:
        raise RuntimeError(SECRET)

    driver, _ = driver_with(run)

    assert await _code(driver) == ("capability_failed", "driver_broken")
    (logged,) = [r for r in caplog.records if r.name != "asyncio"]
    assert logged.levelno == logging.ERROR
    assert "count failed: RuntimeError in " in logged.getMessage()
    assert SECRET not in caplog.text


def _declared(capability_id: str, output: type[BaseModel] = Number) -> Capability:
    return Capability(
        id=capability_id, name="", description="", run=_next, output=output
    )


@pytest.mark.parametrize("wrong", ["", "Test", "a b", "1st", "x" * 65, "a\n"])
def test_an_id_is_a_short_name_in_lower_case(wrong: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id"):
        _declared(wrong)


class NoSchema(BaseModel):
    """A model that there is no JSON Schema of."""

    call: Callable[[], None]


@pytest.mark.parametrize(
    "declared",
    [
        [_declared("a")],
        ("a",),
        (_declared("a"), _declared("a")),
        (_declared("a", NoSchema),),
    ],
    ids=["a list", "no capability", "an id twice", "no schema"],
)
def test_what_is_declared_wrongly_is_refused(declared: object) -> None:
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        check_capabilities(declared)


def test_what_is_declared_rightly_is_accepted() -> None:
    check_capabilities((_declared("a"), _declared("b")))


def test_the_schemas_of_a_model_are_made_once() -> None:
    """They are listed for each printer; 50 would block for 0.2 s otherwise."""
    one, another = _declared("a"), _declared("b")

    assert one.output_schema is another.output_schema
    assert one.input_schema is another.input_schema
