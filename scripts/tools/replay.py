"""Replays captures: recorded messages through the real decoder, tracker and slots.

A capture is `{format: 1, driver_key, about, frames}`, each frame with its `t` in
seconds. Time is simulated, and runs on after the last frame until pending changes are
decided. A report that is requested during a silence repeats the last one, as captures
leave out reports that changed nothing. Home Assistant is not needed.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from itertools import groupby
import json
from pathlib import Path
import sys
from typing import Any

from .package import FakeClock, load

AFTER_THE_LAST_FRAME = 900.0  # longer than every wait of the tracker
PRINTER_ID = 1

base = load("drivers.base")
registry = load("drivers.registry")
snapshot = load("drivers.snapshot")
tracker = load("drivers.tracking.tracker")
model = load("model")
slot_state = load("core.slot_state")


class CaptureError(Exception):
    """A file cannot be replayed; the text is the reason."""


@dataclass(frozen=True)
class Replay:
    """The result of a replay: its standard events, and the slots at the end.

    explained: what is confirmed and pending in each slot after the last frame.
    kept: what the store keeps beside them: the memory of the driver, and the identities
    of the spools that left.
    """

    events: list[dict[str, Any]]
    slots: list[dict[str, Any]]
    explained: list[dict[str, Any]]
    kept: dict[str, Any]


def read_capture(path: Path) -> dict[str, Any]:
    """Read a capture file.

    Raises CaptureError for a file that is no capture.
    """
    try:
        capture = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise CaptureError(f"{path}: {err}") from err
    if not isinstance(capture, dict) or not isinstance(capture.get("frames"), list):
        raise CaptureError(f"{path}: not a capture")
    if capture.get("format") != 1:
        raise CaptureError(f"{path}: format {capture.get('format')} cannot be replayed")
    return capture


def replay(
    capture: Mapping[str, Any],
    state: Iterable[Mapping[str, Any]] = (),
    kept: Mapping[str, Any] = snapshot.NO_MEMORY,
    driver: Any = None,
) -> Replay:
    """Run a capture from an empty store, or from what an earlier replay left.

    driver: its class, unless it is one of our own.

    Raises CaptureError for a driver that is missing or cannot replay.
    """
    try:
        driver = driver or registry.load_driver_now(str(capture["driver_key"]))
        memory = kept.get("memory", {})
        decode = driver.frame_decoder(memory)
    except (KeyError, base.DriverError) as err:
        raise CaptureError(f"no driver for this capture: {err}") from err
    clock = FakeClock()
    reported: Any = None

    def repeat() -> None:
        slot_tracker.observe(reported)

    slots = _restored(state, kept.get("departed", ()))
    emitted: list[dict[str, Any]] = []
    slot_tracker = tracker.SlotTracker(
        PRINTER_ID,
        base.EventEmitter(emitted.append),
        clock,
        repeat,
        slots.slots.values(),
        timings=driver.timings,
    )
    for frame in capture["frames"]:
        clock.tick(max(0.0, frame["t"] - clock.monotonic()))
        decoded = decode(frame)
        if decoded is not None:
            reported, memory = decoded, decoded.memory
            slot_tracker.observe(decoded)
    explained = slot_tracker.explain()
    clock.tick(AFTER_THE_LAST_FRAME)
    slot_tracker.stop()
    for event in emitted:
        slots, _ = slot_state.apply(slots, model.parse_event(event))
    return Replay(
        emitted,
        [_row(slot) for slot in sorted(slots.slots.values(), key=_order)],
        explained,
        {
            "memory": dict(memory),
            "departed": [
                [*_place(slot), slot.departed.model_dump()]
                for slot in slots.slots.values()
                if slot.departed.known
            ],
        },
    )


def _restored(
    state: Iterable[Mapping[str, Any]], departed: Iterable[tuple[Any, Any, Any]]
) -> Any:
    """Return the slots of an earlier replay, as the store would restore them."""
    rows = sorted(state, key=lambda row: row["ams_unit_no"] or 0)
    if not rows:
        return slot_state.PrinterSlots()
    names = {row["ams_unit_no"]: row.get("unit_name") for row in rows}
    units = {
        number: [_slot_state(row) for row in group]
        for number, group in groupby(rows, key=lambda row: row["ams_unit_no"])
    }
    state_event = {
        "event_type": "ams_state",
        "event_at": "2026-01-01T00:00:00Z",
        "printer_id": PRINTER_ID,
        "direct_slots": units.pop(None, []),
        "ams_units": [
            {
                "ams_unit_no": number,
                "slots_total": len(slots),
                "serial": names[number],
                "label": names[number],
                "slots": slots,
            }
            for number, slots in units.items()
        ],
    }
    slots, _ = slot_state.apply(
        slot_state.PrinterSlots(), model.parse_event(state_event)
    )
    # No event reports which spool left a slot before.
    gone = {
        (unit_no, slot_no): model.Identifiers(**identifiers)
        for unit_no, slot_no, identifiers in departed
    }
    return replace(
        slots,
        slots={
            key: replace(slot, departed=gone.get(_place(slot), slot.departed))
            for key, slot in slots.slots.items()
        },
    )


def _place(slot: Any) -> tuple[int | None, int]:
    return (slot.unit.ams_unit_no if slot.unit else None, slot.slot_no)


def _slot_state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: row[key]
        for key in ("slot_no", "present", "active", "identifiers", "filament")
    }


def _order(slot: Any) -> tuple[bool, int, int]:
    return (
        slot.unit is None,
        slot.unit.ams_unit_no if slot.unit else 0,
        slot.slot_no,
    )


def _row(slot: Any) -> dict[str, Any]:
    """Return a slot as --json prints it; with `unit_name` if that identifies its unit."""
    unit = slot.unit
    named = unit is not None and unit.label is not None and unit.label == unit.serial
    return {
        "is_ams_slot": slot.unit is not None,
        "ams_unit_no": _place(slot)[0],
        "slot_no": slot.slot_no,
        "present": slot.present,
        "status": str(slot.status) if slot.status else None,
        "active": slot.active,
        "identifiers": slot.identifiers.model_dump(),
        "filament": slot.filament.as_dict() if slot.filament else None,
    } | ({"unit_name": unit.label} if named else {})


def _table(slots: list[dict[str, Any]]) -> str:
    lines = [f"{'slot':<8}{'status':<14}{'active':<8}{'material':<12}identity"]
    for row in slots:
        where = f"{row['ams_unit_no'] or 'direct'}.{row['slot_no']}"
        identity = row["identifiers"]
        lines.append(
            f"{where:<8}{row['status'] or '-':<14}{'yes' if row['active'] else '':<8}"
            f"{(row['filament'] or {}).get('material') or '-':<12}"
            f"{identity['external_id'] or identity['rfid_uid'] or '-'}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Replay the files named on the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/replay",
        description="Run captures through the real decoder and tracker.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each file"
    )
    parser.add_argument(
        "--state", type=Path, help="start from the slots that --json printed"
    )
    parser.add_argument(
        "--driver", metavar="MODULE", help="with the class Driver of another component"
    )
    options = parser.parse_args(arguments)
    driver = import_module(options.driver).Driver if options.driver else None
    failed = False
    for path in options.files:
        try:
            state = _read_state(options.state) if options.state else {}
            slots, kept = state.get("slots", ()), state.get("kept", {})
            result = replay(read_capture(path), slots, kept, driver)
        except CaptureError as err:
            print(f"replay: {err}", file=sys.stderr)
            failed = True
            continue
        if options.json:
            print(json.dumps(asdict(result)))
            continue
        if len(options.files) > 1:
            print(f"== {path}")
        for event in result.events:
            print(json.dumps(event))
        print(_table(result.slots))
    return 1 if failed else 0


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return {"slots": list(state["slots"]), "kept": dict(state.get("kept", {}))}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as err:
        raise CaptureError(f"{path}: not the output of --json: {err!r}") from err


if __name__ == "__main__":
    sys.exit(main())
