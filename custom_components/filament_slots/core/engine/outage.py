"""An outage of the database, and the jobs that wait in memory for its end."""

from collections import deque
from collections.abc import Collection, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from .errors import Problem
from .jobs import RETRY_DELAYS, BufferedJob, Failure, Job

BUFFER_LIMIT: Final = 10_000


@dataclass(slots=True)
class Outage:
    """Since when and why nothing can be written, and when to look again."""

    error: Exception
    problem: Problem
    since: datetime
    wait: float
    look_at: float

    @property
    def failure(self) -> Failure:
        """Why a job is not written: all its tries were made before."""
        now = datetime.now(UTC)
        tries = len(RETRY_DELAYS) + 1
        return Failure(
            error=self.error, attempts=tries, first_at=self.since, last_at=now
        )


class Buffer:
    """Jobs in their order; they stay until they are committed."""

    def __init__(self) -> None:
        """Create an empty buffer."""
        self._jobs: deque[BufferedJob] = deque()

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._jobs)

    def put(self, job: BufferedJob | None) -> bool:
        """Buffer a job; of too many the oldest dispensable one is dropped, or this.

        Return whether one was dropped.
        """
        if job is None:
            return False
        full = len(self._jobs) >= BUFFER_LIMIT
        if full:
            gone = next((one for one in self._jobs if one.dispensable), None)
            if gone is None:
                job.drop()
                return True
            gone.drop()
            self._jobs.remove(gone)
        self._jobs.append(job)
        return full

    def put_first(self, jobs: Collection[BufferedJob]) -> None:
        """Buffer jobs that were committed before all others; none is dropped."""
        self._jobs.extendleft(reversed(list(jobs)))

    def first(self, count: int) -> list[BufferedJob]:
        """Return the first jobs, which stay."""
        return list(islice(self._jobs, count))

    def remove_first(self, count: int, but: Container[Job]) -> None:
        """Remove the first jobs, but for these."""
        first = [self._jobs.popleft() for _ in range(count)]
        self._jobs.extendleft(job for job in reversed(first) if job in but)
