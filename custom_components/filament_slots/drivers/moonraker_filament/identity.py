"""Identifies a Moonraker (docs/protocols/moonraker.md 1.2, 1.4, 1.5)."""

from collections.abc import Mapping
import re
from typing import Any, Final

from yarl import URL

from ..base import DriverError, ErrorCode, ProbeResult
from .config import Config
from .jsonrpc import Refusal, Rpc, RpcError
from .klippy import READY, error_of
from .systems.values import fields, text

_CLIENT: Final = {
    "client_name": "Filament Slots",
    "version": "1",
    "type": "other",
    "url": "https://www.home-assistant.io",
}
_ID: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")
_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NO_MAC: Final = "00:00:00:00:00:00"
# Prefixes of virtual interfaces, whose addresses change with each boot.
_VIRTUAL: Final = ("br-", "docker", "veth", "virbr", "tun", "tap", "wg", "can")


async def server_info(
    rpc: Rpc, otherwise: ErrorCode = ErrorCode.WRONG_SERVICE
) -> Mapping[str, Any]:
    """Return `server.info`.

    Raises DriverError: INVALID_AUTH if the API key is missing or wrong, `otherwise` if
    there is no answer, WRONG_SERVICE if something else answers.
    """
    try:
        info = await rpc.call("server.info")
    except RpcError as err:
        locked = err.refusal is Refusal.UNAUTHORIZED
        raise DriverError(
            ErrorCode.INVALID_AUTH if locked else otherwise, str(err)
        ) from err
    if not isinstance(info, dict) or "klippy_state" not in info:
        raise DriverError(ErrorCode.WRONG_SERVICE, "not an answer of Moonraker")
    return info


async def authorise(rpc: Rpc, config: Config) -> Mapping[str, Any]:
    """Introduce this client, with the API key only if Moonraker refuses it otherwise.

    A connection can be introduced once. Return `server.info`; raises DriverError as
    `server_info` does.
    """
    key = config.api_key.get_secret_value()
    try:
        info = await server_info(rpc)
    except DriverError as err:
        if err.code is not ErrorCode.INVALID_AUTH or not key:
            raise
        await _ask(rpc, "server.connection.identify", {**_CLIENT, "api_key": key})
        return await server_info(rpc)
    await _ask(rpc, "server.connection.identify", _CLIENT)
    return info


async def identify(rpc: Rpc, config: Config) -> ProbeResult:
    """Return the identity and the name of a Moonraker."""
    await authorise(rpc, config)
    instance_id = await read_instance_id(rpc)
    url = config.url
    mac = None if instance_id else (await read_machine(rpc)).get("mac")
    return ProbeResult(
        identity=instance_id or mac or f"{url.host}:{url.port}",
        name=await _hostname(rpc) or url.host or "Klipper",
        config={"instance_id": instance_id},
    )


async def confirm_identity(rpc: Rpc, config: Config) -> None:
    """Raise DriverError WRONG_PRINTER for another Moonraker than the known one."""
    expected = config.instance_id
    found = await read_instance_id(rpc) if expected else None
    if found != expected and found is not None:
        raise DriverError(
            ErrorCode.WRONG_PRINTER, "another Moonraker is at its address"
        )


async def read_instance_id(rpc: Rpc) -> str | None:
    """Return Moonraker's instance id; None for a version too old to have one."""
    match await _ask(
        rpc,
        "server.database.get_item",
        {"namespace": "moonraker", "key": "instance_id"},
    ):
        case {"value": str(value)} if _ID.fullmatch(value):
            return value
    return None


async def read_machine(rpc: Rpc) -> dict[str, str]:
    """Return what is known of the machine of a Moonraker, as health shows it.

    mac: a hardware address, the same each time. hardware: the model of the computer.
    """
    known = {}
    match await _ask(rpc, "machine.system_info"):
        case {"system_info": dict(system)}:
            if mac := _mac(fields(system.get("network"))):
                known["mac"] = mac
            if model := text(fields(system.get("cpu_info")).get("model")):
                known["hardware"] = model
    return known


async def read_spoolman(rpc: Rpc, config: Config) -> str | None:
    """Return the address of the Spoolman server that Moonraker uses, if it uses one.

    A server beside Moonraker is at an address that is good for its machine only.
    """
    match await _ask(rpc, "server.config"):
        case {"config": {"spoolman": {"server": str(server)}}} if server.strip():
            server = server.strip()
        case _:
            return None
    try:
        url = URL(server if "://" in server else f"http://{server}")
        if url.host in _LOOPBACK:
            url = url.with_host(config.url.host or "")
        return str(url.with_user(None)).rstrip("/")
    except ValueError:
        return None


async def read_objects(rpc: Rpc, state: object) -> None:
    """Read which objects Klippy has, the first thing that it reports.

    state: of Klippy, as `server.info` has it. Raises DriverError while it is not ready.
    """
    try:
        if state == READY:
            await rpc.call("printer.objects.list")
            return
    except RpcError as err:
        raise DriverError(ErrorCode.KLIPPY_NOT_READY, str(err)) from err
    raise DriverError(error_of(str(state)), "Klippy is not ready")


def _mac(network: Mapping[str, Any]) -> str | None:
    for name, interface in sorted(network.items()):
        match interface:
            case {"mac_address": str(mac)} if (
                not name.startswith(_VIRTUAL)
                and _MAC.fullmatch(mac.lower())
                and mac != _NO_MAC
            ):
                return mac.lower().replace(":", "")
    return None


async def _hostname(rpc: Rpc) -> str | None:
    match await _ask(rpc, "printer.info"):
        case {"hostname": str(name)} if name.strip():
            return name.strip()[:64]
    return None


async def _ask(
    rpc: Rpc, method: str, params: Mapping[str, Any] | None = None
) -> object:
    """Return the result, None on an error: there is always a fallback."""
    try:
        return await rpc.call(method, params)
    except RpcError:
        return None
