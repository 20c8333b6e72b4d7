"""Tags of spools: how they are written, which ids are of one chip, and an index by them."""

from collections.abc import Hashable, Iterable
import re
from typing import Final

from ..model import clean_tag
from .base import Spool

_SEPARATORS: Final = re.compile(r"[,;\s]+")
_WITHIN: Final = re.compile(r"^0[xX]|[:.\-]")
_HEX: Final = re.compile(r"[0-9A-F]{1,64}")
# Some printers append eight digits to the eight that a hand reader reads of the same chip:
# `75886B1D00000100` (docs/protocols/spoolman.md 6).
CHIP: Final = 8
_CHIP_OF_PRINTER: Final = 16


def spool_tags(spool: Spool, tag_field: str | None) -> set[str]:
    """Return the tags of an inventory's spool.

    tag_field: the key of the extra field that holds them where the spool has none of the
    server's own; several are separated by commas, semicolons or blanks.
    """
    if spool.tags or not tag_field:
        return set(spool.tags or ())
    texts = _SEPARATORS.split(spool.extra.get(tag_field, ""))
    return {tag for tag in map(as_tag, texts) if tag is not None}


def as_tag(text: str) -> str | None:
    """Return a tag in upper-case hexadecimal digits; None for what is none."""
    tag = clean_tag(_WITHIN.sub("", text))
    return tag if tag is not None and _HEX.fullmatch(tag) else None


def tag_key(tag: str) -> str:
    """Return what two ids have in common if they can be of one chip."""
    return tag[:CHIP] if len(tag) == _CHIP_OF_PRINTER else tag


def same_chip(one: str, other: str) -> bool:
    """Return whether two ids are of one chip: equal, or one is the start of the other."""
    if tag_key(one) != tag_key(other):
        return False
    return one == other or CHIP in (len(one), len(other))


class TagIndex[T: Hashable]:
    """Items by their tags."""

    def __init__(self) -> None:
        """Start empty."""
        self._tags: dict[T, frozenset[str]] = {}
        self._items: dict[str, set[T]] = {}

    def put(self, item: T, tags: Iterable[str]) -> set[str]:
        """Give an item these tags, and no others; return the keys where that matters."""
        before, after = self._tags.pop(item, frozenset()), frozenset(tags)
        if after:
            self._tags[item] = after
        if before == after:
            return set()
        for key in map(tag_key, before):
            self._items[key].discard(item)
            if not self._items[key]:
                del self._items[key]
        for key in map(tag_key, after):
            self._items.setdefault(key, set()).add(item)
        return {tag_key(tag) for tag in before | after}

    def find(self, tag: str) -> set[T]:
        """Return the items with a tag of the same chip."""
        return {
            item
            for item in self._items.get(tag_key(tag), ())
            if any(same_chip(tag, own) for own in self._tags[item])
        }
