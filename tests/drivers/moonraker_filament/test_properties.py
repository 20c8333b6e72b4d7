"""Properties: any address and any message is accepted or refused without a crash."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.filament_slots.drivers.base import (
    Counters,
    DriverError,
    ErrorCode,
)
from custom_components.filament_slots.drivers.moonraker_filament.jsonrpc import JsonRpc
from custom_components.filament_slots.drivers.moonraker_filament.url import (
    websocket_url,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "result", "error", "method", "params", "status"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
MESSAGES = st.lists(st.binary(max_size=20) | JSON.map(orjson.dumps), max_size=20)


@given(st.text(max_size=40) | st.from_regex(r"(https?://)?[a-z.:\[\]@/%0-9]{0,20}"))
def test_any_text_is_an_address_or_a_value_error(typed: str) -> None:
    try:
        url = websocket_url(typed, 7125)
    except ValueError:
        return
    assert url.scheme in {"ws", "wss"}
    assert url.host
    assert url.path.endswith("/websocket")
    assert url.port is not None
    assert url.user is None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as aiohttp hands it out."""

    data: bytes
    type: aiohttp.WSMsgType = aiohttp.WSMsgType.TEXT


class Socket:
    """A socket on which these arrive, and then the end."""

    close_code = None

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[Message]:
        for message in self._messages:
            yield Message(message)


@given(MESSAGES)
def test_whatever_arrives_is_received_and_taken_or_counted(
    messages: list[bytes],
) -> None:
    taken: list[dict[str, Any]] = []
    received: list[bytes] = []
    counters = Counters()
    socket: Any = Socket(messages)

    def process(message: bytes, take: Callable[[bytes], None]) -> None:
        received.append(message)
        take(message)

    rpc = JsonRpc(socket, taken.append, process, counters)

    with pytest.raises(DriverError) as ended:
        asyncio.run(rpc.listen())

    assert ended.value.code is ErrorCode.CONNECTION_LOST
    assert received == messages
    assert len(taken) + counters.ignored + counters.decode_errors == len(messages)
    assert all(isinstance(frame["method"], str) for frame in taken)
