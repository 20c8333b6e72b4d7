"""What all hardware has in common: time, chance, a shelf of spools, Home Assistant."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, ClassVar

from .facts import Facts
from .record import Record, Reel


class World(ABC):
    """One printer in its surroundings; actions are its methods `do_...`.

    ACTIONS: how often each action is chosen.
    powered, network: of the printer, and between it and Home Assistant.
    lively: something is being done to it; otherwise it waits for a checkpoint.
    """

    ACTIONS: ClassVar[Mapping[str, float]]
    driver: ClassVar[Any]
    facts: Facts

    def __init__(self, rng: Random, record: Record) -> None:
        """Begin; `rng` decides what is left to chance."""
        self.rng = rng
        self.record = record
        self.loop = asyncio.get_running_loop()
        self.powered = True
        self.network = True
        self.lively = True
        self._stalled_at = 0.0
        self.restart: Callable[[float], None] = lambda seconds: None
        self.closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._shelf: list[Reel] = []

    @property
    def now(self) -> float:
        """The time on the loop."""
        return self.loop.time()

    def later(self, seconds: float, do: Callable[..., None], *args: Any) -> None:
        """Let something happen, unless the history is over by then."""
        self.loop.call_later(seconds, self._happen, do, args)

    def _happen(self, do: Callable[..., None], args: tuple[Any, ...]) -> None:
        if not self.closed:
            do(*args)

    def run(self, task: Coroutine[Any, Any, None]) -> None:
        """Let something happen that takes a while."""
        running = self.loop.create_task(task)
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let nothing more happen."""
        self.closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def number(self) -> int:
        """Return the number of the next spool."""
        self._numbers += 1
        return self._numbers

    @abstractmethod
    def new_reel(self) -> Reel:
        """Return a spool that was nowhere before."""

    def keep(self, reel: Reel | None) -> None:
        """Put a spool on the shelf."""
        if reel is not None:
            self._shelf.append(reel)

    def some_reel(self, how: int) -> Reel:
        """Return a spool from the shelf, or a new one."""
        if self._shelf and how % 3 == 0:
            return self._shelf.pop(how % len(self._shelf))
        return self.new_reel()

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the driver's configuration."""

    @abstractmethod
    def open_session(self, *args: Any) -> AbstractAsyncContextManager[Any]:
        """Replace the function of the driver that opens a session."""

    @abstractmethod
    def start(self) -> None:
        """Begin to live."""

    def wake(self) -> None:
        """Have something done to it again, after a checkpoint."""
        self.lively = True

    @abstractmethod
    def calm(self) -> None:
        """Bring all to rest, so that everything must be known after a while."""

    @abstractmethod
    def busy(self) -> bool:
        """Whether something is still going on."""

    @abstractmethod
    def rest(self) -> float:
        """Return how long everything has to be still before a checkpoint."""
