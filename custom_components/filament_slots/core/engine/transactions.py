"""Many jobs in one transaction; one that fails is undone alone."""

from collections.abc import Hashable
from contextlib import suppress
import logging
import sqlite3
from typing import Final

from .errors import DATABASE_ERRORS, database_at_fault
from .jobs import Failure, Job, Late, Try

_LOGGER = logging.getLogger(__name__)

# Only so does SQLite wait for a lock that another process holds.
BEGIN: Final = "BEGIN IMMEDIATE"


def run_all(db: sqlite3.Connection, batch: list[Try]) -> tuple[list[Try], list[Try]]:
    """Return what is committed, and what failed or was held up by what failed.

    Savepoints nearly double what an event costs, so the group first goes without;
    when one of it fails, all are run anew with a savepoint each.

    Raises what the database is at fault for, with nothing committed and all undone.
    """
    if len(batch) > 1 and any(attempt.attempts for attempt in batch):
        return _run_apart(db, batch)
    ran: list[Try] = []
    try:
        db.execute(BEGIN)
        for attempt in batch:
            ran.append(attempt)
            attempt.job.run(db)
        for attempt in batch:
            attempt.job.complete(db)
        db.execute("COMMIT")
    except Exception as err:
        _roll_back(db, ran)
        if database_at_fault(err):
            raise
        if len(batch) > 1:
            return _run_apart(db, batch)
        batch[0].charge(err)
        return [], batch
    return batch, []


def give_up(
    db: sqlite3.Connection | None, job: Job, failure: Failure
) -> tuple[Late | None, bool]:
    """Give a job up; return what is left of it, and whether the database took note."""
    if db is None:
        return job.give_up(None, failure), False
    try:
        db.execute(BEGIN)
        job.give_up(db, failure)
        db.execute("COMMIT")
    except DATABASE_ERRORS:
        _roll_back(db, [])
        _LOGGER.debug("A failure could not be stored either", exc_info=True)
        return None, False
    return None, True


def _run_apart(db: sqlite3.Connection, batch: list[Try]) -> tuple[list[Try], list[Try]]:
    """Do the same with a savepoint each."""
    done: list[Try] = []
    left: list[Try] = []
    held: set[Hashable] = set()
    try:
        db.execute(BEGIN)
        for attempt in batch:
            if attempt.job.lane not in held and _ran(db, attempt):
                done.append(attempt)
            else:
                held.add(attempt.job.lane)
                left.append(attempt)
        db.execute("COMMIT")
    except DATABASE_ERRORS:
        _roll_back(db, done)
        raise
    return done, left


def _ran(db: sqlite3.Connection, attempt: Try) -> bool:
    """Run a job in its savepoint; return whether it worked.

    Raises sqlite3.Error where the database is at fault and not the job.
    """
    db.execute("SAVEPOINT job")
    try:
        attempt.job.run(db)
        attempt.job.complete(db)
    except Exception as err:
        attempt.job.undo()
        if database_at_fault(err):
            raise
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        attempt.charge(err)
        return False
    db.execute("RELEASE job")
    return True


def _roll_back(db: sqlite3.Connection, ran: list[Try]) -> None:
    with suppress(sqlite3.Error):
        db.execute("ROLLBACK")
    for attempt in reversed(ran):
        attempt.job.undo()
