"""Captures through the real decoder and tracker yield the right events."""

import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from scripts.tools import replay as tool

ROOT = Path(__file__).parents[1]
FOLDER = os.environ.get("FILAMENT_SLOTS_CAPTURES")

# Written for this project, with the expected events in each.
OWN_CAPTURES = sorted((ROOT / "tests" / "captures").glob("*.json"))

# The spool events expected of recorded captures: (type, unit number, slot number).
# None are expected of the others.
EXPECTED = {
    "reconstructed-p1s-seq-powerup-rfid-read": [("spool_removed", 1, 4)],
    "live-switch-sensor-insert-remove": [
        ("spool_inserted", None, 1),
        ("spool_removed", None, 2),
        ("spool_removed", None, 1),
    ],
    "live-hh3-session-gates": [
        ("spool_inserted", 1, 2),
        ("unknown_spool_detected", 1, 2),
        ("spool_inserted", 1, 3),
        ("unknown_spool_detected", 1, 3),
        ("spool_inserted", 1, 1),
        ("spool_removed", 1, 2),
    ],
    "live-afc-main-session": [
        ("spool_inserted", 1, 2),
        ("unknown_spool_detected", 1, 2),
        ("spool_inserted", 1, 3),
        ("spool_removed", 1, 2),
    ],
}


def captures() -> list[Path]:
    """Return the recorded captures of the installed drivers."""
    if not FOLDER:
        return []
    keys = [
        path.parent.name for path in (ROOT / "custom_components").rglob("driver.py")
    ]
    return [
        path
        for path in sorted(Path(FOLDER).rglob("*.json"))
        if (capture := json.loads(path.read_text(encoding="utf-8")))["format"] == 1
        and capture["driver_key"] in keys
    ]


def spool_events(replay: tool.Replay) -> list[tuple[str, int | None, int]]:
    """Return the spool events in short."""
    return [
        (event["event_type"], event["slot"]["ams_unit_no"], event["slot"]["slot_no"])
        for event in replay.events
        if event["event_type"] != "ams_state"
    ]


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.stem)
def test_a_recorded_capture_yields_no_false_event_and_misses_none(path: Path) -> None:
    result = tool.replay(tool.read_capture(path))
    assert spool_events(result) == EXPECTED.get(path.stem, [])
    # Replayed again from its own end, as after a restart, it ends in the same state.
    again = tool.replay(tool.read_capture(path), result.slots)
    assert again.slots == result.slots


@pytest.mark.parametrize("path", OWN_CAPTURES, ids=lambda path: path.stem)
def test_a_capture_of_ours_yields_the_events_in_it(path: Path) -> None:
    capture = tool.read_capture(path)
    result = tool.replay(capture)
    assert [
        {
            "event_type": event["event_type"],
            "unit": event["slot"]["ams_unit_no"],
            "slot": event["slot"]["slot_no"],
            "identity": event["identifiers"]["external_id"],
            "late": event["meta"]["detected_late"],
        }
        | ({"reason": event["meta"]["reason"]} if "reason" in event["meta"] else {})
        for event in result.events
        if event["event_type"] != "ams_state"
    ] == capture["expected"]
    assert tool.replay(capture, result.slots).slots == result.slots


def tray(slot: int, uuid: str | None = None) -> dict[str, Any]:
    """Return a tray as a P1S reports it."""
    if uuid is None:
        return {"id": str(slot)}
    return {
        "id": str(slot),
        "state": 3,
        "tray_type": "PLA",
        "tray_color": "FF0000FF",
        "tray_info_idx": "GFA00",
        "tag_uid": "AABBCCDD00000100",
        "tray_uuid": uuid,
    }


def report(bits: str, *trays: dict[str, Any]) -> dict[str, Any]:
    """Return a report of one AMS with its serial."""
    return {
        "print": {
            "command": "push_status",
            "msg": 0,
            "ams": {
                "ams": [{"id": "0", "ams_id": "00600A123456789", "tray": list(trays)}],
                "ams_exist_bits": "1",
                "tray_exist_bits": bits,
                "tray_read_done_bits": bits,
                "tray_reading_bits": "0",
            },
        }
    }


