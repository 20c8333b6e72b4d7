"""A real Moonraker on the loopback interface, in its own process and environment."""

import asyncio
from contextlib import closing
from pathlib import Path
import socket
import sqlite3
import subprocess
from typing import Any, Self

import aiohttp

from .processes import ended_with_us

HOST = "127.0.0.1"
PYTHON = Path(__file__).parents[2] / ".venv-moonraker" / "bin" / "python"
_START_TIMEOUT = 120.0
_CONFIG = """\
[server]
host: {host}
port: {port}
klippy_uds_address: {klippy}
[machine]
provider: none
[file_manager]
check_klipper_config_path: False
"""
_TRUSTED = """\
[authorization]
trusted_clients: 127.0.0.0/8
"""
# Nothing listens there; the active spool works without a Spoolman server.
_NOWHERE = "http://127.0.0.1:9"
_SPOOLMAN = """\
[spoolman]
server: {server}
"""


class Moonraker:
    """A Moonraker process, which keeps its id when it is stopped and started."""

    def __init__(
        self, folder: Path, *, trusting: bool = True, spoolman: bool | str = False
    ) -> None:
        """Create it with a folder for its data.

        trusting: whether it accepts all clients of this machine, or requires the API key.
        spoolman: whether it uses Spoolman, with the address of a server if there is one.
        """
        self.klippy_socket = folder / "klippy.sock"
        self.port = 0
        self._data = folder / "data"
        self._extra = (_TRUSTED if trusting else "") + (
            _SPOOLMAN.format(server=_NOWHERE if spoolman is True else spoolman)
            if spoolman
            else ""
        )
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop it."""
        await self.stop()

    @property
    def config(self) -> dict[str, Any]:
        """The config of its driver."""
        return {"host": HOST, "port": self.port}

    @property
    def pid(self) -> int:
        """The id of its process, which must be running."""
        assert self._process is not None
        return self._process.pid

    @property
    def instance_id(self) -> str:
        """Its instance id."""
        return (self._data / ".moonraker.uuid").read_text().strip()

    @property
    def api_key(self) -> str:
        """The API key created at its first start."""
        path = self._data / "database" / "moonraker-sql.db"
        with closing(sqlite3.connect(path)) as database:
            (key,) = database.execute(
                "SELECT password FROM authorized_users WHERE username = '_API_KEY_USER_'"
            ).fetchone()
        return str(key)

    async def start(self) -> None:
        """Start it and wait until it listens; harmless if it already does."""
        if self._process is None:
            self._lay_out()
            # Making a process does not wait for it.
            self._process = subprocess.Popen(  # noqa: ASYNC220
                ended_with_us([PYTHON, "-m", "moonraker", "-n", "-d", self._data]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        async with asyncio.timeout(_START_TIMEOUT):
            while not await self._listens():
                if self._process.poll() is not None:
                    raise RuntimeError("Moonraker ended while it was started")
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop it like a service."""
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """Do the same, blocking."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method over HTTP, as another client; return the result."""
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        url = f"http://{HOST}:{self.port}/server/jsonrpc"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=request) as answer,
        ):
            return (await answer.json())["result"]

    async def sees(self, klippy_state: str) -> None:
        """Wait until it reports a state of Klippy."""
        async with asyncio.timeout(_START_TIMEOUT):
            while (await self.call("server.info"))["klippy_state"] != klippy_state:
                await asyncio.sleep(0.05)

    def _lay_out(self) -> None:
        self.port = self.port or _free_port()
        for part in ("config", "logs"):
            (self._data / part).mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(host=HOST, port=self.port, klippy=self.klippy_socket)
        (self._data / "config" / "moonraker.conf").write_text(text + self._extra)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
