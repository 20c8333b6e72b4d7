"""The states of Klippy, Klipper's host process, on one connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..base import ErrorCode

READY: Final = "ready"
DISCONNECTED: Final = "disconnected"
_ERRORS: Final[Mapping[str, ErrorCode]] = {
    "error": ErrorCode.KLIPPY_ERROR,
    "shutdown": ErrorCode.KLIPPY_SHUTDOWN,
    DISCONNECTED: ErrorCode.KLIPPY_DISCONNECTED,
}


def error_of(state: str | None) -> ErrorCode:
    """Return the error that a state other than ready amounts to."""
    return _ERRORS.get(state or "", ErrorCode.KLIPPY_NOT_READY)


@dataclass(slots=True)
class Klippy:
    """Klippy's states on this connection (docs/protocols/moonraker.md 1.8).

    state: the last one reported, None before the first.
    trusted: its values are current. A Klippy that is ready at first is trusted at once;
    one that starts during the connection, once its filament system reports ready.
    lost: it was gone or shut down, so that a restarted one reports everything again.
    """

    state: str | None = None
    trusted: bool = False
    lost: bool = False

    @property
    def ready(self) -> bool:
        """Whether it is ready."""
        return self.state == READY

    def update(self, state: str) -> bool:
        """Set the state; return whether everything read before is void."""
        was, self.state = self.state, state
        if state == READY:
            self.trusted = self.trusted or was is None
            void, self.lost = self.lost, False
            return void
        self.trusted = False
        self.lost = self.lost or was == READY or state != "startup"
        return False
