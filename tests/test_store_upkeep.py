"""How long history is kept, as the options of the entries say."""

from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.handler import EventHandler
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.store_upkeep import async_purge

MEGABYTE = 1024 * 1024


@pytest.fixture
def handler() -> AsyncMock:
    """A handler whose printers are those of the entries, from 1, and a removed one."""
    handler = AsyncMock(spec=EventHandler)
    handler.printer_entries.return_value = {1: "first", 2: "second", 3: None}
    return handler


def _add(hass: HomeAssistant, entry_id: str, **options: Any) -> None:
    MockConfigEntry(domain=DOMAIN, entry_id=entry_id, options=options).add_to_hass(hass)


async def test_each_printer_keeps_its_own_history_as_long_as_its_owner_wants(
    hass: HomeAssistant, handler: AsyncMock
) -> None:
    """What is out of bounds is brought back; the usual is for what nobody says."""
    _add(hass, "first", history_days=90, snapshot_days=7.0)
    _add(hass, "second", history_days=1e9, snapshot_days=-5)

    await async_purge(hass, handler)

    _, keep, _ = handler.purge.await_args.args
    assert keep == {
        1: Keep(timedelta(days=90), timedelta(days=7)),
        2: Keep(timedelta(days=3650), timedelta(days=1)),
        3: Keep(timedelta(days=365), timedelta(days=30)),
    }


@pytest.mark.parametrize(
    ("said", "megabytes"),
    [
        ([], 50),
        ([{"max_megabytes": 20}], 20),
        ([{"max_megabytes": 20}, {"max_megabytes": 200}], 200),
        ([{"max_megabytes": 20}, {}], 50),
        ([{"max_megabytes": 1}], 5),
        ([{"max_megabytes": 99999}], 1024),
    ],
)
async def test_the_most_generous_printer_says_how_large_the_store_may_be(
    hass: HomeAssistant,
    handler: AsyncMock,
    said: list[dict[str, int]],
    megabytes: int,
) -> None:
    """An offer that was ignored is no printer."""
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE).add_to_hass(hass)
    for name, options in zip(("first", "second"), said, strict=False):
        _add(hass, name, **options)

    await async_purge(hass, handler)

    _, _, max_bytes = handler.purge.await_args.args
    assert max_bytes == megabytes * MEGABYTE


async def test_a_purge_of_one_printer_looks_at_nothing_else(
    hass: HomeAssistant, handler: AsyncMock
) -> None:
    _add(hass, "first", max_megabytes=5)

    await async_purge(hass, handler, entry_id="first", keep_days=3)

    _, keep, max_bytes = handler.purge.await_args.args
    assert keep == {1: Keep(timedelta(days=3), timedelta(days=3))}
    assert max_bytes is None
