"""Readers of numbers and booleans in messages; None for a value that makes no sense.

Printers send numbers as numbers or as text, and sometimes as something else altogether.
"""

import math
from typing import Final

# A tuple: checking against a union of types takes several times as long.
_NUMERIC: Final = (int, float, str)


def whole(value: object, low: int = 0, high: int = 2**32 - 1) -> int | None:
    """Return a whole number within the bounds, sent as a number or as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value) if len(value) <= 20 else None
    if type(value) is int:  # The usual case; a bool is not a number.
        return value if low <= value <= high else None
    amount = number(value, low, high)
    return int(amount) if amount is not None and amount.is_integer() else None


def number(value: object, low: float, high: float) -> float | None:
    """Return a number within the bounds, sent as a number or as text."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        return None
    try:
        amount = float(value)
    except ValueError, OverflowError:
        return None
    return amount if math.isfinite(amount) and low <= amount <= high else None


def boolean(value: object) -> bool | None:
    """Return true or false; a number or a text is neither."""
    return value if isinstance(value, bool) else None
