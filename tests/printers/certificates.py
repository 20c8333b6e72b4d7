"""Certificates as Bambu Lab printers have them: X.509 v1, CN = serial, no extensions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

_SERIAL_NUMBERS = count(1 << 56)
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, both in PEM."""

    pem: str
    key: str

    def load_into(self, context: ssl.SSLContext) -> None:
        """Make it what a server shows from its next connection on."""
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "printer.pem"
            chain.write_text(self.pem + self.key, encoding="ascii")
            context.load_cert_chain(chain)


def make_certificate(
    common_name: str | None, not_after: datetime | None = None
) -> Certificate:
    """Make a v1 certificate, signed by an unknown authority.

    common_name: None for a certificate whose subject is empty.

    The usual libraries build v3 only, so the few fields of a v1 certificate are put
    together here (RFC 5280 4.1).
    """
    authority = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    not_after = not_after or datetime.now(UTC) + timedelta(days=3650)
    to_be_signed = _sequence(
        _der(0x02, next(_SERIAL_NUMBERS).to_bytes(8)),
        _ECDSA_WITH_SHA256,
        _name("BBL CA"),
        _sequence(_time(not_after - timedelta(days=3700)), _time(not_after)),
        _name(common_name) if common_name is not None else _sequence(),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    signature = authority.sign(to_be_signed, ec.ECDSA(SHA256()))
    der = _sequence(to_be_signed, _ECDSA_WITH_SHA256, _der(0x03, b"\0" + signature))
    return Certificate(
        ssl.DER_cert_to_PEM_cert(der),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _name(common_name: str) -> bytes:
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, common_name)
    return x509.Name([attribute]).public_bytes()


def _time(at: datetime) -> bytes:
    """Return an UTCTime; two digits of year are what v1 certificates of today have."""
    return _der(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
