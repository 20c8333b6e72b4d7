"""Servers beside Home Assistant: a Mosquitto broker and a PostgreSQL database.

Each is a process of its own that listens on loopback only. It can be killed and started
again on what it left, and ends with the tests.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Sequence
import os
from pathlib import Path
import shutil
import subprocess
from tempfile import TemporaryDirectory
from typing import Self, override

import psycopg

from ..printers.processes import UNPRIVILEGED, ended_with_us, unprivileged
from .hass import free_port

HOST = "127.0.0.1"
_START_TIMEOUT = 60.0
USERNAME, PASSWORD = "spools", "a password"


def _program(name: str, folders: str) -> Path | None:
    """Return where a program is: in the path, or in one of Debian's folders."""
    if found := shutil.which(name):
        return Path(found).resolve()
    return max(Path("/").glob(f"{folders}/{name}"), default=None)


MOSQUITTO = _program("mosquitto", "usr/sbin")
INITDB = _program("initdb", "usr/lib/postgresql/*/bin")


class Server(ABC):
    """A server in a folder of its own; leaving it kills the process."""

    def __init__(self) -> None:
        """Choose its port; nothing is started yet."""
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        """Prepare the folder and start."""
        # Not in pytest's folder, which only the user that runs the tests may enter.
        self._temporary = TemporaryDirectory(
            prefix="filament-slots-", ignore_cleanup_errors=True
        )
        self.folder = Path(self._temporary.name)
        if os.geteuid() == 0:
            os.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)
        try:
            await asyncio.to_thread(self._prepare)
            await self.start()
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill it and delete what it left."""
        self.kill()
        self._temporary.cleanup()

    async def start(self) -> None:
        """Start it on what is in its folder, and wait until it serves."""
        async with asyncio.timeout(_START_TIMEOUT):
            while not await self._serves():
                # What a killed PostgreSQL left can be in use for a moment.
                if self._process is None or self._process.poll() is not None:
                    self._process = self._spawn()
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """Kill it, without giving it time to save anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return the output of the process, of all its starts."""
        return (self.folder / "console.log").read_text(errors="replace")

    @abstractmethod
    def _prepare(self) -> None:
        """Write its configuration."""

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """Return the command that starts it."""

    @abstractmethod
    async def _serves(self) -> bool:
        """Return whether it accepts clients."""

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "console.log").open("ab") as log:
            return subprocess.Popen(
                unprivileged(ended_with_us(self._command())),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


class Broker(Server):
    """Mosquitto, with a password, that keeps what it has to deliver in a file."""

    @override
    def _prepare(self) -> None:
        assert MOSQUITTO
        password_file = self.folder / "passwords"
        subprocess.run(
            unprivileged(
                ["mosquitto_passwd", "-b", "-c", password_file, USERNAME, PASSWORD]
            ),
            check=True,
        )
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} {HOST}\n"
            f"password_file {password_file}\n"
            "persistence true\n"
            f"persistence_location {self.folder}/\n"
        )

    @override
    def _command(self) -> Sequence[str | Path]:
        assert MOSQUITTO
        return [MOSQUITTO, "-c", self.folder / "mosquitto.conf"]

    @override
    async def _serves(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Database(Server):
    """PostgreSQL with an empty database; `url` is that of its owner."""

    @property
    def url(self) -> str:
        """Return the address with which clients connect."""
        return f"postgresql://{USERNAME}@{HOST}:{self.port}/postgres"

    @override
    def _prepare(self) -> None:
        assert INITDB
        command: list[str | Path] = [INITDB, "--pgdata", self.folder / "data"]
        command += ["--username", USERNAME]
        command += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            unprivileged(command),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    @override
    def _command(self) -> Sequence[str | Path]:
        assert INITDB
        return [
            INITDB.with_name("postgres"),
            *("-D", self.folder / "data"),
            *("-p", str(self.port)),
            *("-c", f"listen_addresses={HOST}"),
            *("-c", "unix_socket_directories="),
            # A process that is killed loses nothing that it has written.
            *("-c", "fsync=off"),
        ]

    @override
    async def _serves(self) -> bool:
        try:
            db = await psycopg.AsyncConnection.connect(self.url)
        except psycopg.OperationalError:
            return False
        await db.close()
        return True
