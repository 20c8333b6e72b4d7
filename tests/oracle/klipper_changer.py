"""A filament system of a Klipper printer, as histories act on it.

Slots count from 0 here. `fill` and `empty` do what the hardware does; `named` is true
where the wire shows the identity of what is in the slot.
"""

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from .facts import Facts
from .klipper_wire import OracleKlippy
from .product import Place
from .record import Reel


class Changer(ABC):
    """A filament system with its slots.

    unit: its label, by which events name it; None for direct slots.
    linked: False while the changer's own link is down.
    unsure: slots of which the changer does not report whether a spool is in them.
    """

    slots: ClassVar[int] = 4
    unit: ClassVar[str | None] = None
    facts: ClassVar[Facts]
    has_link: ClassVar[bool] = False

    def __init__(self, klippy: OracleKlippy, rng: Random) -> None:
        """Be part of this printer."""
        self.klippy = klippy
        self.rng = rng
        self.named = [True] * self.slots
        self.linked = True
        self.unsure: set[int] = set()

    @property
    def at_work(self) -> bool:
        """Whether it handles a spool, so that an empty slot proves nothing."""
        return False

    def place(self, slot: int) -> Place:
        """Return the slot as events name it."""
        return (self.unit or "direct", slot + 1)

    def identity(self, number: int, slot: int) -> str | None:
        """Return what the wire will show of a spool that is put into a slot."""
        return None

    def colour(self, number: int) -> str | None:
        """Return the colour that is reported with an identity; None for none."""
        return None

    async def announce(self, slot: int) -> None:
        """Report that a spool is about to come, as far as that shows."""

    @abstractmethod
    async def fill(self, slot: int, reel: Reel, *, printing: bool) -> None:
        """Take in a spool."""

    async def pull(self, slot: int) -> None:
        """Begin to lose it, as far as that shows."""

    @abstractmethod
    async def empty(self, slot: int, *, printing: bool) -> None:
        """Lose it."""

    @abstractmethod
    async def flicker(self, slot: int, seconds: float) -> None:
        """Let a switch read wrong for a moment."""

    async def feed(self, slot: int | None) -> None:
        """Feed from a slot, or from none."""

    def boot(self) -> None:
        """Show what is shown right after a start of Klipper."""

    async def booted(self) -> None:
        """Show what is there."""

    def link(self, *, up: bool) -> None:
        """Lose the link to the changer, or have it again."""
