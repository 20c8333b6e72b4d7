"""Turns a message into a frame of a capture, which holds only what the decoder reads.

Moonraker also sends every client files, jobs and console output.
"""

from collections.abc import Mapping
from typing import Any, Final

ABOUT: Final = (
    "The last minutes of a Moonraker connection, with the earlier messages they depend "
    "on. Only what the decoder reads is included. Tags are pseudonyms."
)

_NOTIFICATIONS: Final = frozenset(
    {
        "notify_active_spool_set",
        "notify_klippy_disconnected",
        "notify_klippy_ready",
        "notify_klippy_shutdown",
        "notify_status_update",
    }
)


def as_frame(message: object) -> Mapping[str, Any] | None:
    """Return the frame; None for a message that the decoder ignores."""
    if not isinstance(message, dict):
        return None
    if message.get("method") in _NOTIFICATIONS:
        kept = {key: message[key] for key in ("method", "params") if key in message}
    elif (result := _reduced(message.get("result"))) is not None:
        kept = {"id": message.get("id"), "result": result}
    else:
        return None
    return {"dir": "<-", "frame": {"jsonrpc": "2.0", **kept}}


def _reduced(result: object) -> dict[str, Any] | None:
    """Return the parts of a result about filament or Klippy's state."""
    match result:
        case {"status": dict(status)}:
            return {"status": status}
        case {"objects": list(objects)}:
            return {"objects": objects}
        case {"klippy_state": str(state), **rest}:
            return {"klippy_state": state, "components": rest.get("components")}
        case {"state": str(state), "state_message": _}:
            return {"state": state, "state_message": ""}
        case {"spool_id": spool_id}:
            return {"spool_id": spool_id}
    return None
