"""Kit for writing drivers of Filament Slots: what a driver's tests import."""

from .clock import FakeClock
from .component import ComponentConformance
from .drivers.conformance import DriverConformance, ScriptedPrinter, Stage
from .drivers.fake_host import FakeHost
from .drivers.tracking.tracker_rig import Rig

__all__ = [
    "ComponentConformance",
    "DriverConformance",
    "FakeClock",
    "FakeHost",
    "Rig",
    "ScriptedPrinter",
    "Stage",
]
