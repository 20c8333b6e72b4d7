"""Benchmark: what telemetry costs a driver, and a line of its log."""

from typing import Any

from custom_components.filament_slots.driver_log import DriverLog
from custom_components.filament_slots.drivers.connection import Connection
from custom_components.filament_slots.drivers.message import correlation_id
from tests.drivers.fake_host import FakeHost

from .bench_rig import cost

_MESSAGE = b"." * 114


def telemetry() -> dict[str, float]:
    """Return what is paid beside counting and recording, in microseconds.

    message_us: of each message, for its scope and a share of its CPU time. id_us: of one
    that something is logged or emitted about. line_us: of a line that is kept, while
    debug logging is off. health_us: of reading all counters.
    """

    async def never() -> None:
        """Open no connection."""

    plain, measured = (
        Connection("bench", never, FakeHost().services) for _ in range(2)
    )
    log = DriverLog("X1C", "entry")

    def counted() -> None:
        plain.message_received(_MESSAGE)
        _take(_MESSAGE)

    counting, processing, identified, line, health = cost(
        counted,
        lambda: measured.process(_MESSAGE, _take),
        lambda: measured.process(_MESSAGE, _identify),
        lambda: log.debug("Ignored, and not logged again: %s", "an unknown command"),
        measured.health,
    )
    return {
        "message_us": (processing - counting) * 1e6,
        "id_us": (identified - processing) * 1e6,
        "line_us": line * 1e6,
        "health_us": health * 1e6,
    }


def _take(message: bytes) -> None:
    """Take a message, and do nothing."""


def _identify(message: Any) -> None:
    """Take a message that something is logged about."""
    correlation_id()
