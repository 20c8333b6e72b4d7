"""A Moonraker behind a proxy that refuses WebSockets is read by HTTP."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
import tempfile

import aiohttp
from aiohttp import web
import pytest

from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.moonraker_filament import polling
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.printers.klippy import Klippy
from tests.printers.moonraker import HOST, PYTHON, Moonraker
from tests.printers.moonraker_scenarios import SYSTEMS, SwitchSensors, System

from .fast_driver import FastDriver
from .proxy import Proxy, proxy

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker"),
]


@pytest.fixture
async def before(moonraker: Moonraker) -> AsyncIterator[Proxy]:
    """Return a proxy before the Moonraker, which refuses WebSockets."""
    async with proxy(f"http://{HOST}:{moonraker.port}") as made:
        yield made


@pytest.fixture
async def driver(before: Proxy) -> AsyncIterator[FastDriver]:
    """Return a driver that knows the proxy only, on a clock ten times as fast."""
    async with aiohttp.ClientSession() as session:
        driver = FastDriver(before.config, session)
        yield driver
        await driver.driver.stop()


async def begin(moonraker: Moonraker, klippy: Klippy, driver: FastDriver) -> None:
    await klippy.start()
    await moonraker.sees("ready")
    await driver.driver.start()
    await driver.status("running")


# 0: the proxy passes the request on without the header Upgrade, so that Moonraker refuses.
@pytest.mark.parametrize("status", [400, 403, 404, 426, 502, 0])
async def test_it_is_added_and_read_where_websockets_are_refused(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    before: Proxy,
    status: int,
) -> None:
    before.socket_status = status
    SwitchSensors(klippy)

    await begin(moonraker, klippy, driver)
    found = await Driver.probe(before.config, driver.fake_host.services)

    assert found.identity == moonraker.instance_id
    assert driver.health["versions"]["transport"] == "http"
    assert driver.health["versions"]["firmware"]
    assert {method for method, _ in before.requests} == {"GET"}


@pytest.mark.parametrize("kind", SYSTEMS, ids=lambda kind: kind.__name__)
async def test_changes_of_every_system_are_late_events_that_name_the_last_poll(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver, kind: type[System]
) -> None:
    system = kind(klippy)
    await begin(moonraker, klippy, driver)
    identity = "spoolman:8" if system.assigns else system.tag

    began = [driver.clock.now()]
    await system.insert(2, 8 if system.assigns else None)
    ended = [driver.clock.now()]
    await driver.until(
        lambda: any(kind == "spool_inserted" for kind, *_ in driver.events)
    )
    await driver.clock.sleep(35)
    began.append(driver.clock.now())
    await system.remove(2)
    ended.append(driver.clock.now())
    await driver.until(lambda: driver.events[-1][0] == "spool_removed")

    assert driver.events[0] == ("spool_inserted", 2, identity, True)
    assert driver.events[-1] == ("spool_removed", 2, identity, True)
    changes = [
        event
        for event in driver.fake_host.events
        if event["event_type"] in ("spool_inserted", "spool_removed")
    ]
    for event, start, end in zip(changes, began, ended, strict=True):
        assert datetime.fromisoformat(event["meta"]["offline_since"]) < end
        assert datetime.fromisoformat(event["event_at"]) > start
        assert event["meta"]["source"] == "reconcile"


async def test_it_is_polled_every_thirty_seconds(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver, before: Proxy
) -> None:
    SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    await driver.clock.sleep(10)
    polls = before.asked("/printer/objects/query")

    await driver.clock.sleep(95)

    # One whose answer took long is repeated.
    assert 3 <= before.asked("/printer/objects/query") - polls <= 5
    assert driver.health["status"] == "running"


async def test_a_capture_of_it_is_replayed_as_polled(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    await system.insert(1)
    await driver.until(lambda: len(driver.events) > 0)
    decode = Driver.frame_decoder()

    snapshots = [decode(frame) for frame in driver.driver.capture()["frames"]]

    last = snapshots[-1]
    assert last is not None
    assert last.polled
    assert last.direct_slots[0].present is True


async def test_a_websocket_is_used_once_it_is_accepted_again(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    before: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "_AGAIN", 50.0)
    system = SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    await driver.until(lambda: before.sockets == 3)
    assert driver.health["versions"]["transport"] == "http"

    before.socket_status = None
    await driver.until(lambda: "transport" not in driver.health["versions"])
    await driver.status("running")
    await system.insert(1)

    await driver.expect_events(("spool_inserted", 1, None, False))
    assert driver.health["attempts"] == 0
    assert "reconnecting" not in {
        each["status"] for each in driver.health["transitions"]
    }


async def test_a_moonraker_with_an_api_key_is_read_by_http_too() -> None:
    with tempfile.TemporaryDirectory(prefix="mr") as folder:
        async with Moonraker(Path(folder), trusting=False) as moonraker:
            klippy = Klippy(moonraker.klippy_socket)
            SwitchSensors(klippy)
            await klippy.start()
            async with (
                proxy(f"http://{HOST}:{moonraker.port}") as before,
                aiohttp.ClientSession() as session,
            ):
                key = moonraker.api_key
                driver = FastDriver(before.config | {"api_key": key}, session)
                with pytest.raises(DriverError) as caught:
                    await Driver.probe(before.config, driver.fake_host.services)
                await driver.driver.start()
                await driver.status("running")
                await driver.driver.stop()
            await klippy.stop()

    assert caught.value.code is ErrorCode.INVALID_AUTH
    assert before.keys[0] is None
    assert before.keys[-1] == key


@pytest.mark.parametrize("status", [502, 429])
async def test_one_failed_poll_changes_nothing(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    before: Proxy,
    status: int,
) -> None:
    SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    polls = before.asked("/printer/objects/query")

    before.fault = lambda: web.Response(status=status, text="<html>")
    await driver.until(lambda: before.asked("/printer/objects/query") > polls + 1)
    before.fault = None
    polls = before.asked("/printer/objects/query")
    await driver.until(lambda: before.asked("/printer/objects/query") > polls + 1)

    assert driver.health["status"] == "running"
    assert "reconnecting" not in {
        each["status"] for each in driver.health["transitions"]
    }


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (502, "<html>", "connection_refused"),
        (200, "<html>", "not_moonraker"),
        (200, "[" * 10_000, "not_moonraker"),
    ],
    ids=["502", "garbage", "deep garbage"],
)
async def test_a_printer_whose_polls_fail_is_not_connected_until_they_succeed(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    before: Proxy,
    status: int,
    text: str,
    code: str,
) -> None:
    SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    before.fault = lambda: web.Response(status=status, text=text)

    await driver.until(lambda: not driver.health["connected"])
    assert driver.code == code
    asked = len(before.requests)
    await driver.clock.sleep(50)
    assert len(before.requests) <= asked + 1
    before.fault = None
    await driver.status("running")

    assert driver.health["versions"]["transport"] == "http"
    assert driver.events == []


async def test_klipper_that_is_gone_is_waited_for_by_http_too(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)
    await klippy.stop()
    await driver.status("waiting")
    await driver.until(lambda: driver.code == "klippy_disconnected")

    await klippy.start()
    await driver.status("running")
    await system.insert(1)

    await driver.until(lambda: len(driver.events) > 0)
    assert driver.events[0] == ("spool_inserted", 1, None, True)
