"""A Klipper printer as a physical thing: spools, restarts, power, network."""

import asyncio
from collections.abc import Mapping
import math
from random import Random
from typing import Any, ClassVar, override

from .klipper_changer import Changer
from .klipper_wire import KlipperWire
from .record import READ, UNREAD, Record, Reel, Shows


class KlipperWorld(KlipperWire):
    """One printer, its owner and its surroundings."""

    ACTIONS: ClassVar[Mapping[str, float]] = {
        "insert": 10,
        "remove": 10,
        "swap": 8,
        "flicker": 2,
        "start_print": 3,
        "end_print": 2,
        "run_out": 2,
        "restart_klipper": 2,
        "restart_moonraker": 1,
        "lose_link": 1,
        "regain_link": 1,
        "power_off": 1.5,
        "power_on": 2,
        "restart_home_assistant": 2,
        "lose_network": 1.5,
        "stall": 1,
        "regain_network": 1.5,
    }

    def __init__(self, changer: type[Changer], rng: Random, record: Record) -> None:
        """Set it up, with spools in most of the slots."""
        super().__init__(rng, record)
        self.facts = changer.facts
        if not changer.facts.unknown:
            self.components = ()
        self._changer = changer(self.klippy, rng)
        self._stays = [0] * changer.slots
        self._reels: list[Reel | None] = [None] * changer.slots
        self._moving = [False] * changer.slots
        # Slots that were filled while out of sight, and whose switch is open.
        self._hidden: set[int] = set()
        self._feeding: int | None = None
        self._booting = False
        self._boot = 0
        for slot in range(changer.slots):
            if rng.random() < 0.6:
                self._reels[slot] = self._reel(slot)
            record.begin(self._changer.place(slot), self._reels[slot])

    def start(self) -> None:
        """Let what is there at first be there."""
        for slot, reel in enumerate(self._reels):
            if reel is not None:
                self.run(self._changer.fill(slot, reel, printing=False))

    def shows(self) -> Shows:
        """Return what the status of now shows."""
        if self._booting or not self._changer.linked:
            return {}
        self.record.unsure = set(map(self._changer.place, self._changer.unsure))
        return {
            self._changer.place(slot): (
                self._stays[slot] - (slot in self._hidden),
                READ if self._changer.named[slot] else UNREAD,
            )
            for slot in range(self._changer.slots)
        }

    @override
    def take_in(self, shows: Shows) -> None:
        at_work = self._changer.at_work
        if at_work:
            self.record.unidentified |= {
                place
                for place, (stay, _) in shows.items()
                if not self.record.in_sight(place)
                and self.record.stays[place][stay].reel is None
            }
        super().take_in(shows)
        if not at_work:
            self.record.unidentified.clear()

    def new_reel(self) -> Reel:
        """Return a spool for the first slot; slots decide on identities."""
        return self._reel(0)

    def _reel(self, slot: int) -> Reel:
        number = self.number()
        identity = self._changer.identity(number, slot)
        return Reel(number, identity, colour=self._changer.colour(number))

    def _pick(self, pick: int, *, filled: bool) -> int | None:
        slots = [
            slot
            for slot, reel in enumerate(self._reels)
            if (reel is not None) is filled and not self._moving[slot]
        ]
        return slots[pick % len(slots)] if slots else None

    @property
    def _alive(self) -> bool:
        return self.powered and self.klippy_there and not self._booting

    # What happens.

    def do_insert(self, pick: int, how: int) -> None:
        """Put a spool into an empty slot."""
        slot = self._pick(pick, filled=False)
        if slot is not None and self._alive and self._changer.linked:
            self.run(self._insert(slot))

    def do_remove(self, pick: int, how: int) -> None:
        """Take a spool out."""
        slot = self._pick(pick, filled=True)
        if slot is not None and self._alive and self._changer.linked:
            self.run(self._remove(slot, runout=False))

    def do_swap(self, pick: int, how: int) -> None:
        """Exchange a spool, quickly or not."""
        slot = self._pick(pick, filled=True)
        if slot is not None and self._alive and self._changer.linked:
            pause = (2.0, 3.5, 5.0, 18.0, 40.0)[how % 5]
            self.run(self._swap(slot, pause))

    async def _swap(self, slot: int, pause: float) -> None:
        await self._remove(slot, runout=False)
        await asyncio.sleep(pause)
        if self._reels[slot] is None and not self._moving[slot] and self._alive:
            await self._insert(slot)

    async def _insert(self, slot: int) -> None:
        self._moving[slot] = True
        reel = self._reel(slot)
        await self._changer.announce(slot)
        self._change(slot, reel)
        await self._changer.fill(slot, reel, printing=self._printing)
        self._moving[slot] = False

    async def _remove(self, slot: int, *, runout: bool | None) -> None:
        self._moving[slot] = True
        if self._printing and self._feeding == slot:
            runout = True if runout else None
        await self._changer.pull(slot)
        self._change(slot, None, runout=runout)
        await self._changer.empty(slot, printing=self._printing)
        self._moving[slot] = False

    def _change(self, slot: int, reel: Reel | None, **facts: Any) -> None:
        self.record.change(self._changer.place(slot), reel, self.now, **facts)
        self._stays[slot] += 1
        self._reels[slot] = reel

    def do_flicker(self, pick: int, how: int) -> None:
        """Let a switch read wrong for a moment."""
        slot = self._pick(pick, filled=True)
        if slot is not None and self._alive and self._changer.linked:
            self.run(self._flicker(slot, (0.3, 1.0, 4.0)[how % 3]))

    async def _flicker(self, slot: int, seconds: float) -> None:
        self._moving[slot] = True
        stay = self.record.stays[self._changer.place(slot)][-1]
        stay.opened = self.now
        stay.openings.append(self.now)
        sent, _ = self._shown_before.get(self._changer.place(slot), (None, None))
        on_its_way = self._socket is not None and sent == self._stays[slot]
        if stay.seen is None and not on_its_way:
            # What is reported first shows it as it was before.
            self._hidden.add(slot)
        await self._changer.flicker(slot, seconds)
        self._hidden.discard(slot)
        # If it opened again at once, no report would show it closed.
        await asyncio.sleep(0.5)
        self._moving[slot] = False

    @property
    def _printing(self) -> bool:
        return bool(self.klippy.objects["print_stats"]["state"] == "printing")

    def do_start_print(self, pick: int, how: int) -> None:
        """Print from a slot."""
        slot = self._pick(pick, filled=True)
        if slot is not None and self._alive and not self._printing:
            self.klippy.set("print_stats", state="printing")
            self._feeding = slot
            self.run(self._changer.feed(slot))

    def do_end_print(self, pick: int = 0, how: int = 0) -> None:
        """Come to the end of the print."""
        if self._printing:
            self.klippy.set("print_stats", state="complete")
            self._feeding = None
            self.run(self._changer.feed(None))

    def do_run_out(self, pick: int, how: int) -> None:
        """Let the active spool come to its end."""
        slot = self._feeding
        if slot is None or not (self._printing and self._alive):
            return
        if self._reels[slot] is not None and not self._moving[slot]:
            self.run(self._remove(slot, runout=None))

    def do_restart_klipper(self, pick: int, how: int) -> None:
        """Restart Klipper."""
        if self._alive and not any(self._moving):
            self._klippy_gone()
            self.notify("notify_klippy_disconnected")
            self.later((3.0, 12.0, 40.0)[how % 3], self._klippy_back, self._boot)

    def _klippy_gone(self) -> None:
        self.send({"jsonrpc": "2.0", "method": "notify_gcode_response"}, {})
        self._boot += 1
        self.klippy_there = False
        self.refuse_pending()
        self._feeding = None
        self.klippy.set("print_stats", state="standby")

    def _klippy_back(self, boot: int) -> None:
        if boot != self._boot or not self.powered:
            return
        self._booting = True
        # Switches that read open at first make a late change look like a live one.
        self.record.doubt_until = self.record.open_until = self.now + 8.0
        self.record.booting = self.now, math.inf
        self._changer.boot()
        self.klippy_there = True
        self._new_client()
        self.notify("notify_klippy_ready")
        self.later(
            2.0 + 4.0 * self.rng.random() * self._changer.has_link, self._booted, boot
        )

    def _booted(self, boot: int) -> None:
        if boot == self._boot and self.powered:
            self._booting = False
            # What is read then is reported with what changes a quarter of a second later.
            self.record.booting = self.record.booting[0], self.now + 0.25
            self.run(self._changer.booted())
            # Where nothing changes with that, what was shown holds from now on.
            self.later(0.6, self._in_sight, boot)

    def _in_sight(self, boot: int) -> None:
        shows = self.shows()
        if boot != self._boot or self._socket is None:
            return
        waits = any(waiting for _, waiting in self._stalled or ())
        if not self.network and (waits or not self.subscribed):
            self.later(1.0, self._in_sight, boot)
        elif self.subscribed and shows:
            self.take_in(shows)

    def do_restart_moonraker(self, pick: int, how: int) -> None:
        """Restart Moonraker: the connection closes."""
        if self._socket is not None and self.powered:
            self._socket.break_off()

    def do_lose_link(self, pick: int, how: int) -> None:
        """Pull the changer's own cable."""
        if self._changer.has_link and self._alive and not any(self._moving):
            self._changer.link(up=False)

    def do_regain_link(self, pick: int = 0, how: int = 0) -> None:
        """Plug it in again."""
        if self._changer.has_link and self._alive and not self._changer.linked:
            self._changer.link(up=True)

    def do_power_off(self, pick: int, how: int) -> None:
        """Switch it off."""
        if not self._alive or any(self._moving):
            return
        self._klippy_gone()
        self.powered = False
        if how % 2 and self._socket is not None:
            self._socket.break_off()

    def do_power_on(self, pick: int, how: int) -> None:
        """Switch it on."""
        if not self.powered:
            self.powered = True
            self._boot += 1
            if self._socket is not None:
                self._socket.break_off()
            self.later(15.0, self._klippy_back, self._boot)

    def do_restart_home_assistant(self, pick: int, how: int) -> None:
        """Restart Home Assistant."""
        self.restart((4.0, 20.0, 90.0)[how % 3])

    def do_lose_network(self, pick: int, how: int) -> None:
        """Lose the network: the client learns at once, or only by the silence."""
        if self.network:
            self.network, self._stalled = False, []
            self._stalled_at = self.now
            self.record.silent_since = min(self.record.silent_since, self.now)
            if how % 2 and self._socket is not None:
                self._socket.break_off()

    def do_stall(self, pick: int, how: int) -> None:
        """Let messages wait on their way."""
        if self.network and self._socket is not None:
            self.network, self._stalled = False, []
            self._stalled_at = self.now
            self.later((3.0, 8.0, 15.0)[how % 3], self.flow)

    def do_regain_network(self, pick: int = 0, how: int = 0) -> None:
        """Have the network again."""
        if not self.network:
            self.flow()

    # The end of an episode.

    def calm(self) -> None:
        """Bring all to rest, so that everything must be known after a while."""
        self.do_power_on(0, 0)
        self.do_regain_network()
        self.do_end_print()
        self.do_regain_link()

    def busy(self) -> bool:
        """Whether something is still going on."""
        return (
            not self._alive
            or not self.network
            or self._printing
            or not self._changer.linked
            or any(self._moving)
            or self._socket is None
        )

    def rest(self) -> float:
        """Return how long everything has to be still before a checkpoint."""
        return 80.0
