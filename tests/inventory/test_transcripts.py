"""The virtual Spoolman, held against transcripts of the real server.

The transcripts are no part of the project: FILAMENT_SLOTS_SPOOLMAN names their folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
import json
import math
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from .spoolman_bodies import Entity
from .spoolman_server import SpoolmanServer

FOLDER = Path(os.environ.get("FILAMENT_SLOTS_SPOOLMAN", "nowhere"))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="FILAMENT_SLOTS_SPOOLMAN names no folder"
)

type Entry = dict[str, Any]

# Recorded one after the other with one database, and what was changed in it before
# each without being recorded.
CHAIN: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]] = {
    "crud": (),
    "spool-writes": (),
    "list-filters": [("spool/2", {"location": "Shelf AB", "lot_nr": "batch_7%"})],
    "extra-fields": (),
    "locations": (),
    "errors": [("spool/1", {"location": "Shelf A"})],
    "websocket-events": [("spool/2", {"initial_weight": 1000, "used_weight": 0})],
    "one-bad-row": [
        ("filament/1", {"comment": "x"}),
        ("spool/1", {"location": "Shelf A"}),
        ("spool/2", {"location": "Shelf C"}),
    ],
}
# What no client of ours asks for, and the virtual server does not imitate.
NOT_IMITATED = (
    *("/export/", "/external/", "/search", "/spool/group", "/backup", "/auth/"),
)
TIMES = ("registered", "first_used", "last_used", "last_seen", "added", "date")
# Recorded by its paths only, or with texts that are not ours.
UNCOMPARED = ("/metrics",)
# Later than the rest, on a database that was used in between.
LATER = "(these two were recorded in a later run of the same server)"


def entries(name: str) -> list[Entry]:
    """Return the HTTP requests of a transcript that the virtual server imitates."""
    found = json.loads((FOLDER / f"{name}.json").read_text())["entries"]
    return [
        entry
        for entry in found
        if "method" in entry
        and not any(part in entry["path"] for part in NOT_IMITATED + UNCOMPARED)
    ]


async def replay(
    server: SpoolmanServer, session: aiohttp.ClientSession, entry: Entry
) -> tuple[int, Any, Any]:
    """Send a recorded request to the virtual server; return status, headers and body."""
    url = URL(f"http://127.0.0.1:{server.port}")
    url = url.with_path(entry["path"].replace("%2F", "/"))
    if "query" in entry:
        url = URL(f"{url}?{entry['query'].replace('#', '%23')}")
    headers = dict(entry.get("request_headers", {}))
    data: bytes | None = None
    if "request" in entry:
        data = json.dumps(full(entry["request"])).encode()
        headers["content-type"] = "application/json"
    elif "request_raw" in entry:
        data = entry["request_raw"].encode().replace("�".encode(), b"\xff")
        headers.setdefault("content-type", "application/json")
    async with session.request(
        entry["method"], url, data=data, headers=headers, allow_redirects=False
    ) as answer:
        text = await answer.text()
        is_json = answer.content_type == "application/json" and text
        return answer.status, answer.headers, json.loads(text) if is_json else text


def full(value: Any) -> Any:
    """Return a request with the texts that the recorder cut at their full length."""
    match value:
        case dict():
            return {key: full(entry) for key, entry in value.items()}
        case str() if "… (" in value or "…(" in value:
            shown, _, rest = value.partition("…")
            length = int(rest.removeprefix("(").split(" ", 1)[0])
            end = '"' if value.startswith('"') else ""
            return shown + shown[-1] * (length - len(shown) - len(end)) + end
    return value


def differences(recorded: Any, ours: Any, where: str = "") -> Iterator[str]:
    """Yield how an answer differs from the recorded one, where that is no matter of time."""
    key = where.rpartition(".")[2]
    match recorded:
        case dict() if "(cut)" in recorded:
            return
        case dict() if "(other keys)" in recorded:
            for name in recorded.keys() - {"(other keys)"}:
                yield from differences(
                    recorded[name], ours.get(name), f"{where}.{name}"
                )
        case dict() if isinstance(ours, dict):
            if recorded.keys() != ours.keys():
                yield f"{where}: keys {recorded.keys() ^ ours.keys()}"
            for name in recorded.keys() & ours.keys():
                yield from differences(recorded[name], ours[name], f"{where}.{name}")
        case list() if isinstance(ours, list):
            if len(recorded) != len(ours):
                yield f"{where}: {len(ours)} instead of {len(recorded)}"
            for number, pair in enumerate(zip(recorded, ours, strict=False)):
                yield from differences(*pair, f"{where}.{number}")
        case str() if key in TIMES:
            if not (isinstance(ours, str) and ours.endswith("Z")):
                yield f"{where}: {ours}"
        case str() if "cut by the recorder" in recorded or recorded.endswith("; cut)"):
            return
        case float() if isinstance(ours, float):
            if not math.isclose(recorded, ours, rel_tol=1e-9):
                yield f"{where}: {ours} instead of {recorded}"
        case _:
            if recorded != ours or type(recorded) is not type(ours):
                yield f"{where}: {ours!r} instead of {recorded!r}"


def compare(entry: Entry, status: int, headers: Any, body: Any) -> list[str]:
    """Return how our answer to a recorded request differs."""
    wrong = []
    if status != entry["status"]:
        wrong.append(f"status {status} instead of {entry['status']}")
    recorded = entry["body"]
    if isinstance(recorded, dict) and "ids" in recorded:
        body = {"ids": [row["id"] for row in body]}
    elif "body_items" in entry:
        if len(body) != entry["body_items"]:
            wrong.append(f"{len(body)} rows instead of {entry['body_items']}")
        body = body[: len(recorded)]
    elif isinstance(recorded, str) and "<title>" in recorded:
        recorded = body if "<title>" in body else recorded
    if entry.get("note") != LATER and not (entry.get("note") or "").startswith("NaN"):
        wrong += differences(recorded, body)
    for name in ("x-total-count", "allow"):
        if entry["headers"].get(name) != headers.get(name):
            wrong.append(f"{name}: {headers.get(name)}")
    if "location" in entry["headers"]:
        path = URL(entry["headers"]["location"]).path
        wrong += differences(path, URL(headers.get("location", "")).path, "location")
    return [
        f"{entry['method']} {entry['path']} {entry.get('query', '')}: {text}"
        for text in wrong
    ]


async def play(
    server: SpoolmanServer, name: str, *, after: float = -1, until: float = math.inf
) -> tuple[int, list[str]]:
    """Replay a transcript; return how many requests there were, and the differences.

    after, until: the seconds in the transcript of the part to replay.
    """
    played = [entry for entry in entries(name) if after < entry["t"] <= until]
    wrong: list[str] = []
    async with aiohttp.ClientSession() as session:
        for entry in played:
            answer = await replay(server, session, entry)
            wrong += [
                f"{name} {entry['t']}: {text}" for text in compare(entry, *answer)
            ]
    return len(played), wrong


async def play_frames(server: SpoolmanServer, name: str) -> tuple[int, list[str]]:
    """Do what a transcript did while sockets were open; compare the frames of each pool."""
    recorded = json.loads((FOLDER / f"{name}.json").read_text())["entries"]
    pools = {
        entry["ws"]: entry["path"]
        for entry in recorded
        if entry.get("event") == "connect"
    }
    count, wrong = 0, []
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        sockets = {
            pool: await stack.enter_async_context(
                session.ws_connect(f"http://127.0.0.1:{server.port}{path}")
            )
            for pool, path in pools.items()
        }
        for number, entry in enumerate(recorded):
            if "action" not in entry:
                continue
            count += 1
            rest = recorded[number + 1 :]
            until = next(
                i for i, e in enumerate(rest) if "action" in e or "control" in e
            )
            during = rest[:until]
            method, _, path = entry["action"].partition(" ")
            answer = await replay(
                server, session, {**entry, "method": method, "path": f"/api/v1{path}"}
            )
            status = next(e["answer"] for e in during if "answer" in e)
            if answer[0] != status:
                wrong.append(f"{entry['action']}: {answer[0]} instead of {status}")
            expected = {e["ws"]: e["frame"] for e in during if "frame" in e}
            for pool, socket in sockets.items():
                frame = await _frame(socket, 5 if pool in expected else 0.02)
                wrong += [
                    f"{entry['action']} {pool}: {text}"
                    for text in differences(expected.get(pool), frame)
                ]
    return count, wrong


async def _frame(socket: aiohttp.ClientWebSocketResponse, wait: float) -> Any:
    with suppress(TimeoutError):
        return json.loads(await socket.receive_str(timeout=wait))
    return None


async def test_one_database_is_created_filtered_changed_and_repaired_alike() -> None:
    wrong: list[str] = []
    count = 0
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        for name, unrecorded in CHAIN.items():
            for path, changes in unrecorded:
                url = f"{server.url}/api/v1/{path}"
                async with session.patch(url, json=changes) as answer:
                    assert answer.status == 200
            player = play_frames if name == "websocket-events" else play
            played, differing = await player(server, name)
            count += played
            wrong += differing

    assert wrong == []
    assert count > 350


@pytest.mark.parametrize("name", ["empty-server", "settings"])
async def test_a_fresh_server_answers_alike(name: str) -> None:
    async with SpoolmanServer() as server:
        count, wrong = await play(server, name)

    assert wrong == []
    assert count > 10


async def test_a_server_below_a_base_path_answers_alike() -> None:
    async with SpoolmanServer(base="/spoolman") as server:
        _, wrong = await play(server, "base-path")

    assert wrong == []


async def test_a_server_that_stores_tags_answers_alike() -> None:
    first = next(
        entry["t"]
        for entry in entries("tags")
        if entry["method"] == "POST" and entry["path"].endswith("/spool")
    )
    async with SpoolmanServer(has_tags=True) as server:
        before, wrong = await play(server, "tags", until=first)
        # The second spool was added without being recorded.
        server.add_spool(filament={"name": "F", "weight": 1000})
        server.database.row(Entity.SPOOL, 2)["filament_id"] = 1
        count, differing = await play(server, "tags", after=first)

    assert wrong + differing == []
    assert before + count > 35


async def test_a_server_with_users_refuses_alike() -> None:
    recorded = [entry for entry in entries("authentication") if entry["status"] == 401]
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        server.api_key = "a key"
        wrong = [
            text
            for entry in recorded
            for text in compare(entry, *await replay(server, session, entry))
        ]

    assert wrong == []
    assert len(recorded) > 3


async def test_origins_and_host_names_are_refused_alike() -> None:
    recorded = [
        entry
        for entry in entries("origin-and-cors")
        if entry["status"] in (400, 403)
        and "access-control" not in str(entry["headers"])
    ]
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        wrong = []
        for entry in recorded:
            server.allowed_host = (
                None if entry["status"] == 403 else "spool.example.org"
            )
            wrong += compare(entry, *await replay(server, session, entry))

    assert wrong == []
    assert len(recorded) == 3


async def test_handshakes_are_accepted_and_refused_alike() -> None:
    recorded = json.loads((FOLDER / "websocket-behaviour.json").read_text())["entries"]
    asked = {e["ws"]: e for e in recorded if e.get("event") == "connect"}
    results = [
        (asked[entry["ws"]], entry.get("http_status", 101))
        for entry in recorded
        if entry.get("event") in ("open", "refused")
        and entry["ws"] in asked
        and "error" not in entry
    ]
    found = []
    async with SpoolmanServer() as server, aiohttp.ClientSession() as session:
        for entry, _ in results:
            headers = {
                name: text.replace("17912", str(server.port))
                for name, text in entry.get("request_headers", {}).items()
            }
            url = f"http://127.0.0.1:{server.port}{entry['path']}"
            try:
                socket = await session.ws_connect(url, headers=headers)
            except aiohttp.WSServerHandshakeError as err:
                found.append(err.status)
            else:
                found.append(101)
                await socket.close()

    assert found == [status for _, status in results]
    assert len(found) > 10
