"""Spoolman's websocket: reports changes, no state at first, and repeats nothing.

See docs/protocols/spoolman.md 4. Nothing is ever sent to it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from yarl import URL

from ...network.http import RedirectedError
from ..base import InventoryError, InventoryErrorCode
from .config import Config
from .rest import API, redirected, unreachable

_CONNECT_TIMEOUT: Final = 10.0
# The server sends pings as well; behind a proxy each side needs its own.
_HEARTBEAT: Final = 30.0
# An extra field holds up to 64 kB, and a spool, its filament and its vendor have many.
_BYTES_MAX: Final = 8 * 1024 * 1024
# Stopping must not wait for a server that is gone.
_CLOSE_TIMEOUT: Final = 0.1
# With users switched on, a connection is accepted and closed.
_REFUSED: Final = (4401, 4403)

type Socket = aiohttp.ClientWebSocketResponse[bool]


@asynccontextmanager
async def open_socket(
    config: Config, base: URL, http: aiohttp.ClientSession, pool: str = ""
) -> AsyncIterator[Socket]:
    """Connect to the socket for all changes, or to another one; raises InventoryError."""
    socket = await _connect(config, base, http, pool)
    try:
        yield socket
    finally:
        await socket.close()


async def listen(socket: Socket, take: Callable[[bytes], None]) -> None:
    """Pass on each frame until the connection ends, then raise InventoryError."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.ERROR:
            break
        take(message.data)
        # A message that has arrived already is read without waiting, so that a flood
        # would leave the rest of Home Assistant no turn.
        await asyncio.sleep(0)
    code = socket.close_code
    raise InventoryError(
        (
            InventoryErrorCode.INVALID_AUTH
            if code in _REFUSED
            else InventoryErrorCode.CONNECTION_LOST
        ),
        f"closed with code {code or 'none'}",
    )


async def _connect(
    config: Config, base: URL, http: aiohttp.ClientSession, pool: str
) -> Socket:
    secure = base.scheme == "https"
    # With the slash: without it the handshake is answered with an error.
    url = (base / API / pool).with_scheme("wss" if secure else "ws")
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            return await http.ws_connect(
                url,
                headers=config.headers,
                ssl=config.verify_ssl,
                heartbeat=_HEARTBEAT,
                max_msg_size=_BYTES_MAX,
                decode_text=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
            )
    except RedirectedError as err:
        raise redirected(err, f"/{API}/{pool}") from err
    except aiohttp.WSServerHandshakeError as err:
        raise InventoryError(_refused(err.status), f"HTTP status {err.status}") from err
    except (aiohttp.ClientError, OSError, UnicodeError) as err:
        raise unreachable(err) from err


def _refused(status: int) -> InventoryErrorCode:
    """Return the meaning of a status that did not open a websocket.

    A wrong path is answered with 403, too, but this one is right.
    """
    match status:
        case 401 | 403:
            return InventoryErrorCode.INVALID_AUTH
        case 500 | 502 | 503 | 504:
            return InventoryErrorCode.SERVER_ERROR
    # The server has answered to REST, so that this is a proxy without websockets.
    return InventoryErrorCode.WEBSOCKET_REFUSED
