"""Conformance suite: the tests that every inventory passes with a scripted server.

    class TestMyInventory(InventoryConformance):
        inventory = MyInventory

        @pytest.fixture
        async def server(self) -> AsyncIterator[ScriptedServer]:
            async with MyServer() as server:
                yield server

The network is real, the inventory's clock is fake: time passes when a test lets it.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncIterator, Callable
import json
import logging
from pathlib import Path
import sys
from typing import Any, ClassVar

import aiohttp
from pydantic import ValidationError
import pytest

from custom_components.filament_slots.inventory.base import (
    Changes,
    Inventory,
    InventoryError,
    InventoryErrorCode,
    InventoryServices,
    InventoryStatus,
    Located,
    Scan,
    Spool,
    WriteResult,
)
from custom_components.filament_slots.inventory.health import InventoryHealth
from custom_components.filament_slots.inventory.registry import INVENTORIES
from tests.clock import SOON, FakeClock


class ScriptedServer(ABC):
    """A server with two spools, that is switched on.

    secrets: the values of `config` that must not be published.
    relays_scans: whether it has readers of tags.
    """

    secrets: tuple[str, ...] = ()
    relays_scans: bool = True

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the config of its inventory, as a user enters it."""

    @abstractmethod
    async def power_on(self) -> None:
        """Switch it on, at the same address."""

    @abstractmethod
    async def power_off(self) -> None:
        """Switch it off: it closes all connections and stops listening."""

    @abstractmethod
    async def add(self, name: str) -> int:
        """Add a spool with a name; return its id."""

    @abstractmethod
    async def move(self, spool_id: int, location: str) -> None:
        """Give a spool a location."""

    @abstractmethod
    async def delete(self, spool_id: int) -> None:
        """Delete a spool."""

    @abstractmethod
    def reuse(self, spool_id: int) -> None:
        """Give the id of a spool to another one."""

    @abstractmethod
    def location(self, spool_id: int) -> str | None:
        """Return where a spool is."""

    @abstractmethod
    def tags(self, spool_id: int) -> list[str]:
        """Return the tags of a spool."""

    @abstractmethod
    def writes(self) -> int:
        """Return how many requests to change something have arrived."""

    @abstractmethod
    def fail_writes(self, *, stored: bool) -> None:
        """Answer the next request to change something with an error.

        stored: whether it is done nevertheless.
        """

    @abstractmethod
    async def scan(self, tag: str) -> None:
        """Hold a tag to a reader; the first spool has `04A2B3C4D5E680`."""

    @abstractmethod
    def fall_silent(self) -> None:
        """Report no change any more, on connections that stay open."""

    @abstractmethod
    async def send_bad_input(self) -> None:
        """Send invalid messages on a connection that stays open."""

    @abstractmethod
    def refuse(self) -> None:
        """Refuse the secret of `config` from now on, also on open connections."""


class FakeInventoryHost:
    """Provides an inventory's services, and records their use.

    changes: what changed, in order. scans: of tags. updates: how often the health changed.
    """

    def __init__(self, clock: FakeClock, session: aiohttp.ClientSession) -> None:
        """Use this clock and this session; retries are not spread."""
        self.changes: list[Changes] = []
        self.scans: list[Scan] = []
        self.updates = 0
        self.services = InventoryServices(
            session=session,
            clock=clock,
            random=lambda: 0.0,
            log=logging.getLogger("tests.inventory"),
            health_changed=self._health_changed,
            changed=self.changes.append,
            scanned=self.scans.append,
        )

    def _health_changed(self) -> None:
        self.updates += 1


