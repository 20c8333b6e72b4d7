"""Options: how long history is kept, and how large the store may grow."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, PropertyMock, patch

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.filament_slots.const import DOMAIN
from custom_components.filament_slots.core.maintenance import Maintenance
from custom_components.filament_slots.core.tables.retention import Keep
from custom_components.filament_slots.options import (
    async_share_options,
    async_shared_options,
    low_limit,
)
from custom_components.filament_slots.remaining import LowLimit
from custom_components.filament_slots.runtime import SharedCore

from .common import make_entry

MEGABYTE = 1024 * 1024


def _add(hass: HomeAssistant, entry_id: str, **options: Any) -> None:
    MockConfigEntry(domain=DOMAIN, entry_id=entry_id, options=options).add_to_hass(hass)


async def _purge(hass: HomeAssistant, **asked: Any) -> tuple[dict[int, Keep], int]:
    """Purge the printers 1 and 2 of two entries, and 3 of a removed one.

    Return what the store is asked for: how long to keep which, and its maximum size.
    """
    maintenance = AsyncMock(spec=Maintenance)
    maintenance.printer_entries.return_value = {1: "first", 2: "second", 3: None}
    core = SharedCore(hass, Path("unused"))
    core.maintenance = maintenance
    hass.data[DOMAIN] = core
    with patch.object(SharedCore, "is_open", new_callable=PropertyMock):
        await core.async_purge(**asked)
    _, keep, max_bytes = maintenance.purge.await_args.args
    return keep, max_bytes


async def test_each_printer_keeps_its_history_as_long_as_its_options_say(
    hass: HomeAssistant,
) -> None:
    """Values out of bounds are clamped; a removed printer has the defaults."""
    _add(hass, "first", history_days=90, snapshot_days=7.0)
    _add(hass, "second", history_days=1e9, snapshot_days=-5)

    keep, _ = await _purge(hass)

    assert keep == {
        1: Keep(timedelta(days=90), timedelta(days=7)),
        2: Keep(timedelta(days=3650), timedelta(days=1)),
        3: Keep(timedelta(days=365), timedelta(days=30)),
    }


@pytest.mark.parametrize(
    ("set_to", "megabytes"), [(None, 50), (20, 20), (1, 5), (99999, 1024)]
)
async def test_the_size_that_all_printers_share_limits_the_store(
    hass: HomeAssistant, set_to: int | None, megabytes: int
) -> None:
    if set_to is not None:
        await async_share_options(hass, {"max_megabytes": set_to})

    assert (await _purge(hass))[1] == megabytes * MEGABYTE


@pytest.mark.parametrize(
    ("entries", "shared"),
    [
        ([{}], {}),
        ([{"max_megabytes": 20}], {"max_megabytes": 20}),
        (
            [{"max_megabytes": 20}, {"max_megabytes": 200}],
            {"max_megabytes": 200},
        ),
        # A default counted as well: no other printer's option undercut it.
        ([{"max_megabytes": 20}, {}], {}),
        ([{"max_megabytes": 1}], {"max_megabytes": 5}),
    ],
)
async def test_the_largest_size_of_any_printer_becomes_that_of_all(
    hass: HomeAssistant,
    scripted_driver: Any,
    entries: list[dict[str, int]],
    shared: dict[str, int],
) -> None:
    """The other options stay; an ignored discovery does not count as a printer."""
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE).add_to_hass(hass)
    made = [make_entry(f"00M09A00000000{number}") for number in range(len(entries))]
    for entry, options in zip(made, entries, strict=True):
        entry.add_to_hass(hass)
        hass.config_entries.async_update_entry(
            entry, options={"history_days": 90, **options}, minor_version=1
        )
    assert await hass.config_entries.async_setup(made[0].entry_id)
    await hass.async_block_till_done()

    assert [entry.options for entry in made] == [{"history_days": 90}] * len(made)
    assert await async_shared_options(hass) == shared
    assert {entry.minor_version for entry in made} == {2}


async def test_a_purge_of_one_printer_keeps_all_others_and_the_file_size(
    hass: HomeAssistant,
) -> None:
    _add(hass, "first")

    keep, max_bytes = await _purge(hass, entry_id="first", keep_days=3)

    assert keep == {1: Keep(timedelta(days=3), timedelta(days=3))}
    assert max_bytes is None


async def test_a_purge_may_delete_everything_but_the_last_event_of_each_slot(
    hass: HomeAssistant,
) -> None:
    keep, _ = await _purge(hass, keep_days=0)

    assert set(keep.values()) == {Keep(timedelta(0), timedelta(0))}


@pytest.mark.parametrize(
    ("options", "numbers", "limit"),
    [
        ({}, {}, LowLimit.of_percent(15)),
        ({"low_limit": 10}, {"low": 300.0}, LowLimit.of_percent(10)),
        ({"low_limit": 200, "low_unit": "grams"}, {}, LowLimit.of_grams(200)),
        ({"low_field": "low"}, {"low": 300.0}, LowLimit.of_grams(300)),
        ({"low_field": "low"}, {"low": 0.0}, LowLimit.of_grams(0)),
        (
            {"low_limit": 200, "low_unit": "grams", "low_field": "low"},
            {"other": 300.0},
            LowLimit.of_grams(200),
        ),
    ],
)
def test_the_limit_of_a_filament_comes_before_that_of_all(
    options: dict[str, Any], numbers: dict[str, float], limit: LowLimit
) -> None:
    assert low_limit(options, numbers) == limit
