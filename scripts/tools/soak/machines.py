"""Virtual printers whose spools are changed all the time, and what can befall each."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
import os
import random
import signal
from typing import Final, override

from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import H2S, P1S, PLAIN_SPOOL, X1C, Kind, bambu_spool
from tests.printers.box_turtle import RED_SPOOL, UNIT, KlipperPrinter
from tests.printers.mqtt_server import SERVER_UNAVAILABLE

from .changes import INSERTED, REMOVED, UNKNOWN, Change, Changes

type Fault = Callable[[random.Random], Awaitable[None]]

# The hands of the virtual owner are faster than real ones.
_SPEED: Final = 4.0
_UNTAGGED: Final = 0.15
# Each inserted spool is another one, so that its events can be distinguished.
_NUMBERS: Final = count(1000)


class Machine(ABC):
    """A printer of the house.

    printer_id: in the store. faults: what can befall it, by kind; each ends by itself.
    busy: held while a spool is changed, or while the printer cannot be touched.
    """

    def __init__(
        self, printer: BambuPrinter | KlipperPrinter, changes: Changes
    ) -> None:
        """Create it switched off."""
        self.printer = printer
        self.printer_id = 0
        self.busy = asyncio.Lock()
        self.faults: Mapping[str, Fault] = {}
        self._changes = changes
        self._spools: dict[tuple[int, int], str | None] = {}

    @property
    @abstractmethod
    def identity(self) -> str:
        """Its unique id."""

    @property
    @abstractmethod
    def places(self) -> list[tuple[int, int]]:
        """Its units and slots."""

    @abstractmethod
    def is_filled(self, unit: int, slot: int) -> bool:
        """Return whether there is a spool."""

    @abstractmethod
    async def insert(self, unit: int, slot: int, number: int | None) -> None:
        """Put a spool with this number in, or one without any identity."""

    @abstractmethod
    async def remove(self, unit: int, slot: int) -> None:
        """Take the spool out."""

    @abstractmethod
    def named(self, number: int | None) -> str | None:
        """Return the identity of a spool in events."""

    @property
    @abstractmethod
    def unknown_at_once(self) -> bool:
        """Whether an unknown spool is always reported in short time."""

    async def change(self, chance: random.Random) -> None:
        """Change a slot whose last change was reported, if there is one."""
        async with self.busy:
            free = [
                place
                for place in self.places
                if self._changes.is_free((self.printer_id, *place))
            ]
            if not free:
                return
            unit, slot = chance.choice(free)
            place = (self.printer_id, unit, slot)
            if self.is_filled(unit, slot):
                change = Change(
                    place, self._spools.get((unit, slot)), frozenset({REMOVED})
                )
                self._changes.happens(change)
                await self.remove(unit, slot)
                return
            number = None if chance.random() < _UNTAGGED else next(_NUMBERS)
            needed, allowed = {INSERTED}, set[str]()
            if number is None:
                (needed if self.unknown_at_once else allowed).add(UNKNOWN)
            spool = self._spools[unit, slot] = self.named(number)
            self._changes.happens(
                Change(place, spool, frozenset(needed), frozenset(allowed))
            )
            await self.insert(unit, slot, number)


class Bambu(Machine):
    """A Bambu Lab printer with two units."""

    printer: BambuPrinter

    def __init__(self, number: int, changes: Changes) -> None:
        """Create the printer of this number, of one of three models."""
        model = (X1C, P1S, H2S)[number % 3]
        hardware = VirtualBambu(model, f"{model.serial[:6]}{number:09d}")
        # No unit that dries: what leaves one during a gap is confirmed ten minutes later.
        for unit in range(2):
            hardware.add_unit(Kind.AMS, unit, bambu_spool(number * 10 + unit))
        super().__init__(BambuPrinter(hardware, chatter=2.0), changes)
        for unit in hardware.units:
            spool = hardware.units[unit].bays[0].spool
            self._spools[unit, 1] = spool.external_id if spool else None
        self.faults = {
            "broker: connection closed": self._kicked,
            "broker: not listening": self._away,
            "broker: refuses logins": self._refusing,
            "broker: closes at once": self._closing,
            "broker: reports held back": self._held_back,
            "broker: garbage": self._garbage,
            "printer: switched off and on": self._power_cycle,
        }

    @property
    @override
    def identity(self) -> str:
        return self.printer.hardware.serial

    @property
    @override
    def places(self) -> list[tuple[int, int]]:
        units = self.printer.hardware.units
        return [(unit, slot) for unit in units for slot in range(1, 5)]

    @override
    def is_filled(self, unit: int, slot: int) -> bool:
        return self.printer.hardware.units[unit].bays[slot - 1].spool is not None

    @override
    async def insert(self, unit: int, slot: int, number: int | None) -> None:
        spool = PLAIN_SPOOL if number is None else bambu_spool(number)
        await self.printer.play(self.printer.hardware.insert(unit, slot, spool), _SPEED)

    @override
    async def remove(self, unit: int, slot: int) -> None:
        await self.printer.play(self.printer.hardware.remove(unit, slot), _SPEED)

    @override
    def named(self, number: int | None) -> str | None:
        return None if number is None else bambu_spool(number).external_id

    @property
    @override
    def unknown_at_once(self) -> bool:
        # A unit in which spools are changed all the time is never idle for a minute.
        return False

    async def _kicked(self, chance: random.Random) -> None:
        self.printer.kick()

    async def _away(self, chance: random.Random) -> None:
        await self.printer.power_off()
        await asyncio.sleep(chance.uniform(1, 30))
        await self.printer.power_on()

    async def _refusing(self, chance: random.Random) -> None:
        self.printer.refusal = SERVER_UNAVAILABLE
        self.printer.kick()
        await asyncio.sleep(chance.uniform(5, 20))
        self.printer.refusal = None

    async def _closing(self, chance: random.Random) -> None:
        self.printer.closes_after_connect = True
        self.printer.kick()
        await asyncio.sleep(chance.uniform(5, 20))
        self.printer.closes_after_connect = False

    async def _held_back(self, chance: random.Random) -> None:
        # A connection loses nothing on its way while it lasts.
        self.printer.hold()
        await asyncio.sleep(chance.uniform(10, 40))
        self.printer.release()

    async def _garbage(self, chance: random.Random) -> None:
        for _ in range(20):
            self.printer.publish_raw(chance.randbytes(chance.randrange(1, 2000)))
            await asyncio.sleep(0.05)

    async def _power_cycle(self, chance: random.Random) -> None:
        async with self.busy:
            await self.printer.play(self.printer.hardware.power_cycle(), _SPEED)


class Klipper(Machine):
    """A Klipper printer with a Box Turtle, behind a real Moonraker."""

    printer: KlipperPrinter

    def __init__(self, changes: Changes) -> None:
        """Create it."""
        super().__init__(KlipperPrinter(), changes)
        self._spools[UNIT, 1] = self.named(RED_SPOOL)
        self.faults = {
            "Moonraker: stopped": self._stopped,
            "Moonraker: killed": self._killed,
            "Moonraker: frozen": self._frozen,
            "Klipper: restarted": self._restarted,
            "Klipper: shut down": self._shut_down,
            "Klipper: gone": self._gone,
        }

    @property
    @override
    def identity(self) -> str:
        return self.printer.identity

    @property
    @override
    def places(self) -> list[tuple[int, int]]:
        return [(UNIT, slot) for slot in self.printer.statuses]

    @override
    def is_filled(self, unit: int, slot: int) -> bool:
        return self.printer.statuses[slot] != "empty"

    @override
    async def insert(self, unit: int, slot: int, number: int | None) -> None:
        await self.printer.turtle.insert(slot, number)

    @override
    async def remove(self, unit: int, slot: int) -> None:
        await self.printer.turtle.remove(slot)

    @override
    def named(self, number: int | None) -> str | None:
        return None if number is None else f"spoolman:{number}"

    @property
    @override
    def unknown_at_once(self) -> bool:
        return True

    async def _stopped(self, chance: random.Random) -> None:
        await self.printer.moonraker.stop()
        await asyncio.sleep(chance.uniform(1, 20))
        await self.printer.moonraker.start()

    async def _killed(self, chance: random.Random) -> None:
        os.kill(self.printer.moonraker.pid, signal.SIGKILL)
        await self.printer.moonraker.stop()
        await self.printer.moonraker.start()

    async def _frozen(self, chance: random.Random) -> None:
        pid = self.printer.moonraker.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(chance.uniform(5, 40))
        finally:
            os.kill(pid, signal.SIGCONT)

    async def _restarted(self, chance: random.Random) -> None:
        async with self.busy:
            await self.printer.restart()

    async def _shut_down(self, chance: random.Random) -> None:
        async with self.busy:
            self.printer.klippy.enter("shutdown")
            await asyncio.sleep(chance.uniform(1, 15))
            await self.printer.restart()

    async def _gone(self, chance: random.Random) -> None:
        await self.printer.klippy.stop()
        await asyncio.sleep(chance.uniform(1, 15))
        await self.printer.klippy.start()
