"""A Home Assistant with many printers, watched all the time, whatever befalls it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
import sqlite3
import time
from typing import Any, Final, Self

import aiohttp

from tests.e2e.client import HomeAssistantError
from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import (
    DOMAIN,
    SPOOL_EVENTS,
    Event,
    add_printer,
    on_spool_events,
)

from .changes import Changes
from .clock import Clock
from .disk import Disk
from .machines import Bambu, Klipper, Machine
from .verdict import database, repairs

# What a call raises while Home Assistant is down, or not yet there again.
UNAVAILABLE: Final = (
    aiohttp.ClientError,
    HomeAssistantError,
    OSError,
    TimeoutError,
    AttributeError,
)
_START_TIMEOUT: Final = 600.0
_CALL_TIMEOUT: Final = 30.0
_PAGE: Final = 200
# Until a printer counts as available again after a fault, and Home Assistant after a start.
GRACE: Final = 90.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """What a process uses: resident memory, open files and threads."""

    megabytes: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it from /proc; raises OSError for a process that has ended."""
        folder = Path("/proc", str(pid))
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines()
        )
        return cls(
            int(status["VmRSS"].split()[0]) / 1024,
            len([*(folder / "fd").iterdir()]),
            int(status["Threads"]),
        )

    def __str__(self) -> str:
        """Return it as a cell of the table."""
        return f"{self.megabytes:.0f} MB, {self.descriptors} descriptors, {self.threads} threads"


class House:
    """The printers, Home Assistant, and what was seen of them.

    disk: of the store. clock: of Home Assistant. down: whether it is killed, frozen or
    starting. disturbed: until when a printer, by its identity, may be unavailable.
    """

    def __init__(self, folder: Path, bambus: int, klippers: int) -> None:
        """Create everything, switched off."""
        self.changes = Changes()
        self.clock = Clock(folder.with_suffix(".clock"))
        self.home_assistant = HomeAssistant(folder, variables=self.clock.variables)
        store = database(self.home_assistant)
        self.disk = Disk(folder.with_suffix(".img"), store.parent)
        self.machines: list[Machine] = [
            *(Bambu(number, self.changes) for number in range(bambus)),
            *(Klipper(self.changes) for _ in range(klippers)),
        ]
        self.down = True
        self.connected: dict[str, bool] = {}
        self.disturbed: dict[str, float] = {}
        self.settled_at = 0.0
        self.samples = {True: [0, 0], False: [0, 0]}
        self._sensors: dict[str, str] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run everything; entered once all printers are shown as connected."""
        async with AsyncExitStack() as stack:
            for machine in self.machines:
                await stack.enter_async_context(machine.printer)
            stack.enter_context(self.disk)
            await stack.enter_async_context(self.home_assistant)
            for machine in self.machines:
                await add_printer(self.home_assistant.client, machine.printer)
            await self._learn_ids()
            await self._subscribe()
            self.down = False
            async with asyncio.timeout(_START_TIMEOUT):
                while not self.all_connected:
                    await asyncio.sleep(1)
            self.settled_at = time.monotonic()
            watching = asyncio.create_task(self._watch())
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    @property
    def all_connected(self) -> bool:
        """Whether Home Assistant shows every printer as connected."""
        return not self.down and all(
            self.connected.get(machine.identity, False) for machine in self.machines
        )

    async def start(self) -> None:
        """Start Home Assistant again, and listen from the first moment on."""
        self.connected.clear()
        await self.home_assistant.start(until_running=False)
        async with asyncio.timeout(_START_TIMEOUT):
            await self._subscribe()
            await self.home_assistant.wait_running()
        self.down = False
        self.settled_at = time.monotonic() + GRACE

    async def gauge(self) -> Gauge:
        """Return what Home Assistant uses now."""
        return await asyncio.to_thread(Gauge.of, self.home_assistant.pid)

    async def repairs(self) -> set[str]:
        """Return the ids of our repairs."""
        async with asyncio.timeout(_CALL_TIMEOUT):
            return await repairs(self.home_assistant.client)

    async def read_history(self, *, all_of_it: bool = False) -> None:
        """Enter the stored events among the changes: the new ones, or all of them."""
        cursor: object = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            async with asyncio.timeout(_CALL_TIMEOUT):
                page = await self.home_assistant.client.call(
                    f"{DOMAIN}/events", event_types=SPOOL_EVENTS, limit=_PAGE, **more
                )
            events: list[Event] = page["events"]
            known = any(each["event_id"] in self.changes.stored for each in events)
            # Newest first, but taken as they happened.
            self.changes.store(reversed(events))
            cursor = page["cursor"]
            if cursor is None or (known and not all_of_it):
                return

    async def _watch(self) -> None:
        """Sample the connections every second, and read history every few seconds."""
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn += 1
            now = time.monotonic()
            for machine in self.machines:
                fine = not self.down and self.connected.get(machine.identity, False)
                undisturbed = (
                    not self.down
                    and now > self.settled_at
                    and now > self.disturbed.get(machine.identity, 0.0)
                )
                self.samples[undisturbed][0] += fine
                self.samples[undisturbed][1] += 1
            if turn % 5 == 0 and not self.down:
                with suppress(*UNAVAILABLE):
                    await self.read_history()

    async def _learn_ids(self) -> None:
        """Learn the numbers of the printers, and the entities of their connections."""
        rows = await asyncio.to_thread(_printers, database(self.home_assistant))
        registry: list[dict[str, Any]] = await self.home_assistant.client.call(
            "config/entity_registry/list"
        )
        by_unique_id = {
            entity["unique_id"]: entity["entity_id"]
            for entity in registry
            if entity["platform"] == DOMAIN
        }
        for machine in self.machines:
            machine.printer_id = rows[machine.identity]
            sensor = by_unique_id[f"{machine.identity}_connected"]
            self._sensors[sensor] = machine.identity

    async def _subscribe(self) -> None:
        client = self.home_assistant.client
        await on_spool_events(client, self.changes.publish)
        await client.subscribe(
            "subscribe_entities", self._note, entity_ids=[*self._sensors]
        )

    def _note(self, message: Mapping[str, Any]) -> None:
        """Take states in the short form of `subscribe_entities`."""
        for entity_id, state in message.get("a", {}).items():
            self.connected[self._sensors[entity_id]] = state["s"] == "on"
        for entity_id, change in message.get("c", {}).items():
            if "s" in (plus := change.get("+", {})):
                self.connected[self._sensors[entity_id]] = plus["s"] == "on"


def _printers(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT identity, id FROM printers"))
