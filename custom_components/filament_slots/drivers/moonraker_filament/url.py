"""Moonraker's WebSocket URL from the address that a user enters."""

from typing import Final
from urllib.parse import urlsplit

from yarl import URL

_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def websocket_url(address: str, port: int) -> URL:
    """Return the URL of the WebSocket for a host, host:port or URL.

    A URL is complete, as in a browser: its route prefix is kept, and without a port
    the default of its scheme applies. `port` is for a bare host.
    Raises ValueError, whose text never repeats the input: it may hold a password.
    """
    address = address.strip()
    whole = "://" in address
    if not whole and address.count(":") > 1 and not address.startswith("["):
        address = f"[{address}]"  # a bare IPv6 address
    try:
        parts = urlsplit(address if whole else f"ws://{address}")
        host, named_port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None
    scheme = _SOCKET_SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ValueError("must begin with http, https, ws or wss")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    if not host or any(letter.isspace() for letter in host):
        raise ValueError("has no host")
    if named_port == 0:
        raise ValueError("must have a port between 1 and 65535")
    prefix = parts.path.rstrip("/").removesuffix("/websocket")
    try:
        return URL.build(
            scheme=scheme,
            host=host,
            port=named_port or (None if whole else port),
            path=f"{prefix}/websocket",
        )
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None
