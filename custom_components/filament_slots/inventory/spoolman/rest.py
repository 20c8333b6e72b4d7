"""Requests to Spoolman's REST API, and what its answers mean (docs/protocols/spoolman.md 2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from ...network.http import Failure, RedirectedError, failure
from ..base import InventoryError, InventoryErrorCode
from .config import Config
from .url import as_address, base_urls

API: Final = "api/v1"
# The setting with the address that labels have.
BASE_URL: Final = "base_url"
_TIMEOUT: Final = 30.0
# A page of spools has some hundred kilobytes. Anything may answer at an address.
_BYTES_MAX: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON value, and how many rows there are of which it is a page, if that is known."""

    body: Any
    total: int | None


class StatusError(InventoryError):
    """An answer that is an error, with its HTTP status.

    has_message: whether a rule of Spoolman is behind it: a 404 without a message is
    about the path, not about an object.
    """

    def __init__(
        self, code: InventoryErrorCode, status: int, *, has_message: bool = False
    ) -> None:
        """Create it with the code of its meaning."""
        super().__init__(code, f"HTTP status {status}")
        self.status = status
        self.has_message = has_message


class Rest:
    """Sends requests to one server, never elsewhere.

    http: follows no redirects (see network/http.py).
    """

    def __init__(self, config: Config, base: URL, http: aiohttp.ClientSession) -> None:
        """Take the base URL of the server; the one of the config may be of a page."""
        self.base = base
        self._config = config
        self._http = http

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a request below /api/v1.

        Raises InventoryError: StatusError for an answer that is an error.
        """
        return await self._request("GET", path, query)

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Change something below /api/v1; return the answer. Raises as `get` does.

        It may have been changed whatever is raised.
        """
        return await self._request(method, path, body=body)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                self._http.request(
                    method,
                    self.base / API / path,
                    params=query,
                    json=body,
                    headers=self._config.headers,
                    ssl=self._config.verify_ssl,
                ) as response,
            ):
                data = await _read(response)
        except RedirectedError as err:
            raise redirected(err, f"/{API}/{path}") from err
        except (aiohttp.ClientError, OSError, UnicodeError) as err:
            raise unreachable(err) from err
        return _answer(response, data)

    async def read_version(self) -> str:
        """Return the version of the server.

        Raises InventoryError: WRONG_SERVICE for anything but Spoolman.
        """
        match (await self.get("info")).body:
            case {"version": str(version)} if version.strip():
                return version.strip()[:64]
        raise InventoryError(
            InventoryErrorCode.WRONG_SERVICE, "the answer is none of Spoolman"
        )

    async def read_page(self, offset: int, limit: int) -> Answer:
        """Return a page of the spools, archived ones included, by their ids."""
        answer = await self.get(
            "spool",
            {
                "allow_archived": "true",
                "sort": "id:asc",
                "limit": str(limit),
                "offset": str(offset),
            },
        )
        if not isinstance(answer.body, list):
            raise InventoryError(
                InventoryErrorCode.WRONG_SERVICE, "the answer is no list of spools"
            )
        return answer

    async def relays_scans(self) -> bool:
        """Return whether the server relays scans of tags (docs/protocols/spoolman.md 6.2).

        Raises InventoryError, not for an answer that is an error.
        """
        try:
            return isinstance((await self.get("tag/reader")).body, list)
        except StatusError:
            return False

    async def read_label_address(self) -> str | None:
        """Return the URL that the owner has set for labels, if any.

        Raises InventoryError, not for an answer that is an error: nothing depends on it.
        """
        try:
            answer = await self.get(f"setting/{BASE_URL}")
            address = orjson.loads(answer.body["value"])
            return as_address(base_urls(address)[0]) if address else None
        except StatusError, KeyError, TypeError, ValueError, AttributeError:
            return None


def redirected(err: RedirectedError, suffix: str) -> InventoryError:
    """Return the error for a redirect, with where it leads."""
    shown, offered = err.target(suffix)
    return InventoryError(
        InventoryErrorCode.REDIRECTED,
        shown,
        placeholders={"target": shown},
        suggested={"url": as_address(URL(offered))} if offered else None,
    )


def unreachable(err: Exception) -> InventoryError:
    """Return the error for a request that was not answered."""
    cause, detail = failure(err)
    if cause is Failure.NOT_HTTP:
        return InventoryError(InventoryErrorCode.WRONG_SERVICE, detail)
    return InventoryError(InventoryErrorCode(cause.value), detail)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    left = _BYTES_MAX
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        left -= len(chunk)
        if left < 0:
            raise InventoryError(
                InventoryErrorCode.WRONG_SERVICE, "the answer is too large"
            )
    return b"".join(chunks)


def _answer(response: aiohttp.ClientResponse, data: bytes) -> Answer:
    """Return the answer; a web page that answers 200 is none."""
    match response.status:
        case 200 | 201:
            pass
        case 401 | 403:
            raise StatusError(InventoryErrorCode.INVALID_AUTH, response.status)
        case 400 if _is_message(data):
            # It answers to the names in SPOOLMAN_ALLOWED_HOSTS only.
            raise StatusError(InventoryErrorCode.HOST_REFUSED, 400)
        case 429 | 500 | 502 | 503 | 504:
            raise StatusError(InventoryErrorCode.SERVER_ERROR, response.status)
        case status:
            raise StatusError(
                InventoryErrorCode.WRONG_SERVICE, status, has_message=_is_message(data)
            )
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise InventoryError(
            InventoryErrorCode.WRONG_SERVICE, "the answer is no JSON"
        ) from None
    total = response.headers.get("x-total-count", "")
    # No digits of another script: those are decimal, too.
    return Answer(body, int(total) if total.isascii() and total.isdigit() else None)


def _is_message(data: bytes) -> bool:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and "message" in body
