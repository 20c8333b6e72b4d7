"""Stand-ins for ids that are nobody else's business: the same for the same, everywhere.

What is given away for the sake of a fault keeps its meaning this way: a spool is still
the same spool in a capture, in the slots and in the log.
"""

from collections.abc import Iterable
import re
from typing import Any, Final

from .model import clean_tag

REDACTED: Final = "**REDACTED**"

# Tags, serials and names made of them, on every wire and in our own words.
_ID_KEYS: Final = frozenset(
    {
        "ams_id",
        "card_uid",
        "external_id",
        "gate_spool_rfid",
        "rfid_uid",
        "serial",
        "sn",
        "tag_uid",
        "tray_uuid",
        "uid",
    }
)
# Shorter ones are numbers of a place or of a spool somebody counts.
_SHORTEST: Final = 8
_HEX: Final = frozenset("0123456789abcdefABCDEF")
# The first characters of a serial say the model, and nothing of whose it is.
_KIND: Final = 3


class StandIns:
    """Makes up ids, and remembers which it made up for which."""

    def __init__(self, *, ids: Iterable[str], secrets: Iterable[str]) -> None:
        """Know some from the start: ids are replaced, secrets are blacked out."""
        self._made: dict[str, str] = {}
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        for known in ids:
            self.of(known)

    def of(self, value: str) -> str:
        """Return the stand-in of an id; what is none, or too short to be one, stays.

        A namespace such as `spoolman:` stays in front of it.
        """
        space, colon, value = value.rpartition(":")
        if len(value) < _SHORTEST or not _may_be_id(value):
            return f"{space}{colon}{value}"
        real = value.upper()
        if real not in self._made:
            number = len(self._made) + 1
            self._made[real] = f"{real[:_KIND]}{number:0{len(real) - _KIND}X}"
        made = self._made[real]
        return f"{space}{colon}{made if value == real else made.lower()}"

    def mask(self, tree: Any) -> Any:
        """Return the JSON tree with all ids replaced, wherever they are told."""
        # Twice, as an id may be part of a text that comes before it.
        return self._scrub(self._replace(tree))

    def scrub(self, text: str) -> str:
        """Return the text without the ids and secrets that are known by now."""
        for secret in self._secrets:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)
        for real, made in self._made.items():
            if real in text.upper():
                text = re.sub(re.escape(real), made, text, flags=re.IGNORECASE)
        return text

    def _replace(self, tree: Any, key: str = "") -> Any:
        match tree:
            case dict():
                return {
                    name: self._replace(value, name) for name, value in tree.items()
                }
            case list() | tuple():
                if key.lower() in _ID_KEYS and _is_chip(tree):
                    return list(bytes.fromhex(self.of(bytes(tree).hex().upper())))
                return [self._replace(value, key) for value in tree]
            case str() if key.lower() in _ID_KEYS:
                return self.of(tree)
        return tree

    def _scrub(self, tree: Any) -> Any:
        match tree:
            case dict():
                return {name: self._scrub(value) for name, value in tree.items()}
            case list():
                return [self._scrub(value) for value in tree]
            case str():
                return self.scrub(tree)
        return tree


def _may_be_id(value: str) -> bool:
    """Whether it is not one of the words that stand where there is no id."""
    return (
        clean_tag(value) is not None
        and value.isalnum()
        and (not value.isalpha() or _HEX.issuperset(value))
    )


def _is_chip(value: list[Any] | tuple[Any, ...]) -> bool:
    """Whether it is a chip's id as a list of its bytes."""
    return len(value) >= _SHORTEST // 2 and all(
        type(byte) is int and 0 <= byte <= 255 for byte in value
    )
