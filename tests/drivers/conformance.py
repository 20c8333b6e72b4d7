"""Conformance suite: the tests that every driver passes with a scripted printer.

    class TestMyDriver(DriverConformance):
        driver = Driver

        @pytest.fixture
        async def printer(self) -> AsyncIterator[ScriptedPrinter]:
            async with MyPrinter() as printer:
                yield printer

The network is real, the driver's clock is fake: time passes when a test lets it.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
import json
import logging
import re
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
from custom_components.filament_slots.drivers.capabilities import (
    InvokeError,
    check_capabilities,
)
from custom_components.filament_slots.drivers.explanation import Explanation
from custom_components.filament_slots.drivers.health import CounterValues, Health
from custom_components.filament_slots.drivers.invoke import invoke
from custom_components.filament_slots.drivers.snapshot import Snapshot
from custom_components.filament_slots.model import parse_event

from ..clock import SOON, FakeClock
from .fake_host import FakeHost

# Frames of no protocol; a decoder ignores them.
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
    """A printer with one slot, which is empty at first; it is switched on.

    config: the config of its driver, the same before and after it was switched off.
    secrets: the values of `config` that must not be published.
    """

    secrets: tuple[str, ...] = ()

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the config of its driver."""

    @abstractmethod
    async def power_on(self) -> None:
        """Switch it on, at the same address."""

    @abstractmethod
    async def power_off(self) -> None:
        """Switch it off: it closes all connections and stops listening."""

    @abstractmethod
    def fall_silent(self) -> None:
        """Report and answer nothing any more, on connections that stay open."""

    @abstractmethod
    async def insert(self) -> None:
        """Put a spool into the slot."""

    @abstractmethod
    async def remove(self) -> None:
        """Take it out."""

    @abstractmethod
    async def send_bad_input(self) -> None:
        """Send invalid messages on a connection that stays open."""


class Stage:
    """A driver under test with its printer and host."""

    def __init__(
        self,
        kind: type[Driver],
        printer: ScriptedPrinter,
        session: aiohttp.ClientSession,
    ) -> None:
        """Create the driver; it is not started."""
        self.printer = printer
        self.clock = FakeClock()
        self.fake_host = FakeHost(self.clock, session=session)
        self.driver = kind(
            1, printer.config, self.fake_host.emitter, self.fake_host.services
        )

    @property
    def status(self) -> str:
        """The status of the driver."""
        return str(self.driver.health()["status"])

    @property
    def code(self) -> str | None:
        """The code of the last error."""
        error = self.driver.health()["last_error"]
        return error["code"] if error else None

    @property
    def spool_events(self) -> list[str]:
        """The types of the spool events so far."""
        types = (str(event["event_type"]) for event in self.fake_host.events)
        return [event_type for event_type in types if event_type != "ams_state"]

    async def until(self, condition: Callable[[], bool], pace: float = 0.5) -> None:
        """Wait, with `pace` seconds of the driver's time between two checks."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.003)
                self.clock.tick(pace)

    async def let(self, seconds: float) -> None:
        """Let the driver's time pass, with real time for answers in between."""
        for _ in range(round(seconds)):
            await asyncio.sleep(0.003)
            self.clock.tick(1)

    async def deliver(self, change: Coroutine[Any, Any, None]) -> None:
        """Make a change of the printer, and wait until its report has arrived."""
        before = self.driver.health()["counters"]["messages"]
        await change
        await self.until(
            lambda: self.driver.health()["counters"]["messages"] > before, pace=0
        )

    async def invoke(self, capability_id: str) -> dict[str, Any] | InvokeError:
        """Run a capability with an empty payload, in the driver's time."""
        invoked = asyncio.create_task(invoke(self.driver, capability_id, {}))
        await self.until(invoked.done, pace=1)
        try:
            return invoked.result()
        except InvokeError as err:
            return err

    async def run(self) -> None:
        """Start the driver, and wait until it has reported the full state."""
        await self.driver.start()
        await self.until(lambda: self.status == "running")
        await self.until(lambda: bool(self.fake_host.events))
        await self.let(5)


