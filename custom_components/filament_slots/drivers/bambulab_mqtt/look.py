"""What answers at an address where something else was expected."""

import asyncio
from contextlib import suppress
from typing import Final

from ...network.http import look_at
from ..base import DriverError, DriverServices, ErrorCode
from .config import PORT, Config
from .tls import fetch_serial
from .versions import model_by_serial

_TIMEOUT: Final = 3.0
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


async def look_for_printer(host: str) -> str | None:
    """Return the model of the printer at this host, by its certificate."""
    with suppress(DriverError, TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            if serial := await fetch_serial(host, PORT):
                return f"Bambu Lab {model_by_serial(serial) or ''}".strip()
    return None
