"""The configuration of a Bambu Lab printer."""

from typing import Annotated

from cryptography import x509
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)


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

    certificate: the printer's own, in PEM, as trusted when the printer was added; None
    before that.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=253)
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    serial: Annotated[str, BeforeValidator(_serial), Field(pattern=r"^[0-9A-Z]{15}$")]
    access_code: Annotated[SecretStr, Field(min_length=1, max_length=64)]
    certificate: Annotated[str, AfterValidator(_certificate)] | None = None
