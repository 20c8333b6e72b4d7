"""The calls of a Moonraker by HTTP, where a proxy refuses WebSockets.

Only GET requests are sent (docs/protocols/moonraker.md 1.10).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Final, override

import aiohttp
import orjson
from yarl import URL

from ...network.clock import Clock
from ...network.http import RedirectedError, without_redirects
from ...network.retries import Retries
from ..base import Counters, DriverError, DriverServices, ErrorCode
from .config import Config
from .jsonrpc import (
    ANSWER_TIMEOUT,
    BYTES_PARSED_MAX,
    Frame,
    HandshakeRefusedError,
    Process,
    Refusal,
    Rpc,
    RpcError,
    connect,
    redirected,
    refusal,
    status_error,
    unreachable,
)

# Seconds between two attempts to open a WebSocket after all.
_AGAIN: Final = 300.0
# Seconds without a request once five have failed in a row.
_OPEN: Final = 60.0
# A longer pause ends the session, so that the printer shows as not connected.
_PATIENCE: Final = 10.0
_RETRY_AFTER_MAX: Final = 300.0
# Characters of a query; proxies take 8,000 for the whole line.
_QUERY_MAX: Final = 4000
_PATHS: Final = {
    "printer.objects.subscribe": "printer/objects/query",
    "server.database.get_item": "server/database/item",
}


class PolledRpc(Rpc):
    """Calls by HTTP, one at a time, with pauses after those that failed.

    A failed request is repeated after 1, 2, 4 and 8 s. After the fifth in a row, or
    where the server asks for a longer pause, calls fail without a request; the first
    one after the pause is sent.
    """

    polled = True

    def __init__(
        self,
        config: Config,
        session: aiohttp.ClientSession,
        retries: Retries,
        clock: Clock,
        take: Callable[[Frame], None],
        process: Process,
        counters: Counters,
    ) -> None:
        """Use an HTTP session that follows no redirects.

        retries: of all sessions with this Moonraker.
        take, process: as of JsonRpc.
        """
        self._config = config
        self._session = session
        self._retries = retries
        self._clock = clock
        self._take = take
        self._process = process
        self._counters = counters
        self._ids = count(1)
        self._headers: dict[str, str] = {}

    @override
    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Return the result of a call.

        Raises RpcError for an error of Moonraker, DriverError with the cause where
        nothing answers as it does.
        """
        if method == "server.connection.identify":
            # A request has no connection: each one shows the key.
            if key := (params or {}).get("api_key"):
                self._headers["X-Api-Key"] = key
            return {}
        reply: Frame = {"id": next(self._ids)}
        data = b""
        for url in self._urls(method, params or {}):
            if data:
                self._process(data, lambda _: None)
            data, answer = await self._answer(url, timeout or ANSWER_TIMEOUT)
            if "result" not in answer:
                self._process(data, lambda _: None)
                raise RpcError(refusal(answer["error"]), method)
            reply = _merged(reply, answer)
        self._process(data, lambda _: self._take(reply))
        return reply["result"]

    @override
    async def listen(self) -> None:
        """Return once a WebSocket is accepted again."""
        while True:
            await self._clock.sleep(_AGAIN)
            with suppress(DriverError):
                socket = await connect(self._config, self._session)
                await socket.close()
                return

    async def answers(self) -> bool:
        """Whether a Moonraker answers; asked once, and not during a pause."""
        if self._retries.next_in:
            return False
        try:
            _, answer = await self._request(self._url("server/info"), ANSWER_TIMEOUT)
        except _FailedError as err:
            self._failed(err)
            return False
        match answer:
            case {"result": {"klippy_state": str()}}:
                return True
            case {"error": error}:
                return refusal(error) is Refusal.UNAUTHORIZED
        return False

    async def _answer(self, url: URL, timeout: float) -> tuple[bytes, Frame]:
        while True:
            left = self._retries.next_in
            if left and (self._retries.is_open or left > _PATIENCE):
                raise DriverError(ErrorCode.CONNECTION_REFUSED, f"{left} s of pause")
            if left is not None:
                await self._retries.wait()
            try:
                return await self._request(url, timeout)
            except _FailedError as err:
                self._failed(err)
                if self._retries.is_open:
                    raise err.cause from err

    async def _request(self, url: URL, timeout: float) -> tuple[bytes, Frame]:
        """Return the answer of Moonraker, which may be an error, as it is and parsed.

        Raises _FailedError.
        """
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.get(
                    url, headers=self._headers, ssl=self._config.verify_ssl
                ) as response,
            ):
                data = await _read(response)
                pause = _retry_after(response, self._clock.now())
        except RedirectedError as err:
            raise redirected(err, url.path.removeprefix(self._base.path)) from err
        except (aiohttp.ClientError, OSError, UnicodeError) as err:
            raise _FailedError(unreachable(err)) from err
        answer = None if response.status == _TOO_MANY else _parsed(data)
        if answer is None:
            code = ErrorCode.WRONG_SERVICE
            if response.ok:
                self._counters.decode_errors += 1
                self._counters.refuse("an answer is none of Moonraker")
            else:
                code = status_error(response.status)
            cause = DriverError(code, f"HTTP status {response.status}")
            raise _FailedError(cause, pause)
        self._retries.reset()
        return data, answer

    def _failed(self, err: _FailedError) -> None:
        self._retries.failed()
        self._retries.schedule(max(err.pause, _OPEN if self._retries.is_open else 0.0))

    @property
    def _base(self) -> URL:
        return URL(self._config.page)

    def _url(self, path: str) -> URL:
        return self._base.joinpath(*path.split("/"))

    def _urls(self, method: str, params: Mapping[str, Any]) -> Iterable[URL]:
        """Yield the URLs of a call; a long query is split between objects."""
        url = self._url(_PATHS.get(method, method.replace(".", "/")))
        query: dict[str, str] = {}
        length = 0
        for name, value in params.get("objects", params).items():
            text = value if isinstance(value, str) else ",".join(value)
            if query and length + len(name) + len(text) > _QUERY_MAX:
                yield url.with_query(query)
                query, length = {}, 0
            query[name] = text
            length += len(name) + len(text)
        yield url.with_query(query)


