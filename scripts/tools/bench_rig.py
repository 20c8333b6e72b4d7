"""What benchmarks share: turns of the same length, and printers in another process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import sys
from time import perf_counter
from typing import Any

import orjson

from custom_components.filament_slots.drivers.base import Driver

_ROUNDS = 15
_CALLS = 2000
# For all printers to be connected.
_PATIENCE = 60.0
# For what they tell of themselves besides, and what comes of it.
_FIRST_WORDS = 3.0


def cost(*tasks: Callable[[], object]) -> list[float]:
    """Return seconds a call, the tasks taking turns, each at its best."""
    best = [float("inf")] * len(tasks)
    for _ in range(_ROUNDS):
        for number, task in enumerate(tasks):
            began = perf_counter()
            for _ in range(_CALLS):
                task()
            best[number] = min(best[number], (perf_counter() - began) / _CALLS)
    return best


class Printers:
    """Virtual printers in a process of their own, so that only ours is measured.

    told: what they said of themselves when they were there.
    """

    def __init__(self, process: asyncio.subprocess.Process, told: Any) -> None:
        """Use `elsewhere` instead."""
        self.told = told
        self._process = process

    async def talk(self) -> None:
        """Let them begin to talk."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def elsewhere(module: str, *arguments: str) -> AsyncIterator[Printers]:
    """Run a module that prints one line of JSON, and talks once it is sent a line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        assert process.stdout is not None
        yield Printers(process, orjson.loads(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


async def told_to_talk() -> None:
    """Wait for that line."""
    await asyncio.to_thread(sys.stdin.readline)


def say(told: Any) -> None:
    """Print the one line."""
    print(orjson.dumps(told).decode(), flush=True)


async def paced(times: int, rate: float) -> AsyncIterator[int]:
    """Count, so many times a second."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(times):
        if (early := began + number / rate - loop.time()) > 0:
            await asyncio.sleep(early)
        yield number


@asynccontextmanager
async def running(drivers: list[Driver]) -> AsyncIterator[None]:
    """Run drivers, from when each has seen its printer."""
    try:
        for driver in drivers:
            await driver.start()
        async with asyncio.timeout(_PATIENCE):
            while any(driver.health()["status"] != "running" for driver in drivers):
                await asyncio.sleep(0.1)
        await asyncio.sleep(_FIRST_WORDS)
        yield
    finally:
        await asyncio.gather(*(driver.stop() for driver in drivers))


def messages(drivers: list[Driver]) -> int:
    """Return how many messages they have taken."""
    return sum(driver.health()["counters"]["messages"] for driver in drivers)
