"""What the writer is given to do."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
import sqlite3
from typing import Protocol

from .errors import store_error

RETRY_DELAYS = (0.1, 0.2, 0.4)


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

    @property
    def urgent(self) -> bool:
        """Whether it overtakes other lanes, with what waits before it in its own."""

    def run(self, db: sqlite3.Connection) -> None:
        """Do it, in a transaction on the writer thread; may be called again."""

    def complete(self, db: sqlite3.Connection) -> None:
        """Write what it left to the end, when all jobs of the transaction have run."""

    def undo(self) -> None:
        """Forget what the last run did in memory: it has been rolled back."""

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> Late | None:
        """Take the failure, on the writer thread; called once.

        db: in a transaction; None where the database is away. What it raises as
        a database error only means that the failure is not on disk either.
        Returns what is still to be written once the database is back.
        """

    def finish(self) -> None:
        """Tell everybody, on the event loop: it is committed or given up."""


class Late(Job, Protocol):
    """Waits in memory for the database; everybody has been told already."""

    @property
    def dispensable(self) -> bool:
        """Whether it goes first when too many wait."""

    def drop(self) -> None:
        """Note, on the writer thread, that it will never be written."""


class Call[T]:
    """A job that is one function; its caller waits for the result."""

    urgent = True

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        future: asyncio.Future[T],
        undo: Callable[[], None],
    ) -> None:
        """Take the work, and what undoes in memory what it did there."""
        self._future = future
        self._work = work
        self._undo = undo
        self._result: T
        self._failure: Failure | None = None

    @property
    def lane(self) -> Hashable:
        """Each call is on its own."""
        return self

    def run(self, db: sqlite3.Connection) -> None:
        """Do it."""
        self._result = self._work(db)

    def complete(self, db: sqlite3.Connection) -> None:
        """Nothing is left."""

    def undo(self) -> None:
        """Leave the result to the next run."""
        self._undo()

    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        """Keep the error for the caller."""
        self._failure = failure

    def finish(self) -> None:
        """Answer the caller."""
        if self._failure is not None:
            fail(self._future, store_error(self._failure.error))
        else:
            resolve(self._future, self._result)


class Try:
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

    @property
    def failure(self) -> Failure:
        """Why it failed, once it has."""
        return Failure(
            error=self.error,
            attempts=self.attempts,
            first_at=self.first_at,
            last_at=self.last_at,
        )

    def charge(self, error: Exception) -> None:
        """Count a failure."""
        self.error = error
        self.last_at = datetime.now(UTC)
        if self.attempts == 0:
            self.first_at = self.last_at
        self.attempts += 1


def resolve[T](future: asyncio.Future[T], result: T) -> None:
    """Answer whoever still waits."""
    if not future.done():
        future.set_result(result)


def fail[T](future: asyncio.Future[T], error: Exception) -> None:
    """Raise at whoever still waits."""
    if not future.done():
        future.set_exception(error)
