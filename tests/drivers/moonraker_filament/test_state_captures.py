"""Recorded Klipper traffic: the identifiers of spools, and static captures.

Runs where the folder of captures is at hand.
"""

import os
from pathlib import Path

import pytest

from scripts.tools import replay as tool

FOLDER = os.environ.get("FILAMENT_SLOTS_CAPTURES")

pytestmark = pytest.mark.skipif(not FOLDER, reason="no captures at hand")


def played(name: str) -> tool.Replay:
    path = Path(str(FOLDER)) / "moonraker" / f"{name}.json"
    return tool.replay(tool.read_capture(path))


def presence(name: str) -> dict[tuple[int | None, int], bool | None]:
    return {
        (row["ams_unit_no"], row["slot_no"]): row["present"]
        for row in played(name).slots
    }


@pytest.mark.parametrize(
    ("name", "identities"),
    [
        (
            "live-hh3-session-gates",
            [(2, None), (2, None), (3, None), (3, None), (1, 8), (2, 7)],
        ),
        ("live-afc-main-session", [(2, None), (2, None), (3, 8), (2, 7)]),
    ],
)
def test_each_event_names_its_spool(
    name: str, identities: list[tuple[int, int | None]]
) -> None:
    assert [
        (event["slot"]["slot_no"], event["identifiers"]["external_id"])
        for event in played(name).events
        if event["event_type"] != "ams_state"
    ] == [
        (slot_no, f"spoolman:{spool_id}" if spool_id else None)
        for slot_no, spool_id in identities
    ]


def test_mixed_afc_units_hold_their_lanes_and_no_machinery() -> None:
    slots = presence("afc-1.2.4-mixed-units")
    assert set(slots) == {
        *((unit, slot) for unit in (1, 2) for slot in (1, 2, 3, 4)),
        *((3, slot) for slot in (1, 2)),
        *((None, slot) for slot in (1, 2)),
    }
    assert slots[1, 1] is True
    assert slots[3, 1] is False


def test_gate_7_of_two_units_is_the_second_slot_of_the_second() -> None:
    slots = presence("hh4-two-units-CONSTRUCTED")
    assert [slots[1, slot] for slot in range(1, 7)] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert [slots[2, slot] for slot in range(1, 5)] == [True, True, False, True]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("k2-stock-box", {(1, slot): True for slot in range(1, 5)}),
        (
            "k2-kalico-flat-box",
            {(None, 1): None} | {(1, slot): True for slot in range(1, 5)},
        ),
        ("k2-filament_rack", {(None, 1): None}),
        ("qidi-max4-box-save_variables", {(1, slot): True for slot in range(1, 5)}),
        (
            "anycubic-filament_hub",
            {(1, 1): True, (1, 2): True, (1, 3): False, (1, 4): False},
        ),
        (
            "ace-sv08-save_variables",
            {(1, 1): False, (1, 2): True, (1, 3): True, (1, 4): True},
        ),
        ("ad5x-zmod_ifs", {(1, 1): False, (1, 2): True, (1, 3): True, (1, 4): True}),
    ],
)
def test_a_static_capture_holds_the_slots_its_notes_describe(
    name: str, expected: dict[tuple[int | None, int], bool | None]
) -> None:
    assert presence(name) == expected


def test_a_restart_of_afc_keeps_the_spool_and_takes_over_its_material() -> None:
    lane3 = played("live-afc-main-restart").slots[2]
    assert lane3["identifiers"]["external_id"] == "spoolman:8"
    assert lane3["filament"]["material"] == "PETG"
