"""TLS connections with trust on first use: only the printer's own certificate is valid.

The certificate is X.509 v1 with CN = serial and no SAN, and the authorities that
sign it change with the firmware (docs/protocols/bambu.md 1.2). So its signature is not
verified: the printer must present the certificate that it had when it was added.
"""

import asyncio
from collections.abc import Callable
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ..base import DriverError, ErrorCode, MarkStep, unmeasured
from ..tcp import open_tcp
from .wire import serial_number

CONNECT_TIMEOUT = 10.0

# X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for. A certificate that is
# compared as a whole proves no less when it has expired, and a clock that is wrong after
# a power cut must not lock the user out.
_NO_CHECK_TIME = 0x200000


async def fetch_certificate(
    host: str, port: int, serial: str, step: MarkStep = unmeasured
) -> str:
    """Return the printer's certificate in PEM; nothing is sent after the handshake.

    step: marks the steps `name`, `port`, `tls` and `identity`.

    Raises DriverError: WRONG_PRINTER when it names another serial, or the reason why it
    could not be fetched.
    """
    der = await _shown_certificate(host, port, step)
    with step("identity"):
        if _common_name(der) != serial:
            raise DriverError(
                ErrorCode.WRONG_PRINTER, "its certificate names another serial"
            )
    return ssl.DER_cert_to_PEM_cert(der)


async def fetch_serial(host: str, port: int) -> str | None:
    """Return the serial that a printer's certificate names; None for another name.

    Raises DriverError with the reason why the certificate could not be fetched.
    """
    der = await _shown_certificate(host, port, unmeasured)
    return serial_number(_common_name(der))


def new_certificate(known: str | None, shown: str) -> DriverError:
    """Return the error for a printer that shows another certificate than the known one.

    known, shown: in PEM. The error names the fingerprints of both.
    """
    return DriverError(
        ErrorCode.NEW_CERTIFICATE,
        "it shows another certificate",
        placeholders={
            "old": _fingerprint(known) if known else "–",
            "new": _fingerprint(shown),
        },
        suggested={"certificate": shown},
    )


def pinned_context(certificate: str) -> ssl.SSLContext:
    """Return a context that trusts this certificate (PEM) and no other.

    It reads no file and takes a tenth of a millisecond. Raises ssl.SSLError for one that
    is not a certificate.
    """
    context = _bambu_context()
    context.load_verify_locations(cadata=certificate)
    # A v1 certificate has no extensions, and the leaf itself is the anchor.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    return context


async def open_tls(
    host: str, port: int, context: ssl.SSLContext, step: MarkStep = unmeasured
) -> ssl.SSLSocket:
    """Return a non-blocking TLS socket, its handshake done.

    It can be cancelled at once: no thread waits for a host that does not answer.
    step: marks the steps `name`, `port` and `tls`.

    Raises ssl.SSLCertVerificationError for a certificate that the context does not
    trust, DriverError for all else.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            connection = await open_tcp(host, port, step)
            try:
                with step("tls"):
                    return await _shake_hands(connection, context)
            except BaseException:
                connection.close()
                raise
    except ssl.SSLCertVerificationError:
        raise
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError) as err:
        raise DriverError(
            ErrorCode.CONNECTION_LOST, "closed during the handshake"
        ) from err
    except ssl.SSLError as err:
        raise DriverError(
            ErrorCode.TLS_FAILED, err.reason or "handshake failed"
        ) from err
    except OSError as err:
        # Timed out.
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err


async def _shown_certificate(host: str, port: int, step: MarkStep) -> bytes:
    """Return the certificate that a server presents, in DER."""
    with await open_tls(host, port, _unverified_context(), step) as connection:
        return connection.getpeercert(binary_form=True) or b""


def _bambu_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unverified_context() -> ssl.SSLContext:
    context = _bambu_context()
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(pem: str) -> str:
    """Return the SHA-256 fingerprint as browsers and OpenSSL show it."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _common_name(der: bytes) -> str:
    try:
        subject = x509.load_der_x509_certificate(der).subject
        return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    except (ValueError, IndexError) as err:
        raise DriverError(ErrorCode.TLS_FAILED, "its certificate has no name") from err


async def _shake_hands(
    connection: socket.socket, context: ssl.SSLContext
) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    tls = context.wrap_socket(connection, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(tls, loop.add_reader, loop.remove_reader)
            except ssl.SSLWantWriteError:
                await _ready(tls, loop.add_writer, loop.remove_writer)
            else:
                return tls
    except BaseException:
        tls.close()
        raise


async def _ready(
    connection: socket.socket,
    add: Callable[..., None],
    remove: Callable[[socket.socket], bool],
) -> None:
    ready = asyncio.Event()
    add(connection, ready.set)
    try:
        await ready.wait()
    finally:
        remove(connection)
