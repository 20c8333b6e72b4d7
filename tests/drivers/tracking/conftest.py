"""Fixtures of the tracker's tests."""

import pytest

from .tracker_rig import Rig


@pytest.fixture
def rig() -> Rig:
    """Return a printer that has reported two empty slots."""
    rig = Rig()
    rig.report()
    rig.events.clear()
    return rig
