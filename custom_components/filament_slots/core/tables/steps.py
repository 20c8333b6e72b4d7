"""Work on many rows in short transactions, between which everything else is written."""

from collections.abc import AsyncIterator, Callable
from functools import partial
import sqlite3
import time
from typing import Final

from ..engine.store import Store

# A step takes about as long; events written meanwhile wait no longer.
_STEP_SECONDS: Final = 0.005
LARGEST_STEP: Final = 2_000


class Steps:
    """As many rows in a transaction as take about 5 ms."""

    def __init__(self, store: Store, first: int = 1) -> None:
        """Begin with `first` rows."""
        self._store = store
        self._step = first

    async def over(
        self, ids: list[int], work: Callable[[sqlite3.Connection, list[int]], None]
    ) -> AsyncIterator[int]:
        """Do work on rows, in their order; yield the size of each step once committed.

        Raises StoreError: the steps before are done.
        """

        def timed(db: sqlite3.Connection, some: list[int]) -> float:
            began = time.perf_counter()
            work(db, some)
            return time.perf_counter() - began

        while ids:
            some, ids = ids[: self._step], ids[self._step :]
            took = await self._store.write(partial(timed, some=some))
            pace = _STEP_SECONDS / max(took, 1e-6)
            self._step = max(1, min(LARGEST_STEP, int(len(some) * min(pace, 4)) + 1))
            yield len(some)
