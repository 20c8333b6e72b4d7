"""Scenarios: two Home Assistants on one folder, and 50 printers that do not answer."""

import asyncio
from contextlib import ExitStack
import hashlib
import json
from pathlib import Path
import socket
import time
from typing import Any, Final

from tests.e2e.client import Client, HomeAssistantError
from tests.e2e.hass import HomeAssistant, listen_on
from tests.e2e.integration import (
    DOMAIN,
    Event,
    add_printer,
    complaints,
    on_spool_events,
    stored,
    until_shown,
    wait_until,
)
from tests.printers.bambu import HOST, BambuPrinter
from tests.printers.bambu_scenarios import WHITE, x1c
from tests.printers.box_turtle import KlipperPrinter

from .verdict import Verdict, database, once, repair_is_gone, repair_is_shown

_PRINTERS: Final = 50
_STOP_SECONDS: Final = 15.0


async def two_instances(folder: Path) -> Verdict:
    """Start a second one on the folder of the first; then stop the first."""
    verdict = Verdict()
    async with (
        BambuPrinter(x1c(), chatter=1.0) as printer,
        HomeAssistant(_made(folder / "first")) as first,
    ):
        entry_id = await add_printer(first.client, printer)
        await until_shown(first.client, printer.hardware, 40)
        published: list[Event] = []
        await on_spool_events(first.client, published.append)
        second = HomeAssistant(_made(folder / "second"))
        second.folder = first.folder
        second.log_in_as(first)
        listen_on(first.folder, second.port)
        try:
            await second.start()
        except HomeAssistantError:
            verdict.note("Home Assistant's own lock refuses the second one")
        finally:
            await second.kill()
        # As where that lock does not reach: an older version, another file system.
        (first.folder / ".ha_run.lock").unlink()
        before = await asyncio.to_thread(_content, database(first))
        async with second:
            entry = await _entry(second.client, entry_id)
            verdict.check(
                entry["state"] == "setup_retry"
                and entry["error_reason_translation_key"] == "store_in_use",
                "with that lock removed its entry waits, with the reason",
                entry,
            )
            verdict.check(
                await repair_is_shown(second.client, "store_in_use"),
                "it shows a repair",
            )
            verdict.check(
                await asyncio.to_thread(_content, database(first)) == before,
                "the database is unchanged, byte by byte",
            )
            await printer.play(printer.hardware.insert(1, 3, WHITE))
            await wait_until(lambda: bool(published), 60)
            wrong = once(published, stored(first))
            verdict.check(
                len(published) == 1 and not wrong,
                "the first one reports an insertion once",
                wrong or published,
            )
            await first.stop()
            await second.client.post(
                f"config/config_entries/entry/{entry_id}/reload", {}
            )
            entry = await _entry(second.client, entry_id)
            verdict.check(
                entry["state"] == "loaded"
                and await repair_is_gone(second.client, "store_in_use"),
                "after the end of the first one the second one loads it",
                entry,
            )
            await until_shown(second.client, printer.hardware, 40)
            verdict.check(len(stored(second)) == 1, "and repeats no event")
    return verdict


async def unreachable(folder: Path) -> Verdict:
    """Stop with 50 printers: a third refuses, a third is silent, a third drops packets."""
    verdict = Verdict()
    with ExitStack() as stack:
        ports = unanswering(stack)
        async with HomeAssistant(_made(folder)) as home_assistant:
            client = home_assistant.client
            async with BambuPrinter(x1c()) as bambu, KlipperPrinter() as klipper:
                await add_printer(client, bambu)
                await add_printer(client, klipper)
            await home_assistant.stop()
            await asyncio.to_thread(_multiply, home_assistant.folder, ports)
            await home_assistant.start()
            client = home_assistant.client
            entries = await client.call("config_entries/get", domain=DOMAIN)
            states = [entry["state"] for entry in entries]
            verdict.check(
                states == ["loaded"] * _PRINTERS,
                f"{len(states)} unreachable printers are loaded",
                states,
            )
            # By now every driver is in a connection, or between two.
            await asyncio.sleep(20)
            began = time.monotonic()
            await home_assistant.stop()
            took = time.monotonic() - began
            verdict.check(took < _STOP_SECONDS, f"stopping takes {took:.1f} s")
            found = [
                line
                for line in complaints(home_assistant)
                if "is unavailable" not in line
            ]
            log = home_assistant.log()
            verdict.check(
                not found
                and "Timed out waiting" not in log
                and "was never retrieved" not in log,
                "the log has no complaint but that they are unavailable",
                found[:3],
            )
    return verdict


async def _entry(client: Client, entry_id: str) -> dict[str, Any]:
    answer = await client.call("config_entries/get_single", entry_id=entry_id)
    entry: dict[str, Any] = answer["config_entry"]
    return entry


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _content(path: Path) -> dict[str, tuple[str, int]]:
    """Return the files of the store with their digests and times of change."""
    return {
        file.name: (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
        )
        for file in path.parent.iterdir()
        # The index of the journal, which the first one's readers use.
        if not file.name.endswith("-shm")
    }


def _multiply(folder: Path, ports: list[int]) -> None:
    """Make 50 entries of the two in the folder, at these ports in turn."""
    path = folder / ".storage" / "core.config_entries"
    content = json.loads(path.read_text())
    entries = content["data"]["entries"]
    ours = [entry for entry in entries if entry["domain"] == DOMAIN]
    for number in range(_PRINTERS):
        entry = json.loads(json.dumps(ours[number % len(ours)]))
        serial = f"{number:015d}"
        entry |= {
            "entry_id": f"{entry['entry_id'][:-3]}{number:03d}",
            "unique_id": serial,
            "title": f"Printer {number}",
        }
        entry["data"]["port"] = ports[number % len(ports)]
        if "serial" in entry["data"]:
            entry["data"]["serial"] = serial
        entries.append(entry)
    for entry in ours:
        entries.remove(entry)
    path.write_text(json.dumps(content))


def unanswering(stack: ExitStack) -> list[int]:
    """Return ports: one that refuses, one that is silent, one that drops packets."""
    return [_refusing(), _silent(stack), _dropping(stack)]


def _refusing() -> int:
    """Return a port at which nothing listens."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def _silent(stack: ExitStack) -> int:
    """Return a port that accepts connections and never answers."""
    server = stack.enter_context(socket.create_server((HOST, 0), backlog=1024))
    return int(server.getsockname()[1])


def _dropping(stack: ExitStack) -> int:
    """Return a port that does not answer at all: its queue is full."""
    server = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
    port = int(server.getsockname()[1])
    for _ in range(4):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex((HOST, port))
    return port