class _FailedError(Exception):
    """A request without an answer of Moonraker.

    cause: what a user is shown. pause: seconds that the server asked to wait.
    """

    def __init__(self, cause: DriverError, pause: float = 0.0) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.pause = pause


_TOO_MANY: Final = 429


@asynccontextmanager
async def open_polled(
    refused: HandshakeRefusedError,
    config: Config,
    session: aiohttp.ClientSession,
    retries: Retries,
    services: DriverServices,
    take: Callable[[Frame], None],
    process: Process,
    counters: Counters,
) -> AsyncIterator[PolledRpc]:
    """Reach a Moonraker by HTTP. Raises `refused` if none answers."""
    async with without_redirects(session) as own:
        rpc = PolledRpc(config, own, retries, services.clock, take, process, counters)
        if not await rpc.answers():
            raise refused
        yield rpc


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body; nothing of one that is longer than any answer that is needed."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > BYTES_PARSED_MAX:
            response.close()
            return b""
    return bytes(data)


def _parsed(data: bytes) -> Frame | None:
    """Return the answer; None for what no Moonraker sends."""
    with suppress(orjson.JSONDecodeError):
        answer = orjson.loads(data)
        if isinstance(answer, dict) and not {"result", "error"}.isdisjoint(answer):
            return answer
    return None


def _merged(reply: Frame, answer: Frame) -> Frame:
    """Return the parts of a query that was split as one answer."""
    match reply, answer:
        case {"result": {"status": dict(before)}}, {"result": {"status": dict(more)}}:
            result = answer["result"] | {"status": before | more}
            return reply | {"result": result}
    return reply | {"result": answer["result"]}


def _retry_after(response: aiohttp.ClientResponse, now: datetime) -> float:
    """Return how long to wait before the next request, in seconds; 0 if not asked to."""
    asked = response.headers.get(aiohttp.hdrs.RETRY_AFTER, "").strip()
    seconds = 0.0
    if asked.isdecimal():
        seconds = float(asked[:6])
    else:
        with suppress(ValueError):
            at = parsedate_to_datetime(asked)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _RETRY_AFTER_MAX)
