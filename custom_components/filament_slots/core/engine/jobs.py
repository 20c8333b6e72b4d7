"""What the writer thread runs: jobs, with their failures and their answers."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
import sqlite3
from typing import override

from .errors import store_error

RETRY_DELAYS = (0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job was given up, after how many tries, and when they were."""

    error: Exception
    attempts: int
    first_at: datetime
    last_at: datetime


class Job(ABC):
    """Something to be written.

    Jobs with the same key are written, given up and finished in the order they were
    submitted; a failing one delays those of its own key only.
    key: what keeps its order.
    dispensable: refused first when too many jobs of its key wait.
    attempts: how often it has failed by itself.
    """

    __slots__ = ("attempts", "dispensable", "first_at", "key", "last_at", "last_error")

    last_error: Exception
    first_at: datetime
    last_at: datetime

    def __init__(self, key: Hashable, *, dispensable: bool = False) -> None:
        """Create a job that has not been tried."""
        self.key = key
        self.dispensable = dispensable
        self.attempts = 0

    @abstractmethod
    def run(self, db: sqlite3.Connection) -> None:
        """Write, in a transaction on the writer thread; may be called again."""

    @abstractmethod
    def give_up(
        self, db: sqlite3.Connection | None, failure: Failure
    ) -> BufferedJob | None:
        """Accept the failure, on the writer thread; called once.

        db: in a transaction; None during an outage. A database error raised here only
        means that the failure is not on disk either.
        Returns what is to be written after the outage.
        """

    @abstractmethod
    def finish(self) -> None:
        """Report the result, on the event loop: it is committed or given up."""

    def refuse(self) -> None:
        """Become a job that reports the refusal: too many of its key are waiting."""

    def again(self) -> CommittedJob | None:
        """Return what writes the same into a new file, once it is committed."""
        return None

    @property
    def exhausted(self) -> bool:
        """Whether there is no further try."""
        return self.attempts > len(RETRY_DELAYS)

    @property
    def delay(self) -> float:
        """Seconds until the next try; 0 for a job that has not failed itself."""
        return RETRY_DELAYS[self.attempts - 1] if self.attempts else 0.0

    @property
    def failure(self) -> Failure:
        """The failures so far; there must be one."""
        return Failure(
            error=self.last_error,
            attempts=self.attempts,
            first_at=self.first_at,
            last_at=self.last_at,
        )

    def charge(self, error: Exception) -> None:
        """Count a failure."""
        self.last_error = error
        self.last_at = datetime.now(UTC)
        if self.attempts == 0:
            self.first_at = self.last_at
        self.attempts += 1


class BufferedJob(Job):
    """Waits in memory for the end of an outage; its result was reported before."""

    @abstractmethod
    def drop(self) -> None:
        """Accept, on the writer thread, that it will never be written."""

    @override
    def finish(self) -> None:
        """Report nothing: that was done when the outage began."""


class CommittedJob(BufferedJob):
    """Writes again what a damaged file has lost, unless it is there.

    size: about how many bytes it takes in memory.
    """

    __slots__ = ("size",)

    size: int

    @abstractmethod
    def is_in(self, db: sqlite3.Connection) -> bool:
        """Return whether the database holds it; raises database errors."""

    @override
    def again(self) -> CommittedJob:
        return self


class Call[T](Job):
    """A job that is one function; its caller awaits the result."""

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        future: asyncio.Future[T],
        key: Hashable = None,
    ) -> None:
        """Create it, without a key with one of its own."""
        super().__init__(future if key is None else key)
        self._future = future
        self._work = work
        self._result: T
        self._failure: Failure | None = None

    @override
    def run(self, db: sqlite3.Connection) -> None:
        self._result = self._work(db)

    @override
    def give_up(self, db: sqlite3.Connection | None, failure: Failure) -> None:
        self._failure = failure

    @override
    def finish(self) -> None:
        if self._failure is not None:
            fail(self._future, store_error(self._failure.error))
        else:
            resolve(self._future, self._result)


def resolve[T](future: asyncio.Future[T], result: T) -> None:
    """Set the result, unless the future was cancelled."""
    if not future.done():
        future.set_result(result)


def fail[T](future: asyncio.Future[T], error: Exception) -> None:
    """Set the error, unless the future was cancelled."""
    if not future.done():
        future.set_exception(error)
