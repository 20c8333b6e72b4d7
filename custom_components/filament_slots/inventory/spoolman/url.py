"""The address of a Spoolman server, from what a user pastes."""

from typing import Final
from urllib.parse import unquote

from yarl import URL

from ...network.address import parse_address

_PORT: Final = 7912
_SCHEMES: Final = ("http", "https")
# A page of the web client is at most this deep below the server's base path.
_SEGMENTS_MAX: Final = 8


def base_urls(address: str) -> tuple[URL, ...]:
    """Return where the server may be: at the address itself, or at a path above it.

    A user may paste the address of any page, and a server may be at any path, so that
    only the server itself can tell how much of the path is its own. The port of an
    address without scheme and port is Spoolman's own (docs/protocols/spoolman.md 1).
    Raises ValueError, whose text never repeats the input: it may hold a password.
    """
    parts = parse_address(address)
    if parts.scheme not in (None, *_SCHEMES):
        raise ValueError("must begin with http or https")
    port = parts.port
    if port is None and parts.scheme is None:
        port = _PORT
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    try:
        return tuple(
            URL.build(
                scheme=parts.scheme or "http",
                host=parts.host,
                port=port,
                path="/" + "/".join(segments[:length]),
            )
            for length in range(min(len(segments), _SEGMENTS_MAX), -1, -1)
        )
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None


def as_address(base: URL) -> str:
    """Return a base URL as it is stored and shown, without a slash at its end."""
    return str(base).rstrip("/")
