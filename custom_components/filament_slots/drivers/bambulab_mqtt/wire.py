"""Single values as Bambu printers send them; None for what makes no sense.

Numbers come as numbers or as text, bit fields as hex text without a prefix, and
now and then as something else altogether (docs/protocols/bambu.md 2, P11).
"""

import math

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_BITS_MAX = 64


def whole(value: object, most: int = 2**32 - 1) -> int | None:
    """Return a whole number from 0 to `most`, sent as a number or as decimal text."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case str() if value.isascii() and value.isdecimal() and len(value) <= 10:
            number = int(value)
        case _:
            return None
    return number if 0 <= number <= most else None


def bits(value: object) -> int | None:
    """Return a field of at most 64 bits, sent as hex text or as a number."""
    match value:
        case bool():
            return None
        case int():
            field = value
        case str() if 0 < len(value) <= _BITS_MAX // 4 and _HEX_DIGITS.issuperset(
            value
        ):
            field = int(value, 16)
        case _:
            return None
    return field if 0 <= field < 1 << _BITS_MAX else None


def number(value: object, low: float, high: float) -> float | None:
    """Return a number that lies between the two bounds, sent as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except ValueError, OverflowError:
        return None
    return amount if math.isfinite(amount) and low <= amount <= high else None


def yes_or_no(value: object) -> bool | None:
    """Return a setting."""
    return value if isinstance(value, bool) else None


def text(value: object, longest: int) -> str | None:
    """Return text that says something and is no longer than that."""
    if not isinstance(value, str):
        return None
    said = value.strip()
    return said if said and len(said) <= longest and said.isprintable() else None


def serial_number(value: object) -> str | None:
    """Return a serial number; stand-ins such as "N/A" or "**REDACTED**" are none.

    Real ones are 15 letters and digits (docs/protocols/bambu.md 1.7); copies of the hardware may
    be shorter or longer.
    """
    said = text(value, 32)
    if said is None or len(said) < 8 or not (said.isascii() and said.isalnum()):
        return None
    return said if any(letter.isdigit() for letter in said) else None
