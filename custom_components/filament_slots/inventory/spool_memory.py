"""Spools as JSON: what is known of them while their server is away after a restart."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from .base import Spool

_SPOOL: Final = TypeAdapter(Spool)


def pack_spools(spools: Iterable[Spool]) -> list[dict[str, Any]]:
    """Return spools as values of JSON."""
    return [_SPOOL.dump_python(spool, mode="json") for spool in spools]


def unpack_spools(stored: object) -> dict[int, Spool]:
    """Return the spools by their ids; what makes no sense is left out."""
    spools = {}
    for value in stored if isinstance(stored, list) else ():
        try:
            spool = _SPOOL.validate_python(value)
        except ValidationError:
            continue
        spools[spool.id] = spool
    return spools
