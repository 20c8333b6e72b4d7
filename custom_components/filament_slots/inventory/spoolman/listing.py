"""Reads the whole list of spools in pages, around rows that the server cannot show."""

from dataclasses import dataclass, field
import math
from typing import Final

from ..base import InventoryError, InventoryErrorCode, Spool
from .decode import Refuse, decode_spool
from .rest import Rest, StatusError

# A page takes the server about 100 ms, in which it answers nothing else.
PAGE: Final = 200
# One value beyond the server's own limits makes each page with it fail, but not all of
# them (docs/protocols/spoolman.md 3). A server that can show none of them has failed.
BAD_ROWS_MAX: Final = 10
_ATTEMPTS: Final = 3
# More than any workshop has; something that ignores `offset` never ends.
_ROWS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Listing:
    """The spools that could be read.

    unreadable: how many there are that could not.
    complete: whether it is sure that there are no others.
    """

    spools: dict[int, Spool]
    unreadable: int
    complete: bool
    _gaps: list[tuple[float, float]] = field(default_factory=list)

    def may_have(self, spool_id: int) -> bool:
        """Return whether the spool of an id that was not read may be there."""
        return not self.complete or any(
            before < spool_id < after for before, after in self._gaps
        )


async def read_spools(rest: Rest, refuse: Refuse) -> Listing:
    """Return the list of all spools; raises InventoryError.

    A spool that is deleted between two pages moves others from the one to the other, so
    that the list is read again if its length is not the one that the server counts.
    """
    for _ in range(_ATTEMPTS):
        listing = await _read_once(rest, refuse)
        if listing.complete:
            break
    return listing


async def _read_once(rest: Rest, refuse: Refuse) -> Listing:
    rows: list[Spool | None] = []
    totals: set[int] = set()
    limit = PAGE
    bad = 0
    while True:
        try:
            answer = await rest.read_page(len(rows), limit)
        except StatusError as err:
            if err.status != 500 or bad >= BAD_ROWS_MAX:
                raise
            if limit > 1:
                limit //= 2
                continue
            refuse("a spool that the server cannot show")
            rows.append(None)
            bad += 1
            continue
        rows += [decode_spool(row, refuse) for row in answer.body]
        if answer.total is not None:
            totals.add(answer.total)
        if len(answer.body) < limit:
            break
        if len(rows) > _ROWS_MAX:
            raise InventoryError(
                InventoryErrorCode.WRONG_SERVICE, "the list of spools has no end"
            )
        limit = min(PAGE, limit * 2)
    ids = [row.id if row else None for row in rows]
    return Listing(
        spools={row.id: row for row in rows if row},
        unreadable=ids.count(None),
        complete=totals <= {len(rows)},
        _gaps=_gaps(ids),
    )


def _gaps(ids: list[int | None]) -> list[tuple[float, float]]:
    """Return between which ids there are rows that could not be read."""
    gaps = []
    before, hidden = -math.inf, False
    for spool_id in (*ids, math.inf):
        if spool_id is None:
            hidden = True
            continue
        if hidden:
            gaps.append((before, spool_id))
        before, hidden = spool_id, False
    return gaps
