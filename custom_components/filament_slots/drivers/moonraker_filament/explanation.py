"""The values of the objects that the slots are read from, for an explanation."""

from ..explanation import WireState
from .state import MoonrakerDecoder


def wire_state(decoder: MoonrakerDecoder) -> WireState:
    """Return the objects that the system reads; None stands for what is not reported.

    They describe several slots each, so that there are none of one slot alone.
    """
    return WireState(
        source=decoder.system,
        printer={
            "klippy_state": decoder.klippy_state,
            "not_understood": list(decoder.not_understood),
            "active_spool": decoder.active_spool,
            "objects": {name: dict(fields) for name, fields in decoder.status.items()},
        },
    )
