"""The file on disk: opened, checked, and set aside where it is damaged."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
import logging
import os
from pathlib import Path
import sqlite3
from typing import Final

from .errors import DATABASE_ERRORS, Problem, StoreError, problem_of

_LOGGER = logging.getLogger(__name__)

_BUSY_SECONDS: Final = 0.2
_SET_ASIDE_KEPT: Final = 3
# Where SQLite keeps `user_version`: it can be read without touching the file.
_VERSION_BYTES: Final = slice(60, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What is in the file.

    version: `user_version` of a file with the newest tables.
    migrate: brings the tables of an older version to the newest.
    take_over: copies into a new file what has to outlive the damaged one, from that
        and from the copy that `write_copy` made.
    """

    version: int
    migrate: Callable[[sqlite3.Connection, Path], None]
    take_over: Callable[[Path, Path, sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection for writing.

    fresh: whether the file was just created.
    """

    db: sqlite3.Connection
    fresh: bool


def open_database(path: Path, tables: Tables) -> Opened:
    """Open the file; create it, migrate it, or replace it where it is damaged.

    Raises StoreError (newer) for a file of a newer version, which is left untouched;
    a database error for one that cannot be opened now.
    """
    _refuse_newer(path, tables)
    try:
        _refuse_emptied(path)
        return _open(path, tables)
    except DATABASE_ERRORS as err:
        if problem_of(err) is not Problem.DAMAGED:
            raise
        old = _set_aside(path)
        _LOGGER.warning(
            "The database is damaged (%s) and was set aside as %s", err, old.name
        )
    opened = _open(path, tables)
    tables.take_over(old, _copy_of(path), opened.db)
    return opened


def write_copy(
    path: Path, tables: Tables, fill: Callable[[sqlite3.Connection], bool]
) -> None:
    """Write a small file beside the database, for the case that it is damaged.

    fill: writes what is to outlive it, and returns whether there is any. The copy also
    is the sign that there was a database. Raises database errors.
    """
    unfinished = _copy_of(path).with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    private_file(unfinished)
    with closing(connect(unfinished)) as db:
        # Written to the disk at the end, in one go.
        db.execute("PRAGMA synchronous = OFF")
        tables.migrate(db, unfinished)
        with db:
            db.execute("BEGIN")
            known = fill(db)
    if known:
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(_copy_of(path))
    else:
        unfinished.unlink()


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection in autocommit mode; it is used by one thread at a time.

    Text that a failing card has changed is read as far as it is text: the check of the
    file does not look into it, and one byte must not hide the rows around it.
    """
    db = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    db.text_factory = partial(str, encoding="utf-8", errors="replace")
    return db


def private_file(path: Path) -> None:
    """Make sure that the file exists, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)


def rename(path: Path, target: Path) -> None:
    """Rename a database with its journals; raises OSError."""
    path.rename(target)
    for file, renamed in zip(_journals(path), _journals(target), strict=True):
        if file.exists():
            file.rename(renamed)


def set_aside_files(path: Path) -> tuple[Path, ...]:
    """Return the damaged files that have not been salvaged, oldest first."""
    return tuple(sorted(path.parent.glob(f"{path.stem}.damaged-*{path.suffix}")))


def _open(path: Path, tables: Tables) -> Opened:
    private_file(path)
    db = connect(path)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        # The header may be older than the journal.
        _refuse_version(version, tables)
        _check(db)
        # Has an effect on a new file only.
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        tables.migrate(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        # From the first query on there is a journal.
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return Opened(db, fresh=version == 0)
    except BaseException:
        db.close()
        raise


def _check(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(Problem.DAMAGED, found)


def _refuse_newer(path: Path, tables: Tables) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(_VERSION_BYTES.stop)
    except FileNotFoundError:
        return
    if header.startswith(b"SQLite format 3\0"):
        _refuse_version(int.from_bytes(header[_VERSION_BYTES]), tables)


def _refuse_emptied(path: Path) -> None:
    """Raise StoreError (damaged) where the file lost all it had.

    SQLite takes an empty file for a new one, and deletes its journal.
    """
    if (
        path.exists()
        and path.stat().st_size == 0
        and any(file.exists() for file in (_copy_of(path), *_journals(path)))
    ):
        raise StoreError(Problem.DAMAGED, "the file is empty")


def _copy_of(path: Path) -> Path:
    return path.with_suffix(f".slots{path.suffix}")


def _refuse_version(version: int, tables: Tables) -> None:
    if version > tables.version:
        raise StoreError(
            Problem.NEWER,
            f"the file has version {version}, this is version {tables.version}",
        )


def _set_aside(path: Path) -> Path:
    """Rename the file and its journal; delete the oldest of too many."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.stem}.damaged-{at}{path.suffix}")
    rename(path, aside)
    for kind in ("damaged", "salvaged"):
        files = sorted(path.parent.glob(f"{path.stem}.{kind}-*{path.suffix}"))
        for file in files[:-_SET_ASIDE_KEPT]:
            for each in (file, *_journals(file)):
                each.unlink(missing_ok=True)
    return aside


def _journals(path: Path) -> Iterator[Path]:
    for suffix in ("-wal", "-shm"):
        yield path.with_name(path.name + suffix)
