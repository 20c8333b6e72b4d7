"""Recorders of a connection: of the last minutes, and of the next seconds.

Their captures can be replayed with `scripts/replay`. Recording is cheap: messages are
kept as bytes, and parsed only when a capture is requested.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import orjson

from ..network.clock import Clock

FORMAT: Final = 1
_SECONDS: Final = 300.0
_BYTES: Final = 256 * 1024
_FRAME_BYTES: Final = 64 * 1024
# What a message takes in a capture beside its content.
_OVERHEAD: Final = 64

# A message with its time, in seconds.
type Recorded = tuple[float, bytes]
type ConvertFrame = Callable[[Any], Mapping[str, Any] | None]


class _Kind(IntEnum):
    """Why a message is kept after it is older than the last minutes."""

    INSIGNIFICANT = 0  # It changed nothing, and is dropped.
    CHANGE = 1  # It changed the state.
    FULL_STATE = 2  # It is part of the full state that a session starts with.
    FIRST = 3  # The same, and no earlier message is needed.


@dataclass(slots=True, eq=False)
class _Frame:
    at: float
    data: bytes
    kind: _Kind


class Recorder:
    """Keeps all messages of the last minutes, and the significant ones before them.

    Of the session that the last minutes belong to, it keeps the messages of the full
    state, and as many later changes as there is room for. Both parts are bounded.
    """

    def __init__(
        self, clock: Clock, *, seconds: float = _SECONDS, most_bytes: int = _BYTES
    ) -> None:
        """Create it empty."""
        self._clock = clock
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._recent: deque[_Frame] = deque()
        self._recent_bytes = 0
        self._older: list[_Frame] = []
        self._older_bytes = 0
        self._next_kind = _Kind.INSIGNIFICANT
        self._truncated = False

    @property
    def bytes_held(self) -> int:
        """The bytes of the messages that are kept."""
        return self._recent_bytes + self._older_bytes

    def session_started(self) -> None:
        """Note that a session starts; its next messages build up the full state."""
        self._next_kind = _Kind.FIRST

    def full_state_recorded(self) -> None:
        """Note that the session has reported the full state."""
        self._next_kind = _Kind.INSIGNIFICANT

    def record(self, data: bytes) -> None:
        """Keep a message."""
        now = self._clock.monotonic()
        if len(data) <= _FRAME_BYTES:
            self._recent.append(_Frame(now, data, self._next_kind))
            self._recent_bytes += len(data)
            if self._next_kind is _Kind.FIRST:
                self._next_kind = _Kind.FULL_STATE
        recent = self._recent
        while recent and (
            recent[0].at < now - self._seconds or self._recent_bytes > self._most_bytes
        ):
            frame = recent.popleft()
            self._recent_bytes -= len(frame.data)
            if frame.kind is not _Kind.INSIGNIFICANT:
                self._keep_older(frame)

    def mark_significant(self) -> None:
        """Note that the last message changed the state."""
        if self._recent and self._recent[-1].kind is _Kind.INSIGNIFICANT:
            self._recent[-1].kind = _Kind.CHANGE

    def frames(self) -> list[Recorded]:
        """Return the messages, oldest first, with the seconds since the first."""
        kept = [*self._older, *self._recent]
        return [(round(frame.at - kept[0].at, 3), frame.data) for frame in kept]

    def significant(self) -> list[Recorded]:
        """Return the messages that the next ones depend on, with their monotonic times."""
        return [
            (frame.at, frame.data)
            for frame in (*self._older, *self._recent)
            if frame.kind is not _Kind.INSIGNIFICANT
        ]

    def capture(
        self, driver_key: str, about: str, frame: ConvertFrame
    ) -> dict[str, Any]:
        """Return a capture; `frame` converts a message, or returns None to leave it out."""
        if self._truncated:
            about += " Some older changes of the session were dropped."
        return make_capture(driver_key, about, self.frames(), frame)

    def _keep_older(self, frame: _Frame) -> None:
        older = self._older
        if frame.kind is _Kind.FIRST:
            older.clear()
            self._older_bytes = 0
            self._truncated = False
        older.append(frame)
        self._older_bytes += len(frame.data)
        while self._older_bytes > self._most_bytes:
            # The oldest change; if there is only the full state, its last message.
            dropped = next(
                (kept for kept in older if kept.kind is _Kind.CHANGE), older[-1]
            )
            older.remove(dropped)
            self._older_bytes -= len(dropped.data)
            self._truncated = True


class Recording:
    """All messages from now on, up to a number of bytes in a capture.

    messages: with their monotonic times. full: set once a message had no room.
    """

    def __init__(self, clock: Clock, most_bytes: int) -> None:
        """Create it empty."""
        self.messages: list[Recorded] = []
        self.full = asyncio.Event()
        self._clock = clock
        self._room = most_bytes

    def record(self, data: bytes) -> None:
        """Keep a message."""
        self._room -= len(data) + _OVERHEAD
        if self._room < 0:
            self.full.set()
        if not self.full.is_set():
            self.messages.append((self._clock.monotonic(), data))


def make_capture(
    driver_key: str, about: str, recorded: Iterable[Recorded], frame: ConvertFrame
) -> dict[str, Any]:
    """Return a capture, with the seconds since the first message; see Recorder."""
    frames: list[dict[str, Any]] = []
    first: float | None = None
    for at, data in recorded:
        first = at if first is None else first
        try:
            converted = frame(orjson.loads(data))
        except orjson.JSONDecodeError:
            continue
        if converted is not None:
            frames.append({"t": round(at - first, 3), **converted})
    return {
        "format": FORMAT,
        "driver_key": driver_key,
        "about": about,
        "frames": frames,
    }
