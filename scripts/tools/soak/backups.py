"""Scenarios: Home Assistant's own backup and restore."""

import asyncio
from collections.abc import Mapping
from contextlib import closing, suppress
import io
from pathlib import Path
import shutil
import socket
import sqlite3
import tarfile
import time
from typing import Any, Final

import aiohttp
from ulid_transform import bytes_to_ulid

from tests.e2e.client import HomeAssistantError
from tests.e2e.hass import INTEGRATION, HomeAssistant
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
from tests.printers.bambu import BambuPrinter
from tests.printers.bambu_scenarios import WHITE, x1c

from .disk import set_host_name
from .verdict import Verdict, stop_in_order, until

_RATE: Final = 1000.0
_AGENT: Final = "backup.local"
_BEFORE: Final = 5.0
# At this rate Home Assistant's recorder has a backlog, and cannot be locked for a backup.
_NOT_RECORDED: Final = """\
  exclude:
    domains: [binary_sensor, event, sensor]
    event_types:
      - filament_slots_spool_inserted
      - filament_slots_spool_removed
"""
_LOAD: Final = Path(__file__).with_name("load")


async def backup(folder: Path) -> Verdict:
    """Back up while a thousand events a second are emitted, go on, and restore."""
    verdict = Verdict()
    home_assistant = _with_backup(folder, load=True)
    async with home_assistant:
        client = home_assistant.client
        async with BambuPrinter(x1c(), chatter=1.0) as printer:
            await add_printer(client, printer)
            await until_shown(client, printer.hardware, 40)
        await client.call("filament_slots_load/start", rate=_RATE)
        await asyncio.sleep(_BEFORE)
        began = time.time()
        backup_id = await _back_up(home_assistant)
        took = time.time() - began
        await asyncio.sleep(_BEFORE)
        seconds = time.time() - began + _BEFORE
        async with asyncio.timeout(300):
            done = await client.call("filament_slots_load/stop")
        emitted: list[str] = done["emitted"]
        published = {event_id: at for event_id, at, _ in done["published"]}
        late = sum(not persisted for _, _, persisted in done["published"])
        verdict.note(
            f"{len(emitted):,} events in {seconds:.0f} s"
            f" ({len(emitted) / seconds:,.0f}/s), a backup of {took:.1f} s among them"
        )
        verdict.note("the recorder leaves them out")
        verdict.note(f"longest pause of the event loop {done['longest']:.2f} s")
        verdict.check(
            len(done["published"]) == len(published) == len(emitted) and not late,
            "each is published once, and as stored",
            (len(done["published"]), len(published), late),
        )
        now = [each for each in stored(home_assistant) if each in published]
        verdict.check(now == emitted, "each is stored once, in order", len(now))

        copied = await asyncio.to_thread(_in_backup, home_assistant, backup_id)
        kept = [event_id for event_id in copied if event_id in published]
        due = [event_id for event_id in emitted if published[event_id] < began]
        verdict.check(
            kept == emitted[: len(kept)] and len(kept) >= len(due),
            f"the backup contains {len(kept):,} of them, from the first on, with all"
            f" {len(due):,} that were published before it",
            len(kept),
        )
        await _restore(home_assistant, backup_id)
        await home_assistant.start()
        client = home_assistant.client
        loaded = await _loaded(home_assistant)
        found = [each for each in stored(home_assistant) if each in published]
        verdict.check(
            loaded and found == kept,
            f"after the restore {len(found):,} are there and the entry is loaded",
            (loaded, len(found), len(kept)),
        )
        await stop_in_order(verdict, home_assistant)
    return verdict


async def restore(folder: Path) -> Verdict:
    """Restore a backup on a machine with another name, and stop the old one."""
    verdict = Verdict()
    folders = [folder / "old", folder / "new"]
    for each in folders:
        each.mkdir(parents=True)
    async with BambuPrinter(x1c(), chatter=1.0) as printer:
        hardware = printer.hardware
        async with _with_backup(folders[0]) as old:
            await add_printer(old.client, printer)
            await until_shown(old.client, hardware, 40)
            published: list[Event] = []
            await on_spool_events(old.client, published.append)
            await printer.play(hardware.insert(1, 3, WHITE))
            await wait_until(lambda: len(published) == 1, 60)
            name = await _back_up(old)
            content = await asyncio.to_thread(_archive(old, name).read_bytes)
            # What happens after the backup is only known to the old machine.
            await printer.play(hardware.remove(1, 1))
            await wait_until(lambda: len(published) == 2, 60)
            await old.stop()
        here = socket.gethostname()
        set_host_name("another-machine")
        try:
            async with _with_backup(folders[1]) as new:
                await _upload(new, content)
                await _restore(new, name)
                # The restored configuration has the port and the login of the old one.
                new.port = old.port
                new.log_in_as(old)
                await new.start()
                verdict.check(await _loaded(new), "the entry is loaded")
                await until_shown(new.client, hardware, 60)
                events = stored(new)
                verdict.check(
                    len(events) == 2
                    and events[0] == published[0]["event_id"]
                    and events[1] != published[1]["event_id"],
                    "history is that of the backup, and what happened since is found"
                    " once, as an event of its own",
                    events,
                )
                late = await _events(new)
                verdict.check(
                    late[0]["meta"]["detected_late"] is True
                    and late[0]["event_type"] == "spool_removed",
                    "it is late",
                    late[0],
                )
                found = complaints(new)
                verdict.check(not found, "the log has no complaint", found[:3])
                await stop_in_order(verdict, new)
        finally:
            set_host_name(here)
    return verdict


