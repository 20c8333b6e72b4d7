"""When the API key is sent, and where to: never in the handshake, never after a redirect."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
import json
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from custom_components.filament_slots.drivers.moonraker_filament.url import (
    websocket_url,
)
from custom_components.filament_slots.network.http import redirect_target
from tests.drivers.fake_host import FakeHost

from .fake_moonraker import INSTANCE, FakeMoonraker, fake_moonraker

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = "hunter2hunter2"
INTRODUCTION = "server.connection.identify"


@pytest.fixture
async def fake_host() -> AsyncIterator[FakeHost]:
    async with aiohttp.ClientSession() as session:
        yield FakeHost(session=session)


@pytest.fixture
async def moonraker() -> AsyncIterator[FakeMoonraker]:
    async with fake_moonraker() as moonraker:
        yield moonraker


def config(moonraker: FakeMoonraker, **changes: Any) -> dict[str, Any]:
    return {**moonraker.config, "api_key": KEY, "instance_id": INSTANCE, **changes}


async def refusal(
    fake_host: FakeHost, config: Mapping[str, Any], attempt: str = "probe"
) -> DriverError:
    """Return the error with which a probe, or a recognition, fails."""
    with pytest.raises(DriverError) as refused:
        await getattr(Driver, attempt)(config, fake_host.services)
    return refused.value


async def test_the_key_is_sent_once_and_only_after_moonraker_has_refused_to_answer(
    fake_host: FakeHost, moonraker: FakeMoonraker
) -> None:
    moonraker.key = KEY

    found = await Driver.probe(config(moonraker), fake_host.services)

    assert found.identity == INSTANCE
    first, second, *others = moonraker.requests
    assert first["method"] == "server.info"
    assert second["method"] == INTRODUCTION
    assert second["params"]["api_key"] == KEY
    assert KEY not in json.dumps([first, *others, *moonraker.headers])


async def test_the_key_is_not_sent_to_a_moonraker_that_trusts_this_client(
    fake_host: FakeHost, moonraker: FakeMoonraker
) -> None:
    await Driver.probe(config(moonraker), fake_host.services)

    assert moonraker.asked(INTRODUCTION) == 1
    assert KEY not in json.dumps([moonraker.requests, moonraker.headers])


@pytest.mark.parametrize("key", ["", "another key"])
async def test_without_the_right_key_moonraker_is_asked_no_more(
    fake_host: FakeHost, moonraker: FakeMoonraker, key: str
) -> None:
    moonraker.key = KEY

    refused = await refusal(fake_host, config(moonraker, api_key=key))

    assert refused.code is ErrorCode.INVALID_AUTH
    assert {each["method"] for each in moonraker.requests} <= {
        "server.info",
        INTRODUCTION,
    }


# An address that only an announcement named.


@pytest.mark.parametrize("locked", [True, False])
async def test_nothing_proves_a_moonraker_before_it_has_the_key(
    fake_host: FakeHost, moonraker: FakeMoonraker, locked: bool
) -> None:
    moonraker.key = "whatever" if locked else None

    assert await Driver.recognise(config(moonraker), fake_host.services) is False

    assert moonraker.requests
    assert KEY not in json.dumps([moonraker.requests, moonraker.headers])


async def test_a_moonraker_without_a_key_is_recognised_by_its_id(
    fake_host: FakeHost, moonraker: FakeMoonraker
) -> None:
    known = config(moonraker, api_key="")

    assert await Driver.recognise(known, fake_host.services) is True


@pytest.mark.parametrize("key", ["", KEY])
async def test_a_moonraker_with_another_id_is_not_recognised(
    fake_host: FakeHost, moonraker: FakeMoonraker, key: str
) -> None:
    known = config(moonraker, api_key=key, instance_id="f" * 32)

    refused = await refusal(fake_host, known, "recognise")

    assert refused.code is ErrorCode.WRONG_PRINTER


async def test_a_moonraker_that_has_never_asked_for_a_key_is_not_recognised_locked(
    fake_host: FakeHost, moonraker: FakeMoonraker
) -> None:
    moonraker.key = KEY

    refused = await refusal(fake_host, config(moonraker, api_key=""), "recognise")

    assert refused.code is ErrorCode.INVALID_AUTH


# Redirects.


@asynccontextmanager
async def redirecting(status: int, location: str) -> AsyncIterator[str]:
    """Yield the URL of a server that redirects every request."""

    async def handle(request: web.Request) -> web.Response:
        assert "hunter2" not in str(request.headers)
        return web.Response(status=status, headers={"Location": location})

    application = web.Application()
    application.router.add_get("/{path:.*}", handle)
    async with TestServer(application) as server:
        yield str(server.make_url("/"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_its_target_is_named(
    fake_host: FakeHost, moonraker: FakeMoonraker, status: int
) -> None:
    async with redirecting(status, f"{moonraker.url}websocket") as url:
        refused = await refusal(fake_host, config(moonraker, host=url))

    assert refused.code is ErrorCode.REDIRECTED
    assert refused.detail == moonraker.url
    assert refused.placeholders == {"target": moonraker.url}
    assert refused.suggested == {}
    assert moonraker.headers == []


@pytest.mark.parametrize(
    ("location", "suggested"),
    [
        ("https://127.0.0.1/websocket", {"host": "https://127.0.0.1/"}),
        ("https://127.0.0.1:7130/k1/websocket", {"host": "https://127.0.0.1:7130/k1"}),
        ("https://127.0.0.2/websocket", {}),
        ("http://127.0.0.1:81/websocket", {}),
        ("/elsewhere", {}),
    ],
)
async def test_the_same_host_over_https_is_suggested(
    fake_host: FakeHost, location: str, suggested: dict[str, str]
) -> None:
    async with redirecting(301, location) as url:
        refused = await refusal(fake_host, {"host": url, "api_key": KEY})

    assert refused.code is ErrorCode.REDIRECTED
    assert refused.suggested == suggested


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://user:pass@voron.lan/a/websocket?b#c", "https://voron.lan/a"),
        ("//other.lan/websocket", "http://other.lan/"),
        ("/login", "http://voron/login"),
        ("", "http://voron/"),
        ("https://voron/" + "x" * 1000, "https://voron/" + "x" * 199),
        ("ftp://voron/", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("http://[::1", None),
    ],
)
def test_the_target_of_a_redirect_is_an_address_or_nothing(
    location: str, target: str | None
) -> None:
    found = redirect_target(websocket_url("voron", 80), location, suffix="/websocket")

    assert (str(found) if found else None) == target


async def test_a_redirect_to_nowhere_has_no_target(fake_host: FakeHost) -> None:
    async with redirecting(302, "javascript:alert(1)") as url:
        refused = await refusal(fake_host, {"host": url})

    assert refused.placeholders == {"target": "?"}
