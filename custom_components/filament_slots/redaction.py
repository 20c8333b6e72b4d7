"""Replaces ids and secrets in what a user shares: diagnostics, captures and logs.

An id is replaced by the same pseudonym everywhere, so that a spool is still the same
spool in a capture, in the slots and in the log.
"""

from collections.abc import Iterable
import re
from typing import Any, Final

from .model import clean_tag

REDACTED: Final = "**REDACTED**"

# The keys of tags, serials and ids made of them, on all wires and in our events.
_ID_KEYS: Final = frozenset(
    {
        "ams_id",
        "card_uid",
        "external_id",
        "gate_spool_rfid",
        "mac",
        "rfid_uid",
        "serial",
        "sn",
        "tag_uid",
        "tray_uuid",
        "uid",
        "unit_serial",
    }
)
# Shorter values number a slot, or a spool in a database.
_SHORTEST: Final = 8
_HEX: Final = frozenset("0123456789abcdefABCDEF")
# The first characters of a serial name the model.
_KIND: Final = 3


class Pseudonyms:
    """The pseudonyms given so far, and the secrets to remove."""

    def __init__(self, *, ids: Iterable[str], secrets: Iterable[str]) -> None:
        """Begin with known ids, to be replaced, and secrets, to be removed."""
        self._pseudonyms: dict[str, str] = {}
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        for known in ids:
            self.of(known)

    def of(self, value: str) -> str:
        """Return the pseudonym of an id; a value that is no id is returned as it is.

        A prefix such as `spoolman:` is kept.
        """
        space, colon, value = value.rpartition(":")
        if len(value) < _SHORTEST or not _may_be_id(value):
            return f"{space}{colon}{value}"
        real = value.upper()
        if real not in self._pseudonyms:
            number = len(self._pseudonyms) + 1
            self._pseudonyms[real] = f"{real[:_KIND]}{number:0{len(real) - _KIND}X}"
        made = self._pseudonyms[real]
        return f"{space}{colon}{made if value == real else made.lower()}"

    def mask(self, tree: Any) -> Any:
        """Return the JSON tree with ids replaced and secrets removed."""
        # In two passes, as a text may contain an id that is found only after it.
        return self._scrub(self._replace(tree))

    def scrub(self, text: str) -> str:
        """Return the text with known ids replaced and secrets removed."""
        for secret in self._secrets:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)
        upper = text.upper()
        for real, made in self._pseudonyms.items():
            if real in upper:
                text = re.sub(re.escape(real), made, text, flags=re.IGNORECASE)
                upper = text.upper()
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
    """Whether a value is an id, and not a word that stands for a missing one."""
    return (
        clean_tag(value) is not None
        and value.isalnum()
        and (not value.isalpha() or _HEX.issuperset(value))
    )


def _is_chip(value: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a value is the id of a chip as a list of bytes."""
    return len(value) >= _SHORTEST // 2 and all(
        type(byte) is int and 0 <= byte <= 255 for byte in value
    )
