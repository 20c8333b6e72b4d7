"""Readers of numbers and booleans in messages; None for a value that makes no sense.

Printers send numbers as numbers or as text, and sometimes as something else altogether.
"""

import math


def whole(value: object, low: int = 0, high: int = 2**32 - 1) -> int | None:
    """Return a whole number within the bounds, sent as a number or as text."""
    if type(value) is int:  # The usual case; a bool is no number.
        return value if low <= value <= high else None
    amount = number(value, low, high)
    return int(amount) if amount is not None and amount.is_integer() else None


def number(value: object, low: float, high: float) -> float | None:
    """Return a number within the bounds, sent as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except ValueError, OverflowError:
        return None
    return amount if math.isfinite(amount) and low <= amount <= high else None


def boolean(value: object) -> bool | None:
    """Return true or false; a number or a text is neither."""
    return value if isinstance(value, bool) else None
