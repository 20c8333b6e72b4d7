"""Which spool each id of an inventory stands for, and which ids stand for another one now."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from .base import Spool


class Identities:
    """Ids that have been seen, with the time of registration of their spools.

    A server hands out the id of a deleted spool again, and a restored database gives
    every id another meaning. What knows a spool by its id alone, as a printer does, then
    names another one.

    reused: the ids that have another spool than before, until `confirm()`.
    exchanged: whether most ids did so at once, until `confirm()`.
    """

    def __init__(self, stored: object = None) -> None:
        """Start with what `as_json()` returned; what makes no sense of it is left out."""
        self.reused: set[int] = set()
        self.exchanged = False
        self._known: dict[int, datetime] = {}
        if not isinstance(stored, dict):
            return
        known, reused = stored.get("known"), stored.get("reused")
        for spool_id, text in known.items() if isinstance(known, dict) else ():
            try:
                self._known[int(spool_id)] = datetime.fromisoformat(text)
            except TypeError, ValueError:
                continue
        self.reused |= {
            spool_id
            for spool_id in (reused if isinstance(reused, list) else ())
            if spool_id in self._known
        }
        self.exchanged = stored.get("exchanged") is True

    def take(
        self,
        changed: Iterable[Spool],
        present: Mapping[int, Spool],
        used: Collection[int] | None = None,
    ) -> bool:
        """Compare new and changed spools; return whether anything has to be stored.

        present: all spools that there are now. used: the ids that something knows a spool
        by; None where that is not known yet.
        """
        new = {
            spool.id: spool.registered
            for spool in changed
            if self._known.get(spool.id) != spool.registered
        }
        reused = new.keys() & self._known.keys()
        compared = present.keys() & self._known.keys()
        if len(reused) > 1 and 2 * len(reused) > len(compared):
            self.exchanged = True
        self.reused |= reused if used is None else reused & set(used)
        self._known |= new
        return bool(new)

    def confirm(self) -> None:
        """Note that the user knows of the ids that have another spool."""
        self.reused.clear()
        self.exchanged = False

    def as_json(self) -> dict[str, Any]:
        """Return everything as values of JSON."""
        return {
            "known": {str(key): at.isoformat() for key, at in self._known.items()},
            "reused": sorted(self.reused),
            "exchanged": self.exchanged,
        }
