"""Plays histories: from a seed to a verdict, and from a failing one to a short one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final, Self

from .bambu import BambuWorld
from .bambu_parts import SETUPS
from .bambu_wire import driver as bambu_driver
from .judge import Disagreement, Judge
from .klipper import KlipperWorld
from .klipper_systems import SYSTEMS
from .klipper_wire import driver as klipper_driver
from .product import MemoryStore, Product
from .record import Record
from .virtual_time import LoopClock, VirtualLoop
from .world import World

HARDWARE: Final[tuple[str, ...]] = (*SETUPS, *SYSTEMS)

# Seconds: what was done last is confirmed by then.
_PENDING = 30.0

type Action = tuple[float, str, int, int]
type Episode = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A printer and what happens to it, in episodes with a checkpoint after each.

    noise: seeds what is left to chance while it is played.
    """

    hardware: str
    noise: int
    episodes: tuple[Episode, ...]

    def __len__(self) -> int:
        """Count its actions."""
        return sum(map(len, self.episodes))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a history: how many physical changes, and what was wrong first."""

    changes: int
    disagreement: Disagreement | None
    episode: int = 0


# Pauses between actions: some are shorter than any confirmation, some longer.
_PAUSES: Final = (0.3, 1.5, 4.0, 9.0, 20.0, 20.0, 45.0, 45.0, 90.0, 150.0)


def generate(hardware: str, seed: int, episodes: int = 12) -> History:
    """Return the history of a seed."""
    rng = Random(f"{hardware} {seed}")
    actions = _world_class(hardware).ACTIONS
    names, weights = list(actions), list(actions.values())
    return History(
        hardware,
        rng.getrandbits(32),
        tuple(
            tuple(
                (
                    rng.choice(_PAUSES) * rng.uniform(0.8, 1.2),
                    rng.choices(names, weights)[0],
                    rng.getrandbits(16),
                    rng.getrandbits(16),
                )
                for _ in range(rng.randint(1, 13))
            )
            for _ in range(episodes)
        ),
    )


def _world_class(hardware: str) -> type[World]:
    return BambuWorld if hardware in SETUPS else KlipperWorld


class Player:
    """Plays histories one after the other on one store.

    loop, world, product: what they are played with.
    """

    loop: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
    product: type[Product] = Product

    def __init__(self) -> None:
        """Open the store."""
        self._store = MemoryStore()

    def __enter__(self) -> Self:
        """Be closed at the end."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the store."""
        self._store.close()

    def world(self, hardware: str, rng: Random, record: Record) -> World:
        """Return a printer."""
        if hardware in SETUPS:
            return BambuWorld(SETUPS[hardware], rng, record)
        return KlipperWorld(SYSTEMS[hardware], rng, record)

    def play(self, history: History, log: list[str] | None = None) -> Verdict:
        """Play a history up to its first disagreement."""
        loop = self.loop()
        try:
            return loop.run_until_complete(self._play(loop, history, log))
        finally:
            # Closing the loop alone does not wait for its threads.
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _play(
        self, loop: asyncio.AbstractEventLoop, history: History, log: list[str] | None
    ) -> Verdict:
        record = Record()
        world = self.world(history.hardware, Random(history.noise), record)
        product = self.product(
            world.driver,
            world.config(),
            LoopClock(loop),
            self._store,
            record.emitted,
        )
        tasks: set[asyncio.Task[None]] = set()
        busy_until = 0.0

        async def restart(seconds: float) -> None:
            await product.stop()
            await asyncio.sleep(seconds)
            if not world.closed:
                await product.start()

        def plan_restart(seconds: float) -> None:
            nonlocal busy_until
            if world.now < busy_until:
                return
            busy_until = world.now + seconds + 5.0
            task = loop.create_task(restart(seconds))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        world.restart = plan_restart
        judge = Judge(record, world.facts)
        with _connected(world):
            world.start()
            try:
                await asyncio.sleep(15.0)
                await product.start()
                await asyncio.sleep(40.0)
                judge.begin()
                for number, episode in enumerate(history.episodes):
                    world.wake()
                    for pause, name, pick, how in episode:
                        await asyncio.sleep(pause)
                        if log is not None:
                            log.append(f"{world.now:.1f} {name} {pick} {how}")
                        getattr(world, f"do_{name}")(pick, how)
                    found = await self._settle(world, product)
                    await product.drain()
                    found = found or judge.check(product.shown(), world.now)
                    if log is not None:
                        log.append(f"{world.now:.1f} checkpoint: {found}")
                    if found is not None:
                        return Verdict(record.changes, found, number)
                return Verdict(record.changes, None)
            finally:
                await world.close()
                for task in list(tasks):
                    await task
                await product.stop()

    async def _settle(self, world: World, product: Product) -> Disagreement | None:
        world.calm()
        await asyncio.sleep(40.0)
        for _ in range(200):
            if product.running and product.status == "running" and not world.busy():
                break
            await asyncio.sleep(10.0)
            if world.busy():
                world.calm()
        else:
            state = f"driver {product.status}, {'busy' if world.busy() else 'at rest'}"
            return Disagreement("never at rest", ("", 0), state)
        await asyncio.sleep(_PENDING)
        world.lively = False
        await asyncio.sleep(world.rest() - _PENDING)
        return None


@contextmanager
def _connected(world: World) -> Iterator[None]:
    """Let the driver's sessions lead to this world."""
    replaced = ((bambu_driver, "open_session"), (klipper_driver, "open_rpc"))
    before = [getattr(module, name) for module, name in replaced]
    for module, name in replaced:
        setattr(module, name, world.open_session)
    try:
        yield
    finally:
        for (module, name), function in zip(replaced, before, strict=True):
            setattr(module, name, function)


def shrink(player: Player, history: History, kind: str, budget: int = 400) -> History:
    """Return a short history that still shows a disagreement of this kind."""

    def fails(candidate: History) -> bool:
        nonlocal budget
        budget -= 1
        found = player.play(candidate).disagreement
        return found is not None and found.kind == kind

    last = player.play(history).episode
    history = History(history.hardware, history.noise, history.episodes[: last + 1])
    shorter = True
    while shorter and budget > 0:
        shorter = False
        for candidate in _shorter(history):
            if budget <= 0:
                break
            if fails(candidate):
                history, shorter = candidate, True
                break
    return history


def _shorter(history: History) -> Iterator[History]:
    episodes = history.episodes

    def made(changed: tuple[Episode, ...]) -> History:
        return History(history.hardware, history.noise, changed)

    for i in range(len(episodes)):
        if len(episodes) > 1:
            yield made(episodes[:i] + episodes[i + 1 :])
    for i, episode in enumerate(episodes):
        for k in range(len(episode)):
            yield made(
                (*episodes[:i], episode[:k] + episode[k + 1 :], *episodes[i + 1 :])
            )


def tally(verdicts: Mapping[str, int]) -> str:
    """Return counts, the largest first."""
    return ", ".join(
        f"{kind} {number}"
        for kind, number in sorted(verdicts.items(), key=lambda item: -item[1])
    )
