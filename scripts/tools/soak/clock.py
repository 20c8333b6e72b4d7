"""The clock of a child process, which libfaketime moves."""

from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import shutil
import subprocess
from typing import Final

_WAITS: Final = Path(__file__).with_name("waits.c")
_NAME: Final = "libfaketimeMT.so.1"
_FOLDERS: Final = (
    "/usr/lib/*/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
    "/usr/lib64/faketime",
)
# How long the library may go on with what it read before.
_CACHED_SECONDS: Final = 1.5


class Clock:
    """The wall clock of processes started with `variables`; the monotonic one is real."""

    def __init__(self, file: Path) -> None:
        """Start at the real time; the file is what the processes read.

        Raises SystemExit where libfaketime or a C compiler is not installed.
        """
        self._file = file
        self._libraries = (_compile(file.with_suffix(".so")), _find())
        self.offset = timedelta()
        self.move(self.offset)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process that has this clock."""
        return {
            "LD_PRELOAD": " ".join(map(str, self._libraries)),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(int(_CACHED_SECONDS)),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # A file keeps its time when the clock changes.
            "NO_FAKE_STAT": "1",
        }

    @property
    def settled(self) -> float:
        """Seconds until every process has the time of the last move."""
        return _CACHED_SECONDS

    @property
    def now(self) -> datetime:
        """The time there."""
        return datetime.now(UTC) + self.offset

    def move(self, offset: timedelta) -> None:
        """Let the clock differ by so much from the real one."""
        self.offset = offset
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{offset.total_seconds():+.0f}\n")
        unfinished.replace(self._file)

    def set(self, at: datetime) -> None:
        """Let it be this time now."""
        self.move(at - datetime.now(UTC))


def _compile(library: Path) -> Path:
    """Compile what keeps libfaketime off the waits of the C library."""
    if (compiler := shutil.which("cc")) is None:
        raise SystemExit(
            "A C compiler is needed (Debian, Ubuntu: apt-get install gcc)."
        )
    options = ["-shared", "-fPIC", "-fno-builtin", "-o", str(library), str(_WAITS)]
    subprocess.run([compiler, *options, "-ldl"], check=True)
    return library


def _find() -> Path:
    if named := os.environ.get("LIBFAKETIME"):
        return Path(named)
    for folder in _FOLDERS:
        for found in Path("/").glob(f"{folder.removeprefix('/')}/{_NAME}"):
            return found
    raise SystemExit(
        f"{_NAME} was not found: install it (Debian, Ubuntu: apt-get install"
        " libfaketime), or set LIBFAKETIME to its path."
    )
