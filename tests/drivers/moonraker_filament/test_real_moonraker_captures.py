"""Recorded printers, replayed by the fake Klippy behind a real Moonraker."""

import json
import os
from pathlib import Path

import pytest

from tests.printers.klippy import Klippy
from tests.printers.klippy_player import KlippyPlayer
from tests.printers.moonraker import PYTHON, Moonraker

from .fast_driver import FastDriver

FOLDER = os.environ.get("FILAMENT_SLOTS_CAPTURES")

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker"),
    pytest.mark.skipif(FOLDER is None, reason="FILAMENT_SLOTS_CAPTURES not set"),
]

INSERTED, REMOVED = "spool_inserted", "spool_removed"
UNKNOWN = "unknown_spool_detected"


@pytest.mark.parametrize(
    ("name", "events"),
    [
        (
            "live-switch-sensor-insert-remove",
            [(INSERTED, 1, None), (REMOVED, 2, None), (REMOVED, 1, None)],
        ),
        ("live-restart-phantom-insert", []),
        (
            "live-hh3-session-gates",
            [
                (INSERTED, 2, None),
                (UNKNOWN, 2, None),
                (INSERTED, 3, None),
                (UNKNOWN, 3, None),
                (INSERTED, 1, "spoolman:8"),
                (REMOVED, 2, "spoolman:7"),
            ],
        ),
        ("live-hh3-toolload", []),
        (
            "live-afc-main-session",
            [
                (INSERTED, 2, None),
                (UNKNOWN, 2, None),
                (INSERTED, 3, "spoolman:8"),
                (REMOVED, 2, "spoolman:7"),
            ],
        ),
        ("live-afc-main-restart", []),
    ],
)
async def test_a_recorded_printer_causes_its_events(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    name: str,
    events: list[tuple[str, int, str | None]],
) -> None:
    capture = json.loads(
        (Path(FOLDER or "") / "moonraker" / f"{name}.json").read_text()
    )
    player = KlippyPlayer(klippy, capture["frames"])

    async def ready() -> None:
        await moonraker.sees("ready")
        await klippy.pause(0.5)

    await klippy.start()
    await ready()
    await driver.driver.start()
    await driver.status("running")
    await player.play(ready)
    await driver.clock.sleep(12)

    assert [event[:3] for event in driver.events] == events
    assert driver.health["status"] == "running"
