"""JSON-RPC 2.0 with Moonraker, over one WebSocket (docs/protocols/moonraker.md 1.1 to 1.8)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto
from itertools import count
import ssl
from typing import Any, Final

import aiohttp
import orjson

from ..base import Counters, DriverError, ErrorCode
from .config import Config

type Frame = dict[str, Any]

ANSWER_TIMEOUT: Final = 10.0
_CONNECT_TIMEOUT: Final = 10.0
# Moonraker passes on up to 20 MiB from Klippy. Larger ones than aiohttp may take end
# the connection, so those must fit; parsing them would hold up the event loop, and
# nothing that was asked for is a tenth of that.
_BYTES_TAKEN_MAX: Final = 32 * 1024 * 1024
_BYTES_PARSED_MAX: Final = 2 * 1024 * 1024
# Who stops must not wait for a printer that is gone.
_CLOSE_TIMEOUT: Final = 0.1


class Refusal(Enum):
    """Why a call failed, by what it means: one code can mean several things."""

    UNAUTHORIZED = auto()
    NO_SUCH_METHOD = auto()
    KLIPPY_AWAY = auto()
    NO_ANSWER = auto()
    OTHER = auto()


class RpcError(Exception):
    """A call that Moonraker did not answer with a result."""

    def __init__(self, refusal: Refusal, method: str) -> None:
        """Say which call failed and why."""
        super().__init__(f"{method}: {refusal.name.lower().replace('_', ' ')}")
        self.refusal = refusal


class JsonRpc:
    """Calls, their answers and everything else that arrives, in the order it does.

    `take` is given each notification, and each answer to a call before the caller is.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse[bool],
        take: Callable[[Frame], None],
        heard: Callable[[bytes], None],
        counters: Counters,
    ) -> None:
        """Speak over a socket that is open; nothing is read before listen()."""
        self._socket = socket
        self._take = take
        self._heard = heard
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

        Raises RpcError when there is none, DriverError CONNECTION_LOST when the
        connection is gone.
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
            raise DriverError(ErrorCode.CONNECTION_LOST, "while asking") from err
        finally:
            del self._waiting[request_id]
        if "result" in reply:
            return reply["result"]
        raise RpcError(_refusal(reply.get("error")), method)

    async def listen(self) -> None:
        """Take what arrives until the connection ends, then raise DriverError."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                break
            self._heard(message.data)
            frame = self._parse(message.data)
            if frame is not None:
                self._sort(frame)
        raise DriverError(
            ErrorCode.CONNECTION_LOST,
            f"closed with code {self._socket.close_code or 'none'}",
        )

    def _parse(self, data: bytes) -> Frame | None:
        try:
            frame = orjson.loads(data) if len(data) <= _BYTES_PARSED_MAX else None
        except orjson.JSONDecodeError:
            frame = None
        if isinstance(frame, dict):
            return frame
        self._counters.decode_errors += 1
        return None

    def _sort(self, frame: Frame) -> None:
        """Hand on notifications, and answers that somebody waits for."""
        # Nearly all there is, several times a second.
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


@asynccontextmanager
async def open_rpc(
    config: Config,
    session: aiohttp.ClientSession,
    take: Callable[[Frame], None],
    heard: Callable[[bytes], None],
    counters: Counters,
) -> AsyncIterator[JsonRpc]:
    """Connect to a Moonraker.

    Raises DriverError with the code of what is in the way. A wrong key is not: it is
    found out with the first call, as Moonraker takes every connection.
    """
    key = config.api_key.get_secret_value()
    socket = await _connect(config, session, {"X-Api-Key": key} if key else {})
    try:
        yield JsonRpc(socket, take, heard, counters)
    finally:
        await socket.close()


async def _connect(
    config: Config, session: aiohttp.ClientSession, headers: Mapping[str, str]
) -> aiohttp.ClientWebSocketResponse[bool]:
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            return await session.ws_connect(
                config.url,
                headers=headers,
                ssl=config.verify_ssl,
                max_msg_size=_BYTES_TAKEN_MAX,
                decode_text=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
            )
    except aiohttp.WSServerHandshakeError as err:
        raise DriverError(_refused(err.status), f"HTTP status {err.status}") from err
    except aiohttp.ClientResponseError as err:
        raise DriverError(ErrorCode.WRONG_SERVICE, "speaks no HTTP") from err
    except (aiohttp.ClientConnectorDNSError, UnicodeError) as err:
        raise DriverError(ErrorCode.HOST_NOT_FOUND, "the name has no address") from err
    except (aiohttp.ClientSSLError, ssl.SSLError) as err:
        raise DriverError(ErrorCode.TLS_FAILED, type(err).__name__) from err
    except aiohttp.ClientConnectorError as err:
        if isinstance(err.os_error, ConnectionRefusedError):
            raise DriverError(
                ErrorCode.CONNECTION_REFUSED, "the port is closed"
            ) from err
        # No route to a host that is switched off.
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err
    except TimeoutError as err:
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err
    except (aiohttp.ClientError, OSError) as err:
        raise DriverError(ErrorCode.CONNECTION_LOST, type(err).__name__) from err


def _refused(status: int) -> ErrorCode:
    """Say what an HTTP answer means that did not open a WebSocket."""
    match status:
        case 401 | 403:
            return ErrorCode.INVALID_AUTH
        case 500 | 502 | 503 | 504:
            # A proxy whose Moonraker is off, or one that takes no more clients.
            return ErrorCode.CONNECTION_REFUSED
        case _:
            return ErrorCode.WRONG_SERVICE


def _refusal(error: object) -> Refusal:
    """Say what an error means.

    Unauthorized, in whatever words, has the code of invalid parameters; a method that
    is missing may be one that Klippy has not registered yet (docs/protocols/moonraker.md 1.2, 1.8).
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
            return Refusal.KLIPPY_AWAY
    return Refusal.OTHER
