"""The one thread that writes: in groups, with retries, and through an illness of the file."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
from pathlib import Path
import sqlite3
import threading
import time
from typing import Final

from .database_file import Opened, check_present, open_database, set_aside_files
from .errors import DATABASE_ERRORS, Problem, StoreState, problem_of
from .job_queue import MAX_BATCH, Lanes
from .jobs import RETRY_DELAYS, Failure, Job, Late, Try, fail, resolve
from .transactions import give_up, run_all

_LOGGER = logging.getLogger(__name__)

LATE_LIMIT: Final = 10_000
# Until the next look whether the database is back: 1, 2, 4, 8, 8, ... seconds.
_LOOK_AGAIN: Final = (1.0, 8.0)
# Whatever else: the file may be another one now, or damaged.
_SAME_FILE: Final = frozenset({Problem.LOCKED, Problem.FULL})
# Longer than any backup takes.
_NO_CHECKPOINT_SECONDS: Final = 3600.0
_CHECKPOINT_PAGES: Final = 1000


@dataclass(slots=True)
class Counters:
    """What the writer has done; written by its thread, read by everybody."""

    retried: int = 0
    dropped: int = 0
    commits: int = 0
    last_commit_at: datetime | None = None
    last_commit_ms: float | None = None
    database_bytes: int | None = None


@dataclass(slots=True)
class _Outage:
    """Since when the database is away, why, and when to look again."""

    error: Exception
    problem: Problem
    since: datetime
    wait: float
    look_at: float

    @property
    def failure(self) -> Failure:
        now = datetime.now(UTC)
        tries = len(RETRY_DELAYS) + 1
        return Failure(
            error=self.error, attempts=tries, first_at=self.since, last_at=now
        )


class Writer:
    """Runs jobs and tells the event loop.

    `fresh` is called with a file that was made just now while others know of an older
    one, in a transaction: it writes what must be in it. `changed` is called on the
    event loop when the state has changed.
    """

    def __init__(
        self,
        path: Path,
        fresh: Callable[[sqlite3.Connection], None],
        changed: Callable[[StoreState], None],
    ) -> None:
        """Start the thread; `opened` is done once the file is open or cannot be."""
        self._path = path
        self._fresh = fresh
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._file: Opened | None = None
        self._outage: _Outage | None = None
        self._late: deque[Late] = deque()
        self._no_checkpoint_until = 0.0
        self._to_be_filled = False
        self.lanes = Lanes()
        self.counters = Counters()
        self.state = StoreState()
        # Changes when readers have to open the file anew.
        self.generation = 0
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run, name="filament_slots_write", daemon=True
        )
        self._thread.start()

    @property
    def late(self) -> int:
        """How many wait in memory for the database."""
        return len(self._late)

    async def close(self) -> None:
        """Write what waits, then end."""
        self.lanes.close()
        await asyncio.shield(self._ended)
        self._thread.join()

    async def hold(self, seconds: float) -> None:
        """Bring all into the one file, then write nothing for so long."""
        done: asyncio.Future[None] = self._loop.create_future()

        def hold() -> None:
            with suppress(sqlite3.Error):
                if self._file is not None:
                    # What is written from now on stays in the journal, so that the
                    # file is the same from beginning to end of a backup.
                    self._file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                    self._file.db.execute("PRAGMA wal_autocheckpoint = 0")
            self._no_checkpoint_until = time.monotonic() + _NO_CHECKPOINT_SECONDS
            self.lanes.hold(seconds)
            self._call_loop(resolve, done, None)

        self.lanes.send(hold)
        await done

    def release(self) -> None:
        """Go on writing."""
        self.lanes.hold(0)
        self.lanes.send(self._checkpoint_again)

    def look_again(self) -> None:
        """Look at the set-aside files again."""
        self.lanes.send(self._show)

    def suspect(self, error: Exception) -> None:
        """Learn that a reader found the file damaged."""

        def look() -> None:
            if self._outage is None:
                self._begin_outage(error, look_in=0)

        self.lanes.send(look)

    # Everything below runs on the writer thread.

    def _run(self) -> None:
        try:
            self._open()
        except Exception as err:  # noqa: BLE001 - belongs to whoever opens the store
            self._call_loop(fail, self.opened, err)
        else:
            self._call_loop(resolve, self.opened, None)
            self._work()
        finally:
            self._call_loop(resolve, self._ended, None)

    def _open(self) -> None:
        self._file = open_database(self._path)
        self._show()

    def _work(self) -> None:
        while True:
            batch = self.lanes.take(self._outage.look_at if self._outage else None)
            if batch is None:
                break
            if self._outage is not None:
                self._look()
            if batch and self._outage is None:
                self._write(batch)
            elif batch:
                self._put_off(batch)
            if 0 < self._no_checkpoint_until < time.monotonic():
                self._checkpoint_again()
        if self._outage is not None:
            self._outage.look_at = 0
            self._look()
        if self._late:
            _LOGGER.warning("%d events were never written", len(self._late))
        self._close_file()

    def _write(self, batch: list[Try]) -> None:
        """Write a batch; where the database stays at fault, begin an outage."""
        for delay in (*RETRY_DELAYS, None):
            try:
                self._commit(batch)
            except DATABASE_ERRORS as err:
                if delay is None:
                    self._begin_outage(err)
                    self._put_off(batch)
                    return
                self.counters.retried += len(batch)
                self.lanes.pause(delay)
            else:
                return

    def _commit(self, batch: list[Try]) -> None:
        """Write a batch in one transaction; tell the loop, or put back what failed.

        Raises what the database is at fault for.
        """
        assert self._file is not None
        begin = time.perf_counter()
        done, left = run_all(self._file.db, batch)
        try:
            self.counters.database_bytes = check_present(self._path, self._file.inode)
        except DATABASE_ERRORS:
            # It is committed, but perhaps into a file that nobody will find again.
            for attempt in reversed(done):
                attempt.job.undo()
            raise
        self.counters.commits += 1
        self.counters.last_commit_at = datetime.now(UTC)
        self.counters.last_commit_ms = (time.perf_counter() - begin) * 1000
        lost = [attempt for attempt in left if attempt.exhausted]
        db: sqlite3.Connection | None = self._file.db
        for attempt in lost:
            late, noted = give_up(db, attempt.job, attempt.failure)
            self._keep(late)
            db = db if noted else None
        again = [attempt for attempt in left if not attempt.exhausted]
        self.counters.retried += sum(bool(attempt.attempts) for attempt in again)
        self.lanes.put_back(again)
        self._tell([attempt.job for attempt in (*done, *lost)])

    def _put_off(self, batch: list[Try]) -> None:
        """Tell what cannot be written now; keep what is to be written later."""
        assert self._outage is not None
        for attempt in batch:
            late, _ = give_up(None, attempt.job, self._outage.failure)
            self._keep(late)
        self._tell([attempt.job for attempt in batch])

    def _keep(self, late: Late | None) -> None:
        """Let it wait; of too many the oldest dispensable one goes, or this one."""
        if late is None:
            return
        if len(self._late) >= LATE_LIMIT:
            gone = next((one for one in self._late if one.dispensable), None)
            self.counters.dropped += 1
            if gone is None:
                late.drop()
                return
            gone.drop()
            self._late.remove(gone)
        self._late.append(late)

    def _begin_outage(self, error: Exception, look_in: float = _LOOK_AGAIN[0]) -> None:
        problem = problem_of(error) or Problem.IO_ERROR
        since = self._outage.since if self._outage else datetime.now(UTC)
        self._outage = _Outage(
            error, problem, since, _LOOK_AGAIN[0], time.monotonic() + look_in
        )
        _LOGGER.warning(
            "The database cannot be written (%s: %s); events wait", problem, error
        )
        self._show()

    def _look(self) -> None:
        """When it is time, see whether the database is back, and catch up."""
        outage = self._outage
        assert outage is not None
        if time.monotonic() < outage.look_at:
            return
        try:
            if outage.problem not in _SAME_FILE or self._file is None:
                self._open_again()
            self._catch_up()
        except Exception as err:  # noqa: BLE001 - whatever it is, events must not stop
            outage.problem = problem_of(err) or outage.problem
            outage.wait = min(outage.wait * 2, _LOOK_AGAIN[1])
            outage.look_at = time.monotonic() + outage.wait
        else:
            _LOGGER.info("The database can be written again")
            self._outage = None
        self._show()

    def _open_again(self) -> None:
        self._close_file()
        self._file = open_database(self._path)
        self.generation += 1
        self._to_be_filled |= self._file.fresh
        if self._to_be_filled:
            db = self._file.db
            db.execute("BEGIN")
            self._fresh(db)
            db.execute("COMMIT")
            self._to_be_filled = False

    def _catch_up(self) -> None:
        """Write what is late, in order; raises what the database is at fault for."""
        assert self._file is not None
        db = self._file.db
        if not self._late:
            # Nothing to write is no proof that it could be.
            (version,) = db.execute("PRAGMA user_version").fetchone()
            db.execute(f"PRAGMA user_version = {version}")
        while self._late:
            batch = [
                self._late.popleft() for _ in range(min(len(self._late), MAX_BATCH))
            ]
            try:
                _, left = run_all(db, [Try(late) for late in batch])
                check_present(self._path, self._file.inode)
            except DATABASE_ERRORS:
                for late in reversed(batch):
                    late.undo()
                    self._late.appendleft(late)
                raise
            for attempt in left:
                if attempt.attempts:
                    give_up(db, attempt.job, attempt.failure)
            # What was only held up by another of its lane.
            held_up = {id(attempt.job) for attempt in left if not attempt.attempts}
            self._late.extendleft(
                late for late in reversed(batch) if id(late) in held_up
            )

    def _close_file(self) -> None:
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.db.execute("PRAGMA optimize")
            self._file.db.close()
            self._file = None

    def _checkpoint_again(self) -> None:
        self._no_checkpoint_until = 0
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.db.execute(
                    f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}"
                )

    def _show(self) -> None:
        state = StoreState(
            problem=self._outage.problem if self._outage else None,
            since=self._outage.since if self._outage else None,
            set_aside=set_aside_files(self._path),
        )
        if state != self.state:
            self.state = state
            self._call_loop(self._changed, state)

    def _tell(self, jobs: Iterable[Job]) -> None:
        self._call_loop(_finish, list(jobs))

    def _call_loop(self, call: Callable[..., object], *args: object) -> None:
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)


def _finish(jobs: list[Job]) -> None:
    for job in jobs:
        try:
            job.finish()
        except Exception:
            _LOGGER.exception("Unexpected error after a commit")
