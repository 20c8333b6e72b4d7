"""Pace of snapshots: every one of a printer is observed, those of a flood are coalesced."""

from custom_components.filament_slots.drivers.pace import BURST, PER_SECOND, Pace
from custom_components.filament_slots.drivers.snapshot import Slot, Snapshot
from tests.clock import FakeClock

STEP = 1 / PER_SECOND


def _snapshot(number: int) -> Snapshot:
    return Snapshot(complete=True, direct_slots=(Slot(slot_no=number),))


def _pace() -> tuple[FakeClock, Pace, list[int]]:
    clock, passed = FakeClock(), list[int]()
    pace = Pace(clock, lambda snapshot: passed.append(snapshot.direct_slots[0].slot_no))
    return clock, pace, passed


def _take(pace: Pace, first: int, last: int) -> None:
    for number in range(first, last + 1):
        pace.take(_snapshot(number))


def test_the_snapshots_of_a_burst_are_all_passed_on_at_once() -> None:
    _, pace, passed = _pace()

    _take(pace, 1, BURST)

    assert passed == list(range(1, BURST + 1))


def test_of_a_flood_the_newest_snapshot_is_passed_on_each_time() -> None:
    clock, pace, passed = _pace()
    _take(pace, 1, BURST + 500)
    assert passed[-1] == BURST

    clock.tick(STEP)
    assert passed[BURST:] == [BURST + 500]

    _take(pace, 9001, 9100)
    clock.tick(STEP)
    assert passed[BURST + 1 :] == [9100]


def test_the_last_snapshot_of_a_flood_is_never_lost() -> None:
    clock, pace, passed = _pace()
    for number in range(1, 20 * BURST):
        _take(pace, number, number)
        clock.tick(STEP / 20)

    clock.tick(2 * STEP)

    assert passed[-1] == 20 * BURST - 1
    assert len(passed) <= 2 * BURST + 2


def test_after_a_pause_every_snapshot_is_passed_on_at_once_again() -> None:
    clock, pace, passed = _pace()
    _take(pace, 1, BURST + 1)
    clock.tick(60)
    passed.clear()

    _take(pace, 1, BURST)

    assert passed == list(range(1, BURST + 1))


def test_nothing_is_passed_on_after_a_disconnection() -> None:
    clock, pace, passed = _pace()
    _take(pace, 1, BURST + 1)
    passed.clear()

    pace.discard()
    pace.discard()
    clock.tick(60)

    assert passed == []
