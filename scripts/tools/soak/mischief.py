"""Faults at random: which, when, and whether everything recovered from each."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
import os
import random
import signal
import sqlite3
import time
from typing import Final

from .house import GRACE, UNAVAILABLE, House
from .machines import Machine
from .verdict import database

# Each fault has to be over after so long, and everything recovered after so long more.
_DEADLINE: Final = 900.0
_RECOVERY: Final = 240.0
_PAUSE_PRINTERS: Final = 8.0
_PAUSE_HOUSE: Final = 15.0
_AT_ONCE: Final = 4


class Mischief:
    """Causes faults until it is ended.

    injected, recovered: how many of each kind. failures: what went wrong otherwise.
    """

    def __init__(self, house: House, seed: int) -> None:
        """Create it for a house; the seed decides which faults come when."""
        self.injected: Counter[str] = Counter()
        self.recovered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._house = house
        self._chance = random.Random(seed)
        self._ending = asyncio.Event()
        self._faults: Mapping[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "disk: full": (3, self._full),
            "disk: read-only": (3, self._read_only),
            "lock: held by another process": (4, self._locked),
            "clock: set by hours": (4, self._clock),
            "Home Assistant: frozen": (2, self._frozen),
            "Home Assistant: killed": (2, self._killed),
            "Home Assistant: restarted": (1, self._restarted),
        }

    async def run(self, seconds: float) -> None:
        """Cause faults for so long; return once all are over."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._disturb_house(until))
            for _ in range(_AT_ONCE):
                group.create_task(self._disturb_printers(until))

    async def _disturb_printers(self, until: float) -> None:
        chance, house = self._chance, self._house
        while True:
            await asyncio.sleep(chance.expovariate(1 / _PAUSE_PRINTERS))
            if time.monotonic() > until:
                return
            quiet = [each for each in house.machines if not self._is_disturbed(each)]
            if not quiet or house.down:
                continue
            machine = chance.choice(quiet)
            kind = chance.choice([*machine.faults])
            house.disturbed[machine.identity] = float("inf")
            fault = machine.faults[kind]

            async def recovered(machine: Machine = machine) -> bool:
                return house.connected.get(machine.identity, False)

            where = (machine.printer_id,)
            await self._cause(kind, where, partial(fault, chance), recovered)
            house.disturbed[machine.identity] = time.monotonic() + GRACE

    async def _disturb_house(self, until: float) -> None:
        chance = self._chance
        kinds = [*self._faults]
        weights = [self._faults[kind][0] for kind in kinds]
        # Each of them at least once, in any order, then by their weights.
        first = chance.sample(kinds, len(kinds))
        while True:
            await asyncio.sleep(chance.expovariate(1 / _PAUSE_HOUSE))
            if time.monotonic() > until:
                return
            kind = first.pop() if first else chance.choices(kinds, weights)[0]
            await self._cause(kind, (), self._faults[kind][1], self._house_recovered)

    async def _cause(
        self,
        kind: str,
        where: tuple[int, ...],
        fault: Callable[[], Awaitable[None]],
        recovered: Callable[[], Awaitable[bool]],
    ) -> None:
        """Cause a fault, and wait until everything that it concerns has recovered."""
        self.injected[kind] += 1
        self._house.changes.note(where, f"{kind}: begins")
        began = time.monotonic()
        try:
            async with asyncio.timeout(_DEADLINE):
                await fault()
        except Exception as err:  # noqa: BLE001 - the others have to go on
            self.failures.append(f"{kind}: {err!r}")
        self._house.changes.note(where, f"{kind}: ends")
        over = time.monotonic()
        waited = 0.0
        while waited < _RECOVERY:
            with suppress(*UNAVAILABLE):
                if await recovered():
                    self.recovered[kind] += 1
                    took = time.monotonic() - over
                    print(f"{kind}: {over - began:.0f} s, recovered in {took:.0f} s")
                    return
            await asyncio.sleep(1)
            # While Home Assistant is down nothing can recover.
            waited += not self._house.down
        self.failures.append(
            f"{kind}: not recovered {time.monotonic() - over:.0f} s after"
            f" {over - began:.0f} s of it"
        )

    async def _house_recovered(self) -> bool:
        """Return whether Home Assistant runs, the store is written, printers are connected."""
        house = self._house
        if house.down:
            return False
        quiet = [each for each in house.machines if not self._is_disturbed(each)]
        return all(
            house.connected.get(each.identity, False) for each in quiet
        ) and not any(issue.startswith("store_") for issue in await house.repairs())

    def _is_disturbed(self, machine: Machine) -> bool:
        return self._house.disturbed.get(machine.identity, 0.0) > time.monotonic()

    async def _full(self) -> None:
        disk = self._house.disk
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(self._chance.uniform(3, 20))
        await asyncio.to_thread(disk.empty)

    async def _read_only(self) -> None:
        disk = self._house.disk
        await asyncio.to_thread(disk.fail)
        await asyncio.sleep(self._chance.uniform(3, 20))
        await asyncio.to_thread(disk.repair)

    async def _locked(self) -> None:
        path = database(self._house.home_assistant)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(self._chance.uniform(2, 20))
            other.execute("ROLLBACK")

    async def _clock(self) -> None:
        clock = self._house.clock
        # Not before the login, whose token would not be valid yet.
        clock.move(timedelta(minutes=self._chance.randrange(12 * 60)))
        await asyncio.sleep(clock.settled)

    async def _frozen(self) -> None:
        pid = self._house.home_assistant.pid
        self._house.down = True
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(self._chance.uniform(2, 15))
        finally:
            os.kill(pid, signal.SIGCONT)
            self._house.settled_at = time.monotonic() + GRACE
            self._house.down = False

    async def _killed(self) -> None:
        self._house.down = True
        await self._house.home_assistant.kill()
        await self._house.start()

    async def _restarted(self) -> None:
        self._house.down = True
        await self._house.home_assistant.stop()
        await self._house.start()
