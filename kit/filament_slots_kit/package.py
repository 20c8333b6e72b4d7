"""Imports of the tools, which have another place in the repository."""

from importlib import import_module
from types import ModuleType

from .clock import FakeClock

__all__ = ["FakeClock", "load"]


def load(module: str) -> ModuleType:
    """Import a module of the integration by its name inside the package."""
    return import_module(f"custom_components.filament_slots.{module}")
