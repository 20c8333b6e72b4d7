"""The chips of spools; one that names another spool than before waits for a choice."""

from dataclasses import dataclass
import sqlite3
from typing import Final

from ...model import Identifiers
from ..engine.store import Store
from .codec import pack_id, pack_json, rows, unpack_id

_KNOWN: Final = """
    SELECT chips.spool_id, spools.external_id FROM spool_chips AS chips
    JOIN spools ON spools.id = chips.spool_id
    WHERE chips.rfid_uid = :rfid_uid
"""
_PUT: Final = """
    INSERT INTO spool_chips (rfid_uid, spool_id) VALUES (:rfid_uid, :spool_id)
    ON CONFLICT (rfid_uid) DO UPDATE SET spool_id = excluded.spool_id
"""
_CLAIM: Final = """
    INSERT INTO chip_claims (rfid_uid, spool_id) VALUES (:rfid_uid, :spool_id)
    ON CONFLICT (rfid_uid) DO UPDATE SET spool_id = excluded.spool_id, kept = 0
    WHERE spool_id <> excluded.spool_id
"""
_WITHDRAW: Final = "DELETE FROM chip_claims WHERE rfid_uid = :rfid_uid AND NOT kept"
_CLAIMS: Final = """
    SELECT claims.id, claims.rfid_uid, chips.spool_id AS before, claims.spool_id AS now
    FROM chip_claims AS claims
    JOIN spool_chips AS chips ON chips.rfid_uid = claims.rfid_uid
    WHERE NOT kept ORDER BY claims.id
"""
_THIS: Final = "id = :id AND spool_id = :now AND NOT kept"
_HAND_OVER: Final = f"""
    UPDATE spool_chips SET spool_id = :now
    WHERE rfid_uid = (SELECT rfid_uid FROM chip_claims WHERE {_THIS})
"""  # noqa: S608
# A chip of a spool that is deleted is the one's that it names.
_LEAVE: Final = """
    UPDATE spool_chips SET spool_id = claims.spool_id
    FROM chip_claims AS claims
    WHERE claims.rfid_uid = spool_chips.rfid_uid
        AND spool_chips.spool_id IN (SELECT value FROM json_each(:ids))
        AND claims.spool_id NOT IN (SELECT value FROM json_each(:ids))
"""
_OF: Final = """
    SELECT rfid_uid FROM spool_chips
    WHERE spool_id IN (SELECT value FROM json_each(:ids))
"""
_FORGET: Final = """
    DELETE FROM spool_chips WHERE spool_id IN (SELECT value FROM json_each(:ids))
"""
_FORGET_CLAIMS: Final = """
    DELETE FROM chip_claims
    WHERE spool_id IN (SELECT value FROM json_each(:ids)) OR NOT EXISTS (
        SELECT 1 FROM spool_chips AS chips
        WHERE chips.rfid_uid = chip_claims.rfid_uid
            AND chips.spool_id <> chip_claims.spool_id
    )
"""


@dataclass(frozen=True, slots=True)
class ChipClaim:
    """A chip, and the numbers of the spools that it named before and names now."""

    id: int
    rfid_uid: str
    before: int
    now: int


def see_chip(db: sqlite3.Connection, spool: Identifiers, spool_id: int) -> None:
    """Write that a spool was seen with its chip.

    A chip that named another spool stays that one's until a user chooses.
    """
    about = {"rfid_uid": pack_id(spool.rfid_uid), "spool_id": spool_id}
    known, name = db.execute(_KNOWN, about).fetchone() or (None, None)
    if known == spool_id:
        if spool.external_id is not None:
            db.execute(_WITHDRAW, about)
    elif name is None:
        # It is new, or was known by itself alone.
        db.execute(_PUT, about)
    else:
        db.execute(_CLAIM, about)


async def read_claims(store: Store) -> tuple[ChipClaim, ...]:
    """Return the chips about which a user has to choose. Raises StoreError."""
    found = await store.read(lambda db: rows(db, _CLAIMS, {}))
    return tuple(
        ChipClaim(
            row["id"], unpack_id(row["rfid_uid"]) or "", row["before"], row["now"]
        )
        for row in found
    )


def choose_owner(
    db: sqlite3.Connection, claim_id: int, now: int, *, is_new: bool
) -> None:
    """Write whose chip it is: the spool's that it names now, or the one's before.

    Nothing is written where it names another one than `now` meanwhile.
    """
    about = {"id": claim_id, "now": now}
    if is_new:
        db.execute(_HAND_OVER, about)
        db.execute(f"DELETE FROM chip_claims WHERE {_THIS}", about)  # noqa: S608
    else:
        db.execute(f"UPDATE chip_claims SET kept = 1 WHERE {_THIS}", about)  # noqa: S608


def forget_chips(db: sqlite3.Connection, spool_ids: list[int]) -> list[str]:
    """Delete the chips of spools that are deleted; return them."""
    about = {"ids": pack_json(spool_ids)}
    db.execute(_LEAVE, about)
    chips = [unpack_id(chip) or "" for (chip,) in db.execute(_OF, about)]
    db.execute(_FORGET, about)
    db.execute(_FORGET_CLAIMS, about)
    return chips
