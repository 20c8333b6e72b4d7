"""JSON-RPC 2.0 with Moonraker, over one WebSocket (docs/protocols/moonraker.md 1.1 to 1.8)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto
from itertools import count
from typing import Any, Final, Protocol

import aiohttp
import orjson

from ...network.http import Failure, RedirectedError, failure, without_redirects
from ..base import Counters, DriverError, ErrorCode
from .config import Config

type Frame = dict[str, Any]
type Process = Callable[[bytes, Callable[[bytes], None]], None]

ANSWER_TIMEOUT: Final = 10.0
_CONNECT_TIMEOUT: Final = 10.0
# Moonraker passes on messages of up to 20 MiB from Klippy. One above aiohttp's limit
# ends the connection, so they must fit. Parsing them would block the event loop, and no
# requested answer is a tenth of that.
_BYTES_RECEIVED_MAX: Final = 32 * 1024 * 1024
BYTES_PARSED_MAX: Final = 1024 * 1024
# Stopping must not wait for a printer that is gone.
_CLOSE_TIMEOUT: Final = 0.1


def unrecorded(data: bytes, take: Callable[[bytes], None]) -> None:
    """Process a message of a connection that only asks something."""
    take(data)


class Refusal(Enum):
    """Why a call failed; one error code can have several meanings."""

    UNAUTHORIZED = auto()
    NO_SUCH_METHOD = auto()
    KLIPPY_UNAVAILABLE = auto()
    NO_ANSWER = auto()
    OTHER = auto()


class RpcError(Exception):
    """A call that failed or was not answered."""

    def __init__(self, refusal: Refusal, method: str) -> None:
        """Create it for a method and the reason."""
        super().__init__(f"{method}: {refusal.name.lower().replace('_', ' ')}")
        self.refusal = refusal


class HandshakeRefusedError(DriverError):
    """A server that answers by HTTP opens no WebSocket."""


class Rpc(Protocol):
    """Calls of a Moonraker and their answers, over a WebSocket or by HTTP.

    polled: nothing is received but answers.
    """

    polled: bool

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Return the result of a call; raises RpcError if there is none."""

    async def listen(self) -> None:
        """Receive until the connection ends."""


class JsonRpc:
    """Calls, answers and notifications of one connection, in their order.

    take: receives each notification, and each answer before its caller does.
    process: receives each message as bytes, with what takes it.
    """

    polled = False

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse[bool],
        take: Callable[[Frame], None],
        process: Process,
        counters: Counters,
    ) -> None:
        """Use an open socket; nothing is read before listen()."""
        self._socket = socket
        self._take = take
        self._process = process
        self._counters = counters
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Return the result of a call.

        Raises RpcError if there is none, DriverError CONNECTION_LOST if the
        connection is lost.
        """
        request_id = next(self._ids)
        request: Frame = {"jsonrpc": "2.0", "method": method, "id": request_id}
        if params is not None:
            request["params"] = params
        answer = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            async with asyncio.timeout(timeout or ANSWER_TIMEOUT):
                await self._socket.send_str(orjson.dumps(request).decode())
                reply = await answer
        except TimeoutError:
            raise RpcError(Refusal.NO_ANSWER, method) from None
        except (ConnectionError, aiohttp.ClientError) as err:
            raise DriverError(ErrorCode.CONNECTION_LOST, "during a call") from err
        finally:
            del self._waiting[request_id]
        if "result" in reply:
            return reply["result"]
        raise RpcError(refusal(reply.get("error")), method)

    async def listen(self) -> None:
        """Process messages until the connection ends, then raise DriverError."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                break
            if message.type is aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not aiohttp.WSMsgType.PONG:
                self._process(message.data, self._take_message)
            # A message that has arrived already is read without waiting, so that a flood
            # would leave the rest of Home Assistant no turn.
            await asyncio.sleep(0)
        raise DriverError(
            ErrorCode.CONNECTION_LOST,
            f"closed with code {self._socket.close_code or 'none'}",
        )

    def _take_message(self, data: bytes) -> None:
        frame = self._parse(data)
        if frame is not None:
            self._sort(frame)

    def _parse(self, data: bytes) -> Frame | None:
        try:
            frame = orjson.loads(data) if len(data) <= BYTES_PARSED_MAX else None
        except orjson.JSONDecodeError:
            frame = None
        if isinstance(frame, dict):
            return frame
        self._counters.decode_errors += 1
        self._counters.refuse("a message is no JSON object")
        return None

    def _sort(self, frame: Frame) -> None:
        """Pass on notifications, and answers to pending calls."""
        # Nearly all messages, several a second.
        if "id" not in frame and isinstance(frame.get("method"), str):
            self._take(frame)
            return
        match frame:
            case {"id": int(request_id)} if (
                not isinstance(request_id, bool)
                and ("result" in frame or "error" in frame)
                and (answer := self._waiting.get(request_id))
                and not answer.done()
            ):
                self._take(frame)
                answer.set_result(frame)
            case _:
                self._counters.ignored += 1
                self._counters.refuse("an answer to no call")


