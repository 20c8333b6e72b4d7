"""Writer thread: group commit, retries, buffering during an outage."""

import asyncio
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

from .database_file import Opened, Tables, open_database, set_aside_files, write_copy
from .errors import DATABASE_ERRORS, Problem, StoreState, problem_of
from .instance_lock import InstanceLock
from .job_queue import MAX_BATCH, JobQueue
from .jobs import RETRY_DELAYS, Job, fail, resolve
from .outage import Buffer, Outage
from .proof import Proof
from .reader import Reader
from .transactions import BEGIN, Memory, give_up, run_all

_LOGGER = logging.getLogger(__name__)

# Until the next look whether the outage is over: 1, 2, 4, 8, 8, ... seconds.
_LOOK_AGAIN: Final = (1.0, 8.0)
# With any other problem the file may be another one now, or damaged.
_SAME_FILE: Final = frozenset({Problem.LOCKED, Problem.FULL})
# Longer than any backup takes.
_NO_CHECKPOINT_SECONDS: Final = 3600.0
_CHECKPOINT_PAGES: Final = 1000
# From the start to the first copy of the slots, and from each to the next.
_COPY_AFTER: Final = (60.0, 3600.0)


@dataclass(slots=True)
class Counters:
    """What the writer has done; written by its thread, read by any."""

    retried: int = 0
    dropped: int = 0
    commits: int = 0
    last_commit_at: datetime | None = None
    last_commit_ms: float | None = None
    database_bytes: int | None = None


