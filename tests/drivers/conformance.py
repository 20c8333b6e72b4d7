"""What every driver has to do, as tests: a driver names itself and a scripted printer.

    class TestMyDriver(DriverConformance):
        driver = Driver

        @pytest.fixture
        async def printer(self) -> AsyncIterator[ScriptedPrinter]:
            async with MyPrinter() as printer:
                yield printer

The network is real, the driver's clock is not: what it waits for by design comes when
a test lets the time pass.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncIterator, Callable
import json
import logging
from pathlib import Path
import sys
import threading
from typing import Any, ClassVar

import aiohttp
from pydantic import ValidationError
import pytest

from custom_components.filament_slots.drivers.base import (
    Driver,
    DriverError,
    DriverStatus,
    ErrorCode,
)
from custom_components.filament_slots.drivers.health import CounterValues, Health
from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.model import parse_event
from tests.clock import FakeClock

from .fake_host import FakeHost

# Frames of no wire at all; a decoder passes over them.
JUNK: tuple[dict[str, Any], ...] = (
    {},
    {"t": 0},
    {"payload": None},
    {"payload": []},
    {"payload": {"print": 5, "info": "?"}},
    {"dir": "<-"},
    {"dir": "<-", "frame": None},
    {"dir": "<-", "frame": {"method": 5, "params": "?"}},
    {"dir": "<-", "frame": {"result": {"status": {"mmu": None}}}},
    {"dir": "note", "note": "something happened"},
)


class ScriptedPrinter(ABC):
    """A printer with one slot that is empty at first, switched on.

    config: what a driver has to be told to reach it; the same before and after it
    was switched off.
    secrets: what is in `config` that nobody else may see.
    """

    secrets: tuple[str, ...] = ()

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return what a driver has to be told."""

    @abstractmethod
    async def power_on(self) -> None:
        """Switch it on, where it was before."""

    @abstractmethod
    async def power_off(self) -> None:
        """Switch it off: nobody is connected, nothing listens."""

    @abstractmethod
    async def insert(self) -> None:
        """Put a spool into the slot."""

    @abstractmethod
    async def remove(self) -> None:
        """Take it out."""

    @abstractmethod
    async def babble(self) -> None:
        """Say things no printer should, on a connection that stays open."""


class Stage:
    """A driver under test, its printer, and what it did so far."""

    def __init__(
        self,
        kind: type[Driver],
        printer: ScriptedPrinter,
        session: aiohttp.ClientSession,
    ) -> None:
        """Make the driver; it is not started."""
        self.printer = printer
        self.clock = FakeClock()
        self.fake_host = FakeHost(self.clock, session=session)
        self.driver = kind(
            1, printer.config, self.fake_host.emitter, self.fake_host.services
        )

    @property
    def status(self) -> str:
        """Where the driver stands."""
        return str(self.driver.health()["status"])

    @property
    def code(self) -> str | None:
        """What went wrong last."""
        error = self.driver.health()["last_error"]
        return error["code"] if error else None

    @property
    def told(self) -> list[str]:
        """What happened to spools."""
        types = (str(event["event_type"]) for event in self.fake_host.events)
        return [event_type for event_type in types if event_type != "ams_state"]

    async def until(self, condition: Callable[[], bool], pace: float = 0.5) -> None:
        """Wait, with `pace` seconds of the driver's time between two looks."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.003)
                self.clock.tick(pace)

    async def let(self, seconds: float) -> None:
        """Let the driver's time pass, with everybody answering in between."""
        for _ in range(round(seconds)):
            await asyncio.sleep(0.003)
            self.clock.tick(1)

    async def run(self) -> None:
        """Start the driver, and wait until it has seen everything."""
        await self.driver.start()
        await self.until(lambda: self.status == "running")
        await self.until(lambda: bool(self.fake_host.events))
        await self.let(5)