def _without_payload(driver: type[Driver]) -> list[str]:
    """Return the ids of the capabilities that may be run with `{}`."""
    return [
        each.id
        for each in driver.capabilities
        if each.read_only and not each.input_schema.get("required")
    ]


def _explained(stage: Stage) -> Explanation:
    explanation = stage.driver.explain()
    assert explanation is not None
    json.dumps(explanation)
    return explanation


def _pending(stage: Stage) -> list[str]:
    slots = _explained(stage)["slots"]
    return [change["change"] for slot in slots for change in slot["pending"]]


@pytest.mark.usefixtures("socket_enabled")
class DriverConformance:
    """Tests to be inherited by a driver's test class."""

    driver: ClassVar[type[Driver]]

    @pytest.fixture
    async def stage(self, printer: ScriptedPrinter) -> AsyncIterator[Stage]:
        """Return the stage; check at the end that the driver has cleaned up."""
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

    def test_it_is_found_by_its_name_and_its_key(self) -> None:
        """Entries name their driver by its key."""
        assert self.driver.__name__ == "Driver"
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", self.driver.driver_key)

    def test_config_refuses_invalid_values_without_repeating_them(self) -> None:
        """The config flow shows the field, the log must not show the value."""
        invalid = dict.fromkeys(self.driver.Config.model_fields, "\n s3cr3t \n") | {
            "no_such_field": "s3cr3t"
        }

        with pytest.raises(ValidationError) as refused:
            self.driver.Config.model_validate(invalid)

        assert "s3cr3t" not in str(refused.value)

    async def test_an_invalid_config_is_refused(self, printer: ScriptedPrinter) -> None:
        """A driver is not created from it."""
        fake_host = FakeHost(FakeClock())

        with pytest.raises(ValidationError):
            self.driver(1, {}, fake_host.emitter, fake_host.services)

    async def test_health_is_complete_before_the_start(self, stage: Stage) -> None:
        """A driver is stopped at first."""
        health = stage.driver.health()

        assert health.keys() == Health.__annotations__.keys()
        assert health["counters"].keys() == CounterValues.__annotations__.keys()
        assert not any(health["counters"].values())
        assert health["driver_key"] == self.driver.driver_key
        assert health["status"] == "stopped"
        assert not health["connected"]
        assert json.loads(json.dumps(health)) == health

    async def test_the_first_snapshot_causes_no_event(self, stage: Stage) -> None:
        """It is the initial state, not a change."""
        await stage.run()

        health = stage.driver.health()
        assert health["connected"]
        assert health["attempts"] == 0
        assert health["circuit"] == "closed"
        assert health["counters"]["messages"] > 0
        assert health["counters"]["bytes"] > 0
        assert health["last_message_at"] is not None
        assert json.loads(json.dumps(health)) == health
        assert stage.spool_events == []

    async def test_nothing_is_confirmed_by_silence(self, stage: Stage) -> None:
        """A printer that loses its power closes no connection."""
        await stage.run()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)
        await stage.deliver(stage.printer.remove())
        stage.printer.fall_silent()
        await stage.let(30)

        assert stage.spool_events == ["spool_inserted"]

    async def test_changes_are_reported_once_in_order_and_by_the_model(
        self, stage: Stage
    ) -> None:
        """Events are valid, ordered, counted, and of this printer."""
        await stage.run()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)
        await stage.let(15)
        await stage.printer.remove()
        await stage.until(lambda: "spool_removed" in stage.spool_events)
        await stage.let(15)

        assert stage.spool_events[0] == "spool_inserted"
        assert stage.spool_events[-1] == "spool_removed"
        assert stage.spool_events.count("spool_inserted") == 1
        assert stage.spool_events.count("spool_removed") == 1
        events = stage.fake_host.events
        assert all(parse_event(event).printer_id == 1 for event in events)
        ids = [event["event_id"] for event in events]
        assert ids == sorted(set(ids))
        assert stage.driver.health()["counters"]["events"] == len(events)

    async def test_a_printer_that_is_off_is_retried(self, stage: Stage) -> None:
        """Starting returns at once and never fails, whenever the printer is switched on."""
        await stage.printer.power_off()

        await stage.driver.start()
        await stage.until(lambda: stage.status == "reconnecting")
        assert stage.code in set(ErrorCode)
        await stage.until(lambda: stage.driver.health()["attempts"] >= 5)
        assert stage.driver.health()["circuit"] in {"open", "half_open"}
        await stage.printer.power_on()
        await stage.until(lambda: stage.status == "running")

        assert stage.driver.health()["attempts"] == 0

    async def test_a_lost_connection_is_renewed_and_causes_no_event(
        self, stage: Stage
    ) -> None:
        """A spool is not removed when its printer is switched off."""
        await stage.run()

        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        assert not stage.driver.health()["connected"]
        await stage.printer.power_on()
        await stage.until(lambda: stage.status == "running")
        await stage.let(30)

        assert stage.driver.health()["counters"]["reconnects"] == 1
        assert stage.spool_events == []

    async def test_a_change_while_disconnected_is_detected_late(
        self, stage: Stage
    ) -> None:
        """Changes are not lost while there is no connection."""
        await stage.run()
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")

        await stage.printer.insert()
        await stage.printer.power_on()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)

        (inserted,) = (
            event
            for event in stage.fake_host.events
            if event["event_type"] == "spool_inserted"
        )
        assert inserted["meta"]["detected_late"]
        assert inserted["meta"]["source"] == "reconcile"
        assert inserted["meta"]["offline_since"]

    async def test_bad_input_is_counted_and_changes_nothing(self, stage: Stage) -> None:
        """Events are neither invented nor lost."""
        await stage.run()

        await stage.printer.send_bad_input()
        await stage.let(20)
        counters = stage.driver.health()["counters"]
        assert counters["ignored"] + counters["decode_errors"] > 0
        assert counters["reconnects"] == 0
        assert stage.status == "running"
        assert stage.spool_events == []

        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)

    async def test_a_slot_is_explained_at_any_time(self, stage: Stage) -> None:
        """With what is pending, and what was refused; it is plain JSON."""
        before = stage.driver.explain()
        assert before is not None
        assert not before["slots"]
        assert not before["printer"]["refused"]
        await stage.run()

        await stage.printer.insert()
        await stage.until(lambda: bool(_pending(stage)), pace=0)
        assert _pending(stage) == ["insertion"]
        await stage.until(lambda: "spool_inserted" in stage.spool_events)
        await stage.printer.send_bad_input()
        await stage.until(lambda: bool(_explained(stage)["printer"]["refused"]))

        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        explanation = _explained(stage)
        assert explanation["printer"]["complete"]
        assert all(slot["not_observed"] for slot in explanation["slots"])
        assert all(slot["reported"] for slot in explanation["slots"])
        assert any(slot["present"] for slot in explanation["slots"])

    async def test_a_change_of_the_status_is_published(self, stage: Stage) -> None:
        """Health is not polled."""
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

    async def test_stopping_is_quick_and_may_be_repeated(self, stage: Stage) -> None:
        """A stop cleans up, whatever the driver was doing."""
        await stage.driver.stop()
        await stage.run()

        async with asyncio.timeout(SOON):
            await stage.driver.stop()
            await stage.driver.stop()

        assert stage.status == "stopped"
        assert not stage.driver.health()["connected"]
        assert stage.clock.pending == 0

    @pytest.mark.parametrize("rounds", [0, 1, 5, 20])
    async def test_stopping_while_connecting_cleans_up(
        self, stage: Stage, rounds: int
    ) -> None:
        """The fixture checks it."""
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

        assert stage.spool_events == []

    async def test_a_refresh_is_harmless_at_any_time(self, stage: Stage) -> None:
        """The button does not depend on the connection."""
        await stage.driver.sync_state()
        await stage.run()
        await stage.driver.sync_state()
        await stage.let(5)
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")
        await stage.driver.sync_state()

        assert stage.spool_events == []

    def test_its_capabilities_are_declared_with_schemas(self) -> None:
        """They are listed by them, in JSON."""
        declared = self.driver.capabilities

        check_capabilities(declared)
        for each in declared:
            assert each.name.strip()
            assert each.description.strip()
            assert 0 < each.timeout <= 120
            for schema in (each.input_schema, each.output_schema):
                assert json.loads(json.dumps(schema)) == schema

    async def test_a_capability_without_payload_returns_what_its_schema_describes(
        self, stage: Stage
    ) -> None:
        """It is JSON, holds no secret, and causes no event."""
        await stage.run()

        for capability_id in _without_payload(self.driver):
            result = await stage.invoke(capability_id)
            shown = json.dumps(result)
            assert isinstance(result, dict), capability_id
            assert not any(secret in shown for secret in stage.printer.secrets)
        assert stage.status == "running"
        assert stage.spool_events == []

    async def test_a_capability_ends_or_fails_with_a_code_while_the_printer_is_off(
        self, stage: Stage
    ) -> None:
        """And no task is left, as the fixture checks."""
        await stage.printer.power_off()
        await stage.driver.start()
        await stage.until(lambda: stage.status == "reconnecting")

        for capability_id in _without_payload(self.driver):
            result = await stage.invoke(capability_id)
            assert isinstance(result, dict) or result.code in {
                "capability_failed",
                "timeout",
            }

    async def test_secrets_are_not_published(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """They are not in the log, health, events, captures or explanations."""
        caplog.set_level(logging.DEBUG)
        await stage.run()
        await stage.printer.send_bad_input()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)
        await stage.printer.power_off()
        await stage.until(lambda: stage.status == "reconnecting")

        shown = json.dumps(
            [
                stage.driver.health(),
                stage.fake_host.events,
                stage.driver.capture(),
                stage.driver.explain(),
            ]
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

    async def test_a_probe_identifies_the_printer_and_cleans_up(
        self, stage: Stage
    ) -> None:
        """The entry is created from its result."""
        found = await self.driver.probe(stage.printer.config, stage.fake_host.services)
        again = await self.driver.probe(stage.printer.config, stage.fake_host.services)

        assert found.identity
        assert found.identity == again.identity
        assert found.name.strip()
        self.driver.Config.model_validate({**stage.printer.config, **found.config})

    async def test_a_probe_of_a_printer_that_is_off_is_refused(
        self, stage: Stage
    ) -> None:
        """The error has a code with a text."""
        await stage.printer.power_off()

        with pytest.raises(DriverError) as failed:
            await self.driver.probe(stage.printer.config, stage.fake_host.services)

        assert failed.value.code is ErrorCode.CONNECTION_REFUSED

    def test_the_decoder_ignores_invalid_frames(self) -> None:
        """Captures come from any source."""
        decode = self.driver.frame_decoder()

        snapshots = [decode(frame) for frame in JUNK]

        assert all(
            snapshot is None or isinstance(snapshot, Snapshot) for snapshot in snapshots
        )
        assert not any(
            snapshot.units or snapshot.direct_slots
            for snapshot in snapshots
            if snapshot
        )

    async def test_what_it_remembers_is_a_little_json_and_brings_no_change(
        self, stage: Stage
    ) -> None:
        """The store keeps it, and a restart hands it back."""
        await stage.run()
        await stage.driver.stop()

        kept = json.dumps(dict(stage.driver.memory()))
        assert len(kept) < 2000
        fake_host = FakeHost(stage.clock, memory=json.loads(kept))
        again = self.driver(
            1, stage.printer.config, fake_host.emitter, fake_host.services
        )
        assert again.memory() == json.loads(kept)
        self.driver.frame_decoder(json.loads(kept))

    async def test_a_capture_decodes_to_what_was_reported(self, stage: Stage) -> None:
        """The capture of a fault becomes a test."""
        await stage.run()
        await stage.printer.insert()
        await stage.until(lambda: "spool_inserted" in stage.spool_events)

        capture = stage.driver.capture()
        if capture is None:
            pytest.skip("the driver records no capture")
        capture = json.loads(json.dumps(capture))
        decode = self.driver.frame_decoder()
        snapshots = [decode(frame) for frame in capture["frames"]]

        assert capture["driver_key"] == self.driver.driver_key
        *_, last = (snapshot for snapshot in snapshots if snapshot)
        slots = [*last.direct_slots, *(s for unit in last.units for s in unit.slots)]
        assert any(slot.present for slot in slots)
