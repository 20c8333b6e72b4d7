"""What waits for the writer: in the order of its lane, and the urgent lanes first."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
import threading
import time

from .errors import Problem, StoreError
from .jobs import Job, Try

MAX_BATCH = 500


class _Lane:
    """Jobs in their order, and when the first is due."""

    __slots__ = ("due", "tries", "urgent")

    def __init__(self) -> None:
        """Begin with none."""
        self.tries: deque[Try] = deque()
        self.due = 0.0
        self.urgent = 0


class Lanes:
    """The queue between the event loop and the writer thread."""

    def __init__(self) -> None:
        """Begin open and empty."""
        self._wake = threading.Condition()
        self._lanes: dict[Hashable, _Lane] = {}
        self._errands: deque[Callable[[], None]] = deque()
        self._held_until = 0.0
        self.closing = False
        self.depth = 0

    def put(self, job: Job) -> None:
        """Queue a job; raises StoreError (closed) at the end."""
        with self._wake:
            if self.closing:
                raise StoreError(Problem.CLOSED)
            self._append(Try(job))
            self._wake.notify()

    def send(self, errand: Callable[[], None]) -> None:
        """Let the writer do this before all jobs, outside any transaction."""
        with self._wake:
            if self.closing:
                raise StoreError(Problem.CLOSED)
            self._errands.append(errand)
            self._wake.notify()

    def hold(self, seconds: float) -> None:
        """Hand out no job for so long; zero: go on."""
        with self._wake:
            self._held_until = time.monotonic() + seconds
            self._wake.notify()

    def close(self) -> None:
        """Take nothing more; what waits is still handed out, held or not."""
        with self._wake:
            self.closing = True
            self._wake.notify()

    def pause(self, seconds: float) -> None:
        """Wait, but not at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self.closing, seconds)

    def put_back(self, tries: Iterable[Try]) -> None:
        """Put jobs back before the others of their lanes, until they are due again."""
        now = time.monotonic()
        with self._wake:
            back: dict[Hashable, list[Try]] = {}
            for attempt in tries:
                back.setdefault(attempt.job.lane, []).append(attempt)
            for lane_key, attempts in back.items():
                lane = self._lanes.setdefault(lane_key, _Lane())
                lane.tries.extendleft(reversed(attempts))
                lane.urgent += sum(attempt.job.urgent for attempt in attempts)
                lane.due = now + attempts[0].delay
                self.depth += len(attempts)

    def take(self, until: float | None = None) -> list[Try] | None:
        """Wait for jobs that are due; none at the monotonic time, None at the end."""
        with self._wake:
            while True:
                if self._errands:
                    self._errands.popleft()()
                    # It may have changed what is waited for.
                    return []
                now = time.monotonic()
                if not self._held(now) and (batch := self._due(now)):
                    return batch
                if self.closing and not self._lanes:
                    return None
                if until is not None and now >= until:
                    return []
                self._wake.wait(self._next(now, until))

    def _held(self, now: float) -> bool:
        return now < self._held_until and not self.closing

    def _next(self, now: float, until: float | None) -> float | None:
        """Return in how many seconds there may be something to do by itself."""
        times = [] if until is None else [until]
        if self._held(now):
            times.append(self._held_until)
        else:
            times += (lane.due for lane in self._lanes.values())
        return max(min(times) - now, 0.0) if times else None

    def _append(self, attempt: Try) -> None:
        lane = self._lanes.get(attempt.job.lane)
        if lane is None:
            lane = self._lanes[attempt.job.lane] = _Lane()
        lane.tries.append(attempt)
        lane.urgent += attempt.job.urgent
        self.depth += 1

    def _due(self, now: float) -> list[Try]:
        """Take what is due: first the lanes in which something urgent waits."""
        due = [(key, lane) for key, lane in self._lanes.items() if lane.due <= now]
        due.sort(key=lambda item: not item[1].urgent)
        batch: list[Try] = []
        for key, lane in due:
            while lane.tries and len(batch) < MAX_BATCH:
                attempt = lane.tries.popleft()
                lane.urgent -= attempt.job.urgent
                batch.append(attempt)
            if not lane.tries:
                del self._lanes[key]
        self.depth -= len(batch)
        return batch
