"""Many jobs in one transaction; one that fails is rolled back alone."""

from collections.abc import Callable, Hashable
from contextlib import suppress
import logging
import sqlite3
from typing import Final, Protocol

from .errors import DATABASE_ERRORS, database_at_fault
from .jobs import BufferedJob, Failure, Job

_LOGGER = logging.getLogger(__name__)

# SQLite waits for another process's lock only when a transaction begins like this.
BEGIN: Final = "BEGIN IMMEDIATE"


class Memory(Protocol):
    """What jobs keep in memory beside the tables; it follows the transactions."""

    def reopened(self) -> None:
        """Forget the rows of the file: another one may be open now."""

    def fill(self, db: sqlite3.Connection) -> bool:
        """Write what is known into a file that does not have it; return whether any is."""

    def begin(self) -> None:
        """Begin a transaction, or a savepoint in one."""

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what was left to the end of the transaction or savepoint."""

    def keep(self) -> None:
        """End the innermost transaction or savepoint, which was committed or released."""

    def undo(self) -> None:
        """End the innermost transaction or savepoint, which was rolled back."""


def run_all(
    db: sqlite3.Connection, memory: Memory, batch: list[Job], check: Callable[[], None]
) -> tuple[list[Job], list[Job]]:
    """Return what is committed, and what failed or has to wait for what failed.

    Savepoints nearly double what an event costs, so the group first runs without;
    when one job fails, all are run again with a savepoint each.

    check: called after the commit; where it raises, memory is as before.
    Raises database errors with nothing committed, as far as is known.
    """
    if len(batch) > 1 and any(job.attempts for job in batch):
        return _run_apart(db, memory, batch, check)
    memory.begin()
    try:
        db.execute(BEGIN)
        for job in batch:
            job.run(db)
        memory.flush(db)
        db.execute("COMMIT")
        check()
    except Exception as err:
        _roll_back(db, memory)
        if database_at_fault(err):
            raise
        if len(batch) > 1:
            return _run_apart(db, memory, batch, check)
        batch[0].charge(err)
        return [], batch
    memory.keep()
    return batch, []


def give_up(
    db: sqlite3.Connection | None, job: Job, failure: Failure
) -> tuple[BufferedJob | None, bool]:
    """Give a job up; return what is left to write, and whether the failure is stored."""
    if db is None:
        return job.give_up(None, failure), False
    try:
        db.execute(BEGIN)
        job.give_up(db, failure)
        db.execute("COMMIT")
    except DATABASE_ERRORS:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        _LOGGER.debug("A failure could not be stored either", exc_info=True)
        return None, False
    return None, True


def _run_apart(
    db: sqlite3.Connection, memory: Memory, batch: list[Job], check: Callable[[], None]
) -> tuple[list[Job], list[Job]]:
    """Do the same with a savepoint each."""
    done: list[Job] = []
    left: list[Job] = []
    waiting: set[Hashable] = set()
    memory.begin()
    try:
        db.execute(BEGIN)
        for job in batch:
            if job.key not in waiting and _ran(db, memory, job):
                done.append(job)
            else:
                waiting.add(job.key)
                left.append(job)
        db.execute("COMMIT")
        check()
    except DATABASE_ERRORS:
        _roll_back(db, memory)
        raise
    memory.keep()
    return done, left


def _ran(db: sqlite3.Connection, memory: Memory, job: Job) -> bool:
    """Run a job in its savepoint; return whether it worked.

    Raises database errors where the database is at fault and not the job.
    """
    db.execute("SAVEPOINT job")
    memory.begin()
    try:
        job.run(db)
        memory.flush(db)
    except Exception as err:
        memory.undo()
        if database_at_fault(err):
            raise
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        job.charge(err)
        return False
    memory.keep()
    db.execute("RELEASE job")
    return True


def _roll_back(db: sqlite3.Connection, memory: Memory) -> None:
    with suppress(sqlite3.Error):
        db.execute("ROLLBACK")
    memory.undo()
