"""The spools of an inventory as last read, and what each report changes in them."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from .base import Changes, Spool


class SpoolTable:
    """Spools by their ids. Each method that takes a report returns what it changed.

    An id that another spool has now, with another time of registration, is a removal of
    the one and a change for the other.
    """

    def __init__(self) -> None:
        """Start without spools."""
        self._spools: dict[int, Spool] = {}

    @property
    def spools(self) -> Mapping[int, Spool]:
        """The spools as they are, a view that follows later changes."""
        return MappingProxyType(self._spools)

    def put(self, spool: Spool) -> Changes:
        """Take a new or changed spool."""
        return self._apply((spool,), ())

    def remove(self, spool_id: int) -> Changes:
        """Take the end of a spool."""
        return self._apply((), (spool_id,) if spool_id in self._spools else ())

    def replace_all(
        self, spools: Mapping[int, Spool], unread: Callable[[int], bool]
    ) -> Changes:
        """Take a whole list.

        unread: whether the spool of an id may be there although the list lacks it.
        """
        gone = [
            spool_id
            for spool_id in self._spools
            if spool_id not in spools and not unread(spool_id)
        ]
        return self._apply(spools.values(), gone)

    def _apply(self, spools: Iterable[Spool], gone: Iterable[int]) -> Changes:
        changed, removed = [], []
        for spool in spools:
            before = self._spools.get(spool.id)
            if spool == before:
                continue
            if before is not None and before.registered != spool.registered:
                removed.append(before)
            changed.append(spool)
            self._spools[spool.id] = spool
        removed += [self._spools.pop(spool_id) for spool_id in gone]
        return Changes(changed=tuple(changed), removed=tuple(removed))
