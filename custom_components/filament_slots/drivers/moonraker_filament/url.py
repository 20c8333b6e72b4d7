"""Moonraker's WebSocket URL from the address that a user enters."""

from typing import Final

from yarl import URL

from ...network.address import parse_address

_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def websocket_url(text: str, port: int) -> URL:
    """Return the URL of the WebSocket for a host, host:port or URL.

    A URL is complete, as in a browser: its route prefix is kept, and without a port
    the default of its scheme applies. `port` is for a bare host.
    Raises ValueError, whose text never repeats the input: it may hold a password.
    """
    address = parse_address(text)
    scheme = _SOCKET_SCHEMES.get(address.scheme or "ws")
    if scheme is None:
        raise ValueError("must begin with http, https, ws or wss")
    prefix = address.path.removesuffix("/websocket")
    try:
        return URL.build(
            scheme=scheme,
            host=address.host,
            port=address.port or (None if address.scheme else port),
            path=f"{prefix}/websocket",
        )
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None
