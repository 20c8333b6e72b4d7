"""The log of a printer or an inventory: structured lines, of which the last are kept."""

from collections import deque
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from enum import StrEnum
import logging
import threading
from typing import Any, Final, TypedDict, override

from .drivers.message import correlation_id

_LOGGER = logging.getLogger(__package__)

LINES_KEPT: Final = 500
# Characters of a line; the rest is cut off.
LONGEST_LINE: Final = 1_000
_CUT: Final = " …"


class LogLevel(StrEnum):
    """The levels of lines, the least severe first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogLine(TypedDict):
    """A line: when it was logged (ISO 8601, UTC), its level, and its text.

    correlation_id: of the printer's message that it is about; null if it is about none.
    """

    at: str
    level: LogLevel
    message: str
    correlation_id: str | None


# The least severe first.
_NUMBERS: Final = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}

type LogListener = Callable[[LogLine], None]


class DriverLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the name of a printer or an inventory in front of lines, and keeps the last.

    Lines of every level are kept: debug logging is rarely enabled when a fault occurs.
    Records have `entry_id`, `printer` and `correlation_id` as attributes: that of the
    message that is being processed, unless `extra` names another one. For any thread.
    """

    def __init__(self, printer: str, entry_id: str | None = None) -> None:
        """Take the name, and the id of the entry if there is one yet."""
        super().__init__(_LOGGER)
        self._lines: deque[LogLine] = deque(maxlen=LINES_KEPT)
        self._listeners: list[LogListener] = []
        self._lock = threading.Lock()
        # In a log message it would start a placeholder.
        self._printer = printer.replace("%", "")
        self._entry_id = entry_id

    @property
    def lines(self) -> list[str]:
        """The last lines as texts, oldest first; ids in them are not redacted."""
        with self._lock:
            kept = list(self._lines)
        return [
            f"{line['at']} {line['level'].upper()} {line['message']}" for line in kept
        ]

    def follow(self, listener: LogListener) -> Callable[[], None]:
        """Pass on the lines that are kept, oldest first, and each further one.

        listener: called in the thread that logs; neither blocks, logs nor raises.
        Returns what ends it.
        """
        with self._lock:
            for line in self._lines:
                listener(line)
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return end

    @override
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Keep the line, and log it."""
        text = _text(msg, args)
        if len(text) > LONGEST_LINE:
            text = msg = _cut(text)
            args = ()
        extra = kwargs["extra"] = {
            "entry_id": self._entry_id,
            "printer": self._printer,
            "correlation_id": correlation_id(),
            **(kwargs.get("extra") or {}),
        }
        line = LogLine(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            level=_level(level),
            message=text,
            correlation_id=extra["correlation_id"],
        )
        with self._lock:
            self._lines.append(line)
            for listener in self._listeners:
                listener(line)
        # There is one more frame between the driver and the logger.
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        super().log(level, msg, *args, **kwargs)

    @override
    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the name in front, and the correlation id at the end."""
        about = kwargs["extra"]["correlation_id"]
        end = f" [{about}]" if about else ""
        return f"{self._printer}: {msg}{end}", kwargs


def level_number(level: LogLevel) -> int:
    """Return the number that `logging` has for a level."""
    return _NUMBERS[level]


def _level(number: int) -> LogLevel:
    """Return the level of a number, which may lie between two, or above all."""
    return next(
        (level for level, least in reversed(_NUMBERS.items()) if number >= least),
        LogLevel.DEBUG,
    )


def _text(msg: object, args: tuple[object, ...]) -> str:
    """Return the text of a line, without its arguments where they do not fit.

    Long arguments are cut before they are put in: they may be what a printer has sent.
    """
    if not args:
        return str(msg)
    try:
        return str(msg) % tuple(map(_short, args))
    except TypeError, ValueError:
        return str(msg)


def _short(arg: object) -> object:
    return _cut(arg) if isinstance(arg, str) else arg


def _cut(text: str) -> str:
    """Return a text without what is too much of it."""
    if len(text) <= LONGEST_LINE:
        return text
    return f"{text[: LONGEST_LINE - len(_CUT)]}{_CUT}"
