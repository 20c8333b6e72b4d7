"""The filament systems of Klipper printers, as histories act on them."""

import asyncio
from random import Random
from typing import Any, override

from tests.printers.moonraker_scenarios import AceHub, Afc, HappyHare, SwitchSensors

from .facts import Facts
from .klipper_changer import Changer
from .klipper_wire import OracleKlippy
from .record import Reel


class Sensors(Changer):
    """Two bare switches."""

    slots = 2
    facts = Facts(
        present_may=0.9,
        present_must=4.0,
        inserted_by=16.0,
        reads=False,
        unknown=False,
    )

    def __init__(self, klippy: OracleKlippy, rng: Random) -> None:
        """Have two switches."""
        super().__init__(klippy, rng)
        self._system = SwitchSensors(klippy)
        klippy.objects["extruder1"] = dict(klippy.objects["extruder"])
        self._pressed = [False] * self.slots

    async def fill(self, slot: int, reel: Reel, *, printing: bool) -> None:
        """Close the switch."""
        self._press(slot, pressed=True)

    async def empty(self, slot: int, *, printing: bool) -> None:
        """Open it."""
        self._press(slot, pressed=False)

    async def flicker(self, slot: int, seconds: float) -> None:
        """Move it and back."""
        was = self._pressed[slot]
        if was:
            self._system.press(slot + 1, pressed=False)
            await asyncio.sleep(seconds)
            self._system.press(slot + 1, pressed=self._pressed[slot])

    async def feed(self, slot: int | None) -> None:
        """Use a tool."""
        self.klippy.set("toolhead", extruder=f"extruder{slot or ''}")

    def boot(self) -> None:
        """Read open for up to a second."""
        if self.rng.random() < 0.6:
            for slot in range(self.slots):
                self._system.press(slot + 1, pressed=False)

    async def booted(self) -> None:
        """Read what is so."""
        for slot, pressed in enumerate(self._pressed):
            self._system.press(slot + 1, pressed=pressed)

    def _press(self, slot: int, *, pressed: bool) -> None:
        self._pressed[slot] = pressed
        self._system.press(slot + 1, pressed=pressed)


class _HappyHare(HappyHare):
    """Happy Hare, with insertions in two steps."""

    async def announce(self, spool_id: int) -> None:
        """Have an id for the next gate that is filled."""
        self.klippy.set("mmu", pending_spool_id=spool_id)
        await self.klippy.pause(1)

    async def insert(self, slot: int, spool_id: int | None = None) -> None:
        """Preload a gate; the id changes in place, so that no change of it is sent."""
        await self.push(slot)
        await self.klippy.pause(1.2)
        if spool_id is not None:
            self.klippy.objects["mmu"]["gate_spool_id"][slot - 1] = spool_id
        self._gate(slot - 1, 1, action="Idle")


