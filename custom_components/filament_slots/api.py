"""API for drivers of other components: everything that they may import from us.

A change that breaks drivers changes the number before the dot, an addition the one
after it (docs/drivers.md "Versions").
"""

from .drivers.base import (
    Counters,
    Driver,
    DriverError,
    DriverServices,
    DriverStatus,
    ErrorCode,
    EventEmitter,
    ProbeResult,
)
from .drivers.capabilities import Capability, InvokeError, InvokeErrorCode, NoInput
from .drivers.connected_driver import ConnectedDriver
from .drivers.discovery import DiscoveredPrinter, Discovery, UdpDiscovery
from .drivers.explanation import Explanation, WireState
from .drivers.health import Health
from .drivers.numbers import boolean, number, whole
from .drivers.registry import API_VERSION, DriverInfo
from .drivers.snapshot import NO_MEMORY, Slot, Snapshot, Unit
from .drivers.timings import Timings
from .model import NO_IDENTIFIERS, Filament, Identifiers, StoredSlot, clean_tag
from .network.clock import Clock, TimerHandle

__all__ = [
    "API_VERSION",
    "NO_IDENTIFIERS",
    "NO_MEMORY",
    "Capability",
    "Clock",
    "ConnectedDriver",
    "Counters",
    "DiscoveredPrinter",
    "Discovery",
    "Driver",
    "DriverError",
    "DriverInfo",
    "DriverServices",
    "DriverStatus",
    "ErrorCode",
    "EventEmitter",
    "Explanation",
    "Filament",
    "Health",
    "Identifiers",
    "InvokeError",
    "InvokeErrorCode",
    "NoInput",
    "ProbeResult",
    "Slot",
    "Snapshot",
    "StoredSlot",
    "TimerHandle",
    "Timings",
    "UdpDiscovery",
    "Unit",
    "WireState",
    "boolean",
    "clean_tag",
    "number",
    "whole",
]
