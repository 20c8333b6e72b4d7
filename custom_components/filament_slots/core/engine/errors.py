"""The one error of the store, and what it follows from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import errno
from pathlib import Path
import sqlite3
from typing import Final


class Problem(StrEnum):
    """Why the store cannot do something.

    CLOSED: it takes no more work. FAILED: one statement failed, in a database that
    works. All others: nothing can be read or written now.
    """

    LOCKED = "locked"
    READ_ONLY = "read_only"
    FULL = "full"
    IO_ERROR = "io_error"
    MISSING = "missing"
    DAMAGED = "damaged"
    NEWER = "newer"
    IN_USE = "in_use"
    CLOSED = "closed"
    FAILED = "failed"


class StoreError(Exception):
    """The store cannot do what was asked; `code` is why, `__cause__` what was raised."""

    def __init__(self, code: Problem, message: str = "") -> None:
        """Take why, and a text for the log."""
        super().__init__(message or str(code))
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """The state of the store; raised and cleared issues follow from it alone.

    problem: why nothing can be written now, and since when.
    set_aside: damaged files that were replaced and not looked at since.
    """

    problem: Problem | None = None
    since: datetime | None = None
    set_aside: tuple[Path, ...] = ()


# What a query raises because of the file: SQLite returns text of damaged pages, its own
# messages about them included, as it finds it.
DATABASE_ERRORS: Final = (sqlite3.Error, OSError, UnicodeDecodeError, StoreError)

# Whatever is written next would fail as well.
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
        case StoreError():
            return err.code
        case UnicodeDecodeError():
            return Problem.DAMAGED
        case sqlite3.Error():
            code = getattr(err, "sqlite_errorcode", 0)
            if code == sqlite3.SQLITE_READONLY_DBMOVED:
                return Problem.MISSING
            return _PROBLEMS.get(code & 0xFF)
        case OSError():
            return _ERRNOS.get(err.errno or 0, Problem.IO_ERROR)
    return None


def store_error(err: Exception) -> Exception:
    """Return an error of the database as a StoreError; any other as it is."""
    if isinstance(err, StoreError) or not isinstance(err, DATABASE_ERRORS):
        return err
    error = StoreError(problem_of(err) or Problem.FAILED, str(err))
    error.__cause__ = err
    return error


@contextmanager
def raising_store_errors() -> Iterator[None]:
    """Raise errors of the database as StoreError; any other as it is."""
    try:
        yield
    except DATABASE_ERRORS as err:
        error = store_error(err)
        raise error from error.__cause__


def database_at_fault(err: BaseException) -> bool:
    """Return whether trying another job would fail as well."""
    return isinstance(err, DATABASE_ERRORS) and problem_of(err) is not None
