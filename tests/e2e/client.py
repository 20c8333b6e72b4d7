"""A client of Home Assistant: REST calls and one websocket."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

import aiohttp


class HomeAssistantError(Exception):
    """Home Assistant refused a request."""


class Client:
    """A connection that is logged in; made by `connect`, ended by `close`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        token: str,
    ) -> None:
        """Use `connect` instead."""
        self._session = session
        self._socket = socket
        self.token = token
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Callable[[Any], None]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, session: aiohttp.ClientSession, token: str) -> Self:
        """Open the websocket and log in with `token`."""
        socket = await session.ws_connect("/api/websocket", max_msg_size=0)
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        answer = await socket.receive_json()
        if answer["type"] != "auth_ok":
            await socket.close()
            raise HomeAssistantError(f"login refused: {answer}")
        return cls(session, socket, token)

    async def close(self) -> None:
        """Close the websocket."""
        await self._socket.close()
        await self._reader

    async def get(self, path: str) -> Any:
        """Return the answer to GET /api/`path`."""
        return await self._request("GET", path)

    async def post(self, path: str, body: object) -> Any:
        """Return the answer to POST /api/`path` with the JSON `body`."""
        return await self._request("POST", path, json=body)

    async def delete(self, path: str) -> Any:
        """Return the answer to DELETE /api/`path`."""
        return await self._request("DELETE", path)

    async def states(self, domain: str = "") -> dict[str, dict[str, Any]]:
        """Return all states of `domain` by entity id."""
        return {
            state["entity_id"]: state
            for state in await self.get("states")
            if state["entity_id"].startswith(domain)
        }

    async def call(self, command: str, **fields: object) -> Any:
        """Send a websocket command and return its result."""
        number, answer = self._expect_answer()
        await self._socket.send_json({"id": number, "type": command, **fields})
        return await answer

    async def on_event(self, event_type: str, listener: Callable[[Any], None]) -> None:
        """Call `listener` with each event of `event_type` on Home Assistant's bus."""
        await self.subscribe("subscribe_events", listener, event_type=event_type)

    async def subscribe(
        self, command: str, listener: Callable[[Any], None], **fields: object
    ) -> None:
        """Send a command that subscribes; call `listener` with each of its messages."""
        number, answer = self._expect_answer()
        self._listeners[number] = listener
        await self._socket.send_json({"id": number, "type": command, **fields})
        await answer

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.request(
            method, f"/api/{path}", headers=headers, **options
        ) as response:
            if response.status >= 400:
                raise HomeAssistantError(
                    f"{method} {path}: {response.status} {await response.text()}"
                )
            return await response.json()

    def _expect_answer(self) -> tuple[int, asyncio.Future[Any]]:
        number = next(self._ids)
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        return number, answer

    async def _read(self) -> None:
        async for frame in self._socket:
            message = frame.json()
            match message["type"]:
                case "event":
                    self._listeners[message["id"]](message["event"])
                case "result" if message["success"]:
                    self._answers.pop(message["id"]).set_result(message["result"])
                case "result":
                    self._answers.pop(message["id"]).set_exception(
                        HomeAssistantError(str(message["error"]))
                    )
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(HomeAssistantError("the connection was closed"))
