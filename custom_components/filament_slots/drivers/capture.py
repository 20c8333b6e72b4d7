"""The recorder on a driver's wire: its last minutes, and what is needed to read them.

What it keeps becomes a capture that `scripts/replay` reads. Recording costs next to
nothing, as the bytes are kept as they came: all work is left to whoever asks for them.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import orjson

from .base import Clock

FORMAT: Final = 1
_SECONDS: Final = 300.0
_BYTES: Final = 256 * 1024
_FRAME_BYTES: Final = 64 * 1024


class _Worth(IntEnum):
    """What a frame is needed for once it is old."""

    NOTHING = 0  # It said nothing new.
    NEWS = 1  # It changed what is known.
    OPENING = 2  # A session began with it: all after it is read in its light.
    FIRST = 3  # The same, and nothing before it is needed any more.


@dataclass(slots=True, eq=False)
class _Frame:
    at: float
    data: bytes
    worth: _Worth


class Recorder:
    """Keeps everything of the last minutes, and of before that what still matters.

    Of the session that the last minutes belong to it keeps the opening, in which the
    printer says everything, and of what came after it as much news as there is room
    for. Both parts have a bound of their own.
    """

    def __init__(
        self, clock: Clock, *, seconds: float = _SECONDS, most_bytes: int = _BYTES
    ) -> None:
        """Record on this clock."""
        self._clock = clock
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._recent: deque[_Frame] = deque()
        self._recent_bytes = 0
        self._before: list[_Frame] = []
        self._next_worth = _Worth.NOTHING
        self._forgotten = False

    def session_started(self) -> None:
        """Note that a session starts; its next messages build up the full state."""
        self._next_worth = _Worth.FIRST

    def full_state_recorded(self) -> None:
        """Note that the session has reported the full state."""
        self._next_worth = _Worth.NOTHING

    def record(self, data: bytes) -> None:
        """Keep a message as it came."""
        now = self._clock.monotonic()
        if len(data) <= _FRAME_BYTES:
            self._recent.append(_Frame(now, data, self._next_worth))
            self._recent_bytes += len(data)
            if self._next_worth is _Worth.FIRST:
                self._next_worth = _Worth.OPENING
        recent = self._recent
        while recent and (
            recent[0].at < now - self._seconds or self._recent_bytes > self._most_bytes
        ):
            frame = recent.popleft()
            self._recent_bytes -= len(frame.data)
            if frame.worth is not _Worth.NOTHING:
                self._remember(frame)

    def mark_significant(self) -> None:
        """Note that the last message changed the state."""
        if self._recent and self._recent[-1].worth is _Worth.NOTHING:
            self._recent[-1].worth = _Worth.NEWS

    def frames(self) -> list[tuple[float, bytes]]:
        """Return what is kept, oldest first, with the seconds since the first."""
        kept = [*self._before, *self._recent]
        return [(round(frame.at - kept[0].at, 3), frame.data) for frame in kept]

    def capture(
        self,
        driver_key: str,
        about: str,
        frame: Callable[[Any], Mapping[str, Any] | None],
    ) -> dict[str, Any]:
        """Return it as a capture; `frame` makes a message one, or leaves it out."""
        frames = []
        for seconds, data in self.frames():
            try:
                made = frame(orjson.loads(data))
            except orjson.JSONDecodeError:
                continue
            if made is not None:
                frames.append({"t": seconds, **made})
        if self._forgotten:
            about += " Older news of the same session had to be left out."
        return {
            "format": FORMAT,
            "driver_key": driver_key,
            "about": about,
            "frames": frames,
        }

    def _remember(self, frame: _Frame) -> None:
        before = self._before
        if frame.worth is _Worth.FIRST:
            before.clear()
            self._forgotten = False
        before.append(frame)
        size = sum(len(kept.data) for kept in before)
        while size > self._most_bytes:
            # The oldest news; where there is nothing but an opening, its end.
            oldest = next(
                (kept for kept in before if kept.worth is _Worth.NEWS), before[-1]
            )
            before.remove(oldest)
            size -= len(oldest.data)
            self._forgotten = True
