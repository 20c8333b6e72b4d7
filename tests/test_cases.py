"""Cases that people reported: each yields the right events and slots."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
import os
from pathlib import Path
from typing import Any

import pytest

from scripts.tools import replay as tool

FOLDER = os.environ.get("FILAMENT_SLOTS_CASES")

START = datetime(2026, 1, 1, tzinfo=UTC)
# Seconds: what the printer reports at first is known by then, and an unreadable tag is
# reported so soon after the insertion.
SETTLED = 5.0
SOON = 10.0

type Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is right: the facts that are named, of each spool event and of some slots.

    state: the case at whose end it starts.
    empty: a slot that was empty before, the others were as at the end of this case.
    held: slots with the identity that they started with.
    """

    events: tuple[Facts, ...] = ()
    slots: dict[str, Facts] = field(default_factory=dict)
    state: str | None = None
    empty: str | None = None
    held: tuple[str, ...] = ()


def inserted(slot: str, **facts: Any) -> Facts:
    """Return an insertion."""
    return {"event": "spool_inserted", "slot": slot} | facts


def removed(slot: str, **facts: Any) -> Facts:
    """Return a removal; it is no runout unless that is named."""
    return {"event": "spool_removed", "slot": slot, "reason": None} | facts


def unknown(slot: str, **facts: Any) -> Facts:
    """Return the report of a spool that cannot be identified."""
    return {"event": "unknown_spool_detected", "slot": slot} | facts


def each(unit: str, slots: int = 4, **facts: Any) -> dict[str, Facts]:
    """Return the same facts of all slots of a unit."""
    return {f"{unit}.{slot}": facts for slot in range(1, slots + 1)}


PRESENT: Facts = {"present": True}
EMPTY: Facts = {"present": False}
UNIDENTIFIED: Facts = {"present": True, "identity": None}

RIGHT = {
    "bambu-c03b-h2d-ht-reboot-rfid-before": Case(slots={"5.1": PRESENT}),
    "bambu-c03b-h2d-ht-reboot-rfid-after": Case(
        state="bambu-c03b-h2d-ht-reboot-rfid-before",
        slots={"5.1": PRESENT},
        held=("5.1",),
    ),
    "bambu-c03c-control-readdone-clear-before": Case(slots={"5.1": PRESENT}),
    "bambu-c03c-control-readdone-clear-after": Case(
        state="bambu-c03c-control-readdone-clear-before",
        slots={"5.1": PRESENT},
        held=("5.1",),
    ),
    "bambu-c08-drying-while-printing": Case(
        slots=each("1", **PRESENT) | {"1.4": PRESENT | {"active": True}}
    ),
    "bambu-c12d-minimal": Case(slots=each("1", **PRESENT), held=("1.2",)),
    "bambu-c12e-control-readdone-resent": Case(
        slots=each("1", **PRESENT), held=("1.2",)
    ),
    "bambu-c15-ht-hms-0058": Case(
        events=(inserted("5.1"), unknown("5.1", soon=True)),
        slots={"5.1": UNIDENTIFIED},
    ),
    "bambu-c15b-ht-hms-0057": Case(
        events=(inserted("5.1"), unknown("5.1", soon=True)),
        slots={"5.1": UNIDENTIFIED},
    ),
    "bambu-c16-standing-hms-new-rfid-spool": Case(
        events=(removed("1.2"), inserted("1.2", identified=True)),
        slots={"1.2": {"present": True, "identified": True}},
    ),
    "bambu-c16b-control-no-hms": Case(
        events=(removed("1.2"), inserted("1.2", identified=True)),
        slots={"1.2": {"present": True, "identified": True}},
    ),
    "bambu-c19-min-removed-while-drying": Case(
        events=(removed("1.3", late=False, at=3660.0),),
        slots=each("1", **PRESENT) | {"1.3": EMPTY},
    ),
    "klipper-acepro-ks1-tag-insert": Case(
        events=(inserted("1.2", identity="AHPLBK-101"),),
        slots={"1.2": {"present": True, "identity": "AHPLBK-101"}},
    ),
    "klipper-acesv08-restart-ace-off": Case(slots=each("1", **PRESENT)),
    "klipper-ad5m-forgex-two-sensors": Case(
        events=(inserted("direct.1"),),
        slots={"direct.1": {"present": True, "identity": "spoolman:9"}},
    ),
    "klipper-ad5x-1065-eject-other-lane": Case(
        events=(removed("1.4"),), slots={"1.2": {"active": True}}
    ),
    "klipper-ad5x-171-lesswaste-live": Case(
        events=(removed("1.2"),), slots=each("1", **EMPTY) | {"1.1": PRESENT}
    ),
    "klipper-ad5x-native-head-sensor-only": Case(),
    "klipper-afc-730-infinite-spool": Case(
        events=(removed("1.3", reason="runout"),), slots={"1.3": EMPTY}
    ),
    "klipper-afc-unit-added-a": Case(slots=each("1", **PRESENT)),
    "klipper-afc-unit-added-b": Case(
        state="klipper-afc-unit-added-a",
        slots=each("2", **PRESENT),
    ),
    "klipper-hh3-721-insert-while-printing": Case(
        events=(inserted("1.2"),), slots={"1.2": PRESENT}
    ),
    "klipper-hh3-933-pregate-glitch": Case(slots={"1.1": PRESENT}, held=("1.1",)),
    "klipper-k2-no-cfs-runout": Case(
        events=(inserted("direct.1"), removed("direct.1", reason="runout")),
        slots={"direct.1": EMPTY},
    ),
    "klipper-k2plus-vender-minus1": Case(slots=each("1", **UNIDENTIFIED)),
    "klipper-openams-master": Case(slots={"direct.1": {}}),
    "klipper-qidi-q2-insert-read-tag": Case(
        events=(inserted("1.2"),), slots={"1.2": PRESENT}
    ),
    "klipper-qidi-q2-insert-while-off": Case(
        empty="1.2",
        events=(inserted("1.2", late=True),),
        slots={"1.2": PRESENT},
    ),
    "klipper-u1-multiace": Case(
        events=(removed("1.3"),),
        slots=each("1", **PRESENT) | {"1.3": EMPTY} | each("direct"),
    ),
    "klipper-u1-spool-ids": Case(
        slots={
            f"direct.{slot}": {"identity": f"spoolman:{spool}"}
            for slot, spool in enumerate((77, 154, 11, 129), start=1)
        }
    ),
}


