"""What a scenario found, and how to ask Home Assistant for it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
import sqlite3

from tests.e2e.client import Client
from tests.e2e.hass import HomeAssistant
from tests.e2e.integration import DOMAIN, Event

_POLL: float = 0.5


class Verdict:
    """Facts, of which some have to hold."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.passed = True
        self._facts: list[str] = []

    def check(self, holds: bool, fact: str, found: object = "") -> None:
        """Add a fact that has to hold, with what was found where it does not."""
        self.passed &= holds
        self._facts.append(fact if holds else f"NOT: {fact} ({found})")

    def note(self, fact: str) -> None:
        """Add a fact that is only of interest."""
        self._facts.append(fact)

    def line(self, name: str) -> str:
        """Return it in one line."""
        return (
            f"{name}: {'passed' if self.passed else 'FAILED'}: {'; '.join(self._facts)}"
        )


async def until(true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Wait until it is true, at most so long; return whether it is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await true():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


async def repairs(client: Client) -> set[str]:
    """Return the ids of our repairs."""
    issues = (await client.call("repairs/list_issues"))["issues"]
    return {issue["issue_id"] for issue in issues if issue["domain"] == DOMAIN}


async def repair_is_shown(client: Client, key: str, seconds: float = 60) -> bool:
    """Wait for a repair whose id begins with this."""

    async def shown() -> bool:
        return any(issue.startswith(key) for issue in await repairs(client))

    return await until(shown, seconds)


async def repair_is_gone(client: Client, key: str, seconds: float = 60) -> bool:
    """Wait until there is no repair whose id begins with this."""

    async def gone() -> bool:
        return not any(issue.startswith(key) for issue in await repairs(client))

    return await until(gone, seconds)


def database(home_assistant: HomeAssistant) -> Path:
    """Return the path of the store."""
    return home_assistant.folder / ".storage" / DOMAIN / f"{DOMAIN}.db"


def sound(path: Path) -> bool:
    """Return whether SQLite finds no fault in a database that is not being written."""
    with closing(sqlite3.connect(path)) as db:
        return bool(
            db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            and not db.execute("PRAGMA foreign_key_check").fetchall()
        )


async def stop_in_order(verdict: Verdict, home_assistant: HomeAssistant) -> None:
    """Stop it, without a repair before and with a sound database after it."""
    verdict.check(not await repairs(home_assistant.client), "there is no repair")
    await home_assistant.stop()
    verdict.check(
        await asyncio.to_thread(sound, database(home_assistant)),
        "the database is sound",
    )


def once(published: list[Event], stored: list[str]) -> str:
    """Return what is wrong between published and stored events; empty: nothing."""
    ids = [event["event_id"] for event in published]
    wrong = {
        "published twice": len(ids) - len(set(ids)),
        "stored twice": len(stored) - len(set(stored)),
        "not stored": len(set(ids) - set(stored)),
        "not published": len(set(stored) - set(ids)),
    }
    return ", ".join(f"{count} {what}" for what, count in wrong.items() if count)
