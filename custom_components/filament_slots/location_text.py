"""The text of a location, from a template of the user: `X1C A3`."""

from collections.abc import Mapping
import re
from typing import Final
import unicodedata

from .inventory.base import LOCATION_MAX

# A slash in a location could not be addressed by Spoolman's own rename
# (docs/protocols/spoolman.md 5.4), so that there is none by default.
DEFAULT_TEMPLATE: Final = "{printer} {slot}"
PARTS: Final = ("printer", "slot")
_PART: Final = re.compile(r"\{([^{}]*)\}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# What belongs to the character before it: joiners and variation selectors.
_JOINS: Final = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_CUT: Final = "…"


def is_template(template: str) -> bool:
    """Return whether a template names the slot, and nothing that does not exist."""
    named = _PART.findall(template)
    rest = _PART.sub("", template)
    return "slot" in named and set(named) <= set(PARTS) and not set(rest) & set("{}")


def full_text(template: str, parts: Mapping[str, str]) -> str:
    """Return the location, however long: one line, without blanks at its ends.

    What a template names that does not exist stays in it.
    """
    text = _PART.sub(lambda part: parts.get(part[1], part[0]), template)
    return " ".join(_CONTROL.sub(" ", text).split())


def location_text(template: str, parts: Mapping[str, str]) -> str:
    """Return the location with at most LOCATION_MAX characters.

    The name of the printer is cut first: the slot distinguishes more.
    """
    text = full_text(template, parts)
    if (excess := len(text) - LOCATION_MAX) <= 0:
        return text
    printer = parts["printer"]
    kept = cut(printer, max(len(printer) - excess - len(_CUT), 1)) + _CUT
    return cut(full_text(template, {**parts, "printer": kept}), LOCATION_MAX)


def cut(text: str, length: int) -> str:
    """Return the start of a text, without half of what is shown as one character."""
    if len(text) <= length:
        return text
    while length and (
        unicodedata.combining(text[length])
        or _JOINS.match(text[length])
        or text[length - 1] == "\u200d"
    ):
        length -= 1
    return text[:length].rstrip()
