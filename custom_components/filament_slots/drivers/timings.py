"""Confirmation times: how long something must last before it is confirmed."""

from dataclasses import dataclass
import math

NEVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Confirmation times in seconds (docs/architecture.md "Tracker rules").

    insert_settle, inlet_settle: presence, at the slot or at its inlet alone, before an
    insertion. removal_confirm: absence, before a removal.
    identity_settle: another identity, before a swap.
    identity_wait, identity_wait_while_reading: the wait for the identity of an inserted
    spool, and the longer one while its unit reads tags.
    load_wait: the wait for an assigned identity while the unit is loading.
    unknown_after_idle: idle time of a unit, before a spool is unidentified.
    clear_while_drying: absence in a drying unit in which no other slot is cleared within
    this time before or after, before a removal.
    still_after_drying: idle time after drying, before a removal during it.
    serial_wait: the wait for the serial of a new unit.
    unit_offline: absence of a unit, before it is offline.
    report_wait: silence after the end of a confirmation, before a report is requested.
    state_interval, telemetry_interval: the minimum between two events of each kind.
    """

    insert_settle: float = 2.5
    inlet_settle: float = 10
    removal_confirm: float = 8
    identity_settle: float = 5
    identity_wait: float = 30
    identity_wait_while_reading: float = 120
    load_wait: float = 5
    unknown_after_idle: float = 60
    clear_while_drying: float = 60
    still_after_drying: float = 600
    serial_wait: float = 15
    unit_offline: float = 60
    report_wait: float = 2
    state_interval: float = 5
    telemetry_interval: float = 60
