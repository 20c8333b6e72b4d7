"""Output to a terminal: coloured on a terminal, plain in a pipe."""

from collections.abc import Sequence
import os
import sys

_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str = "") -> None:
    """Print a line and flush it, so that a pipe receives it at once."""
    print(text, flush=True)


def bold(text: str) -> str:
    """Return the text, bold."""
    return _style(1, text)


def red(text: str) -> str:
    """Return the text, red."""
    return _style(31, text)


def green(text: str) -> str:
    """Return the text, green."""
    return _style(32, text)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _style(code: int, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if _COLOURED else text
