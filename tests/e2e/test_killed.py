"""Home Assistant is killed repeatedly while spools are inserted and removed."""

import asyncio
from collections import Counter
from functools import partial
import random

import pytest

from ..printers.bambu import BambuPrinter
from ..printers.bambu_scenarios import BLACK, GREEN, RED, WHITE, two_ams
from .hass import HomeAssistant
from .integration import (
    Event,
    add_printer,
    on_spool_events,
    stored,
    until_shown,
    wait_until,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

ROUNDS = 3
# The empty slots, and the spools that are inserted and removed.
SPOOLS = {(1, 3): WHITE, (2, 2): BLACK, (2, 3): GREEN, (2, 4): RED}


def _more_than(count: int, events: list[Event]) -> bool:
    return len(events) > count


async def test_what_was_published_before_each_kill_is_stored_once(
    home_assistant: HomeAssistant,
) -> None:
    published: list[Event] = []
    # Without a dryer: in a unit with one, what is missing after a restart may have been
    # pulled back, and is reported only ten minutes later.
    async with BambuPrinter(two_ams(), chatter=0.5) as printer:
        await add_printer(home_assistant.client, printer)
        await until_shown(home_assistant.client, printer.hardware, 90)
        for number in range(ROUNDS):
            await on_spool_events(home_assistant.client, published.append)
            before = len(published)
            for (unit, slot), spool in SPOOLS.items():
                await printer.play(
                    printer.hardware.remove(unit, slot)
                    if number % 2
                    else printer.hardware.insert(unit, slot, spool),
                    speed=10,
                )
            # By now some are published, some are being written, some are still queued.
            assert await wait_until(partial(_more_than, before, published), 90)
            await asyncio.sleep(random.uniform(0, 0.5))
            await home_assistant.kill()
            await home_assistant.start()
            await until_shown(home_assistant.client, printer.hardware, 90)

    ids = stored(home_assistant)
    assert set(Counter(ids).values()) == {1}
    assert {event["event_id"] for event in published} <= set(ids)
    # Every change of every round is stored, published before the kill or found after it.
    assert len(ids) == ROUNDS * len(SPOOLS)