class InventoryStage:
    """An inventory under test with its server and host."""

    def __init__(
        self,
        kind: type[Inventory],
        config: dict[str, Any],
        session: aiohttp.ClientSession,
    ) -> None:
        """Create the inventory; it is not started."""
        self.clock = FakeClock()
        self.host = FakeInventoryHost(self.clock, session)
        self.inventory = kind(config, self.host.services)

    @property
    def status(self) -> str:
        """The status of the inventory."""
        return self.inventory.health()["status"]

    @property
    def code(self) -> str | None:
        """The code of the last error."""
        error = self.inventory.health()["last_error"]
        return error["code"] if error else None

    @property
    def names(self) -> dict[int, str | None]:
        """The names of the spools by their ids."""
        return {spool.id: spool.name for spool in self.inventory.spools.values()}

    @property
    def locations(self) -> dict[int, str | None]:
        """The locations of the spools by their ids."""
        return {spool.id: spool.location for spool in self.inventory.spools.values()}

    async def until(self, condition: Callable[[], bool], pace: float = 0.5) -> None:
        """Wait, with `pace` seconds of the inventory's time between two checks."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.003)
                self.clock.tick(pace)

    async def let(self, seconds: float) -> None:
        """Let the inventory's time pass, with real time for answers in between."""
        steps = min(round(seconds), 60)
        for _ in range(steps):
            await asyncio.sleep(0.003)
            self.clock.tick(seconds / steps)

    async def read_again(self) -> None:
        """Let the time pass until the whole list was read again."""
        before = self.inventory.health()["last_read_at"]
        await self.until(
            lambda: self.inventory.health()["last_read_at"] != before, pace=20
        )

    async def run(self) -> None:
        """Start the inventory, and wait until it has read all spools."""
        await self.inventory.start()
        await self.until(lambda: self.status == "running")

    async def locate(
        self, spool_id: int, text: str | None, *replaces: str | None
    ) -> Located:
        """Write the location of a spool, as it is known."""
        registered = self.inventory.spools[spool_id].registered
        return await self.inventory.locate(spool_id, registered, text, replaces)

    async def link(self, spool_id: int, tag: str) -> WriteResult:
        """Add a tag to a spool, as it is known."""
        registered = self.inventory.spools[spool_id].registered
        return await self.inventory.link(spool_id, registered, tag)