class Writer:
    """The thread, and the database that it alone writes.

    reader: gives way while the file is opened again.
    changed: called on the event loop when the state has changed.
    queue: the jobs that wait. opened: done once the file is open or cannot be.
    """

    def __init__(
        self,
        path: Path,
        tables: Tables,
        memory: Memory,
        reader: Reader,
        changed: Callable[[StoreState], None],
    ) -> None:
        """Start the thread, from the event loop."""
        self._path = path
        self._tables = tables
        self._memory = memory
        self._reader = reader
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._lock = InstanceLock(path.with_suffix(".lock"))
        self._file: Opened | None = None
        self._outage: Outage | None = None
        self._buffer = Buffer()
        self._no_checkpoint_until = 0.0
        self._copy_at = time.monotonic() + _COPY_AFTER[0]
        self._to_be_filled = False
        self._proof = Proof(path)
        self.queue = JobQueue()
        self.counters = Counters()
        self.state = StoreState()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run, name="filament_slots_write", daemon=True
        )
        self._thread.start()

    @property
    def buffered(self) -> int:
        """How many jobs wait in memory for the end of an outage."""
        return len(self._buffer)

    @property
    def unproven(self) -> int:
        """How many committed jobs are kept in memory until the file holds them."""
        return len(self._proof)

    async def close(self) -> None:
        """Write the waiting jobs, then end the thread."""
        self.queue.close()
        await asyncio.shield(self._ended)
        self._thread.join()

    async def hold(self, seconds: float) -> None:
        """Bring everything into the one file, then write nothing for these seconds.

        Raises StoreError (closed), as do `release`, `look_again` and `prove`.
        """
        done: asyncio.Future[None] = self._loop.create_future()

        def hold() -> None:
            with suppress(*DATABASE_ERRORS):
                if self._file is not None:
                    # What is written from now on stays in the journal, so that the
                    # file does not change while a backup copies it.
                    self._prove(self._file.db, "TRUNCATE")
                    self._file.db.execute("PRAGMA wal_autocheckpoint = 0")
            self._proof.held = True
            self._no_checkpoint_until = time.monotonic() + _NO_CHECKPOINT_SECONDS
            self.queue.hold(seconds)
            self._call_loop(resolve, done, None)

        self.queue.send(hold)
        await done

    def release(self) -> None:
        """Continue writing."""
        self.queue.hold(0)
        self.queue.send(self._checkpoint_again)

    def look_again(self) -> None:
        """Look for set-aside files again."""
        self.queue.send(self._show)

    def prove(self) -> None:
        """Bring everything into the one file, read it back, and write its copy."""
        self.queue.send(self._settle)

    def suspect(self, error: Exception) -> None:
        """Check the file, as a reader found it damaged."""

        def look() -> None:
            if self._outage is None:
                self._begin_outage(error, look_in=0)

        self.queue.send(look)

    # Everything below runs on the writer thread.

    def _run(self) -> None:
        try:
            self._open()
        except Exception as err:  # noqa: BLE001 - raised where the store is opened
            self._call_loop(fail, self.opened, err)
        else:
            self._show()
            self._call_loop(resolve, self.opened, None)
            self._work()
        finally:
            self._lock.release()
            self._call_loop(resolve, self._ended, None)

    def _open(self) -> Opened:
        self._lock.acquire()
        self._file = opened = open_database(self._path, self._tables)
        self._proof.opened()
        return opened

    def _work(self) -> None:
        while True:
            batch = self.queue.take(self._outage.look_at if self._outage else None)
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
            if time.monotonic() >= self._copy_at:
                self._write_copy()
        self._settle()
        if self._buffer:
            _LOGGER.warning("%d events were never written", len(self._buffer))
        with self._reader.away():
            self._close_file()

    def _settle(self) -> None:
        """Prove or write, as far as possible, what is left."""
        try:
            if self._outage is None and self._file is not None:
                self._prove(self._file.db)
        except DATABASE_ERRORS as err:
            self._begin_outage(err)
        if self._outage is not None:
            self._outage.look_at = 0
            self._look()
        self._write_copy()

    def _write(self, batch: list[Job]) -> None:
        """Write a batch; where the database stays at fault, begin an outage.

        A damaged file is replaced at once: nothing is gained by waiting.
        """
        for delay in (*RETRY_DELAYS, None):
            try:
                self._commit(batch)
            except DATABASE_ERRORS as err:
                if delay is None:
                    self._begin_outage(err)
                elif problem_of(err) is Problem.DAMAGED:
                    self._begin_outage(err, look_in=0)
                    self._look()
                else:
                    self.queue.pause(delay)
                if self._outage is not None:
                    self._put_off(batch)
                    return
                self.counters.retried += len(batch)
            else:
                return

    def _commit(self, batch: list[Job]) -> None:
        """Write a batch in one transaction, report the results, put back what failed.

        Raises database errors that are not the fault of a job.
        """
        assert self._file is not None
        begin = time.perf_counter()
        db: sqlite3.Connection | None = self._file.db
        with self._proof.transaction():
            done, left = run_all(self._file.db, self._memory, batch, self._check)
            self.counters.commits += 1
            self.counters.last_commit_at = datetime.now(UTC)
            self.counters.last_commit_ms = (time.perf_counter() - begin) * 1000
            lost = [job for job in left if job.exhausted]
            for job in lost:
                remains, stored = give_up(db, job, job.failure)
                self.counters.dropped += self._buffer.put(remains)
                db = db if stored else None
        for job in done:
            self._proof.keep(job.again())
        again = [job for job in left if not job.exhausted]
        self.counters.retried += sum(bool(job.attempts) for job in again)
        self.queue.put_back(again)
        self._report([*done, *lost])

    def _check(self) -> None:
        """Make sure that the commit went into the file at the path."""
        assert self._file is not None
        self.counters.database_bytes = self._proof.committed(self._file.db)

    def _prove(self, db: sqlite3.Connection, mode: str = "PASSIVE") -> None:
        with self._proof.transaction():
            self._proof.checkpoint(db, mode)

    def _put_off(self, batch: list[Job]) -> None:
        """Report what cannot be written now; buffer what is to be written later."""
        assert self._outage is not None
        for job in batch:
            remains, _ = give_up(None, job, self._outage.failure)
            self.counters.dropped += self._buffer.put(remains)
        self._report(batch)

    def _begin_outage(self, error: Exception, look_in: float = _LOOK_AGAIN[0]) -> None:
        problem = problem_of(error) or Problem.IO_ERROR
        since = self._outage.since if self._outage else datetime.now(UTC)
        self._outage = Outage(
            error, problem, since, _LOOK_AGAIN[0], time.monotonic() + look_in
        )
        _LOGGER.warning(
            "The database cannot be written (%s: %s); events are buffered",
            problem,
            error,
        )
        if look_in:
            self._show()

    def _look(self) -> None:
        """When it is time, check whether the outage is over, and catch up."""
        outage = self._outage
        assert outage is not None
        if time.monotonic() < outage.look_at:
            return
        try:
            if outage.problem not in _SAME_FILE or self._file is None:
                self._open_again(outage.problem)
            self._fill()
            self._catch_up()
        except Exception as err:  # noqa: BLE001 - the next events must be handled
            outage.problem = problem_of(err) or outage.problem
            outage.wait = min(outage.wait * 2, _LOOK_AGAIN[1])
            outage.look_at = time.monotonic() + outage.wait
        else:
            _LOGGER.info("The database can be written again")
            self._outage = None
        self._show()

    def _open_again(self, problem: Problem) -> None:
        """Open the file, with what it has not proven to hold to be written again."""
        self._buffer.put_first(self._proof.take())
        with self._reader.away():
            self._close_file(keep_journal=True)
            opened = self._open()
        self._memory.reopened()
        self._to_be_filled |= opened.fresh or problem is Problem.DAMAGED

    def _fill(self) -> None:
        """Write what is known into a file that has lost it; raises database errors."""
        assert self._file is not None
        if self._to_be_filled:
            with self._proof.transaction(), self._file.db as db:
                db.execute(BEGIN)
                self._memory.fill(db)
            self._to_be_filled = False

    def _catch_up(self) -> None:
        """Write the buffer, in order; raises database errors."""
        assert self._file is not None
        db = self._file.db
        if not self._buffer:
            # An empty buffer does not prove that it could be written.
            with self._proof.transaction():
                (version,) = db.execute("PRAGMA user_version").fetchone()
                db.execute(f"PRAGMA user_version = {version}")
        while self._buffer:
            # They stay in the buffer, and are counted, until they are committed.
            batch = self._buffer.first(MAX_BATCH)
            with self._proof.transaction():
                done, left = run_all(db, self._memory, [*batch], self._check)
                for job in left:
                    if job.attempts:
                        give_up(db, job, job.failure)
            # What only had to wait for another of its key.
            waiting = {job for job in left if not job.attempts}
            self._buffer.remove_first(len(batch), but=waiting)
            for job in done:
                self._proof.keep(job.again())

    def _close_file(self, *, keep_journal: bool = False) -> None:
        """Close the file.

        keep_journal: do not bring it into the file, which SQLite would do unchecked.
        """
        if self._file is not None:
            with suppress(sqlite3.Error):
                if keep_journal:
                    no_checkpoint = sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE
                    self._file.db.setconfig(no_checkpoint, True)
                else:
                    self._file.db.execute("PRAGMA optimize")
            self._file.db.close()
            self._file = None

    def _write_copy(self) -> None:
        self._copy_at = time.monotonic() + _COPY_AFTER[1]
        try:
            write_copy(self._path, self._tables, self._memory.fill)
        except DATABASE_ERRORS as err:
            _LOGGER.debug("The slots could not be copied: %s", err)

    def _checkpoint_again(self) -> None:
        self._no_checkpoint_until = 0
        self._proof.held = False
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

    def _report(self, jobs: Iterable[Job]) -> None:
        self._call_loop(_finish, list(jobs))

    def _call_loop(self, call: Callable[..., object], *args: object) -> None:
        # After the end of the event loop there is nothing left to report to.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)


def _finish(jobs: list[Job]) -> None:
    for job in jobs:
        try:
            job.finish()
        except Exception:
            _LOGGER.exception("Unexpected error after a commit")
