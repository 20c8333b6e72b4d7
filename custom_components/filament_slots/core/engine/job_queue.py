"""The queue between the event loop and the writer thread: ordered by a key."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
import threading
import time
from typing import Final

from .errors import Problem, StoreError
from .jobs import Job

# As many as share a transaction.
MAX_BATCH: Final = 500
# Jobs of one key; of more one is refused.
QUEUE_LIMIT: Final = 100_000


class _Waiting:
    """The jobs of one key, in order, and when the first is due."""

    __slots__ = ("dispensable", "due", "jobs")

    def __init__(self) -> None:
        self.jobs: OrderedDict[Job, None] = OrderedDict()
        # The ones to refuse first, found without a search.
        self.dispensable: OrderedDict[Job, None] = OrderedDict()
        self.due = 0.0


class JobQueue:
    """Jobs of one key keep their order; keys take turns. For any thread."""

    def __init__(self) -> None:
        """Create an open, empty queue."""
        self._wake = threading.Condition()
        self._keys: dict[Hashable, _Waiting] = {}
        self._tasks: deque[Callable[[], None]] = deque()
        self._held_until = 0.0
        self.closing = False

    def put(self, job: Job) -> None:
        """Queue a job; when too many of its key wait, one of them is refused.

        That is the oldest dispensable one, or this one. Raises StoreError (closed).
        """
        with self._wake:
            if self.closing:
                raise StoreError(Problem.CLOSED)
            waiting = self._append(job)
            if len(waiting.jobs) > QUEUE_LIMIT:
                refused, _ = (waiting.dispensable or waiting.jobs).popitem(
                    last=not waiting.dispensable
                )
                waiting.jobs.pop(refused, None)
                waiting.dispensable.pop(refused, None)
                refused.refuse()
                self._append(refused)
            self._wake.notify()

    def send(self, task: Callable[[], None]) -> None:
        """Let the writer run this before all jobs, outside any transaction."""
        with self._wake:
            if self.closing:
                raise StoreError(Problem.CLOSED)
            self._tasks.append(task)
            self._wake.notify()

    def hold(self, seconds: float) -> None:
        """Return no job from `take` for these seconds; 0 ends a hold."""
        with self._wake:
            self._held_until = time.monotonic() + seconds
            self._wake.notify()

    def close(self) -> None:
        """Accept no more; waiting jobs are still taken, held or not."""
        with self._wake:
            self.closing = True
            self._wake.notify()

    def pause(self, seconds: float) -> None:
        """Wait, unless the queue is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self.closing, seconds)

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Put jobs back before the others of their keys, until they are due again."""
        now = time.monotonic()
        first: dict[Hashable, Job] = {}
        with self._wake:
            for job in reversed(list(jobs)):
                first[job.key] = job
                waiting = self._append(job)
                waiting.jobs.move_to_end(job, last=False)
                if job.dispensable:
                    waiting.dispensable.move_to_end(job, last=False)
            for key, job in first.items():
                self._keys[key].due = now + job.delay

    def take(self, until: float | None = None) -> list[Job] | None:
        """Wait for jobs that are due; [] at that monotonic time, None once closed."""
        with self._wake:
            while True:
                if self._tasks:
                    self._tasks.popleft()()
                    # It may have changed what is waited for.
                    return []
                now = time.monotonic()
                if not self._held(now) and (batch := self._due(now)):
                    return batch
                if self.closing and not self._keys:
                    return None
                if until is not None and now >= until:
                    return []
                self._wake.wait(self._next(now, until))

    def _held(self, now: float) -> bool:
        return now < self._held_until and not self.closing

    def _next(self, now: float, until: float | None) -> float | None:
        """Return the seconds until something is due without a notification."""
        times = [] if until is None else [until]
        if self._held(now):
            times.append(self._held_until)
        else:
            times += (waiting.due for waiting in self._keys.values())
        return max(min(times) - now, 0.0) if times else None

    def _append(self, job: Job) -> _Waiting:
        waiting = self._keys.get(job.key)
        if waiting is None:
            waiting = self._keys[job.key] = _Waiting()
        waiting.jobs[job] = None
        if job.dispensable:
            waiting.dispensable[job] = None
        return waiting

    def _due(self, now: float) -> list[Job]:
        """Take a batch; a key with more jobs than fit is moved behind the others."""
        batch: list[Job] = []
        for key in [key for key, waiting in self._keys.items() if waiting.due <= now]:
            waiting = self._keys.pop(key)
            while waiting.jobs and len(batch) < MAX_BATCH:
                job, _ = waiting.jobs.popitem(last=False)
                waiting.dispensable.pop(job, None)
                batch.append(job)
            if waiting.jobs:
                self._keys[key] = waiting
            if len(batch) == MAX_BATCH:
                break
        return batch
