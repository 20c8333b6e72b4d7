"""How a driver stands: which status may follow which, and which followed of late."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .base import DriverStatus

# `config_error` is where an entry stands whose driver could not even be made.
ALLOWED: Final[Mapping[DriverStatus, frozenset[DriverStatus]]] = {
    DriverStatus.STOPPED: frozenset({DriverStatus.STARTING}),
    DriverStatus.STARTING: frozenset(
        {DriverStatus.WAITING, DriverStatus.RECONNECTING, DriverStatus.STOPPING}
    ),
    DriverStatus.WAITING: frozenset(
        {
            DriverStatus.RUNNING,
            DriverStatus.RECONNECTING,
            DriverStatus.AUTH_FAILED,
            DriverStatus.STOPPING,
        }
    ),
    DriverStatus.RUNNING: frozenset(
        {DriverStatus.WAITING, DriverStatus.RECONNECTING, DriverStatus.STOPPING}
    ),
    DriverStatus.RECONNECTING: frozenset(
        {DriverStatus.WAITING, DriverStatus.AUTH_FAILED, DriverStatus.STOPPING}
    ),
    DriverStatus.AUTH_FAILED: frozenset({DriverStatus.STOPPING}),
    DriverStatus.STOPPING: frozenset({DriverStatus.STOPPED}),
    DriverStatus.CONFIG_ERROR: frozenset(),
}

_REMEMBERED = 50


class Standing:
    """The present status, since when, and the last that went before it."""

    def __init__(self, at: datetime) -> None:
        """Begin stopped."""
        self.status = DriverStatus.STOPPED
        self.since = at
        self._transitions: deque[tuple[datetime, DriverStatus, str | None]] = deque(
            maxlen=_REMEMBERED
        )

    def may_become(self, status: DriverStatus) -> bool:
        """Whether this status may follow the present one."""
        return status in ALLOWED[self.status]

    def become(self, status: DriverStatus, at: datetime, error: str | None) -> None:
        """Take on a status; `error` is the code of what is in the way, for the record.

        Raises ValueError for one that may not follow.
        """
        if not self.may_become(status):
            raise ValueError(f"{status} may not follow {self.status}")
        self.status = status
        self.since = at
        self._transitions.append((at, status, error))

    def transitions(self) -> list[dict[str, Any]]:
        """Return the last transitions, oldest first: `{at, status, error}`."""
        return [
            {"at": at.isoformat(), "status": status.value, "error": error}
            for at, status, error in self._transitions
        ]
