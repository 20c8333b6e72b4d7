"""The printers that histories are played on, their units, and the driver's session."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
import math
from typing import Any, Final

from tests.printers.bambu_models import (
    A1_MINI,
    A2L,
    H2C,
    H2D,
    H2S,
    P1P,
    P1S,
    P2S,
    X1C,
    X2D,
    Kind,
    Model,
    Unit,
)

from .product import base
from .record import Reel, Stay

type Address = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Setup:
    """A printer and its units: kinds with their ids on the wire."""

    model: Model
    units: tuple[tuple[Kind, int], ...]
    pulls_back: bool = False


SETUPS: Final[Mapping[str, Setup]] = {
    "x1c-ams": Setup(X1C, ((Kind.AMS, 0), (Kind.AMS, 1))),
    "x1c-mixed": Setup(X1C, ((Kind.AMS, 0), (Kind.PRO, 1), (Kind.HT, 128))),
    "p1p-old": Setup(P1P, ((Kind.AMS, 0), (Kind.AMS, 1))),
    "p1s-ams": Setup(P1S, ((Kind.AMS, 0),)),
    "p1s-pro-ht": Setup(P1S, ((Kind.PRO, 0), (Kind.HT, 128)), pulls_back=True),
    "a1-mini-lite": Setup(A1_MINI, ((Kind.LITE, 0),)),
    "a2l-lite": Setup(A2L, ((Kind.LITE, 16),)),
    "h2d-pro-ht": Setup(
        H2D, ((Kind.PRO, 0), (Kind.AMS, 1), (Kind.HT, 128)), pulls_back=True
    ),
    "h2s-ams-pro": Setup(H2S, ((Kind.AMS, 0), (Kind.PRO, 2))),
    "h2c-pro-hts": Setup(H2C, ((Kind.PRO, 0), (Kind.HT, 128), (Kind.HT, 129))),
    "p2s-pros": Setup(P2S, ((Kind.PRO, 0), (Kind.PRO, 1)), pulls_back=True),
    "x2d-pro-ht": Setup(X2D, ((Kind.PRO, 0), (Kind.HT, 128))),
}


class Link:
    """A session of the driver, as `bambulab_mqtt.session` has it."""

    def __init__(
        self, asked: Callable[[Link, str], None], take: Callable[[bytes], None]
    ) -> None:
        """Be connected."""
        self._asked = asked
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.take = take
        self.open = True
        # Whether a full report was sent: nothing counts before.
        self.full = False
        # Units that were listed, by id, and the bits of those that are connected.
        self._listed: set[int] = set()
        self._connected = 0

    async def subscribe(self) -> None:
        """Subscribe; nothing arrives before."""

    def publish(self, request: str) -> None:
        """Ask the printer."""
        self._asked(self, request)

    async def ended(self) -> None:
        """Wait for the end."""
        await self._end

    def listed(self, ams: Mapping[str, Any], units: Iterable[Unit]) -> set[str]:
        """Return the serials of those units that were listed on this connection.

        Of others it is not known what they hold, although the bits cover their slots.
        """
        connected = int(ams.get("ams_exist_bits", f"{self._connected:x}"), 16)
        gone = self._connected & ~connected
        self._connected = connected
        self._listed -= {unit.id for unit in units if gone >> unit.bit & 1}
        self._listed |= {int(unit["id"]) for unit in ams.get("ams", ())}
        return {unit.serial for unit in units if unit.id in self._listed}

    def break_off(self) -> None:
        """End it, as the client learns at once."""
        self.open = False
        if not self._end.done():
            self._end.set_exception(
                base.DriverError(base.ErrorCode.CONNECTION_LOST, "closed")
            )


@dataclass(slots=True, eq=False)
class UnitState:
    """What the virtual printer does not keep of a unit."""

    unit: Unit
    stays: list[int] = field(default_factory=list)
    reels: list[Reel | None] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    pulled: bool = False
    plugged: bool = True
    unplugged_at: float = -math.inf
    keeps_names: bool = False
    # When it was connected again out of sight, by a printer that reads no tags then.
    back_at: float = -math.inf
    dried_from: float = math.inf
    dried_until: float = -math.inf
    # When slots were cleared, and the stays that ended with that.
    cleared: list[tuple[float, Stay | None]] = field(default_factory=list)
    # When a switch lost a spool that stayed, and had it again.
    flickers: list[tuple[float, float]] = field(default_factory=list)
    # Slots whose filament is pulled back.
    back: set[int] = field(default_factory=set)
    # Slots that were filled while out of sight, and whose switch has opened since.
    hidden: set[int] = field(default_factory=set)


def wire_of(reel: Reel | None) -> Any:
    """Return the spool as the virtual printer has it."""
    return None if reel is None else reel.wire
