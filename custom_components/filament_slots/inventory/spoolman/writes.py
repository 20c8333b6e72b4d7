"""Writes to Spoolman: a location, and the link of a tag, nothing else.

Each reads the spool first and touches one key of it. What other programs store stays as it
is (docs/protocols/spoolman.md 5).
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
import json
from typing import Any, Final

from ..base import (
    LOCATION_MAX,
    InventoryError,
    InventoryErrorCode,
    Located,
    Spool,
    WriteResult,
)
from .decode import decode_spool
from .rest import Rest, StatusError

# The field of the spools in which tags are stored on a server that knows none itself.
TAG_FIELD: Final = "filament_slots_tag"
_FIELD_NAME: Final = "Filament Slots tag"
_FIELDS: Final = "field/spool"


async def write_location(
    rest: Rest,
    spool_id: int,
    registered: datetime,
    text: str | None,
    replaces: Collection[str | None],
) -> Located:
    """Write a location, if the present one is one of `replaces`; raises InventoryError."""
    if text is not None and len(text) > LOCATION_MAX:
        return Located(WriteResult.REFUSED, None)
    spool = await _read_spool(rest, spool_id, registered)
    if spool is None:
        return Located(WriteResult.MISSING, None)
    before = spool.location
    if before == text:
        return Located(WriteResult.UNCHANGED, before)
    if before not in replaces:
        return Located(WriteResult.EDITED, before)
    result = await _change(
        rest, spool, "PATCH", "", {"location": text}, lambda now: now.location == text
    )
    return Located(result, before)


async def write_tag(
    rest: Rest, spool_id: int, registered: datetime, tag: str
) -> WriteResult:
    """Link a tag to a spool; raises InventoryError.

    Where the server stores no tags it goes into our own field, if the owner has it.
    """
    spool = await _read_spool(rest, spool_id, registered)
    if spool is None:
        return WriteResult.MISSING
    if spool.tags is not None:
        if tag in spool.tags:
            return WriteResult.UNCHANGED
        return await _change(
            rest, spool, "POST", "/tag", {"uid": tag}, lambda now: tag in _tags(now)
        )
    if await _field_type(rest) != "text":
        return WriteResult.UNSUPPORTED
    present = _own_tags(spool)
    if tag in present:
        return WriteResult.UNCHANGED
    # Each value is JSON within a string.
    extra = {TAG_FIELD: json.dumps(", ".join((*present, tag)))}
    return await _change(
        rest, spool, "PATCH", "", {"extra": extra}, lambda now: tag in _own_tags(now)
    )


async def define_tag_field(rest: Rest) -> str | None:
    """Define our own field, unless it is there; return its key if it can hold tags."""
    kind = await _field_type(rest)
    if kind is None:
        body = {"name": _FIELD_NAME, "field_type": "text"}
        await rest.send("POST", f"{_FIELDS}/{TAG_FIELD}", body)
        kind = "text"
    return TAG_FIELD if kind == "text" else None


async def _read_spool(rest: Rest, spool_id: int, registered: datetime) -> Spool | None:
    """Return a spool as it is now; None if it is gone, or another one has its id."""
    try:
        answer = await rest.get(f"spool/{spool_id}")
    except StatusError as err:
        if _is_gone(err):
            return None
        raise
    spool = decode_spool(answer.body, lambda why: None)
    if spool is None or spool.id != spool_id:
        raise InventoryError(
            InventoryErrorCode.WRONG_SERVICE, "the answer is not the spool"
        )
    return spool if spool.registered == registered else None


async def _change(
    rest: Rest,
    spool: Spool,
    method: str,
    path: str,
    body: Mapping[str, Any],
    is_written: Callable[[Spool], bool],
) -> WriteResult:
    """Send a change of a spool; return what became of it.

    A change that is answered with an error of the server may be stored, so that it is
    read back. Any other error is raised: the next try reads first.
    """
    try:
        await rest.send(method, f"spool/{spool.id}{path}", body)
    except StatusError as err:
        if _is_gone(err):
            return WriteResult.MISSING
        if err.status == 409:
            return WriteResult.TAKEN
        if not _is_server_error(err):
            return WriteResult.REFUSED
        if err.status != 500:
            raise
        now = await _read_spool(rest, spool.id, spool.registered)
        if now is None:
            return WriteResult.MISSING
        if is_written(now):
            return WriteResult.WRITTEN
        raise
    return WriteResult.WRITTEN


def _is_gone(err: StatusError) -> bool:
    """Return whether an object is missing, not a path of another server."""
    return err.status == 404 and err.has_message


def _is_server_error(err: StatusError) -> bool:
    """Return whether the same request may be answered otherwise later.

    A key that was refused will be replaced by the user. A missing path means that
    something else answers at the address at the moment.
    """
    return err.status in (401, 404, 429) or err.status >= 500


async def _field_type(rest: Rest) -> str | None:
    """Return the type of our own field; None where it is not defined."""
    answer = await rest.get(_FIELDS)
    for field in answer.body if isinstance(answer.body, list) else ():
        if isinstance(field, dict) and field.get("key") == TAG_FIELD:
            return str(field.get("field_type"))
    return None


def _tags(spool: Spool) -> tuple[str, ...]:
    return spool.tags or ()


def _own_tags(spool: Spool) -> tuple[str, ...]:
    return tuple(spool.extra.get(TAG_FIELD, "").replace(",", " ").split())
