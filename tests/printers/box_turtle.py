"""A Klipper printer with a Box Turtle on the network, and its scenario.

Its Moonraker is a real one. Beside each act stand the events that must come of it, in
their order: no more, no fewer, `ams_state` apart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
import tempfile
from typing import Any, Self

from .bambu_scenarios import SETTLED, Expected
from .klippy import Klippy
from .moonraker import Moonraker
from .moonraker_scenarios import Afc

RED_SPOOL = 5
BLUE_SPOOL = 8
UNIT = 1
# What its unique ids contain: a unit without a serial number is known by its name.
UNIT_KEY = "Turtle_1"

# Seconds that AFC checks its lanes after Klipper has started.
_PREP = 2.0


class KlipperPrinter:
    """A printer on the network: Klippy with AFC, behind its Moonraker.

    turtle: the changer, to put spools into and take them from.
    """

    def __init__(self) -> None:
        """Create it switched off."""
        self._switched_on = AsyncExitStack()
        # A Unix socket's path must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="klipper-")
        self.moonraker = Moonraker(Path(self._folder.name), spoolman=True)
        self.klippy = Klippy(self.moonraker.klippy_socket)
        self.turtle = Afc(self.klippy)

    async def __aenter__(self) -> Self:
        """Switch it on, with a spool in the first and in the last lane."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self._folder)
            await asyncio.gather(
                self.turtle.insert(1, RED_SPOOL), self.turtle.insert(4)
            )
            await stack.enter_async_context(self.klippy)
            await stack.enter_async_context(self.moonraker)
            await self.moonraker.sees("ready")
            self._switched_on = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Switch it off."""
        await self._switched_on.aclose()

    @property
    def identity(self) -> str:
        """Its instance id."""
        return self.moonraker.instance_id

    @property
    def statuses(self) -> dict[int, str]:
        """The content of each lane, in one word."""
        found = {}
        for slot, name in enumerate(self.turtle.lanes, start=1):
            lane = self.klippy.objects[f"AFC_stepper {name}"]
            identified = "unidentified" if lane["spool_id"] is None else "identified"
            found[slot] = identified if lane["prep"] or lane["load"] else "empty"
        return found

    async def restart(self) -> None:
        """Restart Klipper: at first AFC reports every lane as empty."""
        before = dict(self.klippy.objects)
        await self.klippy.restart(objects=self.turtle.booting())
        await self.moonraker.sees("ready")
        await self.klippy.pause(_PREP)
        await self.turtle.finish_boot(before)


@dataclass(frozen=True, slots=True)
class KlipperAct:
    """An action at the printer, and the pause after it."""

    title: str
    do: Callable[[KlipperPrinter], Awaitable[Any]]
    expects: tuple[Expected, ...] = ()
    rest: float = SETTLED


def inserted(slot: int, spool: int | None = None, late: bool = False) -> Expected:
    """Expect that a spool is inserted; None for one that is not assigned."""
    return Expected("spool_inserted", UNIT, slot, _external_id(spool), late)


def removed(slot: int, spool: int | None = None, late: bool = False) -> Expected:
    """Expect that it is removed."""
    return Expected("spool_removed", UNIT, slot, _external_id(spool), late)


def unknown(slot: int) -> Expected:
    """Expect that an unassigned spool is found."""
    return Expected("unknown_spool_detected", UNIT, slot)


def _external_id(spool: int | None) -> str | None:
    return None if spool is None else f"spoolman:{spool}"


TITLE = "Klipper with a Box Turtle: AFC, behind a real Moonraker"
ACTS = (
    KlipperAct(
        "A spool that Spoolman knows goes into lane2",
        lambda printer: printer.turtle.insert(2, BLUE_SPOOL),
        (inserted(2, BLUE_SPOOL),),
    ),
    KlipperAct(
        "A spool without an assignment goes into lane3",
        lambda printer: printer.turtle.insert(3),
        (inserted(3), unknown(3)),
    ),
    KlipperAct(
        "The spool in lane1 is taken out",
        lambda printer: printer.turtle.remove(1),
        (removed(1, RED_SPOOL),),
    ),
    KlipperAct(
        "Klipper is restarted, and AFC shows empty lanes for a moment",
        lambda printer: printer.restart(),
    ),
)