@pytest.mark.usefixtures("socket_enabled")
class DriverConformance:
    """Inherit this, and pytest runs it."""

    driver: ClassVar[type[Driver]]

    @pytest.fixture
    async def stage(self, printer: ScriptedPrinter) -> AsyncIterator[Stage]:
        """Return the stage; nothing of the driver may be left at the end."""
        async with aiohttp.ClientSession() as session:
            tasks = asyncio.all_tasks()
            threads = set(threading.enumerate())
            stage = Stage(self.driver, printer, session)
            yield stage
            await stage.driver.stop()
            await printer.power_off()
            await asyncio.sleep(0.01)
            assert asyncio.all_tasks() <= tasks | {asyncio.current_task()}
            assert stage.clock.pending == 0
        # Certificates are loaded in the pool that asyncio keeps.
        left = {thread.name for thread in set(threading.enumerate()) - threads}
        assert not {name for name in left if not name.startswith(("asyncio", "Sync"))}

    def test_its_key_is_the_name_of_its_folder(self) -> None:
        """Drivers are found by their folders."""
        module = sys.modules[self.driver.__module__]

        assert self.driver.driver_key == Path(str(module.__file__)).parent.name
        assert self.driver.__name__ == "Driver"

    def test_its_configuration_refuses_nonsense_without_repeating_it(self) -> None:
        """The config flow shows the field, the log must not show the value."""
        nonsense = dict.fromkeys(self.driver.Config.model_fields, "\n s3cr3t \n") | {
            "no_such_field": "s3cr3t"
        }

        with pytest.raises(ValidationError) as refused:
            self.driver.Config.model_validate(nonsense)

        assert "s3cr3t" not in str(refused.value)

    async def test_it_refuses_a_configuration_that_fails(
        self, printer: ScriptedPrinter
    ) -> None:
        """Nothing is started from what cannot work."""
        fake_host = FakeHost(FakeClock())

        with pytest.raises(ValidationError):
            self.driver(1, {}, fake_host.emitter, fake_host.services)

    async def test_before_its_start_it_is_stopped_and_says_all_there_is_to_say(
        self, stage: Stage
    ) -> None:
        """Health is there from the first moment on."""
        health = stage.driver.health()

        assert health.keys() == Health.__annotations__.keys()
        assert health["counters"].keys() == CounterValues.__annotations__.keys()
        assert not any(health["counters"].values())
        assert health["driver_key"] == self.driver.driver_key
        assert health["status"] == "stopped"
        assert not health["connected"]
        assert json.loads(json.dumps(health)) == health

    async def test_it_runs_and_the_first_picture_is_no_event(
        self, stage: Stage
    ) -> None:
        """What was there already did not happen."""
        await stage.run()

        health = stage.driver.health()
        assert health["connected"]
        assert health["attempts"] == 0
        assert health["circuit"] == "closed"
        assert health["counters"]["messages"] > 0
        assert health["counters"]["bytes"] > 0
        assert health["last_message_at"] is not None
        assert json.loads(json.dumps(health)) == health
        assert stage.told == []

    async def test_what_happens_is_told_once_in_order_and_by_the_model(
        self, stage: Stage
    ) -> None:
        """Events are valid, ordered, counted, and of this printer."""
        await stage.run()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.told)
        await stage.let(15)
        await stage.printer.remove()
        await stage.until(lambda: "spool_removed" in stage.told)
        await stage.let(15)

        assert stage.told[0] == "spool_inserted"
        assert stage.told[-1] == "spool_removed"
        assert stage.told.count("spool_inserted") == 1
        assert stage.told.count("spool_removed") == 1
        events = stage.fake_host.events
        assert all(parse_event(event).printer_id == 1 for event in events)
        ids = [event["event_id"] for event in events]
        assert ids == sorted(set(ids))
        assert stage.driver.health()["counters"]["events"] == len(events)

    async def test_a_printer_that_is_off_is_waited_for(self, stage: Stage) -> None:
        """Starting returns at once and never fails; the printer comes when it comes."""
        await stage.printer.power_off()

        await stage.driver.start()
        await stage.until(lambda: stage.status == "reconnecting")
        assert stage.code in set(ErrorCode)
        await stage.until(lambda: stage.driver.health()["attempts"] >= 5)
        assert stage.driver.health()["circuit"] in {"open", "half_open"}
        await stage.printer.power_on()
        await stage.until(lambda: stage.status == "running")

        assert stage.driver.health()["attempts"] == 0

    async def test_a_lost_connection_is_made_again_and_is_no_event(
        self, stage: Stage
    ) -> None:
        """A printer that goes takes no spool along."""
        await stage.run()

        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        assert not stage.driver.health()["connected"]
        await stage.printer.power_on()
        await stage.until(lambda: stage.status == "running")
        await stage.let(30)

        assert stage.driver.health()["counters"]["reconnects"] == 1
        assert stage.told == []

    async def test_what_happened_meanwhile_is_told_late(self, stage: Stage) -> None:
        """A change is not lost because nobody looked, and says that nobody did."""
        await stage.run()
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")

        await stage.printer.insert()
        await stage.printer.power_on()
        await stage.until(lambda: "spool_inserted" in stage.told)

        (inserted,) = (
            event
            for event in stage.fake_host.events
            if event["event_type"] == "spool_inserted"
        )
        assert inserted["meta"]["detected_late"]
        assert inserted["meta"]["source"] == "reconcile"
        assert inserted["meta"]["offline_since"]

    async def test_nonsense_is_counted_and_neither_invents_nor_loses_anything(
        self, stage: Stage
    ) -> None:
        """Bad input is normal."""
        await stage.run()

        await stage.printer.babble()
        await stage.let(20)
        counters = stage.driver.health()["counters"]
        assert counters["ignored"] + counters["decode_errors"] > 0
        assert counters["reconnects"] == 0
        assert stage.status == "running"
        assert stage.told == []

        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.told)

    async def test_a_change_of_its_standing_is_announced(self, stage: Stage) -> None:
        """Nobody polls health."""
        seen: list[str] = []
        await stage.driver.start()

        def look() -> bool:
            if stage.fake_host.changed.is_set():
                stage.fake_host.changed.clear()
                seen.append(stage.status)
            return stage.status == "running"

        await stage.until(look)
        await stage.driver.stop()
        look()

        assert set(seen) <= set(DriverStatus)
        assert seen[-1] == "stopped"
        assert stage.fake_host.changes >= 3

    async def test_stopping_may_be_repeated_and_is_quick(self, stage: Stage) -> None:
        """A stop leaves nothing, whatever the driver was doing."""
        await stage.driver.stop()
        await stage.run()

        began = asyncio.get_running_loop().time()
        await stage.driver.stop()
        await stage.driver.stop()

        assert asyncio.get_running_loop().time() - began < 0.5
        assert stage.status == "stopped"
        assert not stage.driver.health()["connected"]
        assert stage.clock.pending == 0

    @pytest.mark.parametrize("rounds", [0, 1, 5, 20])
    async def test_stopping_in_the_middle_of_connecting_leaves_nothing(
        self, stage: Stage, rounds: int
    ) -> None:
        """The fixture looks for what is left."""
        await stage.driver.start()
        for _ in range(rounds):
            await asyncio.sleep(0.002)
        await stage.driver.stop()

        assert stage.status == "stopped"

    async def test_it_can_be_started_again(self, stage: Stage) -> None:
        """As a reload of an entry does, in effect."""
        await stage.run()
        await stage.driver.stop()

        await stage.driver.start()
        await stage.until(lambda: stage.status == "running")

        assert stage.told == []

    async def test_asking_again_is_harmless_at_any_time(self, stage: Stage) -> None:
        """The button is there whether the printer is or not."""
        await stage.driver.sync_state()
        await stage.run()
        await stage.driver.sync_state()
        await stage.let(5)
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        await stage.driver.sync_state()

        assert stage.told == []

    async def test_no_secret_is_shown_to_anybody(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not in the log, health, events or captures."""
        caplog.set_level(logging.DEBUG)
        await stage.run()
        await stage.printer.babble()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.told)
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")

        shown = json.dumps(
            [stage.driver.health(), stage.fake_host.events, stage.driver.capture()]
        )
        ours = "\n".join(
            record.getMessage()
            for record in caplog.records
            if not record.name.startswith(("asyncio", "aiohttp"))
        )
        for secret in stage.printer.secrets:
            assert secret not in shown
            assert secret not in ours
            assert secret not in repr(stage.driver)

    async def test_a_probe_says_who_it_is_and_leaves_nothing(
        self, stage: Stage
    ) -> None:
        """The entry is made of what it says."""
        found = await self.driver.probe(stage.printer.config, stage.fake_host.services)
        again = await self.driver.probe(stage.printer.config, stage.fake_host.services)

        assert found.identity
        assert found.identity == again.identity
        assert found.name.strip()
        self.driver.Config.model_validate({**stage.printer.config, **found.config})

    async def test_a_probe_of_a_printer_that_is_off_says_so(self, stage: Stage) -> None:
        """With a code that has a text."""
        await stage.printer.power_off()

        with pytest.raises(DriverError) as failed:
            await self.driver.probe(stage.printer.config, stage.fake_host.services)

        assert failed.value.code is ErrorCode.CONNECTION_REFUSED

    def test_its_decoder_passes_over_frames_that_are_none(self) -> None:
        """Captures come from anywhere."""
        decode = self.driver.frame_decoder()

        pictures = [decode(frame) for frame in JUNK]

        assert all(
            picture is None or isinstance(picture, Snapshot) for picture in pictures
        )
        assert not any(
            picture.units or picture.direct_slots for picture in pictures if picture
        )

    async def test_its_capture_is_read_as_what_was_seen(self, stage: Stage) -> None:
        """A user's report of a fault is a test."""
        await stage.run()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.told)

        capture = stage.driver.capture()
        if capture is None:
            pytest.skip("it records nothing")
        capture = json.loads(json.dumps(capture))
        decode = self.driver.frame_decoder()
        pictures = [decode(frame) for frame in capture["frames"]]

        assert capture["driver_key"] == self.driver.driver_key
        *_, last = (picture for picture in pictures if picture)
        slots = [*last.direct_slots, *(s for unit in last.units for s in unit.slots)]
        assert any(slot.present for slot in slots)
