"""Calls by HTTP: what fails, pauses, the circuit, the API key."""

import asyncio
from collections.abc import AsyncIterator, Callable
import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.filament_slots.drivers.base import (
    Counters,
    DriverError,
    ErrorCode,
)
from custom_components.filament_slots.drivers.moonraker_filament import jsonrpc, polling
from custom_components.filament_slots.drivers.moonraker_filament.config import Config
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.drivers.moonraker_filament.jsonrpc import (
    Refusal,
    RpcError,
)
from custom_components.filament_slots.drivers.moonraker_filament.polling import (
    PolledRpc,
)
from custom_components.filament_slots.network.http import without_redirects
from custom_components.filament_slots.network.retries import Retries
from tests.clock import FakeClock
from tests.drivers.fake_host import FakeHost

from .proxy import Fault, Proxy, proxy

pytestmark = pytest.mark.usefixtures("socket_enabled")

READY = {"result": {"klippy_state": "ready"}}
UNAUTHORIZED = {"error": {"code": 401, "message": "Unauthorized"}}


class Caller:
    """Calls through a proxy that answers as a test sets it, on a fake clock."""

    def __init__(self, served: Proxy, session: aiohttp.ClientSession) -> None:
        self.served = served
        self.clock = FakeClock()
        self.counters = Counters()
        self.taken: list[dict[str, Any]] = []
        self.received: list[bytes] = []
        self.retries = Retries(self.clock, lambda: 0.0)
        self.rpc = PolledRpc(
            Config.model_validate(served.config),
            session,
            self.retries,
            self.clock,
            self.taken.append,
            self._process,
            self.counters,
        )

    def _process(self, data: bytes, take: Callable[[bytes], None]) -> None:
        self.received.append(data)
        take(data)

    def answers(self, *answers: Fault) -> None:
        """Answer with these, one after the other; the last one stays."""
        left = list(answers)

        def answer() -> web.Response:
            return (left.pop(0) if len(left) > 1 else left[0])()

        self.served.fault = answer

    async def call(self, method: str = "server.info", **params: Any) -> Any:
        """Call, and let the pauses pass; return the result and the time that it took."""
        task = asyncio.create_task(self.rpc.call(method, params or None))
        async with asyncio.timeout(10):
            while not task.done():
                await asyncio.sleep(0.005)
                if self.clock.pending:
                    await self.clock.advance(0.5)
        return task.result()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with (
        proxy("http://127.0.0.1:9") as served,
        aiohttp.ClientSession() as session,
        without_redirects(session) as own,
    ):
        yield Caller(served, own)


def answering(
    answer: object, status: int = 200, **headers: str
) -> Callable[[], web.Response]:
    return lambda: web.json_response(answer, status=status, headers=headers)


def page(status: int, **headers: str) -> Callable[[], web.Response]:
    return lambda: web.Response(
        status=status, text="<html>proxy</html>", headers=headers
    )


async def test_an_answer_is_taken_before_its_caller_gets_the_result(
    caller: Caller,
) -> None:
    caller.answers(answering(READY))

    assert await caller.call() == {"klippy_state": "ready"}

    assert caller.taken == [{"id": 1, **READY}]
    assert [json.loads(each) for each in caller.received] == [READY]
    assert caller.served.requests == [("GET", "/server/info")]


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        ("printer.info", {}, "/printer/info"),
        ("machine.system_info", {}, "/machine/system_info"),
        ("printer.objects.list", {}, "/printer/objects/list"),
        ("server.spoolman.status", {}, "/server/spoolman/status"),
        (
            "server.database.get_item",
            {"namespace": "moonraker", "key": "instance_id"},
            "/server/database/item",
        ),
        (
            "printer.objects.subscribe",
            {"objects": {"mmu": ["gate"]}},
            "/printer/objects/query",
        ),
    ],
)
async def test_each_call_is_a_get_request(
    caller: Caller, method: str, params: dict[str, Any], path: str
) -> None:
    caller.answers(answering({"result": {}}))

    await caller.call(method, **params)

    assert caller.served.requests == [("GET", path)]


async def test_a_long_query_is_split_and_its_answers_are_one(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_QUERY_MAX", 30)
    status = iter([{"gate one": {"a": 1}}, {"gate two": {"a": 2}}])
    caller.served.fault = lambda: web.json_response(
        {"result": {"eventtime": 5.0, "status": next(status)}}
    )
    objects = {"gate one": ["a", "load", "prep"], "gate two": ["a", "load", "prep"]}

    found = await caller.call("printer.objects.query", objects=objects)

    assert found["status"] == {"gate one": {"a": 1}, "gate two": {"a": 2}}
    assert len(caller.served.requests) == 2
    assert len(caller.taken) == 1


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (answering(UNAUTHORIZED, 401), Refusal.UNAUTHORIZED),
        (
            answering({"error": {"code": 404, "message": "Not Found"}}, 404),
            Refusal.NO_SUCH_METHOD,
        ),
        (
            answering(
                {"error": {"code": 503, "message": "Klippy Host not connected"}}, 503
            ),
            Refusal.KLIPPY_UNAVAILABLE,
        ),
        (answering({"error": {"code": 400, "message": "Bad"}}, 400), Refusal.OTHER),
    ],
)
async def test_an_error_of_moonraker_is_an_answer(
    caller: Caller, answer: Fault, refusal: Refusal
) -> None:
    caller.answers(answer)

    with pytest.raises(RpcError) as caught:
        await caller.call()

    assert caught.value.refusal is refusal
    assert caller.retries.failures == 0


