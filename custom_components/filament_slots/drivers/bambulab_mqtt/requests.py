"""Which requests are sent to the printer, and when."""

import json
import math

from .report import ReportDecoder

_VERSIONS_AGAIN = 5.0
_VERSIONS_TRIES = 3
# The small boards fall behind when they get pushall too often
# (docs/protocols/bambu.md 1.3).
_EVERYTHING_AGAIN = 60.0

GET_VERSION = json.dumps({"info": {"sequence_id": "0", "command": "get_version"}})
PUSHALL = json.dumps({"pushing": {"sequence_id": "0", "command": "pushall"}})


class Requests:
    """Decides which request is due; one object for each connection.

    On connect both are. get_version is again while a unit is not confirmed: at once when
    it appears, then every 5 s, three times in all. pushall is again while reports
    contradict each other, while the state is incomplete or that of the print is not known,
    and when it is wanted, a minute after the last one at the earliest.
    """

    def __init__(self, decoder: ReportDecoder) -> None:
        """Request what this decoder lacks."""
        self._decoder = decoder
        self._wanted = False
        self._tries = 0
        self._versions_from = -math.inf
        self._everything_from = -math.inf

    def opening(self, now: float) -> list[str]:
        """Return the first requests of a connection, sent at this monotonic time."""
        self._everything_from = now + _EVERYTHING_AGAIN
        return [GET_VERSION, PUSHALL]

    def want_everything(self) -> None:
        """Request everything as soon as that is allowed again."""
        self._wanted = True

    def due(self, now: float) -> list[str]:
        """Return the requests due now (a monotonic time), and count them as sent."""
        requests = []
        if self._wants_versions() and now >= self._versions_from:
            self._tries += 1
            self._versions_from = now + _VERSIONS_AGAIN
            requests.append(GET_VERSION)
        if self._wants_everything() and now >= self._everything_from:
            self._wanted = False
            self._everything_from = now + _EVERYTHING_AGAIN
            requests.append(PUSHALL)
        return requests

    def next_at(self) -> float:
        """Return the monotonic time of the next request; infinity when none is due."""
        return min(
            self._versions_from if self._wants_versions() else math.inf,
            self._everything_from if self._wants_everything() else math.inf,
        )

    def _wants_versions(self) -> bool:
        if not self._decoder.needs_versions:
            self._tries = 0
        return self._tries < _VERSIONS_TRIES and self._decoder.needs_versions

    def _wants_everything(self) -> bool:
        return self._wanted or self._decoder.needs_everything
