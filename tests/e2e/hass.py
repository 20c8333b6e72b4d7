"""A real Home Assistant: a process of its own, driven as a browser drives it.

Its environment holds the newest Home Assistant (.venv-ha) or the oldest we support
(.venv-ha-oldest), what our manifest requires, and nothing else. The process listens on loopback only and lives in a
folder that the caller gives; leaving `HomeAssistant` ends it, whatever happened.
"""

import asyncio
from collections.abc import Awaitable, Callable
import json
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess
from typing import Self

import aiohttp

from ..printers.processes import ended_with_us
from .client import Client, HomeAssistantError

ROOT = Path(__file__).parents[2]
NEWEST = ROOT / ".venv-ha"
OLDEST = ROOT / ".venv-ha-oldest"
CONFIGURATION = Path(__file__).with_name("configuration.yaml")
INTEGRATION = ROOT / "custom_components" / "filament_slots"
# Stubs of two packages for voice control that need a compiler. Without them Home
# Assistant cannot list its actions, and its frontend shows no page.
STUBS = Path(__file__).with_name("stubs")

USER = "demo"
PASSWORD = "demo"

START_TIMEOUT = 180.0
STOP_TIMEOUT = 60.0


class HomeAssistant:
    """One configuration folder and the process that runs on it.

    The process can be stopped, killed and started again; folder, port and login
    stay. `client` is there while the process runs. start_timeout: in seconds.
    python: of its environment.
    """

    client: Client
    start_timeout = START_TIMEOUT

    def __init__(
        self,
        folder: Path,
        environment: Path = NEWEST,
        variables: dict[str, str] | None = None,
    ) -> None:
        """Prepare `folder` as a configuration folder, past the onboarding dialogs.

        variables: of the environment of the process.
        """
        self.python = environment / "bin" / "python"
        self._variables = variables or {}
        self.folder = folder
        self.log_file = folder / "console.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        _prepare(folder, self.port)

    @property
    def url(self) -> str:
        """Return the address of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def log_in_as(self, other: HomeAssistant) -> None:
        """Use the login of another one, as the files in the folder are from it."""
        self._token = other._token

    async def __aenter__(self) -> Self:
        """Start Home Assistant and log in."""
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the process."""
        await self.kill()

    async def start(self, *, until_running: bool = True) -> None:
        """Start the process and connect to it.

        Without `until_running` this returns as soon as the API answers, while the
        integrations are still being set up.
        """
        assert self._process is None, "Home Assistant is running already"
        self._process = self._spawn()
        self._session = aiohttp.ClientSession(self.url)
        async with asyncio.timeout(self.start_timeout):
            if self._token:
                self.client = await self._retry(Client.connect, self._token)
            else:
                token = await self._retry(_create_owner, self.url)
                self.client = await self._retry(Client.connect, token)
                # The first token ends after half an hour, and with the process.
                self._token = self.client.token = await self.client.call(
                    "auth/long_lived_access_token", client_name="Rig", lifespan=1
                )
            if until_running:
                await self.wait_running()

    async def wait_running(self) -> None:
        """Wait until everything is set up and automations are armed."""
        while (await self.client.get("config"))["state"] != "RUNNING":
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop Home Assistant in the way that an update or a reboot does."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the process, without giving it time to save anything."""
        await self._end(signal.SIGKILL)

    async def restarting(self) -> None:
        """Wait until the process ends by itself, as it does to be restarted.

        One that is not running is started before: what restores a backup, for example.
        """
        self._process = self._process or self._spawn()
        async with asyncio.timeout(self.start_timeout):
            while self._process.poll() is None:
                await asyncio.sleep(0.1)
        await self.kill()

    @property
    def pid(self) -> int:
        """Return the id of the process, which must be running."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """Return the output of the process, of all its starts."""
        return self.log_file.read_text(errors="replace")

    def _spawn(self) -> subprocess.Popen[bytes]:
        command: list[str | Path] = [self.python, "-m", "homeassistant"]
        command += ["-c", self.folder, "--skip-pip"]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                ended_with_us(command),
                # Python would import custom_components from the current folder.
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(STUBS)} | self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _retry[T](
        self, ask: Callable[[aiohttp.ClientSession, str], Awaitable[T]], value: str
    ) -> T:
        """Return `ask(session, value)`, repeated until the server answers."""
        assert self._session and self._process
        while self._process.poll() is None:
            try:
                return await ask(self._session, value)
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        raise HomeAssistantError(f"Home Assistant ended by itself:\n{self.log()}")

    async def _end(self, how: signal.Signals) -> None:
        if session := self._session:
            self._session = None
            if hasattr(self, "client"):
                await self.client.close()
            await session.close()
        if process := self._process:
            self._process = None
            process.send_signal(how)
            try:
                async with asyncio.timeout(STOP_TIMEOUT):
                    while process.poll() is None:
                        await asyncio.sleep(0.02)
            finally:
                process.kill()
                process.wait()


def free_port() -> int:
    """Return a port on loopback that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(folder: Path, port: int) -> None:
    shutil.copy(CONFIGURATION, folder)
    (folder / "automations.yaml").write_text("[]\n")
    (folder / "custom_components").mkdir()
    (folder / "custom_components" / INTEGRATION.name).symlink_to(INTEGRATION)
    listen_on(folder, port)
    _store(
        folder,
        "onboarding",
        (4, 1),
        {"done": ["core_config", "analytics", "integration"]},
    )


def listen_on(folder: Path, port: int) -> None:
    """Set the port in a configuration folder."""
    # Written as the dialogs would: a YAML `http:` block would open a dialog over the
    # whole frontend, and the onboarding steps after the user start integrations that
    # use the internet.
    _store(
        folder,
        "http",
        (2, 2),
        {
            "stable": {
                "server_host": ["127.0.0.1"],
                "server_port": port,
                "cors_allowed_origins": ["https://cast.home-assistant.io"],
                "login_attempts_threshold": -1,
                "ip_ban_enabled": True,
                "ssl_profile": "modern",
                "use_x_frame_options": True,
                "created_at": "2026-01-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
    )


def _store(folder: Path, key: str, version: tuple[int, int], data: object) -> None:
    major, minor = version
    path = folder / ".storage" / key
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"version": major, "minor_version": minor, "key": key, "data": data})
    )


async def _create_owner(session: aiohttp.ClientSession, url: str) -> str:
    """Create the owner as the first onboarding dialog does; return a token."""
    client_id = f"{url}/"
    owner = {
        "client_id": client_id,
        "name": "Demo",
        "username": USER,
        "password": PASSWORD,
        "language": "en",
    }
    async with session.post("/api/onboarding/users", json=owner) as response:
        response.raise_for_status()
        code = (await response.json())["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
    async with session.post("/auth/token", data=grant) as response:
        response.raise_for_status()
        return str((await response.json())["access_token"])
