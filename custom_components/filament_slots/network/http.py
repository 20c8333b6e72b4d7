"""HTTP without redirects, the causes of a failed connection, and what a port speaks."""

import asyncio
from enum import StrEnum
import ssl
from typing import Final

import aiohttp
from yarl import URL

# The statuses whose `Location` a client would follow.
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PATH_MAX: Final = 200
# Of a question that only improves the text of an error.
_LOOK_TIMEOUT: Final = 3.0
_ANSWER_MAX: Final = 4096


class Failure(StrEnum):
    """Why nothing could be reached."""

    HOST_NOT_FOUND = "host_not_found"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_LOST = "connection_lost"
    TLS_FAILED = "tls_failed"
    NOT_HTTP = "not_http"


class RedirectedError(Exception):
    """An answer that leads elsewhere, which is never followed."""

    def __init__(self, asked: URL, location: str) -> None:
        """Take the URL that was asked, and the header, which anything may have sent."""
        super().__init__("redirected")
        self._asked = asked
        self._location = location

    def target(self, suffix: str = "") -> tuple[str, str | None]:
        """Return where it leads, to show and to offer: as a user could enter it.

        suffix: what the client adds to every address. Only the same host over https is
        offered. What is no HTTP address is shown as a question mark.
        """
        target = redirect_target(self._asked, self._location, suffix)
        if target is None:
            return "?", None
        same = target.scheme == "https" and target.host == self._asked.host
        return str(target), str(target) if same else None


def failure(err: Exception) -> tuple[Failure, str]:
    """Return the cause of an error of aiohttp or of the system, with a text for the log."""
    match err:
        case aiohttp.ClientResponseError():
            return Failure.NOT_HTTP, "not an HTTP server"
        case aiohttp.ClientConnectorDNSError() | UnicodeError():
            return Failure.HOST_NOT_FOUND, "the name cannot be resolved"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failure.TLS_FAILED, type(err).__name__
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return Failure.CONNECTION_REFUSED, "the port is closed"
        # There is no route to a host that is switched off.
        case aiohttp.ClientConnectorError() | TimeoutError():
            return Failure.CONNECTION_TIMEOUT, "no answer"
    return Failure.CONNECTION_LOST, type(err).__name__


def without_redirects(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Return a session on the same connections that raises RedirectedError; to be closed.

    A middleware is the only way to keep a WebSocket from following redirects. The
    address of a service is the user's choice, never that of whatever answers.
    """
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=session.headers,
        middlewares=(_refuse_redirect,),
    )


async def look_at(
    session: aiohttp.ClientSession, host: str, port: int, path: str = "/"
) -> tuple[str, bytes] | None:
    """Return what a port speaks, `https` or `http`, and the answer to a path.

    None where no HTTP server answers. Nothing but the request is sent, no redirect is
    followed, and no certificate is verified: the answer proves nothing.
    """
    found = await asyncio.gather(
        *(
            _answer(session, scheme, host, port, path)
            # A server of HTTPS may answer plain HTTP as well, to refuse it.
            for scheme in ("https", "http")
        )
    )
    return next(filter(None, found), None)


async def _answer(
    session: aiohttp.ClientSession, scheme: str, host: str, port: int, path: str
) -> tuple[str, bytes] | None:
    try:
        url = URL.build(scheme=scheme, host=host, port=port, path=path)
        async with (
            asyncio.timeout(_LOOK_TIMEOUT),
            session.get(url, ssl=False, allow_redirects=False) as response,
        ):
            return scheme, await response.content.read(_ANSWER_MAX)
    except aiohttp.ClientError, OSError, ValueError:
        return None


def redirect_target(asked: URL, location: str, suffix: str = "") -> URL | None:
    """Return where a redirect leads, without `suffix`; None for no HTTP address.

    asked: the URL that was redirected. No user, query or fragment is kept.
    """
    secure = asked.scheme in ("https", "wss")
    try:
        target = asked.with_scheme("https" if secure else "http").join(URL(location))
        if target.scheme not in ("http", "https") or not target.host:
            return None
        return URL.build(
            scheme=target.scheme,
            host=target.host,
            port=target.explicit_port,
            path=target.path[:_PATH_MAX].removesuffix(suffix) or "/",
        )
    except ValueError:
        return None


async def _refuse_redirect(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise RedirectedError instead of following a redirect."""
    response = await handler(request)
    if response.status not in _REDIRECTS:
        return response
    response.close()
    location = response.headers.get(aiohttp.hdrs.LOCATION, "")
    raise RedirectedError(request.url, location)
