"""A fake Klippy, Klipper's host process, behind a real Moonraker.

It answers Moonraker's requests on Klippy's Unix socket, and behaves like Klippy where it
matters to clients (docs/protocols/moonraker.md 1.6, 8.1). The status is read every 0.25 s and
compared field by field with the objects seen last, so that a list changed in place is not
a change. A subscription to a whole object covers the fields it had at first. What does not
exist is `{}` as an object and null as a field.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
import json
from pathlib import Path
from typing import Any, Self

type Status = dict[str, dict[str, Any]]
type Fields = list[str] | None

REFRESH = 0.25
_END = b"\x03"
_ENDPOINTS = (
    "info",
    "list_endpoints",
    "objects/list",
    "objects/query",
    "objects/subscribe",
    "gcode/script",
    "gcode/restart",
    "gcode/firmware_restart",
    "gcode/subscribe_output",
    "emergency_stop",
    "register_remote_method",
)


def plain_printer() -> Status:
    """Return the objects of every printer that Moonraker reads."""
    return {
        "configfile": {"config": {}, "settings": {}, "warnings": []},
        "virtual_sdcard": {"progress": 0.0, "is_active": False, "file_path": None},
        "display_status": {"progress": 0.0, "message": None},
        "pause_resume": {"is_paused": False},
        "print_stats": {"state": "standby", "filename": "", "info": {}},
        "idle_timeout": {"state": "Idle"},
        "heaters": {"available_heaters": [], "available_sensors": []},
        "toolhead": {"extruder": "extruder", "position": [0.0, 0.0, 0.0, 0.0]},
        "extruder": {"temperature": 25.0, "target": 0.0},
    }


class Klippy:
    """The printer: `objects` are its status, which a test may change.

    Closed while the printer is off. boots: how often it was started.
    """

    def __init__(
        self,
        path: Path,
        objects: Mapping[str, Any] | None = None,
        *,
        speed: float = 1.0,
    ) -> None:
        """Create it switched off; `objects` are added to those of a plain printer."""
        self.path = path
        self.speed = speed
        self.objects: Status = plain_printer() | dict(objects or {})
        self.state = "startup"
        self.state_message = "Printer is not ready"
        self.boots = 0
        self.last: Status = {}
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Switch it on, ready."""
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Switch it off."""
        await self.stop()

    async def start(self, state: str = "ready", objects: Status | None = None) -> None:
        """Boot into a state; `objects` replace the old ones."""
        self.boots += 1
        self.objects |= objects or {}
        self.enter(state)
        self.last = {}
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        self._refreshing = asyncio.create_task(self._refresh())

    async def stop(self) -> None:
        """Switch it off: the socket closes."""
        if self._server is None or self._refreshing is None:
            return
        self._server.close()
        self._refreshing.cancel()
        for client in tuple(self._clients):
            client.close()
        await self._server.wait_closed()
        await asyncio.gather(self._refreshing, return_exceptions=True)
        self._server = self._refreshing = None

    async def restart(
        self, state: str = "ready", objects: Status | None = None
    ) -> None:
        """Restart as with RESTART or FIRMWARE_RESTART: the socket closes meanwhile."""
        await self.stop()
        await self.start(state, objects)

    def enter(self, state: str) -> None:
        """Change the state: startup, ready, error or shutdown."""
        self.state = state
        self.state_message = f"Printer is {state}"

    async def pause(self, seconds: float) -> None:
        """Let the printer's time pass."""
        await asyncio.sleep(seconds / self.speed)

    def now(self) -> float:
        """Return the printer's time, from any zero."""
        return asyncio.get_running_loop().time() * self.speed

    def set(self, name: str, /, **fields: Any) -> None:
        """Change fields of an object, or make it appear."""
        self.objects[name] = self.objects.get(name, {}) | fields

    def drop(self, name: str) -> None:
        """Make an object disappear."""
        del self.objects[name]

    def look(self, name: str) -> dict[str, Any]:
        """Return the current status of an object; its lists are not copied."""
        if name == "webhooks":
            return {"state": self.state, "state_message": self.state_message}
        return dict(self.objects.get(name, {}))

    def names(self) -> list[str]:
        """Return the answer to `objects/list`."""
        return ["webhooks", *self.objects]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        client = _Client(self, writer)
        self._clients.add(client)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    message = await reader.readuntil(_END)
                    client.answer(json.loads(message[:-1]))
        finally:
            self._clients.discard(client)
            client.close()

    async def _refresh(self) -> None:
        while True:
            await self.pause(REFRESH)
            before, self.last = self.last, {}
            for client in tuple(self._clients):
                client.refresh(before)


class _Client:
    """One connection to the socket, with its one subscription."""

    def __init__(self, klippy: Klippy, writer: asyncio.StreamWriter) -> None:
        self._klippy = klippy
        self._writer = writer
        self._wanted: dict[str, Fields] = {}
        self._template: dict[str, Any] = {}
        self.asked: list[tuple[int | None, dict[str, Fields]]] = []
        self._calls: dict[str, Callable[[dict[str, Any]], Any]] = {
            "info": self._info,
            "list_endpoints": lambda params: {"endpoints": list(_ENDPOINTS)},
            "objects/list": lambda params: {"objects": klippy.names()},
        }

    def close(self) -> None:
        self._writer.close()

    def answer(self, request: dict[str, Any]) -> None:
        """Answer a request, at once or with the next status update."""
        number, params = request.get("id"), request.get("params", {})
        match request["method"]:
            case "objects/query" | "objects/subscribe" as method:
                objects = params.get("objects")
                if not isinstance(objects, dict):
                    self._send(
                        {
                            "id": number,
                            "error": {
                                "error": "WebRequestError",
                                "message": "Invalid Argument Type [objects]",
                            },
                        }
                    )
                    return
                if method == "objects/subscribe":
                    self._wanted = dict(objects)
                    self._template = params.get("response_template", {})
                self.asked.append((number, dict(objects)))
            case method:
                call = self._calls.get(method)
                self._send({"id": number, "result": call(params) if call else {}})

    def refresh(self, before: Status) -> None:
        """Answer pending requests, and send the changes since the last update."""
        asked, self.asked = self.asked, []
        for number, wanted in asked:
            status = {
                name: {field: seen.get(field) for field in fields}
                for name, seen, fields in self._seen(wanted)
            }
            result = {"eventtime": self._klippy.now(), "status": status}
            self._send({"id": number, "result": result})
        changes: Status = {}
        for name, seen, fields in self._seen(self._wanted):
            old = before.get(name, {})
            changed = {f: seen.get(f) for f in fields if seen.get(f) != old.get(f)}
            if changed:
                changes[name] = changed
        if changes:
            update = {"eventtime": self._klippy.now(), "status": changes}
            self._send(self._template | {"params": update})

    def _seen(
        self, wanted: dict[str, Fields]
    ) -> list[tuple[str, dict[str, Any], list[str]]]:
        found = []
        for name, fields in wanted.items():
            seen = self._klippy.last.setdefault(name, self._klippy.look(name))
            if fields is None and seen:
                fields = wanted[name] = list(seen)
            found.append((name, seen, fields or []))
        return found

    def _info(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            "state": self._klippy.state,
            "state_message": self._klippy.state_message,
            "hostname": "workshop",
            "klipper_path": "/home/pi/klipper",
            "python_path": "/home/pi/klipper/bin/python",
            "log_file": "",
            "config_file": "",
            "software_version": "v0.13.0",
            "cpu_info": "",
        }

    def _send(self, message: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + _END)
