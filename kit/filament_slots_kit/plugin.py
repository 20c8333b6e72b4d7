"""Pytest plugin: fixtures for the tests of a driver."""

import pytest

from .clock import FakeClock
from .drivers.fake_host import FakeHost


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that only advances when the test advances it."""
    return FakeClock()


@pytest.fixture
def fake_host(fake_clock: FakeClock) -> FakeHost:
    """Return the host of a driver; it keeps the events that the driver emits."""
    return FakeHost(fake_clock)