@pytest.mark.parametrize(
    "answer",
    [
        page(200),
        page(502),
        page(503),
        answering(["no", "object"]),
        answering({"neither": 1}),
        lambda: web.Response(body=b"\xff\xfe{"),
        lambda: web.Response(body=b"[" * 100_000),
        lambda: web.Response(body=b" " * (jsonrpc.BYTES_PARSED_MAX + 1)),
    ],
    ids=["page", "502", "503", "list", "no answer", "no UTF-8", "deep", "long"],
)
async def test_what_is_no_answer_is_requested_again_after_a_pause(
    caller: Caller, answer: Fault
) -> None:
    caller.answers(answer, answer, answering(READY))

    assert await caller.call() == {"klippy_state": "ready"}

    assert caller.clock.monotonic() == pytest.approx(3, abs=1)
    assert len(caller.served.requests) == 3
    assert caller.retries.failures == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (page(502), ErrorCode.CONNECTION_REFUSED),
        (page(429), ErrorCode.CONNECTION_REFUSED),
        (page(403), ErrorCode.INVALID_AUTH),
        (page(200), ErrorCode.WRONG_SERVICE),
    ],
)
async def test_the_circuit_opens_for_a_minute_after_five_failures_and_then_tries_once(
    caller: Caller, answer: Fault, code: ErrorCode
) -> None:
    caller.answers(answer)

    with pytest.raises(DriverError) as caught:
        await caller.call()
    assert caught.value.code is code
    assert len(caller.served.requests) == 5
    assert caller.retries.is_open

    await caller.clock.advance(59)
    with pytest.raises(DriverError):
        await caller.call()
    assert not await caller.rpc.answers()
    assert len(caller.served.requests) == 5

    await caller.clock.advance(1.5)
    with pytest.raises(DriverError):
        await caller.call()
    assert len(caller.served.requests) == 6

    await caller.clock.advance(61)
    caller.answers(answering(READY))
    assert await caller.call() == {"klippy_state": "ready"}
    assert caller.retries.failures == 0


async def test_a_slow_answer_is_given_up(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "ANSWER_TIMEOUT", 0.05)
    caller.answers(answering(READY))
    caller.served.delay = 0.3

    with pytest.raises(DriverError) as caught:
        await caller.call()

    assert caught.value.code is ErrorCode.CONNECTION_TIMEOUT


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7),
        ("20", 20),
        ("86400", 300),
        ("9" * 40, 300),
        ("-5", 1),
        ("soon", 1),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Thu, 01 Jan 2015 00:00:30 GMT", 1),
    ],
)
async def test_the_pause_that_a_busy_server_asks_for_is_kept(
    caller: Caller, asked: str, seconds: float
) -> None:
    caller.answers(page(429, **{"Retry-After": asked}), answering(READY))

    if seconds > 10:
        # The session ends, so that the printer shows as not connected.
        with pytest.raises(DriverError) as caught:
            await caller.call()
        assert caught.value.code is ErrorCode.CONNECTION_REFUSED
        await caller.clock.advance(seconds - 5)
        assert len(caller.served.requests) == 1
    assert await caller.call() == {"klippy_state": "ready"}

    assert caller.clock.monotonic() == pytest.approx(seconds, abs=1.5)
    assert len(caller.served.requests) == 2


async def test_the_api_key_is_shown_only_where_it_is_needed(caller: Caller) -> None:
    caller.answers(answering(UNAUTHORIZED, 401), answering(READY))

    with pytest.raises(RpcError):
        await caller.call()
    assert await caller.call("server.connection.identify", api_key="s3cr3t") == {}
    await caller.call()

    assert caller.served.keys == [None, "s3cr3t"]


async def test_a_redirect_is_not_followed(caller: Caller) -> None:
    caller.answers(page(302, Location="http://elsewhere/server/info"))

    with pytest.raises(DriverError) as caught:
        await caller.call()

    assert caught.value.code is ErrorCode.REDIRECTED
    assert caught.value.placeholders == {"target": "http://elsewhere/"}


@pytest.mark.parametrize(
    "answer",
    [
        page(200),
        page(403),
        answering({"result": {}}),
        answering({"error": {"code": 404}}, 404),
    ],
)
async def test_where_no_moonraker_answers_the_refusal_of_the_websocket_is_the_error(
    caller: Caller, answer: Fault
) -> None:
    caller.served.socket_status = 404
    caller.answers(answer)
    async with aiohttp.ClientSession() as session:
        services = FakeHost(session=session).services

        with pytest.raises(DriverError) as caught:
            await Driver.probe(caller.served.config, services)

    assert caught.value.code is ErrorCode.WRONG_SERVICE
    assert caller.served.requests[0] == ("GET", "/server/info")


async def test_a_moonraker_with_a_key_is_recognised_by_http_too(
    caller: Caller,
) -> None:
    caller.answers(answering(UNAUTHORIZED, 401))
    async with aiohttp.ClientSession() as session:
        services = FakeHost(session=session).services

        with pytest.raises(DriverError) as caught:
            await Driver.probe(caller.served.config, services)

    assert caught.value.code is ErrorCode.INVALID_AUTH
