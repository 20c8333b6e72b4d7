"""Addresses as people enter them: a host, `host:port` or a URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that was entered.

    scheme: in lower case; None for what is no URL.
    host: a name or an IP address, without brackets.
    port: None where none was entered.
    path: without the slash at its end.
    """

    scheme: str | None
    host: str
    port: int | None
    path: str


def parse_address(text: str) -> Address:
    """Return the parts of an address; query and fragment are left out.

    Raises ValueError, whose text never repeats the input: it may hold a password.
    """
    text = text.strip()
    whole = "://" in text
    if not whole and text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"  # a bare IPv6 address
    try:
        parts = urlsplit(text if whole else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is neither a host nor a URL") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    if not host or any(letter.isspace() for letter in host):
        raise ValueError("has no host")
    if port == 0:
        raise ValueError("must have a port between 1 and 65535")
    return Address(
        scheme=parts.scheme if whole else None,
        host=host,
        port=port,
        path=parts.path.rstrip("/"),
    )
