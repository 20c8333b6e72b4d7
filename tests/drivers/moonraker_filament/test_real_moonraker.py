"""The driver with a real Moonraker and a fake Klippy behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import tempfile
from typing import Any

import aiohttp
import pytest

from custom_components.filament_slots.drivers.base import DriverError, ErrorCode
from custom_components.filament_slots.drivers.moonraker_filament.driver import Driver
from tests.drivers.fake_host import FakeHost
from tests.printers.klippy import Klippy
from tests.printers.moonraker import HOST, PYTHON, Moonraker
from tests.printers.moonraker_scenarios import (
    SYSTEMS,
    Afc,
    HappyHare,
    SwitchSensors,
    System,
)

from .fast_driver import SPEED, FastDriver

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup makes Moonraker"),
]


async def begin(moonraker: Moonraker, klippy: Klippy, driver: FastDriver) -> None:
    """Switch the printer on, and then the driver."""
    await klippy.start()
    await moonraker.sees("ready")
    await driver.driver.start()
    await driver.status("running")


@pytest.mark.parametrize("kind", SYSTEMS, ids=lambda kind: kind.__name__)
async def test_insertions_and_removals_of_every_system_are_events(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver, kind: type[System]
) -> None:
    system = kind(klippy)
    await begin(moonraker, klippy, driver)
    identity = "spoolman:8" if system.assigns else system.tag
    unknown = [("unknown_spool_detected", 2, None, False)] if system.unknown else []
    inserted = [("spool_inserted", 2, identity, False), *unknown]

    await system.insert(2, 8 if system.assigns else None)
    await driver.until(lambda: driver.events == inserted)
    await system.remove(2)

    await driver.expect_events(*inserted, ("spool_removed", 2, identity, False))
    for event in driver.fake_host.events:
        if event["event_type"] != "ams_state":
            assert event["slot"]["is_ams_slot"] is system.in_unit
            assert event["slot"]["ams_unit_no"] == (1 if system.in_unit else None)


@pytest.mark.parametrize("kind", [HappyHare, Afc], ids=lambda kind: kind.__name__)
async def test_a_spool_is_unknown_until_it_is_assigned(
    moonraker: Moonraker,
    klippy: Klippy,
    driver: FastDriver,
    kind: type[HappyHare | Afc],
) -> None:
    system = kind(klippy)
    await begin(moonraker, klippy, driver)

    await system.insert(3)
    await driver.until(lambda: len(driver.events) >= 2)
    await system.assign(3, 7)

    await driver.expect_events(
        ("spool_inserted", 3, None, False),
        ("unknown_spool_detected", 3, None, False),
    )
    (unit,) = driver.fake_host.events[-1]["ams_units"]
    assert unit["slots"][2]["identifiers"]["external_id"] == "spoolman:7"


async def test_a_failed_preload_is_an_insertion_once_it_has_lasted(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = HappyHare(klippy)
    await begin(moonraker, klippy, driver)

    await system.push(1)
    await klippy.pause(3)
    klippy.set("mmu", action="Idle")

    await driver.expect_events(
        ("spool_inserted", 1, None, False),
        ("unknown_spool_detected", 1, None, False),
    )


async def test_switches_that_read_open_for_a_moment_after_a_restart_are_no_event(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    system.press(1, pressed=True)
    await begin(moonraker, klippy, driver)

    await klippy.stop()
    await driver.status("waiting")
    system.press(1, pressed=False)
    await klippy.start()
    await driver.status("running")
    await klippy.pause(3)
    system.press(1, pressed=True)

    await driver.expect_events()


async def test_happy_hare_is_trusted_once_it_has_reconciled_its_memory(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = HappyHare(klippy)
    klippy.set("mmu", gate_status=[1, 1, 0, 0], gate_spool_id=[7, -1, -1, -1])
    await begin(moonraker, klippy, driver)

    await klippy.restart(objects=system.booting(gate_status=[0, 0, 0, 0]))
    await moonraker.sees("ready")
    await klippy.pause(12)
    assert driver.health["status"] == "waiting"
    await system.finish_boot(1, 0, 0, 0)
    await driver.status("running")

    await driver.expect_events(("spool_removed", 2, None, True))


async def test_afc_is_trusted_once_its_lanes_are_prepared(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = Afc(klippy)
    await system.insert(3, 8)
    before = dict(klippy.objects)
    await begin(moonraker, klippy, driver)

    await klippy.restart(objects=system.booting())
    await moonraker.sees("ready")
    await klippy.pause(12)
    assert driver.health["status"] == "waiting"
    await system.finish_boot(before)
    await driver.status("running")

    await driver.expect_events()


async def test_the_values_of_a_printer_in_shutdown_are_ignored(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    system.press(1, pressed=True)
    await begin(moonraker, klippy, driver)

    klippy.enter("shutdown")
    await driver.status("waiting")
    assert driver.code == ErrorCode.KLIPPY_SHUTDOWN
    system.press(1, pressed=False)
    await klippy.pause(15)
    assert driver.events == []
    await klippy.restart()
    await driver.status("running")

    await driver.expect_events(("spool_removed", 1, None, True))


async def test_klippy_in_error_is_noticed_without_a_notification(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)

    await klippy.restart("error")
    await driver.until(lambda: driver.code == ErrorCode.KLIPPY_ERROR)
    assert driver.health["status"] == "waiting"
    await klippy.restart()
    await driver.status("running")

    await driver.expect_events()


async def test_a_printer_that_is_off_behind_its_moonraker_is_polled(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    await driver.driver.start()
    await driver.status("waiting")

    await klippy.start("startup")
    await moonraker.sees("startup")
    klippy.enter("ready")
    await driver.status("running")
    await driver.clock.sleep(10)
    system.press(2, pressed=True)

    await driver.expect_events(("spool_inserted", 2, None, False))


async def test_the_active_spool_is_that_of_the_only_slot(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    klippy.set("filament_switch_sensor runout", filament_detected=True, enabled=True)
    await begin(moonraker, klippy, driver)

    await moonraker.call("server.spoolman.post_spool_id", spool_id=7)

    def shown() -> Any:
        (slot,) = driver.fake_host.events[-1]["direct_slots"]
        return slot["identifiers"]["external_id"]

    await driver.until(lambda: shown() == "spoolman:7")
    await moonraker.call("server.spoolman.post_spool_id")
    await driver.until(lambda: shown() is None)
    await driver.expect_events()


async def test_a_refresh_reads_what_was_not_sent_as_a_change(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    HappyHare(klippy)
    klippy.set("mmu", gate_status=[1, 0, 0, 0])
    await begin(moonraker, klippy, driver)

    klippy.objects["mmu"]["gate_spool_id"][0] = 7
    await driver.driver.sync_state()

    await driver.until(
        lambda: (
            driver.fake_host.events[-1]["ams_units"][0]["slots"][0]["identifiers"][
                "external_id"
            ]
            == "spoolman:7"
        )
    )
    await driver.expect_events()


async def test_a_moonraker_that_is_stopped_and_started_is_read_again(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    system = SwitchSensors(klippy)
    await begin(moonraker, klippy, driver)

    await moonraker.stop()
    await driver.until(lambda: driver.code == ErrorCode.CONNECTION_REFUSED)
    system.press(1, pressed=True)
    await moonraker.start()
    await driver.status("running")

    assert driver.health["counters"]["reconnects"] == 1
    await driver.expect_events(("spool_inserted", 1, None, True))


async def test_a_key_is_not_sent_where_the_address_is_trusted(
    moonraker: Moonraker, driver: FastDriver
) -> None:
    """docs/protocols/moonraker.md 1.2: a wrong key would take that trust away."""
    config = moonraker.config | {"api_key": "0" * 32}

    found = await Driver.probe(config, driver.fake_host.services)

    assert found.identity == moonraker.instance_id


class Raw:
    """A WebSocket to Moonraker, without the driver."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket

    async def call(self, method: str, **params: Any) -> Any:
        """Return the error of a call as (code, message), None if it has a result."""
        await self._socket.send_json(
            {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        )
        while (answer := await self._socket.receive_json()).get("id") != 1:
            pass  # Notifications.
        error = answer.get("error")
        return error and (error["code"], error["message"].split(":")[0])

    async def introduce(self, **more: str) -> Any:
        """Call identify, with a key if one is given."""
        about = {"client_name": "Test", "version": "1", "type": "other", "url": "-"}
        return await self.call("server.connection.identify", **about, **more)


@asynccontextmanager
async def raw(moonraker: Moonraker, **headers: str) -> AsyncIterator[Raw]:
    """Connect to Moonraker."""
    url = f"ws://{HOST}:{moonraker.port}/websocket"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers) as socket,
    ):
        yield Raw(socket)


