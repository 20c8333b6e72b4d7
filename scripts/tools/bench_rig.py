"""Helpers of the benchmarks: timing, and virtual printers in another process."""

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
# Until all printers are connected.
_CONNECT_TIMEOUT = 60.0
# Until the first messages of the printers have been processed.
_SETTLE = 3.0


def cost(*tasks: Callable[[], object], rounds: int = _ROUNDS) -> list[float]:
    """Return the best time of each task, in seconds a call; the tasks take turns."""
    best = [float("inf")] * len(tasks)
    for _ in range(rounds):
        for number, task in enumerate(tasks):
            began = perf_counter()
            for _ in range(_CALLS):
                task()
            best[number] = min(best[number], (perf_counter() - began) / _CALLS)
    return best


class Printers:
    """Virtual printers in a process of their own, which is not measured.

    config: how to reach them, as they reported it when they were ready.
    """

    def __init__(self, process: asyncio.subprocess.Process, config: Any) -> None:
        """Use `elsewhere` instead."""
        self.config = config
        self._process = process

    async def talk(self) -> None:
        """Let them start sending."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def elsewhere(module: str, *arguments: str) -> AsyncIterator[Printers]:
    """Run a module that prints one line of JSON, and starts sending after it reads a line."""
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


async def start_requested() -> None:
    """Wait for the line that starts the sending; for the other process."""
    await asyncio.to_thread(sys.stdin.readline)


def announce(config: Any) -> None:
    """Print the line of JSON; for the other process."""
    print(orjson.dumps(config).decode(), flush=True)


async def paced(times: int, rate: float) -> AsyncIterator[int]:
    """Yield numbers at a rate per second."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(times):
        if (early := began + number / rate - loop.time()) > 0:
            await asyncio.sleep(early)
        yield number


@asynccontextmanager
async def running(drivers: list[Driver]) -> AsyncIterator[None]:
    """Run drivers; entered once each is running."""
    try:
        for driver in drivers:
            await driver.start()
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            while any(driver.health()["status"] != "running" for driver in drivers):
                await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLE)
        yield
    finally:
        await asyncio.gather(*(driver.stop() for driver in drivers))


def messages(drivers: list[Driver]) -> int:
    """Return how many messages they have received."""
    return sum(driver.health()["counters"]["messages"] for driver in drivers)
