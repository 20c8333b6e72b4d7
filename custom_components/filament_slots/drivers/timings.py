"""How long things must hold before they are believed."""

from dataclasses import dataclass
import math

NEVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things must hold before they are believed, in seconds (docs/architecture.md "Tracker rules")."""

    insert_settle: float = 2.5
    inlet_settle: float = 10
    removal_confirm: float = 8
    identity_settle: float = 5
    identity_wait: float = 30
    identity_wait_while_reading: float = 120
    load_wait: float = 5
    unknown_after_idle: float = 60
    still_after_drying: float = 600
    serial_wait: float = 15
    unit_offline: float = 60
    state_interval: float = 5
    telemetry_interval: float = 60
