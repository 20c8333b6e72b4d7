"""The configuration of a Moonraker connection."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)
from yarl import URL

from .url import websocket_url

PORT = 7125


def _address(address: str) -> str:
    websocket_url(address, PORT)
    return address


def _stripped(key: object) -> object:
    return key.strip() if isinstance(key, str) else key


class Config(BaseModel):
    """A Klipper printer behind its Moonraker (docs/protocols/moonraker.md 1.1, 1.2).

    host: a host, host:port or URL; `port` does not apply to a URL.
    api_key: empty if Moonraker trusts the network of its client.
    verify_ssl: False accepts any certificate, such as a self-signed one.
    instance_id: the id that Moonraker reported during set-up, None if it has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=512),
        AfterValidator(_address),
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = PORT
    api_key: Annotated[SecretStr, BeforeValidator(_stripped), Field(max_length=256)] = (
        SecretStr("")
    )
    verify_ssl: bool = True
    instance_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @property
    def url(self) -> URL:
        """The URL of the WebSocket."""
        return websocket_url(self.host, self.port)

    @property
    def page(self) -> str:
        """The URL of Moonraker's own page."""
        url = self.url
        scheme = "https" if url.scheme == "wss" else "http"
        return str(
            url.with_scheme(scheme).with_path(url.path.removesuffix("websocket"))
        )
