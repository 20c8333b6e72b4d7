"""The steps of an attempt to connect: measured, failed, or not reached."""

from contextlib import suppress

from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.connection_test import ConnectionTest
from tests.clock import FakeClock


class Rig:
    """A test of three steps."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.test = ConnectionTest(("name", "port", "tls"), self.clock)

    def step(self, name: str, seconds: float, err: Exception | None = None) -> None:
        with suppress(OSError), self.test.step(name):
            self.clock.tick(seconds)
            if err is not None:
                raise err

    @property
    def shown(self) -> list[tuple[str, bool | None, float | None, str | None]]:
        return [(s.name, s.ok, s.seconds, s.error) for s in self.test.steps]


def test_each_step_has_its_time() -> None:
    rig = Rig()
    rig.step("name", 0.25)
    rig.step("port", 1)
    rig.step("tls", 0)

    assert rig.shown == [
        ("name", True, 0.25, None),
        ("port", True, 1, None),
        ("tls", True, 0, None),
    ]


def test_the_step_that_failed_has_the_cause_that_was_found_afterwards() -> None:
    rig = Rig()
    rig.step("name", 0.25)
    rig.step("port", 1, OSError())
    rig.test.failed(DriverError(ErrorCode.WEB_SERVER))

    assert rig.shown == [
        ("name", True, 0.25, None),
        ("port", False, 1, "web_server"),
        ("tls", None, None, None),
    ]


def test_a_failure_between_two_steps_is_one_of_the_next() -> None:
    rig = Rig()
    rig.step("name", 0.25)
    rig.test.failed(DriverError(ErrorCode.CONNECTION_LOST))

    assert rig.shown[1] == ("port", False, 0, "connection_lost")


def test_the_parts_of_a_step_are_added_and_any_of_them_can_fail_it() -> None:
    rig = Rig()
    rig.step("name", 0.25)
    rig.step("name", 0.5)
    assert rig.shown[0] == ("name", True, 0.75, None)

    rig.step("name", 0.5, OSError())
    assert rig.shown[0] == ("name", False, 1.25, None)


def test_a_step_that_was_not_announced_comes_last() -> None:
    rig = Rig()
    rig.step("handshake", 0.5)

    assert rig.shown[-1] == ("handshake", True, 0.5, None)
    assert len(rig.shown) == 4
