"""One printer's events on their way to the writer: in their order, so many at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..model import EventType
from .engine.job_queue import MAX_BATCH
from .event_jobs import Outcome

QUEUE_LIMIT: Final = 100_000
# As many as a transaction takes; more that live at once only keep the garbage
# collector busy.
WINDOW: Final = MAX_BATCH


@dataclass(slots=True, eq=False)
class Waiting:
    """An event, and who wants to hear what became of it."""

    event: Mapping[str, Any]
    outcome: asyncio.Future[Outcome] | None = None


class PrinterQueue:
    """Keeps what the writer has no room for yet; on the event loop.

    hand_over: gives an event to the writer. refuse: gives it one for which there is no
    room. Each is answered by `settled`, later.
    idle: set while everything that came has been settled.
    """

    def __init__(
        self,
        hand_over: Callable[[Waiting], None],
        refuse: Callable[[Waiting], None],
    ) -> None:
        """Begin empty."""
        self._hand_over = hand_over
        self._refuse = refuse
        self._waiting: OrderedDict[Waiting, None] = OrderedDict()
        # Those of them that are pictures: one is found without a search.
        self._pictures: OrderedDict[Waiting, None] = OrderedDict()
        self._in_flight = 0
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def depth(self) -> int:
        """How many have not been settled."""
        return len(self._waiting) + self._in_flight

    def put(self, waiting: Waiting) -> None:
        """Queue an event; of too many, one is refused."""
        self.idle.clear()
        self._waiting[waiting] = None
        if _is_picture(waiting.event):
            self._pictures[waiting] = None
        if len(self._waiting) > QUEUE_LIMIT:
            self._make_room()
        self._fill_window()

    def settled(self) -> None:
        """Go on: one that was handed over or refused is over."""
        self._in_flight -= 1
        self._fill_window()
        if not self._in_flight:
            self.idle.set()

    def _fill_window(self) -> None:
        while self._waiting and self._in_flight < WINDOW:
            self._in_flight += 1
            waiting, _ = self._waiting.popitem(last=False)
            self._pictures.pop(waiting, None)
            self._hand_over(waiting)

    def _make_room(self) -> None:
        """Refuse the oldest `ams_state`, as a later one says it all again; or the newest."""
        if self._pictures:
            refused, _ = self._pictures.popitem(last=False)
            del self._waiting[refused]
        else:
            refused, _ = self._waiting.popitem()
        self._in_flight += 1
        self._refuse(refused)


def _is_picture(event: object) -> bool:
    return isinstance(event, Mapping) and event.get("event_type") == EventType.AMS_STATE
