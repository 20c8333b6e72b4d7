"""Import drivers and core without Home Assistant.

Importing `custom_components.filament_slots` runs its `__init__`, which imports Home
Assistant. `load()` makes the parts below importable as `filament_slots.drivers` and
`filament_slots.core` instead.
"""

from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType

from tests.clock import FakeClock

__all__ = ["FOLDER", "NAME", "FakeClock", "load"]

NAME = "filament_slots"
FOLDER = Path(__file__).parents[2] / "custom_components" / NAME


def load(module: str) -> ModuleType:
    """Import a module of the integration by its name inside the package."""
    if NAME not in sys.modules:
        package = ModuleType(NAME)
        package.__path__ = [str(FOLDER)]
        sys.modules[NAME] = package
    return import_module(f"{NAME}.{module}")
