"""When printers were seen last is stored every minute: a kill may come at any time."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
import sqlite3

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.filament_slots.core.slot_state import PrinterSlots
from custom_components.filament_slots.drivers.base import DriverStatus
from custom_components.filament_slots.runtime import async_shared_core

from .common import async_set_up, driver_of, make_entry

pytestmark = pytest.mark.usefixtures("scripted_driver")

START = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_half_past(freezer: FrozenDateTimeFactory) -> None:
    """Begin half a minute before the next one."""
    freezer.move_to(START)


def _receive(entry: MockConfigEntry, at: datetime) -> None:
    """Let a message of the printer arrive, which changes no health."""
    driver_of(entry)._health["last_message_at"] = at.isoformat()


async def _to(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, at: datetime
) -> None:
    freezer.move_to(at)
    async_fire_time_changed(hass, at)
    await hass.async_block_till_done(wait_background_tasks=True)


def _on_disk(hass: HomeAssistant) -> list[datetime | None]:
    """Return when each printer was seen last, as another process reads it."""
    path = async_shared_core(hass).path
    with closing(sqlite3.connect(path)) as db:
        return [
            None if at is None else datetime.fromtimestamp(at / 1_000_000, UTC)
            for (at,) in db.execute("SELECT last_seen_at FROM printers ORDER BY id")
        ]


def _commits(hass: HomeAssistant) -> int:
    return async_shared_core(hass).handler.health()["commits"]


async def test_what_was_received_a_minute_ago_is_on_disk(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = make_entry()
    driver = await async_set_up(hass, entry)
    driver.show(DriverStatus.RUNNING)
    received: list[datetime] = []
    compared = 0

    for second in range(1, 200):
        now = START + timedelta(seconds=second)
        if second % 7 == 0:
            received.append(now)
            _receive(entry, now)
        await _to(hass, freezer, now)
        # Home Assistant takes up to half a second more.
        for at in [at for at in received if at <= now - timedelta(seconds=61)][-1:]:
            compared += 1
            [stored] = _on_disk(hass)
            assert stored is not None
            assert stored >= at

    assert compared == 132


async def test_fifty_printers_share_one_transaction_a_minute(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entries = [make_entry(f"01P00A0000{number:05}") for number in range(50)]
    for entry in entries:
        await async_set_up(hass, entry)
    before = _commits(hass)

    for minute in range(1, 6):
        now = START + timedelta(minutes=minute)
        for entry in entries:
            _receive(entry, now - timedelta(seconds=31))
        await _to(hass, freezer, now)

    assert _commits(hass) - before == 5
    assert _on_disk(hass) == [now - timedelta(seconds=31)] * 50


async def test_nothing_is_written_for_printers_that_sent_nothing_since(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    silent, never = make_entry(), make_entry("01P00A000000002")
    for entry in (silent, never):
        await async_set_up(hass, entry)
    _receive(silent, START)
    await _to(hass, freezer, START + timedelta(minutes=1))
    before = _commits(hass)

    for minute in range(2, 6):
        await _to(hass, freezer, START + timedelta(minutes=minute))

    assert _commits(hass) == before
    assert _on_disk(hass) == [START, None]


async def test_the_stored_time_is_published_to_the_next_driver_of_the_printer(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = make_entry()
    await async_set_up(hass, entry)
    _receive(entry, START)
    await _to(hass, freezer, START + timedelta(minutes=1))

    slots: PrinterSlots = async_shared_core(hass).handler.slots(1)

    assert slots.last_seen == START


async def test_an_unloaded_printer_is_asked_no_more(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    stays, goes = make_entry(), make_entry("01P00A000000002")
    for entry in (stays, goes):
        await async_set_up(hass, entry)
    driver = driver_of(goes)
    await hass.config_entries.async_unload(goes.entry_id)
    driver._health["last_message_at"] = START.isoformat()
    _receive(stays, START)

    await _to(hass, freezer, START + timedelta(minutes=1))

    assert _on_disk(hass) == [START, None]
