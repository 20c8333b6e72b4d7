"""What answers at an address where something else was expected."""

from typing import Final

import aiohttp
from yarl import URL

from ...network.http import look_at
from ..base import DriverError, ErrorCode
from .config import PORT

# Errors of an attempt with the wrong one of HTTP and HTTPS.
_MAYBE_SCHEME: Final = frozenset(
    {
        ErrorCode.CONNECTION_TIMEOUT,
        ErrorCode.CONNECTION_LOST,
        ErrorCode.TLS_FAILED,
        ErrorCode.WRONG_SERVICE,
    }
)
_OTHER: Final = {
    ("ws", "https"): ErrorCode.HTTPS_NOT_HTTP,
    ("wss", "http"): ErrorCode.HTTP_NOT_HTTPS,
}
# In the answer to `server.info`, which a Moonraker with an API key refuses
# (docs/protocols/moonraker.md 1.2).
_MARKS: Final = (b'"klippy_connected"', b'"Unauthorized"')


async def other_scheme(
    err: DriverError, url: URL, session: aiohttp.ClientSession
) -> DriverError | None:
    """Return that a port speaks the other one of HTTP and HTTPS, if that is the cause.

    url: of the WebSocket that could not be opened for the reason `err`.
    """
    if err.code not in _MAYBE_SCHEME or url.host is None or url.port is None:
        return None
    found = await look_at(session, url.host, url.port)
    code = _OTHER.get((url.scheme, found[0])) if found else None
    if found is None or code is None:
        return None
    offered = URL.build(
        scheme=found[0],
        host=url.host,
        port=url.port,
        path=url.path.removesuffix("websocket"),
    )
    return DriverError(code, f"it speaks {found[0]}", suggested={"host": str(offered)})


async def look_for_moonraker(
    session: aiohttp.ClientSession, host: str, port: int | None
) -> str | None:
    """Return the name of a Moonraker at this host and port, or at the usual port."""
    for known in {PORT, port or PORT}:
        found = await look_at(session, host, known, "/server/info")
        if found and any(mark in found[1] for mark in _MARKS):
            return "Moonraker"
    return None
