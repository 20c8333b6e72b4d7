"""Ways in which a database becomes unavailable, and how each ends."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
import errno
from pathlib import Path
import random
import shutil
import sqlite3
from typing import Any
from unittest.mock import patch

from custom_components.filament_slots.core.engine import writer
from custom_components.filament_slots.core.engine.database_file import Opened
from custom_components.filament_slots.core.engine.store import Store


class Outage(ABC):
    """Begins at once, and ends when asked to."""

    def __init__(self, store: Store, path: Path) -> None:
        """Take the store, and the path of its file."""
        self.store = store
        self.path = path

    @property
    def db(self) -> sqlite3.Connection:
        """The writer's own connection."""
        file: Opened | None = self.store.writer._file
        assert file is not None
        return file.db

    @abstractmethod
    def begin(self) -> None:
        """Make the database unavailable."""

    @abstractmethod
    def end(self) -> None:
        """Make it available again."""


class Locked(Outage):
    """Another process holds the lock."""

    def begin(self) -> None:
        self.other = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False
        )
        self.other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self.other.close()


class Full(Outage):
    """There is no space left, not for one page."""

    def begin(self) -> None:
        self.db.execute("PRAGMA incremental_vacuum").fetchall()
        # The writer did not do this, and would look for damage.
        self.store.writer._proof.opened()
        self.db.execute("PRAGMA max_page_count = 1").fetchall()

    def end(self) -> None:
        self.db.execute("PRAGMA max_page_count = 1000000").fetchall()


class _Refused(Outage):
    """The operating system refuses every attempt, an opening included."""

    code = 0
    reason: OSError

    def begin(self) -> None:
        def refuse(*args: Any) -> Any:
            err = sqlite3.OperationalError("refused")
            err.sqlite_errorcode = self.code
            raise err

        def refuse_opening(*args: Any) -> Any:
            raise self.reason

        self.patches: list[Any] = [
            patch.object(writer, "run_all", refuse),
            patch.object(writer, "open_database", refuse_opening),
        ]
        for each in self.patches:
            each.start()

    def end(self) -> None:
        for each in self.patches:
            each.stop()


class ReadOnly(_Refused):
    """The file system was mounted read-only."""

    code = sqlite3.SQLITE_READONLY
    reason = OSError(errno.EROFS, "read-only")


class Failing(_Refused):
    """The disk reports errors."""

    code = sqlite3.SQLITE_IOERR_WRITE
    reason = OSError(errno.EIO, "bad sector")


class Missing(Outage):
    """The folder is gone, and something else is in its place."""

    def begin(self) -> None:
        shutil.rmtree(self.path.parent)
        self.path.parent.touch()

    def end(self) -> None:
        self.path.parent.unlink()


OUTAGES: dict[str, Callable[[Store, Path], Outage]] = {
    "locked": Locked,
    "read_only": ReadOnly,
    "full": Full,
    "io_error": Failing,
    "missing": Missing,
}


def overwrite(path: Path, seed: int) -> None:
    """Overwrite a database with random bytes, here and there."""
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(max(20, len(data) // 2000)):
        at = chance.randrange(100, len(data))
        data[at : at + 40] = chance.randbytes(len(data[at : at + 40]))
    path.write_bytes(data)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
