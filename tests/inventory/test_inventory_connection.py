"""The reconnect loop of inventories, without a network."""

import asyncio
import logging
from unittest.mock import Mock

import pytest

from custom_components.filament_slots.inventory.base import (
    InventoryError,
    InventoryErrorCode,
    InventoryServices,
    InventoryStatus,
)
from custom_components.filament_slots.inventory.connection import (
    NEXT_STATUSES,
    Connection,
)
from tests.clock import FakeClock


class Rig:
    """A connection whose sessions end as the test wants."""

    def __init__(self) -> None:
        """Create it stopped."""
        self.clock = FakeClock()
        self.sessions = 0
        self.end: asyncio.Future[None] = asyncio.Future()
        self.updates = Mock()
        self.connection = Connection(
            "test",
            self._session,
            InventoryServices(
                session=Mock(),
                clock=self.clock,
                random=lambda: 0.0,
                log=logging.getLogger("tests.inventory"),
                health_changed=self.updates,
                changed=Mock(),
            ),
        )

    @property
    def status(self) -> str:
        """The status of the connection."""
        return self.connection.status.value

    async def _session(self) -> None:
        self.sessions += 1
        self.connection.connected()
        await self.end

    async def fail(self, code: InventoryErrorCode | None = None) -> None:
        """End the session, with an error or without one."""
        ended, self.end = self.end, asyncio.Future()
        if code is None:
            ended.set_result(None)
        else:
            ended.set_exception(InventoryError(code, "as the test wants"))
        await self.clock.advance()


@pytest.fixture
async def rig() -> Rig:
    """Return a connection that has started its first session."""
    rig = Rig()
    rig.connection.start()
    await rig.clock.advance()
    return rig


async def test_a_session_that_just_ends_is_a_lost_connection(rig: Rig) -> None:
    await rig.fail()

    assert rig.status == "reconnecting"
    assert rig.connection.last_error is not None
    assert rig.connection.last_error["code"] == "connection_lost"
    await rig.connection.stop()


async def test_pauses_double_up_to_a_minute(rig: Rig) -> None:
    pauses = []
    for _ in range(9):
        await rig.fail(InventoryErrorCode.CONNECTION_REFUSED)
        pauses.append(rig.connection.next_retry_in)
        await rig.clock.advance(60)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert rig.connection.circuit == "half_open"
    await rig.connection.stop()


async def test_only_a_whole_list_ends_the_backoff(rig: Rig) -> None:
    await rig.fail(InventoryErrorCode.CONNECTION_LOST)
    await rig.clock.advance(1)
    assert rig.connection.attempts == 1

    rig.connection.ready()

    assert rig.connection.attempts == 0
    assert rig.status == "running"
    await rig.connection.stop()


async def test_one_refusal_is_tried_again_and_two_are_the_end(rig: Rig) -> None:
    await rig.fail(InventoryErrorCode.INVALID_AUTH)
    assert rig.status == "reconnecting"
    await rig.clock.advance(1)
    await rig.fail(InventoryErrorCode.INVALID_AUTH)

    assert rig.status == "auth_failed"
    await rig.clock.advance(3600)
    assert rig.sessions == 2
    await rig.connection.stop()


async def test_what_a_session_reports_after_its_end_is_out_of_date(rig: Rig) -> None:
    await rig.connection.stop()
    rig.updates.reset_mock()

    rig.connection.ready()

    assert rig.status == "stopped"
    rig.updates.assert_not_called()


async def test_a_reason_is_logged_once_and_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(3):
        rig.connection.refuse("a colour that is none")

    assert rig.connection.refused == {"a colour that is none": 3}
    assert caplog.messages.count("Not used: a colour that is none") == 1
    await rig.connection.stop()


async def test_an_outage_is_two_lines_of_the_log(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(5):
        await rig.fail(InventoryErrorCode.CONNECTION_REFUSED)
        await rig.clock.advance(60)
    rig.connection.ready()

    ours = [r.getMessage() for r in caplog.records if r.name == "tests.inventory"]
    assert ours == [
        "The inventory is unavailable: connection_refused: as the test wants",
        "The inventory is available again",
    ]
    await rig.connection.stop()


def test_every_status_leads_somewhere() -> None:
    assert set(NEXT_STATUSES) == set(InventoryStatus)
