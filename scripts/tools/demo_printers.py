"""The printers of the demo, their scenarios, and what really is in their slots."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
import random
from typing import Any, override

from tests.e2e.integration import Event, SlotKey, true_statuses
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_models import PLAIN_SPOOL, Kind, Spool, Unit
from tests.printers.bambu_scenarios import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    SCENARIOS,
    WHITE,
    Act as BambuAct,
    Expected,
)
from tests.printers.box_turtle import ACTS, TITLE, KlipperPrinter

_SCENARIO = SCENARIOS["demo"]
_SPOOLS = (BLUE, RED, GREEN, BLACK, WHITE, PLAIN_SPOOL)
# None is an unassigned spool.
_SPOOLMAN_IDS = (None, *range(1, 10))


@dataclass(frozen=True)
class Act:
    """A step of a scenario: the events expected of it, or how long to wait when there are none."""

    title: str
    do: Callable[[], Awaitable[Any]]
    expects: Sequence[Expected] = ()
    rest: float = 0.0


@dataclass
class DemoPrinter[P: (BambuPrinter, KlipperPrinter)](ABC):
    """A virtual printer, and its events on Home Assistant's bus."""

    printer: P
    name: str
    title: str
    events: list[Event] = field(default_factory=list)

    @property
    @abstractmethod
    def identity(self) -> str:
        """The unique id of the printer."""

    @property
    @abstractmethod
    def statuses(self) -> dict[SlotKey, str]:
        """The real status of each slot."""

    @property
    @abstractmethod
    def acts(self) -> Sequence[Act]:
        """The scenario of the checked run."""

    @abstractmethod
    def chance(self) -> Act:
        """Return a random insertion or removal."""


class DemoBambu(DemoPrinter[BambuPrinter]):
    """A Bambu Lab printer."""

    def __init__(self) -> None:
        """Create an X1C with three units."""
        printer = BambuPrinter(_SCENARIO.build(), chatter=1.0)
        super().__init__(printer, "Bambu", _SCENARIO.title)

    @property
    @override
    def identity(self) -> str:
        return self.printer.hardware.serial

    @property
    @override
    def statuses(self) -> dict[SlotKey, str]:
        return true_statuses(self.printer.hardware)

    @property
    @override
    def acts(self) -> Sequence[Act]:
        return [
            Act(act.title, partial(self._do, act), act.expects, act.rest)
            for act in _SCENARIO.acts
        ]

    @override
    def chance(self) -> Act:
        printer, hardware = self.printer, self.printer.hardware
        bays = [
            (unit, slot, bay)
            for unit in hardware.units.values()
            for slot, bay in enumerate(unit.bays, start=1)
        ]
        unit, slot, bay = random.choice(bays)
        if bay.spool:
            return Act(
                f"A spool is removed from {_label(unit, slot)}",
                lambda: printer.play(hardware.remove(unit.number, slot)),
            )
        spool = _spare([bay.spool for _, _, bay in bays])
        return Act(
            f"A spool is inserted into {_label(unit, slot)}",
            lambda: printer.play(hardware.insert(unit.number, slot, spool)),
        )

    async def _do(self, act: BambuAct) -> None:
        await self.printer.play(act.do(self.printer.hardware))


class DemoKlipper(DemoPrinter[KlipperPrinter]):
    """A Klipper printer."""

    def __init__(self) -> None:
        """Create a Klipper printer with a Box Turtle."""
        super().__init__(KlipperPrinter(), "Klipper", TITLE)

    @property
    @override
    def identity(self) -> str:
        return self.printer.identity

    @property
    @override
    def statuses(self) -> dict[SlotKey, str]:
        return true_statuses(self.printer)

    @property
    @override
    def acts(self) -> Sequence[Act]:
        return [
            Act(act.title, partial(act.do, self.printer), act.expects, act.rest)
            for act in ACTS
        ]

    @override
    def chance(self) -> Act:
        turtle = self.printer.turtle
        slot, status = random.choice([*self.printer.statuses.items()])
        label = turtle.lanes[slot - 1]
        if status != "empty":
            return Act(f"The spool in {label} is removed", lambda: turtle.remove(slot))
        spool = random.choice(_SPOOLMAN_IDS)
        return Act(
            f"A spool is inserted into {label}", lambda: turtle.insert(slot, spool)
        )


def _spare(in_use: Sequence[Spool | None]) -> Spool:
    return random.choice(
        [spool for spool in _SPOOLS if spool is PLAIN_SPOOL or spool not in in_use]
    )


def _label(unit: Unit, slot: int) -> str:
    """Return the slot's name on the printer's screen."""
    if unit.kind is Kind.HT:
        return f"HT-{chr(ord('A') + unit.number - 5)}"
    return f"{chr(ord('A') + unit.number - 1)}{slot}"
