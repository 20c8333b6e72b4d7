"""Twenty printers of both kinds, and faults of every kind at random moments."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
import random
import time
from typing import Final

from tests.e2e.integration import complaints

from .house import UNAVAILABLE, Gauge, House
from .machines import Machine
from .mischief import Mischief
from .verdict import database, sound

_BAMBUS: Final = 10
_KLIPPERS: Final = 10
# Between two changes of spools of a printer.
_PAUSE: Final = 6.0
# Until the gauges of a process are those of its start.
_WARM: Final = 60.0
# For the last changes to be reported.
_SETTLE: Final = 240.0
_SHOWN: Final = 20


async def random_run(folder: Path, minutes: float, seed: int) -> bool:
    """Run it for so long, and print the table; return whether nothing is wrong."""
    house = House(folder, _BAMBUS, _KLIPPERS)
    async with house.running():
        print(f"{len(house.machines)} printers, seed {seed}", flush=True)
        gauges = [await house.gauge()]
        mischief = Mischief(house, seed)
        began = time.monotonic()
        changing = [
            asyncio.create_task(_change(machine, random.Random(f"{seed} {number}")))
            for number, machine in enumerate(house.machines)
        ]
        measuring = asyncio.create_task(_measure(house, gauges))
        try:
            await mischief.run(minutes * 60)
            took = time.monotonic() - began
        finally:
            for task in changing:
                task.cancel()
            ended = await asyncio.gather(*changing, return_exceptions=True)
            measuring.cancel()
        await _settle(house)
        gauges.append(await house.gauge())
        await house.read_history(all_of_it=True)
        samples = house.samples
        await house.home_assistant.stop()
        house.down = True
        is_sound = await asyncio.to_thread(sound, database(house.home_assistant))
    failures = [
        *mischief.failures,
        *(repr(each) for each in ended if isinstance(each, Exception)),
        *([] if is_sound else ["the database is not sound"]),
    ]
    _print(house, mischief, gauges, samples, took)
    for line in failures:
        print(f"FAILURE: {line}")
    _explain(house)
    unrecovered = mischief.injected.total() - mischief.recovered.total()
    return not (failures or unrecovered or house.changes.wrong)


async def _change(machine: Machine, chance: random.Random) -> None:
    """Change spools until cancelled; a started change is completed."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / _PAUSE))
        await _to_the_end(machine.change(chance))


async def _to_the_end(change: Awaitable[None]) -> None:
    task = asyncio.ensure_future(change)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _measure(house: House, gauges: list[Gauge]) -> None:
    """Measure each process of Home Assistant once it is warm."""
    pid = 0
    while True:
        await asyncio.sleep(5)
        if house.down or house.home_assistant.pid == pid:
            continue
        pid = house.home_assistant.pid
        await asyncio.sleep(_WARM)
        with suppress(OSError, AssertionError):
            if house.home_assistant.pid == pid:
                gauges.append(await house.gauge())


async def _settle(house: House) -> None:
    """Wait until everything is reported and connected, at most so long."""
    deadline = time.monotonic() + _SETTLE
    while time.monotonic() < deadline:
        with suppress(*UNAVAILABLE):
            await house.read_history()
            if not house.changes.pending and house.all_connected:
                break
        await asyncio.sleep(2)
    # What must not come has time to come.
    await asyncio.sleep(15)


def _print(
    house: House,
    mischief: Mischief,
    gauges: list[Gauge],
    samples: dict[bool, list[int]],
    took: float,
) -> None:
    print("\n| fault | recovered / injected |\n|---|---|")
    for kind in sorted(mischief.injected):
        print(f"| {kind} | {mischief.recovered[kind]} / {mischief.injected[kind]} |")
    total = f"{mischief.recovered.total()} / {mischief.injected.total()}"
    print(f"| all, in {took / 60:.1f} min | {total} |")
    print("\n| what | |\n|---|---|")
    fine = [sum(each) for each in zip(*samples.values(), strict=True)]
    rows = [
        *house.changes.rows(),
        ("printers shown as connected, of all time", _share(*fine)),
        ("… where no fault concerned them in the last 90 s", _share(*samples[True])),
        ("Home Assistant at the start", str(gauges[0])),
        *(
            (f"… process {number}, a minute after its start", str(gauge))
            for number, gauge in enumerate(gauges[1:-1], start=1)
        ),
        ("… at the end", str(gauges[-1])),
        ("complaints in the log", f"{len(complaints(house.home_assistant)):,}"),
    ]
    for what, value in rows:
        print(f"| {what} | {value} |")
    print(flush=True)


def _explain(house: House) -> None:
    """Print the first of what is wrong, and what happened before it."""
    changes = house.changes
    events = {
        "without a change": changes.surplus.values(),
        "misnamed": changes.misnamed.values(),
    }
    lines = [
        *(f"pending: {each}" for each in changes.pending),
        *(
            "\n  ".join((f"{what}: {event['event_id']}", *changes.story(event)))
            for what, wrong in events.items()
            for event in wrong
        ),
        *(f"not stored: {each}" for each in set(changes.published) - changes.stored),
    ]
    for line in lines[:_SHOWN]:
        print(line)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
