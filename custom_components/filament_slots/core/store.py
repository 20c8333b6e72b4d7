"""The file: one writer thread, and every answer only after the commit.

What waits at the same time shares a transaction; a job that fails is undone alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
from pathlib import Path
import sqlite3
import threading
import time
from typing import Protocol

from .schema import migrate, private_file

_LOGGER = logging.getLogger(__name__)

RETRY_DELAYS = (0.1, 0.2, 0.4)
_MAX_BATCH = 500
_BUSY_SECONDS = 0.2

# The database is ill or away: whatever is written next would fail as well.
_DATABASE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


class StoreClosedError(Exception):
    """The store takes no more work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job was given up, after how many tries, and when they were."""

    error: Exception
    attempts: int
    first_at: datetime
    last_at: datetime


class Job(Protocol):
    """Something to be written.

    Jobs of one lane are written, given up and finished in the order they came; a
    failing one holds up its own lane only.
    """

    @property
    def lane(self) -> Hashable:
        """What keeps its order."""

    def run(self, db: sqlite3.Connection) -> None:
        """Do it, in a transaction on the writer thread; may be called again."""

    def undo(self) -> None:
        """Forget what the last run did in memory: it has been rolled back."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Take the failure, on the writer thread; called once.

        db: in a transaction; None where the database is away. What it raises as
        sqlite3.Error only means that the failure is not on disk either.
        """

    def finish(self) -> None:
        """Tell everybody, on the event loop: it is committed or given up."""


class Store:
    """One SQLite file for all printers."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet."""
        self._path = path
        self._wake = threading.Condition()
        self._waiting: deque[_Try] = deque()
        self._parked: dict[Hashable, _Parked] = {}
        self._closing = False
        self._thread: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="filament_slots_read")
        self._read_db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, make or migrate its tables, and start the writer.

        Raises NewerStoreError for a file of a newer version, which is left untouched;
        sqlite3.Error or OSError for one that cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._write, args=(opened,), name="filament_slots_write", daemon=True
        )
        self._thread.start()
        try:
            await opened
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Write what waits, then leave no thread and no open file; again is harmless."""
        if self._thread is None:
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.shield(self._ended)
        self._thread.join()
        if self._read_db is not None:
            await self._loop.run_in_executor(self._readers, self._read_db.close)
            self._read_db = None
        self._readers.shutdown()

    def submit(self, job: Job) -> None:
        """Queue a job; from the event loop.

        Raises StoreClosedError once the store is closing.
        """
        with self._wake:
            if self._closing or self._thread is None:
                raise StoreClosedError
            parked = self._parked.get(job.lane)
            (self._waiting if parked is None else parked.tries).append(_Try(job))
            self._wake.notify()

    async def write[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in a transaction; return its result once it is committed.

        Raises what the work raised at its last try, or StoreClosedError.
        """
        result: asyncio.Future[T] = self._loop.create_future()
        self.submit(_Call(work, result))
        return await result

    async def read[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection that can only read, off the event loop.

        Raises what the work raises, or StoreClosedError.
        """
        if self._closing or self._thread is None:
            raise StoreClosedError
        return await self._loop.run_in_executor(
            self._readers, lambda: work(self._reader())
        )

    def _reader(self) -> sqlite3.Connection:
        if self._read_db is None:
            self._read_db = _connect(self._path)
            self._read_db.execute("PRAGMA query_only = ON")
        return self._read_db

    # Everything below runs on the writer thread.

    def _write(self, opened: asyncio.Future[None]) -> None:
        try:
            db = self._open_file()
        except Exception as err:  # noqa: BLE001 - belongs to whoever opens the store
            self._call_loop(_fail, opened, err)
        else:
            self._call_loop(_resolve, opened, None)
            with closing(db):
                while batch := self._next_batch():
                    self._commit(db, batch)
                with suppress(sqlite3.Error):
                    db.execute("PRAGMA optimize")
        finally:
            self._call_loop(_resolve, self._ended, None)

    def _open_file(self) -> sqlite3.Connection:
        private_file(self._path)
        db = _connect(self._path)
        try:
            # Has an effect on a new file only.
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            migrate(db, self._path)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        return db

    def _next_batch(self) -> list[_Try]:
        """Wait for something to do; nothing means the end."""
        with self._wake:
            while True:
                now = time.monotonic()
                due = [
                    lane for lane, parked in self._parked.items() if parked.due <= now
                ]
                for lane in due:
                    self._waiting.extendleft(reversed(self._parked.pop(lane).tries))
                if self._waiting:
                    size = min(len(self._waiting), _MAX_BATCH)
                    return [self._waiting.popleft() for _ in range(size)]
                if self._closing and not self._parked:
                    return []
                dues = [parked.due for parked in self._parked.values()]
                self._wake.wait(min(dues) - now if dues else None)

    def _commit(self, db: sqlite3.Connection, batch: list[_Try]) -> None:
        """Write a batch in one transaction; tell the loop, or put off what failed."""
        done, left = _run_all(db, batch)
        lost = [attempt for attempt in left if attempt.exhausted]
        writable = True
        for attempt in lost:
            writable = _give_up(db if writable else None, attempt)
        self._put_off([attempt for attempt in left if not attempt.exhausted])
        self._call_loop(_finish, [attempt.job for attempt in (*done, *lost)])

    def _put_off(self, left: list[_Try]) -> None:
        """Park each lane until its first job is due again, later ones behind it."""
        if not left:
            return
        now = time.monotonic()
        with self._wake:
            for attempt in left:
                lane = attempt.job.lane
                if lane not in self._parked:
                    self._parked[lane] = _Parked(now + attempt.delay, deque())
                self._parked[lane].tries.append(attempt)
            waiting, self._waiting = self._waiting, deque()
            for attempt in waiting:
                parked = self._parked.get(attempt.job.lane)
                (self._waiting if parked is None else parked.tries).append(attempt)

    def _call_loop(self, call: Callable[..., object], *args: object) -> None:
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)


class _Try:
    """A job and how often it has failed."""

    __slots__ = ("attempts", "error", "first_at", "job", "last_at")

    def __init__(self, job: Job) -> None:
        """Begin with no failure."""
        self.job = job
        self.attempts = 0

    @property
    def exhausted(self) -> bool:
        """Whether there is no next try."""
        return self.attempts > len(RETRY_DELAYS)

    @property
    def delay(self) -> float:
        """Seconds until the next try; none for one that was only held up."""
        return RETRY_DELAYS[self.attempts - 1] if self.attempts else 0.0

    def charge(self, error: Exception) -> None:
        """Count a failure."""
        self.error = error
        self.last_at = datetime.now(UTC)
        if self.attempts == 0:
            self.first_at = self.last_at
        self.attempts += 1


@dataclass(slots=True)
class _Parked:
    """A lane that waits for its next try."""

    due: float
    tries: deque[_Try]


class _Call[T]:
    """A job that is one function; its caller waits for the result."""

    def __init__(
        self, work: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]
    ) -> None:
        """Take the work."""
        self._future = future
        self._work = work
        self._result: T
        self._failure: Failure | None = None

    @property
    def lane(self) -> Hashable:
        """Each call is on its own."""
        return self

    def run(self, db: sqlite3.Connection) -> None:
        """Do it."""
        self._result = self._work(db)

    def undo(self) -> None:
        """Leave the result to the next run."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep the error for the caller."""
        self._failure = failure

    def finish(self) -> None:
        """Answer the caller."""
        if self._failure is not None:
            _fail(self._future, self._failure.error)
        else:
            _resolve(self._future, self._result)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a connection in autocommit mode; it is used by one thread at a time."""
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _run_all(
    db: sqlite3.Connection, batch: list[_Try]
) -> tuple[list[_Try], list[_Try]]:
    """Return what is committed, and what is left to be tried again or given up.

    Savepoints nearly double what an event costs, so the group first goes without;
    when one of it fails, all are run anew with a savepoint each.
    """
    if len(batch) > 1 and any(attempt.attempts for attempt in batch):
        return _run_apart(db, batch)
    ran: list[_Try] = []
    try:
        db.execute("BEGIN")
        for attempt in batch:
            ran.append(attempt)
            attempt.job.run(db)
        db.execute("COMMIT")
    except Exception as err:  # noqa: BLE001 - one failing job never stops the next
        _roll_back(db)
        for attempt in reversed(ran):
            attempt.job.undo()
        if len(batch) > 1 and not _database_at_fault(err):
            return _run_apart(db, batch)
        for attempt in batch:
            attempt.charge(err)
        return [], batch
    return batch, []


def _run_apart(
    db: sqlite3.Connection, batch: list[_Try]
) -> tuple[list[_Try], list[_Try]]:
    """Do the same with a savepoint each."""
    done: list[_Try] = []
    left: list[_Try] = []
    held: set[Hashable] = set()
    try:
        db.execute("BEGIN")
        for attempt in batch:
            if attempt.job.lane not in held and _ran(db, attempt):
                done.append(attempt)
            else:
                held.add(attempt.job.lane)
                left.append(attempt)
        db.execute("COMMIT")
    except sqlite3.Error as err:
        _roll_back(db)
        for attempt in reversed(done):
            attempt.job.undo()
        for attempt in batch:
            attempt.charge(err)
        return [], batch
    return done, left


def _ran(db: sqlite3.Connection, attempt: _Try) -> bool:
    """Run a job in its savepoint; return whether it worked.

    Raises sqlite3.Error where the database is at fault and not the job.
    """
    db.execute("SAVEPOINT job")
    try:
        attempt.job.run(db)
    except Exception as err:
        attempt.job.undo()
        if _database_at_fault(err):
            raise
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        attempt.charge(err)
        return False
    db.execute("RELEASE job")
    return True


def _database_at_fault(err: Exception) -> bool:
    code = getattr(err, "sqlite_errorcode", 0)
    return isinstance(err, sqlite3.Error) and code & 0xFF in _DATABASE_CODES


def _give_up(db: sqlite3.Connection | None, attempt: _Try) -> bool:
    """Give a job up; return whether the database took note of it."""
    failure = Failure(
        error=attempt.error,
        attempts=attempt.attempts,
        first_at=attempt.first_at,
        last_at=attempt.last_at,
    )
    if db is None:
        attempt.job.give_up(None, failure)
        return False
    try:
        db.execute("BEGIN")
        attempt.job.give_up(db, failure)
        db.execute("COMMIT")
    except sqlite3.Error:
        _roll_back(db)
        _LOGGER.debug("A failure could not be stored either", exc_info=True)
        return False
    return True


def _roll_back(db: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        db.execute("ROLLBACK")


def _finish(jobs: list[Job]) -> None:
    for job in jobs:
        try:
            job.finish()
        except Exception:
            _LOGGER.exception("Unexpected error after a commit")


def _resolve[T](future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail[T](future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
