"""Measures how long a status update was on its way, by Klipper's time in it."""

import math
from typing import Any


class Delays:
    """Compares the times of Klipper's clock in messages with those of their arrival.

    The clocks have no common zero and may drift apart: what took the shortest way since
    the last answer counts as on time. Times are in seconds.
    """

    def __init__(self) -> None:
        """Begin without a message."""
        self._shortest = math.inf

    def of_update(self, update: dict[str, Any], now: float) -> float:
        """Return the delay of a status update that arrived now; 0 where it has no time."""
        match update:
            case {"params": [_, float(made_at), *_]}:
                difference = now - made_at
                self._shortest = min(self._shortest, difference)
                return difference - self._shortest
        return 0.0

    def answered(self, answer: dict[str, Any], now: float) -> None:
        """Begin again with an answer that arrived soon after its call."""
        match answer:
            case {"result": {"eventtime": float(made_at)}}:
                self._shortest = now - made_at
