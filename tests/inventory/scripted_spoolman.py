"""The virtual Spoolman as the scripted server of the conformance suite."""

from datetime import timedelta
import json
from typing import Any, override

import aiohttp

from custom_components.filament_slots.inventory.spoolman.writes import TAG_FIELD

from .conformance import ScriptedServer
from .spoolman_bodies import Entity, TagBody
from .spoolman_server import SpoolmanServer

KEY = "s3cr3t-key"
# Frames that say nothing of a spool.
BAD_FRAMES = (
    "",
    "{",
    "[]",
    "null",
    "5",
    '{"status": "healthy"}',
    '{"type": "updated", "resource": "spool"}',
    '{"type": "updated", "resource": "spool", "payload": null}',
    '{"type": "updated", "resource": "spool", "payload": {"id": "1"}}',
    '{"type": "updated", "resource": "spool", "payload": {"id": true, "registered": 5}}',
    '{"type": "deleted", "resource": "spool", "payload": []}',
    '{"type": "deleted", "resource": "spool", "payload": {"id": -1}}',
    '{"type": "exploded", "resource": "spool", "payload": {"id": 1}}',
    '{"type": "updated", "resource": "printer", "payload": {"id": 1}}',
    '{"type": 5, "resource": [], "payload": "?"}',
)


class ScriptedSpoolman(ScriptedServer):
    """A server that demands a key."""

    secrets = (KEY,)

    def __init__(self, *, has_tags: bool = False) -> None:
        """Create it with two spools, switched off.

        has_tags: whether it is of a version that stores tags.
        """
        self.server = SpoolmanServer(has_tags=has_tags)
        self.relays_scans = has_tags
        self.server.api_key = KEY
        for name in ("Jade White", "Silk Gold"):
            self.server.add_spool(filament={"name": name, "weight": 1000})
        if has_tags:
            first = self.server.database.row(Entity.SPOOL, 1)
            self.server.database.add_tag(first, TagBody(uid="04A2B3C4D5E680"))

    @property
    @override
    def config(self) -> dict[str, Any]:
        return {"url": self.server.url, "api_key": KEY}

    @override
    async def power_on(self) -> None:
        await self.server.start()

    @override
    async def power_off(self) -> None:
        await self.server.stop()

    @override
    async def add(self, name: str) -> int:
        if not self.server.is_on:
            return self.server.add_spool(filament={"name": name})
        filament = {"name": name, "density": 1.24, "diameter": 1.75}
        made = await self._call("POST", "filament", filament)
        spool = await self._call("POST", "spool", {"filament_id": made["id"]})
        return int(spool["id"])

    @override
    async def move(self, spool_id: int, location: str) -> None:
        await self._call("PATCH", f"spool/{spool_id}", {"location": location})

    @override
    async def delete(self, spool_id: int) -> None:
        await self._call("DELETE", f"spool/{spool_id}", None)

    @override
    def reuse(self, spool_id: int) -> None:
        self._row(spool_id)["registered"] += timedelta(days=1)

    @override
    def location(self, spool_id: int) -> str | None:
        found: str | None = self._row(spool_id)["location"]
        return found

    @override
    def tags(self, spool_id: int) -> list[str]:
        row = self._row(spool_id)
        if self.server.database.has_tags:
            return [tag["uid"] for tag in row["tags"]]
        text: str = json.loads(row["extra"].get(TAG_FIELD, '""'))
        return text.split(", ") if text else []

    @override
    def writes(self) -> int:
        return len(self.server.written)

    @override
    def fail_writes(self, *, stored: bool) -> None:
        self.server.failing_write = "stored" if stored else "lost"

    def _row(self, spool_id: int) -> dict[str, Any]:
        return self.server.database.row(Entity.SPOOL, spool_id)

    @override
    async def scan(self, tag: str) -> None:
        await self._call("POST", "tag/scan", {"uid": tag})

    @override
    def fall_silent(self) -> None:
        self.server.mute = True

    @override
    async def send_bad_input(self) -> None:
        for frame in BAD_FRAMES:
            await self.server.send(frame)

    @override
    def refuse(self) -> None:
        self.server.api_key = "another key"

    async def _call(self, method: str, path: str, body: Any) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method,
                f"{self.server.url}/api/v1/{path}",
                json=body,
                headers={"X-API-Key": self.server.api_key or ""},
            ) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()
