"""What answers at an address where something else was expected."""

import asyncio
from contextlib import closing, suppress
from typing import Final

from ...network.http import look_at
from ..base import DriverError, DriverServices, ErrorCode
from .config import PORT, Config
from .tls import fetch_serial
from .versions import model_by_serial

_TIMEOUT: Final = 3.0
# Where printers without TLS have their MQTT server (docs/protocols/bambu.md 1.2).
UNENCRYPTED_PORT: Final = 1883
# The small boards take up to 5 s to answer a CONNECT (docs/protocols/bambu.md 1.3).
_CONNACK_TIMEOUT: Final = 8.0
# MQTT 3.1.1 with a clean session: no client id, no user name, no password.
_CONNECT: Final = bytes.fromhex("100c 0004 4d515454 04 02 000a 0000")
_CONNACK: Final = bytes.fromhex("2002")
# Errors of an attempt to reach a web server as if it were a printer.
_MAYBE_HTTP: Final = frozenset(
    {
        ErrorCode.CONNECTION_TIMEOUT,
        ErrorCode.CONNECTION_LOST,
        ErrorCode.TLS_FAILED,
        ErrorCode.WRONG_PRINTER,
    }
)


async def web_server(
    err: DriverError, config: Config, services: DriverServices
) -> DriverError | None:
    """Return that the port speaks HTTP or HTTPS, if it does; no printer's port does.

    err: why the printer's certificate could not be fetched.
    """
    if err.code not in _MAYBE_HTTP or services.session is None:
        return None
    found = await look_at(services.session, config.host, config.port)
    return DriverError(ErrorCode.WEB_SERVER, f"it speaks {found[0]}") if found else None


async def unencrypted(err: DriverError, config: Config) -> DriverError | None:
    """Return that only MQTT without encryption answers at a host, if it does.

    err: why no TLS connection could be opened. The access code is not sent.
    """
    refused = err.code is ErrorCode.CONNECTION_REFUSED
    if not refused and config.port != UNENCRYPTED_PORT:
        return None
    with suppress(OSError, EOFError, UnicodeError):
        async with asyncio.timeout(_CONNACK_TIMEOUT):
            reader, writer = await asyncio.open_connection(
                config.host, UNENCRYPTED_PORT
            )
            with closing(writer):
                writer.write(_CONNECT)
                if await reader.readexactly(len(_CONNACK)) == _CONNACK:
                    return DriverError(
                        ErrorCode.UNENCRYPTED, f"MQTT on port {UNENCRYPTED_PORT}"
                    )
    return None


async def look_for_printer(host: str) -> str | None:
    """Return the model of the printer at this host, by its certificate."""
    with suppress(DriverError, TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            if serial := await fetch_serial(host, PORT):
                return f"Bambu Lab {model_by_serial(serial) or ''}".strip()
    return None
