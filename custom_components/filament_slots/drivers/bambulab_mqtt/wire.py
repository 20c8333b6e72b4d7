"""Reads single values as Bambu printers send them; None for what makes no sense.

Bit fields come as hex text without a prefix (docs/protocols/bambu.md 2, P11).
"""

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_BITS_MAX = 64


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


def text(value: object, longest: int) -> str | None:
    """Return printable text of at most `longest` characters; None without any."""
    if not isinstance(value, str):
        return None
    stripped = value.strip()
    usable = stripped and len(stripped) <= longest and stripped.isprintable()
    return stripped if usable else None


def serial_number(value: object) -> str | None:
    """Return a serial number; placeholders such as "N/A" or "**REDACTED**" are none.

    Real ones are 15 letters and digits (docs/protocols/bambu.md 1.7); copies of the
    hardware may be shorter or longer.
    """
    serial = text(value, 32)
    if serial is None or len(serial) < 8 or not (serial.isascii() and serial.isalnum()):
        return None
    return serial if any(letter.isdigit() for letter in serial) else None
