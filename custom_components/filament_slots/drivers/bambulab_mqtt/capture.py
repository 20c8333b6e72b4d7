"""Turns messages into frames of a capture, which hold only what the decoder reads.

A report names files, networks and accounts besides the filament
(docs/protocols/bambu.md 2).
"""

from collections.abc import Mapping
from typing import Any, Final

from .merge import KEYS

ABOUT: Final = (
    "The last minutes of a Bambu Lab printer, with the earlier messages they depend on. "
    "Only what the decoder reads is included. Tags and serials are pseudonyms."
)

_REPORT: Final = ("command", "msg", *KEYS)
_MODULE: Final = ("name", "sn", "hw_ver", "sw_ver", "project_name", "product_name")


def as_frame(message: object) -> Mapping[str, Any] | None:
    """Return the frame; None for a message that the decoder ignores.

    A report without filament is a frame, too: it confirms what is pending.
    """
    match message:
        case {"print": dict(report)} if (
            report.get("command", "push_status") == "push_status"
        ):
            kept = {key: report[key] for key in _REPORT if key in report}
            if isinstance(kept.get("device"), dict):
                kept["device"] = _only(kept["device"], ("extruder",))
            return {"payload": {"print": kept}}
        case {"info": {"command": "get_version", "module": list(modules)}}:
            kept_modules = [
                _only(module, _MODULE) for module in modules if isinstance(module, dict)
            ]
            return {
                "payload": {"info": {"command": "get_version", "module": kept_modules}}
            }
    return None


def _only(piece: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: piece[key] for key in keys if key in piece}
