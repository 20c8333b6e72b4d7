"""Pace of messages: every one of a printer is processed, those of a flood together."""

from custom_components.filament_slots.drivers.pace import BURST, PER_SECOND, Pace
from tests.clock import FakeClock

STEP = 1 / PER_SECOND


class Work:
    """Work that is requested with numbers; the newest is passed on when it runs."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pace = Pace(self.clock, self._run)
        self.passed: list[int] = []
        self._newest = 0

    def request(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            self._newest = number
            self.pace.request()

    def _run(self) -> None:
        self.passed.append(self._newest)


def test_the_requests_of_a_burst_run_at_once() -> None:
    work = Work()

    work.request(1, BURST)

    assert work.passed == list(range(1, BURST + 1))


def test_of_a_flood_the_newest_runs_each_time() -> None:
    work = Work()
    work.request(1, BURST + 500)
    assert work.passed[-1] == BURST

    work.clock.tick(STEP)
    assert work.passed[BURST:] == [BURST + 500]

    work.request(9001, 9100)
    work.clock.tick(STEP)
    assert work.passed[BURST + 1 :] == [9100]


def test_the_last_request_of_a_flood_is_never_lost() -> None:
    work = Work()
    for number in range(1, 20 * BURST):
        work.request(number, number)
        work.clock.tick(STEP / 20)

    work.clock.tick(2 * STEP)

    assert work.passed[-1] == 20 * BURST - 1
    assert len(work.passed) <= 2 * BURST + 2


def test_after_a_pause_every_request_runs_at_once_again() -> None:
    work = Work()
    work.request(1, BURST + 1)
    work.clock.tick(60)
    work.passed.clear()

    work.request(1, BURST)

    assert work.passed == list(range(1, BURST + 1))


def test_nothing_runs_after_it_was_discarded() -> None:
    work = Work()
    work.request(1, BURST + 1)
    work.passed.clear()

    work.pace.discard()
    work.pace.discard()
    work.clock.tick(60)

    assert work.passed == []
