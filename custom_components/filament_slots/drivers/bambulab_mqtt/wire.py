"""Single values as Bambu printers send them; None for what makes no sense.

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
