"""A message as a frame of a capture: what the decoder reads, and nothing else.

Moonraker tells every client of files, jobs and the console as well.
"""

from collections.abc import Mapping
from typing import Any, Final

ABOUT: Final = (
    "The last minutes of a Moonraker, and of before them what they build on. "
    "Only what the decoder reads is in it. Tags are stand-ins."
)

_NOTICES: Final = frozenset(
    {
        "notify_active_spool_set",
        "notify_klippy_disconnected",
        "notify_klippy_ready",
        "notify_klippy_shutdown",
        "notify_status_update",
    }
)


def as_frame(message: object) -> Mapping[str, Any] | None:
    """Return the frame; None for a message that the decoder passes over."""
    if not isinstance(message, dict):
        return None
    if message.get("method") in _NOTICES:
        kept = {key: message[key] for key in ("method", "params") if key in message}
    elif (told := _told(message.get("result"))) is not None:
        kept = {"id": message.get("id"), "result": told}
    else:
        return None
    return {"dir": "<-", "frame": {"jsonrpc": "2.0", **kept}}


def _told(result: object) -> dict[str, Any] | None:
    """Return what an answer says of filament, or of how Klippy is."""
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
