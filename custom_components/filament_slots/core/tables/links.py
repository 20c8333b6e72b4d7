"""Links: which spool of an inventory a spool of ours is, permanently, by a user's choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
import sqlite3
from typing import Final

from ...model import Identifiers
from .codec import EPOCH, pack_id, pack_time, rows, unpack_id, unpack_time

type Links = Mapping[Identifiers, SpoolLink]

_READ: Final = """
    SELECT external_id, rfid_uid, inventory, inventory_spool_id, registered_at
    FROM spool_links ORDER BY id
"""
_CHIPS: Final = """
    SELECT chips.rfid_uid FROM spools
    JOIN spool_chips AS chips ON chips.spool_id = spools.id
    WHERE spools.external_id = :external_id
"""
_REMOVE: Final = """
    DELETE FROM spool_links WHERE external_id = :external_id OR rfid_uid = :rfid_uid
"""
_PUT: Final = """
    INSERT INTO spool_links (
        external_id, rfid_uid, inventory, inventory_spool_id, registered_at
    ) VALUES (
        :external_id, :rfid_uid, :inventory, :inventory_spool_id, :registered_at
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLink:
    """A spool of ours, and the spool of an inventory that it is.

    spool: as `linked_by` returns it. chips: of that spool, as far as they were seen.
    inventory: the id of its entry. registered: identifies the inventory's spool together
    with its id, which may be handed out again.
    """

    spool: Identifiers
    chips: frozenset[str] = frozenset()
    inventory: str
    inventory_spool_id: int
    registered: datetime


def linked_by(spool: Identifiers) -> Identifiers | None:
    """Return what a spool is linked by: its stable identity, else its chip; or None."""
    if spool.external_id is not None:
        return Identifiers(external_id=spool.external_id)
    return (spool.rfid_uid and Identifiers(rfid_uid=spool.rfid_uid)) or None


def read_links(db: sqlite3.Connection) -> dict[Identifiers, SpoolLink]:
    """Return all links."""
    links = {}
    for row in rows(db, _READ, {}):
        spool = Identifiers(
            external_id=row["external_id"], rfid_uid=unpack_id(row["rfid_uid"])
        )
        links[spool] = SpoolLink(
            spool=spool,
            chips=chips_of(db, spool),
            inventory=row["inventory"],
            inventory_spool_id=row["inventory_spool_id"],
            registered=unpack_time(row["registered_at"]) or EPOCH,
        )
    return links


def chips_of(db: sqlite3.Connection, spool: Identifiers) -> frozenset[str]:
    """Return the chips that a spool was seen with."""
    found = db.execute(_CHIPS, {"external_id": spool.external_id})
    chips = {unpack_id(uid) for (uid,) in found} | {spool.rfid_uid}
    return frozenset(chip for chip in chips if chip is not None)


def put_link(db: sqlite3.Connection, link: SpoolLink) -> None:
    """Write a link in place of the one that the spool has."""
    remove_link(db, link.spool)
    db.execute(
        _PUT,
        _spool(link.spool)
        | {
            "inventory": link.inventory,
            "inventory_spool_id": link.inventory_spool_id,
            "registered_at": pack_time(link.registered),
        },
    )


def remove_link(db: sqlite3.Connection, spool: Identifiers) -> None:
    """Remove the link of a spool, if it has one."""
    db.execute(_REMOVE, _spool(spool))


def put_links(db: sqlite3.Connection, links: Links) -> None:
    """Write these links in place of all."""
    db.execute("DELETE FROM spool_links")
    for link in links.values():
        put_link(db, link)


def _spool(spool: Identifiers) -> dict[str, str | bytes | None]:
    return {"external_id": spool.external_id, "rfid_uid": pack_id(spool.rfid_uid)}
