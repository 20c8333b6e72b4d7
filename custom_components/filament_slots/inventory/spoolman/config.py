"""The configuration of a connection to Spoolman."""

import re
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from .url import base_urls

# A header name (RFC 9110, 5.6.2).
_HEADER: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$"
# What a header must not hold.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _address(address: str) -> str:
    base_urls(address)
    return address


def _stripped(key: object) -> object:
    return key.strip() if isinstance(key, str) else key


def _printable(key: SecretStr) -> SecretStr:
    if _CONTROL.search(key.get_secret_value()):
        raise ValueError("must not hold control characters")
    return key


class Config(BaseModel):
    """A Spoolman server (docs/protocols/spoolman.md 1).

    url: as the user enters it; once a probe has found the server, its base URL.
    api_key: value of a header, empty for a server that asks for none. It is for a proxy,
    or for a version of Spoolman that knows users.
    api_key_header: the name of that header.
    verify_ssl: False accepts any certificate, such as a self-signed one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=512),
        AfterValidator(_address),
    ]
    api_key: Annotated[
        SecretStr,
        BeforeValidator(_stripped),
        Field(max_length=1024),
        AfterValidator(_printable),
    ] = SecretStr("")
    api_key_header: Annotated[
        str, StringConstraints(strip_whitespace=True, pattern=_HEADER)
    ] = "X-API-Key"
    verify_ssl: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request. There is no Origin, which would be refused."""
        key = self.api_key.get_secret_value()
        return {self.api_key_header: key} if key else {}
