"""The address of a Spoolman server, from what a user pastes."""

from typing import Final
from urllib.parse import unquote, urlsplit

from yarl import URL

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
    address = address.strip()
    whole = "://" in address
    if not whole and address.count(":") > 1 and not address.startswith("["):
        address = f"[{address}]"  # a bare IPv6 address
    try:
        parts = urlsplit(address if whole else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("must begin with http or https")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    if not host or any(letter.isspace() for letter in host):
        raise ValueError("has no host")
    if port == 0:
        raise ValueError("must have a port between 1 and 65535")
    if port is None and not whole:
        port = _PORT
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    try:
        return tuple(
            URL.build(
                scheme=parts.scheme,
                host=host,
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
