"""Websocket subscription of one driver: its status, its log, and its counters."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
import threading
from typing import Any, Final, TypedDict, final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from .coordinator import FilamentSlotsConfigEntry, is_loaded
from .driver_log import DriverLog, LogLevel, LogLine, level_number
from .drivers.health import CounterValues, Health, LastError, Transition
from .entry_health import EntryError, EntryHealth, entry_health
from .entry_redaction import entry_pseudonyms

# What a subscriber that does not read makes Home Assistant hold: it closes the connection
# after some minutes at the latest, until then a message of each kind a second.
_INTERVAL: Final = timedelta(seconds=1)
_MOST_LINES: Final = 100


class DriverState(TypedDict):
    """The status of a driver and since when, see `drivers.health.Health`.

    since: null, and no transitions, while the printer's entry is not loaded.
    """

    status: str
    since: str | None
    connected: bool
    last_error: LastError | EntryError | None
    transitions: list[Transition]


@final
class StatusMessage(TypedDict):
    """The status: the first message, and another one after it has changed."""

    status: DriverState


@final
class LinesMessage(TypedDict):
    """Lines of the log, oldest first, with pseudonyms for ids.

    dropped: older ones that were left out, as there were more than a message may have.
    """

    lines: list[LogLine]
    dropped: int


@final
class CountersMessage(TypedDict):
    """The counters, after they have changed."""

    counters: CounterValues


type DriverMessage = StatusMessage | LinesMessage | CountersMessage


class DriverSubscription:
    """Sends one subscriber what a driver does, at most once a second.

    It follows the entry over reloads, each of which makes another driver and log.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        send: Callable[[DriverMessage], None],
        entry: FilamentSlotsConfigEntry,
        level: LogLevel,
    ) -> None:
        """Set up a subscription; nothing is sent before `async_start`.

        level: the least severe lines to send.
        """
        self._hass = hass
        self._send = send
        self._entry = entry
        self._least = level_number(level)
        self._lines: deque[LogLine] = deque()
        self._most = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._sent: dict[str, Any] = {}
        self._log: DriverLog | None = None
        self._end_log: CALLBACK_TYPE | None = None
        self._end_timer: CALLBACK_TYPE

    @callback
    def async_start(self, lines: int) -> None:
        """Send the status and as many of the last lines; follow both, and the counters."""
        self._most = lines
        self._follow_log()
        self._dropped = 0
        self._send_status()
        self._send_lines()
        self._send_counters()
        self._most = _MOST_LINES
        self._end_timer = async_track_time_interval(
            self._hass, self._async_send_changes, _INTERVAL
        )

    @callback
    def async_stop(self) -> None:
        """Unsubscribe from everything."""
        self._end_timer()
        if self._end_log is not None:
            self._end_log()

    @callback
    def _async_send_changes(self, _: datetime) -> None:
        self._follow_log()
        self._send_status()
        if self._lines or self._dropped:
            self._send_lines()
        self._send_counters()

    def _follow_log(self) -> None:
        """Follow the log of the present driver; the lines of the one before are here."""
        if not is_loaded(self._entry) or self._entry.runtime_data.log is self._log:
            return
        if self._end_log is not None:
            self._end_log()
        self._log = self._entry.runtime_data.log
        self._end_log = self._log.follow(self._take_line)

    def _take_line(self, line: LogLine) -> None:
        """Keep a line until it is sent; called in the thread that logs."""
        if level_number(line["level"]) < self._least:
            return
        with self._lock:
            self._lines.append(line)
            if len(self._lines) > self._most:
                self._lines.popleft()
                self._dropped += 1

    def _send_lines(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, deque()
            dropped, self._dropped = self._dropped, 0
        pseudonyms = entry_pseudonyms(self._entry)
        self._send(
            {
                "lines": [
                    {**line, "message": pseudonyms.scrub(line["message"])}
                    for line in lines
                ],
                "dropped": dropped,
            }
        )

    def _send_status(self) -> None:
        status = _driver_state(entry_health(self._entry))
        if self._is_new("status", status):
            self._send({"status": status})

    def _send_counters(self) -> None:
        if not is_loaded(self._entry):
            return
        counters = self._entry.runtime_data.driver.health()["counters"]
        if self._is_new("counters", counters):
            self._send({"counters": counters})

    def _is_new(self, kind: str, message: object) -> bool:
        """Return whether a message differs from the last of its kind."""
        if self._sent.get(kind) == message:
            return False
        self._sent[kind] = message
        return True


def _driver_state(health: Health | EntryHealth) -> DriverState:
    if "since" not in health:
        return DriverState(
            status=health["status"],
            since=None,
            connected=False,
            last_error=health["last_error"],
            transitions=[],
        )
    return DriverState(
        status=health["status"],
        since=health["since"],
        connected=health["connected"],
        last_error=health["last_error"],
        transitions=health["transitions"],
    )