class HappyHareChanger(Changer):
    """Happy Hare with pre-gate switches: identity is the gate map's."""

    unit = "Box Turtle"
    facts = Facts(
        # An empty gate proves nothing while the changer is at work on another one.
        absent_must=60.0,
        removed_by=60.0,
        dated_by=50.0,
        present_may=0.9,
        present_must=14.0,
        settles_by=13.0,
        names_by=4.0,
        inserted_by=25.0,
        reads=False,
    )

    def __init__(self, klippy: OracleKlippy, rng: Random) -> None:
        """Have four gates."""
        super().__init__(klippy, rng)
        self._system = _HappyHare(klippy)
        self._closed = [False] * self.slots
        self._ids: list[int | None] = [None] * self.slots

    @property
    @override
    def at_work(self) -> bool:
        return bool(self.klippy.objects["mmu"]["action"] != "Idle")

    def identity(self, number: int, slot: int) -> str | None:
        """Return the new id, or that of the spool before, which the map keeps."""
        if self.rng.random() < 0.6:
            self._ids[slot] = number
            self.named[slot] = False
        known = self._ids[slot]
        return f"spoolman:{known}" if known else None

    async def announce(self, slot: int) -> None:
        """Have the new id pending."""
        new = self._ids[slot]
        if new is not None and not self.named[slot]:
            await self._system.announce(new)

    async def fill(self, slot: int, reel: Reel, *, printing: bool) -> None:
        """Preload; during a print that may fail, and the gate is called empty."""
        self._closed[slot] = True
        if printing:
            self.named[slot] = True
            if known := self._ids[slot]:
                await self._system.assign(slot + 1, known)
            await self._system.push(slot + 1)
            await asyncio.sleep(1.2)
            self._status(slot, 0 if self.rng.random() < 0.5 else -1, action="Idle")
            self.unsure.add(slot)
            return
        self.unsure.discard(slot)
        new = None if self.named[slot] else self._ids[slot]
        await self._system.insert(slot + 1, new)
        self.named[slot] = True

    async def empty(self, slot: int, *, printing: bool) -> None:
        """Pull it out."""
        self._closed[slot] = False
        await self._system.remove(slot + 1)

    async def flicker(self, slot: int, seconds: float) -> None:
        """Open the pre-gate switch for a moment: the gate stays marked empty."""
        if self._closed[slot]:
            self._switch(slot, closed=False)
            self._status(slot, 0)
            self.unsure.add(slot)
            await asyncio.sleep(seconds)
            self._switch(slot, closed=self._closed[slot])

    async def feed(self, slot: int | None) -> None:
        """Load a gate."""
        loaded = slot is not None
        self.klippy.set(
            "mmu",
            gate=slot if loaded else 0,
            filament_pos=10 if loaded else 0,
            filament="Loaded" if loaded else "Unloaded",
        )

    def boot(self) -> None:
        """Show the saved map."""
        self.klippy.set("mmu", print_state="ready", action="Idle", filament_pos=0)

    async def booted(self) -> None:
        """Correct it by the switches."""
        for slot, closed in enumerate(self._closed):
            self._switch(slot, closed=closed)
        status = [1 if closed else 0 for closed in self._closed]
        self.unsure.clear()
        self.klippy.set("mmu", print_state="initialized", gate_status=status)

    def _status(self, slot: int, status: int, **fields: Any) -> None:
        states = list(self.klippy.objects["mmu"]["gate_status"])
        states[slot] = status
        self.klippy.set("mmu", gate_status=states, **fields)

    def _switch(self, slot: int, *, closed: bool) -> None:
        name = f"filament_switch_sensor mmu_pre_gate_{slot}"
        self.klippy.set(name, filament_detected=closed)


class _Afc(Afc):
    """AFC, with a colour of its own for each spool, and removals in two steps."""

    async def pull(self, slot: int) -> None:
        """Pull the filament out of the second switch."""
        self._lane(slot, load=False, filament_status="Prep")

    async def remove(self, slot: int) -> None:
        """Pull it out of the first one."""
        self._lane(slot, **self._empty())

    async def assign(self, slot: int, spool_id: int) -> None:
        color = _colour(spool_id).lower()
        self._lane(slot, spool_id=spool_id, material="PLA", color=color)


class AfcChanger(Changer):
    """AFC on a Box Turtle: an id is given with the load, and goes with the spool."""

    unit = "Turtle_1"
    facts = Facts(
        present_may=0.9,
        present_must=8.0,
        names_by=4.5,
        inserted_by=20.0,
        reads=False,
    )

    def __init__(self, klippy: OracleKlippy, rng: Random) -> None:
        """Have four lanes."""
        super().__init__(klippy, rng)
        self._system = _Afc(klippy)
        self._before: Any = None

    def identity(self, number: int, slot: int) -> str | None:
        """Return the id of a spool that is announced."""
        if self.rng.random() < 0.6:
            self.named[slot] = False
            return f"spoolman:{number}"
        return None

    def colour(self, number: int) -> str | None:
        """Return that of the spool in Spoolman."""
        return _colour(number)

    async def fill(self, slot: int, reel: Reel, *, printing: bool) -> None:
        """Load the lane."""
        known = reel.identity
        await self._system.insert(
            slot + 1, int(known.removeprefix("spoolman:")) if known else None
        )
        self.named[slot] = True

    async def pull(self, slot: int) -> None:
        """Pull it out of the second switch."""
        await self._system.pull(slot + 1)
        await asyncio.sleep(0.5)

    async def empty(self, slot: int, *, printing: bool) -> None:
        """Pull it out."""
        await self._system.remove(slot + 1)

    async def flicker(self, slot: int, seconds: float) -> None:
        """Let both switches open for a moment."""
        name = f"AFC_stepper {self._system.lanes[slot]}"
        lane = self.klippy.objects[name]
        was = {"prep": lane["prep"], "load": lane["load"]}
        if was["prep"]:
            self.klippy.set(name, prep=False, load=False)
            await asyncio.sleep(seconds)
            self.klippy.set(name, **was)

    async def feed(self, slot: int | None) -> None:
        """Load a lane into the tool head."""
        lane = None if slot is None else self._system.lanes[slot]
        self.klippy.set("AFC", current_load=lane)

    def boot(self) -> None:
        """Show every lane empty."""
        self._before = {
            name: self.klippy.objects[name]
            for name in map("AFC_stepper {}".format, self._system.lanes)
        }
        for name, fields in self._system.booting().items():
            self.klippy.set(name, **fields)

    async def booted(self) -> None:
        """Show what is there."""
        await self._system.finish_boot(self._before)
        self.klippy.set("AFC", spoolman="http://127.0.0.1:9", current_load=None)