@asynccontextmanager
async def open_rpc(
    config: Config,
    session: aiohttp.ClientSession,
    take: Callable[[Frame], None],
    process: Process,
    counters: Counters,
) -> AsyncIterator[JsonRpc]:
    """Connect to a Moonraker, without its API key (see `identity.authorise`).

    Raises DriverError with the cause of a failure.
    """
    async with without_redirects(session) as own:
        socket = await connect(config, own)
        try:
            yield JsonRpc(socket, take, process, counters)
        finally:
            await socket.close()


async def connect(
    config: Config, session: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse[bool]:
    """Open a WebSocket. Raises HandshakeRefusedError, or another DriverError."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            return await session.ws_connect(
                config.url,
                ssl=config.verify_ssl,
                max_msg_size=_BYTES_RECEIVED_MAX,
                decode_text=False,
                # In listen(): a flood of pings would be answered in one go.
                autoping=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
            )
    except RedirectedError as err:
        raise redirected(err, "/websocket") from err
    except aiohttp.WSServerHandshakeError as err:
        raise HandshakeRefusedError(
            status_error(err.status), f"HTTP status {err.status}"
        ) from err
    except (aiohttp.ClientError, OSError, UnicodeError) as err:
        raise unreachable(err) from err


def redirected(err: RedirectedError, path: str) -> DriverError:
    """Return the error for a redirect of a path below the address."""
    shown, offered = err.target(path)
    return DriverError(
        ErrorCode.REDIRECTED,
        shown,
        placeholders={"target": shown},
        suggested={"host": offered} if offered else None,
    )


def unreachable(err: Exception) -> DriverError:
    """Return the error for one of aiohttp or of the system."""
    cause, detail = failure(err)
    if cause is Failure.NOT_HTTP:
        return DriverError(ErrorCode.WRONG_SERVICE, detail)
    return DriverError(ErrorCode(cause), detail)


def status_error(status: int) -> ErrorCode:
    """Return the meaning of an HTTP status that is no answer of Moonraker."""
    match status:
        case 401 | 403:
            return ErrorCode.INVALID_AUTH
        case 429 | 500 | 502 | 503 | 504:
            # A proxy whose Moonraker is down, or that accepts no more clients.
            return ErrorCode.CONNECTION_REFUSED
        case _:
            return ErrorCode.WRONG_SERVICE


def refusal(error: object) -> Refusal:
    """Return the meaning of an error.

    "Unauthorized" has the code of invalid parameters, with varying texts. A missing
    method may be one that Klippy has not registered yet (docs/protocols/moonraker.md 1.2, 1.8).
    """
    match error:
        case {"code": -32602, "message": str(text)} if text.startswith(
            "Invalid params"
        ):
            return Refusal.OTHER
        case {"code": -32602 | 401}:
            return Refusal.UNAUTHORIZED
        case {"code": -32601 | 404}:
            return Refusal.NO_SUCH_METHOD
        case {"code": 503}:
            return Refusal.KLIPPY_UNAVAILABLE
    return Refusal.OTHER
