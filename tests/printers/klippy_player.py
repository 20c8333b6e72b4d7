"""Replays a recorded Klippy with the fake one (format: the frames of a capture)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from .klippy import Klippy, Status

type Frame = Mapping[str, Any]


class KlippyPlayer:
    """A recording of one client, converted into the actions of Klippy.

    Changes become changes, a lost and a ready Klippy a stopped and a started one. What
    only an answer showed, and no change before it, was changed in place: so it is
    here, together with the last change of a list of the same object.
    """

    def __init__(self, klippy: Klippy, frames: Sequence[Frame]) -> None:
        """Set the status at the start of the recording."""
        self._klippy = klippy
        self._frames = [frame for frame in frames if frame["dir"] == "<-"]
        self._at = next(i for i, f in enumerate(self._frames) if _answer(f))
        klippy.objects |= _answer(self._frames[self._at]) or {}

    async def play(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Replay all actions with their pauses; `ready` waits after each start."""
        before = self._frames[self._at]["t"]
        for number, frame in enumerate(self._frames[self._at + 1 :], self._at + 1):
            await self._klippy.pause(frame["t"] - before)
            before = frame["t"]
            match frame["frame"].get("method"):
                case "notify_status_update":
                    self._change(frame["frame"]["params"][0], number)
                case "notify_klippy_disconnected":
                    await self._klippy.stop()
                case "notify_klippy_shutdown":
                    self._klippy.enter("shutdown")
                case "notify_klippy_ready":
                    await self._klippy.start(objects=self._next_answer(number))
                    await ready()

    def _change(self, changes: Status, number: int) -> None:
        for name, fields in changes.items():
            self._klippy.set(name, **fields)
            if any(isinstance(value, list) for value in fields.values()):
                self._change_in_place(name, number)

    def _change_in_place(self, name: str, number: int) -> None:
        """Change the lists that differ in the next answer without a change before it."""
        shown = self._klippy.objects[name]
        reported: set[str] = set()
        for frame in self._frames[number + 1 :]:
            if answer := _answer(frame):
                for field, value in answer.get(name, {}).items():
                    if field not in reported and isinstance(shown.get(field), list):
                        shown[field][:] = value
                return
            match frame["frame"]:
                case {"method": "notify_status_update", "params": [changes, *_]}:
                    fields = changes.get(name, {})
                    if any(isinstance(value, list) for value in fields.values()):
                        return
                    reported |= fields.keys()

    def _next_answer(self, number: int) -> Status:
        answers = (_answer(frame) for frame in self._frames[number:])
        return next(filter(None, answers), {})


def _answer(frame: Frame) -> Status | None:
    match frame["frame"]:
        case {"result": {"status": dict(status)}}:
            return {name: dict(fields) for name, fields in status.items()}
    return None