class InventoryConformance:
    """Tests to be inherited by an inventory's test class."""

    inventory: ClassVar[type[Inventory]]

    @pytest.fixture
    async def stage(self, server: ScriptedServer) -> AsyncIterator[InventoryStage]:
        """Return the stage; check at the end that the inventory has cleaned up."""
        async with aiohttp.ClientSession() as session:
            tasks = asyncio.all_tasks()
            stage = InventoryStage(self.inventory, server.config, session)
            yield stage
            await stage.inventory.stop()
            await server.power_off()
            await asyncio.sleep(0.02)
            assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
            assert stage.clock.pending == 0

    def test_key_is_the_name_of_the_folder_and_registered(self) -> None:
        """The entry of an inventory holds it."""
        module = sys.modules[self.inventory.__module__]
        key = self.inventory.inventory_key

        assert key == Path(str(module.__file__)).parent.name
        assert INVENTORIES[key] is self.inventory

    def test_config_refuses_invalid_values_without_repeating_them(self) -> None:
        """The config flow shows the field, the log must not show the value."""
        invalid = dict.fromkeys(self.inventory.Config.model_fields, "\n s3cr3t \n")

        with pytest.raises(ValidationError) as refused:
            self.inventory.Config.model_validate({**invalid, "no_such_field": "s3cr3t"})

        assert "s3cr3t" not in str(refused.value)

    async def test_health_is_complete_before_the_start(
        self, stage: InventoryStage
    ) -> None:
        """An inventory is stopped at first, and empty."""
        health = stage.inventory.health()

        assert health.keys() == InventoryHealth.__annotations__.keys()
        assert health["inventory_key"] == self.inventory.inventory_key
        assert health["status"] == "stopped"
        assert not health["connected"]
        assert stage.inventory.spools == {}
        assert json.loads(json.dumps(health)) == health

    async def test_all_spools_are_read_at_the_start(
        self, stage: InventoryStage
    ) -> None:
        """They are one change."""
        await stage.run()

        health = stage.inventory.health()
        assert health["connected"]
        assert health["attempts"] == 0
        assert health["circuit"] == "closed"
        assert health["spools"] == len(stage.inventory.spools) == 2
        assert health["last_read_at"] is not None
        assert json.loads(json.dumps(health)) == health
        (changes,) = stage.host.changes
        assert {spool.id for spool in changes.changed} == set(stage.inventory.spools)
        assert all(type(spool) is Spool for spool in changes.changed)

    async def test_each_change_is_reported_once(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """What is new, what differs, and what is gone."""
        await stage.run()
        stage.host.changes.clear()

        spool_id = await server.add("Galaxy Black")
        await stage.until(lambda: spool_id in stage.inventory.spools)
        await server.move(spool_id, "Shelf B")
        await stage.until(lambda: stage.locations[spool_id] == "Shelf B")
        await server.delete(spool_id)
        await stage.until(lambda: spool_id not in stage.inventory.spools)
        await stage.let(60)

        changed = [spool for each in stage.host.changes for spool in each.changed]
        removed = [spool for each in stage.host.changes for spool in each.removed]
        assert [spool.id for spool in changed] == [spool_id, spool_id]
        assert changed[-1].location == "Shelf B"
        assert [spool.id for spool in removed] == [spool_id]
        assert removed[0] == changed[-1]

    async def test_each_scan_of_a_tag_is_reported_with_the_spool_that_has_it(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """It changes nothing else."""
        if not server.relays_scans:
            pytest.skip("it has no readers of tags")
        await stage.run()
        stage.host.changes.clear()
        first = min(stage.inventory.spools)
        await stage.let(2)

        await server.scan("04A2B3C4D5E680")
        await server.scan("DEADBEEF")
        await stage.until(lambda: len(stage.host.scans) == 2)

        assert stage.host.scans == [
            Scan(tag="04A2B3C4D5E680", spool_id=first),
            Scan(tag="DEADBEEF"),
        ]
        assert stage.host.changes == []

    async def test_a_change_that_is_not_reported_is_found_within_a_quarter_of_an_hour(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Silence proves nothing."""
        await stage.run()
        server.fall_silent()
        (first, second) = stage.inventory.spools
        stage.host.changes.clear()

        await server.move(first, "Shelf B")
        await server.delete(second)
        await stage.read_again()

        assert stage.clock.monotonic() < 16 * 60
        assert stage.locations == {first: "Shelf B"}
        assert len(stage.host.changes) == 1

    async def test_a_list_without_a_difference_changes_nothing(
        self, stage: InventoryStage
    ) -> None:
        """At rest nothing is written."""
        await stage.run()
        stage.host.changes.clear()
        updates = stage.host.updates

        await stage.read_again()

        assert stage.host.changes == []
        assert stage.host.updates == updates

    async def test_a_server_that_is_off_is_retried(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Starting returns at once and never fails, whenever the server is switched on."""
        await server.power_off()

        await stage.inventory.start()
        await stage.until(lambda: stage.status == "reconnecting")
        assert stage.code in set(InventoryErrorCode)
        await stage.until(lambda: stage.inventory.health()["attempts"] >= 5)
        assert stage.inventory.health()["circuit"] in {"open", "half_open"}
        await server.power_on()
        await stage.until(lambda: stage.status == "running")

        assert stage.inventory.health()["attempts"] == 0

    async def test_spools_stay_while_the_server_is_away(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """And what changed meanwhile is found when it is back."""
        await stage.run()
        before = dict(stage.inventory.spools)
        stage.host.changes.clear()

        await server.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        assert not stage.inventory.health()["connected"]
        assert stage.inventory.spools == before
        spool_id = await server.add("Galaxy Black")
        await server.power_on()
        await stage.until(lambda: stage.status == "running")

        assert stage.inventory.health()["reconnects"] == 1
        assert stage.names == {
            **{spool.id: spool.name for spool in before.values()},
            spool_id: "Galaxy Black",
        }
        assert len(stage.host.changes) == 1

    async def test_bad_input_is_counted_and_changes_nothing(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Spools are neither invented nor lost."""
        await stage.run()
        before = dict(stage.inventory.spools)

        await server.send_bad_input()
        await stage.let(60)
        health = stage.inventory.health()
        assert health["ignored"] + sum(health["refused"].values()) > 0
        assert health["reconnects"] == 0
        assert stage.status == "running"
        assert stage.inventory.spools == before

        spool_id = await server.add("Galaxy Black")
        await stage.until(lambda: spool_id in stage.inventory.spools)

    async def test_a_refused_secret_ends_the_attempts(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Only the user can enter a new one."""
        server.refuse()

        await stage.inventory.start()
        await stage.until(lambda: stage.status == "auth_failed")
        updates = stage.host.updates
        await stage.let(120)

        assert stage.code == "invalid_auth"
        assert stage.host.updates == updates

    async def test_no_secret_is_logged_or_in_the_health(
        self,
        stage: InventoryStage,
        server: ScriptedServer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Also while something fails."""
        assert server.secrets
        caplog.set_level(logging.DEBUG)
        await stage.run()
        await server.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        await server.power_on()
        server.refuse()
        await stage.until(lambda: stage.status == "auth_failed")

        ours = [r.getMessage() for r in caplog.records if r.name == "tests.inventory"]
        shown = json.dumps(stage.inventory.health()) + "".join(ours)
        assert ours
        assert not [secret for secret in server.secrets if secret in shown]

    async def test_stopping_is_quick_and_may_be_repeated(
        self, stage: InventoryStage
    ) -> None:
        """A stop cleans up, whatever the inventory was doing."""
        await stage.inventory.stop()
        await stage.run()

        async with asyncio.timeout(SOON):
            await stage.inventory.stop()
            await stage.inventory.stop()

        assert stage.status == "stopped"
        assert not stage.inventory.health()["connected"]
        assert stage.clock.pending == 0

    @pytest.mark.parametrize("rounds", [0, 1, 5, 20])
    async def test_stopping_while_connecting_cleans_up(
        self, stage: InventoryStage, rounds: int
    ) -> None:
        """The fixture checks it."""
        await stage.inventory.start()
        for _ in range(rounds):
            await asyncio.sleep(0.002)
        await stage.inventory.stop()

        assert stage.status == "stopped"

    async def test_it_can_be_started_again(self, stage: InventoryStage) -> None:
        """As a reload of an entry does, in effect."""
        await stage.run()
        await stage.inventory.start()
        await stage.inventory.stop()

        await stage.run()

        assert len(stage.inventory.spools) == 2

    async def test_a_location_is_written_once_and_reported(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """The second time it is there already."""
        await stage.run()
        (first, second) = stage.inventory.spools

        written = await stage.locate(first, "X1C A3", None)
        again = await stage.locate(first, "X1C A3", None)
        await stage.until(lambda: stage.locations[first] == "X1C A3")

        assert written == Located(WriteResult.WRITTEN, None)
        assert again == Located(WriteResult.UNCHANGED, "X1C A3")
        assert server.location(first) == "X1C A3"
        assert server.location(second) is None
        assert server.writes() == 1

    async def test_a_location_can_be_taken_back(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Also to none at all."""
        await stage.run()
        spool_id = next(iter(stage.inventory.spools))
        await stage.locate(spool_id, "X1C A3", None)

        taken_back = await stage.locate(spool_id, None, "X1C A3")

        assert taken_back == Located(WriteResult.WRITTEN, "X1C A3")
        assert server.location(spool_id) is None

    async def test_a_location_that_another_client_wrote_stays(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """It is read before, so that an edit that was not reported counts as well."""
        await stage.run()
        spool_id = next(iter(stage.inventory.spools))
        server.fall_silent()
        await server.move(spool_id, "Dry box")
        writes = server.writes()

        located = await stage.locate(spool_id, "X1C A3", None, "", "Shelf B")

        assert located == Located(WriteResult.EDITED, "Dry box")
        assert server.location(spool_id) == "Dry box"
        assert server.writes() == writes

    async def test_the_location_of_another_spool_is_never_written(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """The id of a deleted spool may be handed out again."""
        await stage.run()
        (first, second) = stage.inventory.spools
        gone = stage.inventory.spools[second].registered
        server.reuse(first)
        await server.delete(second)
        writes = server.writes()

        reused = await stage.locate(first, "X1C A3", None)
        deleted = await stage.inventory.locate(second, gone, "X1C A4", {None})

        assert reused == deleted == Located(WriteResult.MISSING, None)
        assert server.location(first) is None
        assert server.writes() == writes

    async def test_a_location_that_is_too_long_is_never_sent(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """It would make every list with it fail."""
        await stage.run()
        spool_id = next(iter(stage.inventory.spools))

        located = await stage.locate(spool_id, "x" * 65, None)
        await stage.locate(spool_id, "x" * 64, None)

        assert located == Located(WriteResult.REFUSED, None)
        assert server.location(spool_id) == "x" * 64
        assert server.writes() == 1

    async def test_an_error_of_the_server_is_answered_by_reading_back(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """The change may be stored nevertheless: it is not sent twice then."""
        await stage.run()
        (first, second) = stage.inventory.spools

        server.fail_writes(stored=True)
        stored = await stage.locate(first, "X1C A3", None)
        server.fail_writes(stored=False)
        with pytest.raises(InventoryError) as failed:
            await stage.locate(second, "X1C A4", None)
        again = await stage.locate(second, "X1C A4", None)

        assert stored == again == Located(WriteResult.WRITTEN, None)
        assert failed.value.code is InventoryErrorCode.SERVER_ERROR
        assert server.writes() == 3

    async def test_nothing_is_written_while_the_server_is_away(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """It may be tried again."""
        await stage.run()
        spool_id = next(iter(stage.inventory.spools))
        await server.power_off()

        for write in (
            stage.locate(spool_id, "X1C A3", None),
            stage.link(spool_id, "AB"),
        ):
            with pytest.raises(InventoryError) as away:
                await write
            assert away.value.code is InventoryErrorCode.CONNECTION_REFUSED

    async def test_a_tag_is_linked_once(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Others of the spool stay, and no other spool takes it."""
        await stage.run()
        (first, second) = stage.inventory.spools
        assert await stage.inventory.add_tag_field()
        assert await stage.inventory.add_tag_field()
        defined = server.writes()

        results = [
            await stage.link(first, "75886B1D"),
            await stage.link(first, "0123456789ABCDEF0123456789ABCDEF"),
            await stage.link(first, "75886B1D"),
        ]

        assert results == [
            WriteResult.WRITTEN,
            WriteResult.WRITTEN,
            WriteResult.UNCHANGED,
        ]
        assert server.tags(first) == ["75886B1D", "0123456789ABCDEF0123456789ABCDEF"]
        assert server.tags(second) == []
        assert server.writes() == defined + 2

    async def test_a_tag_is_linked_to_no_other_spool(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """The id may stand for another spool by now."""
        await stage.run()
        spool_id = next(iter(stage.inventory.spools))
        await stage.inventory.add_tag_field()
        server.reuse(spool_id)
        writes = server.writes()

        assert await stage.link(spool_id, "75886B1D") is WriteResult.MISSING
        assert server.writes() == writes

    async def test_a_probe_finds_the_server(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """And returns the config with which it runs, and its oldest spools."""
        found = await self.inventory.probe(server.config, stage.host.services)

        self.inventory(found.config, stage.host.services)
        assert found.name
        await stage.run()
        assert found.oldest == tuple(
            (spool.id, spool.registered) for spool in stage.inventory.spools.values()
        )

    async def test_a_probe_names_the_cause_of_a_failure(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """The config flow has a text for each."""
        server.refuse()
        with pytest.raises(InventoryError) as refused:
            await self.inventory.probe(server.config, stage.host.services)
        await server.power_off()
        with pytest.raises(InventoryError) as away:
            await self.inventory.probe(server.config, stage.host.services)

        assert refused.value.code is InventoryErrorCode.INVALID_AUTH
        assert away.value.code is InventoryErrorCode.CONNECTION_REFUSED

    async def test_the_status_follows_the_table(
        self, stage: InventoryStage, server: ScriptedServer
    ) -> None:
        """Each change is published, none is polled."""
        await stage.run()
        await server.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        await server.power_on()
        await stage.until(lambda: stage.status == "running")
        await stage.inventory.stop()

        statuses = [each["status"] for each in stage.inventory.health()["transitions"]]
        assert set(statuses) <= set(InventoryStatus)
        assert statuses[:3] == ["starting", "waiting", "running"]
        assert statuses[-2:] == ["stopping", "stopped"]
        assert stage.host.updates >= len(statuses) - 1