UUID = "0123456789ABCDEF0123456789ABCDEF"
EMPTY = report("0", *(tray(slot) for slot in range(4)))
LOADED = report("2", tray(0), tray(1, UUID), tray(2), tray(3))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Write a capture of an insertion after 10 s and a removal after 60 s."""
    path = tmp_path / "in-and-out.json"
    frames = [(0, EMPTY), (10, LOADED), (60, EMPTY)]
    path.write_text(
        json.dumps(
            {
                "format": 1,
                "driver_key": "bambulab_mqtt",
                "about": {},
                "frames": [{"t": t, "payload": payload} for t, payload in frames],
            }
        )
    )
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.tools.replay", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_json_output_has_events_and_slots(capture: Path) -> None:
    result = run("--json", capture)
    assert (result.returncode, result.stderr) == (0, "")
    output = json.loads(result.stdout)
    assert [
        (event["event_type"], event["event_at"], event["printer_id"])
        for event in output["events"]
    ] == [
        ("ams_state", "2026-01-01T00:00:00Z", 1),
        ("spool_inserted", "2026-01-01T00:00:10Z", 1),
        ("spool_removed", "2026-01-01T00:01:00Z", 1),
    ]
    assert output["slots"][1] == {
        "is_ams_slot": True,
        "ams_unit_no": 1,
        "slot_no": 2,
        "present": False,
        "status": "empty",
        "active": False,
        "identifiers": {"rfid_uid": None, "external_id": None, "vendor_tag": None},
        "filament": None,
    }
    assert [slot["slot_no"] for slot in output["slots"]] == [1, 2, 3, 4]
    # After the last frame.
    pending = [slot["pending"] for slot in output["explained"]]
    assert pending[1][0]["change"] == "removal"
    assert not any((pending[0], *pending[2:]))


def test_a_replay_starts_from_units_that_are_known_by_their_names() -> None:
    def units(*names: str) -> dict[str, Any]:
        lanes = [f"{name}_1" for name in names]
        lane = {"lane": 1, "map": "T0", "load": False}
        status = {
            "webhooks": {"state": "ready"},
            "AFC": {"units": [f"Box_Turtle {name}" for name in names], "lanes": lanes},
            **{f"AFC_BoxTurtle {name}": {"lanes": [f"{name}_1"]} for name in names},
            **{
                f"AFC_stepper {name}_1": lane | {"unit": name, "prep": name == "Old"}
                for name in names
            },
        }
        frame = {"jsonrpc": "2.0", "id": 1, "result": {"status": status}}
        return {
            "format": 1,
            "driver_key": "moonraker_filament",
            "frames": [{"t": 0, "dir": "<-", "frame": frame}],
        }

    before = tool.replay(units("Old"))
    after = tool.replay(units("New", "Old"), json.loads(json.dumps(before.slots)))
    assert spool_events(after) == []
    assert [(slot["unit_name"], slot["present"]) for slot in after.slots] == [
        ("New", False),
        ("Old", True),
    ]


def test_text_output_has_events_and_a_table(capture: Path) -> None:
    lines = run(capture).stdout.splitlines()
    assert [json.loads(line)["event_type"] for line in lines[:3]] == [
        "ams_state",
        "spool_inserted",
        "spool_removed",
    ]
    assert lines[3].split() == ["slot", "status", "active", "material", "identity"]
    assert lines[5].split() == ["1.2", "empty", "-", "-"]


def test_a_replay_starts_from_the_slots_of_an_earlier_one(
    capture: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    slot = {"is_ams_slot": True, "ams_unit_no": 1, "active": False, "filament": None}
    state.write_text(
        json.dumps(
            {
                "slots": [
                    slot
                    | {
                        "slot_no": 1,
                        "present": True,
                        "identifiers": {"external_id": "bambulab:GONE"},
                    },
                    slot | {"slot_no": 2, "present": False, "identifiers": None},
                ]
            }
        )
    )
    output = json.loads(run("--json", "--state", state, capture).stdout)
    late = [
        (event["event_type"], event["slot"]["slot_no"], event["meta"]["detected_late"])
        for event in output["events"]
        if event["event_type"] != "ams_state"
    ]
    assert late == [
        ("spool_removed", 1, True),
        ("spool_inserted", 2, False),
        ("spool_removed", 2, False),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Expecting"),
        ("[]", "not a capture"),
        ('{"format": 0, "frames": []}', "cannot be replayed"),
        ('{"format": 1, "frames": [], "driver_key": "missing"}', "no driver"),
    ],
)
def test_a_file_that_is_no_capture_is_refused(
    content: str, message: str, tmp_path: Path, capture: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    result = run("--json", path, capture)
    assert result.returncode == 1
    assert message in result.stderr
    assert json.loads(result.stdout)["events"], "the other file is still replayed"


def test_a_file_that_is_no_state_is_refused(capture: Path, tmp_path: Path) -> None:
    result = run("--state", tmp_path / "missing.json", capture)
    assert result.returncode == 1
    assert "--json" in result.stderr
