"""Proof that what was committed is in the file, and what to write again where it is not.

SQLite does not look at the file between two checkpoints: it commits into a file that
was truncated or overwritten without an error.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
import sqlite3
from typing import Final, NamedTuple

from .database_file import connect
from .errors import DATABASE_ERRORS, Problem, StoreError, problem_of
from .jobs import CommittedJob

KEPT_JOBS: Final = 5_000
KEPT_BYTES: Final = 8 * 2**20
# As many, of jobs and bytes, force a checkpoint: a batch may come before it is made.
_FORCED_AT: Final = 0.9


class _Look(NamedTuple):
    """A file as the operating system describes it; all 0: there is none."""

    inode: int
    size: int
    changed: int


class Proof:
    """What the files of the database look like, and what they have not proven to hold.

    All of it on the writer thread. Nothing here opens the files but SQLite: closing
    another descriptor of the database would release SQLite's locks.
    held: whether the database must not change, because it is being copied.
    """

    def __init__(self, path: Path) -> None:
        """Create it for the database at the path, which is not open yet."""
        self._path = path
        self._journal = path.with_name(f"{path.name}-wal")
        self._seen = (_look(path), _look(self._journal))
        self._kept: deque[CommittedJob] = deque()
        self._bytes = 0
        self._due = False
        self._failure: StoreError | None = None
        self.held = False

    def __len__(self) -> int:
        """Return how many jobs are kept."""
        return len(self._kept)

    def opened(self) -> None:
        """Take the files as they are: they were just opened and checked."""
        self._failure = None
        self._note()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let only the transaction in the block change the files.

        Raises StoreError (missing, damaged) where something else did; from then on
        until they are opened again.
        """
        if self._failure is None and (now := self._now()) != self._seen:
            self._failure = self._difference(now)
        if self._failure is not None:
            raise self._failure
        try:
            yield
        finally:
            self._note()

    def committed(self, db: sqlite3.Connection) -> int:
        """Check the files after a commit; return the size of the database in bytes.

        A database that changed was written by a checkpoint, which is then proven.
        Raises StoreError (missing, damaged).
        """
        database, journal = now = self._now()
        if (
            database.inode != self._seen[0].inode
            or journal.inode != self._seen[1].inode
            or journal.size < self._seen[1].size
        ):
            self._failure = self._difference(now)
            raise self._failure
        if database != self._seen[0] or self._due:
            self.checkpoint(db)
        return database.size

    def checkpoint(self, db: sqlite3.Connection, mode: str = "PASSIVE") -> None:
        """Bring everything into the database, and read back what it has to hold.

        Raises StoreError (damaged) where it does not hold it.
        """
        if self.held:
            return
        blocked, frames, moved = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        if blocked or frames != moved:
            # A reader still needs the journal.
            return
        try:
            proven = self._read_back(db)
        except DATABASE_ERRORS as err:
            if problem_of(err) is Problem.LOCKED:
                return
            self._failure = StoreError(Problem.DAMAGED, f"not as written: {err}")
            raise self._failure from err
        if not proven:
            self._failure = StoreError(Problem.DAMAGED, "committed rows are missing")
            raise self._failure
        self._kept.clear()
        self._bytes = 0
        self._due = False

    def keep(self, job: CommittedJob | None) -> None:
        """Keep what was committed until it is proven; of too much the oldest goes."""
        if job is None:
            return
        self._kept.append(job)
        self._bytes += job.size
        while len(self._kept) > KEPT_JOBS or self._bytes > KEPT_BYTES:
            self._bytes -= self._kept.popleft().size
        self._due |= (
            len(self._kept) > KEPT_JOBS * _FORCED_AT
            or self._bytes > KEPT_BYTES * _FORCED_AT
        )

    def take(self) -> list[CommittedJob]:
        """Return what is not proven, oldest first, and keep it no longer."""
        kept = list(self._kept)
        self._kept.clear()
        self._bytes = 0
        return kept

    def _read_back(self, db: sqlite3.Connection) -> bool:
        """Return whether a connection that has cached nothing finds all that was kept."""
        with closing(connect(self._path)) as fresh:
            (pages,) = fresh.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = fresh.execute("PRAGMA page_size").fetchone()
            # What is in neither was deleted since.
            return pages * page_bytes == self._path.stat().st_size and all(
                job.is_in(fresh) or not job.is_in(db) for job in self._kept
            )

    def _difference(self, now: tuple[_Look, _Look]) -> StoreError:
        if now[0].inode != self._seen[0].inode:
            return StoreError(Problem.MISSING, str(self._path))
        which = self._path if now[0] != self._seen[0] else self._journal
        return StoreError(
            Problem.DAMAGED, f"{which.name} was changed by something else"
        )

    def _now(self) -> tuple[_Look, _Look]:
        return _look(self._path), _look(self._journal)

    def _note(self) -> None:
        self._seen = self._now()


def _look(path: Path) -> _Look:
    try:
        found = path.stat()
    except FileNotFoundError, NotADirectoryError:
        return _Look(0, 0, 0)
    return _Look(found.st_ino, found.st_size, found.st_mtime_ns)