class AceChanger(Changer):
    """An ACE of a community driver: it reads tags, and its box has a link of its own."""

    unit = "ACE 1"
    has_link = True
    facts = Facts(present_may=0.9, present_must=6.0, names_by=20.0, inserted_by=40.0)

    def __init__(self, klippy: OracleKlippy, rng: Random) -> None:
        """Have four slots."""
        super().__init__(klippy, rng)
        self._slots = [self._blank(index) for index in range(self.slots)]
        klippy.objects["ace"] = {
            "status": "ready",
            "temp": 25,
            "slots": list(self._slots),
            "current_index": -1,
        }

    def identity(self, number: int, slot: int) -> str | None:
        """Return the code of a tag."""
        self.named[slot] = False
        return f"AHPLBK-{100 + number}" if self.rng.random() < 0.6 else None

    def colour(self, number: int) -> str | None:
        """Return that on the tag."""
        return _colour(number)

    async def fill(self, slot: int, reel: Reel, *, printing: bool) -> None:
        """Take it in, and read its tag."""
        self._show(slot, status="preload", rfid=3)
        await asyncio.sleep(self.rng.uniform(2.0, 6.0))
        self.named[slot] = True
        if reel.identity:
            self._show(
                slot,
                status="ready",
                rfid=2,
                sku=reel.identity,
                type="PLA",
                color=list(bytes.fromhex(_colour(reel.number)[1:])),
            )
        else:
            self._show(slot, status="ready", rfid=1)

    async def empty(self, slot: int, *, printing: bool) -> None:
        """Lose it."""
        self._show(slot, **self._blank(slot))

    async def flicker(self, slot: int, seconds: float) -> None:
        """Show it empty for a moment."""
        was = self._slots[slot]
        if was["status"] == "ready":
            self._show(slot, status="empty")
            await asyncio.sleep(seconds)
            if self._slots[slot]["status"] == "empty" and self._slots[slot]["rfid"]:
                self._show(slot, status="ready")

    async def feed(self, slot: int | None) -> None:
        """Feed from a slot."""
        self.klippy.set("ace", current_index=-1 if slot is None else slot)

    def boot(self) -> None:
        """Know nothing of the box yet."""
        self.link(up=False)

    async def booted(self) -> None:
        """Have an answer of the box."""
        self.link(up=True)

    def link(self, *, up: bool) -> None:
        """Show four empty slots while the box does not answer."""
        self.linked = up
        blank = [self._blank(index) for index in range(self.slots)]
        self.klippy.set(
            "ace",
            status="ready" if up else "disconnected",
            slots=list(self._slots) if up else blank,
        )

    def _show(self, slot: int, **fields: Any) -> None:
        self._slots[slot] = self._slots[slot] | fields
        if self.linked:
            self.klippy.set("ace", slots=list(self._slots))

    def _blank(self, index: int) -> dict[str, Any]:
        return AceHub._empty(self, index)  # type: ignore[arg-type]


def _colour(number: int) -> str:
    """Return the colour of the spool with a number."""
    return f"#{number:06X}"


SYSTEMS: dict[str, type[Changer]] = {
    "klipper-sensors": Sensors,
    "klipper-happy-hare": HappyHareChanger,
    "klipper-afc": AfcChanger,
    "klipper-ace": AceChanger,
}
