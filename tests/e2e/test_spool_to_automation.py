"""The whole path: a spool is inserted, an automation runs in Home Assistant."""

import asyncio
from collections import Counter
import re
import subprocess
from typing import Any

import pytest
import yaml

from ..printers.bambu import ACCESS_CODE, BambuPrinter
from ..printers.bambu_scenarios import BLACK, BLUE, WHITE, inserted, removed, x1c
from .hass import NEWEST, ROOT, HomeAssistant
from .integration import (
    DOMAIN,
    SPOOL_EVENTS,
    Event,
    add_printer,
    complaints,
    entry_state,
    on_spool_events,
    slots,
    statuses,
    stored,
    summary,
    true_statuses,
    until_shown,
    wait_until,
)

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("socket_enabled")]

REMOVAL_CONFIRMED = 8.0

# Fires an event for each run of an automation, for the test to listen to.
RELAY = {
    "alias": "Relay",
    "mode": "queued",
    "triggers": [
        {"trigger": "event", "event_type": f"{DOMAIN}_{kind}"} for kind in SPOOL_EVENTS
    ],
    "actions": [
        {
            "event": "automation_ran",
            "event_data": {"event_id": "{{ trigger.event.data.event_id }}"},
        }
    ],
}

LIST_PACKAGES = """
import importlib.metadata
for found in importlib.metadata.distributions():
    print(found.name.lower().replace("_", "-").replace(".", "-"))
"""


class Listener:
    """The events on Home Assistant's bus, and the automations that ran for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.acted_on: list[str] = []

    async def listen(self, home_assistant: HomeAssistant) -> None:
        client = home_assistant.client
        await on_spool_events(client, self.events.append)
        await client.on_event(
            "automation_ran",
            lambda event: self.acted_on.append(event["data"]["event_id"]),
        )

    async def published(self, number: int, seconds: float) -> None:
        """Wait for so many events and the automation's run for each."""
        await wait_until(lambda: len(self.acted_on) >= number, seconds)
        assert [summary(event) for event in self.events][number:] == []
        assert self.acted_on == [event["event_id"] for event in self.events]
        assert len(self.events) == number


@pytest.mark.parametrize("environment", ["newest", "oldest"], indirect=True)
async def test_a_spool_reaches_automations_and_the_store_even_across_a_kill(
    home_assistant: HomeAssistant,
) -> None:
    client = home_assistant.client
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        entry_id = await add_printer(client, printer)
        assert await entry_state(client, entry_id) == "loaded"
        await _shown(home_assistant, printer)
        await client.post("config/automation/config/relay", RELAY)
        for name, automation in _automations_of_the_readme().items():
            await client.post(f"config/automation/config/{name}", automation)
        before = Listener()
        await before.listen(home_assistant)

        await printer.play(hardware.insert(1, 3, WHITE))

        await before.published(1, 90)
        assert [summary(event) for event in before.events] == [inserted(1, 3, WHITE)]
        event = before.events[0]
        assert event["entry_id"] == entry_id
        place = event["meta"]["place"]
        assert place == "X1-Carbon 0001 · A3"
        assert event["meta"]["source"] == "live"
        assert await _notifications(home_assistant) == {
            (place, "PLA Basic was inserted."),
            (f"New spool in {place}", "PLA was inserted."),
        }
        await _shown(home_assistant, printer)
        assert stored(home_assistant) == [event["event_id"]]

        await home_assistant.kill()
        await printer.play(hardware.swap(1, 1, BLACK), speed=100)
        await home_assistant.start(until_running=False)
        after = Listener()
        await after.listen(home_assistant)

        await after.published(2, 90)
        assert [summary(event) for event in after.events] == [
            removed(1, 1, BLUE, late=True),
            inserted(1, 1, BLACK, late=True),
        ]
        assert {event["meta"]["source"] for event in after.events} == {"reconcile"}
        await _shown(home_assistant, printer)
        # By now a false removal would be confirmed too. The store holds every event, as
        # events are stored before they are published.
        await asyncio.sleep(REMOVAL_CONFIRMED)
        assert stored(home_assistant) == [
            event["event_id"] for event in before.events + after.events
        ]
        _assert_clean(home_assistant)


async def test_a_printer_that_is_off_loads_with_its_slots_known(
    home_assistant: HomeAssistant,
) -> None:
    printer = BambuPrinter(x1c())
    async with printer:
        entry_id = await add_printer(home_assistant.client, printer)
        await _shown(home_assistant, printer)
        await home_assistant.stop()

    await home_assistant.start()

    client = home_assistant.client
    assert await entry_state(client, entry_id) == "loaded"
    found = await slots(client, printer.hardware.serial)
    assert statuses(found) == true_statuses(printer.hardware)
    connected = [
        state["state"]
        for entity, state in (await client.states("binary_sensor.")).items()
        if entity.endswith("_connected")
    ]
    assert connected == ["off"]
    _assert_clean(home_assistant, "Printer is unavailable: connection_refused")


def test_home_assistant_has_nothing_installed_but_itself_and_our_requirements() -> None:
    installed = subprocess.run(
        [
            NEWEST / "bin" / "python",
            "-c",
            LIST_PACKAGES,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    lock = (ROOT / "scripts" / "locks" / "ha.txt").read_text()
    locked = re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)
    assert Counter(installed) == Counter(locked)
    assert not {"pytest", "hypothesis", "mypy"} & set(installed)


async def _shown(home_assistant: HomeAssistant, printer: BambuPrinter) -> None:
    await until_shown(home_assistant.client, printer.hardware, 90)


async def _notifications(home_assistant: HomeAssistant) -> set[tuple[str, str]]:
    shown = await home_assistant.client.call("persistent_notification/get")
    return {(each["title"], each["message"]) for each in shown}


def _automations_of_the_readme() -> dict[str, Any]:
    pages = (ROOT / "README.md", ROOT / "docs" / "events.md")
    text = "".join(page.read_text() for page in pages)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks if "alias:" in block]
    assert found
    return {f"readme_{number}": automation for number, automation in enumerate(found)}


def _assert_clean(home_assistant: HomeAssistant, *expected: str) -> None:
    """Check that the log contains these warnings of ours and no others, and no secret."""
    found = complaints(home_assistant)
    assert len(found) == len(expected), found
    for line, pattern in zip(found, expected, strict=True):
        assert re.search(pattern, line)
    log = home_assistant.log()
    for secret in (ACCESS_CODE, BLUE.uuid, BLUE.chip, WHITE.uuid, WHITE.chip):
        assert str(secret) not in log