def cases() -> list[Path]:
    """Return the files of the folder."""
    return sorted(Path(FOLDER).rglob("*.json")) if FOLDER else []


def place(row: dict[str, Any]) -> str:
    """Return a slot by its numbers."""
    return f"{row['ams_unit_no'] or 'direct'}.{row['slot_no']}"


def identity(identifiers: dict[str, Any] | None) -> str | None:
    """Return the identity of a spool."""
    known = identifiers or {}
    return known.get("external_id") or known.get("vendor_tag") or known.get("rfid_uid")


def event_facts(event: dict[str, Any], before: dict[str, Any] | None) -> Facts:
    """Return what is compared of an event; `before`: the event before it."""
    seconds = datetime.fromisoformat(event["event_at"]).timestamp()
    name = identity(event["identifiers"])
    return {
        "event": event["event_type"],
        "slot": place(event["slot"]),
        "identity": name,
        "identified": name is not None,
        "late": event["meta"]["detected_late"],
        "reason": event["meta"].get("reason"),
        "at": seconds - START.timestamp(),
        "soon": before is None
        or seconds - datetime.fromisoformat(before["event_at"]).timestamp() < SOON,
    }


def slot_facts(row: dict[str, Any]) -> Facts:
    """Return what is compared of a slot."""
    name = identity(row["identifiers"])
    return {
        "present": row["present"],
        "active": row["active"],
        "identity": name,
        "identified": name is not None,
    }


def at_the_start(capture: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the slots as the printer reports them at first."""
    first = [frame for frame in capture["frames"] if frame["t"] < SETTLED]
    return tool.replay(capture | {"frames": first}).slots


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.stem)
def test_a_reported_case_yields_the_right_events_and_slots(path: Path) -> None:
    case, capture = RIGHT[path.stem], tool.read_capture(path)
    before = at_the_start(capture)
    state: list[dict[str, Any]] = []
    if case.state:
        before = state = tool.replay(
            tool.read_capture(path.with_stem(case.state))
        ).slots
    if case.empty:
        gone = {"present": False, "identifiers": None, "filament": None}
        state = [
            row | gone if place(row) == case.empty else row
            for row in tool.replay(capture).slots
        ]

    result = tool.replay(capture, state)

    events = [each for each in result.events if each["event_type"] != "ams_state"]
    facts = [event_facts(*pair) for pair in zip(events, [None, *events], strict=False)]
    compared = [
        {name: fact[name] for name in right}
        for fact, right in zip(facts, case.events, strict=False)
    ]
    assert [*compared, *facts[len(compared) :]] == list(case.events)
    slots = {place(row): slot_facts(row) for row in result.slots}
    for name, right in case.slots.items():
        assert {key: slots[name][key] for key in right} == right, name
    first = {place(row): slot_facts(row) for row in before}
    for name in case.held:
        assert slots[name]["identity"] == first[name]["identity"] is not None
    if not case.slots:
        assert not any(name.startswith("direct.") for name in slots)
