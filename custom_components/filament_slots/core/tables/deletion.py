"""Deletes printers with their history, and the spools that no other printer knew."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
import sqlite3
from typing import Any, Final

from ...model import Identifiers
from ..engine.store import Store
from .chips import forget_chips
from .codec import pack_json
from .printers import BEING_DELETED
from .retention import Purge
from .steps import Steps

_SLOTS: Final = "SELECT id FROM slots WHERE printer_id = :printer_id"
_IDS: Final = "SELECT value FROM json_each(:ids)"
_DELETE: Final = f"DELETE FROM {{table}} WHERE id IN ({_IDS})"  # noqa: S608
# Events that are no history, and where they are found by their printer.
_WAITING: Final = ("held_events", "failed_events")
_ROWS: Final = "SELECT id FROM {table} WHERE printer_id = :printer_id"
_SPOOLS: Final = f"""
    SELECT id FROM spools
    WHERE last_slot_id IN ({_SLOTS}) OR remaining_slot_id IN ({_SLOTS})
"""  # noqa: S608
# A spool that another printer knows was last where that printer saw it last.
_LEAVE_TO_OTHERS: Final = f"""
    UPDATE spools SET
        last_slot_id = iif(last_slot_id NOT IN ({_SLOTS}), last_slot_id, coalesce(
            (
                SELECT slot_id FROM event_slots
                WHERE spool_id = spools.id AND slot_id NOT IN ({_SLOTS})
                ORDER BY event DESC LIMIT 1
            ),
            (
                SELECT slot_id FROM slot_assignments
                WHERE spool_id = spools.id AND slot_id NOT IN ({_SLOTS})
            ),
            last_slot_id
        )),
        remaining_slot_id = iif(remaining_slot_id IN ({_SLOTS}), NULL, remaining_slot_id)
    WHERE id IN ({_IDS})
"""  # noqa: S608
_THEIRS_ALONE: Final = f"""
    SELECT id, external_id FROM spools
    WHERE id IN ({_IDS}) AND last_slot_id IN ({_SLOTS})
"""  # noqa: S608
_TAKE_NAMES: Final = f"UPDATE spools SET external_id = NULL WHERE id IN ({_IDS})"  # noqa: S608
# As `location_keeper.py` names slots: a list that begins with the printer's id.
_FORGET_LOCATIONS: Final = """
    DELETE FROM spool_locations WHERE slot GLOB '[[]' || :printer_id || ',*'
"""


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many events and spools were deleted, and the size of the file now."""

    events: int
    spools: int
    database_bytes: int

    def plus(self, other: Deleted) -> Deleted:
        """Return what both deleted, and the size after the other."""
        return Deleted(
            self.events + other.events,
            self.spools + other.spools,
            other.database_bytes,
        )


def being_deleted(db: sqlite3.Connection) -> list[int]:
    """Return the printers that `delete_later` was called for."""
    return [printer_id for (printer_id,) in db.execute(BEING_DELETED)]


async def delete_printer(
    store: Store,
    printer_id: int,
    forget: Callable[[], None],
    unlink: Callable[[sqlite3.Connection, Collection[Identifiers]], object],
) -> Deleted:
    """Delete all of a printer that is being deleted; what is done already is no error.

    forget: called on the writer thread when rows are deleted that a `RowWriter` may have
    cached. unlink: removes the links of spools, in their transaction.
    In small steps, between which everything else is written. Raises StoreError; it can be
    called again then.
    """
    deletion = _Deletion(store, printer_id, forget, unlink)
    for table in _WAITING:
        await deletion.each(_ROWS.format(table=table), _delete_from(table))
    await deletion.each(_SPOOLS, deletion.release_spools)
    purge = Purge(store)
    await purge.all_of(printer_id)
    await deletion.each(_SLOTS, deletion.empty_slots)
    await deletion.each(_SPOOLS, deletion.delete_spools)
    await deletion.each(_SLOTS, deletion.delete_slots)
    purged = await purge.finish(forget)
    # Without it in the copy of the slots, too. What is interrupted before is done again.
    store.writer.prove()
    await store.write(deletion.delete_rest)
    return Deleted(purged.events, deletion.spools, purged.database_bytes)


class _Deletion:
    """What is done with some rows of a printer in each transaction; `spools`: deleted."""

    def __init__(
        self,
        store: Store,
        printer_id: int,
        forget: Callable[[], None],
        unlink: Callable[[sqlite3.Connection, Collection[Identifiers]], object],
    ) -> None:
        self._store = store
        self._printer: dict[str, Any] = {"printer_id": printer_id}
        self._forget = forget
        self._unlink = unlink
        self.spools = 0

    async def each(
        self, query: str, work: Callable[[sqlite3.Connection, list[int]], None]
    ) -> None:
        """Do work on the rows that a query finds, some in each transaction."""
        found = await self._store.read(
            lambda db: db.execute(query, self._printer).fetchall()
        )
        async for _ in Steps(self._store).over([number for (number,) in found], work):
            pass

    def release_spools(self, db: sqlite3.Connection, ids: list[int]) -> None:
        """Leave spools to the printers that know them, too; take their names off others.

        A spool without id and chip is in no library, and another printer that sees it
        from now on has a new one.
        """
        some = self._printer | {"ids": pack_json(ids)}
        db.execute(_LEAVE_TO_OTHERS, some)
        names = dict(db.execute(_THEIRS_ALONE, some).fetchall())
        alone = {"ids": pack_json(list(names))}
        chips = forget_chips(db, list(names))
        self._unlink(
            db,
            [
                *(Identifiers(external_id=name) for name in names.values() if name),
                *(Identifiers(rfid_uid=chip) for chip in chips),
            ],
        )
        db.execute(_TAKE_NAMES, alone)
        self._forget()

    def empty_slots(self, db: sqlite3.Connection, ids: list[int]) -> None:
        """Delete what is in slots."""
        db.execute(
            f"DELETE FROM slot_assignments WHERE slot_id IN ({_IDS})",  # noqa: S608
            {"ids": pack_json(ids)},
        )

    def delete_spools(self, db: sqlite3.Connection, ids: list[int]) -> None:
        """Delete spools that no other printer knows."""
        deleted = db.execute(_DELETE.format(table="spools"), {"ids": pack_json(ids)})
        self.spools += deleted.rowcount

    def delete_slots(self, db: sqlite3.Connection, ids: list[int]) -> None:
        """Delete slots that no spool and no event is in any more."""
        some = {"ids": pack_json(ids)}
        db.execute(f"DELETE FROM event_slots WHERE slot_id IN ({_IDS})", some)  # noqa: S608
        db.execute(_DELETE.format(table="slots"), some)
        self._forget()

    def delete_rest(self, db: sqlite3.Connection) -> None:
        """Delete its units, where spools of inventories were in it, and the printer."""
        db.execute(
            "DELETE FROM ams_units WHERE printer_id = :printer_id", self._printer
        )
        db.execute(_FORGET_LOCATIONS, self._printer)
        db.execute("DELETE FROM printers WHERE id = :printer_id", self._printer)
        self._forget()


def _delete_from(table: str) -> Callable[[sqlite3.Connection, list[int]], None]:
    def delete(db: sqlite3.Connection, ids: list[int]) -> None:
        db.execute(_DELETE.format(table=table), {"ids": pack_json(ids)})

    return delete
