"""The configuration of a Bambu Lab printer."""

from contextlib import suppress
from typing import Annotated, Any, Final

from cryptography import x509
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from ...network.address import parse_address

PORT: Final = 8883


def _host(address: str) -> str:
    return parse_address(address).host


def _stripped(code: object) -> object:
    return code.strip() if isinstance(code, str) else code


def _serial(serial: object) -> object:
    """Return it in upper case, as serials are; users type them in any case."""
    return serial.strip().upper() if isinstance(serial, str) else serial


def _certificate(pem: str) -> str:
    try:
        x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ValueError("must be a certificate in PEM") from None
    return pem


class Config(BaseModel):
    """A printer on the local network (docs/protocols/bambu.md 1.1).

    host: a host name or an IP address. Of a URL or `host:port`, which people enter as
    well, this is the host; a port in it is `port`.
    access_code: 8 characters (docs/protocols/bambu.md 1.1).
    certificate: the printer's own, in PEM, as trusted when the printer was added; None
    before that.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=512),
        AfterValidator(_host),
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = PORT
    serial: Annotated[str, BeforeValidator(_serial), Field(pattern=r"^[0-9A-Z]{15}$")]
    access_code: Annotated[
        SecretStr, BeforeValidator(_stripped), Field(min_length=8, max_length=8)
    ]
    certificate: Annotated[str, AfterValidator(_certificate)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _port_of_address(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take the port out of the address, if it holds one."""
        with suppress(KeyError, TypeError, AttributeError, ValueError):
            if port := parse_address(values["host"]).port:
                return {**values, "port": port}
        return values
