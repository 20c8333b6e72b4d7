"""Benchmark: a report that changes no slot, in a running Home Assistant."""

import asyncio
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
import sqlite3
from statistics import median
import sys
import tempfile
from time import clock_gettime, process_time, time

import orjson

from custom_components.filament_slots.drivers.bambulab_mqtt.config import Config
from custom_components.filament_slots.drivers.bambulab_mqtt.driver import Driver
from custom_components.filament_slots.drivers.bambulab_mqtt.session import open_session
from tests.drivers.fake_host import FakeHost
from tests.e2e.client import Client
from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import DOMAIN, add_entry, slots
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_hardware import VirtualBambu
from tests.printers.bambu_models import X1C, Kind, bambu_spool

from .bench_rig import announce, elsewhere, paced, start_requested

_SERIAL = "00M09A000000001"
_RATE = 10.0
_REPORTS = 200
_SECONDS = _REPORTS / _RATE
_ROUNDS = 3
# A printer that is silent for longer counts as disconnected.
_SELDOM = 5.0
# Between two looks at whether the store was written.
_LOOK = 0.1
# Home Assistant is busy for a while after its start.
_SETTLED = 45.0


async def running(reports: str) -> dict[str, float]:
    """Return the cost of a report at ten a second, and what was written because of them.

    reports: `delta` or `full`. report_ms: of CPU, of the whole process, beyond what
    it uses while the printer is idle (idle_ms_per_s). entities: of ours; written:
    how many of them were, changed or not. rows: of the recorder. commits: of our store,
    beyond the one of each minute that notes when printers were seen last.
    """
    with tempfile.TemporaryDirectory(prefix="filament-slots-") as name:
        folder = Path(name)
        async with (
            elsewhere(__name__, reports) as printers,
            HomeAssistant(folder) as home_assistant,
        ):
            client = home_assistant.client
            await add_entry(client, "bambulab_mqtt", printers.config)
            while not await slots(client, _SERIAL):
                await asyncio.sleep(0.2)
            await asyncio.sleep(_SETTLED)
            with (
                closing(_read_only(folder / "home-assistant_v2.db")) as recorder,
                closing(
                    _read_only(folder / ".storage" / DOMAIN / f"{DOMAIN}.db")
                ) as store,
            ):
                reported = await _reported(client)
                rows = _rows(recorder, reported)
                idle, busy = [], []
                done = asyncio.Event()
                counting = asyncio.create_task(_count_commits(store, done))
                for _ in range(_ROUNDS):
                    idle.append(await _cpu_seconds(home_assistant.pid))
                    await printers.talk()
                    busy.append(await _cpu_seconds(home_assistant.pid))
                rows = _rows(recorder, reported) - rows
                done.set()
                commits = await counting
            now = await _reported(client)
    more = _REPORTS - _SECONDS / _SELDOM
    return {
        "report_ms": (median(busy) - median(idle)) / more * 1000,
        "idle_ms_per_s": median(idle) / _SECONDS * 1000,
        "entities": len(reported),
        "written": sum(now[name] != at for name, at in reported.items()),
        "rows": rows,
        "commits": commits,
    }


async def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process during a round."""
    # The clock of another process, as clock_getcpuclockid(3) numbers it.
    clock = (~pid << 3) | 2
    began = clock_gettime(clock)
    await asyncio.sleep(_SECONDS)
    return clock_gettime(clock) - began


async def _reported(client: Client) -> dict[str, str]:
    """Return when each entity of the integration was written last, changed or not."""
    ours = {
        entity["entity_id"]
        for entity in await client.call("config/entity_registry/list")
        if entity["platform"] == DOMAIN
    }
    states = await client.states()
    return {name: states[name]["last_reported"] for name in ours & states.keys()}


def _rows(recorder: sqlite3.Connection, entities: Iterable[str]) -> int:
    """Count the rows of entities in the recorder."""
    (rows,) = recorder.execute(
        "SELECT count(*) FROM states JOIN states_meta USING (metadata_id)"
        " WHERE states_meta.entity_id IN (SELECT value FROM json_each(?))",
        (orjson.dumps([*entities]).decode(),),
    ).fetchone()
    return int(rows)


async def _count_commits(store: sqlite3.Connection, done: asyncio.Event) -> int:
    """Count the commits of another process until done, beyond one at each full minute."""
    minute, version, commits = int(time() // 60), _version(store), 0
    while not done.is_set():
        await asyncio.sleep(_LOOK)
        before, version = version, _version(store)
        commits += version != before
    return max(0, commits - (int(time() // 60) - minute))


def _version(store: sqlite3.Connection) -> int:
    """Return a number that every commit of another connection changes."""
    (version,) = store.execute("PRAGMA data_version").fetchone()
    return int(version)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


async def reading(reports: str) -> float:
    """Return the cost of only receiving such reports.

    In ms of CPU for each, in a process that does nothing else and throws them away:
    asyncio's, TLS's and paho's part.
    """
    async with elsewhere(__name__, reports) as printers:
        services = FakeHost().services
        found = await Driver.probe(printers.config, services)
        config = Config.model_validate(printers.config | found.config)
        async with open_session(config, services, lambda report: None) as session:
            await session.subscribe()
            await asyncio.sleep(_SELDOM)
            await printers.talk()
            worked = process_time()
            await asyncio.sleep(_SECONDS)
            worked = process_time() - worked
    return worked / _REPORTS * 1000


async def _talk(reports: str) -> None:
    """Run a virtual printer that is idle except for a round of reports on request."""
    hardware = VirtualBambu(X1C, _SERIAL)
    for unit in range(2):
        hardware.add_unit(
            Kind.PRO, unit, *(bambu_spool(unit * 4 + tray) for tray in range(4))
        )
    async with BambuPrinter(hardware) as printer:

        def report() -> None:
            printer.publish(
                hardware.report_full() if reports == "full" else hardware.chatter()
            )

        asked = ("host", "port", "serial", "access_code")
        announce({key: printer.config[key] for key in asked})
        while True:
            request = asyncio.create_task(start_requested())
            while not request.done():
                report()
                await asyncio.wait({request}, timeout=_SELDOM)
            async for _ in paced(_REPORTS, _RATE):
                report()


if __name__ == "__main__":
    asyncio.run(_talk(sys.argv[1]))
