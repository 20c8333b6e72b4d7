"""TCP connections that can be cancelled at once, and why there is none."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address
import socket
from typing import Any

from .base import DriverError, ErrorCode, MarkStep, unmeasured

type _Address = tuple[int, tuple[Any, ...]]


async def open_tcp(host: str, port: int, step: MarkStep = unmeasured) -> socket.socket:
    """Return a non-blocking socket that is connected to a host.

    No thread waits for a host that does not answer; there is no time limit.
    step: marks the steps `name` and `port`.

    Raises DriverError: HOST_NOT_FOUND, CONNECTION_REFUSED or CONNECTION_TIMEOUT.
    """
    try:
        with step("name"):
            addresses = await _addresses(host, port)
        with step("port"):
            return await _connect(addresses)
    except socket.gaierror as err:
        raise DriverError(ErrorCode.HOST_NOT_FOUND, "the name has no address") from err
    except ConnectionRefusedError as err:
        raise DriverError(ErrorCode.CONNECTION_REFUSED, "the port is closed") from err
    except OSError as err:
        # No route to a host that is switched off.
        raise DriverError(ErrorCode.CONNECTION_TIMEOUT, "no answer") from err


async def _addresses(host: str, port: int) -> list[_Address]:
    """Return the family and address of each address of a host.

    Only a name is looked up: that takes a thread for each printer.
    """
    with suppress(ValueError):
        is_v4 = ip_address(host).version == 4
        return [(socket.AF_INET if is_v4 else socket.AF_INET6, (host, port))]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, *_, address in found]


async def _connect(addresses: list[_Address]) -> socket.socket:
    """Connect to the first address that answers."""
    loop = asyncio.get_running_loop()
    problem = OSError("no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await loop.sock_connect(connection, address)
        except OSError as err:
            connection.close()
            problem = err
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem
