"""The health of an inventory: the JSON-able dictionary that `Inventory.health()` returns."""

from typing import TypedDict

from ..network.retries import Circuit


class InventoryFailure(TypedDict):
    """The last failure: an InventoryErrorCode, its detail for the log, and when."""

    code: str
    message: str
    at: str


class InventoryTransition(TypedDict):
    """A change of status; `error` is the code of its cause, None where it has none."""

    at: str
    status: str
    error: str | None


class InventoryHealth(TypedDict):
    """How an inventory and its connection are doing. It holds no secrets.

    status: an InventoryStatus, and since when.
    attempts: failed attempts in a row; next_retry_in: seconds until the next one.
    circuit: as in a driver's health.
    last_error: kept after recovery; it is over once `status` is `running`.
    last_message_at, last_read_at: of the last frame, and of the last whole list.
    messages, ignored: frames received, and those of them that are about no spool.
    reconnects: connections after the first one.
    refused: what was not used, counted by its reason.
    version: of the server, None if it is not known.
    has_tags: whether the server stores the ids of tags itself; None if that is not known.
    spools, archived: how many there are, and how many of them are archived.
    unreadable: how many spools the server cannot show.
    transitions: the last 50, oldest first.
    """

    inventory_key: str
    status: str
    connected: bool
    since: str
    attempts: int
    next_retry_in: float | None
    circuit: Circuit
    last_error: InventoryFailure | None
    last_message_at: str | None
    last_read_at: str | None
    messages: int
    ignored: int
    reconnects: int
    refused: dict[str, int]
    version: str | None
    has_tags: bool | None
    spools: int
    archived: int
    unreadable: int
    transitions: list[InventoryTransition]