async def test_a_wrong_key_revokes_the_trust_of_its_own_connection(
    moonraker: Moonraker,
) -> None:
    """docs/protocols/moonraker.md 1.2."""
    unauthorised = (-32602, "Unauthorized")
    async with raw(moonraker) as other, raw(moonraker) as wrong:
        assert await wrong.call("server.info") is None

        assert await wrong.introduce(api_key="0" * 32) == (-32602, "Invalid API Key")

        assert await wrong.call("server.info") == unauthorised
        assert await other.call("server.info") is None
    async with raw(moonraker, **{"X-Api-Key": "0" * 32}) as wrong:
        assert await wrong.call("server.info") == unauthorised
    async with raw(moonraker) as other:
        assert await other.call("server.info") is None


async def test_a_connection_is_introduced_once(moonraker: Moonraker) -> None:
    """docs/protocols/moonraker.md 1.3."""
    async with raw(moonraker) as client:
        assert await client.introduce() is None

        assert await client.introduce(api_key=moonraker.api_key) == (
            400,
            "Connection already identified",
        )


async def test_a_probe_identifies_the_printer(
    moonraker: Moonraker, klippy: Klippy, driver: FastDriver
) -> None:
    await klippy.start()
    await moonraker.sees("ready")

    found = await Driver.probe(moonraker.config, driver.fake_host.services)

    assert found.identity == moonraker.instance_id
    assert found.name == "workshop"
    assert found.config == {"instance_id": moonraker.instance_id}