def _with_backup(folder: Path, *, load: bool = False) -> HomeAssistant:
    """Prepare one with its backup integration; what is backed up are no links."""
    home_assistant = HomeAssistant(folder)
    more = "\nbackup:\n" + (f"{_LOAD_DOMAIN}:\n" if load else "")
    configuration = folder / "configuration.yaml"
    text = configuration.read_text() + more
    if load:
        text = text.replace("recorder:\n", f"recorder:\n{_NOT_RECORDED}", 1)
    configuration.write_text(text)
    components = folder / "custom_components"
    (components / DOMAIN).unlink()
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INTEGRATION, components / DOMAIN, ignore=no_cache)
    if load:
        shutil.copytree(_LOAD, components / _LOAD_DOMAIN, ignore=no_cache)
    return home_assistant


_LOAD_DOMAIN: Final = "filament_slots_load"


async def _back_up(home_assistant: HomeAssistant) -> str:
    """Make a backup; return its id."""
    client = home_assistant.client
    await client.call("backup/generate", agent_ids=[_AGENT], name="Soak")
    made: list[Mapping[str, Any]] = []

    async def is_done() -> bool:
        info = await client.call("backup/info")
        made[:] = info["backups"]
        return bool(made) and info["state"] == "idle"

    if not await until(is_done, 240):
        raise TimeoutError("the backup did not end")
    return str(made[0]["backup_id"])


async def _restore(home_assistant: HomeAssistant, backup_id: str) -> None:
    """Let Home Assistant restore a backup, and wait until it ends to be restarted."""
    # It may end before it answers.
    with suppress(HomeAssistantError):
        await home_assistant.client.call(
            "backup/restore", backup_id=backup_id, agent_id=_AGENT
        )
    await home_assistant.restarting()
    # The next process only puts the files in place.
    await home_assistant.restarting()


def _archive(home_assistant: HomeAssistant, backup_id: str) -> Path:
    """Return the one file in the folder of backups."""
    [path] = (home_assistant.folder / "backups").glob("*.tar")
    return path


def _in_backup(home_assistant: HomeAssistant, backup_id: str) -> list[str]:
    """Return the ids of the spool events in the store of a backup."""
    with tarfile.open(_archive(home_assistant, backup_id)) as outer:
        [packed] = [each for each in outer if each.name.endswith(".tar.gz")]
        content = outer.extractfile(packed)
        assert content is not None
        data = io.BytesIO(content.read())
    with tarfile.open(fileobj=data, mode="r:gz") as inner:
        folder = home_assistant.folder / "unpacked"
        folder.mkdir()
        for member in inner.getmembers():
            if f"/.storage/{DOMAIN}/" in f"/{member.name}" and member.isfile():
                source = inner.extractfile(member)
                assert source is not None
                (folder / Path(member.name).name).write_bytes(source.read())
    with closing(sqlite3.connect(folder / f"{DOMAIN}.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute(
            "SELECT event_id FROM slot_events WHERE event_type != 3 ORDER BY id"
        )
        return [bytes_to_ulid(event_id) for (event_id,) in rows]


async def _upload(home_assistant: HomeAssistant, content: bytes) -> None:
    """Upload a backup as the frontend does."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename="backup.tar")
    token = home_assistant.client.token
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{home_assistant.url}/api/backup/upload?agent_id={_AGENT}",
            data=form,
            headers={"Authorization": f"Bearer {token}"},
        ) as answer,
    ):
        answer.raise_for_status()


async def _loaded(home_assistant: HomeAssistant) -> bool:
    client = home_assistant.client

    async def loaded() -> bool:
        entries = await client.call("config_entries/get", domain=DOMAIN)
        return [entry["state"] for entry in entries] == ["loaded"]

    return await until(loaded, 60)


async def _events(home_assistant: HomeAssistant) -> list[Event]:
    """Return the newest page of history."""
    client = home_assistant.client
    [entry] = await client.call("config_entries/get", domain=DOMAIN)
    page = await client.call("filament_slots/events", entry_id=entry["entry_id"])
    events: list[Event] = page["events"]
    return events
