"""The reconnect loop: its waits, its conclusions and its health."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
import json
import logging
from typing import Any

import pytest

from custom_components.filament_slots.drivers import connection
from custom_components.filament_slots.drivers.base import (
    DriverError,
    DriverStatus as S,
    ErrorCode,
)
from custom_components.filament_slots.drivers.connection import (
    NEXT_STATUSES,
    Connection,
)
from custom_components.filament_slots.drivers.health import Health
from custom_components.filament_slots.drivers.message import correlation_id
from tests.clock import FakeClock

from .fake_host import FakeHost

REFUSED = DriverError(ErrorCode.CONNECTION_REFUSED, "the port is closed")
LOST = DriverError(ErrorCode.CONNECTION_LOST, "closed")
NO_ENTRY = DriverError(ErrorCode.INVALID_AUTH, "refused")

# Written by hand, so that the table of the connection is not its own evidence.
FOLLOWS = {
    (S.STOPPED, S.STARTING),
    (S.STARTING, S.WAITING),
    (S.STARTING, S.RECONNECTING),
    (S.WAITING, S.RUNNING),
    (S.WAITING, S.RECONNECTING),
    (S.WAITING, S.AUTH_FAILED),
    (S.RUNNING, S.WAITING),
    (S.RUNNING, S.RECONNECTING),
    (S.RECONNECTING, S.WAITING),
    (S.RECONNECTING, S.AUTH_FAILED),
    *((active, S.STOPPING) for active in (S.STARTING, S.WAITING, S.RUNNING)),
    (S.RECONNECTING, S.STOPPING),
    (S.AUTH_FAILED, S.STOPPING),
    (S.STOPPING, S.STOPPED),
}


class Rig:
    """A connection whose sessions follow a script, on a fake clock."""

    def __init__(self, **services: Any) -> None:
        self.clock = FakeClock()
        self.fake_host = FakeHost(self.clock, **services)
        self.attempts: list[float] = []
        self.closed = 0
        self.play: Callable[[], Coroutine[Any, Any, None]] = self.fail_with(REFUSED)
        self.connection = Connection("dummy", self._session, self.fake_host.services)

    def fail_with(self, *errors: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return sessions that never connect; the last error is repeated."""
        left = list(errors)

        async def session() -> None:
            raise left.pop(0) if len(left) > 1 else left[0]

        return session

    def stay(self, ready: bool = True) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return sessions that connect and stay."""

        async def session() -> None:
            self.connection.connected()
            if ready:
                self.connection.message_received(b"." * 100)
                self.connection.ready()
            await asyncio.Event().wait()

        return session

    async def start(self) -> None:
        self.connection.start()
        await self.clock.advance()

    @property
    def health(self) -> Health:
        return self.connection.health()

    @property
    def code(self) -> str | None:
        error = self.health["last_error"]
        return error["code"] if error else None

    async def _session(self) -> None:
        self.attempts.append(self.clock.monotonic())
        try:
            await self.play()
        finally:
            self.closed += 1


@pytest.fixture
async def rig() -> Any:
    rig = Rig()
    yield rig
    await rig.connection.stop()
    assert rig.clock.pending == 0
    assert rig.closed == len(rig.attempts)


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_a_status_follows_another_only_where_the_table_allows_it(
    before: S, after: S
) -> None:
    connection = Rig().connection
    connection._status = before

    connection._set_status(after)

    allowed = (before, after) in FOLLOWS
    assert connection.health()["status"] == (after if allowed else before)
    assert len(connection.health()["transitions"]) == allowed


def test_every_status_is_in_the_table_and_all_but_one_can_be_left() -> None:
    assert set(NEXT_STATUSES) == set(S)
    assert [status for status, after in NEXT_STATUSES.items() if not after] == [
        S.CONFIG_ERROR
    ]


async def test_it_backs_off_up_to_a_minute_and_never_gives_up(rig: Rig) -> None:
    await rig.start()
    await rig.clock.advance(600)

    waits = [later - earlier for earlier, later in pairwise(rig.attempts)]
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert rig.health["status"] == "reconnecting"


async def test_printers_lost_together_come_back_up_to_a_fifth_apart() -> None:
    shares = iter([0.0, 0.5, 1.0])
    rig = Rig(random=lambda: next(shares, 1.0))
    await rig.start()
    await rig.clock.advance(140)
    await rig.connection.stop()

    waits = [later - earlier for earlier, later in pairwise(rig.attempts)]
    assert waits[:3] == pytest.approx([1, 1.8, 3.2])
    assert waits[6] == pytest.approx(48)


async def test_a_session_that_becomes_ready_resets_the_backoff(rig: Rig) -> None:
    await rig.start()
    await rig.clock.advance(31)
    rig.play = rig.stay()
    await rig.clock.advance(32)
    assert rig.health["status"] == "running"
    rig.play = rig.fail_with(REFUSED)

    # It stalls 60 s after its last message.
    await rig.clock.advance(60 + 10)

    assert rig.attempts == [0, 1, 3, 7, 15, 31, 63, 124, 126, 130]


async def test_a_connection_that_never_becomes_ready_keeps_backing_off(
    rig: Rig,
) -> None:
    rig.play = rig.stay(ready=False)
    await rig.start()

    await rig.clock.advance(200)

    waits = [later - earlier for earlier, later in pairwise(rig.attempts)]
    assert waits == [20 + 1, 20 + 2, 20 + 4, 20 + 8, 20 + 16, 20 + 32]


async def test_a_printer_that_sends_nothing_is_silent(rig: Rig) -> None:
    rig.play = rig.stay(ready=False)
    await rig.start()
    assert rig.health["status"] == "waiting"

    await rig.clock.advance(20)

    assert (rig.health["status"], rig.code) == ("reconnecting", "silent_printer")


async def test_a_stream_that_stalls_is_ended_and_renewed(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()
    for _ in range(5):
        await rig.clock.advance(59)
        rig.connection.message_received(b"." * 10)
    assert len(rig.attempts) == 1

    await rig.clock.advance(60)
    assert (rig.health["status"], rig.code) == ("reconnecting", "stream_stalled")
    await rig.clock.advance(1)

    assert len(rig.attempts) == 2
    assert rig.health["status"] == "running"
    assert rig.health["counters"]["reconnects"] == 1


async def test_credentials_refused_twice_in_a_row_stop_the_retrying(rig: Rig) -> None:
    rig.play = rig.fail_with(NO_ENTRY)
    await rig.start()
    assert rig.health["status"] == "reconnecting"

    await rig.clock.advance(1)
    assert (rig.health["status"], rig.code) == ("auth_failed", "invalid_auth")
    await rig.clock.advance(1000)

    assert len(rig.attempts) == 2
    assert rig.health["next_retry_in"] is None


async def test_a_single_refusal_does_not_stop_the_retries(rig: Rig) -> None:
    rig.play = rig.fail_with(NO_ENTRY, REFUSED, NO_ENTRY, REFUSED)
    await rig.start()

    await rig.clock.advance(30)

    assert rig.health["status"] == "reconnecting"


async def test_it_tries_again_after_a_restart(rig: Rig) -> None:
    rig.play = rig.fail_with(NO_ENTRY)
    await rig.start()
    await rig.clock.advance(1)
    await rig.connection.stop()
    assert rig.health["status"] == "stopped"
    rig.play = rig.stay()

    await rig.start()

    assert rig.health["status"] == "running"


async def test_starting_twice_opens_one_connection(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()

    await rig.start()

    assert len(rig.attempts) == 1


@pytest.mark.parametrize(
    "code", [ErrorCode.WRONG_PRINTER, ErrorCode.NEW_CERTIFICATE, ErrorCode.TLS_FAILED]
)
async def test_errors_that_may_resolve_themselves_are_retried(
    rig: Rig, code: ErrorCode
) -> None:
    rig.play = rig.fail_with(DriverError(code))
    await rig.start()

    await rig.clock.advance(3)

    assert rig.attempts == [0, 1, 3]
    assert rig.code == code


async def test_three_early_closes_in_a_row_have_their_own_code(
    rig: Rig,
) -> None:
    async def session() -> None:
        rig.connection.connected()
        raise LOST

    rig.play = session
    await rig.start()
    codes = [rig.code]
    for wait in (1, 2):
        await rig.clock.advance(wait)
        codes.append(rig.code)

    assert codes == ["connection_lost", "connection_lost", "closed_after_connect"]


async def test_a_session_that_was_ready_is_not_closed_early(rig: Rig) -> None:
    async def session() -> None:
        rig.connection.connected()
        rig.connection.message_received(b".")
        rig.connection.ready()
        raise LOST

    rig.play = session
    await rig.start()

    await rig.clock.advance(10)

    assert len(rig.attempts) > 4
    assert rig.code == "connection_lost"


async def test_a_session_that_just_ends_is_a_lost_connection(rig: Rig) -> None:
    async def session() -> None:
        rig.connection.connected()

    rig.play = session
    await rig.start()

    assert rig.code == "connection_lost"


async def test_a_fault_of_the_driver_is_logged_once_and_retried(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.play = rig.fail_with(TypeError("a secret value"))
    await rig.start()

    await rig.clock.advance(10)

    assert len(rig.attempts) == 4
    assert rig.health["last_error"] == {
        "code": "driver_broken",
        "message": "TypeError",
        "at": "2026-01-01T00:00:07+00:00",
    }
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1


async def test_the_circuit_opens_with_the_fifth_failure_in_a_row(rig: Rig) -> None:
    await rig.start()
    seen = {1: rig.health["circuit"]}
    for number, wait in enumerate((1, 2, 4, 8), start=2):
        await rig.clock.advance(wait)
        seen[number] = rig.health["circuit"]
    assert seen == {1: "closed", 2: "closed", 3: "closed", 4: "closed", 5: "open"}

    rig.play = rig.stay(ready=False)
    await rig.clock.advance(16)
    circuits = [rig.health["circuit"]]
    rig.connection.ready()
    circuits.append(rig.health["circuit"])

    assert circuits == ["half_open", "closed"]


async def test_health_is_complete_and_json(rig: Rig) -> None:
    assert rig.health["status"] == "stopped"
    await rig.start()
    await rig.clock.advance(1.5)
    rig.connection.versions = {"model": "X"}

    assert json.loads(json.dumps(rig.health)) == {
        "driver_key": "dummy",
        "status": "reconnecting",
        "connected": False,
        "since": "2026-01-01T00:00:00+00:00",
        "started_at": "2026-01-01T00:00:00+00:00",
        "last_message_at": None,
        "attempts": 2,
        "next_retry_in": 1.5,
        "circuit": "closed",
        "last_error": {
            "code": "connection_refused",
            "message": "the port is closed",
            "at": "2026-01-01T00:00:01+00:00",
        },
        "counters": {
            "messages": 0,
            "bytes": 0,
            "ignored": 0,
            "decode_errors": 0,
            "events": 0,
            "reconnects": 0,
            "errors": 2,
            "cpu_ms": 0.0,
            "bytes_held": 0,
        },
        "versions": {"model": "X"},
        "units": [],
        "transitions": [
            {"at": "2026-01-01T00:00:00+00:00", "status": "starting", "error": None},
            {
                "at": "2026-01-01T00:00:00+00:00",
                "status": "reconnecting",
                "error": "connection_refused",
            },
        ],
    }


async def test_messages_are_counted_and_change_nothing_else(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()
    changes = rig.fake_host.changes

    await rig.clock.advance(5)
    rig.connection.message_received(b"." * 50)
    rig.connection.ready()

    assert rig.fake_host.changes == changes
    assert rig.health["counters"]["messages"] == 2
    assert rig.health["counters"]["bytes"] == 150
    assert rig.health["last_message_at"] == "2026-01-01T00:00:05+00:00"


async def test_what_a_message_causes_has_its_correlation_id(rig: Rig) -> None:
    ids: list[str | None] = []

    def take(message: bytes) -> None:
        ids.extend((correlation_id(), correlation_id()))

    rig.connection.process(b"one", take)
    rig.connection.process(b"two", take)

    one, same, two, _ = ids
    assert one is not None
    assert one == same != two
    assert correlation_id() is None
    assert rig.health["counters"]["messages"] == 2


async def test_a_message_that_cannot_be_taken_ends_nevertheless(rig: Rig) -> None:
    def take(message: bytes) -> None:
        raise LOST

    with pytest.raises(DriverError):
        rig.connection.process(b"one", take)

    assert correlation_id() is None


async def test_the_cpu_time_of_one_message_in_31_counts_for_all(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((10.0, 10.002, 20.0, 20.001))
    monkeypatch.setattr(connection, "thread_time", lambda: next(times))

    for _ in range(30):
        rig.connection.process(b".", lambda message: None)
    assert rig.health["counters"]["cpu_ms"] == 0

    for _ in range(32):
        rig.connection.process(b".", lambda message: None)
    assert rig.health["counters"]["cpu_ms"] == 31 * 3
    assert next(times, None) is None


async def test_the_bytes_that_are_kept_for_a_capture_are_counted(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()
    rig.connection.process(b"." * 50, lambda message: None)
    assert rig.health["counters"]["bytes_held"] == 150

    for _ in range(600):
        rig.connection.process(b"." * 1_000, lambda message: None)
    assert rig.health["counters"]["bytes"] == 600_150
    assert rig.health["counters"]["bytes_held"] <= 2 * 256 * 1024


async def test_failed_attempts_and_ended_sessions_are_errors(rig: Rig) -> None:
    rig.play = rig.fail_with(REFUSED)
    await rig.start()
    assert rig.health["counters"]["errors"] == 1

    async def session() -> None:
        rig.connection.connected()
        raise LOST

    rig.play = session
    await rig.clock.advance(5)
    assert rig.health["counters"]["errors"] == len(rig.attempts) > 1


async def test_a_driver_has_been_started_until_it_is_stopped(rig: Rig) -> None:
    times = [rig.health["started_at"]]
    await rig.clock.advance(5)
    await rig.start()
    await rig.clock.advance(100)
    times.append(rig.health["started_at"])
    await rig.connection.stop()
    times.append(rig.health["started_at"])

    assert times == [None, "2026-01-01T00:00:05+00:00", None]


async def test_each_change_of_health_is_published_once(rig: Rig) -> None:
    await rig.start()
    assert rig.fake_host.changes == 2  # Starting, reconnecting.

    await rig.clock.advance(14)
    assert rig.fake_host.changes == 2
    await rig.clock.advance(86)
    assert rig.fake_host.changes == 3  # The circuit opens with the fifth failure.

    rig.play = rig.stay()
    await rig.clock.advance(60)
    assert rig.fake_host.changes == 3 + 2  # Waiting, running.


async def test_a_printer_that_is_not_ready_reports_why(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()

    rig.connection.not_ready()
    assert (rig.health["status"], rig.health["last_error"]) == ("waiting", None)
    rig.connection.not_ready(DriverError(ErrorCode.UNKNOWN, "not ready"))
    assert (rig.health["status"], rig.code) == ("waiting", "unknown")
    rig.connection.ready()

    assert rig.health["status"] == "running"


async def test_an_outage_is_one_warning_and_its_end_one_info(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.play = rig.stay()
    await rig.start()
    assert not caplog.records

    rig.play = rig.fail_with(REFUSED)
    await rig.clock.advance(300)
    rig.play = rig.stay()
    await rig.clock.advance(60)

    # asyncio warns of a callback that took long on a busy machine.
    assert [
        (r.levelname, r.getMessage()) for r in caplog.records if r.name != "asyncio"
    ] == [
        ("WARNING", "Printer is unavailable: stream_stalled: no message arrived"),
        ("INFO", "Printer is available again"),
    ]


async def test_stopping_ends_the_session_and_may_be_repeated(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()

    await rig.connection.stop()
    await rig.connection.stop()

    assert rig.closed == 1
    assert rig.health["status"] == "stopped"
    assert not rig.health["connected"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_ends_the_waiting_for_the_next_try(rig: Rig) -> None:
    await rig.start()
    await rig.clock.advance(10)

    await rig.connection.stop()

    assert rig.health["next_retry_in"] is None
    assert rig.clock.pending == 0


async def test_reports_during_the_end_of_a_session_are_ignored(
    rig: Rig,
) -> None:
    async def session() -> None:
        rig.connection.connected()
        rig.connection.ready()
        try:
            await asyncio.Event().wait()
        finally:
            rig.connection.not_ready()
            rig.connection.ready()

    rig.play = session
    await rig.start()
    assert rig.health["status"] == "running"

    await rig.connection.stop()

    assert [change["status"] for change in rig.health["transitions"]] == [
        "starting",
        "waiting",
        "running",
        "stopping",
        "stopped",
    ]


async def test_the_last_fifty_transitions_are_kept_with_their_times(
    rig: Rig,
) -> None:
    rig.play = rig.stay()
    await rig.start()
    for _ in range(40):
        await rig.clock.advance(61)

    transitions = rig.health["transitions"]
    assert len(transitions) == 50
    assert transitions[-3:] == [
        {
            "at": "2026-01-01T00:40:39+00:00",
            "status": "reconnecting",
            "error": "stream_stalled",
        },
        {
            "at": "2026-01-01T00:40:40+00:00",
            "status": "waiting",
            "error": "stream_stalled",
        },
        {"at": "2026-01-01T00:40:40+00:00", "status": "running", "error": None},
    ]


async def test_messages_are_recorded_across_sessions(rig: Rig) -> None:
    rig.play = rig.stay()
    await rig.start()
    await rig.clock.advance(30)
    rig.connection.message_received(b"later")

    await rig.clock.advance(61)

    assert rig.connection.recorder.frames() == [
        (0, b"." * 100),
        (30, b"later"),
        (91, b"." * 100),
    ]