async def nothing_but_access_info_before_the_key(moonraker: Moonraker) -> None:
    """Check docs/protocols/moonraker.md 1.2: what could prove its identity is refused."""
    unauthorised = (-32602, "Unauthorized")
    instance_id = {"namespace": "moonraker", "key": "instance_id"}
    async with raw(moonraker) as client:
        assert await client.call("access.info") is None
        assert await client.call("server.info") == unauthorised
        assert (
            await client.call("server.database.get_item", **instance_id) == unauthorised
        )
        assert await client.introduce() == unauthorised

        assert await client.introduce(api_key=moonraker.api_key) is None
        assert await client.call("server.database.get_item", **instance_id) is None


async def test_a_moonraker_without_trusted_clients_requires_its_key() -> None:
    with tempfile.TemporaryDirectory(prefix="mr") as folder:
        async with (
            Moonraker(Path(folder), trusting=False) as moonraker,
            aiohttp.ClientSession() as session,
        ):
            klippy = Klippy(moonraker.klippy_socket, speed=SPEED)
            SwitchSensors(klippy)
            fake_host = FakeHost(session=session)
            await nothing_but_access_info_before_the_key(moonraker)
            for wrong in ({}, {"api_key": "0" * 32}):
                with pytest.raises(DriverError) as refused:
                    await Driver.probe(moonraker.config | wrong, fake_host.services)
                assert refused.value.code is ErrorCode.INVALID_AUTH

            locked_out = FastDriver(moonraker.config | {"api_key": "0" * 32}, session)
            await locked_out.driver.start()
            await locked_out.status("auth_failed")
            await locked_out.driver.stop()

            right = moonraker.config | {"api_key": moonraker.api_key}
            found = await Driver.probe(right, fake_host.services)
            assert found.identity == moonraker.instance_id
            welcome = FastDriver(right | dict(found.config), session)
            await klippy.start()
            await welcome.driver.start()
            await welcome.status("running")
            await welcome.driver.stop()
            await klippy.stop()
            await asyncio.sleep(0)
