"""What can be wrong with the database as a whole."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import errno
from pathlib import Path
import sqlite3
from typing import Final


class Problem(StrEnum):
    """Why nothing can be written."""

    LOCKED = "locked"
    READ_ONLY = "read_only"
    FULL = "full"
    IO_ERROR = "io_error"
    MISSING = "missing"
    DAMAGED = "damaged"
    NEWER = "newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """How the store stands; raised and cleared issues follow from it alone.

    problem: why nothing can be written now, and since when.
    set_aside: damaged files that were replaced and not looked at since.
    """

    problem: Problem | None = None
    since: datetime | None = None
    set_aside: tuple[Path, ...] = ()


class FileGoneError(sqlite3.OperationalError):
    """The file that is open is not the one at its path any more."""


class DamagedError(sqlite3.DatabaseError):
    """The file does not hold what it should."""


class NewerStoreError(Exception):
    """The file was written by a newer version of Filament Slots."""


# What a query raises for which nobody but the file is to blame: SQLite hands out text
# of damaged pages, its own messages about them included, as it finds it.
DATABASE_ERRORS: Final = (sqlite3.Error, OSError, UnicodeDecodeError)

# The database is ill or away: whatever is written next would fail as well.
_PROBLEMS: Final = {
    sqlite3.SQLITE_BUSY: Problem.LOCKED,
    sqlite3.SQLITE_LOCKED: Problem.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Problem.LOCKED,
    sqlite3.SQLITE_READONLY: Problem.READ_ONLY,
    sqlite3.SQLITE_FULL: Problem.FULL,
    sqlite3.SQLITE_IOERR: Problem.IO_ERROR,
    sqlite3.SQLITE_CANTOPEN: Problem.MISSING,
    sqlite3.SQLITE_CORRUPT: Problem.DAMAGED,
    sqlite3.SQLITE_NOTADB: Problem.DAMAGED,
}
_ERRNOS: Final = {
    errno.ENOSPC: Problem.FULL,
    errno.EDQUOT: Problem.FULL,
    errno.EROFS: Problem.READ_ONLY,
    errno.EACCES: Problem.READ_ONLY,
    errno.EPERM: Problem.READ_ONLY,
    errno.ENOENT: Problem.MISSING,
    errno.ENOTDIR: Problem.MISSING,
}


def problem_of(err: BaseException) -> Problem | None:
    """Return what is wrong with the database; None where it is not its fault."""
    match err:
        case NewerStoreError():
            return Problem.NEWER
        case FileGoneError():
            return Problem.MISSING
        case DamagedError() | UnicodeDecodeError():
            return Problem.DAMAGED
        case sqlite3.Error():
            code = getattr(err, "sqlite_errorcode", 0)
            if code == sqlite3.SQLITE_READONLY_DBMOVED:
                return Problem.MISSING
            return _PROBLEMS.get(code & 0xFF)
        case OSError():
            return _ERRNOS.get(err.errno or 0, Problem.IO_ERROR)
    return None


def database_at_fault(err: BaseException) -> bool:
    """Return whether trying another job would fail as well."""
    return isinstance(err, DATABASE_ERRORS) and problem_of(err) is not None
